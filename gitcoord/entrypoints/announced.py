"""Which conversation a process of this machine leads, for what else that process starts.

Gemini CLI tells its hooks the id of the conversation, but not the MCP servers that it starts.
So a hook notes it under the client's process, and a server looks for its own ancestors. Private
files of this clone that may be lost: then the server is a session of its own. A later process
with the same number is not mistaken for the one that was noted.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache

import msgspec

from gitcoord.domain.sessions import Process
from gitcoord.entrypoints.cli.actor import Client
from gitcoord.errors import Unavailable
from gitcoord.storage.durable import put

#: Clients that leave the servers which they start without the conversation's id.
SILENT = ("gemini",)


class _Note(msgspec.Struct):
    client: str
    session: str
    process: Process


def announce(home: str, client: Client, process: Process) -> None:
    """Note that this process now leads that conversation; `home` holds this clone's own files."""
    with suppress(Unavailable):
        note = _Note(client.name, client.session, process)
        put(_path(home, process.pid), msgspec.json.encode(note))


def announced(home: str) -> Client | None:
    """Return the conversation that the nearest ancestor of this process leads; None for none."""
    for process in _ancestors():
        if (found := _read(home, process)) is not None:
            return found
    return None


def _read(home: str, process: Process) -> Client | None:
    try:
        with open(_path(home, process.pid), "rb") as file:
            note = msgspec.json.decode(file.read(), type=_Note)
    except (OSError, msgspec.MsgspecError):
        return None
    return Client(note.client, note.session) if note.process == process else None


@cache
def _ancestors() -> tuple[Process, ...]:
    """Return the processes above this one, the nearest first."""
    import psutil

    from gitcoord.ledger import machine

    try:
        numbers = [parent.pid for parent in psutil.Process().parents()]
    except psutil.Error:
        return ()
    return tuple(found for pid in numbers if (found := machine.process(pid)) is not None)


def _path(home: str, pid: int) -> str:
    return os.path.join(home, "hooks", f"process-{pid}.json")
