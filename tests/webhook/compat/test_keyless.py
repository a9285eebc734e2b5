"""What the originals left open: for the only project, until keys are required everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.gitrun import git
from tests.webhook.compat.talking import COORDINATOR, GOZEN, Client, head
from tests.webhook.conftest import Maker
from tests.webhook.served import Served, begun
from webhook.app import ORIGINALS, application
from webhook.compat.line import Line
from webhook.compat.system import System

LINES = [(system, line) for system in ORIGINALS for line in system.lines]
OPEN = ["/locks/status/a.py", "/ports/status"]


def path_of(system: System, line: Line) -> str:
    return system.base + line.path.replace("{id}", "x-1").replace("{path:path}", "a.py")


def name_of(value: Any) -> str:
    return f"{value.method} {value.path}" if isinstance(value, Line) else value.name


def from_here(served: Served, client: str = "127.0.0.1", host: str = "127.0.0.1") -> TestClient:
    """Return a client at that address, which calls the service by that name."""
    app = application(served.service)
    return TestClient(app, f"http://{host}:8750", client=(client, 50000))


@pytest.mark.parametrize("system, line", LINES, ids=name_of)
def test_no_route_answers_without_a_key_that_is_good_and_enough(
    guarded: Served, system: System, line: Line
) -> None:
    before = head(guarded)
    path = path_of(system, line)
    if line.keyless != "anybody":
        assert guarded.client.request(line.method, path).status_code == 401
    for key in ("gc_000000000000_" + "A" * 43, "0" * 64, "x"):
        assert Client(guarded, "", key=key).call(line.method, path).status_code == 401
    if line.scope != "read":
        answer = Client(guarded, "", "read").call(line.method, path, {})
        assert answer.status_code == 403, answer.text
    if line.scope == "admin":
        assert Client(guarded, "", "agent").call(line.method, path, {}).status_code == 403
    assert head(guarded) == before


@pytest.mark.parametrize("path", OPEN)
def test_lock_and_port_status_are_open_for_the_only_project(
    serving: Maker, repo: str, tmp_path: Path, path: str
) -> None:
    places = {"default": begun(repo)}
    assert serving(places).client.get(path).status_code == 200
    closed = serving(places, require_key_everywhere=True)
    assert closed.client.get(path).status_code == 401
    assert Client(closed, COORDINATOR, "read").get(path).status_code == 200
    other = str(tmp_path / "other")
    git(str(tmp_path), "init", "-q", other)
    places = {"web": repo, "api": begun(other)}
    several = serving(places, state=str(tmp_path / "state" / "service.sqlite"))
    assert several.client.get(path).status_code == 401
    assert Client(several, COORDINATOR, "read").get(path).status_code == 200


def test_without_keys_requests_are_counted_by_address(serving: Maker) -> None:
    served = serving(rate=4)
    assert served.client.get(OPEN[0]).status_code == 200
    assert served.client.get(OPEN[0]).status_code == 429


def test_gozens_pages_of_this_machine_need_no_key_where_that_is_configured(serving: Maker) -> None:
    served = serving(loopback_dashboard=True)
    here = from_here(served)
    for host in ("127.0.0.1", "localhost", "[::1]"):
        assert from_here(served, host=host).get(f"{GOZEN}/sessions").status_code == 200
    assert here.post(f"{GOZEN}/tasks", json={"description": "x"}).status_code == 201
    own = {"Origin": "http://127.0.0.1:8750", "Sec-Fetch-Site": "same-origin"}
    assert here.put(f"{GOZEN}/config", json={"enabled": True}, headers=own).status_code == 200


@pytest.mark.parametrize(
    "settings, client, host, headers",
    [
        ({}, "127.0.0.1", "127.0.0.1", {}),
        ({"require_key_everywhere": True}, "127.0.0.1", "127.0.0.1", {}),
        ({"behind_proxy": True}, "127.0.0.1", "127.0.0.1", {}),
        ({}, "192.0.2.7", "127.0.0.1", {}),
        ({}, "127.0.0.1", "rebound.example", {}),
        ({}, "127.0.0.1", "127.0.0.1", {"Origin": "http://evil.example"}),
        ({}, "127.0.0.1", "127.0.0.1", {"Origin": "null"}),
        ({}, "127.0.0.1", "127.0.0.1", {"Sec-Fetch-Site": "cross-site"}),
        ({}, "127.0.0.1", "127.0.0.1", {"X-Forwarded-For": "192.0.2.7"}),
    ],
    ids=[
        "unsaid",
        "everywhere",
        "proxy",
        "elsewhere",
        "rebinding",
        "origin",
        "null",
        "site",
        "forwarded",
    ],
)
def test_nobody_else_gets_in_without_a_key(
    serving: Maker, settings: dict[str, Any], client: str, host: str, headers: dict[str, str]
) -> None:
    unsaid = not settings and not headers and client == host
    served = serving(loopback_dashboard=not unsaid, **settings)
    before = head(served)
    caller = from_here(served, client, host)
    assert caller.post(f"{GOZEN}/tasks", json={}, headers=headers).status_code == 401
    assert caller.get(f"{GOZEN}/sessions", headers=headers).status_code == 401
    assert head(served) == before
