"""The user's repository through git: facts, landing by content, linked worktrees."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gitcoord.errors import GitFailed, GitMissing, WorktreeInUse
from gitcoord.storage import linked
from gitcoord.storage.landing import changed_paths, landed, remaining, unlanded
from gitcoord.storage.repository import find
from gitcoord.storage.worktree import Checkout, Owner

HOSTILE = ['new\nline"quote.txt', "tab\there", " leading", "ünï/cödé", "-dash", "a -> b", ":(top)x"]
if sys.platform == "linux":
    HOSTILE.append(b"raw-\xff\xfe.bin".decode("utf-8", "surrogateescape"))


class Project:
    """A repository of a user, and git as gitcoord asks it."""

    def __init__(self, path: Path, environ: dict[str, str]) -> None:
        self.path = path
        self.environ = environ
        self.commits = 0
        self.git("init", "-q", "-b", "main")
        self.checkout = Checkout(find(str(path), {}), environ)

    def git(self, *arguments: str, path: Path | None = None) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=path or self.path,
            env=self.environ,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode("utf-8", "surrogateescape").strip()

    def write(self, name: str, text: str) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def commit(self, files: dict[str, str | None]) -> str:
        for name, text in files.items():
            if text is None:
                (self.path / name).unlink()
            else:
                self.write(name, text)
        self.git("add", "-A")
        # Equal commits of one second would be one and the same.
        self.commits += 1
        self.git("commit", "-q", "-m", f"change {self.commits}")
        return self.head()

    def head(self, name: str = "HEAD") -> str:
        return self.git("rev-parse", name)

    def left(self) -> tuple[str, ...]:
        """Return what the branch `work` has and main has not got."""
        return remaining(self.checkout, self.head("work"), self.head("main"), lambda _: True)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    home = tmp_path / "home"
    home.mkdir()
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "A",
        "GIT_AUTHOR_EMAIL": "a@example.com",
        "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@example.com",
    }


@pytest.fixture
def project(tmp_path: Path, environ: dict[str, str]) -> Project:
    path = tmp_path / "project"
    path.mkdir()
    return Project(path, environ)


@pytest.fixture
def forked(project: Project) -> Project:
    """On branch `work`, which begins where main has two files."""
    lines = "".join(f"{number}\n" for number in range(30))
    project.commit({"a.txt": lines, "b.txt": "b\n"})
    project.git("switch", "-q", "-c", "work")
    return project


def edited(project: Project, line: int, text: str) -> str:
    """Return a.txt with one line replaced."""
    lines = (project.path / "a.txt").read_text().splitlines()
    lines[line] = text
    return "\n".join(lines) + "\n"


# Facts


def test_a_new_repository_has_a_branch_no_head_and_no_target(project: Project) -> None:
    project.write("x", "x")
    found = project.checkout.worktree()
    assert (found.branch, found.head, found.dirty) == ("main", "", ("x",))
    assert project.checkout.target() is None


def test_branch_head_and_place_are_those_of_git(forked: Project) -> None:
    found = forked.checkout.worktree()
    assert found.branch == "work"
    assert found.head == forked.head()
    assert Path(found.path) == forked.path
    assert found.dirty == ()


def test_a_detached_head_has_no_branch(forked: Project) -> None:
    forked.git("switch", "-q", "--detach")
    assert forked.checkout.worktree().branch == ""
    assert forked.checkout.worktree().head == forked.head("main")


def test_dirty_are_staged_changed_deleted_renamed_conflicting_and_untracked_paths(
    forked: Project,
) -> None:
    forked.commit({"gone": "1", "old name": "long enough to be a rename\n" * 9, "both": "1"})
    forked.git("switch", "-q", "-c", "other")
    forked.commit({"both": "2"})
    forked.git("switch", "-q", "work")
    forked.commit({"both": "3"})
    forked.git("switch", "-q", "work")
    subprocess.run(
        ["git", "merge", "-q", "other"], cwd=forked.path, env=forked.environ, capture_output=True
    )
    (forked.path / "gone").unlink()
    forked.git("mv", "old name", "new name")
    forked.write("b.txt", "changed")
    forked.write("deep/er/new", "new")
    assert forked.checkout.dirty() == (
        "b.txt",
        "both",
        "deep/er/new",
        "gone",
        "new name",
        "old name",
    )


def test_names_with_newlines_quotes_and_broken_utf_8_are_kept(forked: Project) -> None:
    for name in HOSTILE:
        forked.write(name, "x")
    assert sorted(forked.checkout.dirty()) == sorted(HOSTILE)
    forked.git("add", "-A")
    forked.git("commit", "-q", "-m", "hostile")
    head, main = forked.head(), forked.head("main")
    assert sorted(changed_paths(forked.checkout, main, head)) == sorted(HOSTILE)
    assert forked.left() == tuple(sorted(HOSTILE))
    assert not landed(forked.checkout, HOSTILE[:1], head, main)
    forked.git("switch", "-q", "main")
    forked.git("merge", "-q", "--squash", "work")
    forked.git("commit", "-q", "-m", "squashed")
    forked.commit(dict.fromkeys(HOSTILE, "later"))
    assert forked.left() == ()


def test_asking_does_not_touch_the_index(forked: Project) -> None:
    index = forked.path / ".git" / "index"
    os.utime(forked.path / "a.txt", (1, 1))
    before = index.read_bytes()
    forked.checkout.worktree()
    assert index.read_bytes() == before


def test_a_surrounding_git_command_does_not_lead_elsewhere(forked: Project, tmp_path: Path) -> None:
    around = forked.environ | {
        "GIT_DIR": str(tmp_path / "nowhere"),
        "GIT_WORK_TREE": str(tmp_path),
        "GIT_INDEX_FILE": str(tmp_path / "index"),
        "GIT_GLOB_PATHSPECS": "1",
    }
    checkout = Checkout(find(str(forked.path), {}), around)
    forked.write("new", "x")
    assert checkout.worktree().dirty == ("new",)


def test_a_bare_repository_has_no_dirty_files(forked: Project, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    forked.git("clone", "-q", "--bare", str(forked.path), str(bare))
    found = Checkout(find(str(bare), {}), forked.environ).worktree()
    assert (found.branch, found.head, found.dirty) == ("work", forked.head(), ())


def test_without_git_the_error_says_so(forked: Project) -> None:
    checkout = Checkout(forked.checkout.repository, forked.environ | {"PATH": "/nonexistent"})
    with pytest.raises(GitMissing):
        checkout.branch()


def test_the_target_is_the_setting_then_the_remotes_default_then_a_usual_name(
    forked: Project, tmp_path: Path
) -> None:
    target = forked.checkout.target
    found = target()
    assert found is not None
    assert (found.name, found.oid) == ("main", forked.head("main"))
    named = target("work")
    assert named is not None
    assert named.ref == "refs/heads/work"
    assert target("no-such-branch") is None
    forked.git("branch", "-m", "main", "trunk")
    current = target()
    assert current is not None
    assert current.name == "work"
    forked.git("config", "init.defaultBranch", "trunk")
    configured = target()
    assert configured is not None
    assert configured.name == "trunk"
    clone = tmp_path / "clone"
    forked.git("switch", "-q", "trunk")
    forked.git("clone", "-q", str(forked.path), str(clone))
    remote = Checkout(find(str(clone), {}), forked.environ).target()
    assert remote is not None
    assert (remote.name, remote.oid) == ("origin/trunk", forked.head("trunk"))


# Landing


def test_changed_paths_count_from_the_fork_and_name_both_ends_of_a_rename(
    forked: Project,
) -> None:
    forked.git("mv", "b.txt", "c.txt")
    forked.commit({})
    (forked.path / "a.txt").chmod(0o755)
    forked.commit({"new": "x"})
    forked.git("switch", "-q", "main")
    forked.commit({"only-on-main": "x"})
    found = changed_paths(forked.checkout, "main", forked.head("work"))
    assert found == ("a.txt", "b.txt", "c.txt", "new")


def test_a_submodule_that_moves_is_a_changed_path(forked: Project) -> None:
    for oid in (forked.head(), "1" * 40):
        forked.git("update-index", "--add", "--cacheinfo", f"160000,{oid},vendor/lib")
        forked.git("commit", "-q", "-m", "submodule")
        assert changed_paths(forked.checkout, "main", "work") == ("vendor/lib",)
    assert forked.left() == ("vendor/lib",)


def test_committed_work_has_not_landed_until_it_is_merged(forked: Project) -> None:
    forked.commit({"a.txt": "mine\n", "new": "x"})
    assert forked.left() == ("a.txt", "new")
    forked.git("switch", "-q", "main")
    forked.git("merge", "-q", "--no-ff", "work")
    assert forked.left() == ()


def test_a_squash_merge_counts_as_landed(forked: Project) -> None:
    forked.commit({"a.txt": "one\n"})
    forked.commit({"a.txt": "two\n", "b.txt": None})
    forked.git("switch", "-q", "main")
    forked.git("merge", "-q", "--squash", "work")
    forked.git("commit", "-q", "-m", "squashed")
    assert forked.left() == ()


def test_a_squash_merge_counts_after_the_target_has_changed_the_files_again(
    forked: Project,
) -> None:
    forked.commit({"a.txt": "mine\n", "b.txt": None})
    forked.git("switch", "-q", "main")
    forked.git("merge", "-q", "--squash", "work")
    forked.git("commit", "-q", "-m", "squashed")
    forked.commit({"a.txt": "later\n", "b.txt": "back again\n"})
    assert forked.left() == ()


def test_a_name_that_looks_like_a_pattern_of_git_is_a_name(forked: Project) -> None:
    forked.commit({":(top)x": "mine\n"})
    forked.git("switch", "-q", "main")
    forked.commit({":(top)x": "mine\n"})
    forked.commit({":(top)x": "later\n"})
    assert forked.left() == ()


def test_a_rebased_branch_counts_where_the_target_had_changed_the_same_file(
    forked: Project,
) -> None:
    mine = forked.commit({"a.txt": edited(forked, 2, "mine")})
    forked.git("switch", "-q", "main")
    forked.commit({"a.txt": edited(forked, 25, "theirs")})
    assert forked.left() == ("a.txt",)
    forked.git("cherry-pick", mine)
    assert forked.left() == ()


def test_part_of_a_change_is_not_the_change(forked: Project) -> None:
    forked.commit({"a.txt": edited(forked, 2, "mine")})
    forked.commit({"a.txt": edited(forked, 20, "mine too"), "new": "x"})
    forked.git("switch", "-q", "main")
    forked.commit({"a.txt": edited(forked, 2, "mine"), "new": "x"})
    assert forked.left() == ("a.txt",)
    assert landed(forked.checkout, ["new"], forked.head("work"), forked.head("main"))
    assert not landed(forked.checkout, ["new", "a.txt"], forked.head("work"), forked.head("main"))


def test_a_change_of_mode_alone_has_to_land_too(forked: Project) -> None:
    (forked.path / "b.txt").chmod(0o755)
    forked.commit({})
    assert forked.left() == ("b.txt",)
    forked.git("switch", "-q", "main")
    forked.commit({"b.txt": "other text\n"})
    assert forked.left() == ("b.txt",)
    (forked.path / "b.txt").chmod(0o755)
    forked.commit({})
    assert forked.left() == ()


def test_deleting_what_the_target_still_has_is_not_landed(forked: Project) -> None:
    forked.commit({"b.txt": None})
    assert forked.left() == ("b.txt",)
    forked.git("switch", "-q", "main")
    forked.commit({"b.txt": "changed instead\n"})
    assert forked.left() == ("b.txt",)


def test_binary_files_are_compared_and_never_merged(forked: Project) -> None:
    forked.git("switch", "-q", "main")
    forked.commit({"picture": "\0one"})
    forked.git("switch", "-q", "-C", "work")
    forked.commit({"picture": "\0two"})
    forked.git("switch", "-q", "main")
    forked.commit({"picture": "\0three"})
    assert forked.left() == ("picture",)


def test_unrelated_histories_are_compared_as_a_whole(forked: Project) -> None:
    forked.git("switch", "-q", "--orphan", "work2")
    forked.commit({"a.txt": "x\n"})
    forked.git("branch", "-M", "work2", "work")
    assert forked.left() == ("a.txt",)


def test_a_key_is_unlanded_for_what_is_committed_and_for_what_is_dirty(forked: Project) -> None:
    forked.commit({"src/one.py": "1\n"})
    forked.write("docs/x.md", "not committed")
    checkout = forked.checkout
    keys = {
        "src/": lambda path: path.startswith("src/"),
        "docs/": lambda path: path.startswith("docs/"),
        "tests/": lambda path: path.startswith("tests/"),
    }
    found = unlanded(checkout, checkout.worktree(), keys, checkout.target())
    assert [(one.key, one.branch, one.head, one.paths) for one in found] == [
        ("src/", "work", forked.head(), ("src/one.py",)),
        ("docs/", "work", forked.head(), ("docs/x.md",)),
    ]
    forked.git("switch", "-q", "main")
    forked.git("merge", "-q", "work")
    found = unlanded(checkout, checkout.worktree(), keys, checkout.target())
    assert [one.key for one in found] == ["docs/"]


# Linked worktrees


def test_a_worktree_stands_on_a_branch_of_its_agent_and_task(
    forked: Project, tmp_path: Path
) -> None:
    path = tmp_path / "trees" / "one"
    made = linked.add(forked.checkout, str(path), agent="claude-1", task="t-1", session="s-1")
    assert made.branch == "agent/claude-1/t-1"
    assert made.owner == Owner("claude-1", "t-1", "s-1")
    assert made.head == forked.head()
    assert (path / "a.txt").exists()
    assert [one.owner for one in linked.linked(forked.checkout)] == [None, made.owner]
    assert forked.checkout.branch() == "work"
    assert forked.git("config", "--list", "--local").count("branch.") == 0


def test_the_same_agent_and_task_get_the_same_worktree_again(
    forked: Project, tmp_path: Path
) -> None:
    path = str(tmp_path / "one")
    linked.add(forked.checkout, path, agent="a", task="t-1", session="s-1")
    (tmp_path / "one" / "unsaved").write_text("x")
    again = linked.add(forked.checkout, path, agent="a", task="t-1", session="s-2")
    assert again.owner == Owner("a", "t-1", "s-2")
    assert (tmp_path / "one" / "unsaved").exists()


def test_a_later_attempt_continues_the_branch(forked: Project, tmp_path: Path) -> None:
    path = tmp_path / "one"
    linked.add(forked.checkout, str(path), agent="a", task="t-1")
    (path / "work").write_text("x")
    forked.git("add", "-A", path=path)
    forked.git("commit", "-q", "-m", "work", path=path)
    linked.remove(forked.checkout, str(path), agent="a", task="t-1")
    assert not path.exists()
    linked.add(forked.checkout, str(tmp_path / "two"), agent="a", task="t-1")
    assert (tmp_path / "two" / "work").exists()


@pytest.mark.parametrize("what", ["file", "folder", "foreign worktree", "another task's"])
def test_what_is_in_the_way_is_left_alone(forked: Project, tmp_path: Path, what: str) -> None:
    path = tmp_path / "one"
    if what == "file":
        path.write_text("x")
    elif what == "folder":
        path.mkdir()
        (path / "x").write_text("x")
    elif what == "foreign worktree":
        forked.git("worktree", "add", "-q", str(path), "-b", "mine")
    else:
        linked.add(forked.checkout, str(path), agent="a", task="t-2")
    before = linked.linked(forked.checkout)
    with pytest.raises(WorktreeInUse):
        linked.add(forked.checkout, str(path), agent="a", task="t-1")
    assert linked.linked(forked.checkout) == before
    if what not in ("file", "folder"):
        with pytest.raises(WorktreeInUse):
            linked.remove(forked.checkout, str(path), agent="a", task="t-1")
    assert path.exists()


def test_a_worktree_that_somebody_deleted_by_hand_is_made_again(
    forked: Project, tmp_path: Path
) -> None:
    path = tmp_path / "one"
    linked.add(forked.checkout, str(path), agent="a", task="t-1")
    forked.git("clean", "-qffdx", path=path)
    (path / "a.txt").unlink()
    (path / "b.txt").unlink()
    (path / ".git").unlink()
    path.rmdir()
    linked.add(forked.checkout, str(path), agent="a", task="t-1")
    assert (path / "a.txt").exists()


@pytest.mark.parametrize("dirt", ["untracked", "changed", "staged"])
def test_a_dirty_worktree_is_never_removed(forked: Project, tmp_path: Path, dirt: str) -> None:
    path = tmp_path / "one"
    linked.add(forked.checkout, str(path), agent="a", task="t-1")
    (path / ("new" if dirt != "changed" else "a.txt")).write_text("precious")
    if dirt == "staged":
        forked.git("add", "-A", path=path)
    with pytest.raises(WorktreeInUse, match="uncommitted"):
        linked.remove(forked.checkout, str(path), agent="a", task="t-1")
    assert (path / ("new" if dirt != "changed" else "a.txt")).read_text() == "precious"


def test_a_worktree_with_commits_that_no_branch_names_is_not_removed(
    forked: Project, tmp_path: Path
) -> None:
    path = tmp_path / "one"
    linked.add(forked.checkout, str(path), agent="a", task="t-1")
    forked.git("switch", "-q", "--detach", path=path)
    (path / "work").write_text("x")
    forked.git("add", "-A", path=path)
    forked.git("commit", "-q", "-m", "work", path=path)
    with pytest.raises(WorktreeInUse, match="no branch names"):
        linked.remove(forked.checkout, str(path), agent="a", task="t-1")
    assert path.exists()


def test_removing_what_is_not_there_is_no_error_and_a_folder_of_others_is_one(
    forked: Project, tmp_path: Path
) -> None:
    linked.remove(forked.checkout, str(tmp_path / "nothing"), agent="a", task="t-1")
    with pytest.raises(WorktreeInUse):
        linked.remove(forked.checkout, str(forked.path / "a.txt"), agent="a", task="t-1")


def test_a_branch_that_is_checked_out_elsewhere_is_not_taken(
    forked: Project, tmp_path: Path
) -> None:
    linked.add(forked.checkout, str(tmp_path / "one"), agent="a", task="t-1")
    with pytest.raises(WorktreeInUse):
        linked.add(forked.checkout, str(tmp_path / "two"), agent="a", task="t-1")
    assert not (tmp_path / "two").exists()


def test_many_worktrees_made_at_once_all_succeed(forked: Project, tmp_path: Path) -> None:
    def make(number: int) -> str:
        path = str(tmp_path / f"tree-{number}")
        return linked.add(forked.checkout, path, agent=f"a-{number}", task="t-1").branch

    with ThreadPoolExecutor(6) as pool:
        branches = list(pool.map(make, range(12)))
    assert sorted(branches) == sorted(f"agent/a-{number}/t-1" for number in range(12))
    assert len(linked.linked(forked.checkout)) == 13


def test_a_lock_file_that_stays_is_reported_after_a_bounded_time(
    forked: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linked, "_PAUSE", 0.0)
    locked = forked.path / ".git" / "refs" / "heads" / "agent" / "a"
    locked.mkdir(parents=True)
    (locked / "t-1.lock").touch()
    with pytest.raises(GitFailed, match=r"t-1\.lock"):
        linked.add(forked.checkout, str(tmp_path / "one"), agent="a", task="t-1")
    assert not (tmp_path / "one").exists()


@pytest.mark.parametrize(
    ("agent", "task"),
    [("a b", "t:1"), ("..", "x.lock"), ("claude~^:?*[\\", "t/1"), ("é", "@{"), ("-", "." * 200)],
)
def test_any_name_gives_a_branch_that_git_accepts(forked: Project, agent: str, task: str) -> None:
    name = linked.branch_name(agent, task)
    assert forked.git("check-ref-format", "--branch", name) == name
    assert name.count("/") == 2


def test_names_that_differ_only_in_what_git_forbids_stay_apart() -> None:
    assert linked.branch_name("a", "t:1") != linked.branch_name("a", "t-1")
    assert linked.branch_name("a", "t:1") != linked.branch_name("a", "t/1")


def test_no_commit_means_no_worktree_and_a_clear_error(project: Project, tmp_path: Path) -> None:
    with pytest.raises(GitFailed):
        linked.add(project.checkout, str(tmp_path / "one"), agent="a", task="t-1")
    assert not (tmp_path / "one").exists()


def test_worktrees_of_a_bare_repository_are_listed_without_it(
    forked: Project, tmp_path: Path
) -> None:
    bare = tmp_path / "bare.git"
    forked.git("clone", "-q", "--bare", str(forked.path), str(bare))
    checkout = Checkout(find(str(bare), {}), forked.environ)
    made = linked.add(checkout, str(tmp_path / "one"), agent="a", task="t-1")
    assert linked.linked(checkout) == [made]
