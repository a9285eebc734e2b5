"""`gitcoord session`: check in, beat, declare scope, check out."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from gitcoord.domain.time import parse_duration
from gitcoord.entrypoints.cli import actor, roster
from gitcoord.entrypoints.cli.completion import session_ids
from gitcoord.entrypoints.cli.desk import Desk, acting, command
from gitcoord.entrypoints.cli.keys import typed
from gitcoord.entrypoints.cli.words import Words
from gitcoord.errors import UsageError

if TYPE_CHECKING:
    from gitcoord.domain.departure import Ended
    from gitcoord.domain.sessions import Conflict, Started


@click.group()
def session() -> None:
    """Take part: check in, show life, declare what you work on, check out.

    A session holds locks and tasks. Commands find theirs by --session, GITCOORD_SESSION,
    the agent client's own session, or as the only live session of the worktree.
    """


session.add_command(roster.list_)
session.add_command(roster.show)


@session.command(
    cls=Words,
    epilog="Example: gitcoord session start --name claude-1 --area backend --files 'src/**'",
)
@click.option("--name", metavar="NAME", help="The agent's name (default: setting, or generated).")
@click.option("--type", "kind", default="", metavar="T", help="The agent's type.")
@click.option("--area", default="", metavar="AREA", help="The work area.")
@click.option("--files", multiple=True, metavar="PATTERN...", help="What it is going to change.")
@click.option("--capability", "capabilities", multiple=True, metavar="C...", help="What it can do.")
@click.option("--task", default="", metavar="T", help="What it is for: a text or a task's id.")
@click.option(
    "--life",
    type=click.Choice(["beat", "process", "lease"]),
    help="What shows that it lives: beats, a process, or only its leases (the default).",
)
@click.option("--pid", type=int, help="The process of --life process (default: the parent).")
@click.option("--ttl", metavar="TIME", help="Silence after which a beating session is dead.")
@click.option(
    "--conflict-mode", "mode", type=click.Choice(["warn", "block"]), help="If scopes overlap."
)
@click.option("--dry-run", is_flag=True, help="Only say who declared the same.")
@click.option("--session", "wanted", metavar="ID", help="Continue this session, or use this id.")
@command
def start(
    desk: Desk,
    name: str | None,
    kind: str,
    area: str,
    files: Sequence[str],
    capabilities: Sequence[str],
    task: str,
    life: str | None,
    pid: int | None,
    ttl: str | None,
    mode: str | None,
    dry_run: bool,
    wanted: str | None,
) -> int:
    """Check in, or continue this client's session."""
    from gitcoord.entrypoints.cli.checkin import check_in, inherited, process_of
    from gitcoord.entrypoints.cli.facts import printable

    client = actor.client(desk.environ)
    life = life or desk.settings.life
    if pid is not None and life != "process":
        raise UsageError("--pid goes with --life process")
    answer = check_in(
        desk,
        id=wanted or inherited(desk),
        name=name,
        type=kind,
        life=life,
        client=client,
        process=process_of(desk.environ, client, pid) if life == "process" else None,
        files=typed(files, desk.house.repository, desk.directory),
        capabilities=capabilities,
        area=area,
        task=task,
        branch=printable(desk.checkout.branch()),
        ttl=0 if ttl is None else parse_duration(ttl),
        dry_run=dry_run,
        mode=mode or "",
    )
    found = {
        "session": answer.session,
        "conflicts": answer.conflicts,
        "resumed": answer.resumed,
        "neighbours": answer.neighbours,
    }
    if dry_run:
        said = _scope_lines(answer.conflicts) or ["no conflicts"]
        desk.show(found | {"dry_run": True}, lambda: said)
        if not answer.conflicts:
            return 0
        with desk.state() as state:
            blocked = (mode or state.settings.conflict_mode) == "block"
        return 3 if blocked else 0
    desk.show(found, lambda: _welcome(desk, answer))
    return 0


@session.command(epilog="Example: gitcoord session heartbeat")
@acting
@command
def heartbeat(desk: Desk) -> None:
    """Show that the session lives."""
    from gitcoord.domain.pausing import Beaten, Heartbeat

    answer = desk.do(Heartbeat(), Beaten, acts=True)
    until = f"; may be silent until {_short(answer.expires_at)}" if answer.expires_at else ""
    delay = desk.house.delay()
    delayed = f"; other machines hear of it later: {delay}" if delay is not None else ""
    desk.show(
        {
            "session": {
                "id": answer.session,
                "status": answer.status,
                "interval": answer.interval,
                "expires_at": answer.expires_at,
            },
            "delayed_until": None if delay is None else delay.until,
        },
        f"{answer.session} is {answer.status}{until}{delayed}",
    )


@session.command(
    cls=Words, epilog="Example: gitcoord session scope --area frontend --files 'web/**' docs/"
)
@click.option("--area", metavar="AREA", help="The work area; '' for none.")
@click.option("--files", multiple=True, metavar="PATTERN...", help="What it is going to change.")
@click.option("--no-files", is_flag=True, help="Declare no files any more.")
@click.option("--task", metavar="T", help="What it is for; '' for nothing.")
@acting
@command
def scope(
    desk: Desk, area: str | None, files: Sequence[str], no_files: bool, task: str | None
) -> None:
    """Declare another scope; what is not named stays."""
    from gitcoord.domain.conflicts import ChangeScope, Scoped

    if files and no_files:
        raise UsageError("--files and --no-files exclude each other")
    changed = tuple(typed(files, desk.house.repository, desk.directory))
    if area is None and task is None and not (files or no_files):
        raise UsageError("say what changes: --area, --files, --no-files or --task")
    answer = desk.do(
        ChangeScope(area=area, files=changed if files or no_files else None, task=task), Scoped
    )
    desk.show(
        {"session": answer.session, "conflicts": answer.conflicts},
        lambda: [
            f"{answer.session.agent} works on {roster.scope_of(answer.session) or 'nothing'}",
            *_scope_lines(answer.conflicts),
        ],
    )


