"""Who checks what a change has to pass, and the order in which it is asked for.

Promises that what is known already of the same tree by the same policy is not checked again, that
the cheap tiers come first, and that nothing more is run once something has failed. Each result is
noted when it is there, so that a killed process loses one check at most. Not here: what is needed
(`domain.verification`), and how a command runs (`inline`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from gitcoord.domain.approvals import Approval, Subject
from gitcoord.domain.approving import RequestApproval, Requested
from gitcoord.domain.check_runs import CheckRun, Judgement, judged
from gitcoord.domain.risk import Risk
from gitcoord.domain.verification import (
    BAD,
    SETTLED,
    Result,
    Standing,
    Verification,
    need,
    result_for,
    risk_of,
    standing,
)
from gitcoord.domain.verify_policies import VerifyPolicy, digest_of
from gitcoord.domain.verifying import (
    PATHS_LIMIT,
    RecordVerification,
    ResultDraft,
    VerificationNoted,
    consent,
)
from gitcoord.errors import ForgeRefused, Unavailable
from gitcoord.landing import inline
from gitcoord.ledger.clock import reading
from gitcoord.ledger.request import fresh_id

if TYPE_CHECKING:
    from gitcoord.ledger.coordinator import Coordinator
    from gitcoord.storage.store import Oid
    from gitcoord.storage.worktree import Checkout

#: Returns what GitHub knows of a commit; a door brings it. Raises `Unavailable`.
CheckRuns = Callable[[str], Iterable[CheckRun]]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be checked, and who asks."""

    commit: str
    tree: str
    base: str = ""
    #: As `need` takes them.
    paths: tuple[str, ...]
    wide: bool = False
    #: Lines added and removed, for the risk.
    lines: int = 0
    branch: str = ""
    #: As in `Context.session`.
    session: str | None = None
    agent: str = ""


def verify(  # noqa: PLR0913 - the change, and how it is checked
    coordinator: Coordinator,
    checkout: Checkout,
    *,
    commit: Oid,
    tree: Oid,
    base: Oid,
    paths: Sequence[str],
    session: str | None,
    agent: str,
    environ: Mapping[str, str],
    wide: bool = False,
    lines: int = 0,
    branch: str = "",
    check_runs: CheckRuns | None = None,
    heads: Sequence[Oid] = (),
    person: bool = False,
    again: bool = False,
    commands: bool = True,
) -> Standing:
    """Check what is missing of a commit, note what came of it, and return how its tree stands.

    `base`: what `paths` were compared with, "" where nobody knows; `wide`: they are not all;
    `branch`: whose history it is. `environ`: from which commands see what is allowed.
    `check_runs`: how GitHub is asked, about `heads` (default: the commit); without it what GitHub
    checks stays pending. `person`: ask a person about this commit where a policy wants one, and
    count that; whoever lands entries of a queue asks for each of them (`ask`) and leaves it out.
    `again`: also what has passed or failed before. `commands`: whether commands may run here;
    without that what they have not passed elsewhere stays pending.

    A failed check is no error. Raises what the coordinator raises.
    """
    change = Change(
        commit=commit, tree=tree, base=base, paths=tuple(paths), wide=wide, lines=lines,
        branch=branch, session=session, agent=agent,
    )  # fmt: skip
    return _Run(coordinator, checkout, change, environ, check_runs, heads or (commit,)).all(
        person, again, commands
    )


def ask(
    coordinator: Coordinator,
    about: Subject,
    *,
    title: str,
    why: str,
    session: str | None,
    agent: str,
    details: Mapping[str, object] | None = None,
) -> Approval:
    """Return the request by which a person is asked about something: the open one, or a new one."""
    wish = RequestApproval(
        id=fresh_id("a-"), about=about, title=title, why=why, details=dict(details or {})
    )
    return coordinator.do(wish, Requested, session=session, agent=agent).approval


