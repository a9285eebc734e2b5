"""Life and death across machines: others are judged by what they publish, and not in a hurry."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from gitcoord.bootstrap import House
from gitcoord.domain.configure import Begin
from gitcoord.domain.lock_operations import AcquireLocks, Locked
from gitcoord.domain.locks import Lock
from gitcoord.domain.pausing import Beaten, Heartbeat
from gitcoord.domain.sessions import Session
from gitcoord.domain.settings import remote_defaults
from gitcoord.domain.sweep import SuspectSession, SweepSession
from gitcoord.domain.time import from_epoch, plus
from gitcoord.errors import SessionAlive, SessionEnded
from gitcoord.ledger import machine
from gitcoord.ledger.budget import Delay
from gitcoord.ledger.judge import EVERY_REMOTE, Verdicts
from gitcoord.ledger.presence import PREFIX
from gitcoord.storage.memory import MemoryStore
from gitcoord.storage.store import ABSENT, GitObject, Move, make_object
from tests.ledger.hosted import Hosted, clone
from tests.ledger.houses import START, Hands, acquire, session

TTL = 300.0
NOBODY = Verdicts([], [], False)


class Far:
    """A host and two machines: ada works on one, the judge sits on the other."""

    def __init__(self, folder: Path, *, atomic: bool = True, **settings: object) -> None:
        self.host = MemoryStore()
        self.hands = Hands()
        self.hers = clone(folder / "hers", self.host, self.hands, atomic=atomic)
        self.hers.coordinator.begin(Begin(settings=remote_defaults() | settings))
        self.mine = clone(folder / "mine", self.host, self.hands, atomic=atomic)
        self.judge = self.mine.judge()

    @property
    def store(self) -> Hosted:
        assert isinstance(self.mine.store, Hosted)
        return self.mine.store

    def later(self, seconds: float) -> Verdicts:
        self.hands.pass_(seconds)
        return self.judge.look()

    def beat(self, who: Session) -> None:
        self.hers.coordinator.do(Heartbeat(), Beaten, session=who.id)


@pytest.fixture
def far(tmp_path: Path) -> Far:
    return Far(tmp_path)


def found(house: House, who: Session) -> Session:
    house.store.refresh()
    with house.ledger.state() as state:
        session = state.get(Session, who.id)
    assert session is not None
    return session


def test_a_session_of_another_machine_lives_while_its_presence_moves(far: Far) -> None:
    ada = session(far.hers, life="beat")
    for _ in range(12):
        assert far.later(60) == NOBODY
        far.beat(ada)
    assert far.store.refreshes >= 12


def test_a_session_whose_machine_is_silent_for_a_ttl_is_swept_with_its_presence_verified(
    far: Far,
) -> None:
    ada = session(far.hers, life="beat")
    acquire(far.hers, ada, "a.py")
    ref = PREFIX + far.hers.ledger.machine
    oid = far.host.list_refs(ref)[ref]
    assert far.judge.look() == NOBODY
    assert far.later(TTL / 2) == Verdicts([], [ada.id], False)
    assert far.later(TTL / 2) == Verdicts([ada.id], [], False)
    objects, moves = far.store.pushes[-1]
    assert Move(ref, oid, oid) in moves
    assert oid in {one.oid for one in objects}
    assert found(far.hers, ada).status == "timed_out"
    with far.mine.ledger.state() as state:
        assert list(state.all(Lock)) == []


def test_a_first_heartbeat_and_a_sweep_cannot_both_win(far: Far) -> None:
    ada = session(far.hers, life="beat")
    ref = PREFIX + far.hers.ledger.machine
    store = far.hers.store
    assert isinstance(store, Hosted)
    store.delete(ref)
    far.judge.look()
    assert far.later(TTL).swept == [ada.id]
    assert [move.expect for move in far.store.pushes[-1][1] if move.ref == ref] == [ABSENT]
    # Her machine still believes that nothing is published, and is put right.
    with pytest.raises(SessionEnded):
        far.beat(ada)
    eve = session(far.hers, "eve", life="beat")
    far.hands.pass_(60)
    far.beat(eve)
    assert far.host.read_ref(ref) != far.store.pushes[-1][1][-1].to


def test_a_heartbeat_between_the_look_and_the_swap_saves_the_session(far: Far) -> None:
    ada = session(far.hers, life="beat")
    far.judge.look()
    far.hands.pass_(TTL)
    far.mine.store.refresh()
    far.beat(ada)
    wish = SweepSession(id=ada.id, beat=1, seen_at=ada.seen_at)
    assert isinstance(far.mine.coordinator.run(wish)[0].error, SessionAlive)
    assert found(far.hers, ada).status == "active"


def test_many_dead_sessions_cost_one_push(far: Far) -> None:
    dead = [session(far.hers, name, life="beat") for name in ("ada", "bob", "eve")]
    acquire(far.hers, dead[0], "a.py", ttl=60)
    far.judge.look()
    before = len(far.store.pushes)
    verdicts = far.later(TTL)
    assert set(verdicts.swept) == {one.id for one in dead}
    assert verdicts.lapsed
    assert len(far.store.pushes) == before + 1


def test_a_living_process_elsewhere_is_vouched_for_by_the_looks_of_its_machine(far: Far) -> None:
    mine = machine.process()
    assert mine is not None
    ada = session(far.hers, life="process", process=mine)
    hers = far.hers.judge()
    for _ in range(8):
        far.hands.pass_(60)
        assert hers.look() == NOBODY
        assert far.judge.look().swept == []
    for _ in range(4):
        assert far.later(60).swept == []
    assert far.later(60).swept == [ada.id]


def test_a_process_of_another_machine_is_never_looked_for_here(far: Far) -> None:
    mine = machine.process()
    assert mine is not None
    session(far.hers, life="process", process=msgspec.structs.replace(mine, started="1"))
    assert far.judge.look() == NOBODY


def test_sessions_of_this_machine_are_judged_as_without_a_host(far: Far) -> None:
    bob = session(far.mine, "bob", life="beat")
    mine = machine.process()
    assert mine is not None
    gone = msgspec.structs.replace(mine, started="1")
    eve = session(far.mine, "eve", life="process", process=gone)
    assert far.judge.look().swept == [eve.id]
    assert far.later(TTL).swept == [bob.id]


def test_while_the_host_does_not_answer_nobody_is_judged(far: Far) -> None:
    ada = session(far.hers, life="beat")
    far.judge.look()
    far.hands.pass_(TTL)
    far.store.reachable = False
    verdicts = far.judge.look()
    assert (verdicts.swept, verdicts.unseen) == ([], "the host does not answer")
    far.store.reachable = True
    # Nobody could publish meanwhile, so the watch begins anew.
    assert far.judge.look() == NOBODY
    assert far.later(TTL).swept == [ada.id]


def test_on_the_side_the_host_is_asked_less_often(far: Far) -> None:
    far.judge.look_if_due()
    before = far.store.refreshes
    far.hands.pass_(EVERY_REMOTE - 1)
    assert far.judge.look_if_due() == NOBODY
    assert far.store.refreshes == before
    far.hands.pass_(1)
    far.judge.look_if_due()
    assert far.store.refreshes > before


def step(far: Far) -> tuple[Session, list[Verdicts]]:
    ada = session(far.hers, life="beat")
    acquire(far.hers, ada, "a.py", ttl=7200)
    return ada, [far.judge.look(), far.later(TTL)]


def test_where_nothing_can_be_verified_a_suspicion_comes_first(tmp_path: Path) -> None:
    far = Far(tmp_path, atomic=False)
    ada, verdicts = step(far)
    assert verdicts == [NOBODY, Verdicts([], [ada.id], False)]
    assert found(far.hers, ada).suspect_since
    assert far.judge.look() == NOBODY
    assert far.later(TTL - 1) == Verdicts([], [ada.id], False)
    assert far.later(1) == Verdicts([ada.id], [], False)
    assert found(far.hers, ada).status == "timed_out"


@pytest.mark.parametrize("operation", [Heartbeat(), AcquireLocks(keys=("b.py",))])
def test_any_accepted_operation_ends_a_suspicion(
    tmp_path: Path, operation: Heartbeat | AcquireLocks
) -> None:
    far = Far(tmp_path, atomic=False)
    ada, _ = step(far)
    far.judge.look()
    suspected = found(far.hers, ada).suspect_since
    far.hands.pass_(TTL)
    answer = Beaten if isinstance(operation, Heartbeat) else Locked
    far.hers.coordinator.do(operation, answer, session=ada.id)
    assert found(far.mine, ada).suspect_since == ""
    late = SweepSession(id=ada.id, beat=1, seen_at=ada.seen_at, suspected=suspected)
    assert isinstance(far.mine.coordinator.run(late)[0].error, SessionAlive)
    assert far.judge.look() == NOBODY


def test_a_presence_that_moves_after_the_suspicion_saves_the_session(tmp_path: Path) -> None:
    far = Far(tmp_path, atomic=False)
    ada, _ = step(far)
    far.judge.look()
    far.hands.pass_(TTL)
    far.hers.presence.count([ada.id], from_epoch(far.hands.wall()))
    with far.hers.ledger.state() as state:
        far.host.commit(*far.hers.presence.due(state, from_epoch(far.hands.wall())))
    assert far.judge.look().swept == []
    assert found(far.hers, ada).status == "active"


def broken(far: Far, data: bytes) -> None:
    """Let her machine's ref point at a commit that is no presence."""
    blob = make_object(b"blob", data, "sha1")
    tree = make_object(b"tree", b"100644 notes.txt\0" + bytes.fromhex(blob.oid), "sha1")
    text = f"tree {tree.oid}\nauthor a <a@b> 0 +0000\ncommitter a <a@b> 0 +0000\n\nx\n"
    made: list[GitObject] = [blob, tree, make_object(b"commit", text.encode(), "sha1")]
    ref = PREFIX + far.hers.ledger.machine
    far.host.commit(made, [Move(ref, far.host.read_ref(ref), made[-1].oid)])


