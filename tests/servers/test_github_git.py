"""Git of the fake GitHub: refs, objects and files through the API, and real pushes over HTTP."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from github import GithubException, InputGitTreeElement, UnknownObjectException

from tests.gitrun import git
from tests.servers.conftest import Connect
from tests.servers.github import GitHub
from tests.servers.github.people import Person
from tests.servers.github.world import Repository


def push(clone: str, url: str, *refs: str) -> tuple[int, str]:
    done = subprocess.run(["git", "-C", clone, "push", url, *refs], capture_output=True)
    return done.returncode, done.stderr.decode()


@pytest.fixture
def clone(github: GitHub, project: Repository, tmp_path: Path) -> str:
    """Clone the project, with a commit on branch `work` that is not pushed."""
    path = str(tmp_path / "clone")
    git(str(tmp_path), "clone", "-q", github.url("octo/project"), path)
    git(path, "checkout", "-q", "-b", "work")
    git(path, "mv", "src/a.py", "src/z.py")
    git(path, "commit", "-q", "-m", "Move")
    return path


def test_a_state_branch_is_written_object_by_object(
    project: Repository, ada: Person, connect: Connect
) -> None:
    repo = connect(ada).get_repo("octo/project")
    blob = repo.create_git_blob("# Locks\n", "utf-8")
    rows = [
        InputGitTreeElement("README.md", "100644", "blob", sha=blob.sha),
        InputGitTreeElement("locks/a.md", "100644", "blob", content="a\n"),
    ]
    tree = repo.create_git_tree(rows)
    commit = repo.create_git_commit("State", tree, [])
    ref = repo.create_git_ref("refs/heads/coord-status", commit.sha)
    assert git(str(project.git.path), "show", "coord-status:locks/a.md") == "a"
    newer = repo.create_git_commit("State 2", tree, [repo.get_git_commit(commit.sha)])
    ref.edit(newer.sha)
    assert project.known["refs/heads/coord-status"] == newer.sha
    names = [row.path for row in repo.get_git_tree("coord-status", recursive=True).tree]
    assert names == ["README.md", "locks", "locks/a.md"]
    ref.delete()
    assert "refs/heads/coord-status" not in project.known


def test_a_ref_is_made_once_and_moves_forward_only(
    project: Repository, ada: Person, connect: Connect
) -> None:
    repo = connect(ada).get_repo("octo/project")
    first = project.known["refs/heads/main"]
    second = ada.commits(project, "main", {"x": "1"})
    ref = repo.create_git_ref("refs/coord/state", second)
    with pytest.raises(GithubException, match="Reference already exists"):
        repo.create_git_ref("refs/coord/state", first)
    with pytest.raises(GithubException, match="Update is not a fast forward"):
        ref.edit(first)
    assert project.known["refs/coord/state"] == second
    ref.edit(first, force=True)
    assert [r.ref for r in repo.get_git_matching_refs("coord/")] == ["refs/coord/state"]
    assert repo.get_git_ref("coord/state").object.sha == first
    ref.delete()
    with pytest.raises(GithubException, match="Reference does not exist"):
        ref.delete()
    with pytest.raises(UnknownObjectException):
        repo.get_git_ref("coord/state")


def test_only_branches_and_tags_are_events(
    github: GitHub, project: Repository, ada: Person
) -> None:
    path, tip = str(project.git.path), project.known["refs/heads/main"]
    for name in ("refs/coord/state", "refs/notes/x"):
        git(path, "update-ref", name, tip)
    assert github.notice(project, ada) == ["refs/coord/state", "refs/notes/x"]
    assert github.world.events == []
    ada.tags(project, "v1")
    ada.commits(project, "topic", {"x": "1"})
    ada.deletes_branch(project, "topic")
    names = [(e.name, e.payload["ref"]) for e in github.world.events]
    assert names == [
        ("create", "v1"),
        ("push", "refs/tags/v1"),
        ("create", "topic"),
        ("push", "refs/heads/topic"),
        ("delete", "topic"),
        ("push", "refs/heads/topic"),
    ]


def test_four_tags_at_once_are_no_event(github: GitHub, project: Repository, ada: Person) -> None:
    tip = project.known["refs/heads/main"]
    for number in range(4):
        git(str(project.git.path), "update-ref", f"refs/tags/v{number}", tip)
    assert len(github.notice(project, ada)) == 4
    assert github.world.events == []


def test_a_push_lists_the_files_of_each_commit_a_rename_under_both_names(
    github: GitHub, project: Repository, ada: Person
) -> None:
    old = project.known["refs/heads/main"]
    ada.commits(project, "work", {"src/b.py": "b = 2\n", "new.py": "1\n"})
    ada.commits(project, "work", {"src/a.py": None, "src/z.py": "a = 1\n" * 9})
    first, second = (e.payload for e in github.world.events if e.name == "push")
    assert (first["created"], first["before"], first["base_ref"]) == (True, "0" * 40, None)
    assert [c["added"] for c in first["commits"]] == [["new.py"]]
    assert first["commits"][0]["modified"] == ["src/b.py"]
    assert (second["head_commit"]["added"], second["head_commit"]["removed"]) == (
        ["src/z.py"],
        ["src/a.py"],
    )
    assert (second["created"], second["forced"]) == (False, False)
    assert project.git.base(old, second["after"]) == old


def test_a_file_is_written_read_and_removed_on_a_branch(
    project: Repository, ada: Person, connect: Connect
) -> None:
    repo = connect(ada).get_repo("octo/project")
    made = repo.create_file("docs/ü.md", "Add", "one\n", branch="main")
    file = repo.get_contents("docs/ü.md")
    assert (file.decoded_content, file.sha) == (b"one\n", made["content"].sha)
    with pytest.raises(GithubException) as failure:
        repo.update_file("docs/ü.md", "Change", "two\n", "0" * 40)
    assert failure.value.status == 409
    repo.update_file("docs/ü.md", "Change", "two\n", file.sha)
    assert [row.name for row in repo.get_contents("docs")] == ["ü.md"]
    repo.delete_file("docs/ü.md", "Remove", repo.get_contents("docs/ü.md").sha)
    with pytest.raises(UnknownObjectException):
        repo.get_contents("docs/ü.md")
    names = [c.commit.message for c in repo.get_commits()]
    assert names == ["Remove", "Change", "Add", "Initial commit"]


def test_branches_are_listed_and_found_with_slashes(
    project: Repository, ada: Person, connect: Connect
) -> None:
    oid = ada.commits(project, "agent/x/1", {"x": "1"})
    repo = connect(ada).get_repo("octo/project")
    assert [b.name for b in repo.get_branches()] == ["agent/x/1", "main"]
    assert repo.get_branch("agent/x/1").commit.sha == oid
    with pytest.raises(GithubException, match="Branch not found"):
        repo.get_branch("agent/x/2")


def test_two_branches_are_compared_from_where_they_parted(
    project: Repository, ada: Person, connect: Connect
) -> None:
    ada.commits(project, "topic", {"x": "1"})
    ada.commits(project, "main", {"y": "1"})
    found = connect(ada).get_repo("octo/project").compare("main", "topic")
    assert (found.status, found.ahead_by, found.behind_by) == ("diverged", 1, 1)
    assert [file.filename for file in found.files] == ["x"]


def test_a_push_by_git_is_heard_at_once_under_the_name_of_its_token(
    github: GitHub, project: Repository, ada: Person, clone: str
) -> None:
    code, words = push(clone, github.url("octo/project", "x-access-token", ada.token), "work")
    assert code == 0, words
    created, pushed = github.world.events
    assert (created.name, pushed.name, pushed.actor) == ("create", "push", "ada")
    assert pushed.payload["after"] == git(clone, "rev-parse", "work")
    assert pushed.payload["commits"][0]["removed"] == ["src/a.py"]


def test_a_push_without_a_token_or_the_right_is_refused(
    github: GitHub, project: Repository, clone: str
) -> None:
    eve = github.person("eve", project, "triage")
    reader = github.workflow(project, contents="read")
    for secret, words in ((eve.token, "403"), (reader.token, "403"), ("", "could not read")):
        url = github.url("octo/project", "x" if secret else "", secret)
        code, error = push(clone, url, "work")
        assert code != 0
        assert words in error
    assert project.git.refs().keys() == {"refs/heads/main"}
    assert github.world.events == []


def test_a_private_repository_is_seen_by_its_people_only(
    github: GitHub, connect: Connect, tmp_path: Path
) -> None:
    secret = github.repository("octo/secret", private=True)
    eve, ada = github.person("eve"), github.person("ada", secret, "read")
    with pytest.raises(UnknownObjectException):
        connect(eve).get_repo("octo/secret")
    assert connect(ada).get_repo("octo/secret").private
    for who, code in ((eve, 128), (ada, 0)):
        url = github.url("octo/secret", "x", who.token)
        done = subprocess.run(["git", "ls-remote", url], capture_output=True, cwd=tmp_path)
        assert done.returncode == code
