"""The routes, a line each. A new operation or query is a line here.

An operation's body is its fields, of which `examples` has one; `{name}` in the path fills the
field of that name. A query is a function from a request and its parameters to an answer. `scope`
is the least that a key has to have. Not here: how a line is answered, or described.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Literal, NamedTuple

import msgspec

from gitcoord.domain.operation import Answer, Operation, kind_of
from webhook.api import (
    approvals,
    audits,
    features,
    memories,
    merges,
    plans,
    records,
    rights,
    verifications,
    who,
    work,
)
from webhook.api.examples import EXAMPLES
from webhook.keys import Scope

Method = Literal["GET", "POST", "PATCH"]


class Line(NamedTuple):
    """One route below /api/v1."""

    method: Method
    path: str
    scope: Scope
    summary: str
    #: The tag of an operation; "" for a query.
    tag: str = ""
    query: Callable[[Any, Any], Any] | None = None
    #: A body, as an example, or the parameters of a query.
    example: Mapping[str, Any] = {}
    status: int = 200

    @property
    def operation(self) -> type[Operation]:
        """The class of the operation."""
        return kind_of(self.tag)

    @property
    def answer(self) -> type[Answer]:
        """The class of the operation's answer."""
        return self.operation.answer

    @property
    def id(self) -> str:
        """A name for programs: `lock_acquire`, `get_locks`."""
        named = self.tag.replace(".", "_")
        return named or str(getattr(self.query, "__name__", ""))


def _do(
    path: str,
    tag: str,
    scope: Scope,
    summary: str,
    status: int = 200,
    method: Method = "POST",
) -> Line:
    return Line(method, path, scope, summary, tag, None, EXAMPLES.get(tag, {}), status)


def _see(
    path: str,
    query: Callable[[Any, Any], Any],
    summary: str,
    example: Mapping[str, Any] | None = None,
    scope: Scope = "read",
) -> Line:
    return Line("GET", path, scope, summary, query=query, example=example or {})


