"""Whether a session may do an operation: its profile, its limits, then trust levels or policies.

The order is: leaving is always permitted; trust level 0 may only read; what a profile blocks is
blocked; a list of what it allows is complete; limits; then the engine decides. Who the session is
and what it may comes from the ledger alone. Loaded only where something could stand against an
operation (`rights`). Not here: Cedar (`cedar`), and what the levels of operations are (`rights`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from gitcoord.domain.assignments import Standing, standing
from gitcoord.domain.limits import COUNTED, count, counts, new_files
from gitcoord.domain.operation import UNKNOWN
from gitcoord.domain.resources import LEDGER, Resource, demands, file, named, of_task
from gitcoord.domain.rights import NAMES, NEEDED, TAGS, Kind, kind_of, name_of
from gitcoord.domain.sessions import Session, known
from gitcoord.domain.tally import Tally, files_of
from gitcoord.domain.time import seconds_between
from gitcoord.errors import (
    AgentSuspended,
    DomainBlocked,
    InsufficientTrust,
    NotPermitted,
    PolicyDenied,
    PolicyEvaluationFailed,
    PolicyLoadFailed,
    ResourceLimitExceeded,
    SessionNotFound,
    SessionRequired,
    UsageError,
)

if TYPE_CHECKING:
    from gitcoord.domain.operation import Answer, Context, Operation
    from gitcoord.domain.state import State
    from gitcoord.domain.tasks import Task
    from gitcoord.domain.time import Time

Engine = Literal["native", "cedar"]

#: What may still be done when the time of a session is over, beside leaving and reading.
AFTERWARDS = frozenset({"write_handoff"})
#: Kinds that a list of what is allowed speaks of.
_LISTED: frozenset[Kind] = frozenset({"read", "claim", "write", "admin", "govern"})


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, as the ledger knows it."""

    session: str = ""
    agent: str = ""
    type: str = ""
    standing: Standing
    #: Used so far: distinct files, seconds since the check-in, calls in the last hour.
    files: int = 0
    seconds: float = 0.0
    calls: int = 0
    #: When a call is free again, where all are used.
    free_at: str = ""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a question, and why."""

    allowed: bool
    #: `KIND_permitted`, or the code of the refusal.
    reason: str
    engine: Engine = "native"
    #: In words, for a refusal.
    detail: str = ""
    diagnostics: dict[str, Any] = {}


def principal(state: State, session: Session | None, now: Time, agent: str = "") -> Principal:
    """Return who asks; without a session an agent that has not checked in, perhaps by name."""
    found = standing(state, session, agent)
    if session is None:
        return Principal(agent=agent, standing=found)
    tally, profile = session.tally or Tally(), found.profile
    counted = profile.max_files is not None
    return Principal(
        session=session.id,
        agent=session.agent,
        type=session.type,
        standing=found,
        files=len(files_of(state, session.id, tally)) if counted else len(tally.files),
        seconds=max(0.0, seconds_between(session.started_at, now)),
        calls=sum(tally.recent(now).values()),
        free_at=tally.free_at(now),
    )


def decide(
    state: State, who: Principal, name: str, resource: Resource = LEDGER, *, new_files: int = 0
) -> Decision:
    """Decide whether `who` may do the operation of that name with the resource.

    `new_files`: how many files it would add to those of the session. Raises
    `PolicyEngineMissing` where Cedar has to be asked and is not installed.
    """
    kind = kind_of(name)
    diagnostics = _diagnostics(who, name, kind)
    refusal = _profile(who, name, kind) or _limits(who, name, kind, new_files)
    engine: Engine = state.settings.policy_engine
    if refusal is not None:
        return Decision(
            allowed=False,
            reason=refusal[0],
            detail=refusal[1],
            engine=engine,
            diagnostics=diagnostics,
        )
    if kind == "leave":
        return Decision(
            allowed=True, reason="leave_permitted", engine=engine, diagnostics=diagnostics
        )
    if engine == "cedar":
        from gitcoord.domain.cedar import judge

        return judge(state, who, name, resource, diagnostics)
    return _native(state, who, name, kind, resource, diagnostics)


def asked(state: State, who: Principal, operation: str, resource: str = "") -> Decision:
    """Decide a question of somebody: an operation by its name or tag, and a resource in words.

    What has no such name is denied. Raises `InvalidUrl` for a domain that is none, and
    `PolicyEngineMissing`.
    """
    name = TAGS.get(operation, operation)
    if name not in NAMES:
        return Decision(
            allowed=False,
            reason=NotPermitted.code,
            engine=state.settings.policy_engine,
            detail=f"there is no operation {operation[:100]!r}",
            diagnostics={"operation": operation[:100], "known": sorted(NAMES)},
        )
    thing = named(state, who.standing.profile.name, name, resource)
    new = int(
        name == "acquire_lock" and bool(resource) and not counts(state, who.session, resource)
    )
    return decide(state, who, name, thing, new_files=new)


def claim_obstacle(state: State, context: Context, session: Session, task: Task) -> Decision | None:
    """Return what is against this session's claim of the task and of its keys, if anything is."""
    who = principal(state, session, context.now)
    wishes = [("get_work", of_task(task)), *(("acquire_lock", file(key)) for key in task.keys)]
    new = 0
    if who.standing.profile.max_files is not None:
        with suppress(UsageError):
            # What is wrong with a key is an obstacle of its own.
            new = len(new_files(state, session, task.keys))
    decisions = (
        decide(state, who, name, thing, new_files=new if name == "acquire_lock" else 0)
        for name, thing in _once(state, iter(wishes))
    )
    return next((one for one in decisions if not one.allowed), None)


