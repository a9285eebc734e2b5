"""When the ledger's own loose objects and packs have become many, and making them few.

Only what belongs to the ledger is touched: objects that its refs reach, and packs that
were noted as its own. The user's packs and loose objects stay, and no `git gc` is ever
started. May run beside writers, and beside the user's git gc. Not here: how git packs
and which files go (consolidate).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from gitcoord.storage.durable import disk_error, temporary
from gitcoord.storage.repository import Repository, home
from gitcoord.storage.store import Oid

#: From so many new loose objects or packs on, consolidate in the background ...
LOOSE_SOON = 1_500
PACKS_SOON = 20
#: ... and from so many before anything else is written.
LOOSE_NOW = 2_400
PACKS_NOW = 30

Due = Literal["", "soon", "now"]


class Notes(NamedTuple):
    """What was written since the last consolidation: loose objects, names of packs."""

    loose: int
    packs: list[str]


class State(msgspec.Struct):
    """`growth.json`: packs that are ours, and the heads whose objects are all in packs."""

    packs: list[str] = []
    heads: dict[str, Oid] = {}


def noted(repository: Repository, loose: int, packs: Sequence[str] = ()) -> None:
    """Count what a commit has written: so many loose objects, and packs by path or name.

    One short append, without fsync: a lost note costs a late consolidation. Raises `ReadOnly`,
    `DiskFull` or `Unavailable`.
    """
    lines = [f"loose {loose}\n"] if loose else []
    lines += [f"pack {pack_name(pack)}\n" for pack in packs]
    if not lines:
        return
    path = _path(repository, "growth.notes")
    try:
        try:
            _append(path, "".join(lines).encode())
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            _append(path, "".join(lines).encode())
    except OSError as error:
        raise disk_error(error, f"write {path}") from error


def due(repository: Repository) -> Due:
    """Say whether it is time to consolidate: not yet (""), "soon" or "now"."""
    loose, packs = parsed(read(_path(repository, "growth.notes")))
    if loose >= LOOSE_NOW or len(packs) >= PACKS_NOW:
        return "now"
    return "soon" if loose >= LOOSE_SOON or len(packs) >= PACKS_SOON else ""


def load(repository: Repository) -> State:
    """Return what the last consolidation left to the next one."""
    try:
        return msgspec.json.decode(read(_path(repository, "growth.json")) or b"{}", type=State)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        # Disposable: without it all of the history is listed once more.
        return State()


def save(repository: Repository, state: State) -> None:
    """Keep it for the next consolidation. Raises OSError."""
    path = _path(repository, "growth.json")
    interim = temporary(os.path.dirname(path), "growth")
    with open(interim, "wb") as file:
        file.write(msgspec.json.encode(state))
    os.replace(interim, path)


def notes(repository: Repository) -> tuple[Notes, int]:
    """Return what was noted, and how many bytes of notes that are, for `start_anew`."""
    path = _path(repository, "growth.notes")
    data = read(path)
    # Who opened the file just before it was renamed may have written after that.
    late = parsed(read(path + ".old"))
    found = parsed(data)
    return Notes(found.loose, late.packs + found.packs), len(data)


def start_anew(repository: Repository, used: int) -> None:
    """Keep of the notes only what was written after the first `used` bytes. Raises OSError."""
    path = _path(repository, "growth.notes")
    try:
        os.replace(path, path + ".old")
    except (FileNotFoundError, PermissionError):
        return  # there are none; or, on Windows, somebody writes one: then next time
    late = read(path + ".old")[used:]
    if late:
        _append(path, late)


def pack_name(path: str) -> str:
    """Return "pack-<hash>" for the path or name of a pack or its index."""
    return os.path.basename(path).partition(".")[0]


def parsed(data: bytes) -> Notes:
    """Return what the notes say; a line cut short by a crash says nothing."""
    loose = 0
    packs: list[str] = []
    for line in data.decode("ascii", "replace").splitlines():
        word, _, value = line.partition(" ")
        if word == "loose" and value.isdecimal():
            loose += int(value)
        elif word == "pack" and value.startswith("pack-"):
            packs.append(value)
    return Notes(loose, packs)


def read(path: str) -> bytes:
    """Return the file's bytes, none where there is no file. Raises `ReadOnly`, `Unavailable`."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise disk_error(error, f"read {path}") from error


def _path(repository: Repository, name: str) -> str:
    return os.path.join(home(repository), name)


def _append(path: str, data: bytes) -> None:
    # One write to a file opened for appending: lines of several processes do not mix.
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
    fd = os.open(path, flags, 0o600)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)
