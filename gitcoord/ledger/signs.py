"""What each machine has published of its sessions' lives: `refs/coord/presence/<machine>`.

A commit without parents, with one file in its tree. What cannot be read is named and
stops nobody: its object id still shows whether it moves. Not here: counting beats and
publishing ours, which is `presence`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from gitcoord.domain.operation import Beat
from gitcoord.domain.time import EPOCH, Time, is_time
from gitcoord.errors import CorruptRecord, Damaged, InvalidValue
from gitcoord.storage import codec
from gitcoord.storage.store import (
    ABSENT,
    Absent,
    GitObject,
    Move,
    Oid,
    Store,
    check_moves,
    make_object,
)

PREFIX = "refs/coord/presence/"

#: Objects and moves that go into a swap beside others.
Extra = tuple[Sequence[GitObject], Sequence[Move]]


class Beats(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`presence.json`: the last beat of each session of one machine."""

    format: int = 1
    machine: str = ""
    sessions: dict[str, Beat] = {}


class Sign(NamedTuple):
    """What one machine has published."""

    oid: Oid
    sessions: Mapping[str, Beat]
    #: Why it cannot be read; empty when it can.
    broken: str = ""

    def beats_of(self, session: str, *, at_home: bool) -> int:
        """Return a number that changes with the session's signs of life; 0 where there is none.

        Of what cannot be read it is the object id, for sessions that are at home there.
        """
        if self.broken:
            return int(self.oid[:12], 16) if at_home else 0
        return self.sessions.get(session, Beat(0)).count


def survey(store: Store) -> dict[str, Sign]:
    """Return what every machine has published, by machine, as the store knows it."""
    found = {}
    for ref, oid in store.list_refs(PREFIX).items():
        try:
            body = _read(store, ref, oid)
        except (Damaged, ValueError) as error:
            found[ref.removeprefix(PREFIX)] = Sign(oid, {}, str(error) or "it cannot be read")
            continue
        beats = {
            name: beat if is_time(beat.at) else Beat(beat.count, EPOCH)
            for name, beat in body.sessions.items()
        }
        found[ref.removeprefix(PREFIX)] = Sign(oid, beats)
    return found


def composed(
    machine: str, sessions: Mapping[str, Beat], now: Time, fmt: str
) -> tuple[GitObject, GitObject, GitObject]:
    """Return the blob, the tree and the commit that publish the beats of a machine."""
    data = codec.encode_record(Beats(machine=machine, sessions=dict(sessions)))
    blob = make_object(b"blob", data, fmt)
    tree = make_object(b"tree", b"100644 presence.json\0" + bytes.fromhex(blob.oid), fmt)
    lines = [
        f"tree {tree.oid}",
        *(f"{who} gitcoord <{machine}@gitcoord> 0 +0000" for who in ("author", "committer")),
        "",
        f"presence: {len(sessions)} on {machine} at {now}",
        "",
    ]
    return blob, tree, make_object(b"commit", "\n".join(lines).encode(), fmt)


def guard(store: Store, machine: str, now: Time) -> Extra | None:
    """Return what makes a swap fail if the machine publishes anything meanwhile, or None.

    The objects are all that the verified ref reaches, because a host that has pruned one of
    them would refuse the verification apart from the rest (docs/format.md, Presence). Where
    the machine has published nothing, an empty presence is created in its place, so that its
    first one and the swap cannot both win. None where the host does not move refs as one, and
    for a presence that cannot be taken along whole.
    """
    ref = PREFIX + machine
    if not store.atomic or "/" in machine:
        return None
    found = store.read_ref(ref)
    try:
        if isinstance(found, Absent):
            made = composed(machine, {}, now, store.object_format)
            moves = [Move(ref, ABSENT, made[2].oid)]
            check_moves(moves)
            return made, moves
        return _whole(store, ref, found), [Move(ref, found, found)]
    except (Damaged, InvalidValue):
        return None


def _whole(store: Store, ref: str, oid: Oid) -> list[GitObject]:
    """Return every object of a published presence. Raises `CorruptRecord` for a foreign one."""
    kind, raw = store.read(oid)
    commit = GitObject(kind, raw, oid)
    name = _tree(ref, commit)
    tree = GitObject(*store.read(name), name)
    width = len(oid) // 2
    data = tree.data
    if tree.kind != b"tree" or data[:21] != b"100644 presence.json\0" or len(data) != 21 + width:
        raise CorruptRecord(f"{ref} holds something else than presence.json")
    if b"\nparent " in raw.partition(b"\n\n")[0]:
        raise CorruptRecord(f"{ref} has a history")
    blob = data[21:].hex()
    return [commit, tree, GitObject(*store.read(blob), blob)]


def _read(store: Store, ref: str, oid: Oid) -> Beats:
    from gitcoord.storage import tree

    kind, raw = store.read(oid)
    root = _tree(ref, GitObject(kind, raw, oid))
    blob = tree.lookup(lambda one: store.read(one)[1], root, "", "presence.json")
    if blob is None:
        raise CorruptRecord(f"{ref} has no presence.json")
    return codec.decode_record(store.read(blob)[1], Beats, ref)


def _tree(ref: str, commit: GitObject) -> Oid:
    from gitcoord.ledger.journal import tree_of

    if commit.kind != b"commit":
        raise CorruptRecord(f"{ref} names a {commit.kind.decode()}, not a commit")
    return tree_of(commit.oid, commit.data)
