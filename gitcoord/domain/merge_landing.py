"""Landing: a batch begins, and either all of it becomes part of the target, or nothing does.

`merge.land` is decided in the very swap that moves the target: what has to hold is asked again
in that state, so that it is a fence and no check. With it end features, tasks, locks and marks.
Not here: commits and branches, which are git's, and who moves them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from gitcoord.domain.approving import use
from gitcoord.domain.merge_endings import Landed, end
from gitcoord.domain.merge_moves import batch_of, busy, diary_line, lease_end, step
from gitcoord.domain.merge_order import Ground
from gitcoord.domain.merge_rules import check_rules, check_verified, consent, subject
from gitcoord.domain.merges import Merge, leased, listed, merge_by
from gitcoord.domain.oids import checked_oid
from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.errors import NotReady

if TYPE_CHECKING:
    from gitcoord.domain.state import State


class Begun(Answer, frozen=True, kw_only=True):
    """The entries that land now, and the run by whose name they can be taken back."""

    merges: list[Merge]
    run: str


class BeginLanding(Operation, frozen=True, kw_only=True):
    """Begin to land a batch: its candidate is built and verified, the target not yet moved."""

    tag = "merge.begin"
    answer = Begun
    sessionless: ClassVar[bool] = True

    #: In the order in which the candidate has them; all for one target.
    ids: tuple[str, ...]
    #: The commit on which the candidate was built, the candidate, and its tree.
    expect: str
    result: str
    tree: str
    #: Seconds; None: as the settings say.
    lease: float | None = None

    def apply(self, state: State, context: Context) -> Begun:
        """Take the lease for all of them, or for none.

        Raises `MergeNotFound`, `NotReady` for an entry that is not ready, does not pass what is
        asked again now, or overlaps another of the batch, `VerificationMissing`,
        `VerificationFailed`, `LandingBusy` while another batch lands on the target, and
        `InvalidValue`.
        """
        entries = batch_of(state, self.ids)
        until = lease_end(state, context, self.lease)
        _check_free(state, context, entries)
        ground = Ground(state)
        for number, entry in enumerate(entries):
            if entry.status != "ready":
                raise _not_ready(entry, f"is {entry.status}")
            other = ground.met(entry)
            if other:
                raise _not_ready(entry, f"overlaps {other} and lands after it")
            check_rules(state, context, entry, entries[:number])
            ground.add(entry)
        check_verified(state, checked_oid(self.tree, "tree"), entries)
        fields = {
            "expect": checked_oid(self.expect, "commit"),
            "result": checked_oid(self.result, "commit"),
            "tree": self.tree,
            "run": context.op_id,
            "lease_until": until,
            "runner": context.agent,
        }
        begun = [step(state, context, entry, "begin", **fields) for entry in entries]
        return Begun(merges=begun, run=context.op_id)

    def subject(self, answer: Begun, agent: str) -> str:
        """Return the diary line."""
        return diary_line(agent, "begins to land", answer.merges)


class LandMerges(Operation, frozen=True, kw_only=True):
    """Land a batch. Decided in the swap that moves the target, or not at all."""

    tag = "merge.land"
    answer = Landed
    sessionless: ClassVar[bool] = True

    #: The whole batch, in its order.
    ids: tuple[str, ...]
    #: The commit that the target becomes.
    result: str

    def apply(self, state: State, context: Context) -> Landed:
        """Ask everything once more, use up approvals, and end what lands.

        Raises `MergeNotFound`, `NotReady` (also for a batch that was taken back meanwhile),
        `VerificationMissing`, `VerificationFailed`, `ApprovalRequired` and `InvalidValue`.
        """
        entries = batch_of(state, self.ids)
        self._check_batch(state, entries)
        for number, entry in enumerate(entries):
            check_rules(state, context, entry, entries[:number])
        check_verified(state, entries[0].tree, entries)
        for entry in entries:
            if consent(state, context, entry):
                use(state, context, subject(entry))
        return end(state, context, entries, "land", self.result)

    def subject(self, answer: Landed, agent: str) -> str:
        """Return the diary line."""
        return diary_line(agent, "lands", answer.merges)

    def _check_batch(self, state: State, entries: Sequence[Merge]) -> None:
        """Raise `NotReady` unless these are all that the result was built of."""
        for entry in entries:
            if entry.status != "merging":
                raise _not_ready(entry, f"is {entry.status}")
            if entry.result != self.result:
                raise _not_ready(entry, "lands as another commit")
        named = {entry.id for entry in entries}
        for other in listed(state):
            if other.result == self.result and other.id not in named:
                raise _not_ready(other, "is part of the same commit and not named")


class SettleMerges(Operation, frozen=True, kw_only=True):
    """Note that the content of entries is in their target, whoever has merged it."""

    tag = "merge.settle"
    answer = Landed
    sessionless: ClassVar[bool] = True

    ids: tuple[str, ...]
    #: The commit of the target in which it was seen.
    result: str

    def apply(self, state: State, context: Context) -> Landed:
        """End what has landed; an entry that is merged already is no error.

        Raises `MergeNotFound`, `InvalidTransition` for one that was ejected or removed, and
        `InvalidValue`.
        """
        checked_oid(self.result, "commit")
        entries = [merge_by(state, id) for id in dict.fromkeys(self.ids)]
        return end(
            state,
            context,
            [entry for entry in entries if entry.status != "merged"],
            "settle",
            self.result,
        )

    def subject(self, answer: Landed, agent: str) -> str:
        """Return the diary line."""
        return diary_line(agent, "sees merged", answer.merges)


def _check_free(state: State, context: Context, entries: Sequence[Merge]) -> None:
    """Raise `LandingBusy` while others land on the same target."""
    for other in listed(state):
        landing = other.target == entries[0].target and other.status == "merging"
        if landing and leased(context, other, state.settings.clock_tolerance):
            raise busy(other)


def _not_ready(entry: Merge, why: str) -> NotReady:
    because = f": {entry.reason}" if entry.status == "blocked" else ""
    return NotReady(
        f"{entry.id} ({entry.branch}) {why}{because}",
        hint=f"Run `gitcoord merge check {entry.id}`.",
        merge=entry.id,
        status=entry.status,
    )
