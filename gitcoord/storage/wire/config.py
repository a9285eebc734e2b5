"""git's configuration as git itself reads it: all files and scopes, listed by git once.

Promises git's answer for one URL too, where `http.<url>.*` narrows a setting down.
Not for gitcoord's own settings, and nothing is written.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from gitcoord.storage.gitproc import Git

_URL = re.compile(
    r"([a-z][a-z0-9+.-]*)://(?:([^/?#@]*)@)?([^/?#]*)([^?#]*)(.*)", re.IGNORECASE | re.DOTALL
)
_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]*")
_HOST_PATTERN = re.compile(r"[A-Za-z0-9._:\[\]*-]*")
_DEFAULT_PORTS = {"http": "80", "https": "443"}
# https://www.rfc-editor.org/rfc/rfc3986#section-2: what must be escaped, what is a delimiter.
_UNSAFE = frozenset(range(0x21)) | frozenset(range(0x7F, 0x100)) | frozenset(b'<>"%{}|\\^`')
_RESERVED = frozenset(b":/?#[]@!$&'()*+,;=")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})?|([^%])", re.DOTALL)


class GitConfig:
    """All settings that git has here; read at the first question."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._entries: list[tuple[str, str]] | None = None

    def one(self, key: str) -> str | None:
        """Return the value that counts, the last one; None where there is none."""
        return next(reversed(self.all(key)), None)

    def all(self, key: str) -> list[str]:
        """Return all values in the order in which git reads them; a key alone is "true".

        Raises GitFailed where git cannot read its own configuration.
        """
        wanted = _canonical(key)
        return [value for name, value in self._listed() if name == wanted]

    def for_url(self, key: str, url: str) -> str | None:
        """Return what `git config --get-urlmatch` would; `key` is "section.name"."""
        return next(reversed(self.all_for_url(key, url)), None)

    def all_for_url(self, key: str, url: str) -> list[str]:
        """Return each value that git applies for the URL, in its order; the last one counts.

        A value for a pattern that fits worse than one before it is left out. Rules:
        https://git-scm.com/docs/git-config#Documentation/git-config.txt-httplturlgt
        """
        section, _, name = _canonical(key).rpartition(".")
        asked = normalised(url)
        best = (0, 0, False)
        values = []
        for entry, value in self._listed():
            if entry != f"{section}.{name}":
                start, end = f"{section}.", f".{name}"
                if not (entry.startswith(start) and entry.endswith(end)):
                    continue
                fit = _fit(asked, normalised(entry[len(start) : -len(end)], pattern=True))
            else:
                fit = (0, 0, False)
            if fit is not None and fit >= best:
                best = fit
                values.append(value)
        return values

    def _listed(self) -> list[tuple[str, str]]:
        if self._entries is None:
            _, output = self._git.run("config", "--list", "-z")
            text = output.decode("utf-8", "surrogateescape")
            pairs = (entry.partition("\n") for entry in text.split("\0") if entry)
            self._entries = [(key, value if given else "true") for key, given, value in pairs]
        return self._entries


class Normal(NamedTuple):
    """A URL in the one spelling in which git compares them; without its password."""

    scheme: str
    #: None where the URL names none.
    user: str | None
    host: str
    #: Empty for the port that belongs to the scheme.
    port: str
    #: Path, query and fragment; starts with a slash.
    path: str


def normalised(url: str, *, pattern: bool = False) -> Normal | None:
    """Return the URL as git compares it, None for what git does not take for a URL.

    A pattern may have "*" in its host. Rules: RFC 3986, as far as git's urlmatch.c has them.
    """
    found = _URL.fullmatch(url)
    if not found:
        return None
    scheme, user, place, path = found[1].lower(), found[2], found[3], found[4]
    at = max(place.rfind(":"), place.rfind("]"))
    host, port = (place[:at], place[at + 1 :]) if place[at : at + 1] == ":" else (place, "")
    legal = _HOST_PATTERN if pattern else _HOST
    if not legal.fullmatch(host) or (not host and (scheme != "file" or port)):
        return None
    try:
        segments = _resolved(path)
        name = None if user is None else _escaped(user).partition(":")[0]
        rest = _escaped(found[5])
        number = _port(port, scheme)
    except ValueError:
        return None
    return Normal(scheme, name, host.lower(), number, f"/{'/'.join(segments)}{rest}")


def _canonical(key: str) -> str:
    section, dot, rest = key.partition(".")
    sub, between, name = rest.rpartition(".")
    return f"{section.lower()}{dot}{sub}{between}{name.lower()}"


def _port(text: str, scheme: str) -> str:
    """Return the port without leading zeros, "" for that of the scheme; or ValueError."""
    if not text:
        return ""
    number = text.lstrip("0")
    if not (number.isascii() and number.isdigit() and len(number) <= 5 and int(number) <= 65535):
        raise ValueError("not a port")
    return "" if number == _DEFAULT_PORTS.get(scheme) else number


def _resolved(path: str) -> list[str]:
    """Return the segments of a path without dots and double dots; or ValueError."""
    segments: list[str] = []
    for segment in path.removeprefix("/").split("/"):
        spelt = _escaped(segment)
        if spelt == "..":
            if not segments:
                raise ValueError("above the root")
            segments.pop()
        elif spelt != ".":
            segments.append(spelt)
    return segments


def _escaped(text: str) -> str:
    """Return the text with those characters escaped that must be; or ValueError."""

    def spell(found: re.Match[bytes]) -> bytes:
        if found[2] is None and found[1] is None:
            raise ValueError("a percent sign without two digits")
        char = int(found[1], 16) if found[1] else found[2][0]
        if char in _UNSAFE or (found[1] and char in _RESERVED):
            return b"%%%02X" % char
        return bytes((char,))

    return _ESCAPE.sub(spell, text.encode("utf-8", "surrogateescape")).decode("ascii")


def _fit(url: Normal | None, pattern: Normal | None) -> tuple[int, int, bool] | None:
    """Return how well the pattern fits, more is better; None where it does not."""
    if url is None or pattern is None:
        return None
    if (url.scheme, url.port) != (pattern.scheme, pattern.port):
        return None
    if pattern.user is not None and pattern.user != url.user:
        return None
    ours, theirs = _labels(url.host), _labels(pattern.host)
    if len(ours) != len(theirs):
        return None
    if any(label not in ("*", given) for given, label in zip(ours, theirs, strict=True)):
        return None
    prefix = pattern.path.removesuffix("/")
    if url.path != prefix and not url.path.startswith(f"{prefix}/"):
        return None
    return len(pattern.host), len(prefix) + 1, pattern.user is not None


def _labels(host: str) -> list[str]:
    return host.removesuffix(".").split(".") if host else []
