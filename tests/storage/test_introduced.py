"""What a commit, the index and a push bring in by themselves, in every kind of repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitcoord.errors import GitFailed
from gitcoord.storage.introduced import (
    Change,
    between,
    commits,
    committed,
    descendants,
    merge_base,
    names,
    staged,
    unstaged,
)
from gitcoord.storage.repository import find
from gitcoord.storage.worktree import Checkout
from tests.gitrun import git


def checkout(place: str, **environ: str) -> Checkout:
    return Checkout(find(place, {}), os.environ | environ)


def write(place: str, path: str, text: str) -> None:
    file = Path(place, path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    git(place, "add", "--", path)


def commit(place: str, message: str = "x") -> str:
    git(place, "commit", "-q", "--allow-empty", "-m", message)
    return git(place, "rev-parse", "HEAD")


@pytest.fixture(params=["repo", "sha256_repo"])
def place(request: pytest.FixtureRequest) -> str:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, str)
    return found


def test_the_index_is_held_against_head(place: str) -> None:
    write(place, "old.py", "x\n" * 20)
    commit(place)
    git(place, "mv", "old.py", "new.py")
    write(place, "README", "changed\n")
    assert sorted(staged(checkout(place))) == [
        Change("README"),
        Change("new.py", "create"),
        Change("old.py", "delete"),
    ]


def test_an_amended_commit_is_held_against_its_parents(place: str) -> None:
    write(place, "a.py", "1\n")
    commit(place)
    assert staged(checkout(place)) == []
    assert staged(checkout(place), amended=True) == [Change("a.py", "create")]


def test_an_amended_first_commit_is_all_that_there_is(place: str) -> None:
    assert staged(checkout(place), amended=True) == [Change("README", "create")]


def test_an_index_without_a_commit_is_all_new(empty_repo: str) -> None:
    write(empty_repo, "a.py", "1\n")
    assert staged(checkout(empty_repo)) == [Change("a.py", "create")]


def test_the_index_that_git_names_is_read(place: str) -> None:
    other = str(Path(place, ".git", "other"))
    write(place, "a.py", "1\n")
    os.rename(str(Path(place, ".git", "index")), other)
    git(place, "reset", "-q")
    assert staged(checkout(place)) == []
    for named in (other, ".git/other"):
        assert staged(checkout(place, GIT_INDEX_FILE=named)) == [Change("a.py", "create")]


def test_what_git_complains_of_is_an_error(place: str) -> None:
    Path(place, ".git", "index").write_bytes(b"broken")
    with pytest.raises(GitFailed, match="index"):
        staged(checkout(place))


def test_a_commit_says_its_renames_and_kinds(place: str) -> None:
    write(place, "old.py", "x\n" * 20)
    write(place, "gone.py", "1\n")
    commit(place)
    git(place, "mv", "old.py", "new.py")
    git(place, "rm", "-q", "gone.py")
    write(place, "tab\there", "another\n")
    oid = commit(place)
    assert sorted(committed(checkout(place), oid)) == [
        Change("gone.py", "delete"),
        Change("new.py", "rename", old_path="old.py"),
        Change("tab\there", "create"),
    ]
    assert names(committed(checkout(place))) == ["gone.py", "new.py", "old.py", "tab\there"]


def test_a_merge_answers_for_what_differs_from_all_parents(place: str) -> None:
    write(place, "both", "1\n")
    base = commit(place)
    git(place, "switch", "-q", "-c", "side")
    write(place, "both", "side\n")
    write(place, "theirs", "1\n")
    commit(place)
    git(place, "switch", "-q", "main")
    write(place, "both", "main\n")
    commit(place)
    there = checkout(place)
    there.run("merge", "-q", "side", accept=(1,))
    write(place, "both", "merged\n")
    assert staged(there) == [Change("both")]
    tip = commit(place)
    assert committed(there) == [Change("both")]
    found, complete = commits(there, tip, [base], 10)
    assert complete
    assert names(found[0].changes) == ["both"]
    assert sorted(names(found[1].changes) + names(found[2].changes)) == ["both", "both", "theirs"]


def test_new_commits_come_with_their_trailers_children_first(place: str) -> None:
    base = git(place, "rev-parse", "HEAD")
    write(place, "a.py", "1\n")
    first = commit(place, "one\n\nA: x\nA: y\nB: 1/5")
    second = commit(place, "two\n\nA: folded\n over lines")
    there = checkout(place)
    found, complete = commits(there, second, [base], 2, ("A", "B"))
    assert complete
    assert [(one.oid, one.trailers) for one in found] == [
        (second, ("folded over lines", "")),
        (first, ("y", "1/5")),
    ]
    assert [one.changes for one in found] == [(), (Change("a.py", "create"),)]
    newest, complete = commits(there, second, [base], 1)
    assert ([one.oid for one in newest], complete) == ([second], False)
    assert commits(there, base, [base], 5) == ([], True)


def test_the_first_commit_of_all_is_new_too(place: str) -> None:
    tip = git(place, "rev-parse", "HEAD")
    (only,), _ = commits(checkout(place), tip, [], 5)
    assert only.changes == (Change("README", "create"),)


def test_trees_are_compared_also_with_nothing(place: str) -> None:
    write(place, "a.py", "1\n")
    old, new = git(place, "rev-parse", "HEAD"), commit(place)
    there = checkout(place)
    assert between(there, old, new) == [Change("a.py", "create")]
    assert names(between(there, None, new)) == ["README", "a.py"]


def test_ancestors_and_descendants_are_those_of_git(place: str) -> None:
    base = git(place, "rev-parse", "HEAD")
    git(place, "switch", "-q", "-c", "side")
    side = commit(place, "side")
    git(place, "switch", "-q", "main")
    main = commit(place, "main")
    git(place, "merge", "-q", "--no-edit", "side")
    tip = git(place, "rev-parse", "HEAD")
    there = checkout(place)
    assert merge_base(there, side, main) == base
    assert descendants(there, side, tip) == {tip}
    git(place, "switch", "-q", "--orphan", "apart")
    assert merge_base(there, commit(place), tip) is None


def test_files_that_are_not_as_the_index_has_them_are_named(place: str) -> None:
    write(place, "a.py", "1\n")
    write(place, "[b].py", "1\n")
    commit(place)
    Path(place, "[b].py").write_text("2\n")
    there = checkout(place)
    assert unstaged(there, ["a.py", "[b].py"]) == ["[b].py"]
    assert unstaged(there, ["a.py"]) == []
    assert unstaged(there, []) == []
    many = ["[b].py", *(f"x{number}" for number in range(200))]
    assert unstaged(there, many) == ["[b].py"]


def test_a_submodule_is_named_with_all_below_it(place: str) -> None:
    git(
        place,
        "update-index",
        "--add",
        "--cacheinfo",
        f"160000,{git(place, 'rev-parse', 'HEAD')},sub",
    )
    assert names(staged(checkout(place))) == ["sub", "sub/"]


def test_a_sparse_checkout_is_judged_by_its_index(place: str) -> None:
    write(place, "in/a.py", "1\n")
    write(place, "out/b.py", "1\n")
    commit(place)
    git(place, "sparse-checkout", "set", "--sparse-index", "in")
    assert staged(checkout(place)) == []
    write(place, "in/a.py", "2\n")
    assert staged(checkout(place)) == [Change("in/a.py")]


def test_a_partial_clone_needs_no_file_contents(place: str, tmp_path: Path) -> None:
    write(place, "a.py", "1\n")
    tip = commit(place)
    git(place, "config", "uploadpack.allowFilter", "true")
    part = str(tmp_path / "part")
    git(
        str(tmp_path), "clone", "-q", "--no-checkout", "--filter=blob:none", f"file://{place}", part
    )
    git(place, "config", "uploadpack.allowFilter", "false")
    os.rename(place, f"{place}.away")
    (newest, _), _ = commits(checkout(part), tip, [], 5)
    assert names(newest.changes) == ["a.py"]
