"""Whatever is sent to the routes of the originals, no answer is an error of the server."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.webhook.compat.talking import Client, add_task
from tests.webhook.served import Served
from webhook.app import ORIGINALS
from webhook.compat import golemxv, gozen
from webhook.compat.line import Line
from webhook.compat.system import System

BODIES = [(x, line) for x in ORIGINALS for line in x.lines if line.body is not None]
ODD: list[Any] = [
    None, True, 0, -1, 7, 10**400, 1e308, -0.5, "", " ", "\0", "\x1b[1m", "ü" * 300, "a/../..",
    "*" * 60, "[", "s-1", "t-1", [], ["\0"], [7], {}, {"": ""}, {"error_code": []},
]  # fmt: skip
QUERIES = [
    ("/_gxv/api/v1/messages", ("session_token", "since", "sender", "limit")),
    ("/_gxv/api/v1/tasks", ("status", "priority", "assigned_to", "limit")),
    ("/api/v1/agent/changes", ("since",)),
    ("/discovery/agents", ("status", "capability")),
    ("/handoffs/latest", ("agent_name",)),
]
WORDS = ["", "%00", "-1", "1e9", "9" * 50, "%ff", "%F0%9F%98%80", "2026-01-01", "a%20b", "..%2f"]


def good(system: System, status: int) -> bool:
    return status < 500 or (system is gozen.SYSTEM and status == 503)


@pytest.mark.parametrize(
    "system, line", BODIES, ids=lambda x: x.method + x.path if isinstance(x, Line) else x.name
)
def test_odd_values_of_every_field_are_refused_or_taken(
    served: Served, system: System, line: Line
) -> None:
    add_task(served)
    golem = Client(served, golemxv.BASE)
    token = golem.good("POST", "/checkin", {"agent_name": "ada"}, 201)["data"]["session_token"]
    client = Client(served, system.base, "admin")
    usual: dict[str, Any] = {
        "session_token": token, "task_id": "t-1", "agent_id": "ann", "file_path": "a.py",
        "success": True, "task_type": "x", "task_description": "y", "operation_text": "ls",
        "summary": "z", "to": "broadcast", "content": "c", "path": "b.py", "session_id": token,
        "status": "cancelled", "enabled": True,
    }  # fmt: skip
    assert line.body is not None
    names = [field.name for field in msgspec.structs.fields(line.body)]
    path = line.path.replace("{id}", "t-1")
    for name in names:
        for odd in ODD:
            said = {field: usual[field] for field in names if field in usual} | {name: odd}
            answer = client.call(line.method, path, said)
            assert good(system, answer.status_code), (said, answer.text)
            assert isinstance(answer.json(), dict)


@pytest.mark.parametrize("path, names", QUERIES)
def test_odd_parameters_are_refused_or_taken(
    served: Served, path: str, names: tuple[str, ...]
) -> None:
    client = Client(served, "")
    for name in names:
        for word in WORDS:
            answer = client.get(f"{path}?{name}={word}")
            assert answer.status_code in (200, 400, 404, 422), (name, word, answer.text)


@pytest.mark.parametrize("word", ["%00", "x" * 3000, "%ff", "..%2f..%2fx", "*", "%5B", "a%0d%0ab"])
def test_odd_paths_are_refused_or_not_found(served: Served, word: str) -> None:
    client = Client(served, "", "admin")
    for system in ORIGINALS:
        for line in system.lines:
            if "{" in line.path:
                path = system.base + line.path.replace("{id}", word).replace("{path:path}", word)
                status = client.call(line.method, path).status_code
                assert status < 500 or status == 503, (path, status)
