"""GoZen: its agent API, whose errors are `{error: text}`.

It is the API of GoZen's own web pages, which let programs of the same machine in without log-in:
so does this, where the operator has said so for the dashboard.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from gitcoord.errors import GitcoordError
from webhook.compat import gozen_config as config
from webhook.compat import gozen_locks as locks
from webhook.compat import gozen_sessions as sessions
from webhook.compat import gozen_tasks as tasks
from webhook.compat.line import Ask, Line, response
from webhook.compat.system import System
from webhook.problems import Problem, status_of

BASE = "/api/v1/agent"

#: What GoZen calls not found.
_NOT_FOUND = (
    "session_not_found", "session_ended", "task_not_found", "invalid_id", "invalid_transition",
    "lock_not_found_or_not_owner",
)  # fmt: skip
_NO_RUNTIME = "the autonomous runtime is not part of gitcoord yet"


def _not_running(_ask: Ask) -> Any:
    """Say that there is no runtime."""
    raise Problem(503, "not_initialised", _NO_RUNTIME)


def _disabled(_ask: Ask) -> Any:
    """Refuse to run something, as there is no runtime."""
    raise Problem(400, "disabled", _NO_RUNTIME)


_TASKS = (
    Line("GET", "", "read", tasks.tasks),
    Line("POST", "", "agent", tasks.add, tasks.Adding, 201),
    Line("GET", "/{id}", "read", tasks.task),
    Line("DELETE", "/{id}", "agent", tasks.delete),
    Line("POST", "/{id}/retry", "agent", tasks.retry),
    Line("POST", "/{id}/cancel", "agent", tasks.cancel),
)

LINES: tuple[Line, ...] = tuple(
    line._replace(keyless="here")
    for line in (
        Line("GET", "/config", "read", config.get),
        Line("PUT", "/config", "admin", config.put, config.Config),
        Line("GET", "/stats", "read", sessions.stats),
        Line("GET", "/sessions", "read", sessions.sessions),
        Line("GET", "/sessions/{id}", "read", sessions.session),
        Line("GET", "/sessions/{id}/metrics", "read", sessions.metrics),
        Line("POST", "/sessions/{id}/kill", "admin", sessions.kill),
        Line("POST", "/sessions/{id}/pause", "admin", sessions.pause),
        Line("POST", "/sessions/{id}/resume", "admin", sessions.resume),
        Line("GET", "/locks", "read", locks.locks),
        Line("POST", "/locks", "agent", locks.lock, locks.Locking, 201),
        Line("DELETE", "/locks/{path:path}", "agent", locks.release, query=("session_id",)),
        Line("GET", "/changes", "read", locks.changes, query=("since",)),
        # The same queue: its pages promise the second name.
        *(line._replace(path=f"/tasks{line.path}") for line in _TASKS),
        *(line._replace(path=f"/queue{line.path}") for line in _TASKS),
        Line("GET", "/runtime", "read", _not_running),
        Line("POST", "/runtime/run", "agent", _disabled),
        Line("GET", "/runtime/{id}", "read", _not_running),
        Line("POST", "/runtime/{id}/cancel", "agent", _not_running),
        Line("GET", "/guardrails", "read", sessions.limits),
        Line("GET", "/guardrails/spending", "read", sessions.spending),
        Line("GET", "/guardrails/operations", "read", sessions.operations),
    )
)


def _told(line: Line, answer: Any) -> Response:
    return response(answer, line.status)


def _refused(_line: Line | None, error: GitcoordError | Problem) -> Response:
    if isinstance(error, Problem):
        return response({"error": error.detail}, error.status, error)
    status = 404 if error.code in _NOT_FOUND else status_of(error)
    conflicts = error.details.get("conflicts")
    more = {"conflicts": conflicts} if conflicts else {}
    return response({"error": error.message, **more}, status, error)


def _answer(_line: Line) -> dict[str, Any]:
    return {"type": "object"}


_FAILURE = {
    "type": "object",
    "properties": {"error": {"type": "string"}},
    "required": ["error"],
}

SYSTEM = System(
    "GoZen",
    BASE,
    (BASE,),
    LINES,
    _told,
    _refused,
    answer=_answer,
    failure=_FAILURE,
    failures=(400, 401, 403, 404, 409, 413, 423, 429, 503),
)
