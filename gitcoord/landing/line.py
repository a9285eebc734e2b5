"""The line to a target: checked, chosen, built, verified, and moved in one with the ledger.

Promises that the target is only ever moved from exactly the tip on which the verified commit
was built, together with the ledger or not at all; and that a failure names its entry: what is
at fault is ejected in the end, what is not loses nothing. Not here: the rules, and the order.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from gitcoord.domain.merge_endings import Landed
from gitcoord.domain.merge_landing import BeginLanding, Begun, LandMerges
from gitcoord.domain.merge_moves import busy
from gitcoord.domain.merge_order import batch
from gitcoord.domain.merge_setbacks import HandOver, Moved, TakeBack
from gitcoord.domain.merges import Merge, listed, merge_by
from gitcoord.domain.merging import EjectMerge, Ended
from gitcoord.errors import (
    Contended,
    GitcoordError,
    InvalidTransition,
    LandingBusy,
    LandingRefused,
    NotReady,
    OutcomeUnknown,
    Refused,
    TargetDirty,
    TargetMoved,
    Unavailable,
    VerificationFailed,
    VerificationMissing,
)
from gitcoord.landing.candidate import Candidate, Stuck, build
from gitcoord.landing.check import Report, check_due, elsewhere, recheck
from gitcoord.landing.executors import verify
from gitcoord.landing.facts import moved
from gitcoord.landing.inline import sweep
from gitcoord.landing.others import Others
from gitcoord.landing.outcome import Outcome
from gitcoord.landing.recover import recover
from gitcoord.landing.site import HEADS, Site, carrier, check_atomic, opened, tip
from gitcoord.landing.turn import WAIT, turn
from gitcoord.storage.merging import need_git
from gitcoord.storage.moving import Branch, Moving
from gitcoord.storage.wire.landing import Landing

#: What a host says of a branch that only pull requests change.
_PULL_REQUESTS = "protected"
_MOVED, _WHATEVER = "moved", "host"
#: Of entries that may land without anybody doing anything more about them.
UNDER_WAY = ("queued", "pre_merge_check", "ready", "merging")


def land(site: Site, ids: Sequence[str] = (), target: str = "", *, wait: float = WAIT) -> Outcome:
    """Land what is ready and return what became of it.

    `ids`: these entries only, before others that are ready as well; `target`: for this one
    only. What waits for a check is checked first. `wait`: seconds for which others that land there
    are waited for. Raises `MergeNotFound`, `LandingBusy` while others land there, `TargetDirty`,
    `BranchMissing`, `TargetMoved` where others move the target all the time, `GitTooOld`,
    `LandingRefused` where the ledger is kept apart or the host takes nothing at all, and what
    keeps us from the ledger or the host. What has landed until then has landed; its entries are
    the detail `landed` of the error.
    """
    need_git(site.checkout)
    outcome = Outcome(left=opened(site))
    # What was killed while it verified may have left a check that still runs.
    sweep(site.checkout)
    found = recover(site)
    outcome.end(outcome.settled, found.settled)
    outcome.take(found.back)
    with site.coordinator.ledger.state() as state:
        named = [merge_by(state, id) for id in ids]
        every = [entry.target for entry in (named if ids else listed(state))]
    until = time.monotonic() + wait
    targets = [name for name in dict.fromkeys(every) if not target or name == target]
    try:
        for name in targets:
            with turn(site, name, until, partial(_over, site, name, ids)) as mine:
                if mine:
                    line = _Line(site, name, frozenset(ids), outcome, until)
                    _walk(line, alone=len(targets) == 1)
    except GitcoordError as trouble:
        trouble.details.setdefault("landed", [entry.id for entry in outcome.merged])
        raise
    outcome.others += _merged_by_others(site, ids, outcome)
    return outcome


def _over(site: Site, target: str, ids: Sequence[str]) -> bool:
    """Say whether of these entries, or of all, none is on its way to the target any more."""
    with site.coordinator.ledger.state() as state:
        entries = [merge_by(state, id) for id in ids] if ids else [*listed(state)]
    return not any(one.target == target and one.status in UNDER_WAY for one in entries)


def _merged_by_others(site: Site, ids: Sequence[str], outcome: Outcome) -> list[Merge]:
    known = {entry.id for entry in outcome.merged}
    with site.coordinator.ledger.state() as state:
        entries = [merge_by(state, id) for id in dict.fromkeys(ids) if id not in known]
    return [entry for entry in entries if entry.status == "merged"]


def _walk(line: _Line, *, alone: bool) -> None:
    """Walk along one of the lines; a worktree that stops it does not stop the others."""
    try:
        line.run()
    except TargetDirty as trouble:
        if alone:
            raise
        line.wait(trouble.message)


class _Line:
    """One walk along the line to one target."""

    def __init__(
        self, site: Site, target: str, only: frozenset[str], outcome: Outcome, until: float
    ) -> None:
        self._site = site
        self._target = target
        self._only = only
        self._outcome = outcome
        self._others = Others(site, until)
        #: How many land together; fewer while it is sought which of them does not fit.
        self._limit: int | None = None
        #: Failures that were no entry's fault, in a row.
        self._lost = 0

    def run(self) -> None:
        """Land batch after batch until nothing is ready any more."""
        while True:
            self._take(check_due(self._site, self._target, self._only))
            entries = self._chosen()
            if entries:
                self._step(entries)
            elif not self._others.landed(self._only):
                self._say_who_lands()
                return

    def wait(self, why: str) -> None:
        """Note of all that is ready that it has to wait."""
        while entries := self._chosen():
            self._outcome.waiting |= {entry.id: why for entry in entries}

    def _chosen(self) -> list[Merge]:
        self._say_what_is_elsewhere()

        def among(entry: Merge) -> bool:
            return entry.id not in self._outcome.waiting and (
                not self._only or entry.id in self._only
            )

        with self._site.coordinator.ledger.state() as state:
            return batch(state, self._target, self._limit, among)

    def _say_what_is_elsewhere(self) -> None:
        with self._site.coordinator.ledger.state() as state:
            entries = [one for one in listed(state) if one.target == self._target]
        for name in elsewhere(self._site, entries):
            self._outcome.waiting[name] = (
                "is in another clone only; push its branch, or land it from there"
            )

    def _say_who_lands(self) -> None:
        with self._site.coordinator.ledger.state() as state:
            for entry in listed(state):
                if entry.target == self._target and entry.status in ("merging", "pre_merge_check"):
                    self._outcome.waiting[entry.id] = busy(entry).message

    def _step(self, entries: Sequence[Merge]) -> None:
        """Land a batch, or find out which of it does not."""
        site = self._site
        check_atomic(site)
        if not self._unchanged(entries):
            return
        at = tip(site, self._target)
        built = build(site, entries, at)
        if isinstance(built, Stuck):
            place = list(entries).index(built.entry)
            if place:
                # Those before it land; then it is checked against what they have made.
                self._step(entries[:place])
            else:
                self._recheck([built.entry.id])
            return
        if built.strayed:
            self._strayed(built)
            return
        if self._others.verified(at):
            return
        # Verification may have taken its time.
        if not self._verified(built) or not self._unchanged(entries):
            return
        mover = carrier(site, Branch(built.oid, HEADS + self._target, at), _reason(entries))
        if isinstance(mover, Moving):
            try:
                mover.rehearse()
            except TargetMoved as lost:
                self._again(lost)
                return
        begun = self._begun(built)
        if begun is not None:
            self._move(built, begun, mover)

    def _unchanged(self, entries: Sequence[Merge]) -> bool:
        """Say whether their branches are what was queued; others are checked, and so blocked."""
        others = moved(self._site, entries)
        if others:
            self._recheck(others)
        return not others

    def _recheck(self, ids: Sequence[str]) -> None:
        """Check entries that were ready and do not fit; what is ready still has to wait."""
        self._take(recheck(self._site, ids))
        with self._site.coordinator.ledger.state() as state:
            ready = [id for id in ids if merge_by(state, id).status == "ready"]
        self._outcome.waiting |= dict.fromkeys(ready, "was changed while it was on its way")

    def _strayed(self, built: Candidate) -> None:
        """Check entries anew that change other paths now: locks and people are asked by paths."""
        # Alone an entry is built on the very tip against which it is checked.
        self._limit = 1
        self._take(recheck(self._site, built.strayed))
        first = built.strayed[0]
        self._again(
            NotReady(
                f"{first} changes other paths on each tip of {self._target}",
                hint="Try again.",
                merge=first,
            )
        )

    def _verified(self, built: Candidate) -> bool:
        """Verify a candidate; say whether it may land, else narrow the batch or set it aside."""
        site, entries = self._site, built.entries
        # What was checked against an older tip counts, too: the rules ask for it.
        paths = sorted({*built.paths, *(path for one in entries for path in one.paths)})
        standing = verify(
            site.coordinator,
            site.checkout,
            commit=built.oid,
            tree=built.tree,
            base=built.base,
            paths=paths,
            session=site.session,
            agent=site.agent,
            environ=site.environ,
            wide=any(one.wide for one in entries),
            lines=sum(one.lines for one in entries),
            branch=entries[0].branch if len(entries) == 1 else "",
            check_runs=site.check_runs,
            heads=[one.head for one in entries],
            commands=site.commands,
        )
        if standing.status in ("passed", "not_needed"):
            return True
        self._unfit(entries, standing.text, failed=standing.status == "failed")
        return False

    def _unfit(self, entries: Sequence[Merge], text: str, *, failed: bool) -> None:
        """Halve a batch that does not pass; of one that is left it is known that it is to blame."""
        if len(entries) > 1:
            self._limit = len(entries) // 2
            return
        (entry,) = entries
        if failed:
            why = f"does not pass its verification: {text}"
            wish = EjectMerge(id=entry.id, reason=why, head=entry.head)
            # Somebody has queued newer commits, or ended it, while these were verified.
            with suppress(InvalidTransition, LandingBusy, NotReady):
                self._outcome.take([self._site.do(wish, Ended).merge])
        else:
            self._outcome.waiting[entry.id] = f"waits for its verification: {text}"
        self._limit = None

    def _begun(self, built: Candidate) -> Begun | None:
        ids = tuple(entry.id for entry in built.entries)
        wish = BeginLanding(ids=ids, expect=built.base, result=built.oid, tree=built.tree)
        try:
            return self._site.do(wish, Begun)
        except (VerificationFailed, VerificationMissing) as refusal:
            self._unfit(built.entries, refusal.message, failed=False)
        except NotReady as refusal:
            # Something has changed since it was checked: another check says what.
            if refusal.details.get("status") == "ready":
                self._again(refusal)
            self._recheck([str(refusal.details.get("merge", ids[0]))])
        except LandingBusy as refusal:
            first = str(refusal.details.get("merge"))
            if not self._others.gave_way(first):
                raise
        return None

    def _move(self, built: Candidate, begun: Begun, mover: Moving | Landing) -> None:
        site = self._site
        wish = LandMerges(ids=tuple(one.id for one in built.entries), result=built.oid)
        try:
            if isinstance(mover, Landing):
                mover.rehearse()
            landed = site.coordinator.land(
                wish, Landed, mover, session=site.session, agent=site.agent
            )
        except OutcomeUnknown:
            raise  # The target says it, when it answers again: `recover`.
        except (KeyboardInterrupt, SystemExit):
            # SystemExit: doors end so when they are asked to by a signal.
            self._back(begun, Contended("its landing was interrupted"), counts=False)
            raise
        except LandingRefused as refusal:
            self._refused(built, begun, refusal)
        except (Refused, Contended, Unavailable) as trouble:
            self._back(begun, trouble, counts=False)
            if isinstance(trouble, (TargetDirty, Unavailable)):
                raise
            self._again(trouble)
        else:
            self._lost = 0
            self._limit = None
            self._outcome.end(self._outcome.landed, [landed])
            if isinstance(mover, Moving):
                self._outcome.left += mover.follow()

    def _refused(self, built: Candidate, begun: Begun, refusal: LandingRefused) -> None:
        """Do what a host's refusal calls for: again, by pull request, one by one, or back."""
        why = refusal.details.get("why")
        if why in (_MOVED, _WHATEVER):
            self._back(begun, refusal, counts=False)
            self._again(refusal)
        elif why == _PULL_REQUESTS:
            ids = tuple(one.id for one in begun.merges)
            wish = HandOver(ids=ids, reason=_told(refusal), run=begun.run)
            self._outcome.take(self._site.do(wish, Moved).merges)
        else:
            alone = len(built.entries) == 1
            self._limit = None if alone else 1
            self._back(begun, refusal, counts=alone)

    def _back(self, begun: Begun, trouble: GitcoordError, *, counts: bool) -> None:
        wish = TakeBack(
            ids=tuple(one.id for one in begun.merges),
            reason=_told(trouble),
            run=begun.run,
            counts=counts,
        )
        try:
            self._outcome.take(self._site.do(wish, Moved).merges)
        except (Refused, LandingBusy):
            return  # Somebody else has taken it back, or queued it anew.
        except Unavailable:
            # Its lease ends by itself; what went wrong first is what is told.
            raise trouble from None

    def _again(self, trouble: GitcoordError) -> None:
        """Count a failure that was no entry's fault; raise it where no other try is of use."""
        self._lost += 1
        with self._site.coordinator.ledger.state() as state:
            limit = state.settings.merge_attempts
        if self._lost >= limit or trouble.details.get("why") == _WHATEVER:
            if isinstance(trouble, LandingRefused) and trouble.details.get("why") == _MOVED:
                raise TargetMoved(
                    trouble.message, hint="Try again.", branch=self._target
                ) from trouble
            raise trouble

    def _take(self, report: Report) -> None:
        self._outcome.end(self._outcome.settled, report.settled)
        self._outcome.take(report.checked)


def _told(trouble: GitcoordError) -> str:
    """Return why, as short as it goes: reasons of entries are one line."""
    return str(trouble.details.get("said") or trouble.message)


def _reason(entries: Sequence[Merge]) -> str:
    return f"gitcoord: land {', '.join(entry.id for entry in entries)}"
