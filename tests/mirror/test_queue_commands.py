"""Pull requests that are queued and given up in comments: by whom, as whose work, and once."""

from __future__ import annotations

from typing import Any

import pytest

from gitcoord.domain.configure import ChangeSettings
from gitcoord.domain.merges import Merge
from gitcoord.domain.new_tasks import NewTask
from gitcoord.domain.registering import RegisterFeature
from gitcoord.mirror.subjects import Comment
from tests.mirror.line import BRANCH, checked, found, pushed, queued
from tests.mirror.stage import Stage
from tests.servers.github.records import Issue


def proposed(stage: Stage, branch: str = BRANCH, **said: Any) -> Issue:
    """Push a branch and propose it."""
    pushed(stage, branch)
    pull = stage.ada.opens_pull(stage.repo, branch, **said)
    stage.look()
    return pull


def entries(stage: Stage) -> list[Merge]:
    return stage.all(Merge)


def answers(stage: Stage, pull: Issue) -> list[str]:
    return [text for text in stage.said(pull) if "answer:" in text]


def test_a_person_queues_and_gives_up_in_comments(stage: Stage) -> None:
    pull = proposed(stage)
    said = stage.ada.comments(pull, "Good.\n\n/coord queue high")
    stage.look()
    (entry,) = entries(stage)
    assert (entry.branch, entry.target, entry.head) == (BRANCH, "main", pull.pr.head_oid)
    assert (entry.priority, entry.agent, entry.session) == (3, "ada", "")
    assert entry.pr_url.endswith(f"/pull/{pull.number}")
    assert [one.content for one in said.reactions] == ["+1"]
    short = entry.head[:12]
    assert answers(stage, pull)[0].startswith(
        f"`{BRANCH}` at `{short}` is queued for `main` as `{entry.id}`, number 1 of 1, priority 3."
    )
    stage.everything()
    assert len(answers(stage, pull)) == 1
    stage.ada.comments(pull, "/coord dequeue not before the release, it isn't ready")
    stage.look()
    gone = found(stage, entry.id)
    assert (entries(stage), gone.status, gone.ended_by) == ([], "removed", "ada")
    assert gone.reason == "not before the release, it isn't ready"
    assert f"is out of the merge queue (`{entry.id}`)" in answers(stage, pull)[1]


def test_a_later_push_is_queued_by_asking_again(stage: Stage) -> None:
    pull = proposed(stage)
    stage.ada.comments(pull, "/coord queue")
    stage.look()
    (first,) = entries(stage)
    stage.ada.comments(pull, "/coord queue")
    stage.look()
    assert "is queued already" in answers(stage, pull)[1]
    head = pushed(stage, text="3\n")
    stage.ada.comments(pull, "/coord queue 2")
    stage.look()
    (entry,) = entries(stage)
    assert (entry.id, entry.head, entry.priority) == (first.id, head, 2)


def test_the_same_comment_does_it_once(stage: Stage) -> None:
    pull = proposed(stage)
    said = stage.ada.comments(pull, "/coord queue")
    stage.another().look([Comment(pull.number, said.id)])
    before = entries(stage)
    # What is pushed afterwards is not what the comment was about.
    pushed(stage, text="3\n")
    for answer in list(pull.comments):
        if answer.user.login == stage.bot.login:
            pull.comments.remove(answer)
    stage.everything()
    assert entries(stage) == before
    assert len(answers(stage, pull)) == 1


def test_only_who_may_write_is_heard(stage: Stage) -> None:
    pull = proposed(stage)
    for who in (stage.bob, stage.eve):
        who.comments(pull, "/coord queue")
    stage.look()
    assert entries(stage) == []
    assert all("takes write permission" in text for text in answers(stage, pull))
    queued(stage)
    stage.eve.comments(pull, "/coord dequeue")
    stage.look()
    assert found(stage).status == "queued"


def test_on_a_branch_that_is_somebodys_work_the_entry_is_of_that_session(stage: Stage) -> None:
    stage.adds(NewTask(id="t-1", title="Fix"))
    pull = proposed(stage, "agent/ann/t-1")
    (ann,) = stage.sessions()
    stage.ada.comments(pull, "/coord queue")
    stage.look()
    (entry,) = entries(stage)
    assert (entry.agent, entry.session, entry.task) == ("ann", ann.id, "t-1")
    # What its branch holds is in nobody's way.
    assert stage.locks() == {"src/a.py": "ann"}
    assert checked(stage, entry.id).status == "ready"


def test_a_person_decides_over_what_an_agent_has_queued_and_an_app_does_not(stage: Stage) -> None:
    stage.run(ChangeSettings(values={"github_bots": ["helper[bot]"]}))
    pull = proposed(stage)
    bob = stage.agent("bob-agent")
    queued(stage, who=bob)
    helper = stage.as_app("helper")
    helper.forge.say(pull.number, "/coord dequeue")
    stage.look()
    assert found(stage).status == "queued"
    assert "`merge_taken`" in answers(stage, pull)[0]
    stage.ada.comments(pull, "/coord queue 1")
    stage.look()
    assert (found(stage).priority, found(stage).agent) == (1, "bob-agent")
    stage.ada.comments(pull, "/coord dequeue")
    stage.look()
    assert found(stage).status == "removed"


def test_over_a_feature_of_another_agent_a_person_decides(stage: Stage) -> None:
    carl = stage.agent("carl")
    stage.run(RegisterFeature(id="login", branch="claude/x"), carl.id)
    pull = proposed(stage, "claude/x")
    stage.ada.comments(pull, "/coord queue")
    stage.look()
    (entry,) = entries(stage)
    assert (entry.feature, entry.agent) == ("login", "ada")


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("issue", "only pull requests are queued"),
        ("draft", "a draft cannot be queued"),
        ("closed", "a closed pull request cannot be queued"),
        ("fork", "a branch of a fork cannot be queued"),
        ("priority", "not a priority"),
        ("merged", "has nothing that main has not"),
    ],
)
def test_what_cannot_be_queued_is_answered_with_why(stage: Stage, what: str, words: str) -> None:
    command = "/coord queue soon" if what == "priority" else "/coord queue"
    if what == "issue":
        thread = stage.ada.opens_issue(stage.repo, "One")
    elif what == "fork":
        fork = stage.github.repository("eve/project", fork_of=stage.repo)
        stage.eve.commits(fork, BRANCH, {"src/a.py": "2\n"}, "w", start="main")
        thread = stage.eve.opens_pull(stage.repo, BRANCH, source=fork)
    else:
        thread = proposed(stage, draft=what == "draft")
    if what == "closed":
        stage.ada.closes(thread)
    if what == "merged":
        # Its commits are on main, and GitHub has not seen that yet.
        stage.repo.git.run("update-ref", "refs/heads/main", thread.pr.head_oid)
        stage.repo.known["refs/heads/main"] = thread.pr.head_oid
    said = stage.ada.comments(thread, command)
    stage.look()
    assert entries(stage) == []
    assert words in answers(stage, thread)[0]
    assert [one.content for one in said.reactions] == ["confused"]


def test_what_is_not_queued_cannot_be_given_up(stage: Stage) -> None:
    pull = proposed(stage)
    stage.ada.comments(pull, "/coord dequeue")
    stage.look()
    assert f"`{BRANCH} is not in the merge queue for main`" in answers(stage, pull)[0]
