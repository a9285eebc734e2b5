"""Which host a URL or a name means, in one form; and whether a pattern of a rule matches it.

Promises that what different programs would read differently is refused rather than guessed:
user names before a host, backslashes, odd numbers for addresses, escapes, letters that two
standards of names in other scripts write differently. Not here: what is allowed (`network`).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gitcoord.errors import InvalidUrl, InvalidValue

#: Longest text that is looked at.
LONGEST = 2048

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")
_PORT = re.compile(r"[0-9]{1,5}")
# Letters for which the two standards give two different names (RFC 5894, section 7.2).
_TWO_WAYS = frozenset("ßς\u200c\u200d")
# Dots of other scripts, which stand for a dot (RFC 3490, section 3.1).
_DOTS = str.maketrans("\u3002\uff0e\uff61", "...")


class Host(NamedTuple):
    """A host in its one form: lower case, no dot at its end, other scripts as `xn--`."""

    name: str
    #: Whether it is an address and no name.
    address: bool = False
    port: int | None = None


def host_of(text: str) -> Host:
    """Return the host that a URL, or a name with or without a port, means.

    Raises `InvalidUrl` for what names no host, and for what not everybody reads alike.
    """
    if not text or len(text) > LONGEST:
        raise _wrong(text, f"it has no or more than {LONGEST} characters")
    if not text.isprintable() or any(char in text for char in " \\\"'<>^`{|}"):
        raise _wrong(text, "it holds characters that no address has")
    scheme = _SCHEME.match(text)
    rest = text[scheme.end() :] if scheme else text
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in authority:
        raise _wrong(text, "there is a user name before the host; leave it out")
    if "%" in authority:
        raise _wrong(text, "the host is written with escapes")
    name, port = _parted(text, authority)
    if port is not None and not 0 < port < 65536:
        raise _wrong(text, f"there is no port {port}")
    if name.startswith("["):
        return Host(_ipv6(text, name[1:-1]), True, port)
    plain = _ascii(text, name)
    if _NUMBER.fullmatch(plain.rpartition(".")[2]):
        return Host(_ipv4(text, plain), True, port)
    return Host(plain, False, port)


def checked_pattern(text: str) -> str:
    """Return the pattern of a rule in its one form.

    It is a host, `*.` before one (each name below it, not itself), or `*` for every host.
    Raises `InvalidValue`.
    """
    if text == "*":
        return text
    wild, bare = ("*.", text[2:]) if text.startswith("*.") else ("", text)
    if "*" in bare or "/" in bare:
        raise InvalidValue(
            f"not a pattern for domains: {text[:100]!r}",
            hint="Write example.com, *.example.com, or * for all.",
        )
    try:
        found = host_of(bare)
    except InvalidUrl as wrong:
        raise InvalidValue(f"not a pattern for domains: {wrong.message}") from wrong
    if found.port is not None:
        raise InvalidValue("rules are about domains and hold for every port", pattern=text)
    if wild and (found.address or "." not in found.name):
        raise InvalidValue(f"{text[:100]!r} is wider than a rule may be", pattern=text)
    return wild + found.name


def matches(pattern: str, host: Host) -> bool:
    """Say whether a checked pattern matches a host, label by label."""
    if pattern == "*":
        return True
    if pattern.startswith("*."):
        return not host.address and host.name.endswith(pattern[1:])
    return pattern == host.name


def _parted(text: str, authority: str) -> tuple[str, int | None]:
    """Return the name and the port of an authority."""
    if authority.startswith("["):
        name, bracket, rest = authority.partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise _wrong(text, "the brackets around the address are not right")
        name, rest = name + "]", rest[1:]
    else:
        name, _, rest = authority.partition(":")
    if rest and not _PORT.fullmatch(rest):
        raise _wrong(text, "what follows the host is no port; an IPv6 address needs brackets")
    return name, int(rest) if rest else None


def _ascii(text: str, name: str) -> str:
    """Return a name in lower case and ASCII."""
    if any(char in _TWO_WAYS for char in name):
        raise _wrong(text, "a letter of it is written in two ways; give its xn-- form")
    name = name.translate(_DOTS)
    name = name.removesuffix(".")
    try:
        plain = name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:
        raise _wrong(text, "it is no name of a host") from None
    plain = plain.lower()
    labels = plain.split(".")
    if len(plain) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _wrong(text, "it is no name of a host")
    return plain


def _ipv4(text: str, name: str) -> str:
    """Return an address of four numbers; programs read all others in ways of their own."""
    parts = name.split(".")
    plain = [
        part for part in parts if part.isdigit() and str(int(part)) == part and int(part) < 256
    ]
    if len(plain) != 4 or len(parts) != 4:
        raise _wrong(text, "an address is four numbers from 0 to 255, without zeros before them")
    return name


def _ipv6(text: str, name: str) -> str:
    """Return an IPv6 address with all its groups."""
    head, gap, tail = name.lower().partition("::")
    groups = [part for side in (head, tail) for part in (side.split(":") if side else [])]
    if len(groups) > 8 - bool(gap) or (not gap and len(groups) != 8):
        raise _wrong(text, "it is no IPv6 address")
    if not all(re.fullmatch(r"[0-9a-f]{1,4}", group) for group in groups):
        raise _wrong(text, "it is no IPv6 address of eight groups")
    before = len(head.split(":")) if head else 0
    whole = [*groups[:before], *["0"] * (8 - len(groups)), *groups[before:]]
    return ":".join(f"{int(group, 16):x}" for group in whole)


def _wrong(text: str, why: str) -> InvalidUrl:
    shown = "".join(char if char.isprintable() else "?" for char in text[:100])
    return InvalidUrl(f"cannot tell the host of {shown!r}: {why}", hint="Give https://HOST/...")
