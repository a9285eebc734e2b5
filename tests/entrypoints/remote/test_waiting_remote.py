"""Those who wait at a git host: they hear of what others do, and ask with patience."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import pytest

from gitcoord.entrypoints.cli import pace
from gitcoord.entrypoints.cli.desk import Desk
from tests.entrypoints.door import Door
from tests.entrypoints.program import Programs, until
from tests.entrypoints.remote.clones import Clones
from tests.servers.git_http import GitHost


@pytest.fixture
def other(here: Door, clones: Clones) -> Iterator[Programs]:
    """Start programs in another clone of the same hub."""
    here("init", "--remote", "origin")
    started = Programs(clones("two"))
    yield started
    started.close()


def test_a_waiter_in_another_clone_is_granted_what_is_released(here: Door, other: Programs) -> None:
    ada = here.start("ada")
    here.become(ada)
    here("lock", "acquire", "src/a.py")
    child = other("run", "--name", "ben", "--lock", "src/**", "--wait", "60s", "--", "true")
    until(lambda: here.json("lock", "list")["waiting"])
    here("lock", "release", "--all")
    assert child.wait(timeout=60) == 0
    subjects = [one["subject"] for one in here.json("log")["transactions"]]
    assert any("ben" in subject and "src/**" in subject for subject in subjects)


def test_watch_hears_what_another_clone_does(here: Door, other: Programs) -> None:
    child = other("watch", "--json", "--for", "60s")
    heard: list[str] = []

    def listen() -> None:
        assert child.stdout is not None
        heard.append(child.stdout.readline())

    listener = threading.Thread(target=listen)
    listener.start()
    numbers = iter(range(1000))

    def acted() -> bool:
        here.start(f"ada-{next(numbers)}")
        listener.join(0.2)
        return bool(heard)

    # What happened before it had looked for the first time is no news to it.
    until(acted)
    assert "ada-" in json.loads(heard[0])["subject"]
    child.kill()
    listener.join()


def test_pauses_grow_to_a_limit_and_shrink_when_something_happens(
    here: Door, hub: GitHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    here("init", "--remote", "origin")
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    desk = Desk(here.place, as_json=False, session=None)
    waiting = pace.Pace(desk, 0.02, 0.5)
    for _ in range(12):
        waiting.sleep(1000)
    assert 0.75 <= slept[0] <= 1.25
    assert all(0.75 * 15 <= pause <= 1.25 * 15 for pause in slept[8:])
    assert len(set(slept[8:])) > 1
    waiting.moved()
    waiting.sleep(1000)
    assert slept[-1] <= 1.25
    waiting.sleep(0.1)
    assert slept[-1] == 0.1
    desk.house.close()


def test_a_local_ledger_is_looked_at_as_often_as_ever(
    bare_door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare_door("init")
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    desk = Desk(bare_door.place, as_json=False, session=None)
    waiting = pace.Pace(desk, 0.02, 0.5)
    for _ in range(20):
        waiting.sleep(1000)
    assert (slept[0], slept[-1]) == (0.02, 0.5)
    desk.house.close()


def test_that_the_host_is_away_is_said_once_and_waiting_goes_on(
    here: Door, hub: GitHost, capfd: pytest.CaptureFixture[str]
) -> None:
    here("init", "--remote", "origin")
    desk = Desk(here.place, as_json=False, session=None)
    waiting = pace.Pace(desk, 0.02, 0.5)
    head = waiting.head()
    hub.stop()
    capfd.readouterr()
    assert [waiting.head(), waiting.head()] == [head, head]
    assert capfd.readouterr()[1].count("host_unreachable") == 1
    hub.start()
    waiting.head()
    hub.stop()
    waiting.head()
    assert capfd.readouterr()[1].count("host_unreachable") == 1
    desk.house.close()
