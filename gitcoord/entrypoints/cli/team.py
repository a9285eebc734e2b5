"""`gitcoord team`: the file that says who works together, checked and shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec

from gitcoord.entrypoints.cli.desk import Desk, command

if TYPE_CHECKING:
    from gitcoord.domain.teams import Member, Team


@click.group()
def team() -> None:
    """Say in teams.yaml who works together, in which role, and what each can do."""


@team.command(epilog="Example: gitcoord team check teams.yaml")
@click.argument("file", required=False)
@command
def check(desk: Desk, file: str | None) -> None:
    """Check a team file (default: teams.yaml at the root), and name every wrong field."""
    found = _read(desk, file)
    desk.show(
        {"team": found.team, "agents": msgspec.to_builtins(found.agents)},
        f"team {found.team}: {len(found.agents)} agents, nothing is wrong",
    )


@team.command(epilog="Example: gitcoord team show --capability review")
@click.argument("name", required=False)
@click.option("--capability", metavar="C", help="Only agents that have it.")
@click.option("--file", metavar="FILE", help="Default: teams.yaml at the root.")
@command
def show(desk: Desk, name: str | None, capability: str | None, file: str | None) -> None:
    """Show the agents of the team, or one of them, and which are checked in."""
    from gitcoord.domain.file_problems import nearest
    from gitcoord.errors import InvalidValue

    found = _read(desk, file)
    members = list(found.agents)
    if name is not None:
        one = found.member(name)
        if one is None:
            hint = nearest(name, [member.name for member in members])
            raise InvalidValue(f"team {found.team} has no agent {name!r}", hint=hint, agent=name)
        members = [one]
    if capability is not None:
        members = [member for member in found.able(capability) if member in members]
    live = _live(desk)
    rows = [
        msgspec.to_builtins(member) | {"sessions": live.get(member.name, [])} for member in members
    ]
    desk.show({"team": found.team, "agents": rows}, lambda: _lines(found, members, live))


def _read(desk: Desk, file: str | None) -> Team:
    from gitcoord.domain.teams import FILE, team_from
    from gitcoord.entrypoints.cli.marked import read_marked

    directory = desk.directory if file else desk.repository.worktree or desk.directory
    marked = read_marked(file or FILE, directory)
    with marked.named():
        return team_from(marked.data)


def _live(desk: Desk) -> dict[str, list[str]]:
    """Return the live sessions by agent; none where there is no ledger."""
    from gitcoord.domain.sessions import Session
    from gitcoord.errors import NotInitialised

    found: dict[str, list[str]] = {}
    try:
        with desk.state() as state:
            for session in state.find(Session, "live"):
                found.setdefault(session.agent, []).append(session.id)
    except NotInitialised:
        return {}
    return found


def _lines(found: Team, members: list[Member], live: dict[str, Any]) -> list[str]:
    lines = [f"team {found.team}"]
    for one in members:
        here = f"  here: {', '.join(live[one.name])}" if one.name in live else ""
        can = ", ".join(one.capabilities) or "nothing special"
        lines += [f"  {one.name}  {one.role}  can {can}{here}", f"    {one.description}"]
    return lines