def test_a_broken_presence_is_named_its_machine_judged_in_two_steps_and_others_at_once(
    far: Far, tmp_path: Path
) -> None:
    third = clone(tmp_path / "third", far.host, far.hands)
    ada, eve = session(far.hers, life="beat"), session(third, "eve", life="beat")
    broken(far, b"one")
    verdicts = far.judge.look()
    assert [name for name, _ in verdicts.broken] == [far.hers.ledger.machine]
    verdicts = far.later(TTL)
    assert (verdicts.swept, verdicts.suspects) == ([eve.id], [ada.id])
    far.judge.look()
    assert far.later(TTL).swept == [ada.id]


def test_a_broken_presence_that_moves_is_a_sign_of_life(far: Far) -> None:
    session(far.hers, life="beat")
    for count in range(8):
        broken(far, b"%d" % count)
        verdicts = far.later(TTL / 3)
        assert (verdicts.swept, verdicts.suspects) == ([], [])


def test_a_machine_that_can_publish_nothing_is_judged_in_two_steps(far: Far) -> None:
    ada = session(far.hers, life="beat")
    with far.hers.ledger.state() as state:
        lost = state.get(Session, ada.id)
    assert lost is not None
    assert far.mine.presence.guard(msgspec.structs.replace(lost, machine=""), "") is None
    assert far.mine.presence.guard(msgspec.structs.replace(lost, machine="a/b"), "") is None


