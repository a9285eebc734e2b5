"""Every kind of repository: one whole round by the real command line, and git's view of it.

After it the ledger reads like a diary and survives the user's own housekeeping, and
nothing that is the user's has changed by a byte.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import pytest

from tests.acceptance.shell import Shell
from tests.conftest import first_commit
from tests.gitrun import git

A = TypeVar("A")

STATE = "refs/coord/state"


class Place(NamedTuple):
    """A repository and where in it somebody works."""

    #: Where the commands are typed.
    shell: Shell
    #: Where git finds refs and objects.
    common: str
    #: The user's worktrees, the place of work among them.
    worktrees: tuple[str, ...] = ()
    #: How a key is typed that means the place of work, and what it then begins with.
    here: str = ""
    prefix: str = ""
    #: Other places from which the same ledger is seen.
    seen: tuple[Shell, ...] = ()
    file: str = "a.py"
    #: Whether the user packs all refs after every command.
    packs: bool = False


def plain(tmp_path: Path, name: str = "repo", *options: str) -> str:
    """Return a repository in the middle of somebody's work."""
    path = first_commit(tmp_path / name, *options)
    git(path, "branch", "topic")
    git(path, "config", "core.autocrlf", "false")
    Path(path, "src").mkdir()
    for file, text in (("src/a.py", "print()\n"), ("staged.txt", "staged\n")):
        Path(path, file).write_text(text)
        git(path, "add", file)
    Path(path, "README").write_text("changed\n")
    Path(path, "untracked.txt").write_text("new\n")
    # Whoever refreshes this index on the side writes it anew.
    os.utime(Path(path, "src/a.py"), (1, 1))
    return path


def ordinary(tmp_path: Path) -> Place:
    path = plain(tmp_path)
    return Place(Shell(path), f"{path}/.git", (path,))


def packed_refs(tmp_path: Path) -> Place:
    return ordinary(tmp_path)._replace(packs=True)


def linked_worktree(tmp_path: Path) -> Place:
    path, linked = plain(tmp_path), str(tmp_path / "linked")
    git(path, "worktree", "add", "-q", "-b", "linked", linked)
    Path(linked, "README").write_text("changed there\n")
    return Place(Shell(linked), f"{path}/.git", (path, linked), seen=(Shell(path),))


def subdirectory(tmp_path: Path) -> Place:
    path = plain(tmp_path)
    shell = Shell(f"{path}/src")
    seen = (Shell(path),)
    return Place(shell, f"{path}/.git", (path,), here="./", prefix="src/", seen=seen)


def bare(tmp_path: Path) -> Place:
    path = str(tmp_path / "bare.git")
    git(str(tmp_path), "clone", "-q", "--bare", plain(tmp_path), path)
    return Place(Shell(path), path)


def git_dir_is_set(tmp_path: Path) -> Place:
    path, elsewhere = plain(tmp_path), tmp_path / "elsewhere"
    elsewhere.mkdir()
    shell = Shell(str(elsewhere), {"GIT_DIR": f"{path}/.git"})
    return Place(shell, f"{path}/.git", (path, str(elsewhere)), seen=(Shell(path),))


def without_commits(tmp_path: Path) -> Place:
    path = str(tmp_path / "empty")
    git(str(tmp_path), "init", "-q", path)
    Path(path, "untracked.txt").write_text("new\n")
    return Place(Shell(path), f"{path}/.git", (path,))


def sha256(tmp_path: Path) -> Place:
    path = plain(tmp_path, "sha256", "--object-format=sha256")
    return Place(Shell(path), f"{path}/.git", (path,))


def reftable(tmp_path: Path) -> Place:
    probe = ["git", "init", "-q", "--ref-format=reftable", str(tmp_path / "probe")]
    if subprocess.run(probe, capture_output=True).returncode:
        pytest.skip(f"{git(str(tmp_path), 'version')} cannot make a repository with reftable")
    path = plain(tmp_path, "reftable", "--ref-format=reftable")
    return Place(Shell(path), f"{path}/.git", (path,))


def odd_names(tmp_path: Path) -> Place:
    path = plain(tmp_path, "mein schönes Projekt, äöü ß")
    return Place(Shell(path), f"{path}/.git", (path,), file="Übung 1 (größer).py")


