"""Finding the repository: the same answer as git, from every place it can be asked."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from gitcoord.errors import GitcoordError, InvalidFile, NotARepository, UnsupportedRepository
from gitcoord.storage.gitconfig import parse
from gitcoord.storage.repository import Repository, find, home
from tests.gitrun import git


def as_git_says(place: str) -> tuple[str, str]:
    """Return (git dir, common dir) in git's own words."""
    return (
        git(place, "rev-parse", "--absolute-git-dir"),
        git(place, "rev-parse", "--path-format=absolute", "--git-common-dir"),
    )


def test_a_repository_is_found_from_its_root_and_from_below(repo: str) -> None:
    deep = os.path.join(repo, "a", "b")
    os.makedirs(deep)
    for place in (repo, deep):
        found = find(place, {})
        assert (found.git_dir, found.common_dir) == as_git_says(place)
        assert found.worktree == repo
    assert found == find(repo, {"PATH": "other"})
    assert found != find(f"{repo}/.git", {})
    assert "SECRET" not in repr(find(repo, {"TOKEN": "SECRET"}))
    assert found == Repository(
        f"{repo}/.git", f"{repo}/.git", repo, "sha1", "files", False, trusted=True
    )


def test_a_repository_is_found_from_inside_its_git_directory(repo: str) -> None:
    found = find(f"{repo}/.git/refs/heads", {})
    assert found.git_dir == f"{repo}/.git"
    assert found.worktree is None
    assert not found.bare


def test_a_relative_start_counts_from_where_the_process_is(
    repo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repo)
    assert find(".", {}).worktree == repo


def test_a_linked_worktree_shares_refs_and_objects(repo: str, linked_worktree: str) -> None:
    found = find(linked_worktree, {})
    assert (found.git_dir, found.common_dir) == as_git_says(linked_worktree)
    assert found.common_dir == f"{repo}/.git"
    assert found.worktree == linked_worktree
    assert home(found) == home(find(repo, {})) == f"{repo}/.git/gitcoord"


def test_a_linked_worktree_of_a_bare_repository_is_not_bare(repo: str, tmp_path: Path) -> None:
    git(str(tmp_path), "clone", "-q", "--bare", repo, "hub.git")
    git(str(tmp_path / "hub.git"), "worktree", "add", "-q", str(tmp_path / "work"))
    found = find(str(tmp_path / "work"), {})
    assert found.worktree == str(tmp_path / "work")
    assert not found.bare
    assert find(str(tmp_path / "hub.git"), {}).bare


def test_a_bare_repository_is_found(bare_repo: str) -> None:
    for place in (bare_repo, f"{bare_repo}/refs"):
        found = find(place, {})
        assert (found.git_dir, found.worktree, found.bare) == (bare_repo, None, True)


def test_a_submodule_is_its_own_repository(repo: str, tmp_path: Path) -> None:
    git(str(tmp_path), "init", "-q", "outer")
    outer = str(tmp_path / "outer")
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", repo, "inner")
    found = find(f"{outer}/inner", {})
    assert (found.git_dir, found.common_dir) == as_git_says(f"{outer}/inner")
    assert found.worktree == f"{outer}/inner"


def test_sha256_objects_are_recognised(sha256_repo: str) -> None:
    assert find(sha256_repo, {}).object_format == "sha256"


def test_a_repository_without_commits_is_found(empty_repo: str) -> None:
    assert find(empty_repo, {}).worktree == empty_repo


def test_git_dir_names_the_repository_wherever_we_are(repo: str, tmp_path: Path) -> None:
    for named in (f"{repo}/.git", "repo/.git"):
        found = find(str(tmp_path), {"GIT_DIR": named})
        assert found.git_dir == f"{repo}/.git"
        assert found.worktree == str(tmp_path)


def test_git_dir_may_be_a_file_that_leads_there(repo: str, linked_worktree: str) -> None:
    found = find("/", {"GIT_DIR": f"{linked_worktree}/.git"})
    assert found.common_dir == f"{repo}/.git"


def test_git_work_tree_and_git_common_dir_are_honoured(repo: str, tmp_path: Path) -> None:
    found = find(repo, {"GIT_DIR": ".git", "GIT_WORK_TREE": str(tmp_path)})
    assert found.worktree == str(tmp_path)
    other = find(repo, {"GIT_DIR": ".git", "GIT_COMMON_DIR": f"{repo}/.git"})
    assert other.common_dir == f"{repo}/.git"


def test_core_worktree_is_relative_to_the_git_directory(repo: str, tmp_path: Path) -> None:
    git(repo, "config", "core.worktree", "../../elsewhere")
    assert find(repo, {}).worktree == str(tmp_path / "elsewhere")


def test_a_worktree_may_have_a_config_of_its_own(repo: str, linked_worktree: str) -> None:
    git(repo, "config", "extensions.worktreeConfig", "true")
    git(linked_worktree, "config", "--worktree", "core.worktree", linked_worktree + "/sub")
    assert find(linked_worktree, {}).worktree == linked_worktree + "/sub"
    assert find(repo, {}).worktree == repo


