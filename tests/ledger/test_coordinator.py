"""The one write path: accepted is durable, refused changes nothing, twice is once."""

from __future__ import annotations

import threading

import pytest

from gitcoord.bootstrap import House
from gitcoord.domain.configure import Begin, ChangeSettings, Configured
from gitcoord.domain.lock_operations import AcquireLocks, ReleaseLocks
from gitcoord.domain.locks import Lock
from gitcoord.errors import (
    AlreadyInitialised,
    LockHeld,
    NotInitialised,
    NotLockHolder,
    OperationReused,
    SessionRequired,
    TextTooLong,
    WriterTooOld,
)
from gitcoord.ledger import journal
from gitcoord.ledger.ledger import encoded
from gitcoord.ledger.request import Batch, Request
from gitcoord.storage import tree
from gitcoord.storage.store import Move, make_object
from tests.gitrun import git
from tests.ledger.houses import START, Hands, acquire, begun, opened, session

STATE = "refs/coord/state"


def test_an_accepted_operation_is_a_commit_that_git_alone_can_read(repo: str) -> None:
    house = begun(repo)
    ada = session(house)
    answer = acquire(house, ada, "src/auth/**", reason="login")
    assert answer.locks[0].token == 1
    body = git(repo, "log", "-1", "--format=%an|%s|%B", STATE)
    assert body.startswith("ada|lock: ada takes src/auth/** (token 1/1)|")
    assert '"args":{"keys":["src/auth/**"],"reason":"login"},"outcome":"done"' in body
    assert f"Session: {ada.id}" in body
    assert '"token": 1' in git(repo, "show", f"{STATE}:meta.json")
    assert "src%2Fauth%2F%2A%2A" in git(repo, "ls-tree", "-r", "--name-only", STATE, "locks")
    git(repo, "fsck", "--strict")


def test_a_refused_operation_moves_nothing_and_is_told_with_the_next_transaction(repo: str) -> None:
    house = begun(repo)
    ada, bob = session(house), session(house, "bob")
    acquire(house, ada, "a.py")
    head = git(repo, "rev-parse", STATE)
    with pytest.raises(LockHeld) as refused:
        acquire(house, bob, "*.py")
    assert refused.value.details["conflicts"][0]["agent"] == "ada"
    assert git(repo, "rev-parse", STATE) == head
    acquire(house, bob, "b.txt")
    lines = journal.read("", house.store.read(git(repo, "rev-parse", STATE))[1]).lines
    assert [(line["op"], line["outcome"]) for line in lines] == [
        ("lock.acquire", "done"),
        ("lock.acquire", "lock_held"),
    ]
    acquire(house, bob, "c.txt")
    lines = journal.read("", house.store.read(git(repo, "rev-parse", STATE))[1]).lines
    assert len(lines) == 1


def test_several_wishes_share_a_commit_and_fail_alone(repo: str) -> None:
    house = begun(repo)
    ada = session(house)
    before = int(git(repo, "rev-list", "--count", STATE))
    replies = house.coordinator.run(
        AcquireLocks(keys=("a",)),
        ReleaseLocks(keys=("nobody-has-this",)),
        AcquireLocks(keys=("b",)),
        session=ada.id,
    )
    assert [type(reply.error) for reply in replies] == [type(None), NotLockHolder, type(None)]
    assert int(git(repo, "rev-list", "--count", STATE)) == before + 1
    with house.ledger.state() as state:
        assert [lock.key for lock in state.all(Lock)] == ["a", "b"]


def test_a_batch_is_all_or_nothing(repo: str) -> None:
    house = begun(repo)
    ada = session(house)
    head = git(repo, "rev-parse", STATE)
    reply = house.coordinator.run(
        Batch(AcquireLocks(keys=("a",)), ReleaseLocks(keys=("nobody-has-this",))), session=ada.id
    )[0]
    assert isinstance(reply.error, NotLockHolder)
    assert git(repo, "rev-parse", STATE) == head
    reply = house.coordinator.run(
        Batch(AcquireLocks(keys=("a",)), ReleaseLocks(keys=("a",))), session=ada.id
    )[0]
    assert reply.error is None
    assert len(reply.answers) == 2


def test_nothing_to_change_writes_nothing(repo: str) -> None:
    house = begun(repo)
    head = git(repo, "rev-parse", STATE)
    reply = house.coordinator.run(ChangeSettings(values={"lock_ttl": 1800}))[0]
    assert reply.error is None
    assert git(repo, "rev-parse", STATE) == head


