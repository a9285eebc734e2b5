"""GolemXV's tools about tasks and messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta

from gitcoord.entrypoints import golemxv, originals
from gitcoord.entrypoints.mcp import tools_messages, tools_work
from gitcoord.entrypoints.mcp.call import Call
from gitcoord.entrypoints.mcp.golemxv_sessions import (
    Acting,
    Listed,
    Said,
    listed,
    project_name,
    proved,
)
from gitcoord.entrypoints.mcp.shapes import Input, Limit, TaskId
from gitcoord.errors import InvalidTransition, SummaryRequired

if TYPE_CHECKING:
    from gitcoord.domain.tasks import Task

#: Why a task is blocked, where nobody says it.
UNSAID = "no reason was given"
Content = Annotated[str, Meta(min_length=1, max_length=50_000)]


class SendMessage(Acting, frozen=True, kw_only=True):
    """What to say, and to whom."""

    content: Content
    to: Annotated[str, Meta(min_length=1, description="Agent name, or broadcast.")] = (
        golemxv.EVERYBODY
    )
    type: Literal["text", "status", "request"] = "text"
    metadata: dict[str, Any] = {}


def send_message(call: Call, asked: SendMessage) -> Said:
    """Write to one agent or to everybody."""
    proved(call, asked)
    wish = tools_messages.SendMessage(
        text=originals.described(asked.content, asked.metadata, "metadata"),
        to="" if asked.to == golemxv.EVERYBODY else asked.to,
        type=asked.type,
    )
    sent = tools_messages.send_message(call, wish)
    return Said(data={"id": sent.message_id, "uuid": sent.message_id})


class GetMessages(Acting, frozen=True, kw_only=True):
    """Which messages."""

    since: Annotated[str, Meta(description="Later than this time.")] = ""
    sender: Annotated[str, Meta(description="Name of an agent.")] = ""
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


def get_messages(call: Call, asked: GetMessages) -> Listed:
    """Return messages, the newest first, and note that they were read."""
    from gitcoord.domain.mailbox import awaited, concerns
    from gitcoord.domain.sessions import root
    from gitcoord.domain.time import EPOCH, parse

    mine = root(proved(call, asked))
    since = parse(asked.since) if asked.since else EPOCH
    call.reading()
    with call.state() as state:
        found = golemxv.messages(state, {mine}, since=since, sender=asked.sender, limit=asked.limit)
        agents = golemxv.recipients(state, found)
        now = call.now(state)
    new = [one for one in found if concerns(one, mine) and awaited(one, mine)]
    tools_messages.note_read(call, new, now)
    project = project_name(call)
    return listed([golemxv.message(one, agents, project) for one in found])


class ListTasks(Input, frozen=True, kw_only=True):
    """Which tasks; what is left out does not matter."""

    status: Literal[
        "", "pending", "assigned", "in_progress", "blocked", "completed", "failed", "cancelled"
    ] = ""
    priority: Literal["", "critical", "high", "medium", "low"] = ""
    assigned_to: str = ""
    limit: Annotated[int, Meta(ge=1, le=50)] = 20


def list_tasks(call: Call, asked: ListTasks) -> Listed:
    """Return tasks, the most urgent first."""
    call.reading()
    with call.state() as state:
        found = golemxv.tasks(
            state,
            status=asked.status,
            priority=asked.priority,
            agent=asked.assigned_to,
            limit=asked.limit,
        )
    return listed(found)


class ClaimTask(Acting, frozen=True, kw_only=True):
    """Which task."""

    task_id: TaskId


def claim_task(call: Call, asked: ClaimTask) -> Said:
    """Claim a task with its keys."""
    proved(call, asked)
    tools_work.claim_work(call, tools_work.ClaimWork(task_id=asked.task_id))
    return _task(call, asked.task_id)


class UpdateTask(Acting, frozen=True, kw_only=True):
    """What has become of a task that is not done."""

    task_id: TaskId
    status: Literal["in_progress", "blocked", "failed"]
    reason: str = ""


def update_task(call: Call, asked: UpdateTask) -> Said:
    """Say that work on a task has begun, is blocked, or has failed."""
    from gitcoord.domain.task_moves import MOVES, Moved, MoveTask
    from gitcoord.domain.tasks import task_of

    proved(call, asked)
    wish = golemxv.WISHES[asked.status]
    with call.state() as state:
        before = task_of(state, asked.task_id).status
    if (before, wish) not in MOVES:
        raise InvalidTransition(f"a task that is {before} does not become {asked.status}")
    if wish == "fail":
        ended = tools_work.CompleteWork(
            task_id=asked.task_id, success=False, error_message=asked.reason
        )
        tools_work.complete_work(call, ended)
    else:
        reason = asked.reason or (UNSAID if wish == "block" else "")
        call.do(MoveTask(id=asked.task_id, move=wish, reason=reason), Moved)
    return _task(call, asked.task_id)


class CompleteTask(Acting, frozen=True, kw_only=True):
    """What came of a task."""

    task_id: TaskId
    result_summary: str
    files_changed: list[str] = []


def complete_task(call: Call, asked: CompleteTask) -> Said:
    """Complete a task; its claim and locks end with it."""
    proved(call, asked)
    if not asked.result_summary.strip():
        raise SummaryRequired("result_summary is required")
    ended = tools_work.CompleteWork(
        task_id=asked.task_id, result=asked.result_summary, files=asked.files_changed
    )
    tools_work.complete_work(call, ended)
    return _task(call, asked.task_id)


def _task(call: Call, id: str) -> Said:
    from gitcoord.domain.tasks import task_of

    with call.state() as state:
        found: Task = task_of(state, id)
    return Said(data=golemxv.task(found))


class HowMany(Input, frozen=True, kw_only=True):
    """How many entries."""

    limit: Limit = 50


def activity_log(call: Call, asked: HowMany) -> Listed:
    """Say what has happened, the newest first, also what was refused."""
    from gitcoord.entrypoints.cli.audit import opened, wish

    call.reading()
    with opened(call) as audit:
        found = audit.page(wish(call), limit=asked.limit).entries
    return listed(
        [
            {
                "id": one.id,
                "session_id": one.session or None,
                "agent_name": one.agent,
                "event_type": golemxv.EVENTS.get(one.operation, one.operation),
                "severity": "info" if one.result in ("done", "waiting") else "warning",
                "payload": one.arguments,
                "outcome": one.outcome,
                "created_at": one.time or None,
            }
            for one in found
        ]
    )
