"""The audit: what was asked for and what came of it, found by an index that only saves reading."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gitcoord.bootstrap import House
from gitcoord.domain.changes import ChangeDraft, RecordChanges
from gitcoord.domain.configure import Begin
from gitcoord.domain.lock_operations import AcquireLocks, ReleaseLocks
from gitcoord.domain.violations import RecordViolations, ViolationDraft
from gitcoord.errors import GitcoordError, InvalidKey, InvalidValue, NotPermitted
from gitcoord.ledger import history
from gitcoord.ledger.audit import DENIALS, FILE, RESULTS, Audit, Entry, result_of
from gitcoord.ledger.history import Filter
from gitcoord.storage.pastsearch import PastSearch
from tests.gitrun import git
from tests.ledger import forging
from tests.ledger.houses import Hands, acquire, begun, opened, session
from tests.test_house import FAMILY, family


def audit_of(house: House) -> Audit:
    return Audit(house.ledger, house.home, house.spool)


def told(house: House, outcome: str = "", **fields: Any) -> list[str]:
    """Return operation and outcome of what is found, newest first."""
    audit = audit_of(house)
    try:
        found = audit.page(Filter(**fields), outcome, limit=1000).entries
    finally:
        audit.close()
    return [f"{one.operation} {one.outcome}" for one in found]


@pytest.fixture
def house(repo: str) -> House:
    return begun(repo, Hands())


def refused(house: House, *wishes: Any, session: str) -> None:
    """Ask for what is refused."""
    replies = house.coordinator.run(*wishes, session=session)
    assert all(reply.error is not None for reply in replies)


def violation(rule: str = "rm_rf") -> RecordViolations:
    draft = ViolationDraft(rule=rule, category="file", severity="block", action="blocked")
    return RecordViolations(violations=(draft,))


def test_entries_come_newest_first_with_who_what_and_what_came_of_it(house: House) -> None:
    ada = session(house)
    acquire(house, ada, "a.py", reason="mine")
    newest = audit_of(house).page(Filter(), limit=1).entries[0]
    assert newest == Entry(
        time=newest.time,
        agent="ada",
        session=ada.id,
        operation="lock.acquire",
        id=newest.id,
        outcome="done",
        result="done",
        arguments={"keys": ["a.py"], "reason": "mine"},
        commit=house.ledger.head(),
        place=0,
    )
    assert told(house) == ["lock.acquire done", "session.start done", "ledger.init done"]


def test_a_refusal_is_shown_from_the_spool_and_then_from_the_chain(house: House) -> None:
    ada, bob = session(house), session(house, "bob")
    acquire(house, ada, "a.py")
    refused(house, AcquireLocks(keys=("a.py",)), session=bob.id)
    (waiting,) = audit_of(house).page(Filter(), "refused", limit=5).entries
    assert waiting.spooled
    assert (waiting.agent, waiting.outcome, waiting.place) == ("bob", "lock_held", -1)
    assert isinstance(house.ledger.clock, Hands)
    house.ledger.clock.pass_(600)
    acquire(house, ada, "b.py")
    (carried,) = audit_of(house).page(Filter(), "refused", limit=5).entries
    assert carried.commit == house.ledger.head()
    # It says when it was refused, not when that was told.
    assert carried.time == waiting.time
    assert carried._replace(commit="", place=-1) == waiting


def test_what_waits_in_the_spool_is_shown_as_waiting(house: House) -> None:
    ada = session(house)
    note = RecordChanges(changes=(ChangeDraft(path="a.py", kind="modify"),))
    house.coordinator.later(note, session=ada.id)
    house.coordinator.later(violation(), session=ada.id)
    assert told(house)[:2] == ["guard.record waiting", "change.record waiting"]
    assert told(house, "waiting") == ["change.record waiting"]
    assert told(house, "guardrail") == ["guard.record waiting"]
    assert told(house, key="a.py") == ["change.record waiting"]
    assert told(house, until="2000-01-01T00:00:00.000Z") == []
    acquire(house, ada, "b.py")
    assert told(house, "guardrail") == ["guard.record done"]
    assert told(house, "waiting") == []


@pytest.mark.parametrize(
    ("operation", "outcome", "result"),
    [
        ("lock.acquire", "done", "done"),
        ("lock.acquire", "lock_held", "refused"),
        ("lock.acquire", "insufficient_trust_level", "denied"),
        ("task.add", "denied", "guardrail"),
        ("guard.record", "done", "guardrail"),
        ("guard.record", "invalid_value", "refused"),
        ("change.record", "waiting", "waiting"),
    ],
)
def test_what_came_of_it_is_one_word(operation: str, outcome: str, result: str) -> None:
    assert result_of(operation, outcome) == result
    assert result in RESULTS


def test_an_outcome_may_also_be_the_code_of_a_refusal(house: House) -> None:
    ada, bob = session(house), session(house, "bob")
    acquire(house, ada, "a.py")
    refused(house, AcquireLocks(keys=("a.py",)), session=bob.id)
    refused(house, AcquireLocks(keys=("../a.py",)), session=bob.id)
    assert told(house, "lock_held") == ["lock.acquire lock_held"]
    acquire(house, ada, "b.py")
    assert told(house, "lock_held") == ["lock.acquire lock_held"]
    assert told(house, "invalid_key") == ["lock.acquire invalid_key"]
    assert told(house, "done", operation="lock.") == ["lock.acquire done"] * 2


def test_pages_join_without_gap_or_repetition(house: House) -> None:
    ada = session(house)
    for number in range(7):
        acquire(house, ada, f"f{number}.py")
    refused(house, ReleaseLocks(keys=("x.py",)), session="s-nobody")
    audit = audit_of(house)
    whole = list(audit.everything(Filter()))
    assert len(whole) == 10
    for size in (1, 3, 10, 50):
        found: list[Entry] = []
        page = audit.page(Filter(), limit=size)
        found += page.entries
        while page.next and len(found) < 100:
            # What comes meanwhile shifts nothing.
            acquire(house, ada, f"f{len(found) % 7}.py", ttl=1000.0 + len(found))
            page = audit.page(Filter(), limit=size, cursor=page.next)
            found += page.entries
        assert [one for one in found if one in whole] == whole
        whole = list(audit.everything(Filter()))


@pytest.mark.parametrize("cursor", ["x", "1.2.3", "a'b.1", "0" * 40 + ".0", "chain.1", ".1"])
def test_a_wrong_cursor_is_refused(house: House, cursor: str) -> None:
    with pytest.raises(InvalidValue, match="cursor"):
        audit_of(house).page(Filter(), limit=5, cursor=cursor)


def test_a_wrong_key_is_refused(house: House) -> None:
    with pytest.raises(InvalidKey):
        audit_of(house).page(Filter(key="../x"), limit=5)


KEYS = ("a.py", "src/**", "src/a.py", "src/b/c.py", "*.md", "docs/", "db:schema:users")


def busy(house: House, seed: int, steps: int = 40) -> None:
    """Let three agents do all kinds of things about few keys, also what is refused."""
    chance = random.Random(seed)
    people = [session(house, name) for name in ("ada", "bob", "cy")]
    for _ in range(steps):
        who = chance.choice(people)
        keys = tuple(chance.sample(KEYS, chance.randint(1, 2)))
        wait = 600.0 if chance.random() < 0.3 else 0.0
        wish = chance.choice(
            [
                AcquireLocks(keys=keys, wait=wait),
                ReleaseLocks(all=True),
                ReleaseLocks(keys=keys),
            ]
        )
        assert isinstance(house.ledger.clock, Hands)
        house.ledger.clock.pass_(chance.choice([1, 60, 700]))
        house.coordinator.run(wish, session=who.id)


WISHES = [
    *({"key": key} for key in (*KEYS, "src/", "**", "docs/x.md")),
    {"agent": "ada"},
    {"agent": "bob", "key": "src/**"},
    {"operation": "lock.rel"},
    {"operation": "session", "agent": "cy"},
    {"since": "2026-01-05T08:10:00.000Z"},
    {"until": "2026-01-05T08:20:00.000Z", "key": "a.py"},
]


@pytest.mark.parametrize("seed", range(4))
def test_the_audit_finds_what_the_log_finds(repo: str, seed: int) -> None:
    """The log reads the chain, the audit its index: both are asked the same."""
    house = begun(repo, Hands())
    busy(house, seed)
    audit = audit_of(house)
    sessions = {one.session for one in audit.everything(Filter())} - {""}
    for fields in [*WISHES, *({"session": name, "key": "src/a.py"} for name in sessions)]:
        wish = Filter(**fields)
        if "since" in fields or "until" in fields:
            # A refusal has a time of its own; its transaction another.
            mine = [x for x in audit.everything(wish) if x.result == "done"]
        else:
            mine = [x for x in audit.everything(wish) if not x.spooled]
        theirs = [
            (one.oid, line)
            for one in history.transactions(house.ledger, wish)
            for line in reversed(one.lines)
            if not ("since" in fields or "until" in fields) or line["outcome"] == "done"
        ]
        assert [(x.commit, x.operation, x.id, x.outcome) for x in mine] == [
            (oid, line["op"], line["id"], line["outcome"]) for oid, line in theirs
        ], fields


@pytest.mark.parametrize("seed", range(3))
def test_an_index_that_grows_is_that_of_the_whole_chain(repo: str, seed: int) -> None:
    house = begun(repo, Hands())
    chance = random.Random(seed)
    kept = audit_of(house)
    for step in range(5):
        busy(house, seed * 10 + step, chance.randint(1, 6))
        list(kept.everything(Filter(key="src/**")))
    for fields in WISHES:
        wish = Filter(**fields)
        fresh = Audit(house.ledger, os.path.join(house.home, f"fresh-{seed}"), house.spool)
        assert list(kept.everything(wish)) == list(fresh.everything(wish)), fields


def test_only_what_is_new_is_read(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = session(house)
    for number in range(30):
        acquire(house, ada, f"f{number}.py")
    told(house)
    acquire(house, ada, "g.py")
    read: list[str] = []
    chain = house.store.chain

    def counted(start: str, limit: int | None = None) -> Any:
        for oid, raw in chain(start, limit):
            read.append(oid)
            yield oid, raw

    monkeypatch.setattr(house.store, "chain", counted)
    assert told(house, key="g.py") == ["lock.acquire done"]
    assert len(read) == 2


def test_what_is_shown_comes_from_the_chain(house: House) -> None:
    """A wrong index can hide; it cannot forge."""
    import sqlite3

    ada = session(house)
    acquire(house, ada, "a.py")
    told(house)
    with sqlite3.connect(os.path.join(house.home, FILE)) as connection:
        connection.execute("UPDATE entry SET op = 'lock.forged', outcome = 'forged'")
    assert told(house)[0] == "lock.acquire done"


@pytest.mark.parametrize("damage", [b"", b"no database at all" * 100, None])
def test_a_damaged_index_is_made_anew(house: House, damage: bytes | None) -> None:
    ada = session(house)
    for number in range(60):
        acquire(house, ada, f"f{number}.py")
    before = told(house)
    path = Path(house.home, FILE)
    if damage is None:
        data = bytearray(path.read_bytes())
        for at in range(4096, len(data), 97):
            data[at] ^= 0xFF
        path.write_bytes(data)
    else:
        path.write_bytes(damage)
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    assert told(house) == before
    assert told(house, key="f3.py") == ["lock.acquire done"]


def test_an_index_that_cannot_be_written_is_kept_in_memory(house: House) -> None:
    ada = session(house)
    acquire(house, ada, "a.py")
    os.makedirs(os.path.join(house.home, FILE))
    assert told(house)[0] == "lock.acquire done"


def test_a_ledger_that_begins_anew_has_an_index_of_its_own(repo: str) -> None:
    first = begun(repo, Hands())
    acquire(first, session(first), "old.py")
    assert "lock.acquire done" in told(first)
    first.close()
    git(repo, "update-ref", "-d", "refs/coord/state")
    # As `uninstall` does, but for the index, which another process may have open.
    index = Path(first.home, FILE)
    kept = index.read_bytes()
    shutil.rmtree(first.home)
    second = opened(repo, Hands())
    second.coordinator.begin(Begin())
    Path(second.home).mkdir(exist_ok=True)
    index.write_bytes(kept)
    assert told(second) == ["ledger.init done"]
    assert told(second, key="old.py") == []


def test_who_sees_an_older_head_looks_at_the_longer_chain(house: House) -> None:
    """Two processes do not tear the index to and fro between two heads."""
    ada = session(house)
    older = house.ledger.head()
    acquire(house, ada, "a.py")
    audit = audit_of(house)
    newest = audit.page(Filter(), limit=5).entries
    search: PastSearch = audit._search
    spots = search.ask(older, house.store, lambda look: look.count())
    assert spots == len(newest) == 3


def test_of_a_shallow_clone_it_says_from_where_on_it_knows(house: House, tmp_path: Path) -> None:
    ada = session(house)
    for number in range(5):
        acquire(house, ada, f"f{number}.py")
    clone = str(tmp_path / "clone")
    source = f"file://{house.repository.common_dir}"
    git(str(tmp_path), "init", "-q", clone)
    git(clone, "fetch", "-q", "--depth=3", source, "refs/coord/state:refs/coord/state")
    here = opened(clone, Hands())
    audit = audit_of(here)
    page = audit.page(Filter(), limit=50)
    assert [x.operation for x in page.entries] == ["lock.acquire"] * 3
    assert page.known_from is not None
    assert page.known_from.oldest == page.entries[-1].commit
    # What the oldest one names is found, also where what it has changed cannot be told.
    assert told(here, key="f2.py") == ["lock.acquire done"]
    git(clone, "fetch", "-q", "--unshallow", source, "refs/coord/state:refs/coord/state")
    whole = audit.page(Filter(), limit=50)
    assert len(whole.entries) == 7
    assert whole.known_from is None


def _next(meta: dict[str, Any]) -> None:
    meta["seq"] += 1


def test_a_commit_without_a_diary_is_an_entry_too(house: House) -> None:
    """Whoever writes by hand is seen."""
    head = house.ledger.head()
    tree = forging.meta_changed(house, house.ledger.tree(head), _next)
    place = house.repository.common_dir
    forging.point(house, git(place, "commit-tree", tree, "-p", head, "-m", "by hand").strip())
    (entry,) = audit_of(house).page(Filter(), "unknown", limit=5).entries
    assert (entry.operation, entry.arguments, entry.agent) == ("", {"subject": "by hand"}, "Test")


WRITER = """
import os, sys
from gitcoord.bootstrap import open_house
from gitcoord.domain.lock_operations import AcquireLocks
from gitcoord.ledger.audit import Audit
from gitcoord.ledger.history import Filter