@session.command(
    cls=Words, epilog="Example: gitcoord session end --summary 'login is done' --files src/login.py"
)
@click.option(
    "--outcome",
    type=click.Choice(["completed", "partial", "failure", "blocked"]),
    default="completed",
    show_default=True,
)
@click.option("--summary", default="", help="What was done.")
@click.option("--files", multiple=True, metavar="PATH...", help="What was changed.")
@acting
@command
def end(desk: Desk, outcome: str, summary: str, files: Sequence[str]) -> None:
    """Check out and give back all locks and tasks."""
    from gitcoord.domain.departure import Ended, EndSession
    from gitcoord.entrypoints.cli.facts import inside, marks

    wish = EndSession(
        outcome=outcome,  # type: ignore[arg-type]
        summary=summary,
        files_touched=tuple(inside(desk, path) for path in files),
        marks=marks(desk, (), everything=True),
    )
    _left(desk, desk.do(wish, Ended, acts=True), "has left")


@session.command(epilog="Example: gitcoord session kill s-4tz81x20ap --reason 'machine is gone'")
@click.argument("id", metavar="ID", shell_complete=session_ids)
@click.option("--reason", default="", help="Why; its owner is told. Required.")
@command
def kill(desk: Desk, id: str, reason: str) -> None:
    """End somebody else's session and free what it holds."""
    from gitcoord.domain.departure import Ended, KillSession
    from gitcoord.entrypoints.cli.facts import person

    wish = KillSession(id=id, reason=reason)
    _left(desk, desk.do(wish, Ended, agent=person(desk)), "was ended")


@session.command(
    epilog="Example: gitcoord session pause s-4tz81x20ap --reason 'wait for the merge'"
)
@click.argument("id", metavar="[ID]", default="", shell_complete=session_ids)
@click.option("--reason", default="", help="Why; its agent is told.")
@acting
@command
def pause(desk: Desk, id: str, reason: str) -> None:
    """Stop a session's timeout; it may not act until it is resumed."""
    from gitcoord.domain.pausing import Paused, PauseSession

    wish = PauseSession(id=id, reason=reason)
    _paused(desk, desk.do(wish, Paused, acts=not id, agent=_who(desk, id)))


@session.command(epilog="Example: gitcoord session resume s-4tz81x20ap")
@click.argument("id", metavar="[ID]", default="", shell_complete=session_ids)
@acting
@command
def resume(desk: Desk, id: str) -> None:
    """Let a paused session act again.

    One that was paused at a cap goes on up to the next step of it. It cannot do that itself:
    name its ID.
    """
    from gitcoord.domain.pausing import Paused, ResumeSession

    _paused(desk, desk.do(ResumeSession(id=id), Paused, acts=not id, agent=_who(desk, id)))


def _welcome(desk: Desk, answer: Started) -> list[str]:
    who = answer.session
    word = "continues" if answer.resumed else "is checked in"
    lines = [f"{who.agent} {word}: session {who.id}, life {who.life}"]
    if declared := roster.scope_of(who):
        lines.append(f"works on {declared}")
    lines += _scope_lines(answer.conflicts)
    if answer.neighbours:
        lines.append(f"also live in this worktree: {', '.join(answer.neighbours)}")
    if who.life == "beat" and not answer.resumed:
        lines.append(f"run `gitcoord session heartbeat` at least every {who.interval:g} s")
    if sys.stdout.isatty() and desk.environ.get("GITCOORD_SESSION") != who.id:
        lines.append(_export(desk.environ, who.id))
    return lines


def _export(environ: Mapping[str, str], id: str) -> str:
    """Return the line that sets GITCOORD_SESSION in the user's shell."""
    if sys.platform == "win32" and "SHELL" not in environ:
        return f'$env:GITCOORD_SESSION = "{id}"'
    if os.path.basename(environ.get("SHELL", "")) == "fish":
        return f"set -gx GITCOORD_SESSION {id}"
    return f"export GITCOORD_SESSION={id}"


def _scope_lines(conflicts: Sequence[Conflict]) -> list[str]:
    lines = []
    for rival in conflicts:
        areas = [f"area {area}" for area in rival.overlapping_areas]
        what = ", ".join([*areas, *rival.overlapping_files])
        lines.append(f"conflict: {rival.agent} (session {rival.session}) works on {what}")
    return lines


def _left(desk: Desk, answer: Ended, word: str) -> None:
    gone = {"id": answer.session, "agent": answer.agent, "outcome": answer.outcome}
    desk.show(
        {
            "session": gone | {"status": "ended"},
            "released": answer.released,
            "tasks": answer.tasks,
            "unlanded": answer.unlanded,
        },
        lambda: [
            f"{answer.agent} {word} (session {answer.session}, {answer.outcome})",
            *(f"released {key}" for key in answer.released),
            *(f"returned task {task}" for task in answer.tasks),
            *(f"unlanded: {name}" for name in answer.unlanded),
        ],
    )


def _who(desk: Desk, id: str) -> str:
    from gitcoord.entrypoints.cli.facts import person

    return person(desk) if id else ""


def _paused(desk: Desk, answer: object) -> None:
    from gitcoord.domain.pausing import Paused

    assert isinstance(answer, Paused)
    who = answer.session
    why = f": {who.pause_reason}" if who.pause_reason else ""
    desk.show({"session": who}, f"{who.agent} (session {who.id}) is {who.status}{why}")


def _short(time: str) -> str:
    return time[:19] + "Z"
