"""Tools for verification: check a commit by the policies of its paths, and list the policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gitcoord.entrypoints.mcp.call import Call
from gitcoord.entrypoints.mcp.shapes import Input, Output

if TYPE_CHECKING:
    from gitcoord.domain.verification import Result
    from gitcoord.domain.verify_policies import VerifyPolicy


class VerifyChanges(Input, frozen=True, kw_only=True):
    """Which commit, compared with which."""

    commit: Annotated[str, Meta(description="A commit or branch of this repository.")] = "HEAD"
    base: Annotated[str, Meta(description="Default: the target.")] = ""
    again: Annotated[bool, Meta(description="Also what has passed or failed before.")] = False


class ResultShown(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one policy."""

    policy: str
    #: pending, running, passed, failed, error or timeout.
    status: str
    executor: str
    tier: int
    reason: str
    exit_code: int | UnsetType = UNSET
    #: The end of what it wrote, where it has not passed.
    output: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    #: The request that a person decides.
    approval_id: str | UnsetType = UNSET


class ChangesVerified(Output, frozen=True, kw_only=True):
    """How the commit stands."""

    commit: str | UnsetType = UNSET
    #: not_needed, passed, pending or failed.
    status: str | UnsetType = UNSET
    summary: str | UnsetType = UNSET
    #: 0 to 100.
    risk_score: int | UnsetType = UNSET
    results: list[ResultShown] | UnsetType = UNSET


class ListVerificationPolicies(Input, frozen=True, kw_only=True):
    """Nothing is asked."""


class PolicyShown(msgspec.Struct, frozen=True, kw_only=True):
    """Which paths need which check."""

    name: str
    description: str
    include: list[str]
    exclude: list[str]
    tier: int
    #: STATIC, UNIT, INTEGRATION, SYSTEM or MANUAL.
    tier_name: str
    executor: str
    command: str
    timeout_seconds: float
    enabled: bool


class PoliciesFound(Output, frozen=True, kw_only=True):
    """The policies by tier and name."""

    policies: list[PolicyShown] | UnsetType = UNSET


def verify_changes(call: Call, asked: VerifyChanges) -> ChangesVerified:
    """Run the checks that a commit needs and has not passed yet."""
    from gitcoord.entrypoints.cli.verify import change_of, checked

    found = change_of(call, asked.commit, asked.base or None)
    standing, record = checked(call, found, again=asked.again)
    return ChangesVerified(
        commit=found.commit,
        status=standing.status,
        summary=standing.text,
        risk_score=record.risk if record else UNSET,
        results=[_result(one) for one in record.results] if record else [],
    )


def list_verification_policies(call: Call, asked: ListVerificationPolicies) -> PoliciesFound:
    """List the policies, also those that are switched off."""
    from gitcoord.domain.verify_policies import policies

    call.reading()
    with call.state() as state:
        return PoliciesFound(policies=[_policy(one) for one in policies(state)])


def _result(found: Result) -> ResultShown:
    passed = found.status == "passed"
    return ResultShown(
        policy=found.policy,
        status=found.status,
        executor=found.executor,
        tier=found.tier,
        reason=found.reason,
        exit_code=UNSET if found.exit_code is None else found.exit_code,
        output=UNSET if passed or not found.output else found.output,
        url=found.url or UNSET,
        approval_id=found.approval or UNSET,
    )


def _policy(found: VerifyPolicy) -> PolicyShown:
    from shlex import join

    from gitcoord.domain.verify_policies import TIERS

    return PolicyShown(
        name=found.name,
        description=found.description,
        include=list(found.include),
        exclude=list(found.exclude),
        tier=found.tier,
        tier_name=TIERS[found.tier],
        executor=found.executor,
        command=found.shell or join(found.command),
        timeout_seconds=found.timeout,
        enabled=found.enabled,
    )
