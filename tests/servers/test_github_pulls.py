"""Pull requests over a real repository: files, commits, heads, merges of three kinds."""

from __future__ import annotations

import pytest
from github import GithubException

from tests.gitrun import git
from tests.servers.conftest import Connect
from tests.servers.github import GitHub
from tests.servers.github.people import Person
from tests.servers.github.records import Issue
from tests.servers.github.world import Repository


def tip(project: Repository, branch: str = "main") -> str:
    return git(str(project.git.path), "rev-parse", f"refs/heads/{branch}")


def subjects(project: Repository) -> list[str]:
    return git(str(project.git.path), "log", "--format=%s", "--first-parent", "main").splitlines()


def test_files_are_those_of_git_with_both_names_of_a_rename(
    pull: Issue, ada: Person, connect: Connect
) -> None:
    asked = connect(ada).get_repo("octo/project").get_pull(pull.number)
    rows = [(f.filename, f.status, f.previous_filename, f.changes) for f in asked.get_files()]
    assert rows == [
        ("new.py", "added", None, 1),
        ("src/b.py", "modified", None, 2),
        ("src/c.py", "renamed", "src/a.py", 0),
    ]
    assert asked.get_files()[1].patch == "@@ -1 +1 @@\n-b = 1\n+b = 2"
    assert (asked.changed_files, asked.commits, asked.additions) == (3, 1, 2)
    assert [c.commit.message for c in asked.get_commits()] == ["Work"]


def test_files_are_counted_from_where_the_branch_left_its_base(
    project: Repository, pull: Issue, ada: Person, connect: Connect
) -> None:
    ada.commits(project, "main", {"elsewhere.py": "1\n"})
    ada.commits(project, "agent/x/1", {"src/b.py": None})
    asked = connect(ada).get_repo("octo/project").get_pull(pull.number)
    names = {f.filename: f.status for f in asked.get_files()}
    assert names == {"new.py": "added", "src/b.py": "removed", "src/c.py": "renamed"}
    assert asked.head.sha == tip(project, "agent/x/1")


def test_at_most_three_thousand_files_are_listed(
    project: Repository, ada: Person, connect: Connect
) -> None:
    ada.commits(project, "huge", {f"many/{n:04}.txt": "1\n" for n in range(3050)})
    pull = ada.opens_pull(project, "huge")
    client = connect(ada)
    client.per_page = 100
    asked = client.get_repo("octo/project").get_pull(pull.number)
    assert asked.changed_files == 3050
    found = asked.get_files()
    assert found.totalCount == 3000
    assert found.get_page(29)[-1].filename == "many/2999.txt"
    assert found.get_page(30) == []


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_a_pull_request_lands_in_three_ways(
    project: Repository, pull: Issue, ada: Person, connect: Connect, method: str
) -> None:
    ada.commits(project, "agent/x/1", {"more.py": "1\n"}, "More work")
    ada.commits(project, "main", {"elsewhere.py": "1\n"}, "Elsewhere")
    asked = connect(ada).get_repo("octo/project").get_pull(pull.number)
    done = asked.merge(merge_method=method)
    assert done.sha == tip(project) == pull.pr.merge_oid
    assert {
        "merge": ["Merge pull request #1 from octo/agent/x/1", "Elsewhere"],
        "squash": ["Work of agent/x/1 (#1)", "Elsewhere"],
        "rebase": ["More work", "Work", "Elsewhere"],
    }[method] == subjects(project)[:-1]
    same = git(str(project.git.path), "diff", "--name-only", "main", "agent/x/1")
    assert same == "elsewhere.py"
    again = connect(ada).get_repo("octo/project").get_pull(pull.number)
    assert (again.merged, again.merged_by.login, again.state) == (True, "ada", "closed")
    assert [f.filename for f in again.get_files()] == ["more.py", "new.py", "src/b.py", "src/c.py"]


