"""Merges without a worktree: three methods, every way to clash, and nothing but objects."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from gitcoord.errors import GitTooOld
from gitcoord.storage.commits import identity, read_commits
from gitcoord.storage.merging import Clash, Combined, Method, combine
from tests.conftest import first_commit
from tests.gitrun import git
from tests.storage.histories import branch, checkout_of, commit, raw, tree, untouched

METHODS: tuple[Method, ...] = ("merge", "squash", "rebase")
every = pytest.mark.parametrize("method", METHODS)
WHO = b"Lander <lander@example.invalid> 1767323045 +0000"
LINES = "".join(f"line {n}\n" for n in range(20))


def combined(path: str, head: str, method: Method, target: str = "main") -> Combined | Clash:
    """Combine, and prove that neither refs nor index nor files have changed."""
    before = untouched(path)
    tip = git(path, "rev-parse", target)
    found = combine(checkout_of(path), tip, head, method, "Land it\n\nMore.\n", WHO)
    assert untouched(path) == before
    return found


def done(path: str, head: str, method: Method, target: str = "main") -> Combined:
    found = combined(path, head, method, target)
    assert isinstance(found, Combined), found
    assert git(path, "rev-parse", f"{found.oid}^{{tree}}") == found.tree
    git(path, "fsck", "--strict", "--no-dangling")
    return found


def clash(path: str, head: str, method: Method, target: str = "main") -> Clash:
    found = combined(path, head, method, target)
    assert isinstance(found, Clash), found
    return found


def parents(path: str, oid: str) -> list[str]:
    return git(path, "rev-list", "--parents", "-1", oid).split()[1:]


@every
def test_both_sides_are_in_the_result(repo: str, method: Method) -> None:
    head = branch(repo, "topic", {"a.py": "a\n"}, {"dir/b.py": "b\n"})
    tip = commit(repo, {"c.py": "c\n"})
    found = done(repo, head, method)
    names = {b"README", b"a.py", b"dir/b.py", b"c.py"}
    assert set(tree(repo, found.oid)) == names
    assert found.paths == ("a.py", "dir/b.py")
    assert git(repo, "merge-base", "--is-ancestor", tip, found.oid) == ""


def test_a_merge_has_two_parents_even_where_the_target_could_move_on(repo: str) -> None:
    head = branch(repo, "topic", {"a.py": "a\n"})
    tip = git(repo, "rev-parse", "main")
    found = done(repo, head, "merge")
    assert parents(repo, found.oid) == [tip, head]
    assert raw(repo, "log", "-1", "--format=%B%cn|%an", found.oid) == (
        b"Land it\n\nMore.\nLander|Lander\n"
    )


def test_a_squash_has_one_parent_and_the_author_of_the_work(repo: str) -> None:
    git(repo, "config", "user.name", "Ada")
    head = branch(repo, "topic", {"a.py": "a\n"}, {"a.py": "b\n"})
    git(repo, "config", "user.name", "Test")
    tip = commit(repo, {"c.py": "c\n"})
    found = done(repo, head, "squash")
    assert parents(repo, found.oid) == [tip]
    assert git(repo, "log", "-1", "--format=%an|%cn|%s", found.oid) == "Ada|Lander|Land it"


def test_a_rebase_makes_each_commit_anew_with_its_author_and_message(repo: str) -> None:
    git(repo, "checkout", "-q", "-b", "topic")
    dated = ("--author", "Ada <ada@example.invalid>", "--date", "2020-02-02T02:02:02+0200")
    commit(repo, {"a.py": "a\n"}, "-m", "one\n\nbody\n", *dated)
    git(repo, "config", "i18n.commitEncoding", "ISO-8859-1")
    Path(repo, ".git", "latin").write_bytes("zwei äöü\n".encode("latin-1"))
    head = commit(repo, {"b.py": "b\n"}, "-F", ".git/latin")
    git(repo, "checkout", "-q", "main")
    tip = commit(repo, {"c.py": "c\n"})
    found = done(repo, head, "rebase")
    second, first = git(repo, "rev-list", f"{tip}..{found.oid}").split()
    assert parents(repo, first) == [tip]
    assert parents(repo, second) == [first]
    said = git(repo, "log", "-1", "--format=%an <%ae> %ad|%cn|%B", "--date=iso-strict", first)
    assert said == "Ada <ada@example.invalid> 2020-02-02T02:02:02+02:00|Lander|one\n\nbody"
    (old,) = read_commits(checkout_of(repo).repository, [head])
    (new,) = read_commits(checkout_of(repo).repository, [second])
    assert new.message == old.message == b"zwei \xe4\xf6\xfc\n"
    assert new.headers == old.headers
    assert b"encoding ISO-8859-1" in new.headers


def test_a_rebase_may_just_move_on(repo: str) -> None:
    head = branch(repo, "topic", {"a.py": "a\n"}, {"b.py": "b\n"})
    assert done(repo, head, "rebase").oid == head


def test_a_rebase_drops_what_changes_nothing_and_what_the_target_has(repo: str) -> None:
    head = branch(repo, "topic", {"a.py": "a\n"}, {}, {"b.py": "b\n"})
    commit(repo, {"c.py": "c\n"})
    git(repo, "cherry-pick", head + "~2")
    tip = commit(repo, {"a.py": "later\n"})
    found = done(repo, head, "rebase")
    assert parents(repo, found.oid) == [tip]
    assert tree(repo, found.oid)[b"a.py"] == b"later\n"


def test_a_rebase_leaves_a_signature_out(repo: str) -> None:
    head = branch(repo, "topic", {"a.py": "a\n"})
    text = raw(repo, "cat-file", "commit", head).replace(
        b"\n\n", b"\ngpgsig -----BEGIN\n more\n -----END\n\n", 1
    )
    signed = git(repo, "hash-object", "-t", "commit", "-w", "--stdin", stdin=text)
    tip = commit(repo, {"c.py": "c\n"})
    found = done(repo, signed, "rebase")
    assert parents(repo, found.oid) == [tip]
    assert b"gpgsig" not in raw(repo, "cat-file", "commit", found.oid)


def test_a_rebase_passes_over_merges_of_the_target(repo: str) -> None:
    branch(repo, "topic", {"a.py": "a\n"})
    commit(repo, {"c.py": "c\n"})
    git(repo, "checkout", "-q", "topic")
    git(repo, "merge", "-q", "-m", "catch up", "main")
    head = commit(repo, {"b.py": "b\n"})
    git(repo, "checkout", "-q", "main")
    tip = commit(repo, {"d.py": "d\n"})
    found = done(repo, head, "rebase")
    assert git(repo, "rev-list", "--merges", f"{tip}..{found.oid}") == ""
    assert set(tree(repo, found.oid)) == {b"README", b"a.py", b"b.py", b"c.py", b"d.py"}


def test_a_rebase_that_would_lose_what_a_merge_holds_is_refused(repo: str) -> None:
    branch(repo, "topic", {"a.py": "a\n"})
    commit(repo, {"c.py": "c\n"})
    git(repo, "checkout", "-q", "topic")
    git(repo, "merge", "-q", "--no-commit", "main")
    head = commit(repo, {"evil.py": "by the merge alone\n"}, "-m", "evil")
    git(repo, "checkout", "-q", "main")
    found = clash(repo, head, "rebase")
    assert found.kind == "merges"
    assert "squash" in found.text
    done(repo, head, "merge")


def test_a_rebase_makes_a_first_commit_anew(repo: str, tmp_path: Path) -> None:
    other = str(tmp_path / "other")
    git(repo, "init", "-q", other)
    commit(other, {"lib/x.py": "x\n"})
    git(repo, "checkout", "-q", "-b", "topic")
    git(repo, "fetch", "-q", other, "main")
    git(repo, "merge", "-q", "--allow-unrelated-histories", "-m", "joined", "FETCH_HEAD")
    head = git(repo, "rev-parse", "HEAD")
    git(repo, "checkout", "-q", "main")
    tip = commit(repo, {"c.py": "c\n"})
    found = done(repo, head, "rebase")
    assert parents(repo, found.oid) == [tip]
    assert set(tree(repo, found.oid)) == {b"README", b"lib/x.py", b"c.py"}


@every
def test_a_branch_without_commits_of_its_own_has_nothing_to_land(repo: str, method: Method) -> None:
    head = branch(repo, "topic")
    commit(repo, {"c.py": "c\n"})
    assert clash(repo, head, method).kind == "nothing"


@every
def test_a_branch_whose_commits_are_empty_has_nothing_either(repo: str, method: Method) -> None:
    head = branch(repo, "topic", {}, {})
    commit(repo, {"c.py": "c\n"})
    assert clash(repo, head, method).kind == "landed"


@every
def test_what_was_squashed_into_the_target_has_landed(repo: str, method: Method) -> None:
    head = branch(repo, "topic", {"a.py": "a\n"}, {"b.py": "b\n"})
    git(repo, "merge", "-q", "--squash", "topic")
    git(repo, "commit", "-q", "-m", "by hand")
    found = clash(repo, head, method)
    # Commit by commit a rebase cannot see it where later ones undo earlier ones; here it can.
    assert found.kind == "landed"


@every
def test_unrelated_histories_are_refused(repo: str, tmp_path: Path, method: Method) -> None:
    other = first_commit(tmp_path / "other")
    head = commit(other, {"x.py": "x\n"}, "-m", "x", "--amend", "--date", "2020-01-01T00:00:00Z")
    git(repo, "fetch", "-q", other, "main")
    assert clash(repo, head, method).kind == "unrelated"


def test_a_shallow_clone_is_told_what_may_be_missing(repo: str, tmp_path: Path) -> None:
    branch(repo, "topic", {"a.py": "a\n"})
    commit(repo, {"c.py": "c\n"})
    clone = str(tmp_path / "clone")
    git(repo, "clone", "-q", "--depth=1", "--no-single-branch", f"file://{repo}", clone)
    head = git(clone, "rev-parse", "origin/topic")
    assert "--unshallow" in clash(clone, head, "merge").text


@every
def test_a_conflict_names_its_paths(repo: str, method: Method) -> None:
    commit(repo, {"f": LINES, "g": "g\n"})
    head = branch(repo, "topic", {"f": LINES.replace("line 3\n", "theirs\n"), "g": "new\n"})
    commit(repo, {"f": LINES.replace("line 3\n", "ours\n")})
    found = clash(repo, head, method)
    assert (found.kind, found.paths) == ("conflict", ("f",))
    assert "f" in found.text
    if method == "rebase":
        assert head[:12] in found.text


@every
def test_a_deletion_against_a_change_is_a_conflict(repo: str, method: Method) -> None:
    head = branch(repo, "topic", {"README": "changed\n"})
    commit(repo, {"README": None, "other": "o\n"})
    found = clash(repo, head, method)
    assert (found.kind, found.paths) == ("conflict", ("README",))


@every
def test_a_file_against_a_folder_is_a_conflict(repo: str, method: Method) -> None:
    head = branch(repo, "topic", {"thing": "file\n"})
    commit(repo, {"thing/inside": "folder\n"})
    found = clash(repo, head, method)
    assert found.kind == "conflict"
    assert any(path.startswith("thing") for path in found.paths)


@every
def test_binary_files_merge_where_one_side_changes_them_and_clash_where_both_do(
    repo: str, method: Method
) -> None:
    commit(repo, {"logo": b"\0\1\2"})
    head = branch(repo, "topic", {"logo": b"\0\3\4"})
    commit(repo, {"c.py": "c\n"})
    assert tree(repo, done(repo, head, method).oid)[b"logo"] == b"\0\3\4"
    commit(repo, {"logo": b"\0\5\6"})
    found = clash(repo, head, method)
    assert (found.kind, found.paths) == ("binary", ("logo",))


@every
def test_submodules_move_with_one_side_and_clash_where_both_move_them(
    repo: str, tmp_path: Path, method: Method
) -> None:
    one, two, three = (f"{digit}" * 40 for digit in "123")

    def at(oid: str, name: str) -> str:
        git(repo, "checkout", "-q", name)
        git(repo, "update-index", "--add", "--cacheinfo", f"160000,{oid},vendor")
        git(repo, "commit", "-q", "-m", "vendor")
        head = git(repo, "rev-parse", "HEAD")
        git(repo, "checkout", "-q", "main")
        return head

    at(one, "main")
    git(repo, "branch", "topic")
    head = at(two, "topic")
    commit(repo, {"c.py": "c\n"})
    # A plain `add -A` has taken the submodule that is not there for deleted.
    git(repo, "update-index", "--add", "--cacheinfo", f"160000,{one},vendor")
    git(repo, "commit", "-q", "--amend", "--no-edit")
    found = done(repo, head, method)
    assert tree(repo, found.oid)[b"vendor"] == two.encode()
    assert found.paths == ("vendor", "vendor/")
    at(three, "main")
    found_clash = clash(repo, head, method)
    assert (found_clash.kind, found_clash.paths) == ("submodule", ("vendor",))


@every
def test_a_rename_of_case_alone_lands(repo: str, method: Method) -> None:
    commit(repo, {"Readme.md": LINES})
    git(repo, "checkout", "-q", "-b", "topic")
    git(repo, "mv", "-f", "Readme.md", "README.md")
    head = commit(repo, {}, "-m", "case")
    git(repo, "checkout", "-q", "main")
    commit(repo, {"Readme.md": LINES + "more\n"})
    found = done(repo, head, method)
    files = tree(repo, found.oid)
    assert b"Readme.md" not in files
    assert files[b"README.md"].endswith(b"more\n")
    assert found.paths == ("README.md", "Readme.md")


@every
@pytest.mark.skipif(sys.platform != "linux", reason="needs a file system that knows case")
@pytest.mark.parametrize(
    ("theirs", "ours", "twins"),
    [
        ("src/Name.py", "src/name.py", ("src/Name.py", "src/name.py")),
        ("Src/a.py", "src/b.py", ("Src", "src")),
        ("caf\u00e9", "cafe\u0301", ("cafe\u0301", "caf\u00e9")),
        ("STRASSE", "stra\u00dfe", ("STRASSE", "stra\u00dfe")),
    ],
)
def test_names_that_differ_only_in_case_are_refused(
    repo: str, method: Method, theirs: str, ours: str, twins: tuple[str, ...]
) -> None:
    git(repo, "config", "core.precomposeUnicode", "false")
    head = branch(repo, "topic", {theirs: "theirs\n"})
    commit(repo, {ours: "ours\n"})
    found = clash(repo, head, method)
    assert (found.kind, found.paths) == ("case", twins)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file system that knows case")
def test_twins_that_the_target_has_already_are_its_own_affair(repo: str) -> None:
    commit(repo, {"src/a": "a\n", "Src/a": "b\n", "x": "x", "X": "X"})
    head = branch(repo, "topic", {"src/new": "n\n", "a\nb/c\nd": "lines\n"})
    commit(repo, {"c.py": "c\n"})
    assert done(repo, head, "merge").paths == ("a\nb/c\nd", "src/new")


@every
@pytest.mark.skipif(sys.platform != "linux", reason="needs names that are no UTF-8")
def test_bytes_of_names_survive(repo: str, method: Method) -> None:
    name = b"caf\xe9/\xff.txt"
    head = branch(repo, "topic", {name: "x\n"})
    commit(repo, {"c.py": "c\n"})
    found = done(repo, head, method)
    assert tree(repo, found.oid)[name] == b"x\n"
    assert found.paths == (os.fsdecode(name),)


@every
def test_conflicts_of_names_that_are_no_utf_8_can_be_told(repo: str, method: Method) -> None:
    if sys.platform != "linux":
        pytest.skip("needs names that are no UTF-8")
    head = branch(repo, "topic", {b"\xff": "theirs\n"})
    commit(repo, {b"\xff": "ours\n"})
    found = clash(repo, head, method)
    assert found.paths == (os.fsdecode(b"\xff"),)
    found.text.encode()


@every
def test_modes_and_links_are_merged_too(repo: str, method: Method) -> None:
    git(repo, "checkout", "-q", "-b", "topic")
    git(repo, "update-index", "--chmod=+x", "README")
    git(repo, "commit", "-q", "-m", "mode")
    head = git(repo, "rev-parse", "HEAD")
    git(repo, "checkout", "-q", "-f", "main")
    commit(repo, {"c.py": "c\n"})
    found = done(repo, head, method)
    assert found.paths == ("README",)
    assert git(repo, "ls-tree", found.oid, "README").startswith("100755")


@every
@pytest.mark.parametrize("value", ["true", "false"])
def test_what_the_user_has_configured_changes_nothing(
    repo: str, method: Method, value: str
) -> None:
    """A file that comes into a folder which was renamed is for a person to decide."""
    commit(repo, {f"old/{name}.py": f"{name}\n" * 20 for name in "abcd"})
    head = branch(repo, "topic", {"old/new.py": "n\n"})
    git(repo, "mv", "old", "moved")
    commit(repo, {}, "-m", "move")
    plain = clash(repo, head, method)
    git(repo, "config", "merge.directoryRenames", value)
    assert clash(repo, head, method) == plain


@every
def test_a_repository_with_sha_256_is_no_exception(sha256_repo: str, method: Method) -> None:
    head = branch(sha256_repo, "topic", {"a.py": "a\n"})
    commit(sha256_repo, {"c.py": "c\n"})
    assert len(done(sha256_repo, head, method).oid) == 64


@every
def test_a_bare_repository_is_enough(repo: str, tmp_path: Path, method: Method) -> None:
    branch(repo, "topic", {"a.py": "a\n"})
    commit(repo, {"c.py": "c\n"})
    bare = str(tmp_path / "bare.git")
    git(repo, "clone", "-q", "--bare", repo, bare)
    checkout = checkout_of(bare)
    tip, head = (git(bare, "rev-parse", name) for name in ("main", "topic"))
    found = combine(checkout, tip, head, method, "x\n", WHO)
    assert isinstance(found, Combined)
    assert set(tree(bare, found.oid)) == {b"README", b"a.py", b"c.py"}


def test_a_git_that_is_too_old_is_told_what_to_install(
    repo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "bin"
    old.mkdir()
    (old / "git").write_text("#!/bin/sh\necho git version 2.37.9\n", encoding="utf-8")
    (old / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(old))
    checkout = checkout_of(repo)
    with pytest.raises(GitTooOld) as refused:
        combine(checkout, "a" * 40, "b" * 40, "merge", "", WHO)
    assert "2.38" in str(refused.value.hint)


def test_somebody_without_a_name_commits_under_that_of_the_agent(
    repo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert identity(checkout_of(repo), "ada").startswith(b"Test <test@example.invalid> ")
    empty = Path(repo).parent / "nobody"
    empty.write_text("[user]\n\tuseConfigOnly = true\n", encoding="utf-8")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(empty))
    found = identity(checkout_of(repo), "a <da>\n")
    assert found.startswith(b"a da <a-da@gitcoord> ")
