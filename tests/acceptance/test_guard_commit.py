"""`git commit` in a repository with the hooks: what is refused, and what only looks like it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gitcoord.ledger import written
from tests.acceptance.workshop import Workshop
from tests.gitrun import git


@pytest.fixture
def shop(repo: str, tmp_path: Path) -> Workshop:
    found = Workshop(repo, tmp_path)
    found.set_up()
    return found


def test_a_path_that_another_holds_is_not_committed(shop: Workshop) -> None:
    shop.bob.acquire("src/", options=("--reason", "new login"))
    shop.ada.stage("src/a.py")
    said = shop.ada.refused("commit", "-m", "mine")
    assert "lock_held: this commit is refused: src/a.py is held by bob" in said
    assert f"src/a.py (src/**) is held by bob (session {shop.bob.session}) until 20" in said
    assert ": new login" in said
    assert "next: Wait for it with `gitcoord lock acquire src/a.py --wait 10m`" in said


def test_ones_own_and_free_paths_are_committed_without_a_word(shop: Workshop) -> None:
    shop.bob.acquire("docs/")
    shop.ada.acquire("src/")
    shop.ada.stage("src/a.py")
    shop.ada.stage("lib/b.py")
    done = shop.ada.try_git("commit", "-q", "-m", "mine")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_a_person_without_a_session_is_held_against_everybody(shop: Workshop) -> None:
    shop.ada.acquire("src/")
    shop.bob.shell("session", "end")
    shop.person.stage("src/a.py")
    assert "held by ada" in shop.person.refused("commit", "-m", "mine")
    shop.person.git("restore", "--staged", "--", "src/a.py")
    shop.person.commit("README", "changed\n")


def test_the_only_session_of_a_worktree_acts_there_also_for_a_person(shop: Workshop) -> None:
    shop.bob.acquire("src/")
    shop.person.commit("src/a.py")
    assert shop.person.trailers()[0] == f"Coord-Session: {shop.bob.session}"


def test_where_several_sessions_are_live_none_of_theirs_is_another(shop: Workshop) -> None:
    shop.person.shell.start("carl")
    shop.bob.acquire("src/")
    shop.ada.acquire("docs/")
    shop.person.commit("src/a.py")
    assert shop.person.trailers() == []
    shop.person.stage("docs/b.md")
    assert "held by ada" in shop.person.refused("commit", "-m", "mine")


def test_a_shared_lock_excludes_who_does_not_share_it(shop: Workshop) -> None:
    shop.bob.acquire("src/", options=("--shared",))
    shop.ada.stage("src/a.py")
    assert "held by bob" in shop.ada.refused("commit", "-m", "mine")
    shop.ada.acquire("src/a.py", options=("--shared",))
    shop.ada.git("commit", "-q", "-m", "mine")


def test_both_names_of_a_rename_deletions_and_modes_are_changes(shop: Workshop) -> None:
    for path in ("old.py", "gone.py", "tool.sh"):
        shop.ada.commit(path, f"{path}\n" * 20)
    shop.ada.git("mv", "old.py", "new.py")
    shop.bob.acquire("old.py")
    assert "old.py is held" in shop.ada.refused("commit", "-m", "x")
    shop.bob.release()
    shop.bob.acquire("new.py")
    assert "new.py is held" in shop.ada.refused("commit", "-m", "x")
    shop.ada.git("reset", "-q", "--hard")
    shop.bob.acquire("gone.py", "tool.sh")
    shop.ada.git("rm", "-q", "gone.py")
    assert "gone.py is held" in shop.ada.refused("commit", "-m", "x")
    shop.ada.git("reset", "-q", "--hard")
    shop.ada.git("update-index", "--chmod=+x", "tool.sh")
    assert "tool.sh is held" in shop.ada.refused("commit", "-m", "x")


def test_a_partial_commit_is_judged_by_what_it_commits(shop: Workshop) -> None:
    shop.ada.commit("src/a.py", "1\n")
    shop.ada.commit("lib/b.py", "1\n")
    shop.bob.acquire("src/")
    shop.ada.stage("src/a.py", "2\n")
    shop.ada.write("lib/b.py", "2\n")
    shop.ada.git("commit", "-q", "-m", "only b", "lib/b.py")
    assert shop.ada.git("diff", "--cached", "--name-only") == "src/a.py"
    shop.ada.write("lib/b.py", "3\n")
    assert "src/a.py is held" in shop.ada.refused("commit", "-q", "-m", "x", "src/a.py")
    assert "src/a.py is held" in shop.ada.refused("commit", "-q", "-a", "-m", "x")


def test_from_a_folder_of_the_worktree_it_is_the_same(shop: Workshop) -> None:
    shop.bob.acquire("src/")
    shop.ada.stage("src/deep/a.py")
    inner = shop.ada.at(f"{shop.bench}/src/deep")
    assert "src/deep/a.py is held" in inner.refused("commit", "-m", "x")


def test_git_pointed_at_the_place_by_the_environment_is_the_same(
    shop: Workshop, tmp_path: Path
) -> None:
    shop.bob.acquire("src/")
    shop.ada.stage("src/a.py")
    away = shop.ada.at(str(tmp_path))
    place = git(shop.bench, "rev-parse", "--absolute-git-dir")
    done = away.try_git(
        "commit", "-m", "x", environ={"GIT_DIR": place, "GIT_WORK_TREE": shop.bench}
    )
    assert done.code == 1
    assert "src/a.py is held by bob" in done.err


def test_the_first_commit_of_a_branch_without_one_is_checked(shop: Workshop) -> None:
    shop.bob.acquire("src/")
    shop.ada.git("switch", "-q", "--orphan", "fresh")
    shop.ada.stage("src/a.py")
    assert "src/a.py is held" in shop.ada.refused("commit", "-m", "x")
    shop.ada.git("rm", "-q", "--cached", "src/a.py")
    shop.ada.commit("other.py")


def test_a_detached_head_is_checked(shop: Workshop) -> None:
    shop.bob.acquire("src/")
    shop.ada.git("switch", "-q", "--detach")
    shop.ada.stage("src/a.py")
    assert "src/a.py is held" in shop.ada.refused("commit", "-m", "x")


def test_what_a_merge_takes_over_from_another_branch_is_not_its_own(shop: Workshop) -> None:
    shop.ada.commit("both.py", "base\n")
    shop.bob.git("merge", "-q", "--ff-only", "work")
    shop.bob.acquire("src/")
    shop.bob.commit("src/a.py")
    shop.bob.commit("both.py", "bob\n")
    shop.ada.commit("both.py", "ada\n")
    done = shop.ada.try_git("merge", "main")
    assert "CONFLICT" in done.out
    shop.ada.stage("both.py", "both\n")
    shop.ada.git("commit", "-q", "-m", "merged")
    assert shop.ada.git("rev-parse", "HEAD^2") == git(shop.repo, "rev-parse", "main")


def test_what_a_merge_makes_itself_is_checked(shop: Workshop) -> None:
    shop.ada.commit("both.py", "base\n")
    shop.bob.git("merge", "-q", "--ff-only", "work")
    shop.bob.commit("both.py", "bob\n")
    shop.ada.commit("both.py", "ada\n")
    shop.bob.acquire("both.py")
    shop.ada.try_git("merge", "main")
    shop.ada.stage("both.py", "both\n")
    assert "both.py is held" in shop.ada.refused("commit", "-m", "merged")


def test_a_submodule_stands_for_all_below_it(shop: Workshop, tmp_path: Path) -> None:
    inner = str(tmp_path / "inner")
    git(str(tmp_path), "init", "-q", inner)
    git(inner, "commit", "-q", "--allow-empty", "-m", "one")
    allow = ("-c", "protocol.file.allow=always")
    shop.ada.git(*allow, "submodule", "add", "-q", inner, "sub")
    shop.bob.acquire("sub/lib/x.py")
    assert "sub/ is held by bob" in shop.ada.refused("commit", "-m", "x")
    shop.bob.release()
    shop.ada.git("commit", "-q", "-m", "sub")
    git(inner, "commit", "-q", "--allow-empty", "-m", "two")
    git(f"{shop.bench}/sub", *allow, "pull", "-q")
    shop.ada.git("add", "sub")
    shop.bob.acquire("sub/**")
    assert "sub/ is held by bob" in shop.ada.refused("commit", "-m", "x")


def test_an_entry_that_is_only_intended_to_be_added_is_no_change(shop: Workshop) -> None:
    shop.bob.acquire("src/")
    shop.ada.write("src/a.py")
    shop.ada.git("add", "--intent-to-add", "src/a.py")
    shop.ada.commit("other.py")


@pytest.mark.parametrize("name", [b"caf\xe9.py", b"line\nfeed.py", b'quote".py', b"tab\t.py"])
def test_paths_with_odd_names_are_judged_as_they_are(shop: Workshop, name: bytes) -> None:
    shop.bob.acquire("src/")
    folder = Path(shop.bench, "src")
    folder.mkdir()
    try:
        Path(folder, name.decode("utf-8", "surrogateescape")).write_text("x\n")
    except OSError:
        pytest.skip("this file system does not allow the name")
    shop.ada.git("add", "-A")
    assert "is held by bob" in shop.ada.refused("commit", "-m", "x")
    shop.bob.release()
    shop.bob.acquire("docs/")
    shop.ada.git("commit", "-q", "-m", "x")


def test_twenty_thousand_paths_are_judged_at_once(shop: Workshop) -> None:
    for number in range(100):
        folder = Path(shop.bench, f"many/{number}")
        folder.mkdir(parents=True)
        for file in range(200):
            (folder / f"{file}.py").write_text(f"{number} {file}\n")
    shop.ada.git("add", "-A")
    shop.bob.acquire("many/77/*.py", "many/3/5.py")
    said = shop.ada.refused("commit", "-q", "-m", "many")
    assert "many/3/5.py and 200 more are held by bob" in said
    shop.bob.release()
    shop.bob.acquire("other/")
    shop.ada.git("commit", "-q", "-m", "many")


def test_a_lease_that_is_over_and_a_session_that_is_dead_stop_nobody(shop: Workshop) -> None:
    shop.bob.acquire("src/", options=("--ttl", "1s"))
    shop.ada.stage("src/a.py")
    until = shop.ada.try_git("commit", "-q", "-m", "x")
    while until.code:
        until = shop.ada.try_git("commit", "-q", "-m", "x")
        assert "held by bob" in until.err or until.code == 0


def test_a_session_whose_process_is_gone_is_swept_before_anybody_is_refused(
    shop: Workshop,
) -> None:
    child = subprocess.Popen(["sleep", "600"])
    dead = shop.person.shell.start("dora", "--life", "process", "--pid", str(child.pid))
    dead("lock", "acquire", "src/")
    shop.ada.stage("src/a.py")
    assert "held by dora" in shop.ada.refused("commit", "-m", "x")
    child.kill()
    child.wait()
    shop.ada.git("commit", "-q", "-m", "x")


def note(shop: Workshop, path: str, token: tuple[int, int]) -> str:
    """Do what the hook of an agent's client does when ada writes a file; return the git dir."""
    place = git(shop.bench, "rev-parse", "--absolute-git-dir")
    written.record(place, path, shop.ada.session, *token, 1_767_600_000)
    return place


