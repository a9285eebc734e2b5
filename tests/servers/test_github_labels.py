"""Labels of the fake GitHub, asked by PyGithub: limits, letters, slashes, events."""

from __future__ import annotations

import pytest
import requests
from github import GithubException

from tests.servers.conftest import Connect
from tests.servers.github import GitHub
from tests.servers.github.people import Person
from tests.servers.github.world import Repository


def said(failure: pytest.ExceptionInfo[GithubException]) -> tuple[int, dict[str, object]]:
    return failure.value.status, failure.value.data["errors"][0]


def test_a_label_has_at_most_fifty_characters(
    project: Repository, ada: Person, connect: Connect
) -> None:
    repo = connect(ada).get_repo("octo/project")
    repo.create_label("x" * 50, "00ff00")
    with pytest.raises(GithubException) as failure:
        repo.create_label("y" * 51, "00ff00")
    status, error = said(failure)
    assert (status, error["code"], error["field"]) == (422, "custom", "name")
    assert error["message"] == "name is too long (maximum is 50 characters)"
    assert list(project.labels) == ["x" * 50]


def test_a_color_is_six_hexadecimal_digits(
    project: Repository, ada: Person, connect: Connect
) -> None:
    repo = connect(ada).get_repo("octo/project")
    with pytest.raises(GithubException) as failure:
        repo.create_label("green", "#00ff00")
    assert said(failure) == (422, {"resource": "Label", "field": "color", "code": "invalid"})


def test_names_are_one_whatever_the_case_of_their_letters(
    project: Repository, ada: Person, connect: Connect
) -> None:
    repo = connect(ada).get_repo("octo/project")
    repo.create_label("Bug", "00FF00")
    with pytest.raises(GithubException) as failure:
        repo.create_label("BUG", "00ff00")
    assert said(failure)[1]["code"] == "already_exists"
    assert (repo.get_label("BUG").name, repo.get_label("BUG").color) == ("Bug", "00ff00")


def test_a_label_that_is_put_on_is_made_and_stays_one(
    project: Repository, ada: Person, connect: Connect
) -> None:
    issue = ada.opens_issue(project, "Bug")
    asked = connect(ada).get_repo("octo/project").get_issue(issue.number)
    asked.add_to_labels("locked:src/a.py", "50%? yes")
    asked.add_to_labels("locked:src/a.py")
    assert [label.name for label in asked.get_labels()] == ["locked:src/a.py", "50%? yes"]
    assert [line.kind for line in issue.timeline] == ["labeled", "labeled"]


def test_a_long_name_is_refused_on_an_issue_too(
    project: Repository, ada: Person, connect: Connect
) -> None:
    issue = ada.opens_issue(project, "Bug")
    with pytest.raises(GithubException) as failure:
        connect(ada).get_repo("octo/project").get_issue(issue.number).add_to_labels("x" * 51)
    assert said(failure)[1]["code"] == "invalid"
    assert issue.labels == []


def test_slashes_in_a_path_are_one_name_quoted_or_not(
    github: GitHub, project: Repository, ada: Person, connect: Connect
) -> None:
    issue = ada.opens_issue(project, "Bug", labels=["a/b", "a/c"])
    asked = connect(ada).get_repo("octo/project").get_issue(issue.number)
    asked.remove_from_labels("a/b")
    label = requests.get(f"{project.api}/labels/a%2Fc", timeout=10).json()
    assert (label["name"], label["url"]) == ("a/c", f"{project.api}/labels/a%2Fc")
    assert [label.name for label in issue.labels] == ["a/c"]
    assert github.asked("DELETE /repos/{owner}/{repo}/issues/{issue_number}/labels/{name}")


def test_what_is_not_on_the_issue_cannot_be_taken_off(
    project: Repository, ada: Person, connect: Connect
) -> None:
    issue = ada.opens_issue(project, "Bug", labels=["bug"])
    asked = connect(ada).get_repo("octo/project").get_issue(issue.number)
    with pytest.raises(GithubException, match="Label does not exist"):
        asked.remove_from_labels("other")
    asked.set_labels("one", "two")
    assert [label.name for label in issue.labels] == ["one", "two"]
    asked.delete_labels()
    assert issue.labels == []


def test_a_renamed_label_is_renamed_on_its_issues(
    github: GitHub, project: Repository, ada: Person, connect: Connect
) -> None:
    issue = ada.opens_issue(project, "Bug", labels=["locked:a"])
    connect(ada).get_repo("octo/project").get_label("locked:a").edit("locked:b", "ff0000")
    assert [label.name for label in issue.labels] == ["locked:b"]
    edited = github.world.events[-1]
    assert (edited.name, edited.action) == ("label", "edited")
    assert edited.payload["changes"] == {"name": {"from": "locked:a"}, "color": {"from": "ededed"}}


def test_a_deleted_label_leaves_its_issues_and_the_events_do_not_name_it(
    github: GitHub, project: Repository, ada: Person, connect: Connect
) -> None:
    issue = ada.opens_issue(project, "Bug", labels=["locked:a"])
    connect(ada).get_repo("octo/project").get_label("locked:a").delete()
    assert issue.labels == []
    last = github.world.events[-2:]
    assert [(e.name, e.action) for e in last] == [("label", "deleted"), ("issues", "unlabeled")]
    assert "label" not in last[1].payload
