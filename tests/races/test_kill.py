"""Writers and leaders are killed at random; what they were told is true all the same.

Every reported success is in the chain exactly once, the ledger opens, and once
the dead have been swept nothing is held without a living owner.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gitcoord.bootstrap import House
from gitcoord.domain.locks import Lock
from gitcoord.domain.sessions import Session
from gitcoord.ledger import journal
from gitcoord.ledger.checkup import checkup
from gitcoord.storage.worktree import Checkout
from tests.gitrun import git
from tests.ledger.houses import acquire, begun, opened, session

WRITERS = 6
posix = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")


class Writer:
    """A process that takes and gives back locks until it is killed."""

    def __init__(self, repo: str, folder: Path, number: int) -> None:
        self.told = folder / f"told-{number}.txt"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.races.writer", repo, str(self.told), str(number)],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def successes(self) -> list[str]:
        """Return the operation ids of which the writer was told that they are done."""
        if not self.told.exists():
            return []
        # The last line may have been cut by the kill: then nobody was told.
        return [line for line in self.told.read_text().split("\n")[:-1] if line]


@posix
@pytest.mark.parametrize("kills", [pytest.param(12), pytest.param(150, marks=pytest.mark.soak)])
def test_kills_lose_nothing_that_was_reported_and_apply_nothing_twice(
    repo: str, tmp_path: Path, kills: int
) -> None:
    house = begun(repo, beat_ttl=2, beat_interval=1, lock_ttl=3600)
    chance = random.Random(kills)
    told: list[str] = []
    writers = [Writer(repo, tmp_path, number) for number in range(WRITERS)]
    number = WRITERS
    try:
        for _ in range(kills):
            time.sleep(chance.uniform(0.02, 0.2))
            victim = chance.randrange(WRITERS)
            writers[victim].kill()
            told += writers[victim].successes()
            writers[victim] = Writer(repo, tmp_path, number)
            number += 1
        waited = time.monotonic()
        while not any(w.successes() for w in writers) and time.monotonic() - waited < 30:
            time.sleep(0.05)
    finally:
        for writer in writers:
            writer.kill()
            told += writer.successes()
    assert told, "no writer ever succeeded"
    fresh = opened(repo)
    done = [
        line["id"]
        for oid, raw in fresh.store.chain(fresh.ledger.head())
        for line in journal.read(oid, raw).lines
        if line["outcome"] == "done"
    ]
    assert len(done) == len(set(done))
    assert set(told) - set(done) == set()
    git(repo, "fsck", "--strict", "--no-dangling")
    _nothing_is_held_by_the_dead(fresh, repo)
    house.close()


def _nothing_is_held_by_the_dead(house: House, repo: str) -> None:
    """Sweep, and see that nothing is held, nothing is queued, and that work goes on."""
    judge = house.judge()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        judge.look()
        with house.ledger.state() as state:
            if not [s for s in state.find(Session, "live") if s.life == "process"]:
                break
        time.sleep(0.05)
    with house.ledger.state() as state:
        assert list(state.all(Lock)) == []
    errors = [
        one
        for one in checkup(house, Checkout(house.repository, os.environ))
        if one.severity == "error"
    ]
    assert errors == []
    assert acquire(house, session(house, "next"), "anything").locks


@posix
def test_a_leader_killed_before_it_answers_has_its_group_answered_once(
    repo: str, tmp_path: Path
) -> None:
    begun(repo)
    marker = tmp_path / "committed"
    leader = subprocess.Popen(
        [sys.executable, "-m", "tests.races.doomed", repo, str(marker)],
        cwd=Path(__file__).parents[2],
    )
    waiting = []
    try:
        _until((tmp_path / "leading").exists)
        command = [sys.executable, "-m", "tests.races.one", repo]
        root = Path(__file__).parents[2]
        waiting = [
            subprocess.Popen([*command, f"o-w{n}"], cwd=root, stdout=subprocess.PIPE)
            for n in range(3)
        ]
        folder = Path(opened(repo).home, "queue")
        _until(lambda: len(list(folder.glob("*.req"))) == 3)
        (tmp_path / "go").touch()
        assert leader.wait(30) == -signal.SIGKILL
        assert marker.exists()
        answers = [json.loads(one.communicate(timeout=30)[0]) for one in waiting]
    finally:
        for process in (leader, *waiting):
            if process.poll() is None:
                process.kill()
            process.wait()
    assert [answer["error"] for answer in answers] == [None] * 3
    house = opened(repo)
    done = [
        line["id"]
        for oid, raw in house.store.chain(house.ledger.head())
        for line in journal.read(oid, raw).lines
    ]
    assert [done.count(f"o-w{n}") for n in range(3)] == [1, 1, 1]
    assert any(answer["repeated"] for answer in answers)


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
