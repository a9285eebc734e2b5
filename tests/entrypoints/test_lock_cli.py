"""`gitcoord lock`: what people and programs get to see of locks, the queue and take-over."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.entrypoints.door import Door, refs
from tests.entrypoints.program import Programs, until
from tests.gitrun import git

#: What a lock has for programs: docs/cli.md.
LOCK = {
    "key", "mode", "session", "agent", "epoch", "token", "acquired_at", "expires_at", "reason",
    "task",
}  # fmt: skip


def locked(door: Door, *words: str) -> dict[str, str]:
    """Return the agent of each locked key."""
    return {one["key"]: one["agent"] for one in door.json("lock", "list", *words)["locks"]}


def test_acquired_locks_are_told_with_all_that_a_program_needs(door: Door) -> None:
    session = door.start("ada")
    answer = door.json(
        "lock", "acquire", "src/auth/", "db:schema", "--ttl", "10m", "--reason", "login"
    )
    assert set(answer) == {"ok", "locks", "renewed", "ignored", "unlanded"}
    assert [one["key"] for one in answer["locks"]] == ["db:schema", "src/auth/**"]
    for one in answer["locks"]:
        assert set(one) == LOCK
        assert (one["mode"], one["session"], one["agent"]) == ("exclusive", session, "ada")
        assert one["reason"] == "login"
        assert one["acquired_at"].endswith("Z")
        assert one["expires_at"] > one["acquired_at"]
    first, second = (one["token"] for one in answer["locks"])
    assert second > first
    assert answer["renewed"] is False


def test_people_read_until_when_and_with_which_token(door: Door) -> None:
    door.start("ada")
    assert door("lock", "acquire", "a.py").startswith("locked a.py until ")
    said = door("lock", "acquire", "b.py", "--shared")
    assert said.strip().endswith("(token 1/2, shared)")


def test_asking_again_renews_and_keeps_the_token(door: Door) -> None:
    door.start("ada")
    first = door.json("lock", "acquire", "a.py")["locks"][0]
    again = door.json("lock", "acquire", "a.py", "--ttl", "2h")
    assert again["renewed"] is True
    assert again["locks"][0]["token"] == first["token"]
    assert again["locks"][0]["expires_at"] > first["expires_at"]
    assert "renewed a.py" in door("lock", "acquire", "a.py")


def test_a_held_key_is_refused_with_the_holder_and_what_to_do(door: Door) -> None:
    ada, bob = door.start("ada"), door.start("bob")
    held = door.json("lock", "acquire", "src/**", "--session", ada, "--reason", "login")["locks"][0]
    error = door.refused("lock", "acquire", "src/a.py", "--session", bob)
    assert error["code"] == "lock_held"
    assert error["message"]
    assert "--wait" in error["hint"]
    (conflict,) = error["conflicts"]
    for name in ("key", "agent", "session", "reason", "expires_at", "token"):
        assert conflict[name] == held[name]
    door("lock", "acquire", "src/a.py", "--session", bob, code=3)
    assert "lock_held: ada holds src/**" in door.err
    assert "next: Run `gitcoord lock acquire 'src/a.py' --wait" in door.err


def test_a_set_is_taken_whole_or_not_at_all(door: Door) -> None:
    ada, bob = door.start("ada"), door.start("bob")
    door("lock", "acquire", "b.py", "--session", ada)
    door.refused("lock", "acquire", "a.py", "b.py", "c.py", "--session", bob)
    assert locked(door) == {"b.py": "ada"}


def test_who_shares_a_key_keeps_writers_out_and_readers_in(door: Door) -> None:
    ada, bob = door.start("ada"), door.start("bob")
    door("lock", "acquire", "a.py", "--shared", "--session", ada)
    door("lock", "acquire", "*.py", "--shared", "--session", bob)
    assert {one["mode"] for one in door.json("lock", "list")["locks"]} == {"shared"}
    assert door.refused("lock", "acquire", "a.py", "--session", bob)["code"] == "lock_held"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("../a",), "invalid_key"),
        (("/etc/passwd",), "invalid_key"),
        (("",), "invalid_key"),
        ((".",), "invalid_key"),
        ((".git",), "invalid_key"),
        (("a\nb",), "invalid_key"),
        (("a\0b",), "invalid_key"),
        (("x" * 513,), "invalid_key"),
        (("planet:mars",), "unknown_namespace"),
        (("a.py", "--ttl", "0s"), "ttl_out_of_range"),
        (("a.py", "--ttl", "9h"), "ttl_out_of_range"),
        (("a.py", "--ttl", "soon"), "invalid_value"),
        (("a.py", "--wait", "soon"), "invalid_value"),
        ((), "usage"),
    ],
)
def test_a_wrong_wish_is_refused_and_nothing_changes(
    door: Door, words: tuple[str, ...], code: str
) -> None:
    door.start("ada")
    assert door.refused("lock", "acquire", *words, code=2)["code"] == code
    assert locked(door) == {}


def test_a_text_over_the_limit_is_refused(door: Door) -> None:
    door.start("ada")
    error = door.refused("lock", "acquire", "a.py", "--reason", "x" * 65_537, code=2)
    assert error["code"] == "text_too_long"


def test_what_the_settings_ignore_is_never_locked(door: Door) -> None:
    door("config", "--shared", "ignore", "*.lock")
    door.start("ada")
    answer = door.json("lock", "acquire", "poetry.lock", "a.py")
    assert answer["ignored"] == ["poetry.lock"]
    assert locked(door) == {"a.py": "ada"}
    assert "ignored poetry.lock" in door("lock", "acquire", "poetry.lock")


def test_a_folder_that_exists_is_the_whole_folder(door: Door) -> None:
    door.write("src/a.py", "")
    door.start("ada")
    assert door.json("lock", "acquire", "src")["locks"][0]["key"] == "src/**"


def test_a_file_with_glob_characters_in_its_name_is_that_file(door: Door) -> None:
    door.write("app/[id]/page.tsx", "")
    door.write("app/{a,b}.ts", "")
    ada, bob = door.start("ada"), door.start("bob")
    keys = ("app/[id]/page.tsx", "app/{a,b}.ts")
    door("lock", "acquire", *keys, "--session", ada)
    # As globs these two would stand for others.
    door("lock", "acquire", "app/i/page.tsx", "app/a.ts", "--session", bob)
    for key in keys:
        assert door.refused("lock", "acquire", key, "--session", bob)["code"] == "lock_held"
        checked = door.json("lock", "check", key, "--session", bob, code=3)
        assert checked["held"][0]["path"] == key
    assert door.json("lock", "release", *keys, "--session", ada)["released"]
    assert set(locked(door).values()) == {"bob"}


def test_a_folder_with_glob_characters_in_its_name_is_that_folder(door: Door) -> None:
    door.write("app/[id]/page.tsx", "")
    ada, bob = door.start("ada"), door.start("bob")
    door("lock", "acquire", "app/[id]", "--session", ada)
    door("lock", "acquire", "app/i/page.tsx", "--session", bob)
    door.refused("lock", "acquire", "app/[id]/page.tsx", "--session", bob)


def test_only_a_dot_and_a_slash_mean_the_working_directory(door: Door) -> None:
    door.write("src/deep/a.py", "")
    door.start("ada")
    door.go(os.path.join(door.place, "src", "deep"))
    door("lock", "acquire", "./a.py", "b.py")
    assert set(locked(door)) == {"src/deep/a.py", "b.py"}
    assert door.json("lock", "check", "./a.py")["held"][0]["path"] == "src/deep/a.py"
    door("lock", "release", "./a.py", "b.py")
    assert locked(door) == {}
    door.go(door.place)
    door("lock", "acquire", "./README")
    assert set(locked(door)) == {"README"}


def test_released_keys_are_free_for_others(door: Door) -> None:
    ada, bob = door.start("ada"), door.start("bob")
    door("lock", "acquire", "a.py", "b.py", "c.py", "--session", ada)
    answer = door.json("lock", "release", "a.py", "--session", ada)
    assert answer == {"ok": True, "released": ["a.py"], "unlanded": []}
    door("lock", "acquire", "a.py", "--session", bob)
    assert door("lock", "release", "--all", "--session", ada) == "released b.py\nreleased c.py\n"
    assert locked(door) == {"a.py": "bob"}
    assert door("lock", "release", "--all", "--session", ada) == "nothing was held\n"


def test_what_is_not_yours_you_cannot_release_or_renew(door: Door) -> None:
    ada, bob = door.start("ada"), door.start("bob")
    door("lock", "acquire", "a.py", "--session", ada)
    door("lock", "acquire", "b.py", "--session", bob)
    for verb in ("release", "renew"):
        error = door.refused("lock", verb, "a.py", "b.py", "--session", bob)
        assert error["code"] == "lock_not_found_or_not_owner"
    assert locked(door) == {"a.py": "ada", "b.py": "bob"}


def test_release_wants_keys_or_all(door: Door) -> None:
    door.start("ada")
    assert door.refused("lock", "release", code=2)["code"] == "usage"
    assert door.refused("lock", "release", "a.py", "--all", code=2)["code"] == "usage"


def test_released_is_not_landed_and_others_are_told_where_to_build(door: Door) -> None:
    git(door.place, "checkout", "-q", "-b", "topic")
    ada, bob = door.start("ada"), door.start("bob")
    door("lock", "acquire", "a.py", "--session", ada)
    door.commit("a.py", "print()\n")
    (mark,) = door.json("lock", "release", "a.py", "--session", ada)["unlanded"]
    assert (mark["key"], mark["branch"], mark["agent"]) == ("a.py", "topic", "ada")
    assert mark["head"] == git(door.place, "rev-parse", "HEAD")
    (seen,) = door.json("lock", "acquire", "*.py", "--session", bob)["unlanded"]
    assert seen == mark
    said = door("lock", "acquire", "*.py", "--session", bob)
    assert "unlanded: a.py was changed by ada on topic; build on that branch" in said


def test_renewal_extends_all_or_the_named_ones(door: Door) -> None:
    door.start("ada")
    before = {
        one["key"]: one["expires_at"]
        for one in door.json("lock", "acquire", "a.py", "b.py", "--ttl", "5m")["locks"]
    }
    answer = door.json("lock", "renew", "a.py", "--ttl", "1h")
    assert [one["key"] for one in answer["locks"]] == ["a.py"]
    assert answer["locks"][0]["expires_at"] > before["a.py"]
    assert set(answer["locks"][0]) == LOCK
    door("lock", "renew", "--ttl", "2h")
    assert all(
        one["expires_at"] > answer["locks"][0]["expires_at"]
        for one in door.json("lock", "list")["locks"]
    )
    door("lock", "release", "--all")
    assert door("lock", "renew") == "nothing is held\n"


def test_check_says_who_holds_a_path_and_fails_only_for_others(door: Door) -> None:
    ada, bob = door.start("ada"), door.start("bob")
    assert door("lock", "check", "src/a.py", "--session", bob) == "free\n"
    held = door.json("lock", "acquire", "src/**", "--session", ada)["locks"][0]
    mine = door.json("lock", "check", "src/a.py", "--session", ada)
    assert mine == {"ok": True, "free": True, "held": [{"path": "src/a.py", "mine": True} | held]}
    theirs = door.json("lock", "check", "b.py", "src/a.py", "--session", bob, code=3)
    assert theirs["free"] is False
    assert [(one["path"], one["agent"]) for one in theirs["held"]] == [("src/a.py", "ada")]
    said = door("lock", "check", "src/a.py", "--session", bob, code=3)
    assert said.startswith(f"src/a.py is held by ada (session {ada}) as src/**, exclusive, until ")


def test_check_changes_nothing_and_needs_no_session(door: Door, tmp_path: Path) -> None:
    door.start("ada")
    door("lock", "acquire", "a.py")
    other = str(tmp_path / "other")
    git(door.place, "worktree", "add", "-q", other)
    door.go(other)
    before = refs(door.place)
    door("lock", "check", "a.py", code=3)
    assert refs(door.place) == before


def test_what_others_only_share_may_be_read(door: Door) -> None:
    ada, bob = door.start("ada"), door.start("bob")
    door("lock", "acquire", "a.py", "--shared", "--session", ada)
    found = door.json("lock", "check", "a.py", "--session", bob)
    assert found["free"] is True
    assert [one["mode"] for one in found["held"]] == ["shared"]


def test_the_list_is_filtered_and_shows_the_past(door: Door) -> None:
    ada, bob = door.start("ada"), door.start("bob")
    door("lock", "acquire", "a.py", "--session", ada)
    door("lock", "acquire", "b.py", "--session", bob, "--reason", "because")
    then = door.json("status")["ledger"]["at"]
    assert locked(door, "--agent", "bob") == {"b.py": "bob"}
    assert locked(door, "--mine", "--session", ada) == {"a.py": "ada"}
    time.sleep(0.01)
    door("lock", "release", "--all", "--session", ada)
    assert locked(door) == {"b.py": "bob"}
    assert locked(door, "--at", then) == {"a.py": "ada", "b.py": "bob"}
    heading, row = door("lock", "list").splitlines()
    assert heading.split() == ["KEY", "MODE", "AGENT", "SESSION", "TOKEN", "LEFT", "REASON"]
    assert row.split() == ["b.py", "exclusive", "bob", bob, "1/2", "29m", "because"]
    door("lock", "release", "--all", "--session", bob)
    assert door("lock", "list") == "nothing is locked\n"
    assert set(door.json("lock", "list")) == {"ok", "locks", "waiting", "unlanded"}


def test_a_take_over_needs_a_reason_and_is_told_to_the_old_holder(door: Door) -> None:
    ada, bob = door.start("ada"), door.start("bob")
    old = door.json("lock", "acquire", "src/**", "--session", ada)["locks"][0]
    error = door.refused("lock", "takeover", "src/a.py", "--session", bob, code=2)
    assert error["code"] == "reason_required"
    answer = door.json("lock", "takeover", "src/a.py", "--reason", "ada is gone", "--session", bob)
    assert set(answer) == {"ok", "locks", "taken", "unlanded"}
    assert answer["taken"] == [old]
    assert answer["locks"][0]["token"] > old["token"]
    assert locked(door) == {"src/a.py": "bob"}
    assert "bob took over src/**: ada is gone" in door("context", "--session", ada)


def test_people_are_told_from_whom_they_took(door: Door) -> None:
    ada, bob = door.start("ada"), door.start("bob")
    door("lock", "acquire", "a.py", "--session", ada)
    said = door("lock", "takeover", "a.py", "--reason", "gone", "--session", bob)
    assert f"taken from ada (session {ada}): a.py" in said


def test_waiting_ends_with_the_locks_once_they_are_free(door: Door, program: Programs) -> None:
    ada, bob = door.start("ada"), door.start("bob")
    door("lock", "acquire", "a.py", "--session", ada)
    waiter = program("lock", "acquire", "a.py", "b.py", "--wait", "60s", "--json", "--session", bob)
    until(lambda: door.json("lock", "list")["waiting"])
    (place,) = door.json("lock", "list")["waiting"]
    assert (place["agent"], place["keys"]) == ("bob", ["a.py", "b.py"])
    assert "waiting: bob for a.py, b.py" in door("lock", "list")
    door("lock", "release", "a.py", "--session", ada)
    out, err = waiter.communicate(timeout=60)
    assert waiter.returncode == 0, err
    assert '"ok":true' in out
    assert locked(door) == {"a.py": "bob", "b.py": "bob"}
    assert door.json("lock", "list")["waiting"] == []


def test_waiting_that_runs_out_says_try_again_and_leaves_no_place(door: Door) -> None:
    ada, bob = door.start("ada"), door.start("bob")
    door("lock", "acquire", "a.py", "--session", ada)
    words = ("lock", "acquire", "a.py", "b.py", "--wait", "100ms", "--session", bob)
    error = door_error(door, *words)
    assert error["code"] == "wait_timed_out"
    assert error["keys"] == ["a.py", "b.py"]
    assert error["conflicts"][0]["agent"] == "ada"
    assert locked(door) == {"a.py": "ada"}
    assert door.json("lock", "list")["waiting"] == []
    door(*words, code=4)
    assert "waiting for a.py, b.py" in door.err


def door_error(door: Door, *words: str) -> dict[str, Any]:
    """Return the error of a command that has waited: unlike a refusal it leaves a trace."""
    body = json.loads(door(*words, "--json", code=4))
    assert body["ok"] is False
    error = body["error"]
    assert isinstance(error, dict)
    return error


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_whoever_is_interrupted_while_waiting_leaves_no_place(
    door: Door, program: Programs, how: int
) -> None:
    ada, bob = door.start("ada"), door.start("bob")
    door("lock", "acquire", "a.py", "--session", ada)
    waiter = program("lock", "acquire", "a.py", "--wait", "60s", "--session", bob)
    until(lambda: door.json("lock", "list")["waiting"])
    waiter.send_signal(how)
    out, err = waiter.communicate(timeout=60)
    assert waiter.returncode == 128 + how, err
    assert out == ""
    assert "Traceback" not in err
    assert door.json("lock", "list")["waiting"] == []
    assert locked(door) == {"a.py": "ada"}


def test_a_newcomer_does_not_pass_who_waits(door: Door, program: Programs) -> None:
    ada, bob, eve = door.start("ada"), door.start("bob"), door.start("eve")
    door("lock", "acquire", "a.py", "--session", ada)
    waiter = program("lock", "acquire", "*.py", "--wait", "60s", "--session", bob)
    until(lambda: door.json("lock", "list")["waiting"])
    error = door.refused("lock", "acquire", "b.py", "--session", eve)
    assert error["code"] == "queued_behind"
    assert error["conflicts"][0]["agent"] == "bob"
    door("lock", "release", "a.py", "--session", ada)
    waiter.communicate(timeout=60)
    assert locked(door) == {"*.py": "bob"}


def test_the_setting_makes_every_acquire_wait(door: Door) -> None:
    git(door.place, "config", "coord.wait", "100ms")
    ada, bob = door.start("ada"), door.start("bob")
    door("lock", "acquire", "a.py", "--session", ada)
    assert door_error(door, "lock", "acquire", "a.py", "--session", bob)["code"] == "wait_timed_out"
    assert door.refused("lock", "acquire", "a.py", "--wait", "0s", "--session", bob)["code"] == (
        "lock_held"
    )


def test_locks_are_shared_between_worktrees_and_subdirectories(door: Door, tmp_path: Path) -> None:
    other = str(tmp_path / "other")
    git(door.place, "worktree", "add", "-q", other)
    door.start("ada")
    door("lock", "acquire", "README")
    os.makedirs(os.path.join(other, "deep"))
    door.go(os.path.join(other, "deep"))
    bob = door.start("bob")
    error = door.refused("lock", "acquire", "README")
    assert error["conflicts"][0]["agent"] == "ada"
    door("-C", door.place, "lock", "acquire", "x.py", "--session", bob)
    assert locked(door) == {"README": "ada", "x.py": "bob"}


def test_an_ended_session_holds_and_takes_nothing(door: Door) -> None:
    ada = door.start("ada")
    door("lock", "acquire", "a.py")
    door("session", "end")
    error = door.refused("lock", "acquire", "b.py", "--session", ada)
    assert error["code"] == "session_ended"
    assert locked(door) == {}
