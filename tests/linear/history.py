"""Histories: who asked what when, what came back when, as files that outlive a kill.

Every process writes a file of its own, a line before it asks and a line when it is told.
Times are `time.monotonic_ns`, comparable between the processes of one machine only.
"""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

#: The outcome of a call that may have happened or not, also long after it was given up.
UNKNOWN = "unknown"
#: The outcome of a call of which it is promised that it has not happened and never will.
NOTHING = "nothing"

#: The time of a reply that never came.
NEVER = 1 << 63


class Call(NamedTuple):
    """One question about one key, and the answer to it."""

    process: str
    #: Nanoseconds. A call precedes another if it was answered before the other was made.
    called: int
    replied: int
    op: str
    key: str
    session: str
    outcome: str = UNKNOWN
    #: What was asked beside the key, as hashable values by name.
    args: Mapping[str, Any] = {}
    #: What was told beside the outcome.
    told: Mapping[str, Any] = {}

    @property
    def pending(self) -> bool:
        """Whether nobody knows what became of it."""
        return self.outcome == UNKNOWN

    def __str__(self) -> str:
        """Return one readable line."""
        asked = " ".join([self.op, self.key, *(f"{k}={v}" for k, v in self.args.items())])
        told = " ".join([self.outcome, *(f"{k}={v}" for k, v in self.told.items())])
        end = "never" if self.pending else f"{self.replied / 1e6:.3f}"
        when = f"[{self.called / 1e6:.3f} .. {end} ms]"
        return f"{when} {self.process} {self.session}: {asked} -> {told}"


class Recorder:
    """Writes the calls of one process; what it has written a SIGKILL does not take back."""

    def __init__(self, path: str | Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._number = 0

    def call(self, op: str, key: str, session: str, **args: Any) -> int:
        """Note that the question is about to be asked; returns its number."""
        self._number += 1
        line = {"op": op, "key": key, "session": session, "args": args}
        self._write({"n": self._number, "called": time.monotonic_ns()} | line)
        return self._number

    def reply(self, number: int, outcome: str, **told: Any) -> None:
        """Note what came back. A call without this is unknown."""
        at = time.monotonic_ns()
        self._write({"n": number, "replied": at, "outcome": outcome, "told": told})

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _write(self, line: Mapping[str, Any]) -> None:
        os.write(self._file, json.dumps(line).encode() + b"\n")


def read(path: Path) -> list[Call]:
    """Return the calls in one process's file; a last line that was cut does not count."""
    calls: dict[int, dict[str, Any]] = {}
    for text in path.read_text(encoding="utf-8").split("\n")[:-1]:
        line = json.loads(text)
        calls.setdefault(line.pop("n"), {}).update(line)
    known = {"process": path.stem, "replied": NEVER}
    return [Call(**_frozen(known | fields)) for fields in calls.values()]


def merged(paths: Iterable[Path]) -> list[Call]:
    """Return the calls of all files in the order in which they were made, from time 0 on."""
    calls = sorted((call for path in paths for call in read(path)), key=lambda call: call.called)
    return shifted(calls)


def shifted(calls: Sequence[Call]) -> list[Call]:
    """Return the calls with times from the first one's call on."""
    start = min((call.called for call in calls), default=0)
    return [
        call._replace(
            called=call.called - start,
            replied=NEVER if call.pending else call.replied - start,
        )
        for call in calls
    ]


def by_key(calls: Iterable[Call], everywhere: Iterable[str] = ()) -> dict[str, list[Call]]:
    """Return one history for each key, without the calls of which it is said that nothing happened.

    A call of an operation in `everywhere` is part of the history of every key: the end of a
    session touches all that it holds.
    """
    found: defaultdict[str, list[Call]] = defaultdict(list)
    shared = []
    for call in calls:
        if call.op in set(everywhere):
            shared.append(call)
        elif call.outcome != NOTHING:
            found[call.key].append(call)
    for key, history in found.items():
        # What a call did to other keys is no part of this key's history.
        history += [call._replace(key=key) for call in shared if call.outcome != NOTHING]
        history.sort(key=lambda call: call.called)
    return dict(found)


def _frozen(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields with lists made tuples, so that what was told can be compared."""
    return {name: _tupled(value) for name, value in fields.items()}


def _tupled(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_tupled(one) for one in value)
    if isinstance(value, dict):
        return {name: _tupled(one) for name, one in value.items()}
    return value
