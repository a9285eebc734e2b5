"""The queue of notifications: it outlives its service, and two of them share it."""

from __future__ import annotations

import multiprocessing
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gitcoord.errors import Unavailable
from gitcoord.ledger.feed import Position
from tests.webhook.events.queues import forget, queue
from webhook.events import outbox
from webhook.events.outbox import Draft, Load, Outbox
from webhook.private import Private

BEGIN = Position(1, 1, 0)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "service.sqlite")


@pytest.fixture
def box(path: str) -> Iterator[Outbox]:
    """Return a queue with one target of which nothing was told yet."""
    with queue(path, "t") as found:
        found.begin(["t"], BEGIN)
        yield found


@pytest.fixture
def other(path: str, box: Outbox) -> Iterator[Outbox]:
    """Return the same queue as another service has it."""
    with queue(path) as found:
        yield found


def at(number: int) -> Position:
    return Position(1, number, 1)


def put(box: Outbox, *numbers: int, target: str = "t") -> int:
    drafts = [Draft(target, at(n), "lock.acquired", f"body {n}") for n in numbers]
    return box.put([target], drafts, at(max(numbers)))


def test_only_its_owner_can_read_the_file(path: str) -> None:
    Path(path).touch(0o644)
    os.chmod(path, 0o644)
    before = os.umask(0)
    try:
        with queue(path, "t") as box:
            box.begin(["t"], BEGIN)
            put(box, 2)
            found = [x for x in Path(path).parent.iterdir() if x.name.startswith("service")]
            # Also what SQLite puts beside it while it is in use.
            assert len(found) > 1
            assert {stat.S_IMODE(each.stat().st_mode) for each in found} == {0o600}
    finally:
        os.umask(before)
    assert [each.name for each in Path(path).parent.iterdir()] == ["service.sqlite"]


def test_what_waits_is_there_after_a_restart_oldest_first(path: str) -> None:
    with queue(path, "t") as box:
        assert box.begin(["t"], BEGIN) == {"t": BEGIN}
        assert put(box, 2, 3) == 2
    with queue(path) as box:
        assert box.begin(["t"], at(99)) == {"t": at(3)}
        first = box.claim(["t"], "me", 100.0, 60.0)
        assert first is not None
        assert (first.event, first.body, first.type, first.tries) == (
            "1.2.1",
            "body 2",
            "lock.acquired",
            0,
        )
        second = box.claim(["t"], "me", 100.0, 60.0)
        assert second is not None
        assert second.event == "1.3.1"
        assert box.claim(["t"], "me", 100.0, 60.0) is None


def test_the_same_event_is_queued_once_also_after_it_was_sent(box: Outbox, other: Outbox) -> None:
    assert put(box, 2, 3) == 2
    found = box.claim(["t"], "one", 0.0, 60.0)
    assert found is not None
    box.sent(found, "one")
    # The other service is behind, and hears the same only now.
    assert put(other, 2, 3) == 0
    assert put(other, 3, 4) == 1
    assert box.loads("p") == {"t": Load(2, 0, 0)}
    # What is behind does not take the place back.
    assert put(other, 2) == 0
    assert box.begin(["t"], BEGIN) == {"t": at(4)}


def test_one_that_is_claimed_is_nobody_elses_until_its_time_is_over(
    box: Outbox, other: Outbox
) -> None:
    put(box, 2)
    found = box.claim(["t"], "one", 100.0, 60.0)
    assert found is not None
    assert other.claim(["t"], "other", 159.0, 60.0) is None
    taken = other.claim(["t"], "other", 160.0, 60.0)
    assert taken is not None
    assert (taken.id, taken.tries) == (found.id, 1)
    # The first one has been too slow; it has no say any more.
    box.sent(found, "one")
    box.again(found, "one", 0.0, "late")
    box.give_up(found, "one", "late")
    assert other.loads("p") == {"t": Load(1, 0, 0)}
    assert box.claim(["t"], "one", 161.0, 60.0) is None
    other.sent(taken, "other")
    assert other.loads("p") == {"t": Load(0, 0, 0)}


