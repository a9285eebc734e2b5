"""Check runs of queued commits as results of verification: noted when they come, and for whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from github import Auth, Github

from gitcoord.domain.merge_queueing import EnqueueMerge
from gitcoord.domain.verification import Result, Verification, standing
from gitcoord.domain.verify_policies import SetVerifyPolicy
from gitcoord.mirror.subjects import Everything, Head, subjects
from tests.mirror.line import BRANCH, checked, pushed, queued, tree
from tests.mirror.stage import NAME, Stage

CHECKS = "GET /repos/{owner}/{repo}/commits/{ref}/check-runs"
Runs = Callable[..., Any]


@pytest.fixture
def ci(stage: Stage) -> Any:
    """Return the repository as a workflow of somebody else's writes to it."""
    other = stage.github.workflow(stage.repo, checks="write", statuses="write", contents="read")
    return Github(
        auth=Auth.Token(other.token), base_url=stage.github.api, retry=None,
        seconds_between_requests=None, seconds_between_writes=None,
    ).get_repo(NAME)  # fmt: skip


def noted(stage: Stage, head: str) -> list[Result]:
    """Return what is known of a commit."""
    with stage.house.ledger.state() as state:
        found = state.get(Verification, head)
    return list(found.results) if found else []


def policy(stage: Stage, name: str = "ci", *checks: str) -> None:
    """Let GitHub check what changes sources."""
    stage.run(SetVerifyPolicy(name=name, executor="github", include=("src/",), checks=checks))


def test_what_check_runs_say_is_noted_when_github_tells_it(stage: Stage, ci: Any) -> None:
    policy(stage, "ci", "build", "lint")
    # What others check is not GitHub's to say.
    stage.run(SetVerifyPolicy(name="unit", shell="make test", include=("lib/",)))
    stage.run(SetVerifyPolicy(name="all", shell="make check", include=("src/",)))
    head = pushed(stage)
    queued(stage)
    stage.look()
    run = ci.create_check_run("build", head, status="in_progress")
    ci.create_check_run("lint", head, status="completed", conclusion="success")
    stage.look()
    # One of them is still under way, of which nothing need be noted.
    assert noted(stage, head) == []
    run.edit(status="completed", conclusion="success")
    stage.look()
    (result,) = noted(stage, head)
    assert (result.policy, result.status, result.executor) == ("ci", "passed", "github")
    assert result.reason == "passed: build, lint"
    with stage.house.ledger.state() as state:
        found = state.get(Verification, head)
        assert found is not None
        assert (found.tree, found.paths, found.branch) == (tree(stage, head), ("src/a.py",), BRANCH)
        assert standing(state, found.tree, ("src/a.py",)).missing == ("all",)
    before = stage.house.ledger.head()
    stage.everything()
    stage.mirror.look([Head(head)])
    assert stage.house.ledger.head() == before


def test_a_failure_is_noted_and_a_new_run_takes_it_back(stage: Stage, ci: Any) -> None:
    policy(stage)
    head = pushed(stage)
    queued(stage)
    run = ci.create_check_run("build", head, status="completed", conclusion="failure")
    stage.look()
    (result,) = noted(stage, head)
    assert (result.status, result.reason) == ("failed", "build failed")
    assert result.url.startswith("http")
    pull = stage.ada.opens_pull(stage.repo, BRANCH)
    checked(stage)
    stage.everything()
    assert stage.check(head) == "failure"
    assert "build failed" in stage.said(pull)[0]
    run.edit(status="in_progress")
    stage.everything()
    assert noted(stage, head)[0].status == "pending"
    run.edit(status="completed", conclusion="success")
    stage.everything()
    assert noted(stage, head)[0].status == "passed"


def test_commit_statuses_count_and_ours_never(stage: Stage, ci: Any) -> None:
    policy(stage)
    head = pushed(stage)
    queued(stage)
    stage.ada.opens_pull(stage.repo, BRANCH)
    stage.look()
    assert (stage.check(head), noted(stage, head)) == ("success", [])
    ci.get_commit(head).create_status("success", context="old/ci")
    stage.look()
    assert noted(stage, head)[0].reason == "passed: old/ci"