def test_the_same_operation_id_gets_the_first_answer_again(repo: str) -> None:
    house = begun(repo)
    ada = session(house)
    wish = AcquireLocks(keys=("a",))
    first = house.coordinator.run(wish, session=ada.id, id="o-once")[0]
    head = git(repo, "rev-parse", STATE)
    house.coordinator.run(ReleaseLocks(keys=("a",)), session=ada.id)
    again = house.coordinator.run(wish, session=ada.id, id="o-once")[0]
    assert again.repeated
    assert again.answers == first.answers
    assert git(repo, "rev-list", "--count", f"{head}..{STATE}") == "1"


def test_the_same_operation_id_with_other_arguments_is_refused(repo: str) -> None:
    house = begun(repo)
    ada = session(house)
    house.coordinator.run(AcquireLocks(keys=("a",)), session=ada.id, id="o-once")
    head = git(repo, "rev-parse", STATE)
    reply = house.coordinator.run(AcquireLocks(keys=("b",)), session=ada.id, id="o-once")[0]
    assert isinstance(reply.error, OperationReused)
    assert git(repo, "rev-parse", STATE) == head


def test_an_operation_without_a_session_is_refused(repo: str) -> None:
    house = begun(repo)
    assert isinstance(house.coordinator.run(AcquireLocks(keys=("a",)))[0].error, SessionRequired)


def test_secrets_never_reach_the_chain(repo: str) -> None:
    house = begun(repo)
    ada = session(house)
    token = "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345"
    acquire(house, ada, "a", reason=f"use {token} here")
    assert token not in git(repo, "log", "-p", STATE)
    assert "[secret]" in git(repo, "log", "-p", STATE)


def test_a_text_over_64_kib_is_refused_before_anything_is_tried(repo: str) -> None:
    house = begun(repo)
    ada = session(house)
    with pytest.raises(TextTooLong):
        acquire(house, ada, "a", reason="x" * (64 * 1024 + 1))


def test_without_a_ledger_nothing_can_be_decided(repo: str) -> None:
    house = opened(repo)
    with pytest.raises(NotInitialised):
        house.coordinator.run(ChangeSettings(values={"lock_ttl": 60}))
    assert git(repo, "for-each-ref", "refs/coord") == ""


def test_a_second_init_is_refused_and_changes_nothing(repo: str) -> None:
    house = begun(repo)
    head = git(repo, "rev-parse", STATE)
    with pytest.raises(AlreadyInitialised):
        house.coordinator.begin(Begin())
    assert git(repo, "rev-parse", STATE) == head


def test_a_ledger_that_asks_for_newer_writers_can_only_be_read(repo: str) -> None:
    house = begun(repo)
    ada = session(house)
    acquire(house, ada, "a")
    with house.ledger.state() as state:
        state.meta.min_writer = 99
        state.meta.seq += 1
        changes = encoded(state)
    _rewrite(house, changes)
    fresh = opened(repo)
    with fresh.ledger.state() as state:
        assert [lock.key for lock in state.all(Lock)] == ["a"]
    head = git(repo, "rev-parse", STATE)
    with pytest.raises(WriterTooOld):
        acquire(fresh, ada, "b")
    assert git(repo, "rev-parse", STATE) == head


def test_unknown_fields_and_unknown_tables_survive_a_rewrite(repo: str) -> None:
    house = begun(repo)
    ada = session(house)
    acquire(house, ada, "a")
    with house.ledger.state() as state:
        name = f"a@{ada.id}"
        stored = state.stored("locks", name)
    assert stored is not None
    future = stored.rstrip().removesuffix(b"\n}") + b',\n  "zz_future": {"x": [1, 2]}\n}\n'
    _rewrite(house, {("locks", name): future, ("futures", "one"): b'{"format": 1}\n'})
    fresh = opened(repo)
    acquire(fresh, ada, "a", ttl=7200, reason="again")
    tree = git(repo, "ls-tree", "-r", "--name-only", STATE)
    lock = next(line for line in tree.splitlines() if line.startswith("locks/"))
    assert '"zz_future"' in git(repo, "show", f"{STATE}:{lock}")
    assert any(line.startswith("futures/") for line in tree.splitlines())


