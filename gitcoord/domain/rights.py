"""What operations are called in profiles and policies, and which trust each kind of them needs.

The names are those of Agent Coordinator where it had the operation. This is also the gate on the
write path: `apply` costs next to nothing for a session that nothing restricts, and loads the
rules of `permission` for the others. Not here: those rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from gitcoord.domain.operation import Answer, Context, Operation
    from gitcoord.domain.sessions import Session
    from gitcoord.domain.state import State

#: `leave`: whoever may do nothing may still go, and facts are noted whatever is permitted.
#: `presence`: to take part. `claim`: to get work. `govern`: to change what is permitted.
Kind = Literal["leave", "read", "presence", "claim", "write", "admin", "govern"]

#: Trust level that each kind needs where no policy says otherwise.
NEEDED: dict[Kind, int] = {
    "leave": 0,
    "read": 0,
    "presence": 1,
    "claim": 1,
    "write": 2,
    "admin": 3,
    "govern": 4,
}

#: Name -> kind.
NAMES: dict[str, Kind] = {
    "check_locks": "read",
    "get_task": "read",
    "recall": "read",
    "discover_agents": "read",
    "read_handoff": "read",
    "read_messages": "read",
    "query_audit": "read",
    "get_my_profile": "leave",
    "check_policy": "leave",
    "validate_cedar_policy": "read",
    "check_guardrails": "read",
    "ports_status": "read",
    "register_session": "presence",
    "heartbeat": "presence",
    "get_work": "claim",
    "acquire_lock": "write",
    "takeover_lock": "write",
    "release_lock": "leave",
    "submit_work": "write",
    "complete_work": "write",
    "release_work": "leave",
    "write_handoff": "write",
    "remember": "write",
    "send_message": "write",
    "allocate_ports": "write",
    "release_ports": "leave",
    "escalate": "write",
    "resolve_escalation": "write",
    "register_feature": "write",
    "deregister_feature": "write",
    "pause_feature": "write",
    "request_approval": "presence",
    "use_approval": "presence",
    "decide_approval": "admin",
    "enqueue_merge": "write",
    "check_merge": "write",
    "land_merge": "write",
    "mark_merged": "write",
    "eject_merge": "write",
    "remove_merge": "write",
    "verify": "write",
    "network_access": "presence",
    "check_in": "leave",
    "end_session": "leave",
    "record_facts": "leave",
    "force_push": "admin",
    "delete_branch": "admin",
    "cleanup_agents": "admin",
    "change_settings": "admin",
    "maintain_ledger": "admin",
    "manage_permissions": "govern",
}

#: Tag of an operation, with `:MOVE` or `:own` where that matters -> name.
TAGS: dict[str, str] = {
    # A check-in has no session yet, or goes on with one: it gives no right.
    "session.start": "check_in",
    "session.heartbeat": "heartbeat",
    "session.scope": "register_session",
    "session.end": "end_session",
    "session.pause": "cleanup_agents",
    "session.pause:own": "check_in",
    "session.resume": "cleanup_agents",
    "session.resume:own": "check_in",
    "session.kill": "cleanup_agents",
    # Who is dead by its own rules is ended by whoever looks.
    "session.suspect": "record_facts",
    "session.sweep": "record_facts",
    "session.usage": "record_facts",
    "session.signals": "record_facts",
    "lease.lapse": "record_facts",
    "lock.acquire": "acquire_lock",
    "lock.renew": "acquire_lock",
    "lock.release": "release_lock",
    "lock.takeover": "takeover_lock",
    "lock.track": "acquire_lock",
    "lock.leave": "release_lock",
    "lock.landed": "record_facts",
    "task.add": "submit_work",
    "task.claim": "get_work",
    "task.next": "get_work",
    "task.move": "complete_work",
    "task.move:release": "release_work",
    "task.settle": "complete_work",
    "task.retry": "submit_work",
    "task.note": "complete_work",
    "task.worktree": "complete_work",
    "handoff.write": "write_handoff",
    "memory.remember": "remember",
    "memory.forget": "remember",
    "memory.use": "record_facts",
    "working.set": "remember",
    "working.clear": "remember",
    "port.allocate": "allocate_ports",
    "port.release": "release_ports",
    "plan.add": "submit_work",
    "task.report": "complete_work",
    "escalation.raise": "escalate",
    "escalation.resolve": "resolve_escalation",
    "feature.register": "register_feature",
    "feature.pause": "pause_feature",
    "feature.resume": "pause_feature",
    "feature.deregister": "deregister_feature",
    "approval.request": "request_approval",
    "approval.use": "use_approval",
    "approval.decide": "decide_approval",
    "merge.enqueue": "enqueue_merge",
    "merge.check": "check_merge",
    "merge.checked": "check_merge",
    "merge.begin": "land_merge",
    "merge.land": "land_merge",
    "merge.hand_over": "land_merge",
    "merge.back": "land_merge",
    "merge.settle": "mark_merged",
    "merge.note_pull": "mark_merged",
    "merge.eject": "eject_merge",
    "merge.remove": "remove_merge",
    "verification.record": "verify",
    "verification.policy_set": "manage_permissions",
    "verification.policy_remove": "manage_permissions",
    "change.record": "record_facts",
    "message.send": "send_message",
    "message.read": "record_facts",
    "message.ack": "record_facts",
    "guard.record": "record_facts",
    "network.record": "record_facts",
    "profile.set": "manage_permissions",
    "profile.remove": "manage_permissions",
    "profile.assign": "manage_permissions",
    "policy.set": "manage_permissions",
    "policy.remove": "manage_permissions",
    "network.set": "manage_permissions",
    "network.remove": "manage_permissions",
    "config.set": "change_settings",
    "config.set:guarded": "manage_permissions",
    "ledger.compact": "maintain_ledger",
    "ledger.import": "maintain_ledger",
    "ledger.init": "maintain_ledger",
}

#: What the profile of those who have none is called.
DEFAULT = "default"
#: Settings on which what is permitted depends.
GUARDED = frozenset({"agent_trust", "policy_engine", "risk_approval", "risky_paths"})
#: Tags that need more trust than sessions usually have.
HIGH = frozenset(tag for tag, name in TAGS.items() if NEEDED[NAMES[name]] > NEEDED["write"])
#: Agent types of which a built-in profile says more than the default; a test holds them together.
TYPES = frozenset({"claude_code", "codex_cloud", "strands"})


def name_of(operation: Operation, session: str) -> str:
    """Return what profiles and policies call an operation that this session asks for.

    One that the table does not have is called as its tag, with `_` for `.`.
    """
    tag = operation.tag
    found = None
    if tag == "task.move":
        found = TAGS.get(f"{tag}:{getattr(operation, 'move', '')}")
    elif tag in ("session.pause", "session.resume") and _own(operation, session):
        found = TAGS[f"{tag}:own"]
    elif tag == "config.set" and GUARDED & set(getattr(operation, "values", ())):
        found = TAGS[f"{tag}:guarded"]
    return found or TAGS.get(tag) or tag.replace(".", "_")


def kind_of(name: str) -> Kind:
    """Return the kind of an operation; of one that is not in the table: `write`."""
    return NAMES.get(name, "write")


def apply(state: State, context: Context, operation: Operation, actor: Session | None) -> Answer:
    """Apply the operation if the session that asks may do it, and return its answer.

    `actor` is that session where it is known already. Who asks without a session is a person
    and may do everything, but for the agent that nobody knows (`UNKNOWN`). Raises what is
    forbidden as `NotPermitted`.
    """
    if context.session is None or not _watched(state, context, operation, actor):
        return operation.apply(state, context)
    from gitcoord.domain.permission import permitted

    return permitted(state, context, operation)


def restricted(state: State, session: Session) -> bool:
    """Say whether anything could stand against what this session does, below `admin`."""
    return _ruled(state) or session.type in TYPES


def briefly(state: State, session: Session) -> tuple[int, str]:
    """Return the trust level of a session and the name of its profile, for lists."""
    if not restricted(state, session):
        return state.settings.agent_trust, DEFAULT
    from gitcoord.domain.assignments import standing

    found = standing(state, session)
    return found.trust, found.profile.name


def guard_trust(state: State, holder: str | None) -> int:
    """Return the trust level by which guardrails judge what a session, or nobody, does."""
    from gitcoord.domain.sessions import Session, root

    session = state.get(Session, root(holder)) if holder else None
    if session is None or not restricted(state, session):
        return state.settings.agent_trust
    from gitcoord.domain.assignments import guarded

    return guarded(state, session)


def _watched(state: State, context: Context, operation: Operation, actor: Session | None) -> bool:
    """Say whether anything could stand against the operation, or has to be counted."""
    if operation.tag in HIGH or _ruled(state):
        return True
    if actor is None:
        from gitcoord.domain.sessions import Session, root

        actor = state.get(Session, root(context.session or ""))
    return actor is not None and actor.type in TYPES


def _ruled(state: State) -> bool:
    """Say whether the ledger says anything about what sessions may do."""
    settings = state.settings
    return (
        settings.agent_trust < NEEDED["write"]
        or settings.policy_engine != "native"
        or state.holds("profiles")
        or state.holds("assignments")
    )


def _own(operation: Operation, session: str) -> bool:
    named = getattr(operation, "id", "")
    return named in ("", session.partition("/")[0])
