"""The set-up of one agent client: its files, planned, undone, checked and shown.

A set-up is data, made by `<client>/setup.py`; here is what is done with one. Nothing is
written but by a plan that was shown (plan), and undoing gives back the old bytes, or takes
out what is ours where a file has changed since (backups). Not here: what any client reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Literal, NamedTuple

from gitcoord.clients.backups import Backups
from gitcoord.clients.contents import Content
from gitcoord.clients.plan import FileEdit, Plan, read
from gitcoord.errors import GitcoordError, InvalidFile

#: Whose set-up it is: that of all who share the repository, of this clone, of this user.
Scope = Literal["project", "local", "user"]
SCOPES: tuple[Scope, ...] = ("project", "local", "user")


class File(NamedTuple):
    """A file that a client reads, and what is ours in it."""

    #: Absolute.
    path: str
    contents: tuple[Content, ...]
    #: False for a file that may hold secrets: no copy of it is kept.
    copied: bool = True


class SetUp(NamedTuple):
    """All that one client is told about gitcoord in one scope."""

    client: str
    scope: Scope
    files: tuple[File, ...]
    #: What is left to people, and what they should know.
    notes: tuple[str, ...] = ()


class Lack(NamedTuple):
    """Something that a set-up should have and has not, or has in an old form."""

    path: str
    what: str


def plan(setup: SetUp) -> Plan:
    """Return the plan that puts everything in its place.

    Raises `InvalidFile` for a file that cannot be changed without loss, with what to do.
    """
    steps = []
    notes = list(setup.notes)
    for file in setup.files:
        before = read(file.path)
        text = after = _text(setup.client, file.path, before)
        without = _taken(setup.client, file, text)
        for content in file.contents:
            try:
                if content.others(after):
                    notes.append(f"{file.path} has another {content.name}, which is left alone.")
                after = content.put(after)
            except ValueError as wrong:
                raise _unfit(setup.client, file.path, wrong) from None
        if after == text:
            continue
        bare = ... if without == text else without.encode() if without.strip() else None
        edit = FileEdit(file.path, before, after.encode(), without=bare, copied=file.copied)
        steps.append(edit)
    return Plan(setup.client, tuple(steps), tuple(notes))


def undoing(setup: SetUp, backups: Backups) -> Plan:
    """Return the plan that takes everything out again. Raises as `plan`."""
    steps = []
    # The last that was made first: a folder goes when the last file in it does.
    for file in reversed(setup.files):
        known = backups.original(file.path)
        made = known is None or known.data is None
        edit = backups.undoing(file.path, partial(_left, setup.client, file, made))
        if edit is not None:
            steps.append(edit)
    return Plan(setup.client, tuple(steps), removes=True)


def lacks(setup: SetUp) -> list[Lack]:
    """Return what is missing or old, in the order of the files. Raises `InvalidFile`."""
    found = []
    for file in setup.files:
        text = _text(setup.client, file.path, read(file.path))
        for content in file.contents:
            try:
                found += [Lack(file.path, what) for what in content.lacks(text)]
            except ValueError as wrong:
                raise _unfit(setup.client, file.path, wrong) from None
    return found


def standing(setup: SetUp) -> list[str]:
    """Return the files that hold anything of ours; one that cannot be read counts as none."""
    return [
        file.path for file, text in _readable(setup) if _taken(setup.client, file, text) != text
    ]


def programs(setup: SetUp) -> set[str]:
    """Return the programs that the files start now, as far as they can be read."""
    found: set[str] = set()
    for file, text in _readable(setup):
        for content in file.contents:
            found |= content.programs(text)
    return found


def snippets(setup: SetUp) -> list[tuple[str, str]]:
    """Return each file with the text that it would have if nothing else were in it."""
    shown = []
    for file in setup.files:
        text = ""
        for content in file.contents:
            text = content.put(text)
        shown.append((file.path, text))
    return shown


def _readable(setup: SetUp) -> Iterator[tuple[File, str]]:
    for file in setup.files:
        try:
            text = _text(setup.client, file.path, read(file.path))
            _taken(setup.client, file, text)
        except GitcoordError:
            # Whoever sets up or checks is told; who only looks around goes on.
            continue
        yield file, text


def _left(client: str, file: File, made: bool, now: bytes) -> bytes | None:
    """Return what a file holds without us; None where `made` by us and nothing else is in it."""
    text = _taken(client, file, _text(client, file.path, now))
    empty = text.strip("\ufeff \t\r\n") in ("", "{}")
    return None if empty and made else text.encode()


def _taken(client: str, file: File, text: str) -> str:
    for content in file.contents:
        try:
            text = content.take(text)
        except ValueError as wrong:
            raise _unfit(client, file.path, wrong) from None
    return text


def _text(client: str, path: str, data: bytes | None) -> str:
    try:
        return (data or b"").decode("utf-8")
    except UnicodeDecodeError as wrong:
        raise _unfit(client, path, ValueError(f"it is no UTF-8: {wrong.reason}")) from None


def _unfit(client: str, path: str, wrong: ValueError) -> InvalidFile:
    return InvalidFile(
        f"{path} is left as it is: {wrong}",
        hint=f"Mend the file, or enter by hand what `gitcoord setup {client} --print` shows.",
        path=path,
    )
