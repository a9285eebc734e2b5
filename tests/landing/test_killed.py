"""A landing that is killed at any step, and two landings at once: target and ledger agree."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gitcoord.bootstrap import open_house
from gitcoord.ledger.clock import SystemClock
from tests.gitrun import git
from tests.landing.lander import HOSTED, LOCAL
from tests.landing.yard import Yard, plain, yard
from tests.ledger import houses
from tests.servers.git_http import GitHost

ROOT = Path(__file__).parents[2]
posix = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")


class Later(SystemClock):
    """The clock an hour later, when every lease is over."""

    def wall(self) -> float:
        return super().wall() + 3600


def lander(repo: str, step: str = "", folder: str = "", name: str = "x") -> subprocess.Popen[bytes]:
    """Start a process that lands what is ready."""
    words = [sys.executable, "-m", "tests.landing.lander", repo, step, folder, name]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE)


def killed(repo: str, step: str) -> None:
    """Land, and be killed at the step."""
    process = lander(repo, step)
    assert process.wait(60) == -signal.SIGKILL
    assert process.stdout is not None
    process.stdout.close()


def prepared(here: Yard) -> None:
    """Have a task with a lock, and its branch queued beside another one."""
    here.task("t-1", "one.py")
    here.branch("one", {"one.py": "1\n"})
    here.queue("one", here.ada, task="t-1")
    here.ready("two")


def later(here: Yard) -> Yard:
    """Return the yard as it is seen an hour later."""
    house = open_house(here.repo, houses.os.environ, clock=Later())
    houses.OPENED.append(house)
    found = Yard.__new__(Yard)
    found.__dict__.update(here.__dict__, house=house)
    return found


@posix
@pytest.mark.parametrize("step", LOCAL)
def test_a_landing_killed_at_any_step_is_brought_to_its_end(repo: str, step: str) -> None:
    here = yard(repo)
    prepared(here)
    start = here.main()
    killed(repo, step)
    half = [one.status for one in here.entries()]
    if here.main() == start:
        assert "merged" not in half
        assert here.keys() == ["one.py"]
    then = later(here)
    found = then.land()
    assert sorted(one.status for one in then.entries()) == ["merged", "merged"], plain(found)
    assert then.files() == {"README", "one.py", "two.py"}
    assert then.keys() == []
    assert git(repo, "status", "--porcelain") == ""
    assert sorted(path.name for path in Path(repo).glob("*.py")) == ["one.py", "two.py"]
    git(repo, "fsck", "--strict", "--no-dangling")
    # Each landed once.
    assert git(repo, "log", "--format=%s", "main").count("Merge branch 'one'") == 1


@posix
def test_within_the_lease_of_a_dead_landing_others_are_told_until_when(repo: str) -> None:
    here = yard(repo)
    prepared(here)
    start = here.main()
    killed(repo, "after it has begun")
    found = here.land()
    assert here.main() == start
    for entry in here.entries():
        assert entry.status == "merging"
        assert f"x lands {entry.id} until {entry.lease_until}" in found.waiting[entry.id]


@posix
def test_a_landing_whose_target_has_moved_is_settled_within_its_lease(repo: str) -> None:
    here = yard(repo)
    prepared(here)
    killed(repo, "between the two refs")
    assert [one.status for one in here.entries()] == ["merging", "merging"]
    found = here.land()
    assert [one.branch for batch in found.settled for one in batch.merges] == ["one", "two"]


@posix
@pytest.mark.parametrize("step", HOSTED)
def test_a_landing_at_a_host_killed_at_any_step_is_brought_to_its_end(
    hosted: Yard, git_host: GitHost, step: str
) -> None:
    prepared(hosted)
    killed(hosted.repo, step)
    git_host.date_offset = 3600
    then = later(hosted)
    found = then.land()
    assert sorted(one.status for one in then.entries()) == ["merged", "merged"], plain(found)
    assert then.files() == {"README", "one.py", "two.py"}
    assert then.keys() == []


def raced(repo: str, folder: Path, others: tuple[str, ...] = ()) -> list[dict[str, object]]:
    """Have two landers start at the same moment, and return what each was told."""
    folder.mkdir()
    places = (repo, *(others or (repo,)))
    landers = [lander(place, "", str(folder), f"l{n}") for n, place in enumerate(places)]
    try:
        until = time.monotonic() + 60
        while len(list(folder.glob("*.ready"))) < len(landers):
            assert time.monotonic() < until, "waited in vain"
            time.sleep(0.005)
        (folder / "go").touch()
        return [json.loads(one.communicate(timeout=60)[0]) for one in landers]
    finally:
        for one in landers:
            if one.poll() is None:
                one.kill()
            one.wait()


def judged(here: Yard, told: list[dict[str, object]], names: set[str]) -> None:
    """See that nothing landed twice, and that what was told has happened."""
    landed = [name for one in told for name in one["landed"]]  # type: ignore[attr-defined]
    assert len(landed) == len(set(landed)), told
    assert {one["error"] for one in told} <= {"", "landing_busy", "target_moved"}, told
    here.house.follow()
    merged = {one.branch for one in here.entries() if one.status == "merged"}
    assert set(landed) <= merged
    here.agree()
    # Whoever went without comes again, and then all of it is there.
    later(here).land()
    assert {one.branch for one in here.entries() if one.status == "merged"} >= names


@pytest.mark.parametrize("rounds", [pytest.param(4), pytest.param(100, marks=pytest.mark.soak)])
def test_of_two_landings_at_once_each_entry_lands_in_one(
    repo: str, tmp_path: Path, rounds: int
) -> None:
    here = yard(repo)
    for number in range(rounds):
        names = {f"{number}-{letter}" for letter in "abc"}
        for name in sorted(names):
            here.ready(name)
        judged(here, raced(repo, tmp_path / f"r{number}"), names)
    assert git(repo, "status", "--porcelain") == ""


@pytest.mark.parametrize("rounds", [pytest.param(2), pytest.param(50, marks=pytest.mark.soak)])
def test_of_two_landings_at_a_host_each_entry_lands_in_one(
    hosted: Yard, git_host: GitHost, tmp_path: Path, rounds: int
) -> None:
    other = git_host.clone("hub", git_host.url("hub"), tmp_path / "other")
    git(other, "config", "coord.remote", "origin")
    for number in range(rounds):
        names = {f"{number}-{letter}" for letter in "ab"}
        for name in sorted(names):
            hosted.branch(name, {f"{name}.py": "x\n"})
            git(hosted.repo, "push", "-q", "origin", name)
            hosted.queue(name)
        judged(hosted, raced(hosted.repo, tmp_path / f"r{number}", (other,)), names)
