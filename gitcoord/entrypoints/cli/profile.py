"""`gitcoord profile`: what agents may do, who has which profile, and changing that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from gitcoord.entrypoints.cli.desk import Desk, acting, reading
from gitcoord.entrypoints.cli.desk import command as command_
from gitcoord.entrypoints.cli.governing import changed, governing
from gitcoord.entrypoints.cli.words import Words
from gitcoord.errors import UsageError

if TYPE_CHECKING:
    from gitcoord.domain.state import State


@click.group()
def profile() -> None:
    """Say what agents may do: trust levels, lists of operations, limits."""


@profile.command(epilog="Example: gitcoord profile show claude_code_web_reviewer")
@click.argument("name", metavar="[PROFILE]", default="")
@click.option("--agent", metavar="NAME", help="What this agent has.")
@acting
@reading
def show(desk: Desk, name: str, agent: str | None) -> None:
    """Show a profile; without a name what the acting session, or an agent, may do and why."""
    from gitcoord.domain.profiles import profile_of
    from gitcoord.entrypoints.cli.profile_text import document, lines

    if name and agent:
        raise UsageError("name a profile or --agent, not both")
    with desk.state() as state:
        if not name:
            _standing(desk, state, agent)
            return
        found = profile_of(state, name)
        stored = _stored(state, found.name)
    desk.show({"profile": document(found, not stored)}, lambda: lines(found))


@profile.command("list", epilog="Example: gitcoord profile list --json")
@reading
def list_(desk: Desk) -> None:
    """List profiles, built in and stored, and which agents are assigned to them."""
    from gitcoord.domain.assignments import Assignment
    from gitcoord.domain.profiles import every
    from gitcoord.entrypoints.cli.profile_text import document, limits
    from gitcoord.entrypoints.cli.render import table

    with desk.state() as state:
        found = every(state)
        stored = {one.name for one in found if _stored(state, one.name)}
        assigned = list(state.all(Assignment))

    def text() -> str:
        rows = [
            (
                one.name,
                one.trust,
                one.agent_type,
                limits(one),
                ", ".join(x.agent for x in assigned if x.profile == one.name),
                "" if one.enabled else "off",
            )
            for one in found
        ]
        return table(("profile", "trust", "type", "limits", "agents", ""), rows, "no profiles")

    rows = [document(one, one.name not in stored) for one in found]
    desk.show({"profiles": rows, "assignments": assigned}, text)


@profile.command(
    "set",
    cls=Words,
    epilog="Example: gitcoord profile set reviewer --trust 1 --max-files 0 --block send_message",
)
@click.argument("name", metavar="PROFILE")
@click.option("--description", metavar="TEXT")
@click.option("--type", "agent_type", metavar="T", help="Sessions of this type have it.")
@click.option("--trust", type=int, metavar="LEVEL", help="0 to 4.")
@click.option("--allow", "allowed", multiple=True, metavar="OP...", help="Only these operations.")
@click.option("--allow-all", is_flag=True, help="What the trust level allows.")
@click.option("--block", "blocked", multiple=True, metavar="OP...", help="Never these operations.")
@click.option("--block-none", is_flag=True, help="Block nothing.")
@click.option("--max-files", metavar="N", help="Files that a session may lock or change; `none`.")
@click.option("--max-seconds", metavar="TIME", help="How long a session may act; `none`.")
@click.option("--max-calls", metavar="N", help="Operations in an hour; `none`.")
@click.option("--enable/--disable", "enabled", default=None, help="Whether it is in force.")
@governing
@command_
def set_(
    desk: Desk,
    name: str,
    person: bool,
    allowed: Sequence[str],
    allow_all: bool,
    blocked: Sequence[str],
    block_none: bool,
    max_files: str | None,
    max_seconds: str | None,
    max_calls: str | None,
    **said: Any,
) -> None:
    """Make a profile, or change what is named of one. Needs a person, or trust level 4."""
    from gitcoord.domain.profiles import ProfileChanged, SetProfile
    from gitcoord.domain.time import parse_duration
    from gitcoord.entrypoints.cli.profile_text import document, lines

    if (allowed and allow_all) or (blocked and block_none):
        raise UsageError("--allow and --allow-all, --block and --block-none exclude each other")
    wish = SetProfile(
        name=name,
        allowed=tuple(allowed) if allowed or allow_all else None,
        blocked=tuple(blocked) if blocked or block_none else None,
        max_files=_limit("--max-files", max_files, int),
        max_seconds=_limit("--max-seconds", max_seconds, lambda text: int(parse_duration(text))),
        max_calls=_limit("--max-calls", max_calls, int),
        **said,
    )
    answer = changed(desk, wish, ProfileChanged, person)
    assert answer.profile is not None
    found = answer.profile
    desk.show({"profile": document(found, False)}, lambda: lines(found))


@profile.command(epilog="Example: gitcoord profile remove reviewer")
@click.argument("name", metavar="PROFILE")
@governing
@command_
def remove(desk: Desk, name: str, person: bool) -> None:
    """Remove a stored profile; a built-in one of that name is there again."""
    from gitcoord.domain.profiles import ProfileChanged, RemoveProfile
    from gitcoord.entrypoints.cli.profile_text import document

    answer = changed(desk, RemoveProfile(name=name), ProfileChanged, person)
    left = answer.profile
    again = " (the built-in one is in force again)" if left else ""
    desk.show(
        {"removed": name, "profile": document(left, True) if left else None},
        f"profile {name} is removed{again}",
    )


@profile.command(epilog="Example: gitcoord profile assign claude-2 claude_code_web_reviewer")
@click.argument("agent", metavar="AGENT")
@click.argument("name", metavar="[PROFILE]", default="")
@click.option("--remove", "none", is_flag=True, help="Take the profile away again.")
@governing
@command_
def assign(desk: Desk, agent: str, name: str, none: bool, person: bool) -> None:
    """Give an agent a profile. Needs a person, or trust level 4."""
    from gitcoord.domain.assignments import Assigned, AssignProfile

    if bool(name) == none:
        raise UsageError("name a profile, or pass --remove")
    answer = changed(desk, AssignProfile(agent=agent, profile=name), Assigned, person)
    what = f"has profile {answer.profile.name}" if answer.profile else "has no profile of its own"
    desk.show({"assignment": answer.assignment, "agent": agent}, f"{agent} {what}")


def _standing(desk: Desk, state: State, agent: str | None) -> None:
    """Show what the acting session, or an agent, is held to."""
    from gitcoord.domain.assignments import standing
    from gitcoord.domain.permission import principal
    from gitcoord.domain.sessions import Session, root
    from gitcoord.entrypoints.cli.profile_text import document, found_by, lines, used

    now = desk.now(state)
    if agent is not None:
        sessions = state.find(Session, f"agent:{agent}")
        session = (
            sessions[0] if sessions else Session(id="", agent=agent, started_at=now, seen_at=now)
        )
    else:
        holder = desk.anybody()
        found_session = state.get(Session, root(holder)) if holder else None
        session = found_session or Session(id="", agent="", started_at=now, seen_at=now)
    found, who = standing(state, session), principal(state, session, now)
    stored = _stored(state, found.profile.name)
    told = {
        "profile": document(found.profile, not stored and found.source != "default"),
        "source": found.source,
        "trust": found.trust,
        "level": found.level,
        "agent": session.agent,
        "session": session.id or None,
        "used": used(who),
    }

    def text() -> list[str]:
        less = found.profile.trust - found.trust
        note = f", not {found.profile.trust}: nobody has assigned it" if less else ""
        whom = session.agent or "whoever is not checked in"
        return [
            f"{whom} has trust {found.trust} ({found.level}){note}",
            f"known {found_by(found)}",
            *(lines(found.profile) if found.source != "default" else ()),
        ]

    desk.show(told, text)


def _stored(state: State, name: str) -> bool:
    from gitcoord.domain.profiles import Profile

    return state.get(Profile, name) is not None


def _limit(option: str, text: str | None, read: Any) -> int | None:
    from gitcoord.domain.profiles import NO_LIMIT
    from gitcoord.errors import InvalidValue

    if text is None:
        return None
    if text == "none":
        return NO_LIMIT
    try:
        value = int(read(text))
    except ValueError:
        value = -1
    if value < 0:
        raise InvalidValue(f"{option} is a number from 0 on, or `none`", value=text)
    return value
