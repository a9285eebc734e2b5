"""Moves of queue entries: one table of what is legal, and the guard of a lease.

Promises that a status leads only where the table says, that nobody moves an entry whose check or
landing is under way, and that what is merged or removed stays so. Not here: who asks (`merging`,
`merge_landing`) and what has to hold (`merge_rules`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from gitcoord.domain.locks import several
from gitcoord.domain.merges import Merge, Status, leased, merge_by
from gitcoord.domain.names import one_line
from gitcoord.domain.notices import tell
from gitcoord.domain.operation import Context
from gitcoord.domain.sessions import root
from gitcoord.domain.tasks import CLAIMED, Task
from gitcoord.domain.time import Time, plus
from gitcoord.errors import InvalidTransition, InvalidValue, LandingBusy

if TYPE_CHECKING:
    from gitcoord.domain.state import State

#: `check`, `pass`, `block`: a check begins, and what it comes to. `begin`, `land`, `back`: a
#: landing begins, succeeds, fails. `hand_over`: only a pull request can land it. `settle`: its
#: content is seen in the target, whoever merged it.
Move = Literal[
    "check", "pass", "block", "begin", "land", "hand_over", "back", "settle", "eject", "remove",
    "requeue",
]  # fmt: skip

#: Every legal move and the status that it leads to. `back` at the limit of attempts is `eject`.
MOVES: dict[tuple[Status, Move], Status] = {
    ("queued", "check"): "pre_merge_check",
    ("queued", "settle"): "merged",
    ("queued", "eject"): "ejected",
    ("queued", "remove"): "removed",
    ("queued", "requeue"): "queued",
    ("pre_merge_check", "check"): "pre_merge_check",
    ("pre_merge_check", "pass"): "ready",
    ("pre_merge_check", "block"): "blocked",
    ("pre_merge_check", "settle"): "merged",
    ("pre_merge_check", "eject"): "ejected",
    ("pre_merge_check", "remove"): "removed",
    ("pre_merge_check", "requeue"): "queued",
    ("ready", "check"): "pre_merge_check",
    ("ready", "begin"): "merging",
    ("ready", "hand_over"): "landing",
    ("ready", "settle"): "merged",
    ("ready", "eject"): "ejected",
    ("ready", "remove"): "removed",
    ("ready", "requeue"): "queued",
    ("merging", "land"): "merged",
    ("merging", "hand_over"): "landing",
    ("merging", "back"): "queued",
    ("merging", "settle"): "merged",
    ("merging", "eject"): "ejected",
    ("merging", "remove"): "removed",
    ("merging", "requeue"): "queued",
    ("landing", "settle"): "merged",
    ("landing", "eject"): "ejected",
    ("landing", "remove"): "removed",
    ("landing", "requeue"): "queued",
    ("blocked", "check"): "pre_merge_check",
    ("blocked", "settle"): "merged",
    ("blocked", "eject"): "ejected",
    ("blocked", "remove"): "removed",
    ("blocked", "requeue"): "queued",
    ("ejected", "requeue"): "queued",
}

#: Moves that wait for the end of the lease of what is under way in that status. A landing whose
#: `run` is named does not wait for itself; a check may be given up by eject, remove and requeue.
GUARDED: frozenset[tuple[Status, Move]] = frozenset(
    {
        ("pre_merge_check", "check"),
        ("merging", "hand_over"),
        ("merging", "back"),
        ("merging", "eject"),
        ("merging", "remove"),
        ("merging", "requeue"),
    }
)

#: Shortest and longest lease of a check or landing, in seconds.
LEASE_RANGE = (1.0, 3600.0)

#: What an entry that is not being checked or landed does not show.
_OF_A_RUN: dict[str, Any] = dict.fromkeys(
    ("expect", "result", "tree", "run", "lease_until", "runner"), ""
)


def target(entry: Merge, move: Move) -> Status:
    """Return the status to which the move leads. Raises `InvalidTransition`."""
    to = MOVES.get((entry.status, move))
    if to is None:
        allowed = [name for status, name in MOVES if status == entry.status]
        raise InvalidTransition(
            f"{entry.id} is {entry.status}; {move} is not possible",
            hint=f"Possible: {', '.join(allowed)}." if allowed else "This status is final.",
            merge=entry.id,
            status=entry.status,
            move=move,
            allowed=allowed,
        )
    return to


def check_turn(state: State, context: Context, entry: Merge, move: Move, run: str = "") -> None:
    """Raise `LandingBusy` where the move has to wait for the end of somebody's lease.

    `run`: of whoever asks; its own lease stands in nobody's way.
    """
    if (entry.status, move) not in GUARDED or (run and run == entry.run):
        return
    if leased(context, entry, state.settings.clock_tolerance):
        raise busy(entry)


def busy(entry: Merge) -> LandingBusy:
    """Return the refusal of what has to wait for a check or landing of the entry."""
    what = "lands" if entry.status == "merging" else "checks"
    return LandingBusy(
        f"{entry.runner or 'somebody'} {what} {entry.id} until {entry.lease_until} at the latest",
        hint="Try again in a moment; after that time what was broken off is taken up again.",
        merge=entry.id,
        status=entry.status,
        until=entry.lease_until,
        agent=entry.runner,
    )


def step(state: State, context: Context, entry: Merge, move: Move, **fields: Any) -> Merge:
    """Make a move: store the entry in its new status and return it. Raises `InvalidTransition`.

    Other fields are set as given. What belongs to a run is cleared unless one goes on; the
    reason is that of the last move.
    """
    to = target(entry, move)
    cleared = {} if to in ("pre_merge_check", "merging") else _OF_A_RUN
    if to == "merged":
        # What the target had to be and has become stays told.
        cleared = dict.fromkeys(("run", "lease_until", "runner"), "")
    after = msgspec.structs.replace(
        entry, **({"reason": ""} | cleared | fields), status=to, updated_at=context.now
    )
    state.put(after)
    return after


def closing(context: Context) -> dict[str, str]:
    """Return the fields of an entry that ends now."""
    return {"ended_at": context.now, "ended_by": context.agent}


def ejected(state: State, context: Context, entry: Merge, reason: str, **fields: Any) -> Merge:
    """Eject an entry, tell whoever queued it, and return it. Raises `InvalidTransition`."""
    more = fields | closing(context) | {"ejections": entry.ejections + 1}
    after = step(state, context, entry, "eject", reason=one_line(reason), **more)
    tell_of(state, context, after, f"was ejected: {after.reason}")
    return after


def lease_end(state: State, context: Context, seconds: float | None) -> Time:
    """Return when a lease of so many seconds ends; None: as the settings say.

    Raises `InvalidValue`.
    """
    length = state.settings.merge_lease if seconds is None else float(seconds)
    if not LEASE_RANGE[0] <= length <= LEASE_RANGE[1]:
        raise InvalidValue("a lease has 1 second to 1 hour", lease=length)
    return plus(context.now, length)


def tell_of(state: State, context: Context, entry: Merge, text: str) -> None:
    """Tell whoever queued the entry, and the claimant of its task, what became of it."""
    task = state.get(Task, entry.task) if entry.task else None
    claimant = task.session if task is not None and task.status in CLAIMED else ""
    mine = root(context.session) if context.session else ""
    for session in dict.fromkeys(map(root, filter(None, (entry.session, claimant)))):
        if session != mine:
            what = f"{entry.id} ({entry.branch}) {text}"
            tell(state, context, session, "merge", what)


def batch_of(state: State, ids: Sequence[str]) -> list[Merge]:
    """Return the entries, each once. Raises `MergeNotFound` and `InvalidValue`."""
    entries = [merge_by(state, id) for id in dict.fromkeys(ids)]
    if len({entry.target for entry in entries}) != 1:
        raise InvalidValue("a batch has one or more entries for one target")
    return entries


def diary_line(agent: str, verb: str, entries: Sequence[Merge], reason: str = "") -> str:
    """Return the line of the diary about these entries."""
    names = several([entry.id for entry in entries]) or "nothing"
    why = f": {reason}" if reason else ""
    return one_line(f"merge: {agent or 'somebody'} {verb} {names}{why}")
