"""Profiles: what agents of a kind may do, and how much of it.

A profile has a trust level, lists of operations and limits. Built-in ones are there without
being stored, and one that is stored under the same name replaces them. Not here: who has which
profile (`assignments`), and what follows from it (`permission`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

from gitcoord.domain.names import checked_name, checked_names, one_line
from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.domain.record import Record
from gitcoord.domain.rights import kind_of
from gitcoord.domain.time import Time
from gitcoord.errors import InvalidValue, ProfileInUse, ProfileNotFound

if TYPE_CHECKING:
    from gitcoord.domain.state import State

Trust = Annotated[int, msgspec.Meta(ge=0, le=4)]
#: How much; None: any number.
Limit = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)] | None

#: What people call the levels.
LEVELS = ("suspended", "limited", "standard", "elevated", "admin")
#: Stands for a limit that is taken away.
NO_LIMIT = -1


class Profile(Record, frozen=True, kw_only=True):
    """What whoever has this profile may do."""

    table = "profiles"

    name: str
    description: str = ""
    #: Sessions of this type have it, unless their agent is assigned to another.
    agent_type: str = ""
    trust: Trust = 2
    #: Names of operations; where there are any, all others are refused.
    allowed: tuple[str, ...] = ()
    #: Names of operations that are refused whatever else is said.
    blocked: tuple[str, ...] = ()
    #: Distinct files that a session may lock or change.
    max_files: Limit = None
    #: Seconds from its check-in during which a session may act.
    max_seconds: Limit = None
    #: Operations in an hour.
    max_calls: Limit = None
    enabled: bool = True
    created_at: Time = ""
    changed_at: Time = ""
    changed_by: str = ""

    def terms(self) -> Iterable[str]:
        """Return the type of its agents; every one has this term, so that there are any."""
        yield f"type:{self.agent_type}"

    @property
    def restricts(self) -> bool:
        """Whether it says more than a trust level."""
        limits = (self.max_files, self.max_seconds, self.max_calls)
        return bool(self.allowed or self.blocked) or any(one is not None for one in limits)


_READ = (
    "check_locks", "read_handoff", "discover_agents", "recall", "check_guardrails",
    "get_my_profile", "query_audit",
)  # fmt: skip
_WORKER = (
    "acquire_lock", "release_lock", "check_locks", "get_work", "complete_work", "submit_work",
    "register_session", "heartbeat", "remember", "recall", "check_guardrails", "get_my_profile",
)  # fmt: skip
# What Agent Coordinator had no word for is allowed where the like of it is.
_LANDING = (
    "register_feature", "deregister_feature", "pause_feature", "request_approval", "use_approval",
    "verify", "enqueue_merge", "check_merge", "land_merge", "mark_merged", "eject_merge",
    "remove_merge",
)  # fmt: skip
_OURS = ("send_message", "allocate_ports", "release_ports", "escalate", *_LANDING)
_FULL = (*_WORKER, "write_handoff", "read_handoff", "discover_agents", "query_audit", *_OURS)

#: The profiles that are there without being stored, by name; the first of a type counts.
BUILT_IN: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            name="claude_code_cli",
            description="Claude Code on somebody's machine",
            agent_type="claude_code",
            trust=3,
            allowed=_FULL,
            max_files=100,
        ),
        Profile(
            name="claude_code_web_reviewer",
            description="Claude Code on the web that reads and reviews",
            agent_type="claude_code",
            trust=1,
            allowed=_READ,
            max_files=0,
        ),
        Profile(
            name="claude_code_web_implementer",
            description="Claude Code on the web that writes",
            agent_type="claude_code",
            trust=2,
            allowed=_FULL,
            max_files=50,
        ),
        Profile(
            name="codex_cloud_worker",
            description="Codex in its cloud, for one task at a time",
            # Not "codex": so gitcoord itself calls every conversation with a local Codex.
            agent_type="codex_cloud",
            trust=2,
            allowed=(*_WORKER, "allocate_ports", "release_ports", "escalate", *_LANDING),
            max_files=50,
        ),
        Profile(
            name="strands_orchestrator",
            description="An orchestrator that leads others",
            agent_type="strands",
            trust=3,
            allowed=(*_FULL, "cleanup_agents"),
            max_files=200,
        ),
    )
}


def canonical(name: str) -> str:
    """Return the name of a profile; built-in ones may be written with hyphens."""
    plain = name.replace("-", "_")
    return plain if plain in BUILT_IN else name


def found(state: State, name: str) -> Profile | None:
    """Return the profile of that name, stored or built in, or None."""
    name = canonical(name)
    stored = state.get(Profile, name) if state.holds(Profile.table) else None
    return stored or BUILT_IN.get(name)


def profile_of(state: State, name: str) -> Profile:
    """Return the profile of that name. Raises `ProfileNotFound`."""
    profile = found(state, name)
    if profile is None:
        raise ProfileNotFound(f"there is no profile {name!r}", profile=name[:100])
    return profile


def of_type(state: State, agent_type: str) -> Profile | None:
    """Return the enabled profile of a type: the oldest that is stored, else a built-in one."""
    if not agent_type:
        return None
    stored = state.find(Profile, f"type:{agent_type}") if state.holds(Profile.table) else []
    enabled = sorted((x for x in stored if x.enabled), key=lambda x: (x.created_at, x.name))
    own = (x for x in BUILT_IN.values() if x.agent_type == agent_type)
    return next(iter([*enabled, *(x for x in own if found(state, x.name) is x)]), None)


def every(state: State) -> list[Profile]:
    """Return all profiles by name."""
    stored = {one.name: one for one in state.all(Profile)}
    return [one for _, one in sorted((BUILT_IN | stored).items())]


class ProfileChanged(Answer, frozen=True, kw_only=True):
    """The profile as it is now; None where there is none of that name any more."""

    profile: Profile | None = None


class SetProfile(Operation, frozen=True, kw_only=True):
    """Make a profile, or change what is named of one; the rest of it stays."""

    tag = "profile.set"
    answer = ProfileChanged
    sessionless: ClassVar[bool] = True

    name: str
    description: str | None = None
    agent_type: str | None = None
    trust: int | None = None
    allowed: tuple[str, ...] | None = None
    blocked: tuple[str, ...] | None = None
    #: -1: no limit.
    max_files: int | None = None
    max_seconds: int | None = None
    max_calls: int | None = None
    enabled: bool | None = None

    def apply(self, state: State, context: Context) -> ProfileChanged:
        """Store the profile.

        Raises `InvalidValue`, and `ProfileInUse` where agents are assigned to one that is
        switched off: they would fall back to what their type, or nobody, has.
        """
        name = canonical(checked_name(self.name, "profile"))
        before = found(state, name) or Profile(name=name)
        said = {
            field: value
            for field in self.__struct_fields__
            if field != "name" and (value := getattr(self, field)) is not None
        }
        after = msgspec.structs.replace(before, **said)
        after = _checked(msgspec.structs.replace(after, **{x: _limit(after, x) for x in _LIMITS}))
        if not after.enabled:
            _refuse_used(state, name, "switched off")
        if after != before or state.get(Profile, name) is None:
            after = msgspec.structs.replace(
                after,
                created_at=before.created_at or context.now,
                changed_at=context.now,
                changed_by=context.agent,
            )
            state.put(after)
        return ProfileChanged(profile=after)

    def subject(self, answer: ProfileChanged, agent: str) -> str:
        """Return the diary line."""
        trust = answer.profile.trust if answer.profile else 0
        return one_line(f"profile: {agent or 'somebody'} sets {self.name} (trust {trust})")


class RemoveProfile(Operation, frozen=True, kw_only=True):
    """Remove a stored profile; a built-in one of that name is there again."""

    tag = "profile.remove"
    answer = ProfileChanged
    sessionless: ClassVar[bool] = True

    name: str

    def apply(self, state: State, context: Context) -> ProfileChanged:
        """Remove it. Raises `ProfileNotFound`, and `ProfileInUse` where agents need it."""
        name = canonical(self.name)
        stored = state.get(Profile, name)
        if stored is None:
            built_in = " (a built-in one can only be switched off)" if name in BUILT_IN else ""
            raise ProfileNotFound(f"no profile {name!r} is stored{built_in}", profile=name[:100])
        if name not in BUILT_IN:
            _refuse_used(state, name, "removed")
        state.remove(stored)
        return ProfileChanged(profile=BUILT_IN.get(name))

    def subject(self, answer: ProfileChanged, agent: str) -> str:
        """Return the diary line."""
        return one_line(f"profile: {agent or 'somebody'} removes {self.name}")


_LIMITS = ("max_files", "max_seconds", "max_calls")


def _limit(profile: Profile, field: str) -> int | None:
    value: int | None = getattr(profile, field)
    return None if value == NO_LIMIT else value


def _checked(profile: Profile) -> Profile:
    """Return the profile if its values are right. Raises `InvalidValue`."""
    try:
        checked = msgspec.convert(msgspec.to_builtins(profile), Profile)
    except msgspec.ValidationError as wrong:
        raise InvalidValue(f"profile {profile.name}: {wrong}") from None
    if profile.agent_type:
        checked_name(profile.agent_type, "agent type")
    for what in ("allowed", "blocked"):
        names = checked_names(getattr(profile, what), "operation")
        checked = msgspec.structs.replace(checked, **{what: names})
    for name in checked.blocked:
        if kind_of(name) == "leave":
            raise InvalidValue(
                f"{name} cannot be blocked: whoever may do nothing may still leave", operation=name
            )
    return checked


def _refuse_used(state: State, name: str, what: str) -> None:
    agents = list(_assigned(state, name))
    if agents:
        raise ProfileInUse(
            f"profile {name} cannot be {what}: {', '.join(agents[:5])} is assigned to it",
            hint="Assign those agents to another profile first: `gitcoord profile assign`.",
            profile=name,
            agents=agents,
        )


def _assigned(state: State, name: str) -> Iterator[str]:
    from gitcoord.domain.assignments import Assignment

    yield from (one.agent for one in state.find(Assignment, f"profile:{name}"))
