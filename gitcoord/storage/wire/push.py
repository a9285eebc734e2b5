"""The push: what receive-pack is asked, what it answers, and what it says of itself.

Promises that every command names the value it expects, and that no answer is taken for a
success that does not say so. Not here: the way to the host, or what a refusal means.
Format: https://git-scm.com/docs/gitprotocol-pack#_pushing_data_to_a_server
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gitcoord import __version__
from gitcoord.errors import HostRefused, InvalidValue, UnreadableAnswer
from gitcoord.storage.store import OID_LENGTH, Absent, Expected, Move, Oid, check_moves
from gitcoord.storage.wire.pktline import FLUSH, Packets, Special, as_oid, as_ref, line, plain

_SERVICE = b"# service=git-receive-pack"


class Command(NamedTuple):
    """One ref, the value it must have at the host, and the value it gets; equal: verified."""

    ref: str
    old: Expected
    new: Oid


class Report(NamedTuple):
    """What became of a push; everything in it is safe to print."""

    #: Why the pack was not taken; empty when it was.
    unpack: str
    #: Why each ref was not moved; empty when it was.
    refs: dict[str, str]
    #: What the host and its hooks said beside, for people.
    said: str


class Advertised(NamedTuple):
    """What receive-pack says before a push: all refs it shows, and what it can do."""

    refs: dict[str, Oid]
    capabilities: frozenset[str]


def request(
    commands: Sequence[Command], pack: Sequence[bytes], fmt: str, *, atomic: bool
) -> list[bytes]:
    """Return the parts of the request: the commands, then the pack as it is.

    InvalidValue for no command, names and oids that git would not take, and two zeros:
    what reads as "verify that it is absent" deletes the ref where it exists
    (git's builtin/receive-pack.c, `update`).
    """
    if not commands:
        raise InvalidValue("a push needs a command")
    check_moves([Move(*command) for command in commands])
    wishes = "report-status side-band-64k"
    if atomic:
        wishes += " atomic"
    if fmt != "sha1":
        wishes += f" object-format={fmt}"
    # git itself puts a space after the NUL, so every host has seen that.
    suffix = f"\0 {wishes} agent=gitcoord/{__version__}"
    lines = []
    for command in commands:
        lines.append(line(f"{_spelt(command, fmt)}{suffix}".encode("utf-8", "surrogateescape")))
        suffix = ""
    return [b"".join(lines) + FLUSH, *pack]


def _spelt(command: Command, fmt: str) -> str:
    zeros = "0" * OID_LENGTH[fmt]
    old = zeros if isinstance(command.old, Absent) else command.old
    for oid in (old, command.new):
        if len(oid) != len(zeros) or not set(oid) <= set("0123456789abcdef"):
            raise InvalidValue(f"{oid!r} is no {fmt} name of an object", ref=command.ref)
    if old == command.new == zeros:
        raise InvalidValue(f"a push cannot verify that {command.ref} is absent", ref=command.ref)
    return f"{old} {command.new} {command.ref}"


def report(packets: Packets) -> Report:
    """Return what the host reports, with or without side-band.

    Raises UnreadableAnswer when the report is missing, cut or not one: then what became of
    the push is not known. HostRefused when the host breaks off with a message.
    """
    first = packets.next()
    if isinstance(first, bytes) and first.startswith(b"unpack "):
        return _report(first, packets, "")
    band, said = bytearray(), bytearray()
    for data in _until_flush(first, packets):
        match data[:1]:
            case b"\1":
                band += data[1:]
            case b"\2":
                said += data[1:]
            case b"\3":
                raise HostRefused(f"the host says: {plain(data[1:])}")
            case _:
                raise UnreadableAnswer(f"the host answered a push with {plain(data)!r}")
    heard = plain(bytes(said))
    inner = Packets(io.BytesIO(band).read)
    first = inner.next()
    if not isinstance(first, bytes) or not first.startswith(b"unpack "):
        told = f"; it says: {heard}" if heard else ""
        raise UnreadableAnswer(f"the host does not report what became of the push{told}")
    return _report(first, inner, heard)


def _report(first: bytes, packets: Packets, said: str) -> Report:
    unpack = plain(first[7:])
    refs = {}
    for data in _until_flush(packets.next(), packets):
        state, _, rest = data.removesuffix(b"\n").partition(b" ")
        name, _, reason = rest.partition(b" ")
        if state not in (b"ok", b"ng"):
            raise UnreadableAnswer(f"the host reports {plain(data)!r} of a push")
        # A refusal may come without a reason, and must not read as a success.
        refs[as_ref(name)] = "" if state == b"ok" else plain(reason) or "refused"
    return Report("" if unpack == "ok" else unpack or "refused", refs, said)


def advertised(packets: Packets) -> Advertised:
    """Return what receive-pack advertises, read up to its flush and no further.

    Understands the lead-in of HTTP and versions 0 and 1; `.have` and `shallow` lines and
    peeled tags are left out. Raises UnreadableAnswer, and HostRefused when the host says so.
    """
    first = packets.next()
    if isinstance(first, bytes) and first.removesuffix(b"\n") == _SERVICE:
        if packets.next() is not Special.FLUSH:
            raise UnreadableAnswer("the host's list of refs does not start as it should")
        first = packets.next()
    if isinstance(first, bytes) and first.removesuffix(b"\n") == b"version 1":
        first = packets.next()
    refs: dict[str, Oid] = {}
    words: list[str] = []
    for data in _until_flush(first, packets):
        entry, _, capabilities = data.removesuffix(b"\n").partition(b"\0")
        words += capabilities.decode("utf-8", "replace").split()
        oid, _, name = entry.partition(b" ")
        if oid == b"shallow":
            continue
        value = as_oid(oid)
        if name != b".have" and not name.endswith(b"^{}"):
            refs[as_ref(name)] = value
    return Advertised(refs, frozenset(words))


def _until_flush(first: bytes | Special | None, packets: Packets) -> Iterator[bytes]:
    """Yield the data of `first` and of all packets up to a flush."""
    data = first
    while data is not Special.FLUSH:
        if not isinstance(data, bytes):
            raise UnreadableAnswer("the host's answer to a push breaks off")
        yield data
        data = packets.next()
