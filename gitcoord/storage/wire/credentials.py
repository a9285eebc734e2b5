"""Who we are to a host: what git's credential helpers and netrc know, and telling them back.

Promises that git asks nobody on the terminal, and that no secret is part of a `repr`, a
message or an error. Not here: when a host wants to know.
See https://git-scm.com/docs/git-credential
"""

from __future__ import annotations

import os
from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gitcoord.errors import InvalidUrl

if TYPE_CHECKING:
    from gitcoord.storage.gitproc import Git, GitProcess


class Credential:
    """What a host is shown. Prints as nothing but its class."""

    __slots__ = ("authorization", "described")

    def __init__(self, authorization: str, described: bytes = b"") -> None:
        #: Value of the header `Authorization`.
        self.authorization = authorization
        #: git's description of it; empty where git did not give it.
        self.described = described


def basic(user: str, password: str) -> Credential:
    """Return the credential of RFC 7617, in UTF-8."""
    pair = f"{user}:{password}".encode("utf-8", "surrogateescape")
    return Credential(f"Basic {b2a_base64(pair, newline=False).decode('ascii')}")


class Helpers:
    """git's credential helpers; one place to ask and to tell."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._telling: list[GitProcess] = []

    def fill(
        self, protocol: str, host: str, path: str, user: str | None, challenges: Sequence[str] = ()
    ) -> Credential | None:
        """Return what the helpers have for this place, None where they have nothing.

        `host` with its port if it is not the usual one; `path` without a leading slash, which
        git leaves out unless credential.useHttpPath is set; `challenges`: the host's
        WWW-Authenticate. Raises InvalidUrl for characters that would forge the question.
        """
        asked = [("capability[]", "authtype"), ("protocol", protocol), ("host", host)]
        asked += [("path", path)] if path else []
        asked += [("username", user)] if user is not None else []
        if any(char in value for _, value in asked for char in "\n\r\0"):
            raise InvalidUrl("the URL holds a line break, which no credential helper may see")
        asked += [("wwwauth[]", " ".join(text.split())) for text in challenges]
        child = self._git.start("credential", "fill")
        child.send(_lines(asked))
        code, output, _ = child.finish()
        return _credential(output) if code == 0 else None

    def approve(self, credential: Credential) -> None:
        """Tell the helpers that the host has taken it; returns at once."""
        self._tell("approve", credential)

    def reject(self, credential: Credential) -> None:
        """Tell the helpers that the host has not taken it; returns when they have heard."""
        self._tell("reject", credential)
        self.close()

    def close(self) -> None:
        """Wait until the helpers have heard what they were told."""
        while self._telling:
            self._telling.pop().finish()

    def _tell(self, what: str, credential: Credential) -> None:
        if credential.described:
            child = self._git.start("credential", what)
            child.send(credential.described + b"\n")
            self._telling.append(child)


def from_netrc(host: str, user: str | None, environ: Mapping[str, str]) -> Credential | None:
    """Return what the user's netrc file has for this host, None without one that can be read.

    Where: NETRC, else `.netrc` (on Windows also `_netrc`) in HOME, as curl looks.
    """
    import netrc

    home = environ.get("HOME") or os.path.expanduser("~")
    names = (".netrc", "_netrc") if os.name == "nt" else (".netrc",)
    places = [environ.get("NETRC", ""), *(os.path.join(home, name) for name in names)]
    place = next((path for path in places if path and os.path.isfile(path)), None)
    if place is None:
        return None
    try:
        found = netrc.netrc(place).authenticators(host)
    except (netrc.NetrcParseError, OSError, UnicodeDecodeError):
        # curl too takes a netrc that it cannot read for none.
        return None
    if found is None or (user is not None and user != found[0]):
        return None
    return basic(found[0], found[2] or "")


def _lines(pairs: Sequence[tuple[str, str]]) -> bytes:
    text = "".join(f"{key}={value}\n" for key, value in pairs)
    return text.encode("utf-8", "surrogateescape") + b"\n"


def _credential(output: bytes) -> Credential | None:
    text = output.decode("utf-8", "surrogateescape")
    found = dict(line.split("=", 1) for line in text.split("\n") if "=" in line)
    if found.get("authtype") and found.get("credential"):
        known = Credential(f"{found['authtype']} {found['credential']}", output)
    elif "username" in found and "password" in found:
        known = basic(found["username"], found["password"])
        known.described = output
    else:
        return None
    spelt = known.authorization
    return known if spelt.isascii() and spelt.isprintable() else None
