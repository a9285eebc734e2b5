"""What may wait rides on the next transaction, once, and costs none itself."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from gitcoord.bootstrap import House
from gitcoord.domain.changes import Change, ChangeDraft, RecordChanges
from gitcoord.domain.departure import Ended, EndSession
from gitcoord.domain.pausing import Beaten, Heartbeat
from gitcoord.errors import LockHeld
from gitcoord.ledger import journal
from gitcoord.ledger.ledger import STATE
from gitcoord.ledger.request import Request
from gitcoord.ledger.spool import REFUSALS, RIDERS
from tests.gitrun import git
from tests.ledger.houses import acquire, begun, opened, session


def changed(path: str) -> RecordChanges:
    return RecordChanges(changes=(ChangeDraft(path=path),))


def newest(house: House) -> list[dict[str, Any]]:
    """Return the diary lines of the last transaction."""
    head = house.ledger.head()
    return journal.read(head, house.store.read(head)[1]).lines


def told(house: House) -> list[tuple[str, str]]:
    return [(line["op"], line["outcome"]) for line in newest(house)]


def recorded(house: House) -> list[str]:
    with house.ledger.state() as state:
        return sorted(change.path for change in state.all(Change))


def test_what_is_spooled_costs_no_transaction_and_rides_on_the_next(repo: str) -> None:
    house = begun(repo)
    ada = session(house)
    head = git(repo, "rev-parse", STATE)
    house.coordinator.later(changed("a.py"), session=ada.id)
    assert git(repo, "rev-parse", STATE) == head
    assert recorded(house) == []
    acquire(house, ada, "a.py")
    assert git(repo, "rev-list", "--count", f"{head}..{STATE}") == "1"
    assert told(house) == [("lock.acquire", "done"), ("change.record", "done")]
    assert recorded(house) == ["a.py"]
    assert house.spool.waiting() == []


def test_a_heartbeat_takes_it_along_too(repo: str) -> None:
    house = begun(repo)
    ada = session(house)
    house.coordinator.later(changed("a.py"), session=ada.id)
    house.coordinator.do(Heartbeat(), Beaten, session=ada.id)
    assert recorded(house) == ["a.py"]


def test_it_rides_on_the_transaction_of_any_process_of_the_machine(repo: str) -> None:
    house = begun(repo)
    ada = session(house)
    house.coordinator.later(changed("a.py"), session=ada.id, agent="ada")
    session(opened(repo), "bob")
    assert recorded(house) == ["a.py"]
    assert [(line["op"], line.get("agent")) for line in newest(house)] == [
        ("session.start", "bob"),
        ("change.record", "ada"),
    ]


def test_the_caller_gets_the_replies_to_its_own_wishes_only(repo: str) -> None:
    house = begun(repo)
    ada = session(house)
    house.coordinator.later(changed("a.py"), session=ada.id)
    assert len(house.coordinator.run(Heartbeat(), session=ada.id)) == 1


def test_after_a_crash_between_commit_and_clean_up_it_is_not_applied_twice(repo: str) -> None:
    house = begun(repo)
    ada = session(house)
    house.coordinator.later(changed("a.py"), session=ada.id)
    folder, copy = Path(house.home, "spool"), Path(house.home, "copy")
    shutil.copytree(folder, copy)
    acquire(house, ada, "a.py")
    shutil.rmtree(folder)
    copy.rename(folder)
    acquire(house, ada, "b.py")
    assert told(house) == [("lock.acquire", "done")]
    assert recorded(house) == ["a.py"]
    assert house.spool.waiting() == []


def test_a_rider_that_is_refused_hinders_nobody_and_is_told(repo: str) -> None:
    house = begun(repo)
    ada, bob = session(house), session(house, "bob")
    house.coordinator.run(EndSession(), session=ada.id)
    house.coordinator.later(changed("a.py"), session=ada.id)
    house.coordinator.later(changed("b.py"), session=bob.id)
    acquire(house, bob, "b.py")
    assert told(house) == [
        ("lock.acquire", "done"),
        ("change.record", "done"),
        ("change.record", "session_ended"),
    ]
    assert recorded(house) == ["b.py"]
    assert house.spool.waiting() == []


def test_what_a_session_noted_before_it_left_is_decided_before_its_end(repo: str) -> None:
    house = begun(repo)
    ada = session(house)
    house.coordinator.later(changed("a.py"), session=ada.id)
    (reply,) = house.coordinator.run(EndSession(), session=ada.id)
    assert reply.error is None
    assert isinstance(reply.answers[0], Ended)
    assert told(house) == [("session.end", "done"), ("change.record", "done")]
    assert recorded(house) == ["a.py"]


def test_secrets_are_hidden_before_anything_is_spooled(repo: str) -> None:
    house = begun(repo)
    ada = session(house)
    token = "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345"
    draft = ChangeDraft(path="a.py", summary=f"with {token}")
    house.coordinator.later(RecordChanges(changes=(draft,)), session=ada.id)
    (waiting,) = Path(house.home, "spool").iterdir()
    assert token not in waiting.read_text()


def test_a_transaction_takes_a_bounded_number_the_oldest_first(repo: str) -> None:
    house = begun(repo)
    ada = session(house)
    for number in range(RIDERS + 3):
        request = Request([changed(f"f{number:03d}")], session=ada.id, id=f"o-{number}")
        house.spool.add(request)
        path = Path(house.home, "spool", f"o-{number}.json")
        os.utime(path, ns=(number, number))
    assert house.spool.waiting()[:2] == ["o-0.json", "o-1.json"]
    acquire(house, ada, "a")
    assert house.spool.waiting() == [f"o-{number}.json" for number in range(RIDERS, RIDERS + 3)]
    acquire(house, ada, "b")
    assert house.spool.waiting() == []
    assert len(recorded(house)) == RIDERS + 3


@pytest.mark.parametrize(
    "text",
    [
        "{half",
        "{}",
        "[]",
        '{"id": "o", "session": null, "agent": "", "deadline": 0, "operations": ["text"]}',
        '{"id": "o", "session": null, "agent": "", "deadline": 0, "operations": [{"op": "new"}]}',
    ],
)
def test_what_cannot_be_read_is_left_for_the_doctor(repo: str, text: str) -> None:
    house = begun(repo)
    ada = session(house)
    house.coordinator.later(changed("a.py"), session=ada.id)
    odd = Path(house.home, "spool", "odd.json")
    odd.write_text(text)
    acquire(house, ada, "a.py")
    assert odd.read_text() == text
    assert recorded(house) == ["a.py"]


def test_a_refusal_is_told_once(repo: str) -> None:
    house = begun(repo)
    ada, bob = session(house), session(house, "bob")
    acquire(house, ada, "a.py")
    head = git(repo, "rev-parse", STATE)
    for _ in range(2):
        with pytest.raises(LockHeld):
            acquire(house, bob, "a.py")
    assert git(repo, "rev-parse", STATE) == head
    acquire(opened(repo), bob, "b.py")
    assert told(house) == [
        ("lock.acquire", "done"),
        ("lock.acquire", "lock_held"),
        ("lock.acquire", "lock_held"),
    ]
    acquire(house, bob, "c.py")
    assert told(house) == [("lock.acquire", "done")]


def test_a_refusal_in_a_group_that_changes_something_is_told_with_it(repo: str) -> None:
    house = begun(repo)
    ada, bob = session(house), session(house, "bob")
    acquire(house, ada, "a.py")
    house.coordinator.later(changed("b.py"), session=ada.id)
    with pytest.raises(LockHeld):
        acquire(house, bob, "a.py")
    assert told(house) == [("change.record", "done"), ("lock.acquire", "lock_held")]
    assert house.spool.refusals() == []


def test_of_many_refusals_the_newest_are_kept_and_a_torn_line_is_passed_over(repo: str) -> None:
    house = begun(repo)
    house.spool.note_refusals([{"op": "x", "id": str(number)} for number in range(REFUSALS + 5)])
    with Path(house.home, "refusals.jsonl").open("ab") as file:
        file.write(b'{"op": "torn')
    kept = [line["id"] for line in house.spool.refusals()]
    assert kept == [str(number) for number in range(6, REFUSALS + 5)]
