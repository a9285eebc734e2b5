"""Requests by hand, for what the git client never sends: one POST, one look at the answer."""

from __future__ import annotations

import hashlib
import http.client
import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple

ZERO = "0" * 40
PUSH = "application/x-git-receive-pack-request"
READ = "application/x-git-upload-pack-request"
LS_REFS = b"0014command=ls-refs\n00010000"

#: A pack of no objects: what a push carries whose objects the host has.
EMPTY_PACK = b"PACK" + (2).to_bytes(4, "big") + bytes(4)


class Answer(NamedTuple):
    """What came back, and after how many seconds."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    seconds: float


def connect(port: int) -> http.client.HTTPConnection:
    """Return a connection to the host at this port, to be closed by the caller."""
    return http.client.HTTPConnection("127.0.0.1", port, timeout=10)


def post(
    connection: http.client.HTTPConnection,
    path: str,
    body: bytes | Iterable[bytes],
    headers: Mapping[str, str],
) -> Answer:
    """Return the answer to a POST; an iterable goes out in chunks. Raises as http.client does."""
    began = time.monotonic()
    chunked = not isinstance(body, bytes)
    connection.request("POST", path, body, dict(headers), encode_chunked=chunked)
    answer = connection.getresponse()
    return Answer(answer.status, answer.headers, answer.read(), time.monotonic() - began)


def ls_refs(connection: http.client.HTTPConnection, name: str) -> Answer:
    """Return the answer to an `ls-refs` of protocol v2."""
    headers = {"Content-Type": READ, "Git-Protocol": "version=2"}
    return post(connection, f"/{name}.git/git-upload-pack", LS_REFS, headers)


def push_body(*moves: tuple[str, str, str], capabilities: str = "report-status") -> bytes:
    """Return a push of (ref, old, new) whose objects the host has already."""
    lines: list[bytes] = []
    for ref, old, new in moves:
        text = f"{old} {new} {ref}" + ("" if lines else f"\0{capabilities}")
        lines.append(f"{len(text) + 4:04x}{text}".encode())
    pack = EMPTY_PACK
    return b"".join(lines) + b"0000" + pack + hashlib.sha1(pack).digest()


def push(connection: http.client.HTTPConnection, name: str, *moves: tuple[str, str, str]) -> Answer:
    """Return the answer to a push of (ref, old, new) whose objects the host has already."""
    path = f"/{name}.git/git-receive-pack"
    return post(connection, path, push_body(*moves), {"Content-Type": PUSH})
