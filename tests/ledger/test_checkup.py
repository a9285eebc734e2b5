"""What `doctor` sees: a fault of each kind is found, safe ones are repaired, none is made."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gitcoord.bootstrap import House
from gitcoord.domain.locks import Lock
from gitcoord.domain.mailbox import Message, Receipt
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.tasks import Task
from gitcoord.domain.time import plus
from gitcoord.errors import AlreadyInitialised, LedgerMissing, LedgerRewound
from gitcoord.ledger import checkup as doctor
from gitcoord.ledger import clone, history, journal, remedies
from gitcoord.ledger.finding import LISTED, Finding, listed
from gitcoord.ledger.invariants import broken
from gitcoord.storage import codec, tree
from gitcoord.storage.store import Move, make_object
from gitcoord.storage.witness import Witness
from gitcoord.storage.worktree import Checkout
from tests.gitrun import git
from tests.ledger.houses import START, Hands, acquire, begun, opened, session

STATE = "refs/coord/state"


def examine(house: House, *, grave: bool = True) -> dict[str, Finding]:
    """Return what was found by code; with `grave` only what is not fine."""
    found = doctor.checkup(house, Checkout(house.repository, os.environ))
    kept = [one for one in found if not grave or one.severity in ("warning", "error")]
    return {one.code: one for one in kept}


def forge(house: House, changes: dict[tuple[str, str], bytes | None], **meta: Any) -> str:
    """Put a transaction on top of the head that no rule has decided."""

    def read(oid: str) -> bytes:
        return house.store.read(oid)[1]

    head = house.ledger.head()
    now = history.meta_at(house.ledger, head)
    now.seq += 1
    for name, value in meta.items():
        setattr(now, name, value)
    root, objects = tree.rewrite(
        read,
        house.ledger.tree(head),
        {("", "meta.json"): codec.encode_record(now)} | changes,
        house.store.object_format,
    )
    return swap(house, root, objects, now.time)


def swap(house: House, root: str, objects: list[Any], at: str = START) -> str:
    """Move the ledger to a commit of this tree."""
    head = house.ledger.head()
    raw = journal.compose(root, head, [], [], at, "forger-0001")
    commit = make_object(b"commit", raw, house.store.object_format)
    house.store.commit([*objects, commit], [Move(STATE, head, commit.oid)])
    return commit.oid


def stored(record: Any) -> bytes:
    return codec.encode_record(record)


@pytest.fixture
def house(repo: str) -> House:
    """Return a ledger with a session, a lock and two tasks."""
    house = begun(repo, Hands())
    ada = session(house)
    acquire(house, ada, "src/**")
    tasks = (NewTask(id="t-1", title="one"), NewTask(id="t-2", title="two", depends_on=("t-1",)))
    house.coordinator.do(AddTasks(tasks=tasks), AddTasks.answer, session=ada.id)
    return house


def _table(record: Any) -> str:
    return f"archive/{record.table}" if record.archived else str(record.table)


def checked(house: House) -> list[Finding]:
    """Return what breaks a rule in the state at the head."""
    with house.ledger.state() as state:
        return list(broken(state))


def one(house: House, kind: Any) -> Any:
    with house.ledger.state() as state:
        return next(state.all(kind))


def test_a_healthy_ledger_has_no_findings_but_good_ones(house: House) -> None:
    found = examine(house, grave=False)
    assert {one.severity for one in found.values()} == {"ok"}
    assert set(found) == {
        "cache",
        "chain",
        "clock",
        "git",
        "growth",
        "invariants",
        "presence",
        "records",
        "repository",
        "witness",
    }
    assert doctor.worst(list(found.values())) == "ok"


def test_looking_changes_nothing(house: House, repo: str) -> None:
    before = git(repo, "for-each-ref")
    examine(house)
    assert git(repo, "for-each-ref") == before


def test_a_repository_without_a_ledger_is_no_fault(repo: str) -> None:
    found = examine(opened(repo), grave=False)
    assert found["not_initialised"].severity == "note"
    assert doctor.worst(list(found.values())) == "note"


def test_a_record_that_cannot_be_read_is_named(house: House) -> None:
    forge(house, {("tasks", "t-9"): b'{"format": 1, "id": 7}\n'})
    found = examine(house)["corrupt_record"]
    assert found.severity == "error"
    assert "tasks/r.t-9.json" in found.message


def test_a_record_of_a_newer_format_is_named(house: House) -> None:
    forge(house, {("tasks", "t-9"): b'{\n  "format": 2,\n  "id": "t-9"\n}\n'})
    assert "tasks/r.t-9.json" in examine(house)["format_too_new"].message


def test_a_record_in_the_wrong_place_is_named(house: House) -> None:
    task = one(house, Task)
    forge(house, {("tasks", "t-9"): stored(task)})
    assert "holds the record of 't-1'" in examine(house)["corrupt_record"].message


def test_an_open_record_in_the_archive_is_named(house: House) -> None:
    task = one(house, Task)
    forge(house, {("tasks", "t-1"): None, ("archive/tasks", "t-1"): stored(task)})
    assert "archive/tasks/r.t-1.json is open" in examine(house)["corrupt_record"].message


def test_a_missing_object_is_found_and_the_other_records_are_still_read(
    house: House, repo: str
) -> None:
    oid = git(repo, "rev-parse", f"{STATE}:tasks/r.t-1.json")
    os.remove(os.path.join(repo, ".git", "objects", oid[:2], oid[2:]))
    forge(house, {("tasks", "t-9"): b"{}"})
    found = doctor.checkup(house, Checkout(house.repository, os.environ))
    texts = [one.message for one in found if one.code == "corrupt_record"]
    assert len(texts) == 2
    assert any("r.t-1.json" in text for text in texts)
    assert any("r.t-9.json" in text for text in texts)


def test_records_of_a_newer_gitcoord_are_carried_along_and_noted(house: House) -> None:
    forge(house, {("pets", "cat"): b'{"format": 1}\n'})
    found = examine(house, grave=False)
    assert found["unknown_table"].severity == "note"
    assert doctor.worst(list(found.values())) == "note"


def test_a_tree_that_is_split_otherwise_is_found(house: House, repo: str) -> None:
    blob = git(repo, "rev-parse", f"{STATE}:tasks/r.t-1.json")
    other = git(repo, "rev-parse", f"{STATE}:tasks/r.t-2.json")
    inner = git(repo, "mktree", stdin=f"100644 blob {blob}\tr.t-1.json\n".encode())
    second = git(repo, "mktree", stdin=f"100644 blob {other}\tr.t-2.json\n".encode())
    table = git(repo, "mktree", stdin=f"040000 tree {inner}\t3\n040000 tree {second}\t4\n".encode())
    listing = git(repo, "ls-tree", STATE).splitlines()
    kept = [line for line in listing if not line.endswith("\ttasks")]
    root = git(repo, "mktree", stdin="\n".join([*kept, f"040000 tree {table}\ttasks", ""]).encode())
    assert root != git(repo, "rev-parse", f"{STATE}^{{tree}}")
    swap(house, root, [])
    # With the same numbers as its parent it would be taken for a rewound ledger.
    os.remove(os.path.join(house.home, "witness.json"))
    assert "tasks" in examine(house)["tree_differs"].message


def test_a_jump_in_the_numbers_of_transactions_is_found(house: House) -> None:
    head = forge(house, {}, seq=40)
    found = examine(house)["seq_jump"]
    assert "1/40 follows 1/4" in found.message
    assert house.ledger.head() == head


def test_a_missing_commit_is_found_where_the_chain_breaks(house: House, repo: str) -> None:
    oid = git(repo, "rev-parse", f"{STATE}~2")
    os.remove(os.path.join(repo, ".git", "objects", oid[:2], oid[2:]))
    assert "2 transactions back" in examine(house)["corrupt_record"].message


def test_who_wrote_a_date_far_ahead_is_named(house: House) -> None:
    forge(house, {}, time=plus(START, 9 * 365 * 86400))
    found = examine(house)
    assert "on forger-0001" in found["time_ahead"].message
    assert "transaction 5 " in found["time_ahead"].message
    assert "clock_behind" in found


def test_time_that_went_back_names_who_was_ahead(house: House) -> None:
    forge(house, {}, time=plus(START, 9 * 365 * 86400))
    forge(house, {}, time=plus(START, 60))
    found = examine(house)
    assert "on forger-0001" in found["time_back"].message
    assert "clock_behind" not in found


def test_every_broken_rule_is_found(house: House) -> None:
    lock, task = one(house, Lock), one(house, Task)
    change = msgspec.structs.replace
    stolen = change(lock, key="src/a.py", session="s-gone", agent="eve")
    waits = change(task, id="t-8", depends_on=("t-1", "t-404"), waiting_for=())
    claimed = change(task, id="t-7", status="assigned", session="s-gone", agent="eve")
    forge(
        house,
        {
            ("locks", stolen.name): stored(stolen),
            ("tasks", "t-8"): stored(waits),
            ("tasks", "t-7"): stored(claimed),
        },
        token=0,
    )
    found = examine(house)
    assert {code for code, one in found.items() if one.severity == "error"} == {
        "claim_without_session",
        "dependency_missing",
        "double_grant",
        "lock_without_session",
        "token_ahead",
        "token_twice",
        "waiting_for_wrong",
    }
    assert "eve (s-gone)" in found["double_grant"].message


def test_receipts_that_no_rule_has_written_are_found(house: House) -> None:
    bob, eve = Receipt(session="s-bob"), Receipt(session="s-eve")
    letter = Message(id="m-1", text="x", to="s-bob", at=START, receipts=(bob,))
    notice = Message(id="m-2", text="x", sender="s-eve/sub", at=START, receipts=(bob,))
    change = msgspec.structs.replace
    wrong = [
        change(letter, id="m-3", receipts=(eve,)),
        change(letter, id="m-4", receipts=(bob, bob)),
        change(letter, id="m-5", receipts=(change(bob, read_at=START),)),
        change(letter, id="m-6", receipts=(change(bob, delivered_at=START, acked_at=START),)),
        change(notice, id="m-7", receipts=(bob, eve)),
    ]
    forge(house, {("messages", each.id): stored(each) for each in (letter, notice)})
    assert examine(house) == {}
    forge(house, {(_table(each), each.id): stored(each) for each in wrong})
    found = [one for one in checked(house) if one.code == "receipts_wrong"]
    assert sorted(one.message[:11] for one in found) == [f"message m-{n}" for n in range(3, 8)]


def test_shared_locks_and_ended_leases_are_no_double_grant(house: House) -> None:
    lock = one(house, Lock)
    change = msgspec.structs.replace
    other = session(house, "bob")
    over = change(
        lock, key="src/a.py", session=other.id, token=2, expires_at=plus(START, -1), ttl=1
    )
    forge(house, {("locks", over.name): stored(over)}, token=2)
    assert "double_grant" not in examine(house)


def test_many_findings_of_one_kind_are_counted() -> None:
    many = [Finding("x", "error", str(number)) for number in range(LISTED + 7)]
    shown = list(listed([*many, Finding("y", "ok", "fine")]))
    assert len(shown) == LISTED + 2
    assert shown[-1] == Finding("x", "error", "and 7 more")


# This clone


def test_a_stale_lock_file_is_shown_with_its_remedy_and_left_alone(house: House, repo: str) -> None:
    path = os.path.join(repo, ".git", "refs", "coord", "state.lock")
    Path(path).touch()
    assert examine(house, grave=False)["lock_file"].severity == "note"
    os.utime(path, (1, 1))
    found = doctor.checkup(house, Checkout(house.repository, os.environ))
    (stale,) = [one for one in found if one.code == "stale_lock_file"]
    assert path in stale.hint
    assert not stale.repairable
    remedies.repair(house, found)
    assert os.path.exists(path)


def repaired(house: House, code: str) -> str:
    """Repair a finding of this code, which then must be gone; return what was said."""
    finding = examine(house, grave=False)[code]
    assert finding.repairable
    (said,) = remedies.repair(house, [finding, finding])
    assert code not in examine(house, grave=False)
    return said


def test_an_index_that_lies_is_found_and_dropped(house: House) -> None:
    path = os.path.join(house.home, "cache.sqlite")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM record WHERE name = 't-1'")
        connection.commit()
    assert "dropped" in repaired(house, "cache_differs")
    fresh = opened(house.repository.common_dir)
    with fresh.ledger.state() as state:
        assert state.get(Task, "t-1") is not None


def test_what_dead_processes_left_in_the_queue_is_removed_when_old(house: House) -> None:
    folder = Path(house.home, "queue")
    folder.mkdir(exist_ok=True)
    (folder / "1.req").write_text("{}")
    (folder / "2.bell").write_text("")
    os.utime(folder / "2.bell", (1, 1))
    repaired(house, "queue_litter")
    assert [path.name for path in folder.iterdir()] == ["1.req"]


def test_too_many_objects_of_the_ledger_are_packed(
    house: House, repo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOOSE", "PACKS"):
        monkeypatch.setattr(clone, name, 10)
    repaired(house, "overgrown")
    assert examine(house, grave=False)["records"].severity == "ok"
    git(repo, "fsck", "--strict", "--connectivity-only")


def test_leases_that_are_over_are_ended_by_an_operation(house: House) -> None:
    clock = house.ledger.clock
    assert isinstance(clock, Hands)
    clock.pass_(3600)
    repaired(house, "leases_over")
    with house.ledger.state() as state:
        assert list(state.all(Lock)) == []


def test_a_spooled_file_that_cannot_be_read_is_named_and_kept(house: House) -> None:
    folder = Path(house.home, "spool")
    folder.mkdir(exist_ok=True)
    for name, text in (("a.json", "{"), ("b.json", "{}"), ("c.json", '{"operations": 3}')):
        (folder / name).write_text(text)
    found = doctor.checkup(house, Checkout(house.repository, os.environ))
    assert [one.severity for one in found if one.code == "spool_unreadable"] == ["warning"] * 3
    remedies.repair(house, found)
    assert len(list(folder.iterdir())) == 3


def test_a_presence_that_cannot_be_read_is_named(house: House, repo: str) -> None:
    git(repo, "update-ref", "refs/coord/presence/box-1", "HEAD")
    assert "refs/coord/presence/box-1" in examine(house)["presence_unreadable"].message


def test_a_witness_whose_state_is_gone_is_told(house: House) -> None:
    path = Path(house.home, "witness.json")
    path.unlink()
    assert Witness(house.home).note(1, 1, "1" * 40)
    assert "witness_stale" in examine(house)
    path.unlink()
    assert examine(house, grave=False)["witness_empty"].severity == "note"


def test_a_fault_does_not_keep_the_other_checks_from_running(house: House, repo: str) -> None:
    git(repo, "update-ref", "-d", STATE)
    Path(house.home, "queue").mkdir(exist_ok=True)
    litter = Path(house.home, "queue", "x.req")
    litter.touch()
    os.utime(litter, (1, 1))
    found = examine(opened(repo), grave=False)
    assert found["ledger_missing"].severity == "error"
    assert "--restore" in found["ledger_missing"].hint
    assert "queue_litter" in found


# Lost ledgers


def test_a_deleted_ledger_is_published_again_as_a_new_epoch(house: House, repo: str) -> None:
    seen = house.ledger.head()
    git(repo, "update-ref", "-d", STATE)
    again = opened(repo, Hands())
    with pytest.raises(LedgerMissing):
        again.ledger.head()
    done = remedies.restore(again, agent="ada")
    assert (done.parent, done.replaced, done.epoch, done.seq) == (seen, None, 2, 5)
    assert again.ledger.head() == done.head == git(repo, "rev-parse", STATE)
    assert one(again, Lock).key == "src/**"
    assert examine(again) == {}
    (newest, *_) = history.transactions(again.ledger, history.Filter(operation="ledger.restore"))
    assert "ada restores" in newest.subject
    assert newest.lines[0]["args"]["because"] == "ledger_missing"
    bob = session(again, "bob")
    assert acquire(again, bob, "docs/").locks[0].token == 2


def test_a_rewound_ledger_is_replaced_by_what_was_seen(house: House, repo: str) -> None:
    seen = house.ledger.head()
    old = git(repo, "rev-parse", f"{STATE}~2")
    git(repo, "update-ref", STATE, old)
    again = opened(repo, Hands())
    with pytest.raises(LedgerRewound):
        again.ledger.head()
    assert "ledger_rewound" in examine(again)
    done = remedies.restore(again)
    assert (done.parent, done.replaced) == (seen, old)
    assert one(again, Lock).key == "src/**"
    assert examine(again) == {}


def test_a_sound_ledger_is_not_restored(house: House) -> None:
    head = house.ledger.head()
    with pytest.raises(AlreadyInitialised):
        remedies.restore(house)
    assert house.ledger.head() == head


def test_without_anything_left_nothing_is_restored(house: House, repo: str) -> None:
    seen = house.ledger.head()
    git(repo, "update-ref", "-d", STATE)
    os.remove(os.path.join(repo, ".git", "objects", seen[:2], seen[2:]))
    with pytest.raises(LedgerMissing, match="nothing of the ledger"):
        remedies.restore(opened(repo))
    assert git(repo, "for-each-ref", STATE) == ""


def test_the_old_litter_limit_is_counted_from_now(house: House) -> None:
    folder = Path(house.home, "queue")
    folder.mkdir(exist_ok=True)
    (folder / "young.req").touch()
    os.utime(folder / "young.req", (time.time() - clone.LITTER / 2,) * 2)
    assert "queue_litter" not in examine(house, grave=False)
