"""Entries of the merge queue before they land: check, eject, remove.

A check takes a lease, so that two do not do the same work; what it has found counts only while
nobody has queued the entry anew. Not here: queueing (`merge_queueing`) and landing
(`merge_landing`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from gitcoord.domain.locks import several
from gitcoord.domain.merge_moves import (
    Move,
    check_turn,
    closing,
    ejected,
    lease_end,
    step,
    target,
    tell_of,
)
from gitcoord.domain.merge_rules import failed, findings, verified
from gitcoord.domain.merges import (
    FINDINGS_LIMIT,
    PATHS_LIMIT,
    Finding,
    Merge,
    check_owner,
    merge_by,
)
from gitcoord.domain.names import one_line
from gitcoord.domain.oids import checked_oid
from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.errors import (
    GitcoordError,
    InvalidTransition,
    InvalidValue,
    LandingBusy,
    LimitReached,
    MergeNotFound,
    NotReady,
    ReasonRequired,
)

if TYPE_CHECKING:
    from gitcoord.domain.state import State


class Skipped(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that is not checked now, and why."""

    id: str
    code: str
    detail: str


class Checking(Answer, frozen=True, kw_only=True):
    """The entries to be checked now, under which run, and those whose turn it is not."""

    merges: list[Merge]
    run: str
    skipped: list[Skipped] = []


class CheckMerges(Operation, frozen=True, kw_only=True):
    """Begin to check entries: for the time of the lease nobody else does."""

    tag = "merge.check"
    answer = Checking
    sessionless: ClassVar[bool] = True

    ids: tuple[str, ...]
    #: Seconds; None: as the settings say.
    lease: float | None = None

    def apply(self, state: State, context: Context) -> Checking:
        """Take those that can be checked.

        Where none can, raises why the first cannot: `MergeNotFound`, `InvalidTransition` or
        `LandingBusy`. Raises `InvalidValue` for a lease out of range, `InvalidId`.
        """
        until = lease_end(state, context, self.lease)
        taken: list[Merge] = []
        skipped: list[Skipped] = []
        first: GitcoordError = InvalidValue("which entries shall be checked?")
        for id in dict.fromkeys(self.ids):
            try:
                entry = merge_by(state, id)
                target(entry, "check")
                check_turn(state, context, entry, "check")
            except (MergeNotFound, InvalidTransition, LandingBusy) as refusal:
                first = first if skipped else refusal
                skipped.append(Skipped(id=id, code=refusal.code, detail=refusal.message))
                continue
            # The reason stays, so that the same one is not told twice.
            lease = {"run": context.op_id, "lease_until": until, "runner": context.agent}
            taken.append(step(state, context, entry, "check", reason=entry.reason, **lease))
        if not taken:
            raise first
        return Checking(merges=taken, run=context.op_id, skipped=skipped)

    def subject(self, answer: Checking, agent: str) -> str:
        """Return the diary line."""
        names = several([one.id for one in answer.merges])
        return one_line(f"merge: {agent or 'somebody'} checks {names}")


class Checked(Answer, frozen=True, kw_only=True):
    """The entry as the check has left it: ready, or blocked with the reason."""

    merge: Merge


