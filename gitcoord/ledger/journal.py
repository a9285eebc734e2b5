"""The ledger's diary: what a transaction's commit says, for people and programs.

Subject: what happened, in words. Body: one JSON line per operation with its
arguments and outcome. Trailers `Op-Id:` and `Session:`. `compose` writes a
commit, `read` takes one apart. The grammar is part of docs/format.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from gitcoord.domain.time import EPOCH, Time, from_epoch, to_epoch
from gitcoord.errors import CorruptRecord
from gitcoord.ledger.request import Request
from gitcoord.storage.digest import sha256

_SUBJECT = 100
#: Longest arguments, in bytes of JSON, that the diary repeats in full.
ARGUMENTS = 65_536


class Entry(NamedTuple):
    """One request as the diary tells it."""

    request: Request
    agent: str
    #: One line of people's words for each of its operations.
    subjects: Sequence[str]
    #: "done", or the code of the refusal.
    outcome: str


class Transaction(NamedTuple):
    """One commit of the ledger, read back."""

    oid: str
    tree: str
    parents: tuple[str, ...]
    agent: str
    time: Time
    subject: str
    #: The JSON lines: {"op", "id", "session", "agent", "args", "outcome"}.
    lines: list[dict[str, Any]]


def compose(
    tree: str,
    parent: str | None,
    entries: Sequence[Entry],
    refusals: Sequence[dict[str, Any]],
    now: Time,
    machine: str,
) -> bytes:
    """Return the raw commit that records the entries on top of `parent`."""
    agents = list(dict.fromkeys(_name(entry.agent) for entry in entries))
    author = agents[0] if len(agents) == 1 else "gitcoord"
    seconds = int(to_epoch(now))
    head = [f"tree {tree}"]
    if parent is not None:
        head.append(f"parent {parent}")
    head.append(f"author {author} <{_mailbox(author)}@gitcoord> {seconds} +0000")
    head.append(f"committer gitcoord <{_mailbox(machine)}@gitcoord> {seconds} +0000")
    subjects = [line for entry in entries for line in entry.subjects]
    lines = [line for entry in entries for line in diary_lines(entry)]
    body = [msgspec.json.encode(line).decode() for line in [*lines, *refusals]]
    trailers = [f"Op-Id: {entry.request.id}" for entry in entries]
    sessions = dict.fromkeys(e.request.session for e in entries if e.request.session)
    trailers += [f"Session: {session}" for session in sessions]
    text = "\n".join([*head, "", _headline(subjects), "", *body, "", *trailers, ""])
    return text.encode("utf-8", "replace")


def diary_lines(entry: Entry) -> list[dict[str, Any]]:
    """Return the entry's JSON lines as plain data, one per operation."""
    lines = []
    for operation in entry.request.operations:
        arguments = operation.diary()
        line: dict[str, Any] = {"op": operation.tag, "id": entry.request.id}
        body = msgspec.json.encode(arguments)
        if len(body) > ARGUMENTS:
            # A large import must not make every reader of the diary carry it: what it
            # changed stands in the commit's tree.
            arguments = {"bytes": len(body), "sha256": sha256(body).hexdigest()}
        if entry.request.session:
            line["session"] = entry.request.session
        if entry.agent:
            line["agent"] = entry.agent
        lines.append(line | {"args": arguments, "outcome": entry.outcome})
    return lines


def read(oid: str, raw: bytes) -> Transaction:
    """Return the transaction of a raw commit. Raises `CorruptRecord`."""
    head, _, message = raw.decode("utf-8", "replace").partition("\n\n")
    tree, parents, author, date = "", [], "", EPOCH
    for field in head.split("\n"):
        word, _, value = field.partition(" ")
        if word == "tree":
            tree = value
        elif word == "parent":
            parents.append(value)
        elif word == "author":
            author = value.partition(" <")[0]
        elif word == "committer":
            date = _date(value)
    if not tree:
        raise CorruptRecord(f"commit {oid} has no tree", oid=oid)
    subject, _, rest = message.partition("\n")
    lines = [_line(line) for line in rest.split("\n") if line.startswith("{")]
    return Transaction(oid, tree, tuple(parents), author, date, subject, [x for x in lines if x])


def _date(line: str) -> Time:
    """Return the date of an author or committer line; what is none must not hide the diary."""
    try:
        return from_epoch(float(line.rsplit(" ", 2)[1]))
    except (ValueError, IndexError, OverflowError, OSError):
        return EPOCH


def trailers(raw: bytes) -> dict[str, list[str]]:
    """Return the trailers of a raw commit by their names: its last lines, up to a blank one."""
    found: dict[str, list[str]] = {}
    message = raw.decode("utf-8", "replace").partition("\n\n")[2]
    for line in message.rstrip("\n").rpartition("\n\n")[2].split("\n"):
        name, colon, value = line.partition(": ")
        if colon and name in ("Op-Id", "Session"):
            found.setdefault(name, []).append(value)
    return found


def dates(raw: bytes) -> dict[str, Time]:
    """Return when a raw commit says that it was written: by its author, by its committer."""
    head = raw.decode("utf-8", "replace").partition("\n\n")[0].split("\n")
    words = [line.partition(" ") for line in head if not line.startswith(" ")]
    return {word: _date(value) for word, _, value in words if word in ("author", "committer")}


def tree_of(oid: str, raw: bytes) -> str:
    """Return the tree that a raw commit names. Raises `CorruptRecord`."""
    if not raw.startswith(b"tree "):
        raise CorruptRecord(f"{oid} is not a commit of the ledger", oid=oid)
    return raw[5:].partition(b"\n")[0].decode("ascii", "replace")


def _line(text: str) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
    return found if isinstance(found, dict) and "op" in found else None


def _headline(subjects: Sequence[str]) -> str:
    first = " ".join(subjects[0].split()) if subjects else "nothing"
    more = f" (+{len(subjects) - 1} more)" if len(subjects) > 1 else ""
    room = _SUBJECT - len(more)
    return (first if len(first) <= room else first[: room - 1] + "…") + more


def _name(agent: str) -> str:
    plain = "".join(c for c in agent if c.isprintable() and c not in "<>\n").strip(" .,:;")
    return plain or "gitcoord"


def _mailbox(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name) or "gitcoord"
