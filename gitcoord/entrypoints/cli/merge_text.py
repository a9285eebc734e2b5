"""Queue entries in words, and the place where they land as the command line sees it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gitcoord.domain.merge_endings import Landed
    from gitcoord.domain.merges import Merge
    from gitcoord.entrypoints.cli.desk import Desk
    from gitcoord.landing.site import Site


def site_of(desk: Desk) -> Site:
    """Return the place where work lands, for whoever asks: a session, an agent, or a person.

    Raises where it is not certain who acts.
    """
    from gitcoord.domain.verify_policies import policies
    from gitcoord.entrypoints.cli.verify import check_runs
    from gitcoord.storage.worktree import Checkout

    session = desk.asker()
    # The hooks that a push runs have to know who acts, however that was found here.
    known = {"GITCOORD_SESSION": session} if session else {}
    place = Checkout(desk.repository, {**desk.environ, **known})
    with desk.state() as state:
        asks = any(one.executor == "github" and one.enabled for one in policies(state))
    runs = check_runs(desk) if asks else None
    return desk.house.site(place, session=session, agent=desk.named_for(session), check_runs=runs)


def columns_of(entries: Sequence[Merge]) -> list[str]:
    """Return the columns of a table of entries: those that tell one from another, or anything."""
    several = {"target": len({one.target for one in entries}) > 1}
    told = {name: any(getattr(one, name) for one in entries) for name in ("agent", "task")}
    names = ("id", "status", "P", "branch", "target", "agent", "task", "reason")
    return [name for name in names if (several | told).get(name, True)]


def cells(entry: Merge, columns: Sequence[str]) -> list[object]:
    """Return an entry as the cells of a table."""
    return [entry.priority if name == "P" else getattr(entry, name) for name in columns]


def shown_of(entry: Merge) -> str:
    """Return an entry as a line."""
    why = f": {entry.reason}" if entry.reason else ""
    return f"{entry.id}  {entry.branch}  {entry.status}{why}"


def part_of(entry: Merge) -> str:
    """Return an entry that has landed as a line."""
    return f"{entry.id}  {entry.branch} is part of {entry.target} at {entry.result[:12]}"


def whole(entry: Merge, waits: Sequence[str]) -> list[str]:
    """Return all that people want to know of an entry."""
    from gitcoord.entrypoints.cli.render import plain

    who = f" by {entry.agent}" if entry.agent else ""
    lines = [
        shown_of(entry),
        f"  {entry.head[:12]} for {entry.target} by {entry.method}, priority {entry.priority}",
        f"  queued at {entry.queued_at}{who}",
    ]
    about = {"task": entry.task, "feature": entry.feature, "pull request": entry.pr_url}
    lines += [f"  {name} {value}" for name, value in about.items() if value]
    if entry.result:
        lines.append(f"  {entry.target} becomes {entry.result[:12]}")
    if entry.attempts or entry.ejections:
        lines.append(f"  {entry.attempts} failed landings, {entry.ejections} ejections")
    if entry.checked_at:
        many = "all of it" if entry.wide else f"{len(entry.paths)} paths"
        lines.append(f"  checked at {entry.checked_at}: {many}, {entry.lines} lines")
    lines += [
        f"    {'ok  ' if one.passed else 'not '} {one.name}{f': {one.text}' if one.text else ''}"
        for one in entry.findings
    ]
    return [plain(line) for line in (*lines, *(f"  waits: {why}" for why in waits))]


def ended_with(found: Iterable[Landed]) -> list[str]:
    """Return what ended with entries that landed, a line for each."""
    lines: list[str] = []
    for one in found:
        lines += map(part_of, one.merges)
        lines += [f"  completed task {name}" for name in one.tasks]
        lines += [f"  completed feature {name}" for name in one.features]
        lines += [f"  released {key}" for key in one.released]
        lines += [f"  now ready: {name}" for name in one.ready]
    return lines
