"""`git push` in a repository with the hooks: what a push brings by itself, and what it may not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gitcoord.domain.violations import Violation, recorded
from gitcoord.entrypoints.cli.pushed import Update, updates
from gitcoord.errors import UsageError
from tests.acceptance.workshop import Seat, Workshop
from tests.gitrun import git
from tests.ledger.houses import opened


class Hub:
    """The host that is pushed to."""

    def __init__(self, shop: Workshop) -> None:
        self.path = str(shop.folder / "hub.git")
        git(str(shop.folder), "init", "-q", "--bare", self.path)
        git(shop.repo, "remote", "add", "origin", self.path)
        git(shop.repo, "push", "-q", "origin", "main")
        git(shop.repo, "remote", "set-head", "origin", "main")

    def refs(self) -> str:
        return git(self.path, "for-each-ref")

    def refused(self, seat: Seat, *words: str, **environ: str) -> str:
        """Push, which is refused before anything has moved, and return why."""
        before = self.refs()
        said = seat.refused("push", *(words or ("origin", "HEAD")), **environ)
        assert self.refs() == before
        return said


@pytest.fixture
def shop(repo: str, tmp_path: Path) -> Workshop:
    return Workshop(repo, tmp_path)


@pytest.fixture
def hub(shop: Workshop) -> Hub:
    found = Hub(shop)
    shop.set_up()
    return found


def test_a_push_of_what_another_holds_is_refused_on_every_branch(shop: Workshop, hub: Hub) -> None:
    shop.ada.commit("src/a.py")
    shop.ada.commit("free.py")
    shop.bob.acquire("src/", options=("--reason", "new login"))
    for branch in ("HEAD:refs/heads/work", "HEAD:refs/heads/main", "HEAD:refs/tags/v1"):
        said = hub.refused(shop.ada, "origin", branch)
        assert "lock_held: this push is refused: src/a.py is held by bob" in said
        assert f"(session {shop.bob.session}) until 20" in said
    assert "or push without the commits that change it" in said
    shop.bob.release()
    done = shop.ada.try_git("push", "-q", "origin", "HEAD")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_only_what_the_push_brings_by_itself_counts(shop: Workshop, hub: Hub) -> None:
    shop.bob.stage("src/b.py")
    shop.bob.git("-c", "core.hooksPath=/dev/null", "commit", "-q", "-m", "without trailers")
    shop.bob.git("push", "-q", "origin", "main")
    shop.bob.acquire("src/")
    shop.ada.commit("free.py")
    shop.ada.git("push", "-q", "origin", "work")
    shop.ada.commit("more.py")
    shop.ada.git("merge", "-q", "--no-edit", "origin/main")
    shop.ada.git("push", "-q", "origin", "work")
    assert git(hub.path, "rev-parse", "work") == shop.ada.git("rev-parse", "HEAD")


def test_what_is_undone_again_in_the_same_push_does_not_count(shop: Workshop, hub: Hub) -> None:
    shop.ada.commit("src/a.py")
    shop.ada.git("revert", "--no-edit", "HEAD")
    shop.bob.acquire("src/")
    shop.ada.git("push", "-q", "origin", "HEAD")


def test_landing_is_checked_also_when_the_branch_is_published(shop: Workshop, hub: Hub) -> None:
    shop.ada.commit("src/a.py")
    shop.ada.git("push", "-q", "origin", "work")
    shop.bob.acquire("src/")
    shop.ada.git("push", "-q", "origin", "work:refs/heads/copy")
    assert "src/a.py is held" in hub.refused(shop.ada, "origin", "work:main")


def test_commits_of_the_holder_may_be_pushed_by_anybody(shop: Workshop, hub: Hub) -> None:
    shop.bob.acquire("src/")
    shop.bob.commit("src/b.py")
    shop.ada.git("merge", "-q", "--no-edit", "main")
    shop.ada.git("push", "-q", "origin", "HEAD")
    shop.ada.stage("src/b.py", "ada\n")
    shop.ada.git("commit", "-q", "--no-verify", "-m", "meddling")
    assert "src/b.py is held" in hub.refused(shop.ada)


def test_what_a_merge_makes_itself_is_checked(shop: Workshop, hub: Hub) -> None:
    shop.ada.commit("both.py", "base\n")
    shop.bob.git("merge", "-q", "work")
    shop.bob.git("push", "-q", "origin", "main")
    shop.bob.commit("both.py", "bob\n")
    shop.ada.commit("both.py", "ada\n")
    shop.ada.git("push", "-q", "origin", "work")
    shop.ada.try_git("merge", "main")
    shop.ada.stage("both.py", "both\n")
    shop.ada.git("commit", "-q", "-m", "merged")
    shop.bob.acquire("both.py")
    assert "both.py is held" in hub.refused(shop.ada)


def test_the_first_push_to_an_empty_host_is_checked(shop: Workshop) -> None:
    path = str(shop.folder / "empty.git")
    git(str(shop.folder), "init", "-q", "--bare", path)
    shop.set_up()
    shop.bob.acquire("README")
    assert "README is held by bob" in shop.ada.refused("push", path, "HEAD:refs/heads/main")
    shop.ada.commit("a.py")
    shop.ada.git("push", "-q", path, "HEAD:refs/heads/work")
    assert git(path, "for-each-ref", "--format=%(refname)") == "refs/heads/work"


def test_a_deleted_branch_brings_nothing(shop: Workshop, hub: Hub) -> None:
    shop.ada.commit("src/a.py")
    shop.ada.git("push", "-q", "origin", "work")
    shop.bob.acquire("src/")
    shop.ada.git("push", "-q", "origin", ":work")


def test_several_branches_are_judged_together_and_all_or_none_go(shop: Workshop, hub: Hub) -> None:
    shop.ada.commit("free.py")
    shop.ada.git("branch", "free")
    shop.ada.commit("src/a.py")
    shop.bob.acquire("src/")
    assert "src/a.py is held" in hub.refused(shop.ada, "origin", "free", "work")
    shop.ada.git("push", "-q", "origin", "free")


def test_refs_of_the_ledger_and_notes_are_not_looked_at(shop: Workshop, hub: Hub) -> None:
    shop.bob.acquire("**")
    shop.ada.git("notes", "add", "-m", "a note")
    shop.ada.git("push", "-q", "origin", "refs/coord/state", "refs/notes/commits")


@pytest.mark.parametrize(
    "words", [("--force", "origin", "work:main"), ("origin", ":main"), ("--mirror", "origin")]
)
def test_nobody_takes_commits_away_from_a_protected_branch(
    shop: Workshop, hub: Hub, words: tuple[str, ...]
) -> None:
    shop.bob.commit("b.py")
    shop.bob.git("push", "-q", "origin", "main")
    shop.bob.git("reset", "-q", "--hard", "HEAD~1")
    shop.ada.commit("a.py")
    said = hub.refused(shop.ada, *words)
    assert "denied: this push is refused: it would" in said
    assert "main, which is protected" in said
    shop.ada.git("push", "-q", "origin", "work")
    shop.ada.git("commit", "-q", "--amend", "-m", "again")
    shop.ada.git("push", "-q", "--force", "origin", "work")


def test_the_branch_on_which_work_lands_is_protected_whatever_its_name(
    shop: Workshop, hub: Hub
) -> None:
    git(shop.repo, "push", "-q", "origin", "main:trunk")
    shop.person.shell("config", "--shared", "target_branch", "trunk")
    assert "would delete trunk" in hub.refused(shop.ada, "origin", ":trunk")
    assert "would delete main" in hub.refused(shop.ada, "origin", ":main")


def overtaken(shop: Workshop) -> str:
    """Let ada commit under a token that is overtaken before she pushes; return the commit."""
    shop.ada.acquire("src/")
    commit = shop.ada.commit("src/a.py")
    shop.ada.release()
    shop.bob.acquire("src/a.py")
    return commit


def test_a_commit_whose_token_is_overtaken_is_refused(shop: Workshop, hub: Hub) -> None:
    commit = overtaken(shop)
    shop.bob.release()
    said = hub.refused(shop.ada)
    assert "token_stale: this push is refused: src/a.py is written under a token" in said
    assert f"src/a.py (commit {commit[:12]}): written under token 1/1; src/a.py went to bob" in said
    shop.ada.acquire("src/a.py")
    shop.ada.git("push", "-q", "origin", "HEAD")


def test_a_grant_that_was_there_before_the_token_overtakes_nothing(
    shop: Workshop, hub: Hub
) -> None:
    shop.bob.acquire("src/")
    shop.bob.release()
    shop.ada.acquire("src/")
    shop.ada.commit("src/a.py")
    shop.ada.release()
    shop.bob.acquire("lib/")
    shop.ada.git("push", "-q", "origin", "HEAD")


def test_work_that_the_newer_holder_has_built_on_is_not_overtaken(shop: Workshop, hub: Hub) -> None:
    overtaken(shop)
    shop.bob.git("merge", "-q", "--no-edit", "work")
    shop.bob.commit("src/a.py", "built on it\n")
    shop.bob.release()
    shop.bob.shell("session", "end")
    shop.person.git("push", "-q", "origin", "main")


def test_work_beside_that_of_the_newer_holder_is_overtaken(shop: Workshop, hub: Hub) -> None:
    overtaken(shop)
    shop.bob.commit("src/a.py", "not built on it\n")
    shop.bob.release()
    shop.bob.try_git("merge", "work")
    shop.bob.stage("src/a.py", "both\n")
    shop.bob.git("commit", "-q", "-m", "merged")
    shop.bob.shell("session", "end")
    said = hub.refused(shop.person, "origin", "main")
    assert "token_stale" in said


def test_a_new_token_after_taking_it_again_goes(shop: Workshop, hub: Hub) -> None:
    overtaken(shop)
    shop.bob.release()
    shop.ada.acquire("src/")
    shop.ada.git("commit", "-q", "--amend", "--no-edit")
    shop.ada.release()
    shop.ada.git("push", "-q", "origin", "HEAD")


def test_a_bare_repository_pushes_under_the_same_rules(shop: Workshop, hub: Hub) -> None:
    shop.ada.commit("src/a.py")
    shop.bob.acquire("src/")
    bare = Seat(str(Path(shop.repo, ".git")), shop.ada.shell)
    done = bare.try_git("--bare", "push", "origin", "work")
    assert done.code == 1
    assert "src/a.py is held by bob" in done.err


def test_a_local_ref_can_be_any_expression(shop: Workshop, hub: Hub) -> None:
    shop.ada.commit("src/a.py")
    shop.ada.commit("b.py")
    shop.bob.acquire("src/")
    said = hub.refused(shop.ada, "origin", "HEAD@{0 seconds ago}:refs/heads/x")
    assert "src/a.py is held" in said


def test_a_bypass_is_said_and_recorded_in_the_ledger(shop: Workshop, hub: Hub) -> None:
    shop.ada.commit("src/a.py")
    shop.bob.acquire("src/")
    done = shop.ada.try_git(
        "push", "-q", "origin", "HEAD", environ={"GITCOORD_BYPASS": "urgent fix"}
    )
    assert done.code == 0
    assert "gitcoord: bypassed (urgent fix): lock_held: this push is refused: src/a.py" in done.err
    shop.bob.release()
    (found,) = violations(shop)
    assert (found.rule, found.action, found.tool) == ("lock_held", "bypassed", "git push")
    assert (found.session, found.agent) == (shop.ada.session, "ada")
    assert (found.reason, found.paths) == ("urgent fix", ("src/a.py",))


def test_what_is_refused_is_recorded_too_also_of_a_person(shop: Workshop, hub: Hub) -> None:
    shop.ada.acquire("src/")
    shop.bob.shell("session", "end")
    shop.person.stage("src/a.py")
    shop.person.refused("commit", "-m", "x")
    shop.ada.release()
    (found,) = violations(shop)
    assert (found.rule, found.action, found.tool) == ("lock_held", "blocked", "git commit")
    assert found.session == ""
    assert found.part.startswith("this commit is refused: src/a.py")


def violations(shop: Workshop) -> list[Violation]:
    with opened(shop.repo).ledger.state() as state:
        return recorded(state)


def test_git_has_a_way_round_of_its_own(shop: Workshop, hub: Hub) -> None:
    shop.ada.commit("src/a.py")
    shop.bob.acquire("src/")
    shop.ada.git("push", "-q", "--no-verify", "origin", "HEAD")


def test_a_broken_ledger_stops_no_push(shop: Workshop, hub: Hub) -> None:
    shop.ada.commit("src/a.py")
    git(shop.repo, "update-ref", "-d", "refs/coord/state")
    done = shop.ada.try_git("push", "-q", "origin", "HEAD")
    assert done.code == 0
    assert done.err.startswith("gitcoord: not checked: ledger_missing:")


def test_the_lines_of_git_are_read_from_the_right() -> None:
    old, new, none = "1" * 40, "2" * 40, "0" * 40
    data = (
        f"HEAD@{{1 day ago}} {new} refs/heads/x {old}\n"
        f"(delete) {none} refs/heads/y {old}\n"
        f"refs/heads/z {new} refs/heads/z {none}\n"
        f"refs/coord/state {new} refs/coord/state {old}\n"
    ).encode()
    assert updates(data) == [
        Update(new, "refs/heads/x", old),
        Update("", "refs/heads/y", old),
        Update(new, "refs/heads/z", ""),
    ]
    assert updates(b"") == []
    with pytest.raises(UsageError, match="pre-push"):
        updates(b"nonsense\n")


def test_lines_that_are_none_of_gits_stop_nobody(shop: Workshop) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gitcoord", "guard", "push", "origin"],
        cwd=shop.bench,
        env=dict(shop.ada.shell.environ),
        input=b"nonsense\n",
        capture_output=True,
    )
    assert done.returncode == 0
    assert done.stderr.startswith(b"gitcoord: not checked: usage:")