def key_refusals(
    state: State, context: Context, session: Session, keys: Sequence[str]
) -> dict[str, NotPermitted]:
    """Return those keys that this session may not lock, each with the refusal; in their order.

    Those before count as files of the session already. Raises what is wrong with a key.
    """
    who = principal(state, session, context.now)
    limited = who.standing.profile.max_files is not None
    fresh = new_files(state, session, keys) if limited else set()
    found: dict[str, NotPermitted] = {}
    taken = 0
    for key in keys:
        new = taken + 1 if key in fresh else 0
        decision = decide(state, who, "acquire_lock", file(key), new_files=new)
        if not decision.allowed:
            found[key] = refusal_of(decision, who, "acquire_lock")
        elif new:
            taken = new
    return found


def permitted(state: State, context: Context, operation: Operation) -> Answer:
    """Apply the operation if its session may do it, count it, and return its answer.

    Raises a `NotPermitted` that says what is in the way, and what the operation raises.
    """
    try:
        session: Session | None = known(state, context)
    except (SessionNotFound, SessionRequired):
        session = None
    name = name_of(operation, context.session or "")
    kind = kind_of(name)
    if session is None and context.session == UNKNOWN:
        _check_unknown(state, context, name, operation)
        return operation.apply(state, context)
    if session is None:
        # Nobody is known by that id: the operation says so itself, unless it would not look.
        if kind in ("admin", "govern"):
            known(state, context)
        return operation.apply(state, context)
    if kind != "leave":
        _check(state, session, name, operation, context.now)
    profile = standing(state, session).profile
    counted = profile.max_files is not None
    before = files_of(state, session.id, session.tally or Tally()) if counted else ()
    answer = operation.apply(state, context)
    if counted or profile.max_calls is not None:
        count(state, context, session.id, kind, profile, before)
    return answer


def refusal_of(decision: Decision, who: Principal, name: str) -> NotPermitted:
    """Return the refusal that a denial is told with."""
    kind = next((x for x in _REFUSALS if x.code == decision.reason), NotPermitted)
    found = who.standing
    unknown = f"{who.agent or 'an agent'} without a session"
    whose = f"session {who.session} of {who.agent}" if who.session else unknown
    return kind(
        f"{whose} may not {name}: {decision.detail}",
        operation=name,
        agent=who.agent,
        session=who.session,
        profile=found.profile.name,
        source=found.source,
        trust=found.trust,
        engine=decision.engine,
        **{
            field: value
            for field, value in decision.diagnostics.items()
            if field in ("needed", "limit", "used", "until", "policies", "errors")
        },
    )


def _check_unknown(state: State, context: Context, name: str, operation: Operation) -> None:
    """Raise what keeps an agent that has not checked in from the operation.

    What sessions usually may not do it never may, whoever it says it is.
    """
    if kind_of(name) in ("admin", "govern"):
        raise SessionRequired(
            f"an agent that has not checked in may not {name}",
            hint="Run `gitcoord session start`, or let a person do it in a terminal of their own.",
        )
    who = principal(state, None, context.now, context.agent)
    profile = who.standing.profile
    limited = profile.max_calls is not None or profile.max_seconds is not None
    if limited and kind_of(name) in COUNTED:
        raise SessionRequired(
            f"profile {profile.name} limits what a session does: check in before you {name}"
        )
    for asked, resource in _once(state, demands(state, operation, name)):
        decision = decide(state, who, asked, resource)
        if not decision.allowed:
            raise refusal_of(decision, who, asked)


