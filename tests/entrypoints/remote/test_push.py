"""`task complete --push`: the branch and the ledger land together, or nothing happens."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.entrypoints.door import Door
from tests.entrypoints.remote.clones import STATE, Clones
from tests.gitrun import git
from tests.servers.git_http import GitHost

MAIN = "refs/heads/main"


@pytest.fixture
def ready(here: Door, hub: GitHost) -> Door:
    """Stand in a clone with a claimed task and its work committed on main."""
    here("init", "--remote", "origin")
    claimed(here)
    return here


def claimed(door: Door) -> None:
    """Check in, claim a task and commit its work."""
    door.become(door.start("ada"))
    door("task", "add", "Write it", "--id", "t-1", "--keys", "src/a.py")
    door("task", "claim", "t-1")
    door.commit("src/a.py", "print()\n")


def refused(door: Door, hub: GitHost, code: int = 3, *words: str) -> dict[str, Any]:
    """Return the error, having proved that nothing has changed at the host."""
    before = hub.refs("hub")
    error = door.refused("task", "complete", "t-1", "--push", *words, code=code)
    assert hub.refs("hub") == before
    assert door.json("task", "show", "t-1")["task"]["status"] == "assigned"
    assert [one["key"] for one in door.json("lock", "list")["locks"]] == ["src/a.py"]
    return error


def test_branch_and_task_land_in_one_push(ready: Door, hub: GitHost) -> None:
    hub.clear()
    found = ready.json("task", "complete", "t-1", "--push")
    assert found["task"]["status"] == "completed"
    assert (found["pushed"]["branch"], found["pushed"]["remote"]) == ("main", "origin")
    assert found["unlanded"] == []
    assert hub.refs("hub")[MAIN] == git(ready.place, "rev-parse", "HEAD")
    (push,) = (seen for seen in hub.seen(command="push") if MAIN in seen.moved)
    assert STATE in push.moved
    assert ready.json("lock", "list")["locks"] == []
    assert ready.json("lock", "list")["unlanded"] == []


def test_people_are_told(ready: Door) -> None:
    assert "pushed main to origin with it" in ready("task", "complete", "t-1", "--push")


def test_a_branch_that_is_not_the_target_leaves_its_mark(ready: Door, hub: GitHost) -> None:
    git(ready.place, "checkout", "-q", "-b", "topic")
    git(ready.place, "branch", "-f", "main", "origin/main")
    found = ready.json("task", "complete", "t-1", "--push")
    assert found["pushed"]["branch"] == "topic"
    assert [one["branch"] for one in found["unlanded"]] == ["topic"]
    assert "refs/heads/topic" in hub.refs("hub")


def test_a_branch_that_is_pushed_to_the_target_leaves_no_mark(ready: Door, hub: GitHost) -> None:
    git(ready.place, "checkout", "-q", "-b", "topic")
    git(ready.place, "branch", "-q", "-f", "main", "origin/main")
    git(ready.place, "branch", "-q", "--set-upstream-to=origin/main")
    git(ready.place, "config", "push.default", "upstream")
    found = ready.json("task", "complete", "t-1", "--push")
    assert (found["pushed"]["branch"], found["unlanded"]) == ("main", [])
    assert hub.refs("hub")[MAIN] == git(ready.place, "rev-parse", "HEAD")
    assert "refs/heads/topic" not in hub.refs("hub")


def test_a_protected_branch_is_refused(ready: Door, hub: GitHost) -> None:
    hub.protect("hub", MAIN)
    error = refused(ready, hub)
    assert error["code"] == "landing_refused"
    assert "main" in error["message"]
    assert "pull request" in error["hint"]


def test_a_branch_that_has_moved_is_refused(ready: Door, hub: GitHost, clones: Clones) -> None:
    other = clones("two")
    git(other, "commit", "-q", "--allow-empty", "-m", "theirs")
    git(other, "push", "-q", "origin", "main")
    error = refused(ready, hub)
    assert error["code"] == "landing_refused"
    assert "git fetch origin" in error["hint"]
    git(ready.place, "pull", "-q", "--rebase")
    ready("task", "complete", "t-1", "--push")


def test_the_users_own_hook_is_heard(ready: Door, hub: GitHost) -> None:
    hook = Path(ready.place, ".git", "hooks", "pre-push")
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'lint fails' >&2\nexit 1\n")
    hook.chmod(hook.stat().st_mode | stat.S_IXUSR)
    error = refused(ready, hub)
    assert error["code"] == "landing_refused"
    assert "lint fails" in error["message"]


def test_a_detached_head_has_nothing_to_land(ready: Door, hub: GitHost) -> None:
    git(ready.place, "checkout", "-q", "--detach")
    assert refused(ready, hub)["code"] == "landing_refused"


def test_a_ledger_in_another_repository_cannot_land_with_it(here: Door, hub: GitHost) -> None:
    hub.create("private")
    here("init", "--remote", hub.url("private"))
    claimed(here)
    error = refused(here, hub)
    assert error["code"] == "landing_refused"
    assert "another repository" in error["message"]


def test_a_host_that_cannot_move_both_as_one_is_refused(here: Door, hub: GitHost) -> None:
    hub.no_atomic("hub")
    here("init", "--remote", "origin")
    claimed(here)
    error = refused(here, hub, 5)
    assert error["code"] == "host_refused"
    assert "without --push" in error["hint"]


def test_what_the_rules_refuse_pushes_nothing(ready: Door, hub: GitHost) -> None:
    before = hub.refs("hub")
    error = ready.refused("task", "complete", "t-9", "--push")
    assert error["code"] == "task_not_found"
    assert hub.refs("hub") == before


def test_the_index_and_what_is_not_committed_stay(ready: Door) -> None:
    ready.write("src/b.py", "later\n")
    git(ready.place, "add", "src/b.py")
    before = git(ready.place, "status", "--porcelain")
    ready("task", "complete", "t-1", "--push")
    assert git(ready.place, "status", "--porcelain") == before
    assert os.path.exists(os.path.join(ready.place, "src", "b.py"))
