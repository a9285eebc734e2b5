"""Entries that only a pull request can land: opened once, settled when merged, else ejected."""

from __future__ import annotations

from typing import Any

import pytest

from gitcoord.domain.features import Feature
from gitcoord.domain.lock_operations import AcquireLocks
from gitcoord.domain.merging import RemoveMerge
from gitcoord.domain.new_tasks import NewTask
from gitcoord.domain.notices import told
from gitcoord.domain.registering import RegisterFeature
from gitcoord.errors import Unavailable
from gitcoord.mirror.effects import Propose
from gitcoord.mirror.subjects import Branch, Everything, Target
from gitcoord.mirror.writer import Writer
from tests.mirror.line import BRANCH, WHY, calls, found, handed, pulls, pushed, queued
from tests.mirror.stage import Stage
from tests.servers import faults
from tests.servers.github import at

OPENS = "POST /repos/{owner}/{repo}/pulls"
METHODS = ("merge", "squash", "rebase")


def test_an_entry_that_was_handed_over_gets_one_pull_request(stage: Stage) -> None:
    stage.adds(NewTask(id="t-1", title="Fix the login @bob", description="It is broken."))
    head = pushed(stage)
    handed(stage, task="t-1")
    stage.everything()
    (pull,) = pulls(stage)
    assert (pull.pr.head, pull.pr.base, pull.pr.head_oid) == (BRANCH, "main", head)
    assert pull.title == "Fix the login @bob"
    assert pull.body is not None
    assert "| Entry | `q-1` |" in pull.body
    assert "`Fix the login @bob`" in pull.body
    assert "`It is broken.`" in pull.body
    assert pull.body.endswith("<!-- gitcoord:merge q-1 -->")
    entry = found(stage)
    assert entry.pr_url == f"{stage.repo.web}/pull/{pull.number}"
    assert (entry.status, entry.reason) == ("landing", WHY)
    assert stage.check(head) == "success"
    before = stage.house.ledger.head()
    stage.look()
    stage.everything()
    assert (len(pulls(stage)), calls(stage, OPENS)) == (1, 1)
    assert stage.house.ledger.head() == before


def test_what_is_not_handed_over_is_not_proposed(stage: Stage) -> None:
    pushed(stage)
    old = stage.ada.opens_pull(stage.repo, BRANCH)
    stage.ada.closes(old)
    stage.look()
    queued(stage)
    stage.mirror.look([Branch(BRANCH)])
    stage.everything()
    assert (pulls(stage), found(stage).status, found(stage).pr_url) == ([old], "queued", "")


def test_a_pull_request_that_is_there_is_taken_and_noted(stage: Stage) -> None:
    pushed(stage)
    theirs = stage.ada.opens_pull(stage.repo, BRANCH)
    handed(stage)
    stage.everything()
    assert pulls(stage) == [theirs]
    assert found(stage).pr_url.endswith(f"/pull/{theirs.number}")


def test_of_two_who_open_one_at_once_both_have_the_same(stage: Stage) -> None:
    pushed(stage)
    handed(stage)
    other = stage.another()
    stage.ada.opens_pull(stage.repo, BRANCH)
    # Neither has seen it, as both have listed before.
    wish = Propose(BRANCH, "main", "merge q-1", "Work", "Body")
    assert Writer(other.forge).carry_out([wish]).refused == ()
    assert other.forge.propose(BRANCH, "main", "Work", "Body") == 1
    assert len(pulls(stage)) == 1


def test_a_pull_request_of_a_fork_with_the_same_name_is_not_the_entrys(stage: Stage) -> None:
    pushed(stage)
    fork = stage.github.repository("eve/project", fork_of=stage.repo)
    stage.eve.commits(fork, BRANCH, {"src/a.py": "evil\n"}, "evil", start="main", force=True)
    theirs = stage.eve.opens_pull(stage.repo, BRANCH, source=fork)
    handed(stage)
    stage.everything()
    ours = next(one for one in pulls(stage) if one is not theirs)
    assert found(stage).pr_url.endswith(f"/pull/{ours.number}")
    stage.ada.merges(theirs)
    stage.everything()
    assert found(stage).status == "landing"


