"""Check runs and commit statuses that others have written of a commit, as checks of a policy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from github import Auth, Github

from gitcoord.domain.check_runs import judged
from gitcoord.errors import ForgeRefused
from gitcoord.mirror.access import Access
from gitcoord.mirror.github import GitHub as Forge
from gitcoord.mirror.subjects import CHECK
from tests.mirror.stage import NAME, Stage

Speak = Callable[[str], Any]


def forge(stage: Stage, token: str) -> Forge:
    return Forge(Access(token, url=stage.github.api, pause=0), NAME)


@pytest.fixture
def as_(stage: Stage) -> Speak:
    """Return how somebody with a token writes at GitHub."""

    def speak(token: str) -> Any:
        return Github(
            auth=Auth.Token(token), base_url=stage.github.api, retry=None,
            seconds_between_requests=None, seconds_between_writes=None,
        ).get_repo(NAME)  # fmt: skip

    return speak


def test_check_runs_and_statuses_of_a_commit_are_read_the_worst_by_name(
    stage: Stage, as_: Speak
) -> None:
    head = stage.repo.known["refs/heads/main"]
    reader = forge(stage, stage.eve.token)
    assert reader.runs(head) == []
    bot, ada = as_(stage.bot.token), as_(stage.ada.token)
    conclusions = {
        "build": "success", "style": "neutral", "slow": "timed_out", "docs": "skipped",
        "broken": "failure", "held": "action_required", "stopped": "cancelled",
    }  # fmt: skip
    for name, conclusion in conclusions.items():
        bot.create_check_run(name, head, status="completed", conclusion=conclusion,
                             details_url=f"https://ci.example/{name}")  # fmt: skip
    bot.create_check_run("waits", head, status="in_progress")
    commit = ada.get_commit(head)
    for context, states in {
        "old/ci": ("failure", "success"), "new/ci": ("success", "pending"), "bad/ci": ("error",),
        # Of one name with a check run the worse counts, whichever it is.
        "build": ("failure",), "slow": ("success",),
    }.items():  # fmt: skip
        for state in states:
            commit.create_status(state, context=context, target_url=f"https://x.example/{state}")
    found = {run.name: run for run in reader.runs(head)}
    assert {name: run.conclusion for name, run in found.items()} == {
        "build": "failed", "style": "passed", "slow": "failed", "docs": "skipped",
        "broken": "failed", "held": "failed", "stopped": "failed", "waits": "",
        "old/ci": "passed", "new/ci": "", "bad/ci": "failed",
    }  # fmt: skip
    assert found["build"].url == "https://x.example/failure"
    assert found["style"].url.startswith("http")
    assert judged(found.values(), ("old/ci", "style")).status == "passed"
    assert judged(found.values(), ("waits", "style")).status == "pending"
    assert judged(found.values()).status == "failed"


def test_a_run_again_replaces_the_one_before(stage: Stage, as_: Speak) -> None:
    head = stage.repo.known["refs/heads/main"]
    bot, reader = as_(stage.bot.token), forge(stage, stage.eve.token)
    for conclusion, ours in (("failure", "failed"), ("success", "passed")):
        bot.create_check_run("build", head, status="completed", conclusion=conclusion)
        assert [(run.name, run.conclusion) for run in reader.runs(head)] == [("build", ours)]


def test_our_own_check_is_no_check_of_others(stage: Stage, as_: Speak) -> None:
    head = stage.repo.known["refs/heads/main"]
    as_(stage.bot.token).create_check_run(CHECK, head, status="completed", conclusion="failure")
    as_(stage.ada.token).get_commit(head).create_status("failure", context=CHECK)
    assert forge(stage, stage.eve.token).runs(head) == []


def test_a_commit_that_github_does_not_know_has_no_checks(stage: Stage) -> None:
    assert forge(stage, stage.eve.token).runs("0" * 40) == []


def test_what_github_does_not_allow_is_said(stage: Stage) -> None:
    head = stage.repo.known["refs/heads/main"]
    blind = stage.github.workflow(stage.repo, contents="read")
    with pytest.raises(ForgeRefused, match="403"):
        forge(stage, blind.token).runs(head)
