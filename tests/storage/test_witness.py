"""A clone does not believe a ledger that is gone, older or somebody else's."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gitcoord.errors import LedgerMissing, LedgerRewound
from gitcoord.storage.memory import MemoryStore
from gitcoord.storage.oslock import OsLock
from gitcoord.storage.store import ABSENT, Oid, make_object
from gitcoord.storage.witness import Seen, Witness


class Chain:
    """A chain of commits in memory, each with its epoch and seq."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.facts: dict[Oid, tuple[int, int]] = {}
        self.asked = 0

    def add(self, parent: Oid | None, epoch: int, seq: int, text: str = "") -> Oid:
        lines = b"tree x\n" + (b"parent %s\n" % parent.encode() if parent else b"")
        made = make_object(b"commit", lines + b"\n%d %d %s" % (epoch, seq, text.encode()), "sha1")
        self.store.commit([made], [])
        self.facts[made.oid] = (epoch, seq)
        return made.oid

    def of(self, head: Oid) -> tuple[int, int]:
        self.asked += 1
        return self.facts[head]


@pytest.fixture
def chain() -> Chain:
    return Chain()


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness(str(tmp_path / "home"))


def test_who_has_seen_nothing_believes_anything(chain: Chain, witness: Witness) -> None:
    assert witness.seen() is None
    witness.check(chain.store, ABSENT, chain.of)
    witness.check(chain.store, chain.add(None, 1, 1), chain.of)


def test_what_was_noted_is_seen_also_by_another_process(witness: Witness, tmp_path: Path) -> None:
    assert witness.note(1, 4, "a" * 40)
    assert Witness(str(tmp_path / "home")).seen() == Seen(1, 4, "a" * 40)


def test_the_head_that_was_seen_and_its_descendants_are_believed(
    chain: Chain, witness: Witness
) -> None:
    first = chain.add(None, 1, 1)
    witness.note(1, 1, first)
    witness.check(chain.store, first, chain.of)
    assert chain.asked == 0
    second = chain.add(chain.add(first, 1, 2), 1, 3)
    witness.check(chain.store, second, chain.of)


def test_a_ledger_that_is_gone_is_not_made_anew(chain: Chain, witness: Witness) -> None:
    witness.note(1, 1, chain.add(None, 1, 1))
    with pytest.raises(LedgerMissing) as caught:
        witness.check(chain.store, ABSENT, chain.of)
    assert caught.value.hint
    assert "gitcoord doctor" in caught.value.hint
    assert caught.value.details["seen"]["seq"] == 1


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda c, a, b: a, id="the state before"),
        pytest.param(lambda c, a, b: c.add(a, 1, 2, "rival"), id="another child of the parent"),
        pytest.param(lambda c, a, b: c.add(c.add(a, 1, 2, "rival"), 1, 3), id="a longer rival"),
        pytest.param(lambda c, a, b: c.add(None, 1, 9), id="a foreign chain"),
        pytest.param(lambda c, a, b: c.add(b, 0, 9), id="an older epoch"),
        pytest.param(lambda c, a, b: c.add(b, 1, 1), id="a child that counts backwards"),
    ],
)
def test_a_rewound_ledger_is_refused_and_what_was_seen_stays(
    chain: Chain, witness: Witness, make: Callable[[Chain, Oid, Oid], Oid]
) -> None:
    first = chain.add(None, 1, 1)
    second = chain.add(first, 1, 2)
    witness.note(1, 2, second)
    found = make(chain, first, second)
    with pytest.raises(LedgerRewound) as caught:
        witness.check(chain.store, found, chain.of)
    assert caught.value.hint
    assert "gitcoord doctor" in caught.value.hint
    assert caught.value.details["found"]["head"] == found
    assert witness.seen() == Seen(1, 2, second)


def test_a_higher_epoch_is_a_deliberate_restore(chain: Chain, witness: Witness) -> None:
    witness.note(1, 9, chain.add(None, 1, 9))
    restored = chain.add(None, 2, 3)
    witness.check(chain.store, restored, chain.of)
    assert witness.note(2, 3, restored)
    assert witness.seen() == Seen(2, 3, restored)


def test_a_note_never_goes_backwards(witness: Witness) -> None:
    assert witness.note(2, 5, "b" * 40)
    for epoch, seq in ((1, 9), (2, 4), (2, 5)):
        assert not witness.note(epoch, seq, "c" * 40)
    assert witness.note(2, 5, "b" * 40)
    assert witness.seen() == Seen(2, 5, "b" * 40)


def test_a_note_waits_for_nobody(witness: Witness, tmp_path: Path) -> None:
    with OsLock(str(tmp_path / "home" / "witness.lock")) as lock:
        assert lock.try_acquire()
        assert not witness.note(1, 1, "a" * 40)
    assert witness.note(1, 1, "a" * 40)


TORN = b'{"epoch":1,"seq":9,"head":"aa","sum":1}'


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"epoch": 1}', b"\xff\xfe", TORN])
def test_a_damaged_file_locks_nobody_out(witness: Witness, tmp_path: Path, data: bytes) -> None:
    witness.note(1, 1, "a" * 40)
    (tmp_path / "home" / "witness.json").write_bytes(data)
    assert witness.seen() is None
    assert witness.note(1, 2, "b" * 40)
    assert witness.seen() == Seen(1, 2, "b" * 40)


def test_where_nothing_can_be_written_nothing_is_noted(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert not Witness(str(tmp_path / "file" / "home")).note(1, 1, "a" * 40)


def test_many_writers_at_once_leave_the_newest_whole(tmp_path: Path) -> None:
    code = """if True:
        import sys
        from gitcoord.storage.witness import Witness
        witness = Witness(sys.argv[1])
        last = 0
        for seq in range(int(sys.argv[2]), 400, 3):
            witness.note(1, seq, "%040x" % seq)
            seen = witness.seen()
            assert seen is None or (seen.seq >= last and seen.head == "%040x" % seen.seq)
            last = seen.seq if seen else 0
    """
    home = str(tmp_path / "home")
    workers = [
        subprocess.Popen([sys.executable, "-c", code, home, str(i)], stderr=subprocess.PIPE)
        for i in range(3)
    ]
    assert [worker.communicate(timeout=60)[1] for worker in workers] == [b""] * 3
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == [
        "witness.json",
        "witness.lock",
    ]
