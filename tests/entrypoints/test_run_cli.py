"""`gitcoord run -- CMD`: the command is a session, and nothing of it stays behind."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.entrypoints.door import Door, refs
from tests.entrypoints.program import COMMAND, Programs, until

PYTHON = (sys.executable, "-c")
#: Waits until the file `go` is there.
WAITS = (
    "import os, time\n"
    "for _ in range(3000):\n    os.path.exists('go') and exit()\n    time.sleep(0.02)\n"
)

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")


def running(door: Door) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = door.json("session", "list")["sessions"]
    return found


def held(door: Door) -> dict[str, str]:
    return {one["key"]: one["agent"] for one in door.json("lock", "list")["locks"]}


def go(door: Door) -> None:
    Path(door.place, "go").touch()


def quick(door: Door) -> None:
    """Let sessions beat ten times a second."""
    door("config", "--shared", "beat_interval", "100ms")


@pytest.mark.parametrize("code", [0, 1, 3, 42])
def test_the_exit_code_is_that_of_the_command(door: Door, code: int) -> None:
    door("run", "--", *PYTHON, f"raise SystemExit({code})", code=code)
    assert running(door) == []


def test_the_output_is_that_of_the_command_alone(door: Door) -> None:
    said = door("run", "--lock", "a.py", "--", *PYTHON, "print('hello')")
    assert (said, door.err) == ("hello\n", "")


def test_a_command_that_does_not_exist_is_127_and_one_that_cannot_be_started_126(
    door: Door,
) -> None:
    door("run", "--", "there-is-no-such-command", code=127)
    assert "there is no command 'there-is-no-such-command'" in door.err
    door("run", "--lock", "a.py", "--", door.place, code=126)
    assert held(door) == {}
    assert running(door) == []


@posix
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_command_that_a_signal_ended_is_128_and_the_number(door: Door, number: int) -> None:
    door("run", "--", *PYTHON, f"import os; os.kill(os.getpid(), {number})", code=128 + number)
    assert running(door) == []


def test_options_of_the_command_are_the_command_s(door: Door) -> None:
    said = door("run", "--", *PYTHON, "import sys; print(sys.argv[1:])", "--json", "--lock", "-h")
    assert said == "['--json', '--lock', '-h']\n"
    assert door("run", *PYTHON, "print(1)") == "1\n"


def test_the_locks_are_held_while_it_runs_and_free_afterwards(
    door: Door, program: Programs
) -> None:
    door.write("src/a.py", "")
    child = program(
        "run", "--name", "ada", "--lock", "src", "--lock", "db:schema", "--reason",
        "build", "--", *PYTHON, WAITS,
    )  # fmt: skip
    until(lambda: held(door))
    assert held(door) == {"src/**": "ada", "db:schema": "ada"}
    (session,) = running(door)
    assert (session["agent"], session["life"]) == ("ada", "beat")
    bob = door.start("bob")
    error = door.refused("lock", "acquire", "src/a.py", "--session", bob)
    assert error["conflicts"][0]["reason"] == "build"
    go(door)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert held(door) == {}
    assert [one["agent"] for one in running(door)] == ["bob"]


def test_commands_inside_act_as_the_session(door: Door) -> None:
    nested = (
        "import subprocess, sys, os\n"
        f"run = lambda *words: subprocess.run({COMMAND!r} + list(words), check=True)\n"
        "run('lock', 'acquire', 'b.py')\n"
        "run('lock', 'check', 'a.py', 'b.py')\n"
        "run('whoami')\n"
    )
    said = door("run", "--name", "ada", "--lock", "a.py", "--", *PYTHON, nested)
    assert "a.py is held by you" in said
    assert "b.py is held by you" in said
    assert "known by GITCOORD_SESSION" in said
    assert held(door) == {}


def test_a_refused_lock_starts_nothing_and_leaves_nothing(door: Door) -> None:
    door.start("ada")
    door("lock", "acquire", "a.py")
    door("run", "--lock", "a.py", "--", *PYTHON, "open('ran', 'w')", code=3)
    assert "lock_held: ada holds a.py" in door.err
    assert not os.path.exists(os.path.join(door.place, "ran"))
    assert [one["agent"] for one in running(door)] == ["ada"]
    door("run", "--lock", "a.py", "--wait", "100ms", "--", *PYTHON, "open('ran', 'w')", code=4)
    assert not os.path.exists(os.path.join(door.place, "ran"))
    assert door.json("lock", "list")["waiting"] == []


def test_it_waits_for_its_locks(door: Door, program: Programs) -> None:
    door.start("ada")
    door("lock", "acquire", "a.py")
    child = program("run", "--lock", "a.py", "--wait", "60s", "--", *PYTHON, "")
    until(lambda: door.json("lock", "list")["waiting"])
    door("lock", "release", "--all", "--session", running(door)[0]["id"])
    _, err = child.communicate(timeout=60)
    assert child.returncode == 0, err


@pytest.mark.parametrize(
    "words",
    [
        ("--lock", "../a", "--", "true"),
        ("--lock", "a", "--ttl", "soon", "--", "true"),
        ("--lock", "a", "--wait", "soon", "--", "true"),
        ("--json", "--", "true"),
        (),
        ("--",),
    ],
)
def test_a_wrong_wish_is_a_usage_error(door: Door, words: tuple[str, ...]) -> None:
    door("run", *words, code=2)
    assert running(door) == []


def test_what_cannot_be_parsed_does_not_even_check_in(door: Door) -> None:
    before = refs(door.place)
    door("run", "--lock", "a", "--ttl", "soon", "--", "true", code=2)
    assert refs(door.place) == before


def test_a_short_lock_is_renewed_for_as_long_as_the_command_runs(
    door: Door, program: Programs
) -> None:
    child = program("run", "--lock", "a.py", "--ttl", "1s", "--", *PYTHON, WAITS)
    until(lambda: held(door))
    first = door.json("lock", "list")["locks"][0]
    until(
        lambda: (
            (now := door.json("lock", "list")["locks"])
            and now[0]["expires_at"] > first["expires_at"]
        )
    )
    assert door.json("lock", "list")["locks"][0]["token"] == first["token"]
    go(door)
    child.communicate(timeout=60)
    assert child.returncode == 0


@posix
def test_the_death_of_run_itself_frees_everything_after_a_sweep(
    door: Door, program: Programs
) -> None:
    quick(door)
    door("config", "--shared", "beat_ttl", "1s")
    task = door.json("task", "add", "Login", "--keys", "b.py")["task"]["id"]
    claims = f"import subprocess\nsubprocess.run({COMMAND!r} + ['task', 'claim', '{task}'])\n"
    child = program("run", "--lock", "a.py", "--", *PYTHON, claims + "open('up', 'w')\n" + WAITS)
    until(lambda: os.path.exists(os.path.join(door.place, "up")))
    assert set(held(door)) == {"a.py", "b.py"}
    (session,) = running(door)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    watch = os.path.join(door.place, ".git", "gitcoord", "watch.json")

    def swept() -> bool:
        # Short commands look only now and then; this makes the next one look.
        os.utime(watch, (0, 0))
        return running(door) == []

    until(swept)
    assert held(door) == {}
    found = door.json("session", "show", session["id"])["session"]
    assert found["status"] == "timed_out"
    assert door.json("task", "show", task)["task"]["status"] == "pending"
    # The command itself is nobody's any more, and has the pipes.
    go(door)
    child.communicate(timeout=60)


@posix
def test_who_stops_run_stops_the_command_first(door: Door, program: Programs) -> None:
    tidy = (
        "import signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        "open('up', 'w')\n" + WAITS
    )
    child = program("run", "--lock", "a.py", "--", *PYTHON, tidy)
    until(lambda: os.path.exists(os.path.join(door.place, "up")))
    child.terminate()
    child.communicate(timeout=60)
    assert child.returncode == 7
    assert held(door) == {}
    assert running(door) == []


@posix
def test_an_interrupt_is_left_to_the_command(door: Door, program: Programs) -> None:
    quick(door)
    child = program("run", "--", *PYTHON, "open('up', 'w')\n" + WAITS)
    until(lambda: os.path.exists(os.path.join(door.place, "up")))
    os.kill(child.pid, signal.SIGINT)
    go(door)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 0, err


@posix
@pytest.mark.parametrize("how", ["kill", "takeover"])
def test_with_if_lost_stop_the_command_ends_when_the_session_has_lost(
    door: Door, program: Programs, how: str
) -> None:
    quick(door)
    bob = door.start("bob")
    child = program(
        "run", "--name", "ada", "--lock", "a.py", "--if-lost", "stop", "--", *PYTHON,
        "open('up', 'w')\n" + WAITS,
    )  # fmt: skip
    until(lambda: os.path.exists(os.path.join(door.place, "up")))
    lose(door, bob, how)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 128 + signal.SIGTERM
    assert LOST[how] in err


@pytest.mark.parametrize("how", ["kill", "takeover", "pause"])
def test_otherwise_the_loss_is_only_told(door: Door, program: Programs, how: str) -> None:
    quick(door)
    bob = door.start("bob")
    child = program(
        "run", "--name", "ada", "--lock", "a.py", "--ttl", "1s", "--", *PYTHON,
        "open('up', 'w')\n" + WAITS,
    )  # fmt: skip
    until(lambda: os.path.exists(os.path.join(door.place, "up")))
    lose(door, bob, how)
    assert child.stderr is not None
    first = child.stderr.readline()
    assert LOST[how] in first
    go(door)
    child.communicate(timeout=60)
    assert child.returncode == 0


#: What is said about each way to lose.
LOST = {
    "kill": "session_ended",
    "takeover": "bob took over a.py: mine",
    "pause": "session_paused",
}


def lose(door: Door, bob: str, how: str) -> None:
    (ada,) = (one["id"] for one in running(door) if one["agent"] == "ada")
    if how == "takeover":
        door("lock", "takeover", "a.py", "--reason", "mine", "--session", bob)
    elif how == "kill":
        door("session", "kill", ada, "--reason", "mine")
    else:
        door("session", "pause", ada)
