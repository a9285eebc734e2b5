"""What git prints, read: people, commits, changed files, entries of trees. Starts no git."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

ZERO = "0" * 40
#: What `git diff --raw` calls things, and what GitHub does.
STATUS = {
    "A": "added",
    "M": "modified",
    "D": "removed",
    "R": "renamed",
    "C": "copied",
    "T": "changed",
}


class Person(NamedTuple):
    """Who made a commit, and when in ISO 8601."""

    name: str
    email: str
    date: str


@dataclass(frozen=True)
class Commit:
    """A commit as git has it."""

    oid: str
    tree: str
    parents: tuple[str, ...]
    author: Person
    committer: Person
    message: str


class Change(NamedTuple):
    """One file between two commits; `previous` is its old name when it was renamed."""

    path: str
    status: str
    additions: int
    deletions: int
    oid: str
    previous: str = ""


class Entry(NamedTuple):
    """One line of a tree; `size` None for what is no blob."""

    mode: str
    type: str
    oid: str
    path: str
    size: int | None = None


def who(author: Person, committer: Person) -> dict[str, str]:
    """Return the environment that makes git write these people."""
    return {
        "GIT_AUTHOR_NAME": author.name,
        "GIT_AUTHOR_EMAIL": author.email,
        "GIT_AUTHOR_DATE": author.date,
    } | committed(committer)


def committed(person: Person) -> dict[str, str]:
    """Return the environment that makes git write this committer."""
    return {
        "GIT_COMMITTER_NAME": person.name,
        "GIT_COMMITTER_EMAIL": person.email,
        "GIT_COMMITTER_DATE": person.date,
    }


def commit(row: list[str]) -> Commit:
    """Read a commit off the fields of `git log`."""
    return Commit(
        row[0],
        row[1],
        tuple(row[2].split()),
        Person(*row[3:6]),
        Person(*row[6:9]),
        row[9].rstrip("\n"),
    )


def entry(line: str) -> Entry:
    """Read a line of `git ls-tree --long`."""
    head, _, path = line.partition("\t")
    mode, kind, oid, size = head.split()
    return Entry(mode, kind, oid, path, None if size == "-" else int(size))


def changes(words: list[str]) -> list[Change]:
    """Read `--raw --numstat -z`: first all of the one, then all of the other, in one order."""
    found: list[tuple[str, str, str, str]] = []
    counts: dict[str, tuple[int, int]] = {}
    place = 0
    while place < len(words) and words[place]:
        word = words[place]
        if word.startswith(":"):
            _, _, old, new, letter = word[1:].split(" ")
            two = letter[0] in "RC"
            previous = words[place + 1] if two else ""
            path = words[place + 1 + two]
            found.append((path, STATUS[letter[0]], new if new != ZERO else old, previous))
            place += 2 + two
            continue
        added, removed, path = word.split("\t")
        if not path:
            path = words[place + 2]
            place += 2
        counts[path] = (int(added) if added != "-" else 0, int(removed) if removed != "-" else 0)
        place += 1
    return [
        Change(path, status, *counts.get(path, (0, 0)), oid, previous)
        for path, status, oid, previous in found
    ]