def test_threads_of_one_process_share_commits_and_lose_nothing(repo: str) -> None:
    house = begun(repo)
    ada = session(house)
    before = int(git(repo, "rev-list", "--count", STATE))
    gate = threading.Barrier(8)
    lost: list[object] = []

    def work(number: int) -> None:
        gate.wait()
        for turn in range(5):
            try:
                acquire(house, ada, f"f{number}-{turn}")
            except BaseException as error:
                lost.append(error)
                raise

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lost == []
    with house.ledger.state() as state:
        assert len(list(state.all(Lock))) == 40
        assert state.meta.token == 40
    assert int(git(repo, "rev-list", "--count", STATE)) - before < 40


def test_time_does_not_run_backwards_and_a_far_future_head_ends_no_lease(repo: str) -> None:
    hands = Hands()
    house = begun(repo, hands)
    ada, bob = session(house), session(house, "bob")
    acquire(house, ada, "a", ttl=60)
    hands.sleep(-120)
    with house.ledger.state() as state:
        assert state.meta.time == START
    acquire(house, bob, "b", ttl=60)
    with house.ledger.state() as state:
        assert state.meta.time == START
    ahead = Hands("2035-01-01T00:00:00.000Z")
    other = opened(repo, ahead)
    session(other, "from-the-future")
    with pytest.raises(LockHeld):
        acquire(house, bob, "a")
    hands.pass_(3600)
    with pytest.raises(LockHeld):
        acquire(house, bob, "a")
    session(house, "cleo")
    assert acquire(house, bob, "a").locks


def test_old_answers_are_forgotten_without_anybody_asking(repo: str) -> None:
    hands = Hands()
    house = begun(repo, hands)
    ada = session(house)
    for number in range(10):
        acquire(house, ada, f"f{number}")
    hands.pass_(8 * 86400)
    for number in range(10):
        house.coordinator.do(ChangeSettings(values={"lock_ttl": 100 + number}), Configured)
    names = git(repo, "ls-tree", "-r", "--name-only", STATE, "ops").splitlines()
    assert len(names) == 10


def _rewrite(house: House, changes: dict[tuple[str, str], bytes | None]) -> None:
    """Write records as another program would: a commit on top, not through the coordinator."""
    head = house.ledger.head()
    with house.ledger.state() as state:
        state.meta.seq += 1
        meta = changes.get(("", "meta.json")) or encoded(state)["", "meta.json"]
    changes["", "meta.json"] = meta
    root, objects = tree.rewrite(
        lambda oid: house.store.read(oid)[1], house.ledger.tree(head), changes, "sha1"
    )
    raw = (
        f"tree {root}\nparent {head}\nauthor x <x@x> 0 +0000\ncommitter x <x@x> 0 +0000\n\nx\n"
    ).encode()
    commit = make_object(b"commit", raw, "sha1")
    house.store.commit([*objects, commit], [Move(STATE, head, commit.oid)])


def test_requests_of_many_share_a_commit_and_each_gets_its_own_reply(repo: str) -> None:
    house = begun(repo)
    ada, bob = session(house), session(house, "bob")
    before = int(git(repo, "rev-list", "--count", STATE))
    long = AcquireLocks(keys=("c",), reason="x" * (64 * 1024 + 1))
    wishes = [
        Request([AcquireLocks(keys=("a",))], session=ada.id, id="o-first"),
        Request([long], session=ada.id),
        Request([AcquireLocks(keys=("a",))], session=bob.id),
        Request([AcquireLocks(keys=("b",))], session=bob.id),
    ]
    replies = house.coordinator.together(wishes)
    told = [type(reply.error) for reply in replies]
    assert told == [type(None), TextTooLong, LockHeld, type(None)]
    assert int(git(repo, "rev-list", "--count", STATE)) == before + 1
    (again,) = house.coordinator.together(wishes[:1])
    assert again.repeated
    assert again.answers == replies[0].answers


def test_what_is_decided_together_is_cleaned_as_everything_else_is(repo: str) -> None:
    house = begun(repo)
    ada = session(house)
    secret = "ghp_" + "a1B2c3D4" * 5
    wish = AcquireLocks(keys=("a",), reason=f"with {secret}")
    (reply,) = house.coordinator.together([Request([wish], session=ada.id)])
    assert reply.error is None
    assert secret not in git(repo, "log", "-p", "--format=%B", STATE)
    assert "[secret]" in git(repo, "log", "-1", "--format=%B", STATE)