def test_one_that_failed_comes_again_when_it_is_due_and_says_why(box: Outbox) -> None:
    put(box, 2)
    found = box.claim(["t"], "me", 100.0, 60.0)
    assert found is not None
    box.again(found, "me", 130.0, "it answered 500")
    assert box.loads("p") == {"t": Load(1, 0, 0, "it answered 500")}
    assert box.claim(["t"], "me", 129.0, 60.0) is None
    again = box.claim(["t"], "me", 130.0, 60.0)
    assert again is not None
    assert (again.tries, again.error) == (1, "it answered 500")
    box.give_up(again, "me", "enough")
    assert box.claim(["t"], "me", 1e9, 60.0) is None
    assert [(x.event, x.error) for x in box.given_up("t")] == [("1.2.1", "enough")]
    assert box.loads("p") == {"t": Load(0, 1, 0, "enough")}


def test_targets_and_projects_are_apart_and_busy_targets_are_left(path: str) -> None:
    with queue(path, "a", "b") as box, queue(path, "c", project="q"):
        for name in ("a", "b", "c"):
            box.begin([name], BEGIN)
            put(box, 2, target=name)
        assert box.claim(["d"], "me", 0.0, 60.0) is None
        assert box.claim([], "me", 0.0, 60.0) is None
        found = box.claim(["b"], "me", 0.0, 60.0)
        assert found is not None
        assert found.target == "b"
        assert box.claim(["b"], "me", 0.0, 60.0) is None
        assert box.loads("p").keys() == {"a", "b"}
        assert box.loads("q").keys() == {"c"}


def test_with_a_target_goes_all_that_waits_for_it(path: str, box: Outbox) -> None:
    put(box, 2, 3)
    found = box.claim(["t"], "me", 0.0, 60.0)
    assert found is not None
    forget(path, "t")
    # A service that has not heard of it yet goes on for a while.
    box.again(found, "me", 0.0, "it answered 500")
    assert box.begin(["t"], at(9)) == {}
    assert put(box, 4) == 0
    assert box.claim(["t"], "me", 1e9, 60.0) is None
    assert box.given_up("t") == []
    assert box.loads("p") == {}


def test_the_queue_and_what_was_given_up_do_not_grow_without_end(
    box: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "WAITING_LIMIT", 5)
    monkeypatch.setattr(outbox, "GIVEN_UP_KEPT", 3)
    put(box, *range(2, 10))
    assert box.loads("p") == {"t": Load(5, 0, 3)}
    for _ in range(5):
        found = box.claim(["t"], "me", 0.0, 60.0)
        assert found is not None
        box.give_up(found, "me", "no")
    assert [x.event for x in box.given_up("t")] == ["1.9.1", "1.8.1", "1.7.1"]


def test_a_file_that_cannot_be_written_is_said_so_and_serves_again_afterwards(
    path: str, box: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhook.private.PATIENCE", 0.01)
    with queue(path) as mine:
        blocker = Private(path)
        with blocker.transaction():
            with pytest.raises(Unavailable, match="locked"):
                put(mine, 2)
            # Who only asks waits for no writer.
            assert mine.loads("p") == {"t": Load()}
        blocker.close()
        assert put(mine, 2) == 1


def _claim(path: str, gate: Any, out: Any) -> None:
    with queue(path) as box:
        name, mine = str(os.getpid()), []
        gate.wait()
        while (found := box.claim(["t"], name, 0.0, 60.0)) is not None:
            mine.append(found.event)
            box.sent(found, name)
        out.put(mine)


def test_services_that_race_claim_each_notification_once(path: str, box: Outbox) -> None:
    put(box, *range(2, 122))
    context = multiprocessing.get_context("spawn")
    gate, out = context.Barrier(3), context.Queue()
    racers = [context.Process(target=_claim, args=(path, gate, out)) for _ in range(3)]
    for racer in racers:
        racer.start()
    claimed = [event for _ in racers for event in out.get(timeout=60)]
    for racer in racers:
        racer.join()
    assert sorted(claimed) == sorted(str(at(n)) for n in range(2, 122))
