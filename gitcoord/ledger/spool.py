"""What may wait for the next decision: changes, refusals, notes sent while offline.

A spooled request is a file of its own in the git directory; it rides on the
next transaction of this machine and costs none itself. Requests are settled by
their operation id, so a crash between commit and clean-up does nothing twice.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from gitcoord.errors import GitcoordError
from gitcoord.ledger.request import Request
from gitcoord.storage.durable import disk_error, put

#: Spooled requests that one transaction takes along, and refusals kept for it.
RIDERS = 64
REFUSALS = 200


class Spool:
    """The waiting requests and refusals of one clone."""

    def __init__(self, home: str) -> None:
        self._folder = os.path.join(home, "spool")
        self._refused = os.path.join(home, "refusals.jsonl")

    def add(self, request: Request) -> None:
        """Keep the request until a decision takes it along."""
        path = os.path.join(self._folder, request.id.replace("/", "_") + ".json")
        put(path, msgspec.json.encode(request.packed()))

    def waiting(self) -> list[str]:
        """Return the file names of the waiting requests, oldest first."""
        try:
            with os.scandir(self._folder) as entries:
                found = [
                    (e.stat().st_mtime_ns, e.name) for e in entries if e.name.endswith(".json")
                ]
        except FileNotFoundError:
            return []
        return [name for _, name in sorted(found)]

    def take(self) -> list[Request]:
        """Return the oldest waiting requests; what cannot be read is left for `doctor`."""
        return list(self._read(self.waiting()[:RIDERS]))

    def requests(self) -> Iterator[Request]:
        """Yield every waiting request, oldest first, but for what cannot be read."""
        return self._read(self.waiting())

    def _read(self, names: Iterable[str]) -> Iterator[Request]:
        for name in names:
            try:
                with open(os.path.join(self._folder, name), "rb") as file:
                    found = Request.unpacked(msgspec.json.decode(file.read()))
            except (OSError, ValueError, KeyError, TypeError, GitcoordError):
                continue
            yield found

    def settle(self, requests: Iterable[Request]) -> None:
        """Forget requests that have been decided."""
        for request in requests:
            _remove(os.path.join(self._folder, request.id.replace("/", "_") + ".json"))

    def note_refusals(self, lines: Sequence[dict[str, Any]]) -> None:
        """Keep diary lines of refusals for the next transaction."""
        if not lines:
            return
        try:
            with open(self._refused, "ab") as file:
                file.write(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
        except OSError as error:
            raise disk_error(error, f"write {self._refused}") from error

    def refusals(self) -> list[dict[str, Any]]:
        """Return the newest kept refusals, at most `REFUSALS`."""
        try:
            with open(self._refused, "rb") as file:
                kept = file.read().splitlines()[-REFUSALS:]
        except FileNotFoundError:
            return []
        lines = []
        for line in kept:
            try:
                lines.append(msgspec.json.decode(line))
            except ValueError:
                continue
        return lines

    def refusals_stored(self, lines: Sequence[dict[str, Any]]) -> None:
        """Forget the refusals that a transaction has recorded."""
        if lines:
            _remove(self._refused)


def _remove(path: str) -> None:
    try:
        os.remove(path)
    except FileNotFoundError:
        return