def test_a_conflict_or_another_head_is_not_merged(
    project: Repository, pull: Issue, ada: Person, connect: Connect
) -> None:
    before = ada.commits(project, "main", {"src/b.py": "b = 3\n"})
    asked = connect(ada).get_repo("octo/project").get_pull(pull.number)
    assert (asked.mergeable, asked.mergeable_state) == (False, "dirty")
    with pytest.raises(GithubException) as failure:
        asked.merge()
    assert failure.value.status == 405
    with pytest.raises(GithubException) as failure:
        asked.merge(sha="0" * 40)
    assert failure.value.status == 409
    assert (tip(project), pull.state) == (before, "open")


def test_a_required_check_holds_a_merge_back(
    project: Repository, pull: Issue, ada: Person, connect: Connect
) -> None:
    project.required = ["gitcoord/locks"]
    repo = connect(ada).get_repo("octo/project")
    repo.get_commit(pull.pr.head_oid).create_status("failure", context="gitcoord/locks")
    with pytest.raises(GithubException, match="gitcoord/locks"):
        repo.get_pull(pull.number).merge()
    repo.get_commit(pull.pr.head_oid).create_status("success", context="gitcoord/locks")
    assert repo.get_pull(pull.number).merge().merged


def test_pushes_move_the_head_and_a_deleted_branch_closes(
    github: GitHub, project: Repository, pull: Issue, ada: Person
) -> None:
    before = pull.pr.head_oid
    after = ada.commits(project, "agent/x/1", {"src/b.py": "b = 4\n"}, force=True)
    moved = github.world.events[-1]
    assert (moved.name, moved.action) == ("pull_request", "synchronize")
    assert (moved.payload["before"], moved.payload["after"]) == (before, after)
    assert github.world.events[-2].payload["forced"]
    ada.deletes_branch(project, "agent/x/1")
    assert (pull.state, pull.pr.merged_at) == ("closed", None)


def test_commits_pushed_to_the_base_count_as_merged(
    github: GitHub, project: Repository, pull: Issue
) -> None:
    git(str(project.git.path), "update-ref", "refs/heads/main", pull.pr.head_oid)
    assert github.notice(project) == ["refs/heads/main"]
    assert (pull.state, pull.pr.merge_oid) == ("closed", pull.pr.head_oid)


def test_a_fork_opens_a_pull_request_in_its_parent(
    github: GitHub, project: Repository, connect: Connect
) -> None:
    fork = github.repository("eve/project", fork_of=project)
    eve = github.person("eve")
    eve.commits(fork, "fix", {"src/b.py": "b = 5\n"})
    repo = connect(eve).get_repo("octo/project")
    asked = repo.create_pull(base="main", head="eve:fix", title="Fix", draft=True)
    assert (asked.head.repo.full_name, asked.base.repo.full_name) == ("eve/project", "octo/project")
    assert [f.filename for f in asked.get_files()] == ["src/b.py"]
    assert [p.number for p in repo.get_pulls(head="eve:fix")] == [asked.number]
    eve.commits(fork, "fix", {"src/b.py": "b = 6\n"})
    assert repo.get_pull(asked.number).head.sha == fork.known["refs/heads/fix"]


def test_the_same_pull_request_is_not_opened_twice(
    pull: Issue, ada: Person, connect: Connect
) -> None:
    repo = connect(ada).get_repo("octo/project")
    with pytest.raises(GithubException, match="already exists"):
        repo.create_pull(base="main", head="agent/x/1", title="Again")
    with pytest.raises(GithubException) as failure:
        repo.create_pull(base="main", head="nowhere", title="Again")
    assert failure.value.data["errors"][0]["field"] == "head"


def test_a_pull_request_is_changed_and_found_by_its_commit(
    project: Repository, pull: Issue, ada: Person, connect: Connect
) -> None:
    repo = connect(ada).get_repo("octo/project")
    repo.get_pull(pull.number).edit(title="New title", body="Body", state="closed")
    assert (pull.title, pull.body, pull.state) == ("New title", "Body", "closed")
    found = repo.get_commit(pull.pr.head_oid).get_pulls()
    assert [one.number for one in found] == [pull.number]
    assert not repo.get_pull(pull.number).is_merged()
