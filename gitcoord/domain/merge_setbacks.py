"""Setbacks: what becomes of a landing that did not come through.

A batch goes back into the queue and has to be checked again, each time one attempt nearer to being
ejected; where the target takes nothing but pull requests it is handed over to one. Not here:
landing (`merge_landing`), and finding out what came of one that was broken off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from gitcoord.domain.merge_moves import (
    Move,
    batch_of,
    check_turn,
    diary_line,
    ejected,
    step,
    target,
    tell_of,
)
from gitcoord.domain.merges import Merge
from gitcoord.domain.names import one_line
from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.errors import InvalidValue, ReasonRequired

if TYPE_CHECKING:
    from gitcoord.domain.state import State


class Moved(Answer, frozen=True, kw_only=True):
    """The entries as they are afterwards."""

    merges: list[Merge]


class HandOver(Operation, frozen=True, kw_only=True):
    """Leave entries to a pull request, because their target takes nothing else."""

    tag = "merge.hand_over"
    answer = Moved
    sessionless: ClassVar[bool] = True

    ids: tuple[str, ...]
    reason: str
    #: Of the landing that failed; its own lease stands in nobody's way.
    run: str = ""
    #: The pull request, where there is one already and a single entry is named.
    pr_url: str = ""

    def apply(self, state: State, context: Context) -> Moved:
        """Hand all of them over, or none; whoever queued them is told.

        Raises `MergeNotFound`, `InvalidTransition`, `LandingBusy`, `ReasonRequired` and
        `InvalidValue`.
        """
        entries = _movable(state, context, self.ids, "hand_over", self.run, self.reason)
        if self.pr_url and len(entries) > 1:
            raise InvalidValue("a pull request is that of one entry")
        why = one_line(self.reason)
        moved = []
        for entry in entries:
            url = one_line(self.pr_url) or entry.pr_url
            after = step(state, context, entry, "hand_over", reason=why, pr_url=url)
            tell_of(state, context, after, f"waits for a pull request to be merged: {why}")
            moved.append(after)
        return Moved(merges=moved)

    def subject(self, answer: Moved, agent: str) -> str:
        """Return the diary line."""
        return diary_line(agent, "hands over", answer.merges, self.reason)


class TakeBack(Operation, frozen=True, kw_only=True):
    """Put a batch whose landing failed back into the queue; it has to be checked again."""

    tag = "merge.back"
    answer = Moved
    sessionless: ClassVar[bool] = True

    ids: tuple[str, ...]
    reason: str
    #: Of the landing that failed; without it only what has no lease any more goes back.
    run: str = ""
    #: Whether it counts as an attempt; not where something else than the entries was in the way.
    counts: bool = True

    def apply(self, state: State, context: Context) -> Moved:
        """Count an attempt of each; one that has no more is ejected, and whoever queued it told.

        Raises `MergeNotFound`, `InvalidTransition`, `LandingBusy`, `ReasonRequired` and
        `InvalidValue`.
        """
        limit = state.settings.merge_attempts
        moved = []
        for entry in _movable(state, context, self.ids, "back", self.run, self.reason):
            attempts = entry.attempts + self.counts
            if self.counts and attempts >= limit:
                why = f"{attempts} landings failed, the last: {self.reason}"
                moved.append(ejected(state, context, entry, why, attempts=attempts))
            else:
                why = one_line(self.reason)
                moved.append(step(state, context, entry, "back", reason=why, attempts=attempts))
        return Moved(merges=moved)

    def subject(self, answer: Moved, agent: str) -> str:
        """Return the diary line."""
        return diary_line(agent, "takes back", answer.merges, self.reason)


def _movable(
    state: State, context: Context, ids: Sequence[str], move: Move, run: str, reason: str
) -> list[Merge]:
    entries = batch_of(state, ids)
    for entry in entries:
        target(entry, move)
        check_turn(state, context, entry, move, run)
    if not reason.strip():
        raise ReasonRequired("say why they do not land", hint="Give a reason.")
    return entries
