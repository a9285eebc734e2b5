"""What guardrails say to texts that go into the queue: the same as to those of the MCP tools.

What blocks is refused and recorded, what only warns is recorded. The policy is that of the served
repository. Not here: rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from webhook.api.asking import Asking

if TYPE_CHECKING:
    from gitcoord.domain.new_tasks import AddTasks
    from gitcoord.domain.task_moves import MoveTask
    from gitcoord.entrypoints.mcp.call import Call


def of_new_tasks(asking: Asking, operation: AddTasks, route: str) -> None:
    """Raise `Denied` for new tasks that guardrails block."""
    _refuse(asking, [[one.title, one.description] for one in operation.tasks], route)


def of_move(asking: Asking, operation: MoveTask, route: str) -> None:
    """Raise `Denied` for a result that guardrails block; other moves say nothing to others."""
    if operation.move == "complete":
        _refuse(asking, operation.result, route)


class _Judged(Asking):
    """A request as the judgement of the MCP tools wants to see it."""

    def __init__(self, asking: Asking) -> None:
        super().__init__(asking.caller)
        #: What is only warned of; it stands in the ledger.
        self.notes: list[str] = []
        # In whose name violations are recorded; nobody's is fine.
        self.__dict__["holder"] = asking.caller.session


def _refuse(asking: Asking, given: Any, route: str) -> None:
    from gitcoord.entrypoints.mcp.tools_guardrails import refuse_dangerous

    refuse_dangerous(cast("Call", _Judged(asking)), given, route)
