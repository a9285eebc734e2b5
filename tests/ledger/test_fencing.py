"""Who was granted an overlapping key since a token, asked of real chains."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gitcoord.bootstrap import House, assemble
from gitcoord.domain.claiming import Claimed, ClaimTask
from gitcoord.domain.configure import Begin
from gitcoord.domain.keys import parse
from gitcoord.domain.lock_operations import (
    AcquireLocks,
    Locked,
    Released,
    ReleaseLocks,
    Renewed,
    RenewLocks,
)
from gitcoord.domain.locks import Lock
from gitcoord.domain.new_tasks import Added, AddTasks, NewTask
from gitcoord.domain.sessions import Session
from gitcoord.domain.takeover import TakenOver, TakeOverLocks
from gitcoord.ledger.fencing import Question, Verdict, about, granted_since
from gitcoord.ledger.ledger import STATE
from gitcoord.ledger.remedies import restore
from gitcoord.ledger.request import Batch
from gitcoord.storage.memory import MemoryStore
from gitcoord.storage.repository import find
from tests.gitrun import git
from tests.ledger.hosted import clone
from tests.ledger.houses import Hands, acquire, begun, session

PATH = "src/a.py"


class Scene:
    """A ledger with two sessions, the first of which has got the path."""

    def __init__(self, house: House, hands: Hands) -> None:
        self.house = house
        self.hands = hands
        self.ada, self.bob = session(house, "ada"), session(house, "bob")
        self.token = self.take(self.ada, PATH)

    def take(self, who: Session, *keys: str, **fields: object) -> int:
        """Acquire and return the first token."""
        return acquire(self.house, who, *keys, **fields).locks[0].token

    def free(self, who: Session, *keys: str) -> None:
        self.house.coordinator.do(ReleaseLocks(keys=keys), Released, session=who.id)

    def ask(self, **options: int) -> Verdict:
        return self.since(1, self.token, **options)

    def since(self, epoch: int, token: int, path: str = PATH, **options: int) -> Verdict:
        asked = about(parse(path), self.ada.id, epoch, token)
        return granted_since(self.house.ledger, [asked], **options)[0]


@pytest.fixture
def scene(repo: str) -> Scene:
    hands = Hands()
    return Scene(begun(repo, hands), hands)


def told(verdict: Verdict) -> list[tuple[str, str, int]]:
    return [(lock.agent, lock.key, lock.token) for lock in verdict.grants]


def test_nobody_was_granted_anything(scene: Scene) -> None:
    assert scene.ask() == Verdict((), known=True)


def test_work_on_other_keys_and_renewals_do_not_count(scene: Scene) -> None:
    scene.take(scene.bob, "docs/")
    scene.house.coordinator.do(RenewLocks(), Renewed, session=scene.ada.id)
    scene.take(scene.ada, "lib/x.py")
    assert scene.ask() == Verdict((), known=True)


def test_a_take_over_is_seen_with_who_when_and_what(scene: Scene) -> None:
    scene.hands.pass_(60)
    wish = TakeOverLocks(keys=("src/",), reason="ada is gone")
    scene.house.coordinator.do(wish, TakenOver, session=scene.bob.id)
    verdict = scene.ask()
    assert verdict.known
    (lock,) = verdict.grants
    assert (lock.agent, lock.session, lock.key) == ("bob", scene.bob.id, "src/**")
    assert (lock.epoch, lock.token > scene.token) == (1, True)
    assert lock.acquired_at == "2026-01-05T08:01:00.000Z"


def test_a_lapsed_lock_that_another_took_is_seen(scene: Scene) -> None:
    scene.hands.pass_(1801)
    token = scene.take(scene.bob, PATH)
    assert told(scene.ask()) == [("bob", PATH, token)]


def test_a_lapsed_lock_that_nobody_took_is_no_reason(scene: Scene) -> None:
    scene.hands.pass_(1801)
    scene.take(scene.bob, "docs/")
    assert scene.ask() == Verdict((), known=True)


def test_a_key_that_went_to_another_and_came_back_is_seen(scene: Scene) -> None:
    scene.free(scene.ada, PATH)
    between = scene.take(scene.bob, "src/*.py")
    scene.free(scene.bob, "src/*.py")
    again = scene.take(scene.ada, PATH)
    assert told(scene.ask()) == [("bob", "src/*.py", between)]
    assert scene.since(1, again) == Verdict((), known=True)


def test_all_grants_are_told_the_newest_first(scene: Scene) -> None:
    scene.free(scene.ada, PATH)
    first = scene.take(scene.bob, PATH)
    scene.free(scene.bob, PATH)
    second = scene.take(scene.bob, "src/", reason="again")
    assert told(scene.ask()) == [("bob", "src/**", second), ("bob", PATH, first)]


def test_a_grant_to_one_who_waited_is_seen(scene: Scene) -> None:
    wish = AcquireLocks(keys=(PATH,), wait=60)
    queued = scene.house.coordinator.do(wish, Locked, session=scene.bob.id)
    assert queued.queued is not None
    scene.free(scene.ada, PATH)
    assert [agent for agent, _, _ in told(scene.ask())] == ["bob"]


def test_a_claim_with_keys_is_seen(scene: Scene) -> None:
    scene.free(scene.ada, PATH)
    task = NewTask(id="t-1", title="Do it", keys=("src/**",))
    scene.house.coordinator.do(AddTasks(tasks=(task,)), Added)
    scene.house.coordinator.do(ClaimTask(id="t-1"), Claimed, session=scene.bob.id)
    ((agent, key, _),) = told(scene.ask())
    assert (agent, key) == ("bob", "src/**")


def test_what_is_shared_fences_nobody(scene: Scene) -> None:
    scene.free(scene.ada, PATH)
    scene.take(scene.bob, PATH, mode="shared")
    assert scene.ask() == Verdict((), known=True)


def test_sub_agents_are_their_session(scene: Scene) -> None:
    scene.free(scene.ada, PATH)
    wish = AcquireLocks(keys=(PATH,))
    scene.house.coordinator.do(wish, Locked, session=f"{scene.ada.id}/tester")
    assert scene.ask() == Verdict((), known=True)
    asked = about(parse(PATH), f"{scene.bob.id}/tester", 1, scene.token)
    (lock,) = granted_since(scene.house.ledger, [asked])[0].grants
    assert lock.session == f"{scene.ada.id}/tester"


def test_sessions_that_carry_on_do_not_count(scene: Scene) -> None:
    scene.free(scene.ada, PATH)
    scene.take(scene.bob, PATH)
    both = frozenset((scene.ada.id, scene.bob.id))
    asked = Question((1, scene.token), both, lambda key: True)
    assert granted_since(scene.house.ledger, [asked]) == [Verdict((), known=True)]


def test_a_grant_that_came_and_went_in_one_transaction_is_no_reason(scene: Scene) -> None:
    scene.free(scene.ada, PATH)
    batch = Batch(AcquireLocks(keys=(PATH,)), ReleaseLocks(keys=(PATH,)))
    assert scene.house.coordinator.run(batch, session=scene.bob.id)[0].error is None
    assert scene.ask() == Verdict((), known=True)


def test_a_token_of_several_that_were_granted_at_once_is_known(scene: Scene) -> None:
    locks = acquire(scene.house, scene.ada, "x1", "x2", "x3").locks
    middle = sorted(lock.token for lock in locks)[1]
    scene.take(scene.bob, "docs/")
    assert scene.since(1, middle, "x2") == Verdict((), known=True)


def test_questions_of_different_age_are_answered_in_one_walk(scene: Scene) -> None:
    scene.free(scene.ada, PATH)
    between = scene.take(scene.bob, PATH)
    scene.free(scene.bob, PATH)
    again = scene.take(scene.ada, PATH)
    asked = [about(parse(PATH), scene.ada.id, 1, token) for token in (again, scene.token)]
    new, old = granted_since(scene.house.ledger, asked)
    assert (told(new), told(old)) == ([], [("bob", PATH, between)])


def test_a_token_that_was_never_granted_is_not_known(scene: Scene) -> None:
    assert scene.since(1, scene.token + 1) == Verdict((), known=False)
    assert scene.since(2, 1) == Verdict((), known=False)


def test_beyond_the_limit_it_is_not_known_but_what_is_seen_is_told(scene: Scene) -> None:
    scene.free(scene.ada, PATH)
    token = scene.take(scene.bob, PATH)
    for number in range(5):
        scene.take(scene.bob, f"docs/{number}")
    assert told(scene.ask(limit=3)) == [("bob", PATH, token)]
    assert not scene.ask(limit=3).known
    assert scene.ask(limit=7).known
    scene.free(scene.bob, PATH)
    scene.take(scene.bob, "lib/")
    assert scene.ask(limit=1) == Verdict((), known=False)


def test_the_walk_ends_where_the_token_was_granted(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        scene.take(scene.bob, f"docs/{number}")
    token = scene.take(scene.ada, "lib/x.py")
    scene.take(scene.bob, "lib/y.py")
    read: list[str] = []
    store = scene.house.store
    monkeypatch.setattr(store, "chain", counted(store.chain, read))
    assert scene.since(1, token, "lib/x.py").known
    assert len(read) == 2


def counted(chain: Callable[..., object], read: list[str]) -> Callable[..., object]:
    def found(*arguments: object) -> object:
        for one in chain(*arguments):  # type: ignore[attr-defined]
            read.append(one[0])
            yield one

    return found


def test_long_keys_and_split_tables_are_found(scene: Scene) -> None:
    scene.take(scene.bob, *(f"docs/{number}" for number in range(100)))
    scene.free(scene.ada, PATH)
    long = "src/{" + ",".join(f"{number:040d}" for number in range(9)) + ",a.py}"
    token = scene.take(scene.bob, long)
    assert [each[2] for each in told(scene.ask())] == [token]


def test_a_restored_ledger_tells_what_came_before_it(scene: Scene, repo: str) -> None:
    scene.free(scene.ada, PATH)
    before = scene.take(scene.bob, PATH)
    git(repo, "update-ref", "-d", STATE)
    assert restore(scene.house).epoch == 2
    scene.free(scene.bob, PATH)
    after = scene.take(scene.bob, PATH)
    verdict = scene.ask()
    assert [(lock.epoch, lock.token) for lock in verdict.grants] == [(2, after), (1, before)]
    assert verdict.known
    assert scene.since(1, before) == Verdict(verdict.grants[:1], known=True)


def test_a_token_from_the_lost_part_of_a_restored_ledger_is_not_known(
    scene: Scene, repo: str
) -> None:
    kept = git(repo, "rev-parse", STATE)
    lost = scene.take(scene.ada, "lib/x.py")
    # Only what another clone has seen is left, and that clone publishes it again.
    (Path(repo) / ".git" / "gitcoord" / "witness.json").unlink()
    git(repo, "update-ref", STATE, kept)
    scene.house.ledger.head()
    git(repo, "update-ref", "-d", STATE)
    restore(scene.house)
    scene.free(scene.ada, PATH)
    token = scene.take(scene.bob, "src/")
    assert scene.since(1, lost, "lib/x.py") == Verdict((), known=False)
    assert told(scene.ask()) == [("bob", "src/**", token)]


def test_a_shallow_chain_is_not_known_beyond_its_depth(scene: Scene, tmp_path: Path) -> None:
    scene.free(scene.ada, PATH)
    token = scene.take(scene.bob, PATH)
    scene.take(scene.bob, "docs/")
    place = str(tmp_path / "shallow")
    git(str(tmp_path), "init", "-q", place)
    origin = f"file://{scene.house.repository.common_dir}"
    git(place, "fetch", "-q", "--depth=2", origin, f"{STATE}:{STATE}")
    house = assemble(find(place, {}), clock=scene.hands)
    try:
        asked = [about(parse(PATH), scene.ada.id, 1, each) for each in (scene.token, token)]
        old, new = granted_since(house.ledger, asked)
    finally:
        house.close()
    assert (told(old), old.known) == ([("bob", PATH, token)], False)
    assert new == Verdict((), known=True)


def test_the_clone_of_a_host_answers_from_what_it_follows(tmp_path: Path) -> None:
    hands, host = Hands(), MemoryStore()
    first, second = (clone(tmp_path / name, host, hands) for name in ("one", "two"))
    first.coordinator.begin(Begin())
    second.store.refresh()
    ada, bob = session(first, "ada"), session(second, "bob")
    token = acquire(first, ada, PATH).locks[0].token
    first.coordinator.do(ReleaseLocks(keys=(PATH,)), Released, session=ada.id)
    later = acquire(second, bob, PATH).locks[0].token
    asked = [about(parse(PATH), ada.id, 1, token)]
    first.store.refresh()
    assert told(granted_since(first.ledger, asked)[0]) == [("bob", PATH, later)]


def test_the_state_of_today_has_every_grant_that_still_stands(scene: Scene) -> None:
    scene.free(scene.ada, PATH)
    scene.take(scene.bob, PATH)
    with scene.house.ledger.state() as state:
        (lock,) = (one for one in state.all(Lock) if one.key == PATH)
    assert scene.ask().grants == (lock,)
