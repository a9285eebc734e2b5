"""Two services on one ledger, one of which is killed while both are asked: nothing is lost."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.gitrun import git
from tests.webhook.running import Running
from tests.webhook.served import begun

CLIENTS, LOCKS = 6, 15


@pytest.fixture
def pair(repo: str) -> Iterator[tuple[str, Running, Running]]:
    begun(repo)
    one, two = Running(repo), Running(repo)
    yield repo, one, two
    for each in (one, two):
        each.end(signal.SIGKILL)


def key_of(place: str) -> str:
    words = [sys.executable, "-m", "gitcoord", "serve", "key", "add", "--json"]
    made = subprocess.run(
        [*words, "--name", "test", "--scope", "agent"], cwd=place, capture_output=True, check=True
    )
    return str(json.loads(made.stdout)["key"]["secret"])


class Sure:
    """Asks one service, and when it is gone the other: the same request, with its key."""

    def __init__(self, services: tuple[Running, Running], key: str) -> None:
        self.services = services
        self.key = key

    def ask(
        self, number: int, path: str, body: object, id: str, **headers: str
    ) -> tuple[int, dict[str, Any]]:
        for attempt in range(50):
            service = self.services[(number + attempt) % 2]
            try:
                return service.ask(path, body, self.key, Idempotency_Key=id, **headers)
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
        raise AssertionError("nobody answers")


def test_a_killed_service_loses_nothing_and_the_other_goes_on(
    pair: tuple[str, Running, Running],
) -> None:
    place, one, two = pair
    key = key_of(place)
    ask = Sure((one, two), key).ask
    told: dict[str, str] = {}
    trouble: list[str] = []
    half = threading.Event()

    def agent(number: int) -> None:
        status, began = ask(number, "/api/v1/sessions", {"agent": f"a{number}"}, f"s{number}")
        if status != 201:
            trouble.append(f"check-in {number}: {status} {began}")
            return
        token = began["session_token"]
        for turn in range(LOCKS):
            path = f"d{number}/f{turn}"
            status, answer = ask(
                number, "/api/v1/locks", {"keys": [path]}, f"{number}.{turn}",
                Gitcoord_Session=token,
            )  # fmt: skip
            if status == 200:
                told[path] = answer["locks"][0]["session"]
            else:
                trouble.append(f"{path}: {status} {answer}")
            if len(told) > CLIENTS * LOCKS / 3:
                half.set()

    threads = [threading.Thread(target=agent, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    assert half.wait(60)
    os.kill(one.process.pid, signal.SIGKILL)
    for thread in threads:
        thread.join(120)
    assert trouble == []
    assert len(told) == CLIENTS * LOCKS
    status, found = two.get("/api/v1/locks?limit=500", key)
    assert status == 200
    assert {lock["key"]: lock["session"] for lock in found["locks"]} == told
    diary = git(place, "log", "--format=%B", "refs/coord/state")
    lines = [json.loads(line) for line in diary.splitlines() if line.startswith("{")]
    done = Counter(line["id"] for line in lines if line["outcome"] == "done")
    assert max(done.values()) == 1
    assert sum(1 for line in lines if line["op"] == "lock.acquire") == CLIENTS * LOCKS
    assert "dangling" not in git(place, "fsck", "--no-dangling")