def test_the_search_stops_at_a_ceiling(repo: str) -> None:
    deep = os.path.join(repo, "a", "b")
    os.makedirs(deep)
    with pytest.raises(NotARepository):
        find(deep, {"GIT_CEILING_DIRECTORIES": repo})
    assert find(repo, {"GIT_CEILING_DIRECTORIES": repo}).worktree == repo
    assert find(deep, {"GIT_CEILING_DIRECTORIES": f"relative:{deep}"}).worktree == repo


@pytest.mark.parametrize("content", ["gitdir: /nowhere/at/all\n", "nonsense\n", ""])
def test_a_dot_git_file_that_leads_nowhere_is_no_repository(tmp_path: Path, content: str) -> None:
    (tmp_path / ".git").write_text(content, encoding="utf-8")
    with pytest.raises(NotARepository):
        find(str(tmp_path), {})


def test_outside_of_every_repository_nothing_is_found(tmp_path: Path) -> None:
    with pytest.raises(NotARepository) as outside:
        find(str(tmp_path), {"GIT_CEILING_DIRECTORIES": str(tmp_path.parent)})
    assert outside.value.hint
    with pytest.raises(NotARepository):
        find(str(tmp_path), {"GIT_DIR": str(tmp_path / "missing")})


def test_an_empty_dot_git_directory_is_passed_over(repo: str) -> None:
    os.makedirs(os.path.join(repo, "sub", ".git"))
    assert find(os.path.join(repo, "sub"), {}).worktree == repo


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("core.repositoryformatversion", "2"),
        ("extensions.fromTheFuture", "true"),
        ("extensions.compatObjectFormat", "sha256"),
        ("extensions.objectFormat", "sha512"),
        ("extensions.refStorage", "cuneiform"),
    ],
)
def test_a_format_that_this_program_does_not_know_is_refused(
    repo: str, key: str, value: str
) -> None:
    with Path(repo, ".git", "config").open("a", encoding="utf-8") as file:
        section, _, name = key.partition(".")
        file.write(f"[core]\nrepositoryformatversion = 1\n[{section}]\n{name} = {value}\n")
    with pytest.raises(UnsupportedRepository):
        find(repo, {})


@pytest.mark.parametrize("name", ["preciousObjects", "worktreeConfig", "relativeWorktrees", "noop"])
def test_an_extension_that_does_not_touch_the_ledger_is_accepted(repo: str, name: str) -> None:
    with Path(repo, ".git", "config").open("a", encoding="utf-8") as file:
        file.write(f"[core]\nrepositoryformatversion = 1\n[extensions]\n{name} = true\n")
    assert find(repo, {}).worktree == repo


def test_a_config_that_cannot_be_read_is_named(repo: str) -> None:
    for text in ("[core\n", "[core]\nbare = perhaps\n"):
        Path(repo, ".git", "config").write_text(text, encoding="utf-8")
        with pytest.raises(InvalidFile):
            find(repo, {})


CONFIG = r"""
# comment
[core] bare = false
	; another
[Section "Sub.Case \"quoted\" ]"]
	Key = "  spaced # not a comment " # but this is
	escaped = a\\b\tc\"d
	long = one \
two
	flag
	empty =
[http]proxy=x ; y
"""


def test_config_is_read_as_git_reads_it(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(CONFIG, encoding="utf-8")
    listed = subprocess.run(
        ["git", "config", "-z", "--file", str(tmp_path / "config"), "--list"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    expected = {}
    for item in listed.rstrip("\0").split("\0"):
        key, newline, value = item.partition("\n")
        expected[key] = value if newline else "true"
    assert parse(CONFIG) == expected


def test_what_belongs_to_somebody_else_is_not_trusted_until_git_says_so(repo: str) -> None:
    from gitcoord.storage.plumbing import PlumbingStore
    from gitcoord.storage.store import ABSENT, Move, make_object

    if not hasattr(os, "chown") or os.geteuid() != 0:
        pytest.skip("only root can give a repository away")
    os.chown(repo, 12345, 12345)
    found = find(repo, os.environ)
    assert not found.trusted
    blob = make_object(b"blob", b"x", "sha1")
    move = Move("refs/coord/state", ABSENT, blob.oid)
    store = PlumbingStore(found)
    with pytest.raises(GitcoordError, match="dubious ownership"):
        store.commit([blob], [move])
    with pytest.raises(GitcoordError, match="dubious ownership"):
        store.read(blob.oid)
    assert not os.path.exists(f"{repo}/.git/objects/{blob.oid[:2]}/{blob.oid[2:]}")
    allowed = dict(os.environ, GIT_CONFIG_COUNT="1")
    allowed |= {"GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": repo}
    store = PlumbingStore(found, allowed)
    store.commit([blob], [move])
    assert store.read_ref("refs/coord/state") == blob.oid
    store.close()
