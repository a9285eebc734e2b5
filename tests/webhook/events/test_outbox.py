"""The queue of notifications: it outlives its service, and two of them share it."""

from __future__ import annotations

import multiprocessing
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from gitcoord.errors import Unavailable
from gitcoord.ledger.feed import Position
from webhook.events import outbox
from webhook.events.outbox import Draft, Load, Outbox

BEGIN = Position(1, 1, 0)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "service.sqlite")


def at(number: int) -> Position:
    return Position(1, number, 1)


def put(box: Outbox, *numbers: int, target: str = "t") -> int:
    drafts = [Draft(target, at(n), "lock.acquired", f"body {n}") for n in numbers]
    return box.put("p", [target], drafts, at(max(numbers)))


def test_only_its_owner_can_read_the_file(path: str) -> None:
    Path(path).touch(0o644)
    os.chmod(path, 0o644)
    before = os.umask(0)
    try:
        box = Outbox(path)
        box.begin("p", "t", BEGIN)
        put(box, 2)
    finally:
        os.umask(before)
    found = [each for each in Path(path).parent.iterdir() if each.name.startswith("service")]
    assert {stat.S_IMODE(each.stat().st_mode) for each in found} == {0o600}
    box.close()


def test_what_waits_is_there_after_a_restart_oldest_first(path: str) -> None:
    box = Outbox(path)
    assert box.begin("p", "t", BEGIN) == BEGIN
    assert put(box, 2, 3) == 2
    box.close()
    box = Outbox(path)
    assert box.begin("p", "t", at(99)) == at(3)
    first = box.claim("p", "me", 100.0, 60.0)
    assert first is not None
    assert (first.event, first.body, first.type, first.tries) == (
        "1.2.1",
        "body 2",
        "lock.acquired",
        0,
    )
    second = box.claim("p", "me", 100.0, 60.0)
    assert second is not None
    assert second.event == "1.3.1"
    assert box.claim("p", "me", 100.0, 60.0) is None
    box.close()


def test_the_same_event_is_queued_once_also_after_it_was_sent(path: str) -> None:
    one, other = Outbox(path), Outbox(path)
    one.begin("p", "t", BEGIN)
    assert put(one, 2, 3) == 2
    found = one.claim("p", "one", 0.0, 60.0)
    assert found is not None
    one.sent(found, "one")
    # The other service is behind, and hears the same only now.
    assert put(other, 2, 3) == 0
    assert put(other, 3, 4) == 1
    assert one.loads("p") == {"t": Load(2, 0, 0)}
    # What is behind does not take the place back.
    assert put(other, 2) == 0
    assert one.begin("p", "t", BEGIN) == at(4)
    for box in (one, other):
        box.close()


def test_one_that_is_claimed_is_nobody_elses_until_its_time_is_over(path: str) -> None:
    one, other = Outbox(path), Outbox(path)
    one.begin("p", "t", BEGIN)
    put(one, 2)
    found = one.claim("p", "one", 100.0, 60.0)
    assert found is not None
    assert other.claim("p", "other", 159.0, 60.0) is None
    taken = other.claim("p", "other", 160.0, 60.0)
    assert taken is not None
    assert (taken.id, taken.tries) == (found.id, 1)
    # The first one has been too slow; it has no say any more.
    one.sent(found, "one")
    one.again(found, "one", 0.0, "late")
    one.give_up(found, "one", "late")
    assert other.loads("p") == {"t": Load(1, 0, 0)}
    assert one.claim("p", "one", 161.0, 60.0) is None
    other.sent(taken, "other")
    assert other.loads("p") == {"t": Load(0, 0, 0)}
    for box in (one, other):
        box.close()


def test_one_that_failed_comes_again_when_it_is_due(path: str) -> None:
    box = Outbox(path)
    box.begin("p", "t", BEGIN)
    put(box, 2)
    found = box.claim("p", "me", 100.0, 60.0)
    assert found is not None
    box.again(found, "me", 130.0, "it answered 500")
    assert box.claim("p", "me", 129.0, 60.0) is None
    again = box.claim("p", "me", 130.0, 60.0)
    assert again is not None
    assert (again.tries, again.error) == (1, "it answered 500")
    box.give_up(again, "me", "enough")
    assert box.claim("p", "me", 1e9, 60.0) is None
    assert [(x.event, x.error) for x in box.given_up("p")] == [("1.2.1", "enough")]
    box.close()


def test_targets_and_projects_are_apart_and_busy_targets_are_left(path: str) -> None:
    box = Outbox(path)
    for name in ("a", "b"):
        box.begin("p", name, BEGIN)
        put(box, 2, target=name)
    assert box.claim("q", "me", 0.0, 60.0) is None
    found = box.claim("p", "me", 0.0, 60.0, ["a"])
    assert found is not None
    assert found.target == "b"
    assert box.claim("p", "me", 0.0, 60.0, ["a", "b"]) is None
    box.close()


def test_the_queue_and_what_was_given_up_do_not_grow_without_end(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "WAITING_LIMIT", 5)
    monkeypatch.setattr(outbox, "GIVEN_UP_KEPT", 3)
    box = Outbox(path)
    box.begin("p", "t", BEGIN)
    put(box, *range(2, 10))
    assert box.loads("p") == {"t": Load(5, 0, 3)}
    for _ in range(5):
        found = box.claim("p", "me", 0.0, 60.0)
        assert found is not None
        box.give_up(found, "me", "no")
    assert [x.event for x in box.given_up("p")] == ["1.9.1", "1.8.1", "1.7.1"]
    box.close()


def test_a_file_that_is_none_of_ours_is_said_so(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"not a database" * 100)
    with pytest.raises(Unavailable):
        Outbox(str(file))
    with pytest.raises(Unavailable):
        Outbox(str(tmp_path / "missing" / "x"))


def _claim(path: str, gate: Any, out: Any) -> None:
    box, name, mine = Outbox(path), str(os.getpid()), []
    gate.wait()
    while (found := box.claim("p", name, 0.0, 60.0)) is not None:
        mine.append(found.event)
        box.sent(found, name)
    out.put(mine)
    box.close()


def test_services_that_race_claim_each_notification_once(path: str) -> None:
    box = Outbox(path)
    box.begin("p", "t", BEGIN)
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
    box.close()
