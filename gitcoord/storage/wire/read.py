"""Reading in protocol version 2: which refs there are, and the objects behind them.

Promises requests that need no discovery, so that each is one round trip, and answers of
which nothing is believed that is not complete. Not here: the way to the host, or older
protocols, which git itself speaks. Format: https://git-scm.com/docs/gitprotocol-v2
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gitcoord import __version__
from gitcoord.errors import HostRefused, InvalidValue, UnreadableAnswer
from gitcoord.storage.store import Oid
from gitcoord.storage.wire.pktline import (
    DELIM,
    FLUSH,
    Packets,
    Special,
    as_oid,
    as_ref,
    line,
    plain,
)

#: How git says that an object which is asked for is no longer at the tip of a ref.
MOVED = ("not our ref", "unadvertised object")
#: Bytes of a pack that are taken at most.
LARGEST = 1 << 30


class NotVersion2(Exception):
    """The host answers in another version of the protocol, or not at all; a signal."""


class Fetched(NamedTuple):
    """Objects as one pack, and where the history that came with them is cut, or no more."""

    pack: bytes
    shallow: tuple[Oid, ...]
    unshallow: tuple[Oid, ...]


def ls_refs(prefixes: Sequence[str], fmt: str) -> bytes:
    """Return the request for the refs whose names start with one of the prefixes."""
    names = [prefix.encode("utf-8", "surrogateescape") for prefix in prefixes]
    wishes = [line(b"ref-prefix %s\n" % name) for name in names]
    return b"".join([*_command("ls-refs", fmt), *wishes, FLUSH])


def refs(packets: Packets) -> dict[str, Oid]:
    """Return {name: oid}; unborn ones and attributes are left out.

    Raises UnreadableAnswer, HostRefused, and NotVersion2 for an empty or an older answer.
    """
    found: dict[str, Oid] = {}
    for data in _until_flush(_first(packets), packets):
        oid, _, rest = data.removesuffix(b"\n").partition(b" ")
        if oid != b"unborn":
            found[as_ref(rest.partition(b" ")[0])] = as_oid(oid)
    return found


def fetch(
    wants: Sequence[Oid],
    haves: Sequence[Oid],
    fmt: str,
    *,
    depth: int | None,
    shallow: Sequence[Oid],
) -> bytes:
    """Return the request for the objects of `wants` less all that `haves` reach.

    `shallow` are the commits at which our own history is cut; `depth` asks for so many
    commits from each wanted one, None for all that is missing. Raises InvalidValue without
    a want.
    """
    if not wants:
        raise InvalidValue("a fetch needs something to want")
    parts = [*_command("fetch", fmt), line(b"ofs-delta\n"), line(b"no-progress\n")]
    parts += [line(f"shallow {oid}\n".encode()) for oid in shallow]
    if depth is not None:
        parts.append(line(f"deepen {depth}\n".encode()))
    parts += [line(f"want {oid}\n".encode()) for oid in wants]
    parts += [line(f"have {oid}\n".encode()) for oid in haves]
    return b"".join([*parts, line(b"done\n"), FLUSH])


def fetched(packets: Packets) -> Fetched:
    """Return what came; that the pack is sound is for git to find out. Raises as `refs`."""
    shallow: list[Oid] = []
    unshallow: list[Oid] = []
    title: bytes | Special | None = _first(packets)
    while isinstance(title, bytes):
        name = title.removesuffix(b"\n")
        if name == b"packfile":
            return Fetched(_pack(packets), tuple(shallow), tuple(unshallow))
        if name not in (b"acknowledgments", b"shallow-info"):
            raise UnreadableAnswer(f"the host sent {plain(name)!r} in place of objects")
        while isinstance(data := packets.next(), bytes):
            word, _, oid = data.removesuffix(b"\n").partition(b" ")
            if word == b"shallow":
                shallow.append(as_oid(oid))
            elif word == b"unshallow":
                unshallow.append(as_oid(oid))
        if data is not Special.DELIM:
            break
        title = packets.next()
    raise UnreadableAnswer("the host sent no objects")


def _pack(packets: Packets) -> bytes:
    pack = bytearray()
    for data in _until_flush(packets.next(), packets):
        if data[:1] == b"\1":
            pack += data[1:]
            if len(pack) > LARGEST:
                raise UnreadableAnswer("the host sends more than any ledger holds")
        elif data[:1] == b"\3":
            raise HostRefused(f"the host says: {plain(data[1:])}")
        elif data[:1] != b"\2":
            raise UnreadableAnswer(f"the host sent {plain(data)!r} in place of objects")
    if len(pack) < 12 or not pack.startswith(b"PACK"):
        raise UnreadableAnswer("the host sent no pack")
    return bytes(pack)


def _first(packets: Packets) -> bytes | Special:
    """Return the first packet; NotVersion2 if there is none, or one of an older version."""
    first = packets.next()
    if first is None:
        raise NotVersion2
    # Only an older advertisement holds a NUL, before the capabilities.
    if isinstance(first, bytes) and (
        b"\0" in first or first.startswith((b"# service=", b"version 1", b"NAK"))
    ):
        raise NotVersion2
    return first


def _until_flush(first: bytes | Special | None, packets: Packets) -> Iterator[bytes]:
    """Yield the data of `first` and of all packets up to a flush."""
    data = first
    while data is not Special.FLUSH:
        if not isinstance(data, bytes):
            raise UnreadableAnswer("the host's answer breaks off")
        yield data
        data = packets.next()


def _command(name: str, fmt: str) -> list[bytes]:
    return [
        line(f"command={name}\n".encode()),
        line(f"agent=gitcoord/{__version__}\n".encode()),
        line(f"object-format={fmt}\n".encode()),
        DELIM,
    ]
