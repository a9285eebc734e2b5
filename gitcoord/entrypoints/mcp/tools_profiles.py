"""Tools about what the caller may do: its profile, a question, and whether a policy is right.

Who asks is known from the ledger; what a caller says about its own trust is not believed. Not
here: changing any of it, which is for people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gitcoord.entrypoints.mcp.call import Call
from gitcoord.entrypoints.mcp.shapes import Input, Output
from gitcoord.errors import InvalidUrl

if TYPE_CHECKING:
    from gitcoord.domain.permission import Decision, Principal
    from gitcoord.domain.sessions import Session
    from gitcoord.domain.state import State


class NoArguments(Input, frozen=True, kw_only=True):
    """Nothing needs to be said."""


class ProfileShown(msgspec.Struct, frozen=True, kw_only=True):
    """A profile in the words of the originals, and ours."""

    name: str
    agent_type: str
    trust_level: int
    allowed_operations: list[str]
    blocked_operations: list[str]
    max_file_modifications: int | None = None
    max_execution_time_seconds: int | None = None
    max_api_calls_per_hour: int | None = None


class Mine(Output, frozen=True, kw_only=True):
    """The profile, where it comes from, and what is used of its limits."""

    profile: ProfileShown | UnsetType = UNSET
    #: assignment, type, or default.
    source: str | UnsetType = UNSET
    #: What was used so far: files, seconds, calls.
    used: dict[str, Any] | UnsetType = UNSET


def get_my_profile(call: Call, asked: NoArguments) -> Mine:
    """Return what the caller may do."""
    from gitcoord.domain.permission import principal
    from gitcoord.entrypoints.cli.profile_text import used

    with call.state() as state:
        who = principal(state, session_here(call, state), call.now(state))
    return Mine(profile=shown(who), source=who.standing.source, used=used(who))


class CheckPolicy(Input, frozen=True, kw_only=True):
    """What is asked."""

    operation: Annotated[str, Meta(description="As a tool is called, such as acquire_lock.")]
    resource: Annotated[
        str, Meta(description="A path, a task or a type of tasks, or a domain.")
    ] = ""
    context: Annotated[
        dict[str, Any], Meta(description="Not believed: what is known of you is in the ledger.")
    ] = {}


class Decided(Output, frozen=True, kw_only=True):
    """Whether it is allowed, and why."""

    allowed: bool | UnsetType = UNSET
    engine: str | UnsetType = UNSET
    diagnostics: dict[str, Any] | UnsetType = UNSET


def check_policy(call: Call, asked: CheckPolicy) -> Decided:
    """Ask whether the caller may do an operation. Nothing is done."""
    from gitcoord.domain.permission import principal

    with call.state() as state:
        who = principal(state, session_here(call, state), call.now(state))
        found = decision(state, who, asked.operation, asked.resource, asked.context)
    return Decided(
        allowed=found.allowed,
        reason=found.reason,
        engine=found.engine,
        diagnostics=found.diagnostics,
    )


class ValidateCedarPolicy(Input, frozen=True, kw_only=True):
    """A policy."""

    policy_text: Annotated[str, Meta(description="Statements in Cedar.")]


class Validated(Output, frozen=True, kw_only=True):
    """Whether the policy fits the schema."""

    valid: bool | UnsetType = UNSET
    errors: list[str] | UnsetType = UNSET


def validate_cedar_policy(call: Call, asked: ValidateCedarPolicy) -> Validated:
    """Say whether a policy fits the schema. Nothing is stored."""
    from gitcoord.domain.cedar import errors_of

    errors = errors_of(asked.policy_text)
    return Validated(valid=not errors, errors=errors)


def session_here(call: Call, state: State) -> Session | None:
    """Return the caller's session; None for one that is not checked in."""
    from gitcoord.domain.sessions import Session, root

    holder = call.perhaps
    return state.get(Session, root(holder)) if holder else None


def decision(
    state: State, who: Principal, operation: str, resource: str, context: dict[str, Any]
) -> Decision:
    """Return the decision of a question, with a word on what of it was not believed."""
    from gitcoord.domain.permission import Decision, asked

    try:
        found = asked(state, who, operation, resource)
    except InvalidUrl as wrong:
        found = Decision(
            allowed=False,
            reason="domain_blocked",
            engine=state.settings.policy_engine,
            detail=wrong.message,
        )
    more: dict[str, Any] = {"detail": found.detail} if found.detail else {}
    if context:
        more["not_believed"] = sorted(context)
    return msgspec.structs.replace(found, diagnostics=found.diagnostics | more)


def shown(who: Principal) -> ProfileShown:
    """Return the profile of who asks, with the trust that counts."""
    profile = who.standing.profile
    return ProfileShown(
        name=profile.name,
        agent_type=who.type or profile.agent_type,
        trust_level=who.standing.trust,
        allowed_operations=list(profile.allowed),
        blocked_operations=list(profile.blocked),
        max_file_modifications=profile.max_files,
        max_execution_time_seconds=profile.max_seconds,
        max_api_calls_per_hour=profile.max_calls,
    )