def test_what_was_written_under_a_token_that_is_overtaken_is_not_committed(shop: Workshop) -> None:
    note(shop, "src/a.py", shop.ada.acquire("src/a.py"))
    shop.ada.stage("src/a.py")
    shop.ada.release()
    shop.ada.git("commit", "-q", "-m", "released, and nobody came")
    note(shop, "src/a.py", shop.ada.acquire("src/a.py"))
    shop.ada.stage("src/a.py", "newer\n")
    shop.ada.release()
    shop.bob.acquire("src/")
    shop.bob.release()
    said = shop.ada.refused("commit", "-m", "x")
    assert "token_stale: this commit is refused: src/a.py is written under a token" in said
    assert f"src/** went to bob (session {shop.bob.session}) at 20" in said
    assert "gitcoord lock acquire src/a.py" in said
    shop.ada.acquire("src/a.py")
    shop.ada.git("commit", "-q", "-m", "x")


def test_a_commit_forgets_the_tokens_of_what_it_has_committed(shop: Workshop) -> None:
    token = shop.ada.acquire("src/")
    for path in ("src/a.py", "src/b.py", "src/c.py"):
        shop.ada.commit(path, "1\n")
        place = note(shop, path, token)
    shop.ada.stage("src/a.py", "2\n")
    shop.ada.stage("src/b.py", "2\n")
    shop.ada.write("src/b.py", "3\n")
    shop.ada.git("commit", "-q", "-m", "half")
    assert set(written.of(place)) == {"src/b.py", "src/c.py"}