def test_a_forks_pull_request_that_somebody_has_named_is_not_the_entrys_either(
    stage: Stage,
) -> None:
    pushed(stage)
    fork = stage.github.repository("eve/project", fork_of=stage.repo)
    stage.eve.commits(fork, BRANCH, {"src/a.py": "3\n"}, "w", start="main", force=True)
    theirs = stage.eve.opens_pull(stage.repo, BRANCH, source=fork)
    handed(stage, pr_url=f"{stage.repo.web}/pull/{theirs.number}")
    stage.eve.closes(theirs)
    stage.everything()
    assert found(stage).status == "landing"
    assert found(stage).pr_url.endswith(f"/pull/{pulls(stage)[-1].number}")
    assert pulls(stage)[-1] is not theirs


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("heard", ["told", "missed"])
def test_its_merge_completes_entry_task_and_feature_and_ends_its_locks(
    stage: Stage, method: str, heard: str
) -> None:
    ann = stage.agent("ann", branch=BRANCH)
    stage.adds(NewTask(id="t-1", title="Fix"))
    stage.run(RegisterFeature(id="login", branch=BRANCH), ann.id)
    pushed(stage)
    pushed(stage, path="src/b.py", text="3\n")
    handed(stage, who=ann, paths=("src/a.py", "src/b.py"), task="t-1", feature="login")
    stage.run(AcquireLocks(keys=("src/a.py", "doc/")), ann.id)
    stage.everything()
    (pull,) = pulls(stage)
    result = stage.ada.merges(pull, method, delete_branch=True)
    (stage.look if heard == "told" else stage.everything)()
    entry = found(stage)
    assert (entry.status, entry.result, entry.ended_by) == ("merged", result, "github")
    assert stage.task("t-1").status == "completed"
    with stage.house.ledger.state() as state:
        feature = state.get(Feature, "login")
        assert feature is not None
        assert feature.status == "completed"
        assert any("is merged into main" in one.text for one in told(state, ann.id))
    assert list(stage.locks()) == ["doc/**"]


@pytest.mark.parametrize("method", METHODS)
def test_what_was_merged_without_its_pull_request_is_told_by_its_content(
    stage: Stage, method: str
) -> None:
    pushed(stage)
    handed(stage)
    stage.github.faults.append(at(faults.status(403), "POST", r"/repos/[^/]+/[^/]+/pulls"))
    stage.everything()
    assert pulls(stage) == []
    pull = stage.ada.opens_pull(stage.repo, BRANCH)
    stage.ada.merges(pull, method)
    # It is as if somebody had pushed that: no pull request leads to it.
    stage.repo.issues.clear()
    stage.github.outbox.clear()
    stage.mirror.look([Target()])
    assert found(stage).status == "merged"
    assert found(stage).result == stage.repo.known["refs/heads/main"]


def test_a_merge_of_later_commits_has_what_was_queued_as_well(stage: Stage) -> None:
    pushed(stage)
    handed(stage)
    stage.everything()
    (pull,) = pulls(stage)
    pushed(stage, text="later\n")
    stage.ada.merges(pull, "squash")
    stage.look()
    assert found(stage).status == "merged"


def test_a_merge_of_something_else_ejects_the_entry(stage: Stage) -> None:
    pushed(stage)
    handed(stage)
    stage.everything()
    (pull,) = pulls(stage)
    stage.ada.commits(stage.repo, BRANCH, {"doc/a.md": "x\n"}, "x", start="main", force=True)
    stage.ada.merges(pull)
    stage.look()
    entry = found(stage)
    assert (entry.status, entry.pr_url) == ("ejected", "")
    assert f"which has not got {entry.head[:12]}" in entry.reason


@pytest.mark.parametrize("heard", ["told", "missed"])
def test_closed_without_a_merge_the_entry_is_ejected_and_everybody_told(
    stage: Stage, heard: str
) -> None:
    ann = stage.agent("ann")
    stage.adds(NewTask(id="t-1", title="Fix"))
    pushed(stage)
    handed(stage, who=ann, task="t-1")
    stage.everything()
    (pull,) = pulls(stage)
    stage.ada.closes(pull)
    (stage.look if heard == "told" else stage.everything)()
    entry = found(stage)
    assert entry.status == "ejected"
    assert entry.reason == f"pull request #{pull.number} was closed without a merge"
    assert stage.task("t-1").status == "pending"
    with stage.house.ledger.state() as state:
        assert any("was ejected: pull request" in one.text for one in told(state, ann.id))
    said = [text for text in stage.said(pull) if "Ejected" in text]
    assert len(said) == 1
    assert "was closed without a merge" in said[0]
    stage.everything()
    assert [text for text in stage.said(pull) if "Ejected" in text] == said


