"""The merge queue: the line to each target, what lands now, and what has ended; one entry whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from gitcoord.domain.locks import several
from gitcoord.domain.merge_moves import MOVES
from gitcoord.domain.merge_order import ordered, unmet
from gitcoord.domain.merges import Merge, listed, merge_by
from webhook.api.merges import described
from webhook.dashboard.past import sight

if TYPE_CHECKING:
    from gitcoord.domain.state import State
    from webhook.api.asking import Asking

#: Entries that are shown of each line, and of those that have ended; paths of one entry.
ROWS, ENDED, PATHS = 100, 20, 100


class Row(NamedTuple):
    """An entry in its line."""

    merge: Merge
    position: int
    #: Checks that passed, and all that were made.
    passed: int
    checks: int
    #: What it needs and has not got, for people.
    needs: list[str]


class Line(NamedTuple):
    """The line to one target."""

    target: str
    rows: list[Row]
    #: Entries of it that are not shown.
    more: int


def shown(asking: Asking, given: Mapping[str, str]) -> dict[str, Any]:
    """Return what the page of the queue shows."""
    with sight(asking) as seen:
        every = ordered(seen.state)
        ended = sorted(
            listed(seen.state, closed=True), key=lambda one: (one.ended_at, one.id), reverse=True
        )
        landing = [one for one in every if one.status == "merging"]
        return {
            "lines": _lines(seen.state, every),
            "landing": landing,
            "landing_names": several([one.branch for one in landing]),
            "counts": counted(every),
            "ended": ended[:ENDED],
            "ended_count": len(ended),
            "runs_checks": asking.caller.project.runs_checks,
            "now": seen.now,
            "live": True,
        }


def counted(entries: Iterable[Merge]) -> dict[str, int]:
    """Return how many entries wait for a check, are ready, blocked, or land."""
    words = {
        "queued": "waiting", "pre_merge_check": "waiting", "ready": "ready", "blocked": "blocked",
        "merging": "landing", "landing": "landing",
    }  # fmt: skip
    found = dict.fromkeys(("waiting", "ready", "blocked", "landing"), 0)
    for entry in entries:
        found[words[entry.status]] += 1
    return found


def entry(asking: Asking, given: Mapping[str, str]) -> dict[str, Any]:
    """Return what the page of one entry shows. Raises `MergeNotFound`, `InvalidId`."""
    from gitcoord.domain.approvals import live
    from gitcoord.domain.merge_rules import subject
    from gitcoord.domain.verification import known_of, need

    with sight(asking) as seen:
        found = merge_by(seen.state, given["merge"])
        place = next(
            (row.position for line in _lines(seen.state, ordered(seen.state), whole=True)
             for row in line.rows if row.merge.id == found.id),
            0,
        )  # fmt: skip
        tree = found.tree or found.checked_tree
        needed = need(seen.state, found.paths, wide=found.wide)
        return {
            "entry": found,
            "position": place,
            "told": described(seen.state, found, place, seen.now),
            "paths": found.paths[:PATHS],
            "results": known_of(seen.state, tree, needed) if tree else [],
            "policies": needed.policies,
            "asked": next(iter(live(seen.state, seen.context, subject(found))), None),
            "moves": {move for status, move in MOVES if status == found.status},
            "runs_checks": asking.caller.project.runs_checks,
            "now": seen.now,
            "live": True,
        }


def _lines(state: State, entries: Iterable[Merge], *, whole: bool = False) -> list[Line]:
    lines: dict[str, list[Row]] = {}
    for one in entries:
        rows = lines.setdefault(one.target, [])
        lacking = [why for _, why, _ in unmet(state, one)] if len(rows) < ROWS else []
        passed = sum(finding.passed for finding in one.findings)
        rows.append(Row(one, len(rows) + 1, passed, len(one.findings), lacking))
    return [
        Line(target, rows if whole else rows[:ROWS], max(0, len(rows) - ROWS))
        for target, rows in sorted(lines.items())
    ]
