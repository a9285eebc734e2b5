"""Tasks as tools show them: the fields of the originals, and ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, UnsetType

from gitcoord.domain.tasks import Attempt
from gitcoord.entrypoints import originals

if TYPE_CHECKING:
    from gitcoord.domain.obstacles import Obstacle
    from gitcoord.domain.tasks import Note, Task

#: Characters of a description in a list.
EXCERPT = 300


class Hindrance(msgspec.Struct, frozen=True, kw_only=True):
    """One reason why a task cannot be claimed now."""

    code: str
    detail: str
    until: str | UnsetType = UNSET


class Remark(msgspec.Struct, frozen=True, kw_only=True):
    """A note on a task."""

    at: str
    agent: str
    kind: str
    text: str


class TaskShown(msgspec.Struct, frozen=True, kw_only=True):
    """One task."""

    task_id: str
    task_type: str
    title: str
    description: str
    status: str
    #: The original's word for the status, where it differs.
    original_status: str | UnsetType = UNSET
    #: 1 is the most urgent, 10 the least.
    priority: int
    input_data: dict[str, Any] | UnsetType = UNSET
    depends_on: list[str] = []
    waiting_for: list[str] | UnsetType = UNSET
    keys: list[str] | UnsetType = UNSET
    requires: list[str] | UnsetType = UNSET
    min_trust: int | UnsetType = UNSET
    feature: str | UnsetType = UNSET
    claimed_by: str | UnsetType = UNSET
    session: str | UnsetType = UNSET
    claimed_at: str | UnsetType = UNSET
    lease_until: str | UnsetType = UNSET
    deadline: str | UnsetType = UNSET
    blocked_reason: str | UnsetType = UNSET
    result: str | dict[str, Any] | UnsetType = UNSET
    error_message: str | UnsetType = UNSET
    error_code: str | UnsetType = UNSET
    files_changed: list[str] | UnsetType = UNSET
    worktree: str | UnsetType = UNSET
    branch: str | UnsetType = UNSET
    created_at: str
    completed_at: str | UnsetType = UNSET
    attempts: list[Attempt] | UnsetType = UNSET
    notes: list[Remark] | UnsetType = UNSET
    obstacles: list[Hindrance] | UnsetType = UNSET


def shown(task: Task) -> TaskShown:
    """Return the task with all that its own record says but the attempts."""
    description, data = originals.input_data(task.description)
    word = originals.original("task status", task.status)
    result = originals.result(task.result)
    return TaskShown(
        task_id=task.id,
        task_type=task.type,
        title=task.title,
        description=description,
        status=task.status,
        original_status=UNSET if word == task.status else word,
        priority=task.priority,
        input_data=UNSET if data is None else data,
        depends_on=list(task.depends_on),
        waiting_for=list(task.waiting_for) or UNSET,
        keys=list(task.keys) or UNSET,
        requires=list(task.requires) or UNSET,
        min_trust=task.min_trust or UNSET,
        feature=task.feature or UNSET,
        claimed_by=task.agent or UNSET,
        session=task.session or UNSET,
        claimed_at=task.claimed_at or UNSET,
        lease_until=task.lease_until or UNSET,
        deadline=task.deadline or UNSET,
        blocked_reason=task.blocked_reason or UNSET,
        result=UNSET if result is None else result,
        error_message=task.error or UNSET,
        error_code=task.error_code or UNSET,
        files_changed=list(task.files_changed) or UNSET,
        worktree=task.worktree or UNSET,
        branch=task.branch or UNSET,
        created_at=task.created_at,
        completed_at=task.completed_at or UNSET,
    )


def whole(task: Task, ways: Sequence[Obstacle], notes: Sequence[Note]) -> TaskShown:
    """Return the task with its attempts, its notes and what stands in its way."""
    remarks = [Remark(at=x.at, agent=x.agent, kind=x.kind, text=x.text) for x in notes]
    return msgspec.structs.replace(
        shown(task),
        attempts=list(task.attempts) or UNSET,
        notes=remarks or UNSET,
        obstacles=hindrances(ways) or UNSET,
    )


def brief(task: Task, ways: Sequence[Obstacle]) -> TaskShown:
    """Return the task as a list shows it: its description cut, without its result."""
    found = shown(task)
    text = found.description
    return msgspec.structs.replace(
        found,
        description=text if len(text) <= EXCERPT else text[: EXCERPT - 3] + "...",
        result=UNSET,
        input_data=UNSET,
        obstacles=hindrances(ways) or UNSET,
    )


def hindrances(ways: Sequence[Obstacle]) -> list[Hindrance]:
    """Return obstacles as tools show them."""
    return [Hindrance(code=way.code, detail=way.detail, until=way.until or UNSET) for way in ways]