def test_sweeps_wait_for_the_push_budget_but_not_for_ever(tmp_path: Path) -> None:
    far = Far(tmp_path, push_budget=1)
    ada = session(far.hers, life="beat")
    bob = session(far.mine, "bob")
    far.judge.look()
    far.hands.pass_(TTL - 10)
    verdicts = []
    for number in range(12):
        far.hands.pass_(10)
        acquire(far.mine, bob, f"f{number}")
        verdicts.append(far.judge.look())
    # A third of the TTL after she was found dead the budget counts no more.
    assert [one.swept for one in verdicts] == [[]] * 10 + [[ada.id]] + [[]]
    found_at = plus(START, TTL)
    expected = [plus(found_at, min(10 * n + 60, 100)) for n in range(10)]
    assert [one.delayed for one in verdicts[:10]] == [Delay(each) for each in expected]
    assert all(one.suspects == [ada.id] for one in verdicts[:10])
    assert verdicts[10].delayed is None


def test_a_second_suspicion_changes_nothing(tmp_path: Path) -> None:
    far = Far(tmp_path, atomic=False)
    ada, _ = step(far)
    since = found(far.mine, ada).suspect_since
    far.hands.pass_(5)
    wish = SuspectSession(id=ada.id, beat=1, seen_at=ada.seen_at)
    assert far.mine.coordinator.run(wish)[0].error is None
    assert found(far.mine, ada).suspect_since == since
