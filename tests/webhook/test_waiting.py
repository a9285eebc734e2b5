"""Requests that wait: nobody is kept from working by them, and they are let go in time."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import pytest

from tests.webhook.running import Running
from tests.webhook.served import API, Agent, Served, begun
from tests.webhook.test_two_services import key_of
from webhook import projects


@pytest.fixture
def service(repo: str) -> Iterator[tuple[Running, str]]:
    running = Running(begun(repo))
    yield running, key_of(repo)
    running.end(signal.SIGKILL)


class Waiting(threading.Thread):
    """Sends a request that waits; `answer` is what came."""

    def __init__(self, running: Running, path: str, body: Any, key: str, **headers: str) -> None:
        super().__init__(daemon=True)
        self.answer: tuple[int, Any] = (0, None)
        self._ask = (running, path, body, key, headers)
        self.start()

    def run(self) -> None:
        running, path, body, key, headers = self._ask
        self.answer = running.ask(path, body, key, **headers)


def queue(running: Running, key: str, count: int) -> list[Any]:
    """Return those who wait in the ledger, once there are so many."""
    for _ in range(200):
        found: list[Any] = running.get(f"{API}/locks", key)[1]["waiting"]
        if len(found) == count:
            return found
        time.sleep(0.05)
    raise AssertionError(found)


class Looking(threading.Thread):
    """Waits for a change; `answer` is what came."""

    def __init__(self, agent: Agent, tag: str) -> None:
        super().__init__(daemon=True)
        self.answer: httpx.Response | None = None
        self._agent, self._tag = agent, tag
        self.start()

    def run(self) -> None:
        self.answer = self._agent.get("/locks?wait=50", If_None_Match=self._tag)


def arrived(served: Served, count: int) -> None:
    """Return once so many wait."""
    limits = served.service.projects["default"]._limits
    for _ in range(1000):
        if "wait" in limits and limits["wait"].borrowed_tokens >= count:
            return
        time.sleep(0.01)
    raise AssertionError(count)


def checked_in(running: Running, key: str, name: str) -> str:
    return str(running.ask(f"{API}/sessions", {"agent": name}, key)[1]["session_token"])


def test_who_waits_does_not_hold_up_the_end(service: tuple[Running, str]) -> None:
    running, key = service
    ada, bob = (checked_in(running, key, name) for name in ("ada", "bob"))
    running.ask(f"{API}/locks", {"keys": ["a"]}, ada)
    lock = Waiting(running, f"{API}/locks", {"keys": ["a"], "wait": 50}, bob)
    queue(running, key, 1)
    began = time.monotonic()
    assert running.end() == 0
    assert time.monotonic() - began < 4
    lock.join(5)
    assert lock.answer[0] == 503
    assert lock.answer[1]["code"] == "wait_timed_out"
    assert "service ends" in lock.answer[1]["detail"]
    assert not [line for line in running.lines if "Traceback" in line or "ERROR" in line]


def test_who_looks_is_told_at_the_end_that_nothing_has_changed(served: Served) -> None:
    ada = served.agent("ada")
    look = Looking(ada, ada.get("/locks").headers["ETag"])
    arrived(served, 1)
    assert served.client.portal is not None
    served.client.portal.call(served.service.waits.end)
    look.join(10)
    assert look.answer is not None
    assert look.answer.status_code == 304
    # Nor does anybody who comes too late.
    began = time.monotonic()
    tag = look.answer.headers["ETag"]
    assert ada.get("/locks?wait=50", If_None_Match=tag).status_code == 304
    assert time.monotonic() - began < 10


def test_who_has_gone_waits_no_more(service: tuple[Running, str]) -> None:
    running, key = service
    ada, bob = (checked_in(running, key, name) for name in ("ada", "bob"))
    running.ask(f"{API}/locks", {"keys": ["a"]}, ada)
    body = json.dumps({"keys": ["a"], "wait": 50}).encode()
    head = (
        f"POST {API}/locks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {bob}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", running.port)) as client:
        client.sendall(head.encode() + body)
        queue(running, key, 1)
    assert queue(running, key, 0) == []


def test_who_waits_keeps_nobody_from_working(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projects, "THREADS", 2)
    ada = served.agent("ada")
    served.service.projects["default"]._limits.clear()
    tag = ada.get("/locks").headers["ETag"]
    waiting = [Looking(ada, tag) for _ in range(4)]
    arrived(served, 2)
    began = time.monotonic()
    assert ada.get("/status").status_code == 200
    assert ada.post("/locks", {"keys": ["a"]}).status_code == 200
    for each in waiting:
        each.join(10)
    assert time.monotonic() - began < 10
