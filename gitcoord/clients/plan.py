"""What a set-up changes, as data: files before and after, shown, applied and undone.

A plan is made from what is on the disk and says exactly what becomes of it; nothing is
written that the plan has not shown, and nothing when a file has changed since. Whole
files only: what belongs into one is for the client that plans it. Not here: what files
looked like before us (backups).
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from gitcoord.errors import Contended
from gitcoord.storage.durable import disk_error, temporary, write_synced

if TYPE_CHECKING:
    from types import EllipsisType

    from gitcoord.clients.backups import Backups
    from gitcoord.storage.repository import Repository

#: Permission bits of a file that a plan creates and says nothing about.
ORDINARY = 0o644


class Facts(NamedTuple):
    """What every set-up is planned from."""

    repository: Repository
    #: The `gitcoord` program: its absolute path, or the name in files that go to others.
    program: str
    #: The environment: home directories and switches of the clients.
    environ: Mapping[str, str]


class FileEdit(NamedTuple):
    """One file and what becomes of it."""

    #: Absolute; where it is a symbolic link, the file that it leads to is meant.
    path: str
    #: Its bytes now; None: there is no such file.
    before: bytes | None
    #: Its bytes then; None: it is removed.
    after: bytes | None
    #: Its permission bits then; None keeps those it has.
    mode: int | None = None
    #: `before` as it would be without us, for a file that may hold a part of ours already
    #: (`...`: as it is). It is what undoing goes back to where no backup is older.
    without: bytes | EllipsisType | None = ...
    #: Whether a copy is kept for undoing, and lines around the change are shown: not of a file
    #: that may hold secrets.
    copied: bool = True


class Rename(NamedTuple):
    """A file, or the symbolic link itself, that gets another name in its folder."""

    path: str
    to: str


class Plan(NamedTuple):
    """The steps of one client's set-up, in their order, or those of undoing it."""

    #: The client, as in `gitcoord setup CLIENT`.
    client: str
    steps: tuple[FileEdit | Rename, ...] = ()
    #: What people should know: files that git tracks, steps that are left to them.
    notes: tuple[str, ...] = ()
    #: Whether it undoes a set-up.
    removes: bool = False

    def changes(self) -> tuple[FileEdit | Rename, ...]:
        """Return the steps that change anything; none: everything is as it should be."""
        return tuple(step for step in self.steps if isinstance(step, Rename) or _differs(step))


def read(path: str) -> bytes | None:
    """Return the bytes of a file, None where there is none. Raises `Unavailable` or a kin."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise disk_error(error, f"read {path}") from error


def mode_of(path: str) -> int | None:
    """Return the permission bits of a file, None where there is none."""
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except OSError:
        return None


def diff(plan: Plan, root: str = "") -> str:
    """Return the changes as a unified diff, "" for none; paths under `root` are shown from it.

    The form is that of git: https://git-scm.com/docs/diff-format#generate_patch_text_with_p
    """
    return "".join(line for step in plan.changes() for line in _shown(step, root))


def apply(plan: Plan, backups: Backups) -> list[str]:
    """Make the changes and return the paths that were changed.

    Each file is replaced whole and keeps its permissions unless the plan names others. What
    was there is kept in the backups first; undoing forgets that. Raises `Contended` when a
    file is not what the plan says it is, before anything is written; `ReadOnly`, `DiskFull`
    or `Unavailable` where writing fails: then the rest is undone by planning again.
    """
    steps = plan.changes()
    _verify(steps)
    for step in steps:
        if isinstance(step, Rename):
            _rename(step)
        elif plan.removes:
            _write(step)
        else:
            _install(step, backups)
    if plan.removes:
        _forget(plan, backups)
    return list(dict.fromkeys(step.path for step in steps))


def _differs(edit: FileEdit) -> bool:
    if edit.before != edit.after:
        return True
    # Windows knows no permission bits but the one for writing.
    wanted = None if sys.platform == "win32" or edit.after is None else edit.mode
    return wanted is not None and mode_of(edit.path) != wanted


def _verify(steps: Iterable[FileEdit | Rename]) -> None:
    seen: dict[str, bytes | None] = {}

    def now(path: str) -> bytes | None:
        return seen[path] if path in seen else read(path)

    for step in steps:
        if isinstance(step, Rename):
            if step.path not in seen and not os.path.lexists(step.path):
                raise Contended(f"{step.path} is gone meanwhile", path=step.path)
            if now(step.to) is not None or (step.to not in seen and os.path.lexists(step.to)):
                raise Contended(f"{step.to} is in the way", path=step.to)
            seen[step.to], seen[step.path] = now(step.path), None
        else:
            if now(step.path) != step.before:
                raise Contended(f"{step.path} has changed meanwhile", path=step.path)
            seen[step.path] = step.after


def _rename(step: Rename) -> None:
    try:
        os.rename(step.path, step.to)
    except OSError as error:
        raise disk_error(error, f"rename {step.path}") from error


def _install(edit: FileEdit, backups: Backups) -> None:
    folders = list(_absent(os.path.dirname(os.path.realpath(edit.path))))
    if edit.copied:
        backups.keep(edit, mode_of(edit.path), folders)
    _write(edit)


def _forget(plan: Plan, backups: Backups) -> None:
    """Forget what is undone, and remove the folders that were made for it."""
    folders = {folder for step in plan.steps for folder in backups.forget(step.path)}
    for folder in sorted(folders, key=len, reverse=True):
        # Whatever is not empty holds somebody else's files by now.
        with suppress(OSError):
            os.rmdir(folder)


def _absent(folder: str) -> Iterator[str]:
    """Yield the folders that have to be made for this one, the innermost first."""
    while not os.path.isdir(folder):
        yield folder
        folder, below = os.path.dirname(folder), folder
        if folder == below:
            return


def _write(edit: FileEdit) -> None:
    path = os.path.realpath(edit.path)
    try:
        if edit.after is None:
            os.unlink(path)
            return
        folder = os.path.dirname(path)
        os.makedirs(folder, exist_ok=True)
        kept = mode_of(path)
        mode = edit.mode if edit.mode is not None else kept if kept is not None else ORDINARY
        interim = temporary(folder, ".gitcoord")
        write_synced(interim, [edit.after], mode)
        try:
            os.replace(interim, path)
        except BaseException:
            os.unlink(interim)
            raise
    except OSError as error:
        raise disk_error(error, f"write {path}") from error


def _shown(step: FileEdit | Rename, root: str) -> Iterator[str]:
    name = _name(step.path, root)
    if isinstance(step, Rename):
        yield f"rename from {name}\nrename to {_name(step.to, root)}\n"
        return
    from difflib import unified_diff

    old = "/dev/null" if step.before is None else f"a/{name}"
    new = "/dev/null" if step.after is None else f"b/{name}"
    before, after = mode_of(step.path), step.mode
    if step.before is None and after is not None and step.after is not None:
        yield f"new file mode 100{after:o}\n"
    elif after is not None and step.after is not None and before not in (None, after):
        yield f"old mode 100{before:o}\nnew mode 100{after:o}\n"
    around = 3 if step.copied else 0
    for line in unified_diff(_lines(step.before), _lines(step.after), old, new, n=around):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(data: bytes | None) -> list[str]:
    text = (data or b"").decode("utf-8", "backslashreplace")
    # Only line feeds end a line: `splitlines` knows others, which would show as changes.
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _name(path: str, root: str) -> str:
    inside = bool(root) and path.startswith(os.path.join(root, ""))
    return (os.path.relpath(path, root) if inside else path).replace(os.sep, "/")
