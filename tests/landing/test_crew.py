"""A crew that shares the queue: everything lands, nothing is lost, main always passes its check."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import pytest

from gitcoord.bootstrap import open_house
from gitcoord.domain.locks import Lock
from gitcoord.domain.merges import Merge
from gitcoord.domain.tasks import Task
from tests.gitrun import git
from tests.landing.chores import chores
from tests.landing.workday import Day, Terms, spend
from tests.servers.git_http import GitHost

AGENTS, CHORES = 4, 12


class Found(NamedTuple):
    """A day, and what the ledger says at its end."""

    day: Day
    merges: list[Merge]
    tasks: list[Task]
    locks: list[Lock]


def found(day: Day, clone: str) -> Found:
    house = open_house(clone, os.environ)
    try:
        house.follow()
        with house.ledger.state() as state:
            merges = [*state.all(Merge), *state.all(Merge, archived=True)]
            tasks = [*state.all(Task), *state.all(Task, archived=True)]
            return Found(day, merges, tasks, [*state.all(Lock)])
    finally:
        house.close()


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """Have a crew work in worktrees of one repository, whose main is checked out beside them."""
    day = spend(Terms("queue", AGENTS, CHORES, str(tmp_path_factory.mktemp("crew"))))
    return found(day, day.place)


def test_all_that_a_crew_does_lands_and_every_task_is_completed(here: Found) -> None:
    names = {chore.id for chore in chores(CHORES)}
    assert {one.chore for one in here.day.tallies} == names
    assert {task.id: task.status for task in here.tasks} == dict.fromkeys(names, "completed")
    assert {(one.task, one.status) for one in here.merges} == {(x, "merged") for x in names}


def test_no_commit_of_a_crew_is_lost(here: Found) -> None:
    assert here.day.lost == []
    assert {one.head for one in here.merges} == {one.head for one in here.day.tallies}


def test_main_always_passes_its_check(here: Found) -> None:
    assert len(here.day.commits) == CHORES
    assert here.day.broken == []


def test_the_ledger_and_main_agree_and_no_lock_is_left(here: Found) -> None:
    known = set(git(here.day.place, "rev-list", "--first-parent", "main").split())
    assert {one.result for one in here.merges} <= known
    assert git(here.day.place, "rev-parse", "main") in {one.result for one in here.merges}
    assert here.locks == []


def test_the_repository_is_whole_and_its_own_worktree_has_followed(here: Found) -> None:
    told = git(here.day.place, "fsck", "--strict", "--no-dangling", "--no-progress")
    assert "error" not in told
    assert git(here.day.place, "status", "--porcelain") == ""
    assert git(here.day.place, "rev-parse", "HEAD") == git(here.day.place, "rev-parse", "main")
    assert len(git(here.day.place, "worktree", "list").splitlines()) == 1 + AGENTS


def test_a_crew_in_clones_of_a_host_does_the_same(git_host: GitHost, tmp_path: Path) -> None:
    hub = str(git_host.create("hub"))
    folder = tmp_path / "day"
    folder.mkdir()
    terms = Terms("queue", 2, 4, str(folder), hub=hub, url=git_host.url("hub"))
    there = found(spend(terms), str(folder / "agent-1"))
    assert (there.day.lost, there.day.broken, there.locks) == ([], [], [])
    assert [task.status for task in there.tasks] == ["completed"] * 4
    known = set(git(hub, "rev-list", "--first-parent", "main").split())
    assert {one.result for one in there.merges} <= known
    assert "error" not in git(hub, "fsck", "--strict", "--no-dangling", "--no-progress")
