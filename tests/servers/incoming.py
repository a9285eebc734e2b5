"""A request as it comes in: read off a connection, and what git means by it."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO
from urllib.parse import parse_qs, unquote

#: The command lines of a push: old, new, ref; the first also carries capabilities.
OID = rb"(?:[0-9a-f]{40}|[0-9a-f]{64})"
MOVE = re.compile(rb"[0-9a-f]{4}" + OID + b" " + OID + rb" ([^\0\n]+)")


class Broken(Exception):
    """The peer went away in the middle of a request, or does not speak HTTP."""


@dataclass
class Incoming:
    """One request. `body` is as it came, only without the framing of chunks."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    proxied: bool
    #: The path as it was sent: what tells `a%2Fb` from `a/b`.
    raw: str = ""
    service: str = field(init=False)
    command: str = field(init=False)

    def __post_init__(self) -> None:
        if self.path.endswith("/info/refs"):
            self.service = parse_qs(self.query).get("service", [""])[0].removeprefix("git-")
            self.command = "discover"
        else:
            last = self.path.rpartition("/")[2]
            self.service = last[4:] if last in {"git-receive-pack", "git-upload-pack"} else ""
            self.command = self._command() if self.service else ""

    def _command(self) -> str:
        plain = self.plain()
        if plain == b"0000":
            return "probe"
        if self.service == "receive-pack":
            return "push"
        # Protocol v2 names its command in the first line; a request of v0 is always a fetch.
        named = re.match(rb"[0-9a-f]{4}command=([a-z-]+)", plain)
        return named[1].decode() if named else "fetch"

    def plain(self) -> bytes:
        """Return the body without compression."""
        if self.headers.get("content-encoding") != "gzip":
            return self.body
        return zlib.decompress(self.body, 31)

    def moved(self) -> tuple[str, ...]:
        """Return the refs that a push names."""
        if self.command != "push":
            return ()
        commands = self.plain().split(b"0000PACK")[0]
        return tuple(found.decode() for found in MOVE.findall(commands))


def read(stream: BinaryIO, send: Callable[[bytes], None]) -> Incoming | None:
    """Return the next request of a connection, None at its end. Raises Broken."""
    first = stream.readline()
    if not first:
        return None
    words = first.decode("latin-1").split()
    if len(words) != 3:
        raise Broken(first)
    headers: dict[str, str] = {}
    while (line := stream.readline()) not in {b"\r\n", b"\n"}:
        if not line:
            raise Broken("headers")
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    if headers.get("expect", "").lower() == "100-continue":
        send(b"HTTP/1.1 100 Continue\r\n\r\n")
    # A client that takes us for its proxy names the whole address.
    proxied = "://" in words[1].split("?")[0]
    target = "/" + words[1].split("/", 3)[3] if proxied else words[1]
    path, _, query = target.partition("?")
    body = _body(stream, headers)
    return Incoming(words[0], unquote(path), query, headers, body, proxied, path)


def _body(stream: BinaryIO, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return _exactly(stream, int(headers.get("content-length", "0")))
    parts = []
    while size := int(stream.readline().split(b";")[0] or b"0", 16):
        parts.append(_exactly(stream, size))
        stream.readline()
    while stream.readline() not in {b"\r\n", b"\n", b""}:
        pass
    return b"".join(parts)


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise Broken("body")
    return data
