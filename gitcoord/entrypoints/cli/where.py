"""`gitcoord where` and `whoami`: which ledger commands here work on, and for whom."""

from __future__ import annotations

from typing import Any

import click

from gitcoord.entrypoints.cli.desk import Desk, acting, reading


@click.command(epilog="Example: gitcoord where --json")
@reading
def where(desk: Desk) -> None:
    """Show which repository and ledger commands here work on, and who decides."""
    from gitcoord.entrypoints.cli import arbiter
    from gitcoord.ledger.ledger import STATE

    house = desk.house
    place = house.repository
    facts: dict[str, Any] = {
        "worktree": place.worktree,
        "git_dir": place.git_dir,
        "common_dir": place.common_dir,
        "ref": STATE,
        "head": None,
        "epoch": None,
        "seq": None,
        "arbiter": "local" if house.wire is None else "host",
        "remote": arbiter.facts(house),
        "machine": house.ledger.machine,
        "home": house.home,
        "object_format": place.object_format,
    }
    if house.ledger.exists():
        head = house.ledger.head()
        with house.ledger.state(head) as state:
            facts |= {"head": head, "epoch": state.meta.epoch, "seq": state.meta.seq}
            facts["remote"] = arbiter.facts(house, state, desk.now(state))

    def text() -> list[str]:
        lines = {
            "worktree": place.worktree or "none (bare repository)",
            "git dir": place.common_dir,
            "ledger": STATE if facts["head"] else "none yet; run `gitcoord init`",
            "head": facts["head"] and f"{facts['head']} (number {facts['seq']})",
            "decides": arbiter.line(facts["remote"])
            if facts["remote"]
            else "this repository (local)",
            "machine": house.ledger.machine,
            "own files": house.home,
        }
        lines = {name: value for name, value in lines.items() if value}
        return [f"{name:<9}  {value}" for name, value in lines.items()]

    desk.show({"where": facts}, text)


@click.command(epilog="Example: gitcoord whoami --json")
@acting
@reading
def whoami(desk: Desk) -> None:
    """Show which session commands here act for, and how that is known."""
    from gitcoord.domain.observatory import observed
    from gitcoord.domain.record import shown
    from gitcoord.domain.rights import briefly
    from gitcoord.domain.sessions import living, root

    holder = desk.holder
    with desk.state() as state:
        session = living(state, root(holder), desk.context(state, holder))
        beats = desk.beats()
        beaten = beats[session.id].at if session.id in beats else ""
        fares = observed(state, session, desk.now(state), beaten)
        trust, profile = briefly(state, session)
    document = shown(session) | {"status": fares.status, "why": fares.why}
    document |= {"trust": trust, "profile": profile}
    found_by = _found_by(desk)
    desk.show(
        {"session": document, "holder": holder, "agent": session.agent, "found_by": found_by},
        f"{session.agent}, session {holder} ({document['status']}), known by {found_by}; "
        f"trust {trust}, profile {profile}",
    )


def _found_by(desk: Desk) -> str:
    from gitcoord.entrypoints.cli import actor

    if desk.named:
        return "--session"
    if desk.environ.get("GITCOORD_SESSION"):
        return "GITCOORD_SESSION"
    if (client := actor.client(desk.environ)) is not None:
        return f"the {client.name} conversation"
    return "being the only live session of this worktree"
