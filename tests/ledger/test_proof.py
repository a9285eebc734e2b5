"""The proof of a chain: what gitcoord writes passes, and what it would not write is named."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitcoord.bootstrap import House
from gitcoord.ledger.ledger import STATE
from gitcoord.ledger.proof import Proof
from gitcoord.storage.store import make_object
from tests.gitrun import git
from tests.ledger import forging
from tests.ledger.houses import Hands, acquire, begun, opened, session
from tests.ledger.test_audit import busy


def faults(house: House, head: str | None = None) -> list[tuple[str, str]]:
    """Return code and severity of each fault of a chain, the newest first."""
    found = list(Proof(house.ledger).faults(head or str(house.store.read_ref(STATE))))
    return [(one.code, one.severity) for one in found]


def codes(house: House, head: str | None = None) -> set[str]:
    return {code for code, severity in faults(house, head) if severity == "error"}


@pytest.fixture
def house(repo: str) -> House:
    house = begun(repo, Hands())
    ada = session(house)
    for number in range(6):
        assert isinstance(house.ledger.clock, Hands)
        house.ledger.clock.pass_(60)
        acquire(house, ada, f"f{number}.py")
    return house


@pytest.mark.parametrize("seed", range(3))
def test_what_gitcoord_has_written_is_proved(repo: str, seed: int) -> None:
    house = begun(repo, Hands())
    busy(house, seed, 60)
    proof = Proof(house.ledger)
    assert list(proof.faults(house.ledger.head())) == []
    assert proof.whole
    assert proof.count == len(list(house.store.chain(house.ledger.head())))


@pytest.mark.parametrize("wait", [10, 10.0, 0.1])
def test_a_number_is_as_it_was_written(house: House, wait: float) -> None:
    from gitcoord.domain.lock_operations import AcquireLocks

    bob = session(house, "bob")
    house.coordinator.run(AcquireLocks(keys=("f1.py",), wait=wait), session=bob.id)
    assert faults(house) == []


def test_what_the_diary_leaves_out_is_no_fault(house: House) -> None:
    from gitcoord.domain.messages import SendMessage
    from gitcoord.domain.new_tasks import AddTasks, NewTask

    bob = session(house, "bob")
    letter = SendMessage(id="m-1", text="for your eyes", to="ada")
    tasks = tuple(
        NewTask(id=f"t-{number}", title="Long", description="x" * 9000) for number in range(9)
    )
    for reply in house.coordinator.run(letter, AddTasks(tasks=tasks), session=bob.id):
        assert reply.error is None
    assert b'"sha256"' in forging.raw(house, house.ledger.head())
    assert faults(house) == []


def test_of_a_cut_chain_what_is_here_is_proved(house: House, tmp_path: Path) -> None:
    clone = str(tmp_path / "clone")
    git(str(tmp_path), "init", "-q", clone)
    source = f"file://{house.repository.common_dir}"
    git(clone, "fetch", "-q", "--depth=3", source, f"{STATE}:{STATE}")
    here = opened(clone, Hands())
    proof = Proof(here.ledger)
    assert list(proof.faults(here.ledger.head())) == []
    assert (proof.count, proof.whole) == (3, False)


def chain(house: House) -> list[str]:
    """Return the commits, the newest first."""
    return [oid for oid, _ in house.store.chain(house.ledger.head())]


def replace(house: House, oid: str, kind: bytes, data: bytes) -> None:
    """Put other content where an object is stored, well compressed."""
    path = Path(house.repository.common_dir, "objects", oid[:2], oid[2:])
    path.chmod(0o600)
    path.write_bytes(zlib.compress(b"%s %d\0%s" % (kind, len(data), data)))


def test_a_commit_under_the_name_of_another_is_named(house: House) -> None:
    victim = chain(house)[2]
    raw = forging.raw(house, victim)
    replace(house, victim, b"commit", raw.replace(b"ada", b"eve"))
    named = [x.commit for x in Proof(house.ledger).faults(house.ledger.head())]
    assert "object_differs" in codes(house)
    assert victim in named


@pytest.mark.parametrize("what", ["locks", "ops", "meta.json"])
def test_a_record_or_tree_under_the_name_of_another_is_named(house: House, what: str) -> None:
    victim = chain(house)[1]
    oid = git(house.repository.common_dir, "rev-parse", f"{victim}:{what}").strip()
    kind, data = house.store.read(oid)
    other = house.store.read(git(house.repository.common_dir, "rev-parse", f"{victim}~2:{what}"))
    replace(house, oid, kind, other[1])
    assert codes(house) & {"object_differs", "unreadable"}
    assert data != other[1]


@pytest.mark.parametrize("seed", range(12))
def test_a_flipped_bit_anywhere_is_noticed(house: House, seed: int) -> None:
    """Whichever object of the chain is hit, and whichever of its bits."""
    chance = random.Random(seed)
    listed = git(house.repository.common_dir, "rev-list", "--objects", house.ledger.head())
    oid = chance.choice([line.split()[0] for line in listed.splitlines()])
    kind, data = house.store.read(oid)
    hit = bytearray(data)
    hit[chance.randrange(len(hit))] ^= 1 << chance.randrange(8)
    head = house.ledger.head()
    replace(house, oid, kind, bytes(hit))
    assert codes(opened(house.repository.common_dir, Hands()), head)


def forged(house: House, change: Callable[[bytes], bytes]) -> str:
    """Return another commit in the place of the head, changed as raw bytes."""
    return forging.commit(house, change(forging.raw(house, house.ledger.head())))


def with_meta(house: House, change: Callable[[dict[str, Any]], None]) -> str:
    root = house.ledger.tree(house.ledger.head())
    new = forging.meta_changed(house, root, change)
    return forged(house, lambda raw: raw.replace(root.encode(), new.encode()))


FORGERIES: list[tuple[str, Callable[[House], str], str]] = [
    (
        "swapped parents",
        lambda h: forged(h, lambda raw: raw.replace(chain(h)[1].encode(), chain(h)[3].encode())),
        "seq_jump",
    ),
    (
        "a second parent",
        lambda h: forged(
            h, lambda raw: raw.replace(b"\nauthor", b"\nparent %s\nauthor" % chain(h)[4].encode())
        ),
        "parents_differ",
    ),
    (
        "no parent",
        lambda h: forged(h, lambda raw: raw.replace(b"parent %s\n" % chain(h)[1].encode(), b"")),
        "chain_begins_late",
    ),
    (
        "another agent in the diary",
        lambda h: forged(h, lambda raw: raw.replace(b'"f5.py"', b'"f6.py"')),
        "arguments_differ",
    ),
    (
        "a line less",
        lambda h: forged(
            h, lambda raw: b"\n".join(x for x in raw.split(b"\n") if not x.startswith(b"{"))
        ),
        "trailers_differ",
    ),
    (
        "a trailer less",
        lambda h: forged(
            h, lambda raw: b"\n".join(x for x in raw.split(b"\n") if not x.startswith(b"Op-Id"))
        ),
        "trailers_differ",
    ),
    (
        "another session in the trailer",
        lambda h: forged(h, lambda raw: raw.replace(b"\nSession: s", b"\nSession: x")),
        "trailers_differ",
    ),
    (
        "an outcome turned round",
        lambda h: forged(h, lambda raw: raw.replace(b'"outcome":"done"', b'"outcome":"lock_held"')),
        "operation_untold",
    ),
    (
        "a forged date of the commit",
        lambda h: forged(h, lambda raw: raw.replace(b"> 17", b"> 16")),
        "date_differs",
    ),
    (
        "time going back",
        lambda h: with_meta(h, lambda meta: meta.update(time="2026-01-05T08:04:30.000Z")),
        "time_back",
    ),
    (
        "a time that nobody was told",
        lambda h: with_meta(h, lambda meta: meta.update(time="2026-01-05T09:00:00.000Z")),
        "date_differs",
    ),
    ("seq", lambda h: with_meta(h, lambda meta: meta.update(seq=99)), "seq_jump"),
    ("seq of ops", lambda h: with_meta(h, lambda meta: meta.update(seq=99)), "operation_misplaced"),
    ("token", lambda h: with_meta(h, lambda meta: meta.update(token=1)), "token_back"),
    ("token of a lock", lambda h: with_meta(h, lambda meta: meta.update(token=5)), "token_wrong"),
    ("epoch", lambda h: with_meta(h, lambda meta: meta.update(epoch=0)), "epoch_back"),
    ("writer", lambda h: with_meta(h, lambda meta: meta.update(min_writer=0)), "writer_back"),
    ("format", lambda h: with_meta(h, lambda meta: meta.update(format=9)), "unreadable"),
]


@pytest.mark.parametrize(("what", "forge", "code"), FORGERIES, ids=[x[0] for x in FORGERIES])
def test_a_forged_transaction_is_named(
    house: House, what: str, forge: Callable[[House], str], code: str
) -> None:
    assert codes(house) == set()
    head = forge(house)
    assert head != house.ledger.head()
    assert code in codes(house, head), what


def test_a_commit_that_is_played_again_is_named(house: House) -> None:
    """The same diary on top of itself: the operation comes twice."""
    head = house.ledger.head()
    again = forged(house, lambda raw: raw.replace(chain(house)[1].encode(), head.encode()))
    found = codes(house, again)
    assert {"operation_twice", "seq_jump", "operation_missing"} <= found


def test_an_operation_that_is_asked_for_again_much_later_is_no_fault(house: House) -> None:
    from gitcoord.domain.lock_operations import ReleaseLocks

    ada = next(iter(_live(house)))
    house.coordinator.run(ReleaseLocks(keys=("f1.py",)), session=ada, id="o-again")
    assert isinstance(house.ledger.clock, Hands)
    for day in range(9):
        house.ledger.clock.pass_(86_400)
        house.coordinator.run(ReleaseLocks(keys=(f"f{day}.py",)), session=ada)
        acquire(house, session(house, f"a{day}"), f"g{day}.py")
    house.coordinator.run(ReleaseLocks(keys=("f4.py",)), session=ada, id="o-again")
    acquire(house, session(house, "last"), "f2.py")
    assert codes(house) == set()


def _live(house: House) -> list[str]:
    from gitcoord.domain.sessions import Session

    with house.ledger.state() as state:
        return [one.id for one in state.find(Session, "live")]


def test_a_gap_in_the_chain_is_named_and_what_is_above_is_looked_at(house: House) -> None:
    gone = chain(house)[3]
    path = Path(house.repository.common_dir, "objects", gone[:2], gone[2:])
    path.chmod(0o600)
    path.unlink()
    proof = Proof(house.ledger)
    (fault,) = proof.faults(house.ledger.head())
    assert (fault.code, fault.commit) == ("chain_broken", gone)
    assert (proof.count, proof.whole) == (3, False)


def test_one_fault_does_not_hide_the_next(house: House) -> None:
    for at in (1, 4):
        victim = chain(house)[at]
        replace(
            house,
            victim,
            b"commit",
            forging.raw(house, victim).replace(b"author ada", b"author eve"),
        )
    found = [x.commit for x in Proof(house.ledger).faults(house.ledger.head())]
    assert {chain(house)[1], chain(house)[4]} <= set(found)


def test_a_record_that_was_slipped_in_is_named(house: House) -> None:
    """A lock that nobody asked for, with a token that nobody was granted."""
    root = house.ledger.tree(house.ledger.head())
    with house.ledger.snapshot() as snapshot:
        name = next(snapshot.names("locks"))
        data = snapshot.load("locks", name)
    assert data is not None
    new = forging.tree_with(house, root, {("locks", "eve.py@s-eve"): data})
    head = forged(house, lambda raw: raw.replace(root.encode(), new.encode()))
    assert codes(house, head) == {"unreadable"}


def test_the_first_transaction_is_looked_at_like_the_others(repo: str) -> None:
    house = begun(repo, Hands())
    assert codes(house) == set()
    head = forged(house, lambda raw: raw.replace(b"{}", b'{"settings":{"lock_ttl":1}}'))
    assert head != house.ledger.head()
    assert codes(house, head) == {"arguments_differ"}


def test_the_object_format_does_not_matter(tmp_path: Path) -> None:
    path = str(tmp_path / "sha256")
    git(str(tmp_path), "init", "-q", "--object-format=sha256", path)
    house = begun(path, Hands())
    acquire(house, session(house), "a.py")
    assert codes(house) == set()
    assert make_object(b"blob", b"", "sha256").oid != make_object(b"blob", b"", "sha1").oid
