"""Verification: which checks a change has to pass, and what is known of them for a tree.

What came of a policy is kept by commit and found by tree, so that the same content is not checked
twice by the same policy. Promises that a result counts only for exactly what was checked: the tree,
and what the policy runs. Not here: policies (`verify_policies`), how checks are run (the room
`landing`), and the operations (`verifying`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Literal

import msgspec

from gitcoord.domain.key_index import wanted
from gitcoord.domain.keys import Key, escape
from gitcoord.domain.locks import Lock, excluding, over
from gitcoord.domain.operation import Context
from gitcoord.domain.overlap import matches
from gitcoord.domain.record import Record
from gitcoord.domain.risk import Facts, Risk, RiskyPath, rated
from gitcoord.domain.sessions import root
from gitcoord.domain.time import Time
from gitcoord.domain.verify_policies import Executor, Tier, VerifyPolicy, applies, digest_of
from gitcoord.errors import (
    InvalidKey,
    Refused,
    VerificationFailed,
    VerificationMissing,
    VerificationNotFound,
)

if TYPE_CHECKING:
    from gitcoord.domain.settings import Settings
    from gitcoord.domain.state import State

#: What became of one policy. `error`: it could not be tried, which says nothing of the change.
Outcome = Literal["pending", "running", "passed", "failed", "error", "timeout"]
#: Outcomes that are kept for a tree until somebody asks for the check again.
SETTLED: frozenset[Outcome] = frozenset({"passed", "failed", "timeout"})
#: Of these, those that stand against landing.
BAD: frozenset[Outcome] = frozenset({"failed", "timeout"})
#: The newest verifications of a branch or agent that count as its history.
HISTORY = 10


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one policy for one commit."""

    policy: str
    #: Of what the policy did; see `digest_of`.
    digest: str
    status: Outcome
    executor: Executor = "inline"
    tier: Tier = 0
    started_at: Time = ""
    ended_at: Time = ""
    #: What the command ended with; negative: the signal that ended it.
    exit_code: int | None = None
    #: The end of what it wrote, secrets hidden.
    output: str = ""
    #: Why, in a line.
    reason: str = ""
    url: str = ""
    #: The request for approval, for a person.
    approval: str = ""


class Verification(Record, frozen=True, kw_only=True):
    """What is known of one commit."""

    table = "verifications"

    commit: str
    tree: str
    #: The commit that it was compared with; empty where nobody said.
    base: str = ""
    #: The first paths that it changes, and how many there are.
    paths: tuple[str, ...] = ()
    path_count: int = 0
    tier: Tier | None = None
    risk: int = 0
    #: By policy, each once.
    results: tuple[Result, ...] = ()
    branch: str = ""
    agent: str = ""
    session: str = ""
    at: Time
    updated_at: Time

    @property
    def name(self) -> str:
        """The object id of the commit."""
        return self.commit

    def terms(self) -> Iterable[str]:
        """Return what it is found by: its tree, age, branch and agent."""
        yield f"tree:{self.tree}"
        yield f"at:{self.updated_at}:{self.commit}"
        if self.branch:
            yield f"branch:{self.branch}"
        if self.agent:
            yield f"agent:{self.agent}"


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """What a change has to pass."""

    #: The highest tier of its policies; None: no policy is about it.
    tier: int | None = None
    #: All that have to pass, by tier and name, also those of a person.
    policies: tuple[VerifyPolicy, ...] = ()
    #: Whether a person has to approve it.
    person: bool = False


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a tree stands to what it has to pass."""

    #: `pending`: something is still to be run or waited for.
    status: Literal["not_needed", "passed", "pending", "failed"]
    #: In a line, for people.
    text: str
    #: Names of the policies that are neither passed nor failed.
    missing: tuple[str, ...] = ()
    #: Names of those that failed.
    failed: tuple[str, ...] = ()


def need(state: State, paths: Sequence[str], *, wide: bool = False) -> Need:
    """Return what a change of these paths has to pass: every enabled policy about one of them.

    `wide`: it changes more than these, so that every enabled policy is about it. Paths are as
    git has them, relative to the root, with surrogate escapes; a rename has both names.
    """
    found = tuple(
        policy
        for policy in state.scan(VerifyPolicy, "enabled:")
        if wide or any(applies(policy, state.settings, path) for path in paths)
    )
    if not found:
        return Need()
    return Need(
        tier=max(policy.tier for policy in found),
        policies=found,
        person=any(policy.executor == "person" for policy in found),
    )


def result_for(state: State, tree: str, policy: VerifyPolicy) -> Result | None:
    """Return the newest result of what the policy does for a tree, or None.

    One that is settled comes before those that are not.
    """
    digest = digest_of(policy)
    found = [
        (result.status in SETTLED, result.ended_at or result.started_at, record.updated_at, result)
        for record in state.find(Verification, f"tree:{tree}")
        for result in record.results
        if result.digest == digest
    ]
    return max(found, key=lambda one: one[:3])[3] if found else None


def known_of(state: State, tree: str, needed: Need) -> list[Result]:
    """Return the result of each policy that is known for a tree, in the policies' order."""
    found = (result_for(state, tree, policy) for policy in needed.policies)
    return [one for one in found if one is not None]