def test_without_a_ledger_nothing_is_said(shop: Workshop, tmp_path: Path) -> None:
    shop.person.shell("uninstall", "--yes", "--force")
    shop.set_up()
    shop.ada.stage("src/a.py")
    done = shop.ada.try_git("commit", "-q", "-m", "x")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_a_broken_ledger_stops_nobody_and_is_said_once(shop: Workshop) -> None:
    git(shop.repo, "update-ref", "-d", "refs/coord/state")
    shop.ada.stage("src/a.py")
    done = shop.ada.try_git("commit", "-q", "-m", "x")
    assert done.code == 0
    lines = [line for line in done.err.splitlines() if line]
    assert len(lines) == 2, lines
    assert lines[0].startswith("gitcoord: not checked: ledger_missing:")


def test_a_bypass_with_a_reason_lets_it_pass_and_says_so(shop: Workshop) -> None:
    shop.bob.acquire("src/")
    shop.ada.stage("src/a.py")
    assert "held by bob" in shop.ada.refused("commit", "-m", "x", GITCOORD_BYPASS=" ")
    done = shop.ada.try_git("commit", "-q", "-m", "x", environ={"GITCOORD_BYPASS": "bob agreed"})
    assert done.code == 0
    assert "gitcoord: bypassed (bob agreed): lock_held:" in done.err


def test_git_has_a_way_round_of_its_own(shop: Workshop) -> None:
    shop.bob.acquire("src/")
    shop.ada.stage("src/a.py")
    shop.ada.git("commit", "-q", "--no-verify", "-m", "x")


def test_a_stash_is_not_touched(shop: Workshop) -> None:
    shop.ada.commit("src/a.py", "1\n")
    shop.bob.acquire("src/")
    shop.ada.write("src/a.py", "2\n")
    shop.ada.git("stash", "-q")
    shop.ada.git("stash", "pop", "-q")
    assert shop.ada.git("diff", "--name-only") == "src/a.py"


def test_the_check_answers_programs(shop: Workshop) -> None:
    shop.bob.acquire("src/")
    shop.ada.stage("src/a.py")
    error = shop.ada.shell("guard", "commit", code=3)["error"]
    assert error["code"] == "lock_held"
    assert error["conflicts"][0]["paths"] == ["src/a.py"]
    assert error["conflicts"][0]["session"] == shop.bob.session
    shop.bob.release()
    assert shop.ada.shell("guard", "commit")["checked"] is True
