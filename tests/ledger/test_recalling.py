"""Recalling from a real ledger: the index follows, and another ledger's is never believed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from gitcoord.bootstrap import House
from gitcoord.domain.departure import Ended, EndSession
from gitcoord.domain.memories import Memory
from gitcoord.domain.recall import Query
from gitcoord.domain.remembering import (
    ForgetMemories,
    Forgotten,
    Remember,
    Remembered,
    UseMemories,
)
from gitcoord.domain.sessions import Session
from gitcoord.domain.working_memory import Kept, SetItems, WorkingMemory
from gitcoord.ledger import invariants
from gitcoord.ledger.ledger import STATE
from gitcoord.ledger.recalling import FILE, recalled
from gitcoord.storage.cachefile import sound
from tests.gitrun import git
from tests.ledger.houses import Hands, acquire, begun, opened, session


def learn(house: House, ada: Session, name: str, summary: str, **fields: Any) -> None:
    wish = Remember(id=name, summary=summary, **fields)
    house.coordinator.do(wish, Remembered, session=ada.id)


def recall(house: House, text: str = "", **query: Any) -> list[tuple[str, float]]:
    found = recalled(house.ledger, house.home, Query(text=text, **query))
    return [(one.memory.id, one.relevance) for one in found]


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def house(repo: str, clock: Hands) -> House:
    return begun(repo, clock, memory_half_life=1000)


def test_a_memory_is_found_by_its_words_and_fades_with_time(house: House, clock: Hands) -> None:
    ada = session(house)
    learn(house, ada, "k-1", "uploads hang", outcome="positive")
    learn(house, ada, "k-2", "login fails", lessons=("ask for uploads",))
    assert recall(house) == [("k-1", 1.0), ("k-2", 0.8)]
    ((first, _), (second, weaker)) = recall(house, "upload")
    assert (first, second) == ("k-1", "k-2")
    assert 0 < weaker < 0.8
    assert recall(house, "LOGIN") == [("k-2", 0.8)]
    clock.pass_(1000)
    assert recall(house, "login") == [("k-2", 0.4)]
    assert recall(house, "login", min_relevance=0.41) == []


def test_the_index_follows_what_is_remembered_merged_and_forgotten(
    house: House, clock: Hands
) -> None:
    ada = session(house)
    learn(house, ada, "k-1", "uploads hang")
    assert [name for name, _ in recall(house, "multipart")] == []
    learn(house, ada, "k-2", "uploads hang", lessons=("use multipart",))
    assert [name for name, _ in recall(house, "multipart")] == ["k-1"]
    house.coordinator.do(ForgetMemories(ids=("k-1",)), Forgotten, session=ada.id)
    assert recall(house, "multipart") == []
    learn(house, ada, "k-3", "multipart works")
    assert [name for name, _ in recall(house, "multipart")] == ["k-3"]


def test_locks_and_the_like_neither_open_nor_change_the_index(house: House) -> None:
    ada = session(house)
    learn(house, ada, "k-1", "uploads hang")
    path = Path(house.home, FILE)
    acquire(house, ada, "a.py")
    assert recall(house, tags=("s3",)) == []
    assert not path.exists()
    recall(house, "uploads")
    before = path.stat().st_mtime_ns
    acquire(house, ada, "b.py")
    assert recall(house, "uploads")
    assert path.stat().st_mtime_ns == before


def test_a_spoilt_index_is_made_anew(house: House) -> None:
    ada = session(house)
    learn(house, ada, "k-1", "uploads hang")
    recall(house, "uploads")
    path = Path(house.home, FILE)
    path.write_bytes(os.urandom(9000))
    assert [name for name, _ in recall(house, "uploads")] == ["k-1"]
    from gitcoord.storage import fulltext

    assert sound(str(path), f"1/{fulltext.SCHEMA}/1", fulltext)


def test_a_ledger_that_was_begun_anew_has_nothing_of_the_old_one(repo: str, house: House) -> None:
    ada = session(house)
    learn(house, ada, "k-1", "uploads hang")
    assert recall(house, "uploads")
    git(repo, "update-ref", "-d", STATE)
    Path(house.home, "witness.json").unlink()
    anew = begun(repo)
    learn(anew, session(anew, "bob"), "k-2", "uploads work")
    assert [name for name, _ in recall(anew, "uploads hang")] == ["k-2"]


def test_two_houses_see_the_same_ledger_each_as_it_is(repo: str, house: House) -> None:
    ada = session(house)
    other = opened(repo, house.ledger.clock)
    for number in range(3):
        learn(house, ada, f"k-{number}", f"word{number} uploads")
        assert len(recall(other, "uploads")) == len(recall(house, "uploads")) == number + 1


def test_that_a_memory_has_helped_costs_no_transaction(repo: str, house: House) -> None:
    ada = session(house)
    learn(house, ada, "k-1", "uploads hang")
    head = git(repo, "rev-parse", STATE)
    house.coordinator.later(UseMemories(ids=("k-1",)), session=ada.id)
    assert recall(house, "uploads")
    assert git(repo, "rev-parse", STATE) == head
    acquire(house, ada, "a.py")
    assert git(repo, "rev-list", "--count", f"{head}..{STATE}") == "1"
    with house.ledger.state() as state:
        found = state.get(Memory, "k-1")
    assert found is not None
    assert found.used_by == (ada.id,)


def test_requirement_3_the_working_memory_is_gone_with_its_session(house: House) -> None:
    ada, bob = session(house), session(house, "bob")
    for one in (ada, bob):
        house.coordinator.do(SetItems(items={"plan": "x"}), Kept, session=one.id)
    house.coordinator.do(EndSession(), Ended, session=ada.id)
    with house.ledger.state() as state:
        assert [one.session for one in state.all(WorkingMemory)] == [bob.id]
        assert list(invariants.broken(state)) == []
        state.put(WorkingMemory(session=ada.id))
        (finding,) = invariants.broken(state)
    assert finding.code == "working_memory_without_session"
