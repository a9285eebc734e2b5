"""Trailers of commits: who made them under which token, once each, and never in the way."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.acceptance.workshop import Seat, Workshop
from tests.gitrun import git


@pytest.fixture
def shop(repo: str, tmp_path: Path) -> Workshop:
    found = Workshop(repo, tmp_path)
    found.set_up()
    return found


def session(seat: Seat) -> str:
    return f"Coord-Session: {seat.session}"


def token(pair: tuple[int, int]) -> str:
    return f"Coord-Token: {pair[0]}/{pair[1]}"


def editor(shop: Workshop, script: str) -> dict[str, str]:
    """Return the environment in which git opens this editor."""
    file = shop.folder / "editor.py"
    file.write_text(f"import pathlib, sys\nfile = pathlib.Path(sys.argv[1])\n{script}\n")
    return {"GIT_EDITOR": f"'{sys.executable}' '{file}'"}


def test_a_commit_says_its_session_and_the_highest_token_of_its_paths(shop: Workshop) -> None:
    shop.ada.acquire("other/")
    low = shop.ada.acquire("src/")
    high = shop.ada.acquire("lib/b.py")
    shop.ada.acquire("more/")
    shop.ada.commit("src/a.py")
    assert shop.ada.trailers() == [session(shop.ada), token(low)]
    shop.ada.stage("lib/b.py")
    shop.ada.commit("src/a.py", "again\n")
    assert shop.ada.trailers() == [session(shop.ada), token(high)]


def test_without_a_lock_on_any_path_there_is_no_token(shop: Workshop) -> None:
    shop.ada.acquire("src/")
    shop.ada.commit("docs/a.md")
    assert shop.ada.trailers() == [session(shop.ada)]


def test_who_is_not_checked_in_gets_none(shop: Workshop) -> None:
    shop.bob.shell("session", "end")
    shop.person.commit("a.py")
    assert shop.person.trailers() == []


def test_a_sub_agent_is_named_as_such(shop: Workshop) -> None:
    pair = shop.ada.acquire("src/")
    name = f"{shop.ada.session}/tester"
    shop.ada.commit("src/a.py", GITCOORD_SESSION=name)
    assert shop.ada.trailers() == [f"Coord-Session: {name}", token(pair)]


def test_the_setting_switches_them_off(shop: Workshop) -> None:
    git(shop.repo, "config", "coord.trailers", "false")
    shop.ada.commit("a.py")
    assert shop.ada.trailers() == []


def test_they_stand_with_the_trailers_that_are_there(shop: Workshop) -> None:
    shop.ada.stage("a.py")
    shop.ada.git("commit", "-q", "-s", "-m", "one\n\nbody\n---\nmore body")
    message = shop.ada.git("log", "-1", "--format=%B")
    name = "Signed-off-by: Test <test@example.invalid>"
    assert message == f"one\n\nbody\n---\nmore body\n\n{name}\n{session(shop.ada)}"


def test_an_amended_commit_has_them_once_and_a_new_token(shop: Workshop) -> None:
    old = shop.ada.acquire("src/")
    shop.ada.commit("src/a.py")
    shop.ada.git("commit", "-q", "--amend", "-m", "other words")
    assert shop.ada.trailers() == [session(shop.ada), token(old)]
    shop.ada.release()
    new = shop.ada.acquire("src/")
    assert new > old
    shop.ada.git("commit", "-q", "--amend", "--no-edit")
    assert shop.ada.trailers() == [session(shop.ada), token(new)]


def test_a_token_stays_when_the_lock_is_given_back(shop: Workshop) -> None:
    pair = shop.ada.acquire("src/")
    shop.ada.commit("src/a.py")
    shop.ada.release()
    shop.ada.git("commit", "-q", "--amend", "--no-edit")
    assert shop.ada.trailers() == [session(shop.ada), token(pair)]


def test_a_message_that_is_used_again_has_them_once(shop: Workshop) -> None:
    shop.ada.acquire("src/")
    first = shop.ada.commit("src/a.py", "1\n")
    shop.ada.stage("src/a.py", "2\n")
    shop.ada.git("commit", "-q", "-C", first)
    assert len(shop.ada.trailers()) == 2
    assert shop.ada.git("log", "-1", "--format=%B").count("Coord-") == 2


def test_a_squash_has_them_once(shop: Workshop) -> None:
    pair = shop.ada.acquire("src/")
    base = shop.ada.git("rev-parse", "HEAD")
    for number in range(3):
        shop.ada.commit("src/a.py", f"{number}\n")
    todo = (
        "file.write_text(file.read_text().replace('pick', 'squash').replace('squash', 'pick', 1))"
    )
    both = editor(shop, f"if 'rebase-merge/git-rebase-todo' in str(file): {todo}")
    shop.ada.git("rebase", "-q", "-i", base, **both)
    message = shop.ada.git("log", "-1", "--format=%B")
    assert message.count("Coord-Session:") == message.count("Coord-Token:") == 1
    assert message.count("change src/a.py") == 3
    assert shop.ada.trailers() == [session(shop.ada), token(pair)]


def test_a_merge_and_a_squash_merge_have_them(shop: Workshop) -> None:
    shop.bob.commit("b.py")
    shop.ada.acquire("a.py")
    shop.ada.commit("a.py")
    shop.ada.git("merge", "-q", "--no-edit", "main")
    assert shop.ada.trailers() == [session(shop.ada)]
    shop.bob.commit("c.py")
    shop.ada.git("merge", "-q", "--squash", "main")
    shop.ada.git("commit", "-q", "--no-edit")
    assert shop.ada.trailers() == [session(shop.ada)]


def test_work_of_others_that_is_carried_on_keeps_what_it_says(shop: Workshop) -> None:
    pair = shop.bob.acquire("src/")
    commit = shop.bob.commit("src/a.py")
    shop.bob.release()
    shop.ada.commit("b.py")
    shop.ada.git("cherry-pick", commit)
    assert shop.ada.trailers() == [session(shop.bob), token(pair)]
    shop.ada.git("rebase", "-q", "--force-rebase", "HEAD~2")
    assert shop.ada.trailers() == [session(shop.bob), token(pair)]
    own = shop.ada.acquire("src/")
    shop.ada.git("commit", "-q", "--amend", "--no-edit")
    assert shop.ada.trailers() == [session(shop.ada), token(own)]


def test_a_rebase_of_ones_own_work_keeps_them(shop: Workshop) -> None:
    pair = shop.ada.acquire("src/")
    shop.ada.commit("src/a.py")
    shop.bob.commit("b.py")
    shop.ada.git("rebase", "-q", "main")
    assert shop.ada.trailers() == [session(shop.ada), token(pair)]


def test_an_empty_message_from_an_editor_still_gives_the_commit_up(shop: Workshop) -> None:
    shop.ada.stage("a.py")
    said = shop.ada.refused("commit", "-s", **editor(shop, "pass"))
    assert "empty commit message" in said


def test_a_message_from_an_editor_gets_them_after_it(shop: Workshop) -> None:
    pair = shop.ada.acquire("a.py")
    shop.ada.stage("a.py")
    write = (
        "assert 'Coord-' not in file.read_text(); file.write_text('typed\\n' + file.read_text())"
    )
    shop.ada.git("commit", "-q", "-v", **editor(shop, write))
    assert shop.ada.git("log", "-1", "--format=%s") == "typed"
    assert shop.ada.trailers() == [session(shop.ada), token(pair)]


def test_a_template_that_nobody_has_filled_in_still_gives_the_commit_up(shop: Workshop) -> None:
    template = shop.folder / "template"
    template.write_text("What and why:\n")
    git(shop.repo, "config", "commit.template", str(template))
    shop.ada.stage("a.py")
    assert "did not edit the message" in shop.ada.refused("commit", **editor(shop, "pass"))
    write = "file.write_text(file.read_text() + 'because\\n')"
    shop.ada.git("commit", "-q", **editor(shop, write))
    assert shop.ada.trailers() == [session(shop.ada)]


def test_a_message_that_may_be_empty_stays_empty(shop: Workshop) -> None:
    shop.ada.stage("a.py")
    shop.ada.git("commit", "-q", "--allow-empty-message", "-m", "")
    assert shop.ada.git("log", "-1", "--format=%B") == ""


def test_git_skips_neither_hook_with_no_verify(shop: Workshop) -> None:
    """As githooks(5) says of prepare-commit-msg: the trailers are there all the same."""
    shop.ada.stage("a.py")
    shop.ada.git("commit", "-q", "--no-verify", "-m", "x")
    assert shop.ada.trailers() == [session(shop.ada)]


def test_a_broken_ledger_leaves_the_message_as_it_is(shop: Workshop) -> None:
    git(shop.repo, "update-ref", "-d", "refs/coord/state")
    shop.ada.commit("a.py")
    assert shop.ada.git("log", "-1", "--format=%B") == "change a.py"


def test_the_command_answers_programs(shop: Workshop) -> None:
    file = Path(shop.bench, "message")
    file.write_bytes(b"caf\xe9\r\n")
    assert shop.ada.shell("guard", "message", "message") == {
        "ok": True,
        "trailers": [session(shop.ada)],
    }
    assert file.read_bytes() == b"caf\xe9\r\n\n" + session(shop.ada).encode() + b"\n"
    before = file.read_bytes()
    shop.ada.shell("guard", "message", "message")
    assert file.read_bytes() == before
    assert shop.ada.shell("guard", "message", "missing")["trailers"] == []
