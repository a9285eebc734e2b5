"""Assignments: which agent has which profile, and what that comes to for a session.

The standing of a session follows from the ledger alone. The type of a session is its own word,
so that a profile found by it can only restrict; more trust than the settings give to everybody
comes only from an assignment, which a person or trust level 4 has made. Not here: how the name
of an agent is proved (keys of the service do that; see docs/profiles.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal

import msgspec

from gitcoord.domain.names import checked_name, one_line
from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.domain.profiles import LEVELS, Profile, canonical, found, of_type, profile_of
from gitcoord.domain.record import Record
from gitcoord.domain.rights import DEFAULT
from gitcoord.domain.sessions import Session
from gitcoord.domain.time import Time
from gitcoord.errors import ProfileInUse

if TYPE_CHECKING:
    from gitcoord.domain.state import State

#: How a profile was found: by assignment, by the session's type, or none: the default.
Source = Literal["assignment", "type", "default"]


class Assignment(Record, frozen=True, kw_only=True):
    """That an agent has a profile."""

    table = "assignments"

    agent: str
    profile: str
    at: Time
    by: str = ""

    @property
    def name(self) -> str:
        """The agent's name."""
        return self.agent

    def terms(self) -> Iterable[str]:
        """Return the profile that it is about."""
        yield f"profile:{self.profile}"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What a session may be held to."""

    profile: Profile
    source: Source
    #: Trust level; that of the profile, or less where nobody has assigned it.
    trust: int

    @property
    def level(self) -> str:
        """The word for the trust level."""
        return LEVELS[self.trust]

    @property
    def restricts(self) -> bool:
        """Whether there is anything that a session of this standing has to be told."""
        return self.trust < 2 or self.profile.restricts


def standing(state: State, session: Session | None, agent: str = "") -> Standing:
    """Return the standing of a session; without one that of an agent that has not checked in."""
    agreed = state.settings.agent_trust
    agent = agent if session is None else session.agent
    if agent and state.holds(Assignment.table):
        assigned = state.get(Assignment, agent)
        profile = found(state, assigned.profile) if assigned else None
        if profile is not None and profile.enabled:
            return Standing(profile=profile, source="assignment", trust=profile.trust)
    profile = None if session is None else of_type(state, session.type)
    if profile is not None:
        return Standing(profile=profile, source="type", trust=min(profile.trust, agreed))
    return Standing(profile=Profile(name=DEFAULT, trust=agreed), source="default", trust=agreed)


def guarded(state: State, session: Session) -> int:
    """Return the trust level by which guardrails judge what the session does.

    Guardrails pass over some rules from level 3 on; a session whose profile does not let it
    force a push or delete a branch has none of that.
    """
    found = standing(state, session)
    profile = found.profile
    forbidden = any(name in profile.blocked for name in ("force_push", "delete_branch"))
    return min(found.trust, 2) if forbidden else found.trust


def raised(state: State, agent: str) -> bool:
    """Say whether an assignment gives this agent more trust than everybody has."""
    if not state.holds(Assignment.table):
        return False
    assigned = state.get(Assignment, agent)
    profile = found(state, assigned.profile) if assigned else None
    return profile is not None and profile.enabled and profile.trust > state.settings.agent_trust


class Assigned(Answer, frozen=True, kw_only=True):
    """The assignment; None where the agent has none any more."""

    agent: str
    assignment: Assignment | None = None
    profile: Profile | None = None


class AssignProfile(Operation, frozen=True, kw_only=True):
    """Give an agent a profile, in place of the one it has."""

    tag = "profile.assign"
    answer = Assigned
    sessionless: ClassVar[bool] = True

    agent: str
    #: Empty: none, so that its type or the default decides.
    profile: str = ""

    def apply(self, state: State, context: Context) -> Assigned:
        """Store the assignment.

        Raises `ProfileNotFound`, `InvalidValue`, and `ProfileInUse` for a profile that is off.
        """
        agent = checked_name(self.agent, "agent")
        before = state.get(Assignment, agent)
        if not self.profile:
            if before is not None:
                state.remove(before)
            return Assigned(agent=agent)
        profile = profile_of(state, self.profile)
        if not profile.enabled:
            raise ProfileInUse(
                f"profile {profile.name} is switched off",
                hint=f"Run `gitcoord profile set {profile.name} --enable` first.",
                profile=profile.name,
            )
        name = canonical(profile.name)
        if before is None or before.profile != name:
            before = Assignment(agent=agent, profile=name, at=context.now, by=context.agent)
            state.put(before)
        return Assigned(agent=agent, assignment=before, profile=profile)

    def subject(self, answer: Assigned, agent: str) -> str:
        """Return the diary line."""
        what = f"assigns {self.profile} to" if self.profile else "takes the profile of"
        return one_line(f"profile: {agent or 'somebody'} {what} {self.agent}")
