"""Signs of life: counted in a file, published as a ref that git alone can read."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from gitcoord.bootstrap import House
from gitcoord.domain.departure import Ended, EndSession
from gitcoord.domain.operation import Beat
from gitcoord.domain.pausing import Beaten, Heartbeat
from gitcoord.domain.sessions import Session
from gitcoord.domain.time import from_epoch
from gitcoord.ledger.ledger import STATE
from gitcoord.ledger.presence import PREFIX, PUBLISH_EVERY, published
from tests.gitrun import git
from tests.ledger.houses import START, Hands, acquire, begun, opened, session


def beat(house: House, who: Session) -> None:
    house.coordinator.do(Heartbeat(), Beaten, session=who.id)


def ref(house: House) -> str:
    return PREFIX + house.ledger.machine


def loose(repo: str) -> set[str]:
    folder = Path(repo, ".git", "objects")
    return {path.parent.name + path.name for path in folder.glob("??/*")}


def test_every_beat_is_counted_and_writes_no_transaction(repo: str) -> None:
    hands = Hands()
    house = begun(repo, hands)
    ada = session(house, life="beat")
    head = git(repo, "rev-parse", STATE)
    for _ in range(3):
        hands.pass_(1)
        beat(house, ada)
    assert opened(repo, hands).presence.beats() == {ada.id: Beat(4, from_epoch(hands.wall()))}
    assert git(repo, "rev-parse", STATE) == head


def test_every_accepted_operation_is_a_sign_of_life(repo: str) -> None:
    house = begun(repo)
    ada = session(house)
    before = house.presence.beats()[ada.id].count
    acquire(house, ada, "a.py")
    assert house.presence.beats()[ada.id].count == before + 1


def test_presence_is_a_commit_without_history_that_git_shows(repo: str) -> None:
    hands = Hands()
    house = begun(repo, hands)
    ada, bob = session(house), session(house, "bob")
    hands.pass_(PUBLISH_EVERY)
    beat(house, ada)
    text = git(repo, "show", f"{ref(house)}:presence.json")
    body = msgspec.json.decode(text)
    assert body["format"] == 1
    assert body["machine"] == house.ledger.machine
    assert body["sessions"][ada.id] == {"count": 2, "at": from_epoch(hands.wall())}
    assert body["sessions"][bob.id]["at"] == START
    assert git(repo, "rev-list", "--count", ref(house)) == "1"
    subject = git(repo, "log", "--format=%s", ref(house))
    assert subject == f"presence: 2 on {house.ledger.machine} at {from_epoch(hands.wall())}"
    git(repo, "fsck", "--strict")


def test_other_machines_read_what_was_published(repo: str) -> None:
    hands = Hands()
    house = begun(repo, hands)
    ada = session(house)
    hands.pass_(PUBLISH_EVERY)
    beat(house, ada)
    found = published(house.store)
    assert list(found) == [house.ledger.machine]
    assert found[house.ledger.machine].sessions[ada.id].count == 2


def test_it_is_published_at_most_every_half_minute(repo: str) -> None:
    hands = Hands()
    house = begun(repo, hands)
    ada = session(house)
    first = git(repo, "rev-parse", ref(house))
    hands.pass_(PUBLISH_EVERY - 1)
    beat(house, ada)
    acquire(house, ada, "a.py")
    assert git(repo, "rev-parse", ref(house)) == first
    hands.pass_(1)
    beat(house, ada)
    assert git(repo, "rev-parse", ref(house)) != first


@pytest.mark.parametrize("engine", ["plumbing", "libgit2"])
def test_what_was_replaced_does_not_pile_up(repo: str, engine: str) -> None:
    if engine == "libgit2":
        pytest.importorskip("pygit2")
    hands = Hands()
    begun(repo, hands)
    house = opened(repo, hands, engine=engine)
    ada = session(house)
    before = len(loose(repo))
    for _ in range(12):
        hands.pass_(PUBLISH_EVERY)
        beat(house, ada)
    assert git(repo, "rev-list", "--count", ref(house)) == "1"
    assert len(loose(repo)) - before <= 6
    garbage = git(repo, "fsck", "--strict", "--unreachable", "--no-reflogs").splitlines()
    assert len(garbage) <= 3


def test_a_presence_that_is_replaced_while_it_is_read_can_still_be_read(repo: str) -> None:
    hands = Hands()
    house = begun(repo, hands)
    ada = session(house)
    before = git(repo, "rev-parse", ref(house))
    hands.pass_(PUBLISH_EVERY)
    beat(house, ada)
    assert git(repo, "rev-parse", ref(house)) != before
    assert ada.id in git(repo, "show", f"{before}:presence.json")


def test_sessions_that_have_left_are_dropped_when_it_is_published(repo: str) -> None:
    hands = Hands()
    house = begun(repo, hands)
    ada, bob = session(house), session(house, "bob")
    house.coordinator.do(EndSession(), Ended, session=ada.id)
    hands.pass_(PUBLISH_EVERY)
    beat(house, bob)
    assert list(house.presence.beats()) == [bob.id]
    assert ada.id not in git(repo, "show", f"{ref(house)}:presence.json")


def test_a_broken_file_costs_the_counts_and_nothing_else(repo: str) -> None:
    house = begun(repo)
    ada = session(house)
    beat(house, ada)
    Path(house.home, "presence.json").write_bytes(b'{"sessions": {"x": ')
    assert house.presence.beats() == {}
    beat(house, ada)
    assert house.presence.beats()[ada.id].count == 1


def test_no_file_of_the_writer_is_left_behind(repo: str) -> None:
    house = begun(repo)
    session(house)
    names = [name for name in os.listdir(house.home) if name.startswith("presence")]
    assert names == ["presence.json"]