PLACES: list[Callable[[Path], Place]] = [
    ordinary,
    packed_refs,
    linked_worktree,
    subdirectory,
    bare,
    git_dir_is_set,
    without_commits,
    sha256,
    reftable,
    odd_names,
]


def users_own(place: Place) -> dict[str, object]:
    """Return all that is the user's: files, index, configuration, reflogs, refs, HEAD."""
    found: dict[str, object] = {}
    for top in (place.common, *place.worktrees):
        for folder, folders, files in os.walk(top):
            if folder == place.common:
                # The refs are asked of git below; what else goes is the ledger's.
                for name in ("objects", "refs", "reftable", "gitcoord"):
                    if name in folders:
                        folders.remove(name)
                files = [name for name in files if name != "packed-refs"]  # noqa: PLW2901
            elif ".git" in folders:
                folders.remove(".git")
            for name in files:
                path = Path(folder, name)
                found[str(path)] = (path.read_bytes(), path.stat().st_mtime_ns)
    refs = git(place.common, "for-each-ref", "--format=%(refname) %(objectname) %(symref)")
    found["refs"] = [line for line in refs.splitlines() if not line.startswith("refs/coord/")]
    return found


def work(place: Place) -> Shell:
    """Do one whole round and return the prompt of the session that stays."""
    typed, key = place.here + place.file, place.prefix + place.file
    shell = place.shell

    def done(answer: A) -> A:
        if place.packs:
            git(place.common, "pack-refs", "--all")
        return answer

    done(shell("init"))
    ada = done(shell.start("ada", "--area", "backend"))
    bob = done(shell.start("bob"))
    (lock,) = done(ada("lock", "acquire", typed, "--reason", "login"))["locks"]
    assert (lock["key"], lock["token"]) == (key, 1)
    refusal = done(bob("lock", "acquire", f"{place.here}*.py", code=3))["error"]
    assert refusal["code"] == "lock_held"
    (conflict,) = refusal["conflicts"]
    assert (conflict["agent"], conflict["reason"]) == ("ada", "login")
    done(ada("task", "add", "Write the manual", "--keys", "docs/", "--id", "t-manual"))
    task = done(bob("task", "next"))["task"]
    assert (task["id"], task["status"]) == ("t-manual", "assigned")
    assert done(ada("lock", "acquire", "docs/x.md", code=3))["error"]["code"] == "lock_held"
    note = ("handoff", "write", "Login works", "--next-step", "second factor")
    handoff = done(ada(*note))["handoff"]
    assert handoff["facts"]["held_keys"] == [key]
    assert done(bob("handoff", "read"))["handoff"] == handoff
    ended = done(ada("session", "end", "--summary", "done for today"))
    assert ended["released"] == [key]
    assert done(ada("lock", "acquire", "b.py", code=3))["error"]["code"] == "session_ended"
    done(bob("lock", "acquire", typed))
    return bob


def diary(place: Place) -> list[str]:
    """Return what git's log says, in the order in which it happened."""
    return git(place.common, "log", "--reverse", "--format=%an: %s", STATE).splitlines()


def records(shell: Shell, place: Place) -> tuple[str, list[str]]:
    """Return all that the ledger holds, as git and as gitcoord see it."""
    target = Path(place.common).parent / "export.jsonl"
    shell("export", "--output", str(target))
    lines = sorted(target.read_text(encoding="utf-8").splitlines()[1:])
    target.unlink()
    return git(place.common, "ls-tree", "-r", STATE), lines