def test_after_a_pause_everything_that_came_is_noted(stage: Stage, ci: Any) -> None:
    policy(stage)
    heads = []
    for n in range(3):
        heads.append(pushed(stage, f"feat/{n}", path=f"src/{n}.py"))
        queued(stage, f"q-{n}", f"feat/{n}")
        ci.create_check_run("build", heads[-1], status="completed", conclusion="success")
    stage.everything()
    assert [noted(stage, head)[0].status for head in heads] == ["passed"] * 3


def test_only_what_policies_want_of_github_is_asked(stage: Stage, ci: Any) -> None:
    head = pushed(stage)
    queued(stage)
    ci.create_check_run("build", head, status="completed", conclusion="success")
    before = len(stage.github.calls)
    stage.mirror.look([Head(head)])
    assert stage.github.calls[before:] == []
    stage.run(SetVerifyPolicy(name="docs", executor="github", include=("doc/",)))
    stage.mirror.look([Head(head)])
    assert not any(call.name == CHECKS for call in stage.github.calls[before:])
    assert noted(stage, head) == []


def test_a_commit_that_nobody_has_queued_is_not_asked_about(stage: Stage, ci: Any) -> None:
    policy(stage)
    pushed(stage, "feat/y", path="src/y.py")
    queued(stage, "q-2", "feat/y")
    head = pushed(stage)
    ci.create_check_run("build", head, status="completed", conclusion="success")
    before = len(stage.github.calls)
    stage.mirror.look([Head(head)])
    assert stage.github.calls[before:] == []


def test_a_commit_that_github_has_not_got_is_left(stage: Stage) -> None:
    policy(stage)
    stage.run(EnqueueMerge(id="q-1", branch=BRANCH, head="9" * 40, target="main"))
    checked(stage)
    outcome = stage.everything()
    assert (noted(stage, "9" * 40), outcome.refused) == ([], ())


def test_what_github_does_not_tell_is_said_and_counts_as_nothing(stage: Stage, ci: Any) -> None:
    policy(stage)
    head = pushed(stage)
    queued(stage)
    ci.create_check_run("build", head, status="completed", conclusion="success")
    pull = stage.ada.opens_pull(stage.repo, BRANCH)
    # A workflow that was not granted to read commit statuses.
    bare = stage.github.workflow(
        stage.repo, issues="write", pull_requests="write", contents="write", checks="write"
    )
    outcome = stage.another(token=bare.token).look([Everything()])
    (refused,) = outcome.refused
    assert "403" in refused.message
    assert (noted(stage, head), stage.check(head)) == ([], "success")
    assert "coord:queued" in [label.name for label in pull.labels]


@pytest.mark.parametrize(
    ("event", "payload", "about"),
    [
        ("check_run", {"action": "completed", "check_run": {"name": "x", "head_sha": "a"}}, "a"),
        ("check_run", {"action": "created", "check_run": {"name": "x", "head_sha": "a"}}, ""),
        ("check_run",
         {"action": "completed", "check_run": {"name": "gitcoord/locks", "head_sha": "a"}}, ""),
        ("check_suite", {"action": "completed", "check_suite": {"head_sha": "a"}}, "a"),
        ("workflow_run", {"action": "completed", "workflow_run": {"head_sha": "a"}}, "a"),
        ("workflow_run", {"action": "requested", "workflow_run": {"head_sha": "a"}}, ""),
        ("status", {"context": "x", "state": "success", "sha": "a"}, "a"),
        ("status", {"context": "x", "state": "pending", "sha": "a"}, ""),
        ("status", {"context": "gitcoord/locks", "state": "success", "sha": "a"}, ""),
    ],
)  # fmt: skip
def test_events_of_checks_say_which_commit_they_are_about(
    event: str, payload: dict[str, Any], about: str
) -> None:
    assert subjects(event, payload) == ([Head(about)] if about else [])
