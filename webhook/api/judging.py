"""What guardrails say to texts that come over HTTP: the same as to those of the MCP tools.

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
    from gitcoord.entrypoints.mcp.tools_guardrails import Judged
    from webhook.access import Caller


def of_new_tasks(asking: Asking, operation: AddTasks, route: str) -> None:
    """Raise `Denied` for new tasks that guardrails block."""
    _refuse(asking, [[one.title, one.description] for one in operation.tasks], route)


def of_move(asking: Asking, operation: MoveTask, route: str) -> None:
    """Raise `Denied` for a result that guardrails block; other moves say nothing to others."""
    if operation.move == "complete":
        _refuse(asking, operation.result, route)


class Judging(Asking):
    """A request as the judgement of the MCP tools wants to see it."""

    def __init__(self, caller: Caller, session: str | None) -> None:
        super().__init__(caller)
        #: What is only warned of; it stands in the ledger.
        self.notes: list[str] = []
        # In whose name violations are recorded; nobody's is fine.
        self.__dict__["holder"] = session

    def inside(self, word: str) -> str:
        """Return a path as it was sent: there is no working directory here."""
        return word


def judged(caller: Caller, text: str, paths: list[str], session: str | None) -> Judged:
    """Return the judgement of a command and of files that the session writes by it."""
    from gitcoord.entrypoints.mcp.tools_guardrails import CheckGuardrails, check_guardrails

    asked = CheckGuardrails(operation_text=text, file_paths=paths)
    return check_guardrails(cast("Call", Judging(caller, session)), asked)


def refuse_dangerous(caller: Caller, given: Any, route: str, session: str | None) -> None:
    """Raise `Denied` for texts that guardrails block, and record what they met."""
    from gitcoord.entrypoints.mcp.tools_guardrails import refuse_dangerous as refuse

    refuse(cast("Call", Judging(caller, session)), given, route)


def _refuse(asking: Asking, given: Any, route: str) -> None:
    refuse_dangerous(asking.caller, given, route, asking.caller.session)