class RecordCheck(Operation, frozen=True, kw_only=True):
    """End a check: what git has found, to which the state's own findings are added."""

    tag = "merge.checked"
    answer = Checked
    sessionless: ClassVar[bool] = True

    id: str
    #: The run that `merge.check` has answered.
    run: str
    #: The commit of the target against which it was checked.
    against: str
    #: The tree that the merge makes; empty where it makes none.
    tree: str = ""
    #: At least one.
    findings: tuple[Finding, ...]
    #: All changed paths, both names of a rename, as git has them in UTF-8.
    paths: tuple[str, ...] = ()
    #: Whether there are others, which cannot be named.
    wide: bool = False
    lines: int = 0

    def apply(self, state: State, context: Context) -> Checked:
        """Make it ready if everything passes, else blocked; whoever queued it is told of that.

        Raises `MergeNotFound`, `NotReady` for a check that counts no more, `InvalidValue` and
        `LimitReached`.
        """
        entry = merge_by(state, self.id)
        if entry.status != "pre_merge_check" or entry.run != self.run:
            raise NotReady(
                f"{entry.id} is {entry.status}; this check of it counts no more",
                hint=f"Run `gitcoord merge check {entry.id}`.",
                merge=entry.id,
                status=entry.status,
            )
        if not 0 < len(self.findings) <= FINDINGS_LIMIT:
            raise LimitReached(f"a check has 1 to {FINDINGS_LIMIT} findings")
        paths = tuple(sorted(set(self.paths)))
        seen: dict[str, Any] = {
            "checked_at": context.now,
            "checked_target": checked_oid(self.against, "commit"),
            "checked_tree": self.tree and checked_oid(self.tree, "tree"),
            "paths": paths[:PATHS_LIMIT],
            "wide": self.wide or len(paths) > PATHS_LIMIT,
            "lines": max(0, self.lines),
        }
        after = msgspec.structs.replace(entry, **seen)
        found = (*self.findings, *findings(state, context, after), *_verification(state, after))
        why = failed(found)
        move: Move = "block" if why else "pass"
        after = step(state, context, entry, move, **seen, findings=found, reason=why)
        if why and why != entry.reason:
            tell_of(state, context, after, f"is blocked: {why}")
        return Checked(merge=after)

    def subject(self, answer: Checked, agent: str) -> str:
        """Return the diary line."""
        why = f": {answer.merge.reason}" if answer.merge.reason else ""
        return one_line(f"merge: {agent or 'somebody'} finds {self.id} {answer.merge.status}{why}")


class Ended(Answer, frozen=True, kw_only=True):
    """The entry as it ended."""

    merge: Merge


class EjectMerge(Operation, frozen=True, kw_only=True):
    """Take an entry that cannot land out of the queue; it can be queued again."""

    tag = "merge.eject"
    answer = Ended
    sessionless: ClassVar[bool] = True

    id: str
    reason: str
    #: The commit about which the reason was found; empty: whatever is queued.
    head: str = ""

    def apply(self, state: State, context: Context) -> Ended:
        """Eject it; whoever queued it is told.

        Raises `MergeNotFound`, `InvalidTransition`, `LandingBusy` while it lands, `NotReady`
        where another commit was queued since and `ReasonRequired`.
        """
        entry = merge_by(state, self.id)
        target(entry, "eject")
        if self.head and self.head != entry.head:
            raise NotReady(
                f"{entry.id} was queued anew at {entry.head[:12]}; the reason is that of another "
                "commit",
                hint=f"Run `gitcoord merge check {entry.id}`.",
                merge=entry.id,
                status=entry.status,
            )
        if not self.reason.strip():
            raise ReasonRequired(f"say why {entry.id} is ejected", hint="Give a reason.")
        check_turn(state, context, entry, "eject")
        return Ended(merge=ejected(state, context, entry, self.reason))

    def subject(self, answer: Ended, agent: str) -> str:
        """Return the diary line."""
        return one_line(f"merge: {agent or 'somebody'} ejects {self.id}: {self.reason}")


class RemoveMerge(Operation, frozen=True, kw_only=True):
    """Give an entry up: its branch, feature and task stay as they are."""

    tag = "merge.remove"
    answer = Ended
    sessionless: ClassVar[bool] = True

    id: str
    reason: str = ""

    def apply(self, state: State, context: Context) -> Ended:
        """Remove it.

        Raises `MergeNotFound`, `MergeTaken`, `InvalidTransition` and `LandingBusy` while it
        lands.
        """
        entry = merge_by(state, self.id)
        target(entry, "remove")
        check_owner(entry, context)
        check_turn(state, context, entry, "remove")
        after = step(
            state, context, entry, "remove", reason=one_line(self.reason), **closing(context)
        )
        tell_of(state, context, after, f"was removed by {context.agent}")
        return Ended(merge=after)

    def subject(self, answer: Ended, agent: str) -> str:
        """Return the diary line."""
        why = f": {self.reason}" if self.reason else ""
        return one_line(f"merge: {agent or 'somebody'} removes {self.id}{why}")


def _verification(state: State, entry: Merge) -> tuple[Finding, ...]:
    """Return what is known of the tree. What is to be run yet does not block: landing runs it."""
    if not entry.checked_tree:
        return ()
    found = verified(state, entry.checked_tree, [entry])
    if found.status == "not_needed":
        return ()
    return (Finding(name="verification", passed=found.status != "failed", text=found.text),)
