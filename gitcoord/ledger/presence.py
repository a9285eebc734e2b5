"""Signs of life of this machine's sessions.

Beats are counted in one small file in the git directory, written only by the
leader of the queue, so a sweep and a heartbeat can never both win. From time
to time the same facts are published as `refs/coord/presence/<machine>`, for
other machines and for people: a commit without history, replaced each time.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from gitcoord.domain.operation import Beat
from gitcoord.domain.time import EPOCH, Time, is_time, seconds_between
from gitcoord.storage import codec
from gitcoord.storage.durable import put
from gitcoord.storage.store import ABSENT, Absent, GitObject, Move, Oid, Store, make_object

if TYPE_CHECKING:
    from gitcoord.domain.state import State

PREFIX = "refs/coord/presence/"
#: The published presence is at most this many seconds behind, while there are beats.
PUBLISH_EVERY = 30.0


class Beats(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`presence.json`: the last beat of each session of one machine."""

    format: int = 1
    machine: str = ""
    sessions: dict[str, Beat] = {}


class _File(msgspec.Struct, kw_only=True, omit_defaults=True):
    sessions: dict[str, Beat] = {}
    published_at: Time = EPOCH
    #: Objects of the published commit, and of the one before it, which may still be read.
    objects: list[str] = []
    stale: list[str] = []


Extra = tuple[Sequence[GitObject], Sequence[Move]]


class Presence:
    """The beats of the sessions on this machine."""

    def __init__(self, home: str, store: Store, machine: str) -> None:
        self._path = os.path.join(home, "presence.json")
        self._objects = os.path.join(os.path.dirname(home), "objects")
        self._store = store
        self._machine = machine
        self._now = _File()

    def beats(self) -> dict[str, Beat]:
        """Return the last beat of each session, freshly read."""
        found = _File()
        for _ in range(3):
            try:
                with open(self._path, "rb") as file:
                    found = msgspec.json.decode(file.read(), type=_File)
            except FileNotFoundError:
                # The leader of another process may be just replacing it.
                continue
            except ValueError:
                pass
            break
        # A torn or foreign file only costs the beats so far: every session then
        # shows a presence that changed, which delays a sweep and loses nothing.
        self._now = found if is_time(found.published_at) else _File()
        return self._now.sessions

    def count(self, alive: Iterable[str], now: Time) -> None:
        """Count one beat for each of the sessions. Only the leader may call this."""
        names = list(alive)
        if not names:
            return
        for name in names:
            before = self._now.sessions.get(name, Beat(0))
            self._now.sessions[name] = Beat(before.count + 1, now)
        self._write()

    def due(self, state: State, now: Time) -> Extra:
        """Return the objects and the move that publish the presence, or nothing to do.

        Sessions that have left are dropped from the file on this occasion.
        """
        here = self._now
        if not here.sessions or seconds_between(here.published_at, now) < PUBLISH_EVERY:
            return (), ()
        from gitcoord.domain.sessions import Session

        for name in list(here.sessions):
            if state.get(Session, name, archived=False) is None:
                del here.sessions[name]
        if not here.sessions:
            return (), ()
        ref = PREFIX + self._machine
        fmt = self._store.object_format
        data = codec.encode_record(Beats(machine=self._machine, sessions=here.sessions))
        blob = make_object(b"blob", data, fmt)
        entry = b"100644 presence.json\0" + bytes.fromhex(blob.oid)
        tree = make_object(b"tree", entry, fmt)
        lines = [
            f"tree {tree.oid}",
            *(
                f"{who} gitcoord <{self._machine}@gitcoord> 0 +0000"
                for who in ("author", "committer")
            ),
            "",
            f"presence: {len(here.sessions)} on {self._machine} at {now}",
            "",
        ]
        commit = make_object(b"commit", "\n".join(lines).encode(), fmt)
        before = self._store.read_ref(ref)
        here.published_at = now
        return (blob, tree, commit), (Move(ref, before, commit.oid),)

    def published(self, extra: Extra) -> None:
        """Remember what was published, and drop what nobody can be reading any more.

        Nothing refers to a replaced presence, so that no packing would ever take it along.
        """
        here, now = self._now, [one.oid for one in extra[0]]
        gone = here.stale
        here.objects, here.stale = now, here.objects
        self._write()
        for oid in gone:
            if oid not in here.objects and oid not in here.stale:
                _drop(os.path.join(self._objects, oid[:2], oid[2:]))

    def _write(self) -> None:
        put(self._path, msgspec.json.encode(self._now))


def _drop(path: str) -> None:
    """Remove a loose object; one that cannot be removed is left to `git gc`."""
    try:
        if os.name == "nt":
            os.chmod(path, stat.S_IWRITE)
        os.remove(path)
    except (FileNotFoundError, PermissionError):
        return


def published(store: Store) -> dict[str, Beats]:
    """Return the published presence of every machine, by machine."""
    found = {}
    for ref, oid in store.list_refs(PREFIX).items():
        data = _presence_blob(store, oid)
        found[ref.removeprefix(PREFIX)] = codec.decode_record(data, Beats, ref)
    return found


def _presence_blob(store: Store, commit: Oid | Absent) -> bytes:
    if commit is ABSENT or isinstance(commit, Absent):
        return b""
    raw = store.read(commit)[1]
    tree = store.read(raw[5 : raw.index(b"\n")].decode())[1]
    size = 20 if store.object_format == "sha1" else 32
    return store.read(tree[-size:].hex())[1]
