"""What guardrails say to a text that comes over HTTP: the judgement of the MCP tools.

The policy is that of the served repository. Not here: rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from webhook.api.asking import Asking

if TYPE_CHECKING:
    from gitcoord.entrypoints.mcp.call import Call
    from gitcoord.entrypoints.mcp.tools_guardrails import Judged
    from webhook.access import Caller


class Judging(Asking):
    """A request as the judgement of the MCP tools wants to see it."""

    def __init__(self, caller: Caller, session: str | None) -> None:
        super().__init__(caller)
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
