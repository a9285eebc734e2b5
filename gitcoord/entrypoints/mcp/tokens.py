"""The bearer tokens of the HTTP server: who may come in, and under which name.

A list has a token a line, or a name and a token; `#` begins a comment. Named tokens tell
clients apart. Tokens are compared in constant time, as digests, all of them each time.
"""

from __future__ import annotations

import hmac
import os
import stat
from collections.abc import Mapping
from hashlib import sha256

from gitcoord.domain.names import checked_name
from gitcoord.entrypoints.mcp.bugs import report
from gitcoord.errors import InvalidFile, InvalidValue

#: The environment variable that holds a token.
VARIABLE = "GITCOORD_MCP_TOKEN"


def from_file(path: str) -> dict[str, str]:
    """Return the digests of the tokens in a file, with the names of their bearers.

    Raises `InvalidFile` for a file that cannot be read or holds none. Says on stderr when
    others on this machine can read it.
    """
    try:
        with open(path, encoding="utf-8") as file:
            found = from_text(file.read(), path)
            mode = os.fstat(file.fileno()).st_mode
    except (OSError, UnicodeDecodeError) as wrong:
        raise InvalidFile(f"{path} cannot be read: {wrong}", path=path) from wrong
    if not found:
        raise InvalidFile(
            f"{path} holds no token", hint="Write one a line: TOKEN, or NAME TOKEN.", path=path
        )
    if os.name == "posix" and mode & (stat.S_IRGRP | stat.S_IROTH):
        report(f"others on this machine can read {path}; `chmod 600` it")
    return found


def from_text(text: str, source: str) -> dict[str, str]:
    """Return the same for a text. Raises `InvalidFile`, which names a line but no token."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split("#", 1)[0].split() if line.lstrip().startswith("#") else line.split()
        if not words:
            continue
        if len(words) > 2:
            raise InvalidFile(f"{source}, line {number}: one token, or a name and a token")
        name = words[0] if len(words) == 2 else ""
        try:
            found[digest(words[-1])] = name and checked_name(name, "bearer")
        except InvalidValue as wrong:
            raise InvalidFile(f"{source}, line {number}: {wrong.message}") from wrong
    return found


def bearer(known: Mapping[str, str], token: str) -> str | None:
    """Return the digest of a token that is known; None for anything else."""
    asked, found = digest(token), None
    for one in known:
        if hmac.compare_digest(one, asked):
            found = one
    return found


def digest(token: str) -> str:
    """Return what is kept of a token."""
    return str(sha256(token.encode("utf-8", "surrogateescape")).hexdigest())
