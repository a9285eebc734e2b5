"""Long concurrent runs with kills and cut connections are linearizable, key by key."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from gitcoord.bootstrap import open_house
from gitcoord.domain.configure import Begin
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.takeover import TakeOverLocks
from gitcoord.ledger import journal
from tests.conftest import first_commit
from tests.gitrun import git
from tests.linear.crew import crew, faults
from tests.linear.history import merged
from tests.linear.worker import TASKS, Orders, Worker
from tests.servers.control import host_process

#: What a whole run must have seen to mean anything.
EXPECTED = {"granted", "refused", "released", "claimed", "done"}


class Volume(NamedTuple):
    """How much is asked."""

    workers: int
    calls: int
    kills: int


class Scene(NamedTuple):
    """Where the ledger is kept, and where the workers work."""

    arbiter: str
    places: list[str]


@contextmanager
def local(tmp_path: Path) -> Iterator[Scene]:
    """Yield worktrees of one repository, which decides itself."""
    repo = first_commit(tmp_path / "repo")
    trees = [str(tmp_path / f"tree{n}") for n in range(3)]
    for tree in trees:
        git(repo, "worktree", "add", "-q", "--detach", tree)
    begin(repo)
    yield Scene(repo, trees)


@contextmanager
def http(tmp_path: Path, share: float = 0.2) -> Iterator[Scene]:
    """Yield clones whose host decides, which cuts this share of all connections."""
    with host_process(tmp_path / "host") as host:
        hub = host.seed("hub", first_commit(tmp_path / "seed"))
        clones = [str(tmp_path / f"clone{n}") for n in range(4)]
        for clone in clones:
            host.clone("hub", host.url("hub"), clone)
            git(clone, "config", "coord.remote", "origin")
        begin(clones[0])
        host.random_faults(share, seed=7)
        yield Scene(str(hub), clones)
        assert host.tell({})["struck"] > 0


def begin(place: str) -> None:
    """Make the ledger, with leases that do not end during a test, and its tasks."""
    house = open_house(place, os.environ)
    settings = {"lock_ttl": 3600, "claim_ttl": 3600}
    house.coordinator.begin(Begin(settings=settings))
    new = tuple(NewTask(id=name, title=name) for name in TASKS)
    assert house.coordinator.run(AddTasks(tasks=new))[0].error is None
    house.close()


def accepted(repository: str) -> list[str]:
    """Return the ids of all operations that the chain in this repository has accepted."""
    house = open_house(repository, os.environ, remote="local")
    chain = house.store.chain(house.ledger.head())
    lines = [line for oid, raw in chain for line in journal.read(oid, raw).lines]
    house.close()
    return [line["id"] for line in lines if line["outcome"] == "done"]


ARBITERS = {"local": local, "http": http}
soak = pytest.mark.soak


@pytest.mark.parametrize(
    ("arbiter", "volume"),
    [
        pytest.param("local", Volume(workers=6, calls=80, kills=5), id="local"),
        pytest.param("http", Volume(workers=5, calls=20, kills=3), id="http"),
        pytest.param("local", Volume(8, calls=1000, kills=100), id="local-long", marks=soak),
        pytest.param("http", Volume(8, calls=300, kills=40), id="http-long", marks=soak),
    ],
)
def test_what_all_were_told_can_have_happened_one_after_the_other(
    arbiter: str, volume: Volume, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        scene = stack.enter_context(ARBITERS[arbiter](tmp_path))
        workers = stack.enter_context(
            crew(
                scene.places, tmp_path / "told", workers=volume.workers, calls=volume.calls, seed=3
            )
        )
        workers.kill(volume.kills)
        workers.finish(60 + volume.workers * volume.calls)
        calls = workers.calls()
        assert faults(calls) == ""
        seen = Counter(call.outcome for call in calls)
        assert set(seen) >= EXPECTED, seen
        ids = accepted(scene.arbiter)
        assert len(ids) == len(set(ids))


@pytest.mark.parametrize("hidden", [False, True])
def test_a_change_that_nobody_recorded_is_found_out(hidden: bool, tmp_path: Path) -> None:
    with local(tmp_path) as scene:
        one, two = (
            Worker(Orders(scene.places[n], str(tmp_path / f"{n}.jsonl"), f"s-{n}", seed=n, calls=0))
            for n in range(2)
        )
        one.check_in()
        two.check_in()
        assert one.ask("acquire", "a.py", one.session, mode="exclusive") == "granted"
        if hidden:
            taken = TakeOverLocks(keys=("a.py",), reason="no record")
            assert two.house.coordinator.run(taken, session=two.session)[0].error is None
        two.ask("acquire", "a.py", two.session, mode="exclusive")
        one.close()
        two.close()
    found = faults(merged(tmp_path.glob("*.jsonl")))
    assert ("a.py: wrong" in found) == hidden
    assert hidden or not found