def _check(state: State, session: Session, name: str, operation: Operation, now: Time) -> None:
    who = principal(state, session, now)
    # Who waits for keys gets them in somebody else's transaction.
    waits = getattr(operation, "wait", 0) > 0 and who.standing.profile.max_files is not None
    new = len(new_files(state, session, getattr(operation, "keys", ()))) if waits else 0
    for asked, resource in _once(state, demands(state, operation, name)):
        decision = decide(state, who, asked, resource, new_files=new)
        if not decision.allowed:
            raise refusal_of(decision, who, asked)


def _once(state: State, found: Iterator[tuple[str, Resource]]) -> Iterator[tuple[str, Resource]]:
    """Yield what is to be asked: levels do not look at resources, so that one will do."""
    seen = set()
    for asked, resource in found:
        if state.settings.policy_engine != "native" or asked not in seen:
            yield asked, resource
        seen.add(asked)


def _profile(who: Principal, name: str, kind: Kind) -> tuple[str, str] | None:
    """Return what the trust level and the lists of the profile have against it, and why."""
    found = who.standing
    if kind == "leave":
        return None
    if found.trust == 0 and kind != "read":
        return "agent_suspended", "trust level 0 may read and leave, nothing else"
    if name in found.profile.blocked:
        return "operation_not_permitted", f"profile {found.profile.name} blocks it"
    if found.profile.allowed and kind in _LISTED and name not in found.profile.allowed:
        return "operation_not_permitted", f"profile {found.profile.name} does not allow it"
    if kind == "govern" and found.trust < NEEDED["govern"]:
        # Whatever policies say: nobody gives rights to itself.
        return InsufficientTrust.code, _lacking(found, NEEDED["govern"])
    return None


def _limits(who: Principal, name: str, kind: Kind, new_files: int) -> tuple[str, str] | None:
    """Return which limit of the profile stands against it, and how."""
    if kind in ("leave", "read"):
        return None
    code, profile = ResourceLimitExceeded.code, who.standing.profile
    timed = profile.max_seconds is not None and name not in AFTERWARDS
    if timed and who.seconds > (profile.max_seconds or 0):
        words = "it may write a handoff, give back what it holds and end"
        return code, f"its {profile.max_seconds} s are over; {words}"
    if profile.max_calls is not None and kind in COUNTED and who.calls >= profile.max_calls:
        return code, f"it has made {who.calls} calls in an hour, at most {profile.max_calls}"
    if new_files and profile.max_files is not None and who.files + new_files > profile.max_files:
        words = f"it may lock or change {profile.max_files} files"
        return code, f"{words}, has {who.files}, and this is {new_files} more"
    return None


def _native(
    state: State,
    who: Principal,
    name: str,
    kind: Kind,
    resource: Resource,
    diagnostics: dict[str, Any],
) -> Decision:
    """Decide by trust level, and network access by the network rules."""
    found = who.standing
    if found.trust < NEEDED[kind]:
        return Decision(
            allowed=False,
            reason=InsufficientTrust.code,
            detail=_lacking(found, NEEDED[kind]),
            diagnostics=diagnostics | {"needed": NEEDED[kind]},
        )
    if name == "network_access" and not resource.attributes.get("allowed", False):
        return Decision(
            allowed=False,
            reason="domain_blocked",
            detail=f"no network rule allows {resource.id}",
            diagnostics=diagnostics,
        )
    return Decision(allowed=True, reason=f"{kind}_permitted", diagnostics=diagnostics)


def _lacking(found: Standing, needed: int) -> str:
    return f"it needs trust level {needed}, and {found.profile.name} has {found.trust}"


def _diagnostics(who: Principal, name: str, kind: Kind) -> dict[str, Any]:
    profile = who.standing.profile
    limits = {
        field: value
        for field in ("max_files", "max_seconds", "max_calls")
        if (value := getattr(profile, field)) is not None
    }
    found: dict[str, Any] = {
        "operation": name,
        "kind": kind,
        "profile": profile.name,
        "source": who.standing.source,
        "trust": who.standing.trust,
    }
    if limits:
        used = {"files": who.files, "seconds": round(who.seconds), "calls": who.calls}
        found |= {"limit": limits, "used": used}
    if profile.max_calls is not None and who.calls >= profile.max_calls:
        found["until"] = who.free_at
    return found


_REFUSALS: tuple[type[NotPermitted], ...] = (
    AgentSuspended,
    InsufficientTrust,
    ResourceLimitExceeded,
    PolicyDenied,
    PolicyLoadFailed,
    PolicyEvaluationFailed,
    DomainBlocked,
)