house = open_house(sys.argv[1], os.environ)
sys.stdin.readline()
for number in range(12):
    house.coordinator.run(AcquireLocks(keys=(f"{sys.argv[3]}/{number}.py",)), session=sys.argv[2])
    audit = Audit(house.ledger, house.home, house.spool)
    key = Filter(key=f"{sys.argv[3]}/**")
    found = sum(one.result == "done" for one in audit.everything(key))
    assert found == number + 1, (found, number)
    audit.close()
house.close()
"""


def test_processes_that_write_and_ask_at_once_see_what_they_have_done(repo: str) -> None:
    import sys

    house = begun(repo)
    people = [session(house, f"w{number}") for number in range(4)]
    house.close()
    running = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, repo, who.id, who.agent],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for who in people
    ]
    for one in running:
        assert one.stdin is not None
        one.stdin.write(b"go\n")
        one.stdin.flush()
    for one in running:
        _, complaint = one.communicate(timeout=120)
        assert one.returncode == 0, complaint.decode()
    again = opened(repo)
    assert told(again, "done", operation="lock.acquire").count("lock.acquire done") == 48


def test_what_cannot_be_read_is_no_empty_answer(house: House) -> None:
    ada = session(house)
    acquire(house, ada, "a.py")
    folder = Path(house.repository.common_dir, "objects")
    head = house.ledger.head()
    parent = git(house.repository.common_dir, "rev-parse", f"{head}^").strip()
    path = folder / parent[:2] / parent[2:]
    path.chmod(0o600)
    path.unlink()
    with pytest.raises(GitcoordError, match=parent):
        told(house)


def test_what_a_profile_forbids_is_denied_and_not_only_refused(house: House) -> None:
    from gitcoord.domain.assignments import Assigned, AssignProfile

    wish = AssignProfile(agent="ada", profile="claude_code_web_reviewer")
    house.coordinator.do(wish, Assigned, agent="person")
    ada = session(house)
    refused(house, AcquireLocks(keys=("a.py",)), session=ada.id)
    (entry,) = audit_of(house).page(Filter(), "denied", limit=5).entries
    assert (entry.agent, entry.operation, entry.result) == ("ada", "lock.acquire", "denied")


def test_every_code_for_want_of_permission_is_a_denial() -> None:
    assert {kind.code for kind in family(NotPermitted)} <= DENIALS
    assert {kind.code for kind in FAMILY} >= DENIALS