def test_what_is_queued_again_after_that_gets_another_pull_request(stage: Stage) -> None:
    pushed(stage)
    handed(stage)
    stage.everything()
    (first,) = pulls(stage)
    stage.ada.closes(first)
    stage.look()
    handed(stage)
    stage.everything()
    second = pulls(stage)[-1]
    assert second is not first
    assert (found(stage).status, found(stage).ejections) == ("landing", 1)
    assert found(stage).pr_url.endswith(f"/pull/{second.number}")
    stage.everything()
    assert len(pulls(stage)) == 2


def test_a_pull_request_that_is_opened_again_is_the_entrys_again(stage: Stage) -> None:
    pushed(stage)
    handed(stage)
    stage.everything()
    (pull,) = pulls(stage)
    stage.ada.closes(pull)
    stage.look()
    stage.ada.reopens(pull)
    handed(stage)
    stage.look()
    stage.everything()
    assert pulls(stage) == [pull]
    stage.ada.merges(pull)
    stage.look()
    assert found(stage).status == "merged"


def test_an_entry_that_was_removed_meanwhile_stays_removed(stage: Stage) -> None:
    pushed(stage)
    handed(stage)
    stage.everything()
    (pull,) = pulls(stage)
    stage.run(RemoveMerge(id="q-1"))
    stage.ada.closes(pull)
    stage.look()
    assert found(stage).status == "removed"
    assert stage.said(pull)[1:] == []


def test_what_was_merged_before_it_was_queued_is_no_sign_that_it_has_landed(stage: Stage) -> None:
    head = pushed(stage)
    old = stage.ada.opens_pull(stage.repo, BRANCH)
    stage.ada.merges(old, "squash")
    stage.at(60)
    # Reverted by hand, and to be landed again.
    stage.ada.commits(stage.repo, "main", {"src/a.py": "1\n"}, "revert")
    handed(stage)
    stage.everything()
    assert found(stage).status == "landing"
    second = pulls(stage)[-1]
    assert (second is old, second.pr.head_oid) == (False, head)


@pytest.mark.parametrize(
    ("text", "force", "words"),
    [("3\n", False, "has moved on to"), ("9\n", True, "was rewound: it no longer has")],
)
def test_a_branch_that_is_not_what_was_queued_is_not_proposed(
    stage: Stage, text: str, force: bool, words: str
) -> None:
    pushed(stage)
    handed(stage)
    start = "main" if force else None
    stage.ada.commits(stage.repo, BRANCH, {"src/a.py": text}, "other", start=start, force=force)
    stage.everything()
    assert pulls(stage) == []
    entry = found(stage)
    assert entry.status == "ejected"
    assert words in entry.reason


@pytest.mark.parametrize("there", [False, True])
def test_one_that_was_not_pushed_yet_waits_for_that(stage: Stage, there: bool) -> None:
    if there:
        pushed(stage)
    handed(stage, head="9" * 40)
    outcome = stage.everything()
    assert (pulls(stage), found(stage).status, outcome.refused) == ([], "landing", ())


def test_where_github_will_not_have_it_that_is_said_and_the_entry_waits(stage: Stage) -> None:
    pushed(stage)
    handed(stage)
    stage.github.faults.append(at(faults.status(403), "POST", r"/repos/[^/]+/[^/]+/pulls"))
    outcome = stage.everything()
    (refused,) = outcome.refused
    assert "403" in refused.message
    assert (pulls(stage), found(stage).status) == ([], "landing")
    stage.everything()
    assert len(pulls(stage)) == 1


def test_a_stumble_in_between_opens_no_second_one(stage: Stage) -> None:
    pushed(stage)
    handed(stage)
    honest = stage.mirror.forge.propose

    def lost(*said: Any) -> int:
        honest(*said)
        raise Unavailable("the answer was lost")

    stage.mirror.forge.propose = lost  # type: ignore[method-assign]
    with pytest.raises(Unavailable, match="the answer was lost"):
        stage.everything()
    del stage.mirror.forge.propose
    stage.everything()
    assert len(pulls(stage)) == 1
    assert found(stage).pr_url != ""


def test_entries_without_news_cost_no_questions(stage: Stage) -> None:
    for n in range(5):
        pushed(stage, f"feat/{n}", path=f"src/{n}.py")
        queued(stage, f"q-{n}", f"feat/{n}")
    stage.everything()
    before = len(stage.github.calls)
    stage.mirror.look([Everything()])
    stage.mirror.look([Target()])
    # What lists everything costs the same for all of them.
    assert [call.path for call in stage.github.calls[before:] if "head" in call.query] == []
    stage.mirror.look([Branch("feat/0")])
    asked = [call.name for call in stage.github.calls[before:]]
    assert not any("compare" in name or "/commits" in name for name in asked), asked
