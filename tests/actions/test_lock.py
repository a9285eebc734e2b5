"""The lock action: a job that holds keys until it ends, however it ends."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from gitcoord.domain.lock_operations import ReleaseLocks
from gitcoord.domain.locks import Lock
from gitcoord.domain.sessions import Session
from gitcoord.domain.takeover import TakeOverLocks
from gitcoord.domain.waiting import Waiter
from tests.actions.runner import Job, Step
from tests.actions.scene import Scene
from tests.entrypoints.program import until


@contextmanager
def beside(work: Callable[[], Step]) -> Iterator[Future[Step]]:
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(work)


@pytest.fixture
def job(scene: Scene) -> Job:
    return scene.job(contents="write")


def live(scene: Scene) -> list[str]:
    """Return the agents that are checked in."""
    return [one.agent for one in scene.all(Session) if one.status == "active"]


def test_a_job_holds_its_keys_until_it_ends_also_when_it_fails(scene: Scene, job: Job) -> None:
    step = job.uses("lock", keys="\n  env:staging\ndoc/\n", reason="deploy", ttl="30m")
    assert step.ok, step.log
    locks = json.loads(step.outputs["locks"])
    assert [(one["key"], one["mode"], one["reason"]) for one in locks] == [
        ("doc/**", "exclusive", "deploy"),
        ("env:staging", "exclusive", "deploy"),
    ]
    assert scene.locks() == {"env:staging": "ci", "doc/**": "ci"}
    assert "locked env:staging until 20" in step.log
    # Later steps act as the same session.
    said = job.run("gitcoord whoami --json")
    assert json.loads(said.log)["session"]["id"] == step.outputs["session"]
    assert step.outputs["session"].startswith("ci-1001-1-")
    assert not job.run("exit 1").ok
    (end,) = job.ends()
    assert end.ok, end.log
    assert "released env:staging" in end.log
    assert (scene.locks(), live(scene)) == ({}, [])


def test_it_waits_for_its_keys_and_gets_them(scene: Scene, job: Job) -> None:
    carl = scene.holds("carl", "env:staging")
    with beside(lambda: job.uses("lock", keys="env:staging", wait="2m")) as step:
        until(lambda: scene.all(Waiter))
        scene.run(ReleaseLocks(all=True), carl.id)
        assert step.result().ok, step.result().log
    assert scene.locks() == {"env:staging": "ci"}
    job.ends()
    assert scene.locks() == {}


def test_it_fails_when_its_time_is_over_and_says_who_holds_what(scene: Scene, job: Job) -> None:
    carl = scene.holds("carl", "env:staging", reason="a release")
    step = job.uses("lock", keys="env:staging", wait="1s")
    assert not step.ok
    assert f"env:staging is held by carl ({carl.id}) until 20" in step.told("error")
    assert "a release" in step.told("error")
    job.ends()
    assert (scene.locks(), live(scene)) == ({"env:staging": "carl"}, ["carl"])
    assert scene.all(Waiter) == []


def test_a_run_that_is_cancelled_while_it_waits_waits_no_more(scene: Scene, job: Job) -> None:
    scene.holds("carl", "env:staging")
    with beside(lambda: job.uses("lock", keys="env:staging", wait="10m")) as step:
        until(lambda: scene.all(Waiter))
        assert job.running is not None
        job.running.send_signal(signal.SIGINT)
        assert not step.result().ok
    assert scene.all(Waiter) == []
    assert job.ends()[0].ok
    assert live(scene) == ["carl"]


def test_two_locks_of_one_job_are_no_rivals(scene: Scene, job: Job) -> None:
    first = job.uses("lock", keys="src/")
    second = job.uses("lock", keys="doc/\nsrc/a.py", wait="0s")
    assert (first.ok, second.ok) == (True, True), second.log
    assert first.outputs["session"] == second.outputs["session"]
    assert set(scene.locks().values()) == {"ci"}
    assert [end.ok for end in job.ends()] == [True, True]
    assert (scene.locks(), live(scene)) == ({}, [])


def test_keys_are_shared_with_who_shares_them(scene: Scene, job: Job) -> None:
    scene.holds("carl", "env:staging", mode="shared")
    assert not job.uses("lock", keys="env:staging", wait="0s").ok
    assert job.uses("lock", keys="env:staging", wait="0s", shared="true").ok
    assert {lock.mode for lock in scene.all(Lock)} == {"shared"}


def test_what_was_lost_before_the_end_is_said(scene: Scene, job: Job) -> None:
    assert job.uses("lock", keys="env:staging\ndoc/").ok
    carl = scene.holds("carl", "src/")
    scene.run(TakeOverLocks(keys=("env:staging",), reason="the release hangs"), carl.id)
    (end,) = job.ends()
    assert end.ok
    assert "the lock on env:staging ended before this job did" in end.told("warning")
    assert "doc" not in end.told("warning")
    assert scene.locks() == {"src/**": "carl", "env:staging": "carl"}


def test_a_token_that_may_only_read_gets_no_lock_and_hears_why(scene: Scene) -> None:
    job = scene.job(contents="read")
    before = scene.head()
    step = job.uses("lock", keys="doc/")
    assert not step.ok
    assert "access_denied" in step.told("error")
    assert "pull requests from forks get one that only reads" in step.told("error")
    (end,) = job.ends()
    assert "not given back" in end.told("warning")
    assert scene.head() == before


@pytest.mark.parametrize("keys", ["", " \n "])
def test_no_key_is_an_error(job: Job, keys: str) -> None:
    step = job.uses("lock", keys=keys)
    assert not step.ok
    assert "names nothing to lock" in step.told("error")
    assert job.ends()[0].log == ""


def test_nothing_in_its_inputs_is_run(scene: Scene, job: Job) -> None:
    evil = "$(touch pwned) `touch pwned`; touch pwned"
    step = job.uses(
        "lock", keys=f"{evil}\n--help", reason=f"::error::{evil}", name="$(touch pwned)"
    )
    assert step.ok, step.log
    assert step.commands == []
    assert set(scene.locks()) == {evil, "--help"}
    assert list(job.place.rglob("pwned")) == []
