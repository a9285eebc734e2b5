"""The queue between the processes of a machine: requests and answers as small files.

A waiter publishes its requests and sleeps on a bell (a named pipe; where there
are none it looks again after a moment). The leader takes what waits, answers
and rings. Files are moved by atomic renames, so whoever dies in the middle
loses nothing: a request is taken again by the next leader, and its operation
id keeps it from being applied twice.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from gitcoord.domain.sessions import Process
from gitcoord.errors import GitcoordError
from gitcoord.ledger import machine
from gitcoord.ledger.request import Reply, Request, fresh_id
from gitcoord.storage.durable import disk_error

FORMAT = 1
#: Tickets that one round of a leader takes.
ROUND = 256
_BELLS = hasattr(os, "mkfifo")
#: Seconds after which leftovers of dead processes are removed.
_LITTER = 600.0


class Taken(NamedTuple):
    """A ticket that the leader has taken, and the open bell of its sender."""

    name: str
    requests: list[Request]
    bell: int | None


class Ticket:
    """A waiter's place in the queue."""

    def __init__(self, folder: str, requests: Sequence[Request]) -> None:
        self.requests = requests
        self._base = os.path.join(folder, f"{time.time_ns():020d}-{fresh_id()}")
        self._bell: int | None = None
        if _BELLS:
            os.mkfifo(self._base + ".bell", 0o600)
            # Open for writing too: a reader whose writers have all gone would spin on EOF.
            self._bell = os.open(self._base + ".bell", os.O_RDWR | os.O_NONBLOCK)
        body = {
            "format": FORMAT,
            "sender": msgspec.to_builtins(machine.process()),
            "requests": [request.packed() for request in requests],
        }
        with open(self._base + ".tmp", "wb") as file:
            file.write(msgspec.json.encode(body))
        os.rename(self._base + ".tmp", self._base + ".req")

    def wait(self, seconds: float) -> None:
        """Sleep until the bell rings, at most that long."""
        if self._bell is None:
            time.sleep(min(seconds, 0.005))
            return
        if select.select([self._bell], [], [], seconds)[0]:
            os.read(self._bell, 4096)

    def answer(self) -> list[Reply] | None:
        """Return the leader's replies if they are there."""
        try:
            with open(self._base + ".ans", "rb") as file:
                body = msgspec.json.decode(file.read())
        except FileNotFoundError:
            return None
        return [
            Reply.unpacked(reply, request)
            for reply, request in zip(body, self.requests, strict=True)
        ]

    def withdraw(self, *, leading: bool = False) -> bool:
        """Take the ticket back; False when a leader has it already.

        With `leading` the caller holds the leader's lock, so that a ticket in a
        dead leader's hands can be taken back too.
        """
        for ending in (".req", ".run") if leading else (".req",):
            try:
                os.rename(self._base + ending, self._base + ".out")
            except FileNotFoundError:
                continue
            return True
        return False

    def close(self) -> None:
        """Remove what is left of the ticket."""
        if self._bell is not None:
            os.close(self._bell)
            self._bell = None
        for ending in (".bell", ".ans", ".out", ".req"):
            _remove(self._base + ending)


class Queue:
    """The folder in which tickets wait."""

    def __init__(self, home: str) -> None:
        self.folder = os.path.join(home, "queue")
        self._swept = 0.0

    def publish(self, requests: Sequence[Request]) -> Ticket:
        """Put requests into the queue. Raises `ReadOnly`, `DiskFull` or `Unavailable`."""
        try:
            try:
                return Ticket(self.folder, requests)
            except FileNotFoundError:
                os.makedirs(self.folder, mode=0o700, exist_ok=True)
                return Ticket(self.folder, requests)
        except OSError as error:
            raise disk_error(error, f"write in {self.folder}") from error

    def take(self, now: float) -> list[Taken]:
        """Take the waiting tickets, oldest first. Only the leader may call this.

        Tickets of dead senders and those whose time is over are dropped; what is
        in an unknown format is left for a newer gitcoord. `now` is wall time.
        """
        taken = []
        for name in self._names()[:ROUND]:
            base = os.path.join(self.folder, name.rpartition(".")[0])
            try:
                if name.endswith(".req"):
                    os.rename(base + ".req", base + ".run")
                with open(base + ".run", "rb") as file:
                    body = msgspec.json.decode(file.read(), type=dict[str, Any])
            except (FileNotFoundError, ValueError):
                continue
            if body.get("format") != FORMAT:
                _give_back(base)
                continue
            bell = _open_bell(base, body)
            if bell == -1:
                _remove(base + ".run", base + ".bell")
                continue
            try:
                requests = [Request.unpacked(one) for one in body["requests"]]
            except (GitcoordError, KeyError, TypeError):
                _give_back(base)
                _ring(bell)
                continue
            if any(0 < request.deadline < now for request in requests):
                _give_back(base)
                _ring(bell)
                continue
            taken.append(Taken(base, requests, bell))
        return taken

    def answer(self, ticket: Taken, replies: Sequence[Reply]) -> None:
        """Give a taken ticket its replies and wake its sender."""
        try:
            with open(ticket.name + ".tmp", "wb") as file:
                file.write(msgspec.json.encode([reply.packed() for reply in replies]))
            os.rename(ticket.name + ".tmp", ticket.name + ".ans")
            _remove(ticket.name + ".run")
        except OSError:
            # The disk is full, but what was decided is decided: the sender takes the lead
            # next, asks again under the same operation id, and gets the first answer.
            _remove(ticket.name + ".tmp")
        _ring(ticket.bell)

    def wake_next(self) -> None:
        """Ring for the oldest waiter, so that it becomes the leader."""
        for name in self._names():
            bell = _open_bell(os.path.join(self.folder, name.rpartition(".")[0]), None)
            if bell is not None and bell >= 0:
                _ring(bell)
                return

    def sweep(self, now: float) -> None:
        """Remove leftovers of processes that died while waiting. `now` is wall time."""
        if now - self._swept < _LITTER:
            return
        self._swept = now
        try:
            entries = list(os.scandir(self.folder))
        except FileNotFoundError:
            return
        for entry in entries:
            try:
                if now - entry.stat(follow_symlinks=False).st_mtime > _LITTER:
                    os.remove(entry.path)
            except FileNotFoundError:
                continue

    def _names(self) -> list[str]:
        try:
            return sorted(n for n in os.listdir(self.folder) if n.endswith((".req", ".run")))
        except FileNotFoundError:
            return []


def _open_bell(base: str, body: dict[str, object] | None) -> int | None:
    """Return the sender's open bell, None where there are no bells, -1 if it is dead."""
    if _BELLS:
        try:
            return os.open(base + ".bell", os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return -1
    if body is None or body.get("sender") is None:
        return None
    sender = msgspec.convert(body["sender"], Process)
    return -1 if machine.alive(sender) is False else None


def _ring(bell: int | None) -> None:
    if bell is None or bell < 0:
        return
    try:
        os.write(bell, b"!")
    except (BlockingIOError, BrokenPipeError):
        return
    finally:
        os.close(bell)


def _give_back(base: str) -> None:
    try:
        os.rename(base + ".run", base + ".req")
    except FileNotFoundError:
        return


def _remove(*paths: str) -> None:
    for path in paths:
        try:
            os.remove(path)
        except FileNotFoundError:
            continue
