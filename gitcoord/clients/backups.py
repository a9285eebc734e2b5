"""What files were before a set-up changed them, so that it can be undone to the byte.

One private file per client and changed file, in the folder `setup` of gitcoord's files in
the git directory. It says what was there and what we made of it: only where that is still
in place is the old content the right one to go back to. Not a history: one step back.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from gitcoord.clients.plan import FileEdit, mode_of, read
from gitcoord.storage.digest import sha256
from gitcoord.storage.durable import disk_error, put

FOLDER = "setup"


class Original(NamedTuple):
    """A file as it was before us."""

    path: str
    #: Its bytes; None: there was none.
    data: bytes | None
    #: Its permission bits; None: there was no file.
    mode: int | None
    #: Digest of what we made of it.
    ours: str
    #: Folders that were made for it, the innermost first.
    folders: tuple[str, ...] = ()


class Backups:
    """The backups of one client in one clone; `home` is the folder of gitcoord's files."""

    def __init__(self, home: str, client: str) -> None:
        self._folder = os.path.join(home, FOLDER)
        self._client = client

    def keep(self, edit: FileEdit, mode: int | None, folders: Sequence[str] = ()) -> None:
        """Remember what an edit that is about to be made replaces.

        Where what it replaces is our own earlier work, what was before that stays remembered.
        """
        known = self.original(edit.path)
        if known is not None and edit.before is not None and known.ours == _digest(edit.before):
            known = known._replace(ours=_digest(edit.after))
        else:
            data = edit.before if isinstance(edit.without, type(...)) else edit.without
            known = Original(
                edit.path,
                data,
                mode,
                _digest(edit.after),
                (known or _NONE).folders or tuple(folders),
            )
        body = {
            "client": self._client,
            # For people; a path may be no UTF-8, so the bytes are what counts.
            "shown": os.fsencode(known.path).decode("utf-8", "backslashreplace"),
            "path": b64encode(os.fsencode(known.path)).decode("ascii"),
            "data": None if known.data is None else b64encode(known.data).decode("ascii"),
            "mode": known.mode,
            "ours": known.ours,
            "folders": list(known.folders),
        }
        put(self._file(edit.path), msgspec.json.encode(body))

    def original(self, path: str) -> Original | None:
        """Return what is remembered of a file; None: nothing, or nothing that can be read."""
        return _read(self._file(path), self._client)

    def paths(self) -> list[str]:
        """Return the files that this client's set-up has changed here, ordered."""
        return sorted(one.path for one in self._all())

    def undoing(self, path: str, without: Callable[[bytes], bytes | None]) -> FileEdit | None:
        """Return the edit that takes a file back to what it was; None: there is nothing to undo.

        Where the file has changed since, only what is ours goes: `without` returns the
        bytes that are left of it, or None where no file should be left.
        """
        now, known = read(path), self.original(path)
        if now is None:
            # Somebody has removed the file; then there is only a backup to forget.
            return None if known is None else FileEdit(path, None, None)
        if known is not None and known.ours == _digest(now):
            return FileEdit(path, now, known.data, known.mode)
        after = without(now)
        return None if after == now else FileEdit(path, now, after, mode_of(path))

    def forget(self, path: str) -> tuple[str, ...]:
        """Forget a file; return the folders that were made for it, the innermost first."""
        known = self.original(path)
        try:
            os.unlink(self._file(path))
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise disk_error(error, f"remove {self._file(path)}") from error
        return known.folders if known is not None else ()

    def _file(self, path: str) -> str:
        name = sha256(os.fsencode(path), usedforsecurity=False).hexdigest()[:32]
        return os.path.join(self._folder, f"{self._client}-{name}.json")

    def _all(self) -> Iterator[Original]:
        try:
            names = os.listdir(self._folder)
        except FileNotFoundError:
            return
        for name in names:
            if name.endswith(".json"):
                found = _read(os.path.join(self._folder, name), self._client)
                if found is not None:
                    yield found


_NONE = Original("", None, None, "")


def _digest(data: bytes | None) -> str:
    return "" if data is None else sha256(data, usedforsecurity=False).hexdigest()


def _read(file: str, client: str) -> Original | None:
    data = read(file)
    if data is None:
        return None
    try:
        body: dict[str, Any] = msgspec.json.decode(data, type=dict)
        if body["client"] != client:
            return None
        kept = body["data"]
        return Original(
            os.fsdecode(b64decode(body["path"])),
            None if kept is None else b64decode(kept),
            body["mode"],
            str(body["ours"]),
            tuple(body["folders"]),
        )
    except (ValueError, KeyError, TypeError):
        # A torn or foreign file: then undoing takes out what is ours instead of going back.
        return None
