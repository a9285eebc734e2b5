"""Many clients at two services before one git host, of which one is killed in the middle."""

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
from pathlib import Path
from typing import Any

import pytest

from gitcoord.bootstrap import open_house
from gitcoord.domain.configure import Begin
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.ledger import journal
from gitcoord.ledger.invariants import broken
from tests.conftest import first_commit
from tests.gitrun import git
from tests.servers.control import host_process
from tests.webhook.running import Running

CLIENTS, TURNS, CONTESTED = 10, 5, 3


@pytest.fixture
def clones(tmp_path: Path) -> Iterator[list[str]]:
    """Two clones of a repository at a host, whose ledger is there and holds tasks."""
    with host_process(tmp_path / "host") as host:
        hub = str(host.create("hub"))
        git(first_commit(tmp_path / "seed"), "push", "-q", hub, "main")
        places = [str(tmp_path / name) for name in ("one", "two")]
        for place in places:
            git(str(tmp_path), "clone", "-q", host.url("hub"), place)
            git(place, "config", "coord.remote", "origin")
        house = open_house(places[0], os.environ)
        house.coordinator.begin(Begin(), agent="test")
        tasks = tuple(NewTask(id=f"t-{n}", title=f"Task {n}") for n in range(CLIENTS * TURNS))
        assert house.coordinator.run(AddTasks(tasks=tasks), agent="test")[0].error is None
        house.close()
        yield places


class Crowd:
    """The clients, and what they were told."""

    def __init__(self, services: list[Running], key: str) -> None:
        self._services = services
        self._key = key
        self._holders: dict[str, int] = {}
        self.trouble: list[str] = []
        self.tokens: list[int] = []
        self.claimed: list[str] = []
        #: Ids under which the diary must have what was told.
        self.told = 0
        self.half = threading.Event()

    def agent(self, number: int) -> None:
        """Check in, then take, renew, claim, complete and give back, turn after turn."""
        began = self._ask(number, "sessions", {"agent": f"a{number}"}, "in", "")
        if began is None:
            self.trouble.append(f"check-in {number}")
            return
        for turn in range(TURNS):
            self._turn(number, turn, began["session_token"])

    def _turn(self, number: int, turn: int, token: str) -> None:
        key = f"shared/{(number + turn) % CONTESTED}"
        taken = self._ask(number, "locks", {"keys": [key]}, f"{turn}.take", token)
        if taken is not None:
            if (other := self._holders.get(key)) is not None:
                self.trouble.append(f"{key} is held by {number} and {other}")
            self._holders[key] = number
            self.tokens.append(taken["locks"][0]["token"])
            self._ask(number, "locks/renew", {"keys": [key]}, f"{turn}.renew", token)
        task = self._ask(number, "tasks/next", {}, f"{turn}.next", token)
        if task is None or task["task"] is None:
            self.trouble.append(f"{number} finds no task")
        else:
            id = task["task"]["id"]
            self.claimed.append(id)
            done = {"move": "complete", "result": "done"}
            self._ask(number, f"tasks/{id}/move", done, f"{turn}.done", token)
        if taken is not None:
            del self._holders[key]
            self._ask(number, "locks/release", {"keys": [key]}, f"{turn}.free", token)

    def _ask(self, number: int, path: str, body: Any, id: str, token: str) -> Any:
        """Ask one service, and when it is gone the other: the same request, with its key."""
        for attempt in range(200):
            service = self._services[(number + attempt) % 2]
            headers = {"Idempotency_Key": f"{number}.{id}"}
            headers |= {"Gitcoord_Session": token} if token else {}
            try:
                status, answer = service.ask(f"/api/v1/{path}", body, self._key, **headers)
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
                continue
            if status in (200, 201):
                self.told += 1
                if self.told > CLIENTS * TURNS:
                    self.half.set()
                return answer
            if not (status == 409 and answer["code"] == "lock_held"):
                self.trouble.append(f"{number} {id} {path}: {status} {answer}")
            return None
        raise AssertionError("nobody answers")


def test_nothing_is_granted_twice_and_nothing_that_was_told_is_lost(
    clones: list[str], tmp_path: Path
) -> None:
    own = ["--state", str(tmp_path / "own.sqlite")]
    words = [sys.executable, "-m", "gitcoord", "serve", *own, "key", "add", "--json"]
    made = subprocess.run(
        [*words, "--name", "x", "--scope", "agent"], cwd=clones[0], capture_output=True, check=True
    )
    services = [Running(clone, *own, "--rate", "1000000") for clone in clones]
    try:
        crowd = Crowd(services, json.loads(made.stdout)["key"]["secret"])
        threads = [threading.Thread(target=crowd.agent, args=(n,)) for n in range(CLIENTS)]
        for thread in threads:
            thread.start()
        assert crowd.half.wait(120)
        os.kill(services[0].process.pid, signal.SIGKILL)
        for thread in threads:
            thread.join(120)
    finally:
        for service in services:
            service.end(signal.SIGKILL)
    assert crowd.trouble == []
    assert len(crowd.tokens) == len(set(crowd.tokens)) > 0
    assert sorted(crowd.claimed) == sorted(f"t-{n}" for n in range(CLIENTS * TURNS))
    _in_the_chain(clones[1], crowd)


def _in_the_chain(clone: str, crowd: Crowd) -> None:
    """See that the chain has each thing once, and no state in it that no rule allows."""
    house = open_house(clone, os.environ)
    try:
        house.follow()
        chain = list(house.store.chain(house.ledger.head()))
        done: Counter[str] = Counter()
        granted: list[int] = []
        for oid, raw in chain:
            lines = journal.read(oid, raw).lines
            done.update(line["id"] for line in lines if line["outcome"] == "done")
        for oid, _ in chain[::4]:
            with house.ledger.state(oid) as state:
                assert list(broken(state)) == []
                granted.append(state.meta.token)
    finally:
        house.close()
    assert max(done.values()) == 1
    # Told were answers of ours; the ledger was begun and filled by two more.
    assert crowd.told + 2 == len(done)
    assert granted == sorted(granted, reverse=True)
    assert granted[0] == max(crowd.tokens)
    assert len(chain) < len(done)
