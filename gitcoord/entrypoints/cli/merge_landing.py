"""`gitcoord merge check | next | land`: what moves the queue on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from gitcoord.entrypoints.cli.desk import Desk, acting, command, reading
from gitcoord.entrypoints.cli.merge_text import ended_with, part_of, shown_of, site_of
from gitcoord.errors import NotReady

if TYPE_CHECKING:
    from gitcoord.domain.merge_endings import Landed
    from gitcoord.domain.merges import Merge
    from gitcoord.landing.outcome import Outcome
    from gitcoord.landing.site import Site
    from gitcoord.storage.checkedout import Left


@click.command(epilog="Examples: gitcoord merge check | gitcoord merge check q-4k2m8x7q1z")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@acting
@command
def check(desk: Desk, ids: tuple[str, ...]) -> None:
    """Check entries (default: all that can be): branch, merge, locks, and what else must hold.

    Merges for trial, without touching a file. What others have merged is noted as merged.
    """
    found = checked(desk, site_of(desk), ids)
    desk.show(
        found._asdict() | {"worktrees": _places(found.worktrees)},
        lambda: (
            [
                *ended_with(found.settled),
                *map(shown_of, [*found.back, *found.merges]),
                *(f"{one.path} cannot follow: {one.text}" for one in found.worktrees),
            ]
            or "no branch waits for a check"
        ),
    )


class Checks(NamedTuple):
    """What came of checks: entries as they are now, what is merged, and what could not follow."""

    merges: list[Merge]
    settled: list[Landed]
    back: list[Merge]
    worktrees: list[Left]


def checked(desk: Desk, site: Site, ids: Sequence[str] = (), target: str = "") -> Checks:
    """Check these entries, or all that can be (for a target, where one is named).

    What was broken off, or merged by others, is brought to its end first. Raises as
    `landing.check.check`.
    """
    from gitcoord.domain.merge_moves import MOVES
    from gitcoord.domain.merge_order import ordered
    from gitcoord.landing.check import check as checked_now
    from gitcoord.landing.check import elsewhere
    from gitcoord.landing.recover import recover
    from gitcoord.landing.site import opened

    left = opened(site)
    found = recover(site)
    with desk.state() as state:
        due = [
            one
            for one in ordered(state)
            if (one.status, "check") in MOVES and target in ("", one.target)
        ]
    absent = set() if ids else elsewhere(site, due)
    report = checked_now(site, ids or [one.id for one in due if one.id not in absent])
    return Checks(report.checked, [*found.settled, *report.settled], found.back, left)


@click.command("next", epilog="Example: gitcoord merge next --target main")
@click.option("--target", default="", metavar="NAME", help="Default: where work lands here.")
@acting
@reading
def next_(desk: Desk, target: str) -> None:
    """Show which entries would land together now, and why others would not."""
    from gitcoord.domain.merge_order import batch, ordered, unmet
    from gitcoord.landing.enqueue import target_of

    name = target or target_of(site_of(desk))
    with desk.state() as state:
        found = batch(state, name)
        taken = {one.id for one in found}
        waiting = []
        for one in ordered(state):
            if one.target != name or one.id in taken:
                continue
            needs = "; ".join(why for _, why, _ in unmet(state, one, found))
            why = needs or one.reason or _why(one.status)
            waiting.append({"id": one.id, "status": one.status, "reason": why})
    desk.show(
        {"target": name, "merges": found, "waiting": waiting},
        lambda: [
            *(map(shown_of, found) if found else ["nothing is ready"]),
            *(f"  {one['id']} is {one['status']}: {one['reason']}" for one in waiting),
        ],
    )


@click.command(epilog="Examples: gitcoord merge land | gitcoord merge land q-4k2m8x7q1z")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--target", default="", metavar="NAME", help="For this branch only.")
@click.option("--wait", default="1m", metavar="TIME", show_default=True,
              help="How long to wait while others land there.")  # fmt: skip
@acting
@command
def land(desk: Desk, ids: tuple[str, ...], target: str, wait: str) -> None:
    """Land what is ready, or these entries: check, merge, verify, and move the target.

    Exit code 3: an entry that was named does not land. A worktree that has the target checked
    out must be clean, and follows.
    """
    from gitcoord.domain.time import parse_duration
    from gitcoord.entrypoints.cli.patience import unwinding
    from gitcoord.landing.line import land as landed

    seconds = parse_duration(wait)
    with unwinding():
        found = landed(site_of(desk), ids, target, wait=seconds)
    merged = {entry.id for entry in found.merged}
    missed = [id for id in ids if id not in merged]
    if missed:
        for line in ended_with([*found.settled, *found.landed]):
            desk.note(line)
        raise refusal(desk, found, missed)
    desk.show(document(found), lambda: _lines(found) or _nothing(desk, target))


def _nothing(desk: Desk, target: str) -> str:
    """Say that nothing lands, and where it is told why others do not."""
    from gitcoord.domain.merges import listed

    with desk.state() as state:
        open_ = [one for one in listed(state) if not target or one.target == target]
    if not open_:
        return "nothing is ready to land"
    name = next(iter(open_)).target
    return f"nothing is ready to land; see why: gitcoord merge next --target {name}"


def document(found: Outcome) -> dict[str, Any]:
    """Return what programs are told of an outcome."""
    return {
        "landed": found.landed,
        "settled": found.settled,
        "others": found.others,
        "blocked": list(found.blocked.values()),
        "ejected": list(found.ejected.values()),
        "handed_over": list(found.handed_over.values()),
        "back": list(found.back.values()),
        "waiting": found.waiting,
        "worktrees": _places(found.left),
    }


def _lines(found: Outcome) -> list[str]:
    others = (found.blocked, found.ejected, found.handed_over, found.back)
    return [
        *ended_with([*found.settled, *found.landed]),
        *map(part_of, found.others),
        *(shown_of(one) for group in others for one in group.values()),
        *(f"{id} {why}" for id, why in found.waiting.items()),
        *(f"{one.path} cannot follow: {one.text}" for one in found.left),
    ]


def _places(left: Sequence[Left]) -> list[dict[str, str]]:
    return [{"path": one.path, "reason": one.text} for one in left]


def refusal(desk: Desk, found: Outcome, missed: list[str]) -> NotReady:
    """Return why entries that were named, at least one, have not landed."""
    from gitcoord.domain.merges import merge_by

    told: list[dict[str, Any]] = []
    with desk.state() as state:
        for entry in (merge_by(state, id) for id in missed):
            why = found.waiting.get(entry.id) or entry.reason or _why(entry.status)
            told.append({"id": entry.id, "status": entry.status, "reason": why})
    first = told[0]
    more = f" and {len(told) - 1} more" if len(told) > 1 else ""
    return NotReady(
        f"{first['id']}{more} did not land; it is {first['status']}: {first['reason']}",
        hint=f"Run `gitcoord merge show {first['id']}`.",
        merges=told,
        landed=[entry.id for entry in found.merged],
    )


#: Why an entry of that status does not land now, where it has no reason of its own.
_WAITS = {
    "queued": "it waits for its check",
    "pre_merge_check": "it is being checked",
    "ready": "it overlaps one that lands before it",
    "merging": "it lands at the moment",
    "landing": "it waits for a pull request to be merged",
    "removed": "it was given up",
}


def _why(status: str) -> str:
    return _WAITS.get(status, status)
