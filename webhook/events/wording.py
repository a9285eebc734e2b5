"""Events in words, as incoming webhooks of chats show them, and the formats of notifications.

Slack and Mattermost take `{"text": ...}`. Texts come from agents: nothing in them calls somebody
or hides where a link leads. Not here: signatures, and when something is sent.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gitcoord.errors import InvalidValue

#: How a notification is written: as the event itself, or as a line for a chat.
FORMATS = ("event", "slack")
#: Characters of a line; Slack cuts off behind 4000.
LONGEST = 3000
_BETWEEN = " \N{MIDDLE DOT} "

#: Type -> what is said, and fields that follow where they say something.
WORDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "ledger.began": ("the ledger has begun", ()),
    "ledger.restored": ("the ledger was restored as epoch {epoch}", ()),
    "settings.changed": ("settings were changed", ("changed",)),
    "agent.checkin": ("{agent_name} has checked in", ("task", "area", "files", "branch")),
    "agent.status": ("{agent_name} is {status}", ("task", "area", "files", "branch")),
    "agent.conflict": ("{agent_name} works on what others work on", ("conflicts",)),
    "session.suspected": ("{agent_name} shows no life", ()),
    "session.cleared": ("{agent_name} has shown life again", ()),
    "session.paused": ("{agent_name} is paused", ("paused_for", "reason")),
    "session.resumed": ("{agent_name} goes on", ()),
    "session.stuck": ("{agent_name} is stuck", ("why",)),
    "session.unstuck": ("{agent_name} gets on again", ()),
    "session.usage": ("{agent_name} has used more of its model", ("usage",)),
    "lock.unqueued": ("{agent_name} no longer waits for {keys}", ()),
    "lock.released": ("{agent_name} has released {key}", ()),
    "lock.expired": ("the lock of {agent_name} on {key} has run out", ()),
    "lock.taken_over": ("{key} was taken from {agent_name}", ("by",)),
    "lock.acquired": ("{agent_name} has locked {key}", ("reason",)),
    "lock.renewed": ("{agent_name} keeps {key}", ("expires_at",)),
    "lock.queued": ("{agent_name} waits for {keys}", ("reason",)),
    "mark.landed": ("the work of {agent_name} on {key} has landed, or was given up", ("branch",)),
    "mark.unlanded": ("the work of {agent_name} on {key} has not landed", ("branch",)),
    "task.created": ("task {task_id} was added", ("title",)),
    "task.attempt_ended": (
        "attempt {attempt} of {agent_name} at task {task_id}: {outcome}",
        ("error_code", "error"),
    ),
    "task.status_changed": ("task {task_id} is {to}", ("title", "reason")),
    "task.claimed": ("{agent_name} has claimed task {task_id}", ("title", "keys")),
    "task.completed": ("{agent_name} has completed task {task_id}", ("title", "files_changed")),
    "task.stale": ("task {task_id} is stale: {agent_name} is gone", ("title",)),
    "task.changed": ("task {task_id} was changed", ("title", "changed")),
    "task.note": ("{agent_name} on task {task_id}", ("text",)),
    "feature.registered": ("feature {feature_id} is registered", ("title", "claims")),
    "feature.changed": ("feature {feature_id} was changed", ("changed",)),
    "feature.paused": ("feature {feature_id} is paused", ("by", "reason")),
    "feature.resumed": ("feature {feature_id} goes on", ()),
    "feature.completed": ("feature {feature_id} is done", ("by", "reason")),
    "feature.cancelled": ("feature {feature_id} is given up", ("by", "reason")),
    "plan.made": ("{feature_id} has plan {plan_revision}.{contracts_revision} of {by}", ("title",)),
    "escalation.raised": ("{agent_name} raises {kind} {escalation_id}", ("feature_id", "summary")),
    "escalation.resolved": ("{by} resolves {kind} {escalation_id}", ("resolution",)),
    "approval.requested": ("{agent_name} asks for approval {approval_id}", ("title", "why")),
    "approval.approved": ("{by} approves {approval_id}", ("title", "reason")),
    "approval.denied": ("{by} denies {approval_id}", ("title", "reason")),
    "approval.expired": ("the time for {approval_id} is over", ("title",)),
    "approval.used": ("{agent_name} uses approval {approval_id}", ("title",)),
    "merge.queued": ("{branch} is queued for {target} as {merge_id}", ("feature", "reason")),
    "merge.ready": ("{branch} ({merge_id}) can become part of {target}", ()),
    "merge.blocked": ("{branch} ({merge_id}) is blocked", ("reason",)),
    "merge.landing": ("{branch} ({merge_id}) waits for a pull request", ("pr_url", "reason")),
    "merge.merged": ("{branch} ({merge_id}) is merged into {target}", ("feature", "task")),
    "merge.ejected": ("{branch} ({merge_id}) was ejected", ("by", "reason")),
    "merge.removed": ("{branch} ({merge_id}) was removed from the queue", ("by", "reason")),
    "verification.started": ("{policy} checks {commit:.10}", ("branch",)),
    "verification.passed": ("{commit:.10} has passed {policy}", ("branch", "reason")),
    "verification.failed": ("{commit:.10} has failed {policy}", ("branch", "reason")),
    "verification.waiting": ("{policy} waits with {commit:.10}", ("branch", "reason")),
    "verification.policy_set": ("policy of verification {name} is set", ("include", "tier")),
    "verification.policy_removed": ("policy of verification {name} is gone", ()),
    "handoff.written": ("{agent_name} has left a handoff", ("summary", "next_steps")),
    "change.recorded": ("{agent_name} has changed {path}", ("kind", "summary")),
    "guardrail.violation": ("{agent_name} has met rule {rule}: {action}", ("part", "reason")),
    "agent.message": ("message of {agent_name}", ("to_agent", "text")),
    "message.heard": ("a message to {agent_name} is {status}", ()),
    "agent.notice": ("session {session_id} is told", ("text",)),
    "session.timed_out": (
        "{agent_name} has shown no life and was ended",
        ("reason", "lost_tasks", "lost_keys"),
    ),
    "session.killed": ("{agent_name} was ended by others", ("reason", "lost_tasks", "lost_keys")),
    "agent.checkout": ("{agent_name} has checked out", ("outcome_status", "work_summary")),
    "ledger.compacted": ("closed records were forgotten", ("removed",)),
    "gap": ("events were missed that cannot be told", ("reason",)),
}


def written(form: str, project: str, body: str) -> bytes:
    """Return an event, given as its JSON text, as a target wants it.

    Raises `InvalidValue` for a format that there is not.
    """
    if form == "event":
        return body.encode()
    if form != "slack":
        raise InvalidValue(f"there is no format {form!r}")
    event = msgspec.json.decode(body)
    text = f"[{project}] {said(event['type'], event.get('data', event))}"
    return msgspec.json.encode({"text": _harmless(text[:LONGEST])})


def said(kind: str, data: dict[str, Any]) -> str:
    """Return an event as one line; a type that has no words here as its name."""
    sentence, more = WORDS.get(kind, (kind, ()))
    fields = {name: _plain(value) for name, value in data.items()}
    rest = [fields[name] for name in more if fields.get(name)]
    text = sentence.format_map(_Known(fields))
    return f"{text}: {_BETWEEN.join(rest)}" if rest else text


class _Known(dict[str, str]):
    """Fields, of which those that an older event lacks, or that are empty, are `somebody`."""

    def __missing__(self, name: str) -> str:
        return "somebody"

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name) or "somebody"


def _plain(value: Any) -> str:
    """Return a value as words on one line."""
    if value is None or value == "":
        return ""
    if isinstance(value, dict):
        named = value.get("agent_name")
        if named:
            return str(named)
        return ", ".join(f"{name} {_plain(one)}" for name, one in value.items() if _plain(one))
    if isinstance(value, list):
        return ", ".join(filter(None, map(_plain, value)))
    return " ".join(str(value).split())


def _harmless(text: str) -> str:
    """Return the text without what chats make calls and disguised links of.

    https://docs.slack.dev/messaging/formatting-message-text: `&`, `<` and `>` are escaped.
    Mattermost calls everybody at `@all` and hides a URL behind `[text](URL)`: with a space of no
    width in between it does not.
    """
    for sign, plain in _SIGNS:
        text = text.replace(sign, plain)
    return text


_SIGNS = (
    ("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("@", "@\u200b"), ("](", "]\u200b("),
)  # fmt: skip
