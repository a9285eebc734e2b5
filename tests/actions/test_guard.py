"""The guard: a job that fails while a pull request changes what another session holds."""

from __future__ import annotations

import json

import pytest

from gitcoord.domain.lock_operations import ReleaseLocks
from tests.actions.scene import MERGE_GUARD, Scene
from tests.servers import faults
from tests.servers.github import at

READ = {"contents": "read", "pull_requests": "read"}


def test_it_fails_while_another_holds_what_is_changed_and_passes_afterwards(scene: Scene) -> None:
    carl = scene.holds("carl", "src/**", reason="a rewrite")
    scene.ada.commits(scene.repo, "feature", {"src/a.py": "2\n"}, "work", start="main")
    scene.started()
    scene.ada.opens_pull(scene.repo, "feature")
    ((event, payload),) = scene.started()
    before = scene.head()
    job, step = scene.workflow(MERGE_GUARD, event, payload)
    assert step is not None
    assert (step.ok, step.outputs["free"]) == (False, "false")
    (held,) = json.loads(step.outputs["blocked"])
    assert (held["key"], held["agent"], held["session"]) == ("src/**", "carl", carl.id)
    assert held["paths"] == ["src/a.py"]
    assert f"carl (session {carl.id}) holds src/** until 20" in step.told("error")
    assert "a rewrite: src/a.py changed here" in step.told("error")
    assert "**Blocked.** This changes what others hold:" in job.summary
    assert scene.head() == before
    scene.run(ReleaseLocks(all=True), carl.id)
    _, step = scene.workflow(MERGE_GUARD, event, payload)
    assert step is not None
    assert (step.ok, step.outputs) == (True, {"free": "true", "blocked": "[]"})
    assert "nobody else holds what #1 changes (1 paths)" in step.log


def test_it_judges_pull_requests_of_forks_and_believes_no_trailer_of_theirs(scene: Scene) -> None:
    carl = scene.holds("carl", "src/a.py")
    fork = scene.github.repository("eve/project", fork_of=scene.repo)
    message = f"work\n\nCoord-Session: {carl.id}"
    scene.eve.commits(fork, "mine", {"src/a.py": "2\n"}, message, start="main")
    scene.started()
    scene.eve.opens_pull(scene.repo, "mine", source=fork)
    ((event, payload),) = scene.started()
    _, step = scene.workflow(MERGE_GUARD, event, payload)
    assert step is not None
    assert (step.ok, step.outputs["free"]) == (False, "false")
    # The same commit by who may push here is carl's own work.
    scene.ada.commits(scene.repo, "feature", {"src/a.py": "2\n"}, message, start="main")
    scene.started()
    scene.ada.opens_pull(scene.repo, "feature")
    ((event, payload),) = scene.started()
    _, step = scene.workflow(MERGE_GUARD, event, payload)
    assert step is not None
    assert step.ok, step.log


def test_in_the_merge_queue_it_judges_the_pull_request_that_is_next(scene: Scene) -> None:
    scene.holds("carl", "src/a.py")
    scene.ada.commits(scene.repo, "feature", {"src/a.py": "2\n"}, "work", start="main")
    scene.ada.commits(scene.repo, "other", {"doc/a.md": "2\n"}, "work", start="main")
    for branch in ("feature", "other"):
        scene.ada.opens_pull(scene.repo, branch)
    for number, ok in ((1, False), (2, True)):
        group = {"head_ref": f"refs/heads/gh-readonly-queue/main/pr-{number}-{'0' * 40}"}
        payload = {
            "action": "checks_requested",
            "merge_group": group | {"head_sha": "0" * 40},
            "repository": {"full_name": "octo/project", "default_branch": "main"},
        }
        _, step = scene.workflow(MERGE_GUARD, "merge_group", payload)
        assert step is not None
        assert step.ok is ok, step.log


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("", "the event push is about no pull request"),
        ("1", "#1 is no pull request"),
        ("7", "#7 is no pull request"),
        ("$(touch pwned)", "Invalid value for '[NUMBER]'"),
    ],
    ids=["no event", "an issue", "nothing", "no number"],
)
def test_what_is_no_pull_request_does_not_pass(scene: Scene, number: str, said: str) -> None:
    scene.ada.opens_issue(scene.repo, "Slow")
    job = scene.job("push", None, **READ, issues="read")
    step = job.uses("guard", number=number)
    assert not step.ok
    assert said in step.log
    assert not (job.workspace / "pwned").exists()


def test_a_ledger_that_cannot_be_read_does_not_look_free(scene: Scene) -> None:
    scene.ada.commits(scene.repo, "feature", {"src/a.py": "2\n"}, "work", start="main")
    scene.ada.opens_pull(scene.repo, "feature")
    job = scene.job("push", None, **READ)
    assert job.uses("guard", number="1").ok
    scene.holds("carl", "src/a.py")
    # What was known of the ledger a moment ago is there, but git is not.
    for method in ("GET", "POST") * 5:
        scene.github.faults.append(at(faults.status(403), method, r"/octo/project\.git/.*"))
    step = job.uses("guard", number="1")
    assert (step.ok, step.outputs["free"]) == (False, "")
    assert "carl" not in step.log
    scene.github.faults.clear()
    assert "carl" in job.uses("guard", number="1").told("error")
