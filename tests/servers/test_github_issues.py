"""Issues, comments, assignees and what happened to them, asked by PyGithub."""

from __future__ import annotations

import pytest
import requests
from github import GithubException, UnknownObjectException

from tests.servers.conftest import Connect
from tests.servers.github import GitHub
from tests.servers.github.people import Person
from tests.servers.github.world import Repository


def test_an_issue_is_opened_changed_closed_and_opened_again(
    project: Repository, ada: Person, connect: Connect
) -> None:
    repo = connect(ada).get_repo("octo/project")
    issue = repo.create_issue("Title", "Body", labels=["task"], assignees=["ada"])
    assert (issue.number, issue.user.login, issue.assignees[0].login) == (1, "ada", "ada")
    issue.edit(title="Other", state="closed", state_reason="not_planned")
    assert (project.issues[1].title, project.issues[1].state_reason) == ("Other", "not_planned")
    assert repo.get_issue(1).closed_by.login == "ada"
    issue.edit(state="open")
    assert project.issues[1].closed_at is None
    kinds = [line.event for line in issue.get_events()]
    assert kinds == ["labeled", "assigned", "closed", "reopened"]


def test_lists_are_filtered_by_state_and_labels_and_hold_pull_requests(
    project: Repository, ada: Person, connect: Connect
) -> None:
    ada.opens_issue(project, "One", labels=["a", "b"])
    closed = ada.opens_issue(project, "Two", labels=["a"])
    ada.closes(closed)
    ada.commits(project, "work", {"x": "1"})
    ada.opens_pull(project, "work", title="Three")
    repo = connect(ada).get_repo("octo/project")
    assert [i.title for i in repo.get_issues()] == ["Three", "One"]
    assert [i.title for i in repo.get_issues(state="all", labels=["a"])] == ["Two", "One"]
    assert [i.title for i in repo.get_issues(labels=["a", "b"])] == ["One"]
    assert [i.pull_request is not None for i in repo.get_issues()] == [True, False]


def test_comments_are_written_changed_listed_and_deleted(
    project: Repository, ada: Person, connect: Connect
) -> None:
    issue = ada.opens_issue(project, "Bug")
    asked = connect(ada).get_repo("octo/project").get_issue(issue.number)
    comment = asked.create_comment("/coord status")
    comment.edit("/coord lock src/a.py")
    ada.comments(issue, "Thanks")
    comment.create_reaction("eyes")
    assert [c.body for c in asked.get_comments()] == ["/coord lock src/a.py", "Thanks"]
    assert asked.get_comment(comment.id).reactions["eyes"] == 1
    comment.delete()
    assert [c.body for c in issue.comments] == ["Thanks"]
    with pytest.raises(UnknownObjectException):
        asked.get_comment(comment.id)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("x" * 65537, "Body is too long (maximum is 65536 characters)"),
        (" ", "Body cannot be blank"),
    ],
)
def test_a_comment_is_not_empty_and_not_endless(
    project: Repository, ada: Person, connect: Connect, body: str, words: str
) -> None:
    issue = ada.opens_issue(project, "Bug")
    with pytest.raises(GithubException) as failure:
        connect(ada).get_repo("octo/project").get_issue(issue.number).create_comment(body)
    assert failure.value.status == 422
    assert failure.value.data["errors"][0]["message"] == words
    assert issue.comments == []


def test_labels_of_somebody_who_may_not_label_are_dropped_in_silence(
    github: GitHub, project: Repository, connect: Connect
) -> None:
    eve = github.person("eve", project, "read")
    issue = connect(eve).get_repo("octo/project").create_issue("Hi", labels=["locked:src/a.py"])
    assert project.issues[issue.number].labels == []
    with pytest.raises(GithubException) as failure:
        issue.add_to_labels("locked:src/a.py")
    assert failure.value.status == 403


def test_an_issue_is_closed_by_its_author_and_by_no_other_outsider(
    github: GitHub, project: Repository, connect: Connect
) -> None:
    eve, mal = github.person("eve", project, "read"), github.person("mal", project, "read")
    issue = eve.opens_issue(project, "Mine")
    with pytest.raises(GithubException) as failure:
        connect(mal).get_repo("octo/project").get_issue(issue.number).edit(state="closed")
    assert (failure.value.status, issue.state) == (403, "open")
    connect(eve).get_repo("octo/project").get_issue(issue.number).edit(state="closed")
    assert (issue.state, issue.closed_by) == ("closed", issue.user)


def test_the_timeline_has_comments_and_labels_in_the_order_of_time(
    project: Repository, ada: Person, connect: Connect
) -> None:
    issue = ada.opens_issue(project, "Bug")
    ada.labels(issue, "locked:src/a.py")
    ada.comments(issue, "why?")
    ada.unlabels(issue, "locked:src/a.py")
    asked = connect(ada).get_repo("octo/project")
    kinds = [line.event for line in asked.get_issue(issue.number).get_timeline()]
    assert kinds == ["labeled", "commented", "unlabeled"]
    assert [line.event for line in asked.get_issues_events()] == ["unlabeled", "labeled"]
    assert asked.get_issues_events()[0].label.name == "locked:src/a.py"


def test_pages_hold_at_most_a_hundred_and_are_linked(
    github: GitHub, project: Repository, ada: Person, connect: Connect
) -> None:
    issue = ada.opens_issue(project, "Long")
    for number in range(230):
        ada.comments(issue, f"comment {number}")
    client = connect(ada)
    client.per_page = 100
    found = client.get_repo("octo/project").get_issue(issue.number).get_comments()
    assert [c.body for c in found] == [f"comment {number}" for number in range(230)]
    asked = github.asked("GET /repos/{owner}/{repo}/issues/{issue_number}/comments")
    assert [call.query.get("page", "1") for call in asked] == ["1", "2", "3"]
    assert found.totalCount == 230
    url = f"{project.api}/issues/{issue.number}/comments?per_page=230"
    assert len(requests.get(url, timeout=10).json()) == 100
