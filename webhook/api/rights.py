"""What agents may do: profiles, policies, network rules, and questions about them.

Who asks is the acting session, as the ledger knows it. Not here: changing any of it, which is an
operation like any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from gitcoord.domain.accesses import Access
from gitcoord.domain.assignments import Assignment
from gitcoord.domain.network import NetworkRule, Verdict
from gitcoord.domain.policies import Policy
from gitcoord.domain.profiles import Profile
from webhook.api.pages import Asked

if TYPE_CHECKING:
    from gitcoord.domain.permission import Decision, Principal
    from gitcoord.domain.state import State
    from webhook.api.asking import Asking


class Profiles(msgspec.Struct, frozen=True, kw_only=True):
    """Profiles by name, and assignments by agent."""

    profiles: list[Profile]
    assignments: list[Assignment]


def profiles(asking: Asking, asked: Asked) -> Profiles:
    """Return profiles, built in and stored."""
    from gitcoord.domain.profiles import every

    with asking.state() as state:
        return Profiles(profiles=every(state), assignments=list(state.all(Assignment)))


class Mine(msgspec.Struct, frozen=True, kw_only=True):
    """What the acting session is held to."""

    profile: Profile
    #: assignment, type, or default.
    source: str
    trust: int
    level: str
    agent: str
    session: str
    used: dict[str, Any]


def mine(asking: Asking, asked: Asked) -> Mine:
    """Return the profile of the acting session; without one that of an agent nobody knows."""
    from gitcoord.entrypoints.cli.profile_text import used

    with asking.state() as state:
        who = principal_of(asking, state)
    found = who.standing
    return Mine(
        profile=found.profile,
        source=found.source,
        trust=found.trust,
        level=found.level,
        agent=who.agent,
        session=who.session,
        used=used(who),
    )


class Policies(msgspec.Struct, frozen=True, kw_only=True):
    """Policies by priority and name; `engine` native: trust levels decide, not these."""

    engine: str
    policies: list[Policy]


def policies(asking: Asking, asked: Asked) -> Policies:
    """Return policies, built in and stored."""
    from gitcoord.domain.policies import every

    with asking.state() as state:
        return Policies(engine=state.settings.policy_engine, policies=every(state))


class CheckAsked(Asked, frozen=True, kw_only=True):
    """Which operation, and with what."""

    operation: str
    resource: Annotated[str, Meta(description="A path, a task or a type of tasks, a domain.")] = ""


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """The decision."""

    allowed: bool
    reason: str
    engine: str
    detail: str
    diagnostics: dict[str, Any]


def check(asking: Asking, asked: CheckAsked) -> Checked:
    """Return whether the acting session may do it. Raises `InvalidUrl`, `PolicyEngineMissing`."""
    from gitcoord.domain.permission import asked as decided

    with asking.state() as state:
        found = decided(state, principal_of(asking, state), asked.operation, asked.resource)
    return checked(found)


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """Network rules."""

    rules: list[NetworkRule]


def network(asking: Asking, asked: Asked) -> Rules:
    """Return the network rules of all profiles, built in and stored."""
    from gitcoord.domain.network import rules

    with asking.state() as state:
        return Rules(rules=rules(state, all_profiles=True))


class AccessAsked(Asked, frozen=True, kw_only=True):
    """Which URL or domain."""

    target: str


def access(asking: Asking, asked: AccessAsked) -> Verdict:
    """Return whether the acting session may reach it; kept in the access log.

    Raises `InvalidUrl`.
    """
    from gitcoord.domain.network import verdict
    from gitcoord.entrypoints.cli.network import record

    acts = asking.caller.session
    with asking.state() as state:
        profile = principal_of(asking, state).standing.profile
        found = verdict(state, profile.name, asked.target)
    record(asking, found, acts, allowed=found.allowed)
    return found


class AccessesAsked(Asked, frozen=True, kw_only=True):
    """Whose accesses."""

    session: str = ""
    blocked: Annotated[bool, Meta(description="Only what was blocked.")] = False
    limit: Annotated[int, Meta(ge=1, le=500)] = 50


class Accesses(msgspec.Struct, frozen=True, kw_only=True):
    """Accesses, the newest first."""

    accesses: list[Access]


def accesses(asking: Asking, asked: AccessesAsked) -> Accesses:
    """Return what agents wanted to reach."""
    from gitcoord.domain.accesses import accessed

    with asking.state() as state:
        found = accessed(state, session=asked.session, blocked=asked.blocked, limit=asked.limit)
    return Accesses(accesses=found)


def principal_of(asking: Asking, state: State) -> Principal:
    """Return who asks."""
    from gitcoord.domain.permission import principal
    from gitcoord.domain.sessions import Session, root

    acts = asking.caller.session
    session = state.get(Session, root(acts)) if acts else None
    return principal(state, session, asking.now(state))


def checked(found: Decision) -> Checked:
    """Return a decision as an answer."""
    return Checked(
        allowed=found.allowed,
        reason=found.reason,
        engine=found.engine,
        detail=found.detail,
        diagnostics=found.diagnostics,
    )
