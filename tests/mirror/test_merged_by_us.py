"""Pull requests that we merge ourselves, where that is set: at which head, and what prevents it."""

from __future__ import annotations

from typing import Any

import pytest

from gitcoord.domain.configure import ChangeSettings
from gitcoord.domain.lock_operations import AcquireLocks, ReleaseLocks
from gitcoord.domain.new_tasks import NewTask
from gitcoord.domain.verify_policies import SetVerifyPolicy
from tests.mirror.line import BRANCH, calls, found, handed, pulls, pushed, queued
from tests.mirror.stage import Stage
from tests.servers import faults
from tests.servers.github import at

MERGES = "PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge"
PLACE = r"/repos/[^/]+/[^/]+/pulls/\d+/merge"


@pytest.fixture
def stage(stage: Stage) -> Stage:
    """Let pull requests be merged by us."""
    stage.run(ChangeSettings(values={"github_merge": True}))
    return stage


@pytest.mark.parametrize(("method", "parents"), [("merge", 2), ("squash", 1), ("rebase", 1)])
def test_a_pull_request_that_nothing_speaks_against_is_merged_and_the_entry_settled(
    stage: Stage, method: str, parents: int
) -> None:
    stage.repo.required = ["gitcoord/locks"]
    stage.adds(NewTask(id="t-1", title="Fix"))
    pushed(stage)
    handed(stage, task="t-1", method=method)
    stage.everything()
    (pull,) = pulls(stage)
    assert pull.pr.merged_at is not None
    tip = stage.repo.known["refs/heads/main"]
    assert len(stage.repo.git.commit(tip).parents) == parents
    entry = found(stage)
    assert (entry.status, entry.result) == ("merged", tip)
    assert stage.task("t-1").status == "completed"
    # Workflows hear nothing of what their own token does, so that it is shown at once.
    assert [label.name for label in pull.labels] == []
    before = calls(stage, MERGES)
    stage.look()
    stage.everything()
    assert (before, calls(stage, MERGES)) == (1, 1)


def test_without_the_setting_nothing_is_merged(stage: Stage) -> None:
    stage.run(ChangeSettings(values={"github_merge": False}))
    pushed(stage)
    handed(stage)
    stage.everything()
    assert (calls(stage, MERGES), found(stage).status) == (0, "landing")


def test_what_was_not_handed_over_is_not_merged(stage: Stage) -> None:
    pushed(stage)
    stage.ada.opens_pull(stage.repo, BRANCH)
    queued(stage)
    stage.everything()
    assert calls(stage, MERGES) == 0


@pytest.mark.parametrize("mode", ["exclusive", "shared"])
def test_somebody_elses_lock_prevents_it_until_it_is_free(stage: Stage, mode: Any) -> None:
    carl = stage.agent("carl")
    pushed(stage)
    handed(stage)
    stage.run(AcquireLocks(keys=("src/a.py",), mode=mode), carl.id)
    stage.everything()
    assert (calls(stage, MERGES), len(pulls(stage))) == (0, 1)
    stage.run(ReleaseLocks(keys=("src/a.py",)), carl.id)
    stage.mirror.look((), anew=True)
    assert found(stage).status == "merged"


@pytest.mark.parametrize("executor", ["github", "inline"])
def test_what_is_not_verified_is_not_merged(stage: Stage, executor: str) -> None:
    said = {"shell": "make test"} if executor == "inline" else {"executor": executor}
    stage.run(SetVerifyPolicy(name="unit", include=("src/",), **said))
    head = pushed(stage)
    handed(stage)
    stage.everything()
    assert (calls(stage, MERGES), len(pulls(stage))) == (0, 1)
    if executor == "github":
        ci = stage.as_app("helper", checks="write").forge.api
        body = {"name": "build", "head_sha": head, "status": "completed", "conclusion": "success"}
        ci.change("POST", "/repos/octo/project/check-runs", body)
        stage.everything()
        assert found(stage).status == "merged"


def test_the_queued_commits_own_verification_counts_where_the_target_was_another(
    stage: Stage,
) -> None:
    stage.run(SetVerifyPolicy(name="unit", include=("src/",), executor="github"))
    head = pushed(stage)
    handed(stage, tree="7" * 40)
    ci = stage.as_app("helper", checks="write").forge.api
    body = {"name": "build", "head_sha": head, "status": "completed", "conclusion": "success"}
    ci.change("POST", "/repos/octo/project/check-runs", body)
    stage.everything()
    assert found(stage).status == "merged"


def test_a_need_that_has_not_landed_comes_first(stage: Stage) -> None:
    pushed(stage, "feat/a", path="src/a.txt")
    pushed(stage, "feat/b", path="src/b.txt")
    handed(stage, "q-1", "feat/a", paths=("src/a.txt",))
    queued(stage, "q-2", "feat/b")
    handed(stage, "q-1", "feat/a", paths=("src/a.txt",), needs=("q-2",))
    stage.everything()
    assert (calls(stage, MERGES), found(stage).status) == (0, "landing")


@pytest.mark.parametrize("what", ["draft", "blocked", "newer head"])
def test_what_github_or_its_people_hold_back_is_not_tried(stage: Stage, what: str) -> None:
    pushed(stage)
    pull = stage.ada.opens_pull(stage.repo, BRANCH, draft=what == "draft")
    handed(stage)
    if what == "blocked":
        stage.repo.required = ["review"]
    if what == "newer head":
        pushed(stage, text="later\n")
    stage.everything()
    assert (calls(stage, MERGES), pull.state, found(stage).status) == (0, "open", "landing")


def test_a_head_that_moves_in_the_last_moment_is_not_merged(stage: Stage) -> None:
    pushed(stage)
    handed(stage)
    honest = stage.mirror.forge.merge

    def late(number: int, head: str, method: str, *, sure: bool) -> bool:
        pushed(stage, text="late\n")
        return honest(number, head, method, sure=sure)

    stage.mirror.forge.merge = late  # type: ignore[method-assign]
    outcome = stage.everything()
    assert (calls(stage, MERGES), found(stage).status) == (1, "landing")
    assert outcome.refused == ()
    assert pulls(stage)[0].state == "open"


def test_what_github_has_against_it_though_nothing_was_known_is_said(stage: Stage) -> None:
    pushed(stage)
    handed(stage)
    stage.github.faults.append(at(faults.status(405), "PUT", PLACE))
    (refused,) = stage.everything().refused
    assert "405" in refused.message
    assert found(stage).status == "landing"
    stage.everything()
    assert found(stage).status == "merged"
