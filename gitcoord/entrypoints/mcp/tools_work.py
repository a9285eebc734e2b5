"""Tools for who does the work: get a task, claim a certain one, complete it, give it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gitcoord.domain.locks import LockView
from gitcoord.entrypoints import originals, results
from gitcoord.entrypoints.mcp.call import Call
from gitcoord.entrypoints.mcp.shapes import Input, Key, Output, TaskId
from gitcoord.entrypoints.mcp.tasks_shown import Hindrance, hindrances, shown
from gitcoord.entrypoints.mcp.tools_guardrails import refuse_dangerous
from gitcoord.entrypoints.mcp.tools_holdings import Unlanded, marks

if TYPE_CHECKING:
    from gitcoord.domain.claiming import Claimed
    from gitcoord.domain.task_moves import Moved, Wish


class GetWork(Input, frozen=True, kw_only=True):
    """What kind of work."""

    task_types: Annotated[list[str], Meta(description="Only these types; left out: any.")] = []
    feature: str = ""


class PassedOver(msgspec.Struct, frozen=True, kw_only=True):
    """A task that nobody can claim now, and why."""

    task_id: str
    title: str
    reasons: list[Hindrance]


class Work(Output, frozen=True, kw_only=True):
    """The claimed task with its locks, or why there is none."""

    task_id: str | UnsetType = UNSET
    task_type: str | UnsetType = UNSET
    title: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    input_data: dict[str, Any] | UnsetType = UNSET
    priority: int | UnsetType = UNSET
    deadline: str | UnsetType = UNSET
    #: Until when the claim and its locks hold without a sign of life.
    lease_until: str | UnsetType = UNSET
    session: str | UnsetType = UNSET
    #: Number of this attempt.
    attempt: int | UnsetType = UNSET
    renewed: bool | UnsetType = UNSET
    locks: list[LockView] | UnsetType = UNSET
    keys: list[str] | UnsetType = UNSET
    depends_on: list[str] | UnsetType = UNSET
    worktree: str | UnsetType = UNSET
    branch: str | UnsetType = UNSET
    waiting: list[PassedOver] | UnsetType = UNSET
    unlanded: list[Unlanded] | UnsetType = UNSET


def get_work(call: Call, asked: GetWork) -> Work:
    """Claim the most urgent task that can be worked on now, with its keys."""
    from gitcoord.domain.claiming import Claimed, NextTask

    wish = NextTask(types=tuple(asked.task_types), feature=asked.feature)
    return _claimed(call, call.do(wish, Claimed))


class ClaimWork(Input, frozen=True, kw_only=True):
    """Which task, and what to lock besides its own keys."""

    task_id: TaskId
    keys: list[Key] = []


def claim_work(call: Call, asked: ClaimWork) -> Work:
    """Claim one task; claiming it again renews the claim."""
    from gitcoord.domain.claiming import Claimed, ClaimTask

    wish = ClaimTask(id=asked.task_id, keys=call.keys(asked.keys))
    return _claimed(call, call.do(wish, Claimed))


class CompleteWork(Input, frozen=True, kw_only=True):
    """How the task ended."""

    task_id: TaskId
    success: Annotated[bool, Meta(description="False: this attempt has failed.")] = True
    result: Annotated[
        str | dict[str, Any], Meta(description="What came of it, for those who depend on it.")
    ] = ""
    error_message: str = ""
    files: Annotated[list[str], Meta(description="The files that were changed.")] = []
    keep_locks: Annotated[bool, Meta(description="Keep the task's keys locked.")] = False


class Ended(Output, frozen=True, kw_only=True):
    """The task after its end, and what became free by it."""

    status: str | UnsetType = UNSET
    task_id: str | UnsetType = UNSET
    released: list[str] | UnsetType = UNSET
    #: Tasks that can be claimed now.
    ready: list[str] | UnsetType = UNSET
    unlanded: list[Unlanded] | UnsetType = UNSET
    #: Those that the result of a package has raised.
    escalations: list[str] | UnsetType = UNSET


def complete_work(call: Call, asked: CompleteWork) -> Ended:
    """End a task: completed, failed, or cancelled where its orchestrator says so."""
    said = asked.result if isinstance(asked.result, dict) else {}
    code = said.get("error_code")
    code = code if isinstance(code, str) else ""
    move: Wish = "complete"
    if not asked.success:
        move = "cancel" if code == originals.CANCELLED else "fail"
    else:
        refuse_dangerous(call, asked.result, "complete_work")
    if results.is_of_a_package(call, asked.task_id, said):
        return _reported(call, asked, said)
    error = asked.error_message or str(said.get("reason") or said.get("error") or "")
    return _moved(
        call,
        asked.task_id,
        move,
        keep_locks=asked.keep_locks,
        result=_text(asked.result),
        error="" if asked.success else error,
        error_code="" if asked.success else code,
        files=tuple(map(call.inside, asked.files)),
    )


def _reported(call: Call, asked: CompleteWork, said: dict[str, Any]) -> Ended:
    """End the attempt at a package by its result."""
    from gitcoord.domain.results import Reported
    from gitcoord.entrypoints.cli.facts import task_marks
    from gitcoord.ledger.request import fresh_id

    files = [*said.get("files_modified", ()), *map(call.inside, asked.files)]
    wish = results.report_of(
        asked.task_id,
        said | {"files_modified": list(dict.fromkeys(files))},
        fresh_id,
        success=asked.success,
        release_locks=not asked.keep_locks,
        marks=() if asked.keep_locks else task_marks(call, asked.task_id),
    )
    answer = call.do(wish, Reported)
    return _ended(answer, [one.id for one in answer.escalations])


class ReleaseWork(Input, frozen=True, kw_only=True):
    """Which task, and why."""

    task_id: TaskId
    reason: Annotated[str, Meta(description="Why it goes back to the queue.")] = ""


def release_work(call: Call, asked: ReleaseWork) -> Ended:
    """Give a claimed task back to the queue."""
    return _moved(call, asked.task_id, "release", keep_locks=False, reason=asked.reason)


def _moved(call: Call, id: str, move: Wish, *, keep_locks: bool, **said: Any) -> Ended:
    from gitcoord.domain.task_moves import Moved, MoveTask
    from gitcoord.entrypoints.cli.facts import task_marks

    seen = () if keep_locks else task_marks(call, id)
    wish = MoveTask(id=id, move=move, release_locks=not keep_locks, marks=seen, **said)
    return _ended(call.do(wish, Moved), [])


def _ended(answer: Moved, escalations: list[str]) -> Ended:
    return Ended(
        status=answer.task.status,
        task_id=answer.task.id,
        released=answer.released,
        ready=answer.ready,
        unlanded=marks(answer.unlanded),
        escalations=escalations or UNSET,
    )


def _claimed(call: Call, answer: Claimed) -> Work:
    passed = [
        PassedOver(task_id=one.id, title=one.title, reasons=hindrances(one.reasons))
        for one in answer.waiting
    ]
    if answer.task is None:
        return Work(success=False, reason=originals.NO_TASKS, waiting=passed)
    call.seat.hurry(answer.locks)
    task = shown(answer.task)
    return Work(
        task_id=task.task_id,
        task_type=task.task_type,
        title=task.title,
        description=task.description,
        input_data=task.input_data,
        priority=task.priority,
        deadline=task.deadline,
        lease_until=task.lease_until,
        session=task.session,
        attempt=len(answer.task.attempts),
        renewed=answer.renewed,
        locks=answer.locks,
        keys=task.keys,
        depends_on=task.depends_on or UNSET,
        worktree=task.worktree,
        branch=task.branch,
        waiting=passed or UNSET,
        unlanded=marks(answer.unlanded),
    )


def _text(result: str | dict[str, Any]) -> str:
    if isinstance(result, str):
        return result
    return msgspec.json.encode(result).decode() if result else ""
