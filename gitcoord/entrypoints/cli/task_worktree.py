"""A linked worktree for a claimed task, on the branch `agent/<agent>/<task>`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gitcoord.domain.tasks import Task
    from gitcoord.entrypoints.cli.desk import Desk


def prepared(desk: Desk, task: Task, folder: str) -> tuple[Task, dict[str, Any]]:
    """Make (or continue) the worktree, note it on the task, and return both.

    What is there and dirty or somebody else's is left alone: `WorktreeInUse`. The claim
    stays in that case, so the command can be repeated with another folder.
    """
    from gitcoord.domain.tasks import RecordWorktree, WorktreeRecorded
    from gitcoord.entrypoints.cli.facts import printable
    from gitcoord.storage import linked

    path = os.path.abspath(os.path.join(desk.directory, folder))
    made = linked.add(desk.checkout, path, agent=task.agent, task=task.id)
    branch = made.branch or linked.branch_name(task.agent, task.id)
    wish = RecordWorktree(id=task.id, worktree=printable(made.path), branch=branch)
    answer = desk.do(wish, WorktreeRecorded)
    return answer.task, {"path": made.path, "branch": branch}
