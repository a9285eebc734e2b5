"""`gitcoord watch`: lines as things happen, and a screen that follows the ledger."""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import time

import pytest

from tests.entrypoints.door import Door
from tests.entrypoints.program import COMMAND, Programs


def greeted(door: Door, program: Programs, *words: str) -> subprocess.Popen[str]:
    """Start a watch and change something until it says so."""
    child = program("watch", *words, "--for", "60s")
    assert child.stdout is not None
    number = 0
    while not select.select([child.stdout], [], [], 0.1)[0]:
        number += 1
        assert number < 300, "it never said anything"
        door("task", "add", f"hello {number}")
    return child


@pytest.mark.skipif(sys.platform == "win32", reason="select works on sockets alone there")
def test_every_transaction_is_a_line(door: Door, program: Programs) -> None:
    ada = door.start("ada")
    child = greeted(door, program)
    door("lock", "acquire", "a.py")
    door("lock", "release", "--all")
    assert child.stdout is not None
    line = child.stdout.readline()
    while "ada takes a.py" not in line:
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  task: ada adds t-\w+ hello \d+$", line)
        line = child.stdout.readline()
    assert child.stdout.readline().endswith("lock: ada releases a.py\n")
    assert ada


@pytest.mark.skipif(sys.platform == "win32", reason="select works on sockets alone there")
def test_for_programs_every_line_is_a_document(door: Door, program: Programs) -> None:
    session = door.start("ada")
    child = greeted(door, program, "--json")
    door("lock", "acquire", "a.py")
    assert child.stdout is not None
    body = json.loads(child.stdout.readline())
    while "takes" not in body["subject"]:
        body = json.loads(child.stdout.readline())
    assert set(body) == {"oid", "time", "agent", "subject", "operations"}
    (operation,) = body["operations"]
    assert (operation["op"], operation["session"]) == ("lock.acquire", session)
    child.terminate()


def test_it_ends_after_its_time(door: Door) -> None:
    assert door("watch", "--for", "50ms") == ""
    assert door.refused("watch", "--for", "soon", code=2)["code"] == "invalid_value"


def test_without_a_ledger_there_is_nothing_to_watch(bare_door: Door) -> None:
    assert bare_door.refused("watch", code=2)["code"] == "not_initialised"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("columns", [80, 120])
def test_on_a_terminal_a_screen_shows_who_holds_what(door: Door, columns: int) -> None:
    import fcntl
    import pty
    import struct
    import termios

    door.start("ada", "--area", "web")
    door("lock", "acquire", "src/deep/folder/**", "--reason", "the login of everybody")
    door("task", "add", "Login " + "and more " * 20)
    door("task", "add", "[red]Literally[/] [this]")
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    child = subprocess.Popen(
        [*COMMAND, "watch", "--for", "60s"],
        cwd=door.place,
        env=os.environ | {"TERM": "xterm-256color"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        seen = screen(ours, b"Lately")
        # It is drawn again when the ledger moves.
        door("lock", "acquire", "later.py")
        screen(ours, b"later.py")
    finally:
        child.terminate()
        child.wait()
        os.close(ours)
    for word in (
        "Sessions",
        "Locks",
        "Tasks",
        "Lately",
        "ada",
        "web",
        "exclusive",
        "Login",
        "[red]Literally[/] [this]",
    ):
        assert word in seen


def screen(terminal: int, wanted: bytes) -> str:
    """Return what the terminal was sent until it has been sent a word."""
    seen, deadline = b"", time.monotonic() + 60
    while wanted not in seen:
        assert time.monotonic() < deadline, seen
        if select.select([terminal], [], [], 0.2)[0]:
            seen += os.read(terminal, 65_536)
    return seen.decode("utf-8", "replace")