@pytest.mark.parametrize("make", PLACES, ids=lambda make: make.__name__)
def test_a_whole_round_works_and_leaves_the_users_own_alone(
    tmp_path: Path, make: Callable[[Path], Place]
) -> None:
    place = make(tmp_path)
    before = users_own(place)
    bob = work(place)
    assert users_own(place) == before
    for other in place.seen:
        found = {lock["key"]: lock["agent"] for lock in other("lock", "list")["locks"]}
        assert found == {"docs/**": "bob", place.prefix + place.file: "bob"}
    held = records(bob, place)
    git(place.common, "fsck", "--strict", "--no-dangling")

    # The user's own housekeeping takes nothing away.
    git(place.common, "pack-refs", "--all")
    git(place.common, "gc", "-q", "--prune=now")
    assert records(bob, place) == held
    assert bob("doctor")["ok"]
    git(place.common, "fsck", "--strict", "--no-dangling")
    assert bob("lock", "acquire", "after-gc.txt")["locks"][0]["token"] == 4

    # Git alone reads it.
    told = diary(place)
    key = re.escape(place.prefix + place.file)
    patterns = [
        r".*: ledger: .*",
        r".*: session: ada starts s-\w+ in backend",
        r".*: session: bob starts s-\w+",
        rf"ada: lock: ada takes {key} \(token 1/1\)",
        r"ada: task: .*Write the manual.*",
        r"bob: task: bob claims t-manual Write the manual with docs/\*\*",
        r"ada: handoff: .*Login works.*",
        r"ada: session: ada ends s-\w+ completed done for today",
        rf"bob: lock: bob takes {key} \(token 1/3\)",
        r"bob: lock: bob takes .*after-gc.txt \(token 1/4\)",
    ]
    for line, pattern in zip(told, patterns, strict=True):
        assert re.fullmatch(pattern, line), (line, pattern)
    meta = json.loads(git(place.common, "show", f"{STATE}:meta.json"))
    assert (meta["format"], meta["epoch"], meta["seq"], meta["token"]) == (1, 1, len(told), 4)


def test_the_history_of_one_kind_of_record_is_the_log_of_its_folder(tmp_path: Path) -> None:
    place = ordinary(tmp_path)
    bob = work(place)
    bob("task", "complete", "t-manual")
    words = [line.split()[2] for line in git(
        place.common, "log", "--reverse", "--format=%s", STATE, "--", "locks"
    ).splitlines()]  # fmt: skip
    assert words == ["takes", "claims", "ends", "takes", "completes"]
    body = git(place.common, "log", "-1", "--skip=1", "--format=%B", STATE)
    lines = [json.loads(line) for line in body.splitlines() if line.startswith("{")]
    assert (lines[0]["op"], lines[0]["agent"], lines[0]["outcome"]) == (
        "lock.acquire",
        "bob",
        "done",
    )
    # What was refused stands there too.
    everything = git(place.common, "log", "--format=%B", STATE)
    assert everything.count('"outcome":"lock_held"') == 2
    assert everything.count('"outcome":"session_ended"') == 1


def test_sessions_of_two_worktrees_are_told_apart_without_being_named(tmp_path: Path) -> None:
    place = linked_worktree(tmp_path)
    (main,) = place.seen
    linked = place.shell
    main("init")
    ada, bob = main.start("ada"), linked.start("bob")
    assert main("whoami")["session"]["id"] == ada.session
    assert linked("whoami")["session"]["id"] == bob.session
    linked("lock", "acquire", "src/")
    assert main("lock", "acquire", "src/a.py", code=3)["error"]["code"] == "lock_held"
    linked.start("cleo")
    assert linked("lock", "acquire", "b.py", code=2)["error"]["code"] == "session_ambiguous"
    assert main("lock", "acquire", "b.py")["locks"][0]["agent"] == "ada"


def test_a_worktree_that_was_removed_leaves_its_session_to_others(tmp_path: Path) -> None:
    place = linked_worktree(tmp_path)
    (main,) = place.seen
    main("init")
    bob = place.shell.start("bob")
    bob("lock", "acquire", "src/")
    git(main.place, "worktree", "remove", "--force", place.shell.place)
    assert main("lock", "list")["locks"][0]["agent"] == "bob"
    main("session", "kill", bob.session, "--reason", "its worktree is gone")
    assert main("lock", "list")["locks"] == []


def test_presence_survives_the_users_housekeeping_too(tmp_path: Path) -> None:
    place = ordinary(tmp_path)
    bob = work(place)
    (ref,) = git(place.common, "for-each-ref", "--format=%(refname)", "refs/coord/presence").split()
    before = git(place.common, "show", f"{ref}:presence.json")
    git(place.common, "pack-refs", "--all")
    git(place.common, "gc", "-q", "--prune=now")
    assert git(place.common, "show", f"{ref}:presence.json") == before
    assert bob("session", "heartbeat")["session"]["id"] == bob.session
