"""Check runs and commit statuses of the fake GitHub, asked by PyGithub."""

from __future__ import annotations

import pytest
from github import Auth, GithubException

from tests.servers.conftest import Connect
from tests.servers.github import GitHub
from tests.servers.github.people import Person
from tests.servers.github.records import Issue
from tests.servers.github.world import Repository

CHECKS = {"checks": "write", "contents": "read", "metadata": "read"}


def test_a_check_run_goes_from_queued_to_its_conclusion(
    github: GitHub, project: Repository, pull: Issue, connect: Connect
) -> None:
    bot = github.workflow(project, checks="write")
    repo = connect(bot).get_repo("octo/project")
    note = {
        "path": "src/b.py",
        "start_line": 1,
        "end_line": 1,
        "annotation_level": "failure",
        "message": "bob holds it",
    }
    run = repo.create_check_run("gitcoord/locks", pull.pr.head_oid, status="in_progress")
    run.edit(
        conclusion="failure", output={"title": "Held", "summary": "By bob", "annotations": [note]}
    )
    again = repo.get_check_run(run.id)
    assert (again.status, again.conclusion) == ("completed", "failure")
    assert again.output.annotations_count == 1
    assert [a.message for a in again.get_annotations()] == ["bob holds it"]
    assert again.app.slug == "github-actions"
    assert [p.number for p in again.pull_requests] == [pull.number]
    actions = [e.action for e in github.world.events if e.name == "check_run"]
    assert actions == ["created", "completed"]


def test_only_an_app_writes_check_runs_and_only_its_own(
    github: GitHub, project: Repository, ada: Person, connect: Connect
) -> None:
    tip = project.known["refs/heads/main"]
    with pytest.raises(GithubException) as failure:
        connect(ada).get_repo("octo/project").create_check_run("x", tip)
    assert failure.value.status == 403
    assert project.checks == {}
    bot = github.workflow(project, checks="write")
    mine = connect(bot).get_repo("octo/project").create_check_run("x", tip, status="queued")
    app = github.app("other", permissions=CHECKS)
    installation = github.install(app, project)
    auth = Auth.AppAuth(app.id, app.private_key).get_installation_auth(installation.id)
    with pytest.raises(GithubException, match="Invalid app_id"):
        connect(auth).get_repo("octo/project").get_check_run(mine.id).edit(conclusion="success")


def test_the_newest_check_run_of_a_name_is_the_one_that_counts(
    github: GitHub, project: Repository, connect: Connect
) -> None:
    tip = project.known["refs/heads/main"]
    bot = github.workflow(project, checks="write", contents="read")
    commit = connect(bot).get_repo("octo/project").get_commit(tip)
    for verdict in ("failure", "success"):
        connect(bot).get_repo("octo/project").create_check_run("locks", tip, conclusion=verdict)
    assert [run.conclusion for run in commit.get_check_runs()] == ["success"]
    every = commit.get_check_runs(check_name="locks", filter="all")
    assert [run.conclusion for run in every] == ["success", "failure"]


def test_statuses_are_combined_by_context(
    project: Repository, ada: Person, connect: Connect
) -> None:
    tip = project.known["refs/heads/main"]
    commit = connect(ada).get_repo("octo/project").get_commit(tip)
    assert commit.get_combined_status().state == "pending"
    commit.create_status("failure", context="gitcoord/locks", description="bob holds src/b.py")
    commit.create_status("success", context="ci")
    assert commit.get_combined_status().state == "failure"
    commit.create_status("success", "https://example.invalid/1", context="gitcoord/locks")
    combined = commit.get_combined_status()
    assert (combined.state, combined.total_count) == ("success", 2)
    assert [s.state for s in commit.get_statuses()] == ["success", "success", "failure"]


def test_a_status_has_a_short_description(
    project: Repository, ada: Person, connect: Connect
) -> None:
    commit = connect(ada).get_repo("octo/project").get_commit("main")
    commit.create_status("success", description="x" * 140)
    with pytest.raises(GithubException) as failure:
        commit.create_status("success", description="x" * 141)
    error = failure.value.data["errors"][0]
    assert error["message"] == "description is too long (maximum is 140 characters)"
    assert len(project.statuses) == 1


def test_a_completed_check_run_needs_a_conclusion_and_a_short_text(
    github: GitHub, project: Repository, connect: Connect
) -> None:
    tip = project.known["refs/heads/main"]
    repo = connect(github.workflow(project, checks="write")).get_repo("octo/project")
    for fields in ({"status": "completed"}, {"output": {"title": "t", "summary": "x" * 65536}}):
        with pytest.raises(GithubException) as failure:
            repo.create_check_run("x", tip, **fields)
        assert failure.value.status == 422
    assert project.checks == {}
    github.problems.clear()
