"""Two engines, one format: whichever of them wrote a ledger, it is the same to the byte."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitcoord.bootstrap import House
from gitcoord.domain.claiming import ClaimTask, NextTask
from gitcoord.domain.configure import ChangeSettings
from gitcoord.domain.departure import EndSession
from gitcoord.domain.handoffs import WriteHandoff
from gitcoord.domain.lock_operations import AcquireLocks, ReleaseLocks, RenewLocks
from gitcoord.domain.locks import Lock
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.operation import Operation
from gitcoord.domain.pausing import Heartbeat
from gitcoord.domain.sessions import StartSession
from gitcoord.domain.sweep import LapseLeases
from gitcoord.domain.takeover import TakeOverLocks
from gitcoord.domain.task_moves import MoveTask
from gitcoord.errors import UnsupportedRepository
from gitcoord.ledger.ledger import STATE
from gitcoord.ledger.presence import PREFIX
from tests.conftest import first_commit
from tests.gitrun import git
from tests.ledger.houses import OPENED, Hands, acquire, begun, opened, session

pytest.importorskip("pygit2")

AGENTS = ("s-ada", "s-bob")
KEYS = ("src/a.py", "src/**", "*.py", "api:login", "docs/")
MIXES = (("plumbing",), ("libgit2",), ("plumbing", "libgit2"), ("libgit2", "libgit2", "plumbing"))


class Step(NamedTuple):
    """One wish of one session, and the seconds that pass before it."""

    session: str
    wish: Operation
    passes: float = 0.0


def check_ins() -> list[Step]:
    return [Step("", StartSession(id=name, agent=name[2:], machine="here")) for name in AGENTS]


#: A working day in which everything happens once.
DAY: list[Step] = [
    *check_ins(),
    Step("s-ada", AcquireLocks(keys=("src/a.py",), reason="login")),
    Step("s-bob", AcquireLocks(keys=("src/",))),
    Step("s-bob", AcquireLocks(keys=("src/",), wait=20)),
    Step("s-ada", AddTasks(tasks=(NewTask(id="t-1", title="One", keys=("docs/",)),))),
    Step("s-ada", AddTasks(tasks=(NewTask(id="t-2", title="Two", depends_on=("t-1",)),))),
    Step("s-bob", NextTask(), 5),
    Step("s-bob", NextTask()),
    Step("s-ada", ReleaseLocks(all=True), 1),
    Step("s-bob", Heartbeat(), 40),
    Step("s-ada", TakeOverLocks(keys=("docs/x",), reason="urgent")),
    Step("s-bob", MoveTask(id="t-1", move="complete", result="done")),
    Step("s-ada", ClaimTask(id="t-2")),
    Step("s-ada", WriteHandoff(id="h-1", summary="so far", task="t-2"), 60),
    Step("", ChangeSettings(values={"lock_ttl": 900})),
    Step("s-ada", RenewLocks(), 3600),
    Step("", LapseLeases(), 3600),
    Step("s-bob", EndSession(summary="good night")),
]


def histories(tmp_path: Path, steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Let every mix of engines live through the steps, and return what each has seen."""
    seed = tmp_path / "seed"
    git(str(tmp_path), "init", "-q", str(seed))
    # A ledger's first transaction has an id of chance, so that all begin with the same one.
    house = begun(str(seed), Hands())
    OPENED.remove(house)
    house.close()
    found = []
    for number, mix in enumerate(MIXES):
        path = tmp_path / str(number)
        shutil.copytree(seed, path)
        found.append(lived(str(path), mix, steps))
    return found


def lived(path: str, mix: Sequence[str], steps: Sequence[Step]) -> dict[str, Any]:
    hands = Hands()
    houses = [opened(path, hands, engine=engine) for engine in mix]
    replies = []
    for number, (house, step) in enumerate(zip(cycle(houses), steps, strict=False)):
        hands.pass_(step.passes)
        (reply,) = house.coordinator.run(step.wish, session=step.session or None, id=f"o-{number}")
        replies.append(msgspec.json.encode(reply.packed()))
    for house in houses:
        OPENED.remove(house)
        house.close()
    git(path, "fsck", "--strict", "--no-dangling")
    refs = git(path, "for-each-ref", "--format=%(refname) %(objectname)")
    return {"replies": replies, "refs": refs, "log": git(path, "log", "--format=raw", STATE)}


def test_a_day_is_the_same_with_either_engine_and_with_both_at_once(tmp_path: Path) -> None:
    first, *others = histories(tmp_path, DAY)
    for other in others:
        assert other == first
    # Something has happened, and something was refused.
    assert first["refs"].count(PREFIX) == 1
    assert first["log"].count("\ncommit ") > 12
    assert any(b"lock_held" in reply for reply in first["replies"])


keys = st.lists(st.sampled_from(KEYS), min_size=1, max_size=2, unique=True).map(tuple)
tasks = st.sampled_from(("t-1", "t-2"))
wishes: list[st.SearchStrategy[Operation]] = [
    st.builds(AcquireLocks, keys=keys, ttl=st.sampled_from((10.0, 600.0)), wait=st.just(0.0)),
    st.builds(AcquireLocks, keys=keys, mode=st.just("shared"), wait=st.sampled_from((0.0, 20.0))),
    st.builds(ReleaseLocks, all=st.just(True)),
    st.builds(RenewLocks),
    st.builds(TakeOverLocks, keys=keys, reason=st.just("urgent")),
    tasks.map(lambda name: AddTasks(tasks=(NewTask(id=name, title=name, keys=("docs/",)),))),
    st.builds(ClaimTask, id=tasks),
    st.builds(MoveTask, id=tasks, move=st.sampled_from(("complete", "release", "fail"))),
    st.builds(Heartbeat),
    st.builds(LapseLeases),
]
steps = st.builds(
    Step, st.sampled_from(AGENTS), st.one_of(wishes), st.sampled_from((0.0, 1.0, 45.0))
)


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(steps, min_size=4, max_size=12))
def test_any_history_is_the_same_with_either_engine_and_with_both_at_once(
    tmp_path_factory: pytest.TempPathFactory, history: list[Step]
) -> None:
    first, *others = histories(tmp_path_factory.mktemp("mix"), [*check_ins(), *history])
    for other in others:
        assert other == first


def packed(path: str) -> None:
    git(path, "pack-refs", "--all")
    git(path, "gc", "-q", "--prune=now")


@pytest.mark.parametrize("tidy", [lambda path: None, packed], ids=["loose", "packed"])
@pytest.mark.parametrize("engines", [("plumbing", "libgit2"), ("libgit2", "plumbing")])
def test_a_house_sees_at_once_what_one_with_the_other_engine_has_written(
    repo: str, engines: tuple[str, str], tidy: Callable[[str], None]
) -> None:
    begun(repo)
    writer, reader = (opened(repo, engine=engine) for engine in engines)
    ada = session(writer)
    for number in range(3):
        acquire(writer, ada, f"f{number}")
        tidy(repo)
        assert held(reader) == [f"f{at}" for at in range(number + 1)]
    bob = session(reader, "bob")
    acquire(reader, bob, "mine")
    assert held(writer) == ["f0", "f1", "f2", "mine"]


def held(house: House) -> list[str]:
    with house.ledger.state() as state:
        return [lock.key for lock in state.all(Lock)]


def test_libgit2_says_that_it_cannot_open_what_plumbing_can(tmp_path: Path) -> None:
    path = first_commit(tmp_path / "sha256", "--object-format=sha256")
    house = begun(path)
    acquire(house, session(house), "a")
    with pytest.raises(UnsupportedRepository):
        opened(path, engine="libgit2")