LINES: tuple[Line, ...] = (
    # What there is.
    _see("/status", who.status, "Counts, and what wants attention"),
    _see("/sessions", who.sessions, "Who is here, or was", {"agent": "ada"}),
    _see("/sessions/{session}", who.session, "One session with what it holds"),
    _see("/locks", who.locks, "Locks, waiters and what has not landed", {"agent": "ada"}),
    _see("/locks/check", who.checked, "Who holds paths or keys", {"path": ["src/auth/login.py"]}),
    _see("/tasks", work.tasks, "Tasks, the most urgent first", {"status": ["pending"]}),
    _see("/tasks/graph", work.graph, "Open tasks with what they wait for"),
    _see("/tasks/{task}", work.task, "One task with notes, attempts, obstacles"),
    _see("/handoffs", records.handoffs, "Handoffs, the newest first", {"agent": "ada"}),
    _see(
        "/memories",
        memories.memories,
        "What was learned, the most relevant first",
        {"text": "upload hangs", "tag": ["s3"]},
    ),
    _see("/session/memory", memories.working_memory, "What the acting session keeps for itself"),
    _see("/messages", records.inbox, "Messages to the acting session and to all"),
    _see("/messages/sent", records.outbox, "Messages of the acting session, with receipts"),
    _see("/changes", records.changes, "Who has changed which file lately", {"path": "src/"}),
    _see("/violations", records.violations, "What guardrails have found", {"session": "s-1"}),
    _see("/notices", records.notices, "What the acting session was told"),
    _see("/settings", records.settings, "What all have agreed on"),
    _see("/log", records.log, "Transactions, the newest first", {"operation": "lock."}),
    _see(
        "/audit",
        audits.audit,
        "Who asked for what and what came of it, the newest first",
        {"outcome": "refused", "agent": "ada"},
    ),
    _see(
        "/audit/export",
        audits.audit_export,
        "All of the audit that is asked for",
        {"since": "30d"},
        scope="admin",
    ),
    _see("/export", records.export, "All records, as `gitcoord export`", scope="admin"),
    # What agents may do.
    _see("/profiles", rights.profiles, "Profiles, and which agents are assigned to them"),
    _see("/profiles/me", rights.mine, "What the acting session may do, and what it has used"),
    _see("/policies", rights.policies, "Policies, and the engine that decides"),
    _see(
        "/policy/check",
        rights.check,
        "Whether the acting session may do an operation",
        {"operation": "acquire_lock", "resource": "src/auth/login.py"},
    ),
    _see("/network/rules", rights.network, "Network rules in the order in which they count"),
    _see(
        "/network/check",
        rights.access,
        "Whether the acting session may reach a URL or a domain",
        {"target": "https://api.github.com"},
    ),
    _see("/network/accesses", rights.accesses, "What agents wanted to reach, the newest first"),
    _do(
        "/profiles/{name}",
        "profile.set",
        "admin",
        "Make a profile, or change what is named of one",
    ),
    _do("/profiles/{name}/remove", "profile.remove", "admin", "Remove a stored profile"),
    _do(
        "/assignments/{agent}",
        "profile.assign",
        "admin",
        "Give an agent a profile; none takes it away",
    ),
    _do(
        "/policies/{name}",
        "policy.set",
        "admin",
        "Store a policy, or change what is named of one",
    ),
    _do("/policies/{name}/remove", "policy.remove", "admin", "Remove a stored policy"),
    _do(
        "/network/rules",
        "network.set",
        "admin",
        "Add a network rule, or replace the one with its id",
    ),
    _do("/network/rules/{id}/remove", "network.remove", "admin", "Remove a stored network rule"),
    _do(
        "/network/accesses",
        "network.record",
        "agent",
        "Say what was reached or blocked",
        201,
    ),
    # Sessions.
    _do(
        "/sessions",
        "session.start",
        "agent",
        "Check in, or go on; answers with the session's token",
        201,
    ),
    _do("/session/heartbeat", "session.heartbeat", "agent", "Show that the session lives"),
    _do("/session/scope", "session.scope", "agent", "Say what the session works on now"),
    _do("/session/end", "session.end", "agent", "Check out; what is held is freed"),
    _do("/session/usage", "session.usage", "agent", "Tell the totals of tokens and requests"),
    _do(
        "/session/signals",
        "session.signals",
        "agent",
        "Tell what a conversation looks like: errors in a row, repeated calls, progress",
    ),
    _do("/sessions/{id}/pause", "session.pause", "admin", "Stop a session until it is resumed"),
    _do("/sessions/{id}/resume", "session.resume", "admin", "Let a paused session go on"),
    _do("/sessions/{id}/kill", "session.kill", "admin", "End a session and free what it holds"),
    _do("/sessions/{id}/suspect", "session.suspect", "admin", "Mark a session that seems dead"),
    _do("/sessions/{id}/sweep", "session.sweep", "admin", "End a session that is known to be dead"),
    _do("/leases/lapse", "lease.lapse", "agent", "End leases whose time is over"),
    # Locks.
    _do("/locks", "lock.acquire", "agent", "Take locks: all or none"),
    _do("/locks/renew", "lock.renew", "agent", "Extend locks; without keys all of them"),
    _do("/locks/release", "lock.release", "agent", "Give locks back"),
    _do(
        "/locks/takeover",
        "lock.takeover",
        "agent",
        "Take what another holds, with a reason that it is told",
    ),
    _do("/locks/leave", "lock.leave", "agent", "Leave the queue"),
    _do("/locks/landed", "lock.landed", "agent", "Drop marks of work that has landed"),
    _do(
        "/locks/track",
        "lock.track",
        "agent",
        "Hold exactly the files that a branch changes, as far as they are free",
    ),
    # Tasks.
    _do("/tasks", "task.add", "agent", "Add tasks", 201),
    _do("/tasks/next", "task.next", "agent", "Claim the most urgent task that can be worked on"),
    _do("/tasks/{id}/claim", "task.claim", "agent", "Claim this task with its keys"),
    _do(
        "/tasks/{id}/move",
        "task.move",
        "agent",
        "Start, block, complete, fail, cancel or release a task",
    ),
    _do(
        "/tasks/{id}/settle",
        "task.settle",
        "admin",
        "Say that a task's work has landed, whoever did it",
    ),
    _do("/tasks/{id}/retry", "task.retry", "agent", "Open a new attempt of a failed task"),
    _do("/tasks/{task}/notes", "task.note", "agent", "Write a note on a task", 201),
    _do("/tasks/{task}/worktree", "task.worktree", "agent", "Say where a task is worked on"),
    # What passes between sessions.
    _do("/handoffs", "handoff.write", "agent", "Leave a handoff", 201),
    _do(
        "/memories",
        "memory.remember",
        "agent",
        "Remember what was learned; the same within an hour is united",
        201,
    ),
    _do("/memories/used", "memory.use", "agent", "Say that memories have helped"),
    _do("/memories/forget", "memory.forget", "agent", "Recall them no more"),
    _do("/session/memory", "working.set", "agent", "Keep texts until the session ends"),
    _do("/session/memory/clear", "working.clear", "agent", "Forget some"),
    _do("/messages", "message.send", "agent", "Write to a session, an agent, or all", 201),
    _do("/messages/read", "message.read", "agent", "Say that messages were read"),
    _do("/messages/ack", "message.ack", "agent", "Acknowledge messages"),
    _do("/changes", "change.record", "agent", "Say what was changed", 201),
    _do("/violations", "guard.record", "agent", "Say what guardrails have found", 201),
    # Plans.
    _see("/plans", plans.plans, "Plans of features, with their packages", {"feature": "login"}),
    _do("/plans", "plan.add", "agent", "Make work packages a feature's plan, a task for each", 201),
    _do("/tasks/{id}/report", "task.report", "agent", "Hand in the result of a package"),
    _see("/escalations", plans.escalations, "Escalations, the oldest first"),
    _do("/escalations", "escalation.raise", "agent", "Raise what a worker cannot decide", 201),
    _do(
        "/escalations/{id}/resolve",
        "escalation.resolve",
        "agent",
        "Say how an escalation was decided",
    ),
    # Features.
    _see("/features", features.features, "Features by priority and age"),
    _see(
        "/features/conflicts",
        features.feature_conflicts,
        "How a feature would stand to those that are open",
        {"feature": "login", "claim": ["src/auth/**"]},
    ),
    _see("/features/matrix", features.feature_matrix, "All features, and which tasks fit together"),
    _see("/features/{feature}", features.feature, "One feature, those that overlap it, its tasks"),
    _do("/features", "feature.register", "agent", "Register a feature, or update one's own", 201),
    _do("/features/{id}/pause", "feature.pause", "agent", "Let none of its tasks be claimed"),
    _do("/features/{id}/resume", "feature.resume", "agent", "Let a paused feature go on"),
    _do("/features/{id}/deregister", "feature.deregister", "agent", "End a feature"),
    # Approvals.
    _see("/approvals", approvals.approvals, "Requests for a person's consent"),
    _see("/approvals/{approval}", approvals.approval, "One request, and what became of it"),
    _do("/approvals", "approval.request", "agent", "Ask a person for consent to one thing", 201),
    _do("/approvals/use", "approval.use", "agent", "Use up the approval of a subject"),
    _do("/approvals/{id}/decide", "approval.decide", "admin", "Approve or deny a request"),
    # The merge queue. What git has a part in stands beside this table (landings).
    _see("/merges", merges.merges, "Entries of the merge queue, by priority and age"),
    _see("/merges/next", merges.next_merges, "What would land now on a target"),
    _see("/merges/{merge}", merges.merge, "One entry: its place, needs, checks and risk"),
    _do("/merges", "merge.enqueue", "agent", "Queue a branch for its target, or begin anew", 201),
    _do("/merges/{id}/eject", "merge.eject", "admin", "Take out an entry that cannot land"),
    _do("/merges/{id}/remove", "merge.remove", "agent", "Give one's own entry up"),
    # Verification.
    _see("/verifications", verifications.verifications, "What is known of commits"),
    _see("/verify-policies", verifications.verify_policies, "Which paths need which checks"),
    _see("/verifications/{commit}", verifications.verification, "What is known of one commit"),
    _do("/verifications", "verification.record", "agent", "Note results for a commit", 201),
    _do(
        "/verify-policies/{name}",
        "verification.policy_set",
        "admin",
        "Make a policy of verification, or change what is named of one",
    ),
    _do(
        "/verify-policies/{name}/remove",
        "verification.policy_remove",
        "admin",
        "Remove a policy of verification",
    ),
    # The ledger.
    _do("/settings", "config.set", "admin", "Change what all have agreed on", method="PATCH"),
    _do("/compact", "ledger.compact", "admin", "Remove what ended long ago"),
    _do("/import", "ledger.import", "admin", "Add the records of an export"),
    _do("/ledger", "ledger.init", "admin", "Begin a ledger where there is none", 201),
)


def covered() -> set[str]:
    """Return the tags of all operations that have a route."""
    return {line.tag for line in LINES if line.tag}


@cache
def fields(kind: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    """Return the fields of a struct by name."""
    return {field.name: field for field in msgspec.structs.fields(kind)}