def standing(
    state: State, tree: str, paths: Sequence[str], *, wide: bool = False, person: bool = False
) -> Standing:
    """Return how a tree (object id) stands to what a change of these paths has to pass.

    What a person has to approve is in `need(...).person` and counts here only with `person`:
    whoever lands asks for the approval of each thing that it lands.
    """
    policies = [
        one for one in need(state, paths, wide=wide).policies if person or one.executor != "person"
    ]
    if not policies:
        return Standing(status="not_needed", text="no policy asks for a check")
    known = {one.name: result_for(state, tree, one) for one in policies}
    outcomes = {name: result.status if result else None for name, result in known.items()}
    failed = tuple(name for name, status in outcomes.items() if status in BAD)
    missing = tuple(
        name for name, status in outcomes.items() if status != "passed" and status not in BAD
    )
    told = ", ".join(
        _line(name, result)
        for name, result in known.items()
        if result is None or result.status != "passed"
    )
    if failed:
        return Standing(status="failed", text=told, missing=missing, failed=failed)
    if missing:
        return Standing(status="pending", text=told, missing=missing)
    return Standing(status="passed", text=f"passed: {', '.join(outcomes)}")


def refusal_of(standing: Standing, commit: str) -> Refused | None:
    """Return what a standing has against landing a commit, as the refusal to raise, or None."""
    if standing.status in ("passed", "not_needed"):
        return None
    kind = VerificationFailed if standing.status == "failed" else VerificationMissing
    return kind(
        f"{commit[:10]}: {standing.text}",
        commit=commit, failed=list(standing.failed), missing=list(standing.missing),
    )  # fmt: skip


def risk_of(  # noqa: PLR0913 - everything that a risk is made of
    state: State,
    paths: Sequence[str],
    *,
    now: Time,
    wide: bool = False,
    lines: int = 0,
    session: str = "",
    agent: str = "",
    branch: str = "",
) -> Risk:
    """Return how risky it is to land a change of these paths, at a time.

    `lines`: how many it adds and removes; `session`: whose locks do not count; `agent` and
    `branch`: whose failed checks do. `Risk.person` says whether the settings want an approval.
    """
    facts = Facts(
        files=len(set(paths)),
        lines=lines,
        wide=wide,
        risky=_risky(state.settings, paths, wide),
        locks=_locks(state, paths, wide, session, now),
        failures=_failures(state, agent, branch),
    )
    return rated(facts, state.settings.risk_approval)


def verification_by(state: State, commit: str) -> Verification:
    """Return what is known of a commit, named whole. Raises `VerificationNotFound`."""
    found = state.get(Verification, commit)
    if found is None:
        raise VerificationNotFound(f"no check of {commit[:80]!r} is known", commit=commit[:80])
    return found


def newest(state: State, limit: int = 50) -> list[Verification]:
    """Return the verifications that changed last, the newest first."""
    surplus = state.count(Verification, "at:") - limit
    return list(islice(state.scan(Verification, "at:"), max(0, surplus), None))[::-1]


def _line(name: str, result: Result | None) -> str:
    """Return what is known of a policy that has not passed, in words."""
    if result is None:
        return f"{name} has not run"
    return f"{name} {result.status}" + (f" ({result.reason})" if result.reason else "")


def _risky(settings: Settings, paths: Sequence[str], wide: bool) -> tuple[RiskyPath, ...]:
    def met(risky: RiskyPath) -> bool:
        key = wanted(settings, risky.pattern)
        return wide or any(matches(key, path, fold_case=settings.case_folding) for path in paths)

    return tuple(one for one in settings.risky_paths if met(one))


def _locks(state: State, paths: Sequence[str], wide: bool, session: str, now: Time) -> int:
    """Count the live locks of others that overlap the paths."""
    if not state.holds("locks"):
        return 0
    context = Context(now=now, op_id="", session=session or None)
    if wide:
        found: Iterable[Lock] = state.all(Lock)
    else:
        keys = _keys(state.settings, paths)
        found = (lock for key in keys for lock in excluding(state, key, "exclusive", session))
    others = (one for one in found if root(one.session) != root(session))
    return len({one.name for one in others if not over(state, context, one)})


def _keys(settings: Settings, paths: Iterable[str]) -> Iterator[Key]:
    """Yield the keys of the paths; for a name that no key can have that of its folder."""
    for path in dict.fromkeys(paths):
        try:
            yield wanted(settings, escape(path))
        except InvalidKey:
            above = path.rstrip("/").rpartition("/")[0]
            yield from _keys(settings, [f"{above}/"]) if above else [wanted(settings, "**")]


def _failures(state: State, agent: str, branch: str) -> int:
    """Count failed policies in the latest verifications of the branch and of the agent."""
    terms = [f"{what}:{who}" for what, who in (("branch", branch), ("agent", agent)) if who]
    found = {one.commit: one for term in terms for one in state.find(Verification, term)}
    latest = sorted(found.values(), key=lambda one: (one.updated_at, one.commit))[-HISTORY:]
    return sum(result.status in BAD for one in latest for result in one.results)
