"""GolemXV: its agent API, `{data, meta}` and `{data: null, errors: [{code, message}]}`."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from gitcoord.entrypoints.golemxv import CODES
from gitcoord.errors import GitcoordError
from webhook.compat import golemxv_messages as messages
from webhook.compat import golemxv_sessions as sessions
from webhook.compat import golemxv_tasks as tasks
from webhook.compat.line import JSON, Line, response
from webhook.compat.system import System
from webhook.problems import Problem, status_of

BASE = "/_gxv/api/v1"

LINES: tuple[Line, ...] = (
    Line("POST", "/checkin", "agent", sessions.check_in, sessions.CheckingIn, 201),
    Line("POST", "/heartbeat", "agent", sessions.heartbeat, sessions.Token),
    Line("GET", "/presence", "read", sessions.presence),
    Line("POST", "/status", "agent", sessions.declare, sessions.Declaring),
    Line("POST", "/checkout", "agent", sessions.check_out, sessions.CheckingOut),
    Line("POST", "/init", "read", sessions.init, kind="text/yaml"),
    Line("GET", "/realtime/token", "read", sessions.realtime),
    Line("POST", "/messages", "agent", messages.send, messages.Sending, 201),
    Line("GET", "/messages", "read", messages.query, query=messages.PARAMETERS),
    Line("GET", "/tasks", "read", tasks.tasks, query=tasks.PARAMETERS),
    Line("POST", "/tasks/claim", "agent", tasks.claim, tasks.Claiming),
    Line("POST", "/tasks/{id}/status", "agent", tasks.move, tasks.Moving),
    Line("POST", "/tasks/{id}/notes", "agent", tasks.note, tasks.Noting, 201),
)


def _told(line: Line, answer: Any) -> Response:
    if line.kind != JSON:
        return response(answer, line.status, kind=line.kind)
    found = answer if isinstance(answer, sessions.Meta) else sessions.Meta(answer, {})
    return response({"data": found.data, "meta": found.meta}, line.status)


def _refused(_line: Line | None, error: GitcoordError | Problem) -> Response:
    if isinstance(error, Problem):
        detail, usual = error.detail, error.status
    else:
        detail, usual = error.message, status_of(error)
    code, status = CODES.get(error.code, (error.code.upper(), usual))
    body: dict[str, Any] = {"data": None, "errors": [{"code": code, "message": detail}]}
    if isinstance(error, sessions.Blocked):
        body["meta"] = error.meta
    return response(body, status, error)


def _answer(line: Line) -> dict[str, Any]:
    if line.kind != JSON:
        return {"type": "object"}
    data, meta = {"type": ["object", "array"]}, {"type": "object"}
    properties = {"data": data, "meta": meta}
    return {"type": "object", "properties": properties, "required": ["data", "meta"]}


_TEXT = {"type": "string"}
_FAILURE = {
    "type": "object",
    "properties": {
        "data": {"type": "null"},
        "errors": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {"code": _TEXT, "message": _TEXT},
                "required": ["code", "message"],
            },
        },
        "meta": {"type": "object"},
    },
    "required": ["data", "errors"],
}

SYSTEM = System(
    "GolemXV",
    BASE,
    ("/_gxv",),
    LINES,
    _told,
    _refused,
    answer=_answer,
    failure=_FAILURE,
    failures=(400, 401, 403, 404, 409, 413, 422, 423, 429, 503),
    bare=True,
)