class _Run:
    """One change on its way through its policies."""

    def __init__(
        self,
        coordinator: Coordinator,
        checkout: Checkout,
        change: Change,
        environ: Mapping[str, str],
        check_runs: CheckRuns | None,
        heads: Sequence[Oid],
    ) -> None:
        self._coordinator = coordinator
        self._checkout = checkout
        self._change = change
        self._environ = environ
        self._check_runs = check_runs
        self._heads = heads
        self._tier: int | None = None
        self._risk = Risk(score=0)

    def all(self, person: bool, again: bool, commands: bool) -> Standing:
        """Check what is missing, and return how the tree stands then."""
        pending = self._missing(person, again)
        if not commands:
            pending = [pair for pair in pending if pair[0].executor != "inline"]
        if any(policy.executor == "inline" for policy, _ in pending):
            inline.sweep(self._checkout)
        for policy, before in pending:
            if policy.executor == "inline":
                self._note(_draft(policy, "running"))
            draft = self._checked(policy, before)
            noted = self._noted(draft, before)
            if noted in BAD:
                break
        change = self._change
        with self._coordinator.ledger.state() as state:
            return standing(state, change.tree, change.paths, wide=change.wide, person=person)

    def _missing(self, person: bool, again: bool) -> list[tuple[VerifyPolicy, Result | None]]:
        """Return the policies that are to be tried, in order, with what is known of each."""
        change = self._change
        with self._coordinator.ledger.state() as state:
            needed = need(state, change.paths, wide=change.wide)
            known = [(one, result_for(state, change.tree, one)) for one in needed.policies]
            now = reading(self._coordinator.ledger.clock, state.meta.time).now
            self._tier = needed.tier
            self._risk = risk_of(
                state, change.paths, now=now, wide=change.wide, lines=change.lines,
                session=change.session or "", agent=change.agent, branch=change.branch,
            )  # fmt: skip
        if not person:
            known = [pair for pair in known if pair[0].executor != "person"]
        if not again and any(_final(result) for _, result in known):
            return []
        return [pair for pair in known if not _settled(*pair, again)]

    def _checked(self, policy: VerifyPolicy, before: Result | None) -> ResultDraft:
        try:
            if policy.executor == "inline":
                return inline.check(self._checkout, self._change.commit, policy, self._environ)
            if policy.executor == "github":
                return self._at_github(policy)
        except (Unavailable, ForgeRefused) as trouble:
            return _draft(policy, "error", trouble.message)
        return self._asked(policy, before)

    def _at_github(self, policy: VerifyPolicy) -> ResultDraft:
        if self._check_runs is None:
            return self._as_noted(policy)
        found = [judged(self._check_runs(head), policy.checks) for head in self._heads]
        worst: Judgement = min(found, key=lambda one: _ORDER.index(one.status))
        return _draft(policy, worst.status, worst.reason, url=worst.url)

    def _as_noted(self, policy: VerifyPolicy) -> ResultDraft:
        """Return what whoever sees GitHub has noted of the heads, where it is not asked here."""
        digest = digest_of(policy)
        with self._coordinator.ledger.state() as state:
            known = [state.get(Verification, head) for head in self._heads]
        noted = [
            next((one for one in (found.results if found else ()) if one.digest == digest), None)
            for found in known
        ]
        settled = [one for one in noted if one is not None and one.status in SETTLED]
        failed = [one for one in settled if one.status in BAD]
        if failed or len(settled) == len(noted):
            worst = (failed or settled)[0]
            return _draft(policy, worst.status, worst.reason, url=worst.url)
        return _draft(policy, "pending", "GitHub was not asked")

    def _asked(self, policy: VerifyPolicy, before: Result | None) -> ResultDraft:
        change, name = self._change, self._decided(before)
        if name is None:
            branch = f" of {change.branch}" if change.branch else ""
            name = ask(
                self._coordinator,
                consent(change.commit),
                title=f"land {change.commit[:10]}{branch}",
                why=f"policy {policy.name}, tier {policy.tier}; risk {self._risk.score}",
                session=change.session,
                agent=change.agent,
                details={"paths": list(_printable(change.paths[:20])), "risk": self._risk.reasons},
            ).id
        return msgspec.structs.replace(_draft(policy, "pending"), approval=name)

    def _decided(self, before: Result | None) -> str | None:
        """Return the request that was waited for, where it was denied since."""
        if before is None or before.status != "pending":
            return None
        with self._coordinator.ledger.state() as state:
            asked = state.get(Approval, before.approval)
        if asked is None or asked.subject != consent(self._change.commit):
            return None
        return asked.id if asked.status == "denied" else None

    def _noted(self, draft: ResultDraft, before: Result | None) -> str:
        """Note a result and return its status; one that says nothing new is not written."""
        same = before is not None and (before.status, before.reason) == (draft.status, draft.reason)
        if same and draft.executor == "github":
            return draft.status
        results = self._note(draft).results
        return next(one.status for one in results if one.policy == draft.policy)

    def _note(self, draft: ResultDraft) -> Verification:
        change = self._change
        wish = RecordVerification(
            commit=change.commit,
            tree=change.tree,
            base=change.base,
            paths=_printable(change.paths[:PATHS_LIMIT]),
            path_count=len(change.paths),
            tier=self._tier,
            risk=self._risk.score,
            branch=change.branch,
            results=(draft,),
        )
        return self._coordinator.do(
            wish, VerificationNoted, session=change.session, agent=change.agent
        ).verification


#: Of several heads the first of these counts.
_ORDER = ("failed", "pending", "passed")


def _settled(policy: VerifyPolicy, result: Result | None, again: bool) -> bool:
    """Say whether it is not tried: GitHub runs again what failed, nobody consents twice."""
    if result is None or result.status not in SETTLED:
        return False
    if result.status == "passed":
        return not again or policy.executor == "person"
    return not again and policy.executor != "github"


def _final(result: Result | None) -> bool:
    """Say whether it stands against the change until somebody checks again."""
    return result is not None and result.status in BAD and result.executor != "github"


def _draft(policy: VerifyPolicy, status: str, reason: str = "", *, url: str = "") -> ResultDraft:
    return msgspec.convert(
        {
            "policy": policy.name,
            "digest": digest_of(policy),
            "status": status,
            "executor": policy.executor,
            "tier": policy.tier,
            "reason": reason,
            "url": url,
        },
        ResultDraft,
    )


def _printable(paths: Iterable[str]) -> tuple[str, ...]:
    """Return paths as the ledger can keep them: bytes that are no UTF-8 are spelt."""
    return tuple(path.encode("utf-8", "backslashreplace").decode() for path in paths)
