"""What a host's answer to a push means: landed, lost, to be tried again, or refused.

The refs themselves decide wherever they can be read; the host's words only tell a lock
that is held for a moment from a rule that will not change. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from gitcoord.errors import CorruptRecord, GitcoordError, HostRefused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitcoord.storage.store import Move, Oid
    from gitcoord.storage.wire.push import Report

#: Words of refusals that another attempt does not change, and what to do about them.
#: Sources: git's builtin/receive-pack.c, and the hosts' documented messages.
FINAL: tuple[tuple[str, str], ...] = (
    (
        "hidden ref",
        "The host hides refs/coord: allow it there, or use another repository.",
    ),
    (
        "hook declined",
        "A hook of the host refuses it: have it let refs/coord/* pass.",
    ),
    ("protected", "Take refs/coord/* out of the host's protection rules (docs/hosts.md)."),
    ("prohibited", "Take refs/coord/* out of the host's protection rules (docs/hosts.md)."),
    ("not allowed", "See docs/hosts.md for what the host has to allow."),
    ("denied", "See that these credentials may write to the repository."),
    ("permission", "See that these credentials may write to the repository."),
    ("funny refname", "The host does not take this name of a ref."),
    ("shallow update", "Use a repository whose history is whole at the host."),
    ("no space left", "Free some space at the host."),
    ("quota", "Free some space at the host."),
    ("read-only", "The host is read-only at the moment; try again later."),
)

#: How a host that checks objects as they come (receive.fsckObjects) speaks of missing ones.
_GAPS = ("object of unexpected type", "did not receive expected object", "missing ", "bad object")

#: What to do where the host has a ref that it does not show.
_UNSEEN = (
    "The host keeps a ledger that it does not show: take refs/coord out of uploadpack.hideRefs"
    " there. `gitcoord doctor --remote` tells."
)

Verdict = Literal["landed", "lost", "again"]


def settled(report: Report, moves: Sequence[Move]) -> bool:
    """Say whether the host reports every one of the moves as made."""
    return not report.unpack and all(report.refs.get(move.ref) == "" for move in moves)


def by_refs(moves: Sequence[Move], found: Mapping[str, Oid]) -> tuple[Verdict, str]:
    """Return what the refs say about the moves, and the ref that says it.

    "landed" where each is at its new value; "lost" where one is neither at its old nor at
    its new one, or at the old beside others at the new; "again" where nothing has moved.
    """
    real = [move for move in moves if move.expect != move.to] or list(moves)
    if all(found.get(move.ref) == move.to for move in real):
        return "landed", ""
    for move in moves:
        if found.get(move.ref) != (move.expect if isinstance(move.expect, str) else None):
            return "lost", move.ref
    return "again", ""


def objection(report: Report, moves: Sequence[Move]) -> GitcoordError | None:
    """Return why another attempt is in vain, None where it may well succeed."""
    reasons = [report.refs.get(move.ref, "") for move in moves]
    words = " ".join([report.unpack, *reasons])
    text = f"{words} {report.said}".lower()
    if "missing necessary objects" in words or (report.unpack and any(w in text for w in _GAPS)):
        return CorruptRecord(
            f"{moves[0].ref} would point at objects that the host does not have",
            refs=report.refs,
        )
    if "cannot create" in text:
        return HostRefused(_told(report, moves), hint="Another ref stands in its way at the host.")
    if "cannot lock ref" in text or "unable to create" in text:
        return None
    for word, hint in FINAL:
        if word in text:
            return HostRefused(_told(report, moves), hint=hint)
    if report.unpack:
        return HostRefused(_told(report, moves))
    return None


def stubborn(report: Report, moves: Sequence[Move]) -> HostRefused:
    """Return the error for a host that goes on refusing although nothing has moved."""
    told = _told(report, moves)
    return HostRefused(told, hint=_UNSEEN if "already exists" in told else None)


def _told(report: Report, moves: Sequence[Move]) -> str:
    reasons = dict.fromkeys(
        [report.unpack, *(report.refs.get(move.ref, "no answer for this ref") for move in moves)]
    )
    said = "; ".join(reason for reason in reasons if reason)
    more = f" ({report.said})" if report.said else ""
    return f"the host does not move {moves[0].ref}: {said}{more}"
