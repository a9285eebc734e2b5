"""Issues that are tasks, and tasks that are shown as issues."""

from __future__ import annotations

import pytest

from gitcoord.domain.claiming import Claimed, ClaimTask, NextTask
from gitcoord.domain.configure import ChangeSettings
from gitcoord.domain.new_tasks import NewTask
from gitcoord.domain.task_moves import MoveTask
from gitcoord.domain.tasks import Task
from gitcoord.errors import ClaimFailed
from tests.mirror.stage import Stage, names

BODY = "Do it well.\n\nKeys: `src/auth/**`, api:login\nDepends on #1 and #2\n"


def test_the_task_label_makes_a_task_of_an_issue_with_what_its_body_says(stage: Stage) -> None:
    for title in ("One", "Two"):
        stage.ada.opens_issue(stage.repo, title, labels=["agent-task"])
    issue = stage.ada.opens_issue(stage.repo, "Three", BODY, labels=["agent-task", "priority:high"])
    stage.look()
    task = stage.task("issue-3")
    assert (task.title, task.priority, task.status) == ("Three", 3, "pending")
    assert (task.keys, task.depends_on) == (("src/auth/**", "api:login"), ("issue-1", "issue-2"))
    assert task.description.startswith("Do it well.")
    assert task.description.endswith("/octo/project/issues/3")
    assert task.created_by == "ada"
    assert names(issue) == ["agent-task", "coord:pending", "priority:high"]


def test_agent_and_assigned_labels_make_a_task_that_only_that_agent_gets(stage: Stage) -> None:
    stage.ada.opens_issue(stage.repo, "For Ann", labels=["agent:ann", "status:assigned"])
    stage.look()
    assert stage.task("issue-1").requires == ("agent:ann",)
    bea, ann = stage.agent("bea"), stage.agent("ann")
    with pytest.raises(ClaimFailed):
        stage.run(ClaimTask(id="issue-1"), bea.id)
    got = stage.run(NextTask(), ann.id)
    assert isinstance(got, Claimed)
    assert got.task is not None
    assert got.task.id == "issue-1"


@pytest.mark.parametrize(
    ("reason", "status"), [("completed", "completed"), ("not_planned", "cancelled")]
)
def test_closing_an_issue_ends_its_task(stage: Stage, reason: str, status: str) -> None:
    issue = stage.ada.opens_issue(stage.repo, "One", labels=["agent-task"])
    stage.look()
    ann = stage.agent("ann")
    stage.run(ClaimTask(id="issue-1"), ann.id)
    stage.ada.closes(issue, reason)
    stage.look()
    assert stage.task("issue-1").status == status
    assert names(issue) == ["agent-task", f"coord:{status}"]


@pytest.mark.parametrize("reason", ["completed", "not_planned"])
def test_who_may_only_read_can_close_their_issue_and_ends_nobodys_work(
    stage: Stage, reason: str
) -> None:
    found = []
    for title in ("Waits", "Worked on"):
        issue = stage.eve.opens_issue(stage.repo, title)
        stage.ada.labels(issue, "agent-task")
        found.append(issue)
    stage.look()
    waits, works = (f"issue-{issue.number}" for issue in found)
    carl = stage.agent("carl")
    stage.run(ClaimTask(id=works), session=carl.id)
    for issue in found:
        stage.eve.closes(issue, reason)
    stage.look()
    stage.everything()
    assert (stage.task(waits).status, stage.task(works).status) == ("cancelled", "assigned")
    stage.run(MoveTask(id=works, move="release"), session=carl.id)
    stage.everything()
    assert stage.task(works).status == "cancelled"


