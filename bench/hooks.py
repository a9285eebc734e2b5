"""Hooks of agent clients as whole processes, against a Python that does nothing.

What an agent feels before and after everything it does. The ledger holds as many live locks
as that of the large rows; the conversation's own file is among them.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from functools import cache
from itertools import count

from bench.fill import fill
from bench.ratio import Measured, Row, Target, Wrong, alternate
from bench.scratch import Place, Scratch, command

_BASELINE = "`python -c pass`"
_FULL = (
    "the full way loads msgspec, SQLite and our own modules, which cost more than four times a "
    "bare Python, and opens the ledger"
)


class Conversation:
    """One conversation of Claude Code at a place."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._environ = {k: v for k, v in place.environ.items() if k != "GITCOORD_SESSION"}
        self._environ["CLAUDE_PID"] = str(os.getpid())

    def call(self, event: str, tool: str, given: dict[str, str], *, said: str = "") -> float:
        """Call a hook and return its seconds; `said` must be in its answer, else it has none."""
        body = json.dumps(
            {
                "session_id": "bench",
                "cwd": self._place.path,
                "hook_event_name": event,
                "transcript_path": "",
                "tool_name": tool,
                "tool_input": given,
                "source": "startup",
                "prompt": "go on",
            }
        ).encode()
        begun = time.perf_counter()
        done = subprocess.run(
            [*command(), "hook", "claude", event],
            cwd=self._place.path,
            env=self._environ,
            input=body,
            capture_output=True,
            check=False,
        )
        seconds = time.perf_counter() - begun
        out = done.stdout.decode("utf-8", "replace")
        if done.returncode or (said not in out if said else out):
            raise Wrong(f"hook {event}: {done.returncode} {out}{done.stderr.decode()}")
        return seconds

    def edit(self, path: str, *, after: bool = False, said: str = "") -> float:
        """Call the hook around an edit of one file."""
        full = os.path.join(self._place.path, path)
        event = "PostToolUse" if after else "PreToolUse"
        return self.call(event, "Edit", {"file_path": full}, said=said)

    def shell(self, text: str) -> float:
        """Call the hook before a shell command."""
        return self.call("PreToolUse", "Bash", {"command": text})


@cache
def _talk(scratch: Scratch) -> tuple[Place, Conversation]:
    place = scratch.ledger("hooks")
    fill(place.house(), scratch.volume.locks, 0)
    talk = Conversation(place)
    talk.call("SessionStart", "", {}, said="gitcoord")
    return place, talk


def _held(scratch: Scratch) -> Measured:
    place, talk = _talk(scratch)
    talk.edit("src/mine.py")
    return alternate(lambda: talk.edit("src/mine.py"), place.bare, scratch.volume.starts, warm=2)


def _after(scratch: Scratch) -> Measured:
    place, talk = _talk(scratch)
    talk.edit("src/mine.py")

    def edited() -> float:
        return talk.edit("src/mine.py", after=True)

    return alternate(edited, place.bare, scratch.volume.starts, warm=2)


def _new(scratch: Scratch) -> Measured:
    place, talk = _talk(scratch)
    number = count()

    def edit() -> float:
        return talk.edit(f"src/new{next(number)}.py")

    return alternate(edit, place.bare, scratch.volume.starts, warm=2)


def _refused(scratch: Scratch) -> Measured:
    place, talk = _talk(scratch)

    def edit() -> float:
        return talk.edit("src/part0/module0/file0.py", said='"deny"')

    return alternate(edit, place.bare, scratch.volume.starts, warm=2)


def _shell(scratch: Scratch) -> Measured:
    place, talk = _talk(scratch)

    def harmless() -> float:
        return talk.shell("git status --short && pytest -q tests")

    return alternate(harmless, place.bare, scratch.volume.starts, warm=2)


def _row(
    name: str, what: str, target: float, measure: Callable[[Scratch], Measured], cost: str = _FULL
) -> Row:
    return Row(name, what, Target(target), _BASELINE, measure, cost)


ROWS = (
    _row(
        "hook-held",
        "`gitcoord hook claude PreToolUse`, edit of a file whose lock is held, 10,000 live locks",
        2.5,
        _held,
        "the console script that pip makes, and importing `re` in it",
    ),
    _row("hook-after", "the hook after that edit, which notes the change", 2.5, _after),
    _row("hook-new", "the hook before an edit of a file that has to be locked", 9, _new),
    _row("hook-refused", "the hook before an edit of what somebody else holds", 9, _refused),
    _row("hook-shell", "the hook before a harmless shell command, guardrails included", 9, _shell),
)
