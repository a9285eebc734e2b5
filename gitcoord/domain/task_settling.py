"""Settling: a task is completed from outside, because its work is there.

For whoever can see the work and holds no claim: the mirror when a pull request is merged or an
issue is closed as completed, and people. Whoever holds the task is told. Not here: how a
claimant ends its own task (`task_moves`), and giving a task up, which anybody may (`cancel`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from gitcoord.domain.locks import end_task
from gitcoord.domain.names import one_line
from gitcoord.domain.notices import tell
from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.domain.task_moves import Ending, serve, step
from gitcoord.domain.tasks import CLAIMED, Task, is_claimant, task_of
from gitcoord.errors import ReasonRequired

if TYPE_CHECKING:
    from gitcoord.domain.state import State


class Settled(Answer, frozen=True, kw_only=True):
    """The task, the keys that are free again, and the tasks that became ready."""

    task: Task
    released: list[str] = []
    ready: list[str] = []


class SettleTask(Operation, frozen=True, kw_only=True):
    """Complete a task of any claimant, or of none."""

    tag = "task.settle"
    answer = Settled
    sessionless: ClassVar[bool] = True

    id: str
    #: Where the work is: a commit, a pull request.
    result: str
    files: tuple[str, ...] = ()

    def apply(self, state: State, context: Context) -> Settled:
        """Complete the task and free the locks of its claim; completed already is no error.

        Raises `TaskNotFound`, `ReasonRequired` without a result, and `InvalidTransition` for one
        that was cancelled.
        """
        task = task_of(state, self.id)
        if task.status == "completed":
            return Settled(task=task)
        if not self.result.strip():
            raise ReasonRequired(f"say where the work of task {task.id} is")
        if task.status in CLAIMED and not is_claimant(task, context):
            text = f"Your task {task.id} is done: {self.result}"
            tell(state, context, task.session, "task_settled", text, task.claimed_keys)
        ending = Ending(outcome="completed", result=self.result, files=self.files)
        after = step(state, context, task, "settle", self.result, ending, completed_at=context.now)
        freed = end_task(state, context, task.id)
        return Settled(
            task=after, released=[lock.key for lock in freed], ready=serve(state, task.id)
        )

    def subject(self, answer: Settled, agent: str) -> str:
        """Return the diary line."""
        return one_line(f"task: {agent or 'somebody'} settles {self.id} {answer.task.title}")