def test_completing_a_task_closes_its_issue_and_opening_that_again_makes_the_next(
    stage: Stage,
) -> None:
    issue = stage.ada.opens_issue(stage.repo, "One", labels=["agent-task"])
    stage.look()
    ann = stage.agent("ann")
    stage.run(ClaimTask(id="issue-1"), ann.id)
    stage.everything()
    assert names(issue) == ["agent-task", "coord:assigned"]
    stage.run(MoveTask(id="issue-1", move="complete", result="done"), ann.id)
    stage.everything()
    assert (issue.state, issue.state_reason) == ("closed", "completed")
    stage.at()
    stage.ada.reopens(issue)
    stage.look()
    assert stage.task("issue-1.2").status == "pending"
    stage.everything()
    assert issue.state == "open"
    assert [task.id for task in stage.all(Task)] == ["issue-1.2"]
    stage.at()
    stage.run(MoveTask(id="issue-1.2", move="cancel", reason="no"))
    stage.everything()
    assert (issue.state, issue.state_reason) == ("closed", "not_planned")
    assert stage.all(Task) == []


def test_an_issue_that_loses_its_label_is_no_task_any_more(stage: Stage) -> None:
    issue = stage.ada.opens_issue(stage.repo, "One", labels=["agent-task"])
    stage.look()
    stage.ada.unlabels(issue, "agent-task")
    stage.look()
    assert stage.task("issue-1").status == "cancelled"


def test_a_failed_task_leaves_its_issue_open_and_is_retried_when_that_is_opened_again(
    stage: Stage,
) -> None:
    issue = stage.ada.opens_issue(stage.repo, "One", labels=["agent-task"])
    stage.look()
    ann = stage.agent("ann")
    stage.run(ClaimTask(id="issue-1"), ann.id)
    stage.run(MoveTask(id="issue-1", move="fail", error="no"), ann.id)
    stage.everything()
    assert (issue.state, names(issue)) == ("open", ["agent-task", "coord:failed"])
    stage.at()
    stage.ada.closes(issue, "not_planned")
    stage.at()
    stage.ada.reopens(issue)
    stage.look()
    assert stage.task("issue-1").status == "pending"


def test_who_may_only_read_makes_no_task(stage: Stage) -> None:
    stage.eve.opens_issue(stage.repo, "Run this", labels=["agent-task"])
    stage.look()
    assert stage.all(Task) == []


def test_an_issue_that_asks_for_what_cannot_be_is_told_why(stage: Stage) -> None:
    issue = stage.ada.opens_issue(stage.repo, "One", "Depends on #77", labels=["agent-task"])
    stage.look()
    assert stage.all(Task) == []
    (text,) = stage.said(issue)
    assert "no task" in text
    assert "issue-77" in text
    stage.everything()
    assert len(stage.said(issue)) == 1


def test_tasks_get_issues_where_the_settings_ask_for_them(stage: Stage) -> None:
    stage.run(ChangeSettings(values={"github_issues": True}))
    stage.adds(NewTask(id="t-1", title="Write @everyone a parser", description="`x` | y"))
    stage.everything()
    (issue,) = stage.repo.issues.values()
    assert issue.title == "Write @everyone a parser"
    assert names(issue) == ["coord:pending"]
    stage.everything()
    assert len(stage.repo.issues) == 1
    stage.ada.closes(issue, "not_planned")
    stage.look()
    assert stage.task("t-1").status == "cancelled"
    stage.everything()
    assert len(stage.repo.issues) == 1


def test_what_was_closed_long_ago_is_not_read_again_and_again(stage: Stage) -> None:
    stage.run(ChangeSettings(values={"github_issues": True}))
    stage.adds(NewTask(id="t-1", title="Tidy"))
    old = stage.github.world.stamp()
    stage.at(30 * 86_400)
    stage.everything()
    before = len(stage.github.calls)
    for _ in range(2):
        stage.everything()
    asked = [call.query for call in stage.github.calls[before:] if call.query.get("since")]
    assert asked
    assert all(query["since"] > old for query in asked)
    # Who has closed its issue does not want another.
    (issue,) = stage.repo.issues.values()
    stage.at(-20 * 86_400)
    stage.eve.closes(issue)
    stage.at(20 * 86_400)
    stage.everything()
    assert len(stage.repo.issues) == 1
