"""What is noted of checks: results per commit, and what a person has decided of them.

Promises that nobody can note a person's consent: it is read from the approval itself and used up.
That a command has passed is whatever its runner says, as everything that a session says of its
own work. Not here: who runs what (the room `landing`).
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, ClassVar

import msgspec

from gitcoord.domain.approvals import Approval, Subject, granted
from gitcoord.domain.approving import use
from gitcoord.domain.names import checked_name, one_line
from gitcoord.domain.oids import is_oid
from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.domain.time import plus
from gitcoord.domain.verification import SETTLED, Outcome, Result, Verification
from gitcoord.domain.verify_policies import Executor
from gitcoord.errors import InvalidValue

if TYPE_CHECKING:
    from gitcoord.domain.state import State

#: Most results in one call; most paths that are kept, and characters of each.
RESULTS_LIMIT = 200
PATHS_LIMIT = 200
#: Characters of output, of a reason and of an address; of output the end is kept.
OUTPUT = 4096
TEXT = 300

_DIGEST = re.compile(r"[0-9a-f]{32}")


class ResultDraft(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What became of a policy, as whoever tried it saw it."""

    policy: str
    digest: str
    status: Outcome
    executor: Executor = "inline"
    tier: int = 0
    #: How long it took.
    seconds: float = 0.0
    exit_code: int | None = None
    output: str = ""
    reason: str = ""
    url: str = ""
    #: The request for approval, for a person.
    approval: str = ""


class VerificationNoted(Answer, frozen=True, kw_only=True):
    """What is known of the commit now."""

    verification: Verification


class RecordVerification(Operation, frozen=True, kw_only=True):
    """Note results for a commit; those of other policies stay."""

    tag = "verification.record"
    answer = VerificationNoted
    sessionless: ClassVar[bool] = True

    commit: str
    tree: str
    base: str = ""
    #: The paths that it changes, or the first of them; 0: as many as are named.
    paths: tuple[str, ...] = ()
    path_count: int = 0
    tier: int | None = None
    risk: int = 0
    branch: str = ""
    results: tuple[ResultDraft, ...] = ()

    def apply(self, state: State, context: Context) -> VerificationNoted:
        """Store them, and forget the oldest commits over the limit.

        Raises `InvalidValue`, also for a commit that is known with another tree.
        """
        before = state.get(Verification, self._checked())
        if before is not None and before.tree != self.tree:
            raise InvalidValue(f"{self.commit} has the tree {before.tree}", commit=self.commit)
        known = {one.policy: one for one in (before.results if before else ())}
        for draft in self.results:
            known[draft.policy] = self._result(state, context, draft)
        found = Verification(
            commit=self.commit,
            tree=self.tree,
            base=self.base,
            paths=tuple(path[:TEXT] for path in self.paths[:PATHS_LIMIT]),
            path_count=max(self.path_count, len(self.paths)),
            tier=self.tier,
            risk=self.risk,
            results=tuple(known.values())[-RESULTS_LIMIT:],
            branch=self.branch[:TEXT],
            agent=context.agent,
            session=context.session or "",
            at=before.at if before else context.now,
            updated_at=context.now,
        )
        state.put(found)
        _forget(state, found)
        return VerificationNoted(verification=found)

    def _checked(self) -> str:
        """Return the commit, if all that is named has its form."""
        for what in (self.commit, self.tree, *((self.base,) if self.base else ())):
            if not is_oid(what):
                raise InvalidValue(f"not a whole object id: {what[:80]!r}")
        if not 0 <= self.risk <= 100 or not (self.tier is None or 0 <= self.tier <= 4):
            raise InvalidValue("a risk lies between 0 and 100, a tier between 0 and 4")
        if len(self.results) > RESULTS_LIMIT:
            raise InvalidValue(f"at most {RESULTS_LIMIT} results", count=len(self.results))
        return self.commit

    def _result(self, state: State, context: Context, draft: ResultDraft) -> Result:
        if not _DIGEST.fullmatch(draft.digest) or not 0 <= draft.tier <= 4 or draft.seconds < 0:
            raise InvalidValue(f"no result of a policy: {draft.policy[:100]!r}")
        status, reason = draft.status, draft.reason
        if draft.executor == "person":
            status, reason = self._decided(state, context, draft)
        ended = status in SETTLED or status == "error"
        return Result(
            policy=checked_name(draft.policy, "policy"),
            digest=draft.digest,
            status=status,
            executor=draft.executor,
            tier=draft.tier,
            started_at=plus(context.now, -draft.seconds),
            ended_at=context.now if ended else "",
            exit_code=draft.exit_code,
            output=draft.output[-OUTPUT:],
            reason=one_line(reason),
            url=draft.url[:TEXT],
            approval=draft.approval,
        )

    def _decided(self, state: State, context: Context, draft: ResultDraft) -> tuple[Outcome, str]:
        """Return what a person has decided of this commit, its approval used up."""
        about = consent(self.commit)
        if granted(state, context, about) is not None:
            found = use(state, context, about)
            return "passed", f"approved by {found.decided_by} ({found.id})"
        asked = state.get(Approval, draft.approval) if draft.approval else None
        if asked is None or asked.subject != about:
            raise InvalidValue(f"no request for approval of {self.commit}: {draft.approval[:80]!r}")
        if asked.status == "denied":
            return "failed", f"denied by {asked.decided_by}: {asked.decision_reason}"
        return "pending", f"waits for a decision of {asked.id}"

    def subject(self, answer: VerificationNoted, agent: str) -> str:
        """Return the diary line."""
        told = ", ".join(f"{one.policy} {one.status}" for one in self.results)
        return one_line(f"verification: {self.commit[:10]} {told or 'is looked at'}")


def consent(commit: str) -> Subject:
    """Return what a person is asked about where one commit, and no entry of a queue, is checked."""
    return Subject(kind="merge", text=commit, head=commit)


def _forget(state: State, but: Verification) -> None:
    """Forget the oldest over the limit, never the one that was just noted."""
    surplus = state.count(Verification, "at:") - max(1, state.settings.verifications_kept)
    old = (one for one in state.scan(Verification, "at:") if one.commit != but.commit)
    for one in list(islice(old, max(0, surplus))):
        state.remove(one)
