"""What git and ssh complain of on stderr, as the error that says what can be done about it.

A table of words that these programs have used for years; what is in no row is a host that
cannot be reached. Promises a message without secrets and control characters. Whether the
host may have acted is never told from words.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gitcoord.errors import AccessDenied, HostRefused, HostUnreachable
from gitcoord.storage.wire.pktline import plain
from gitcoord.storage.wire.transport import Interrupted

if TYPE_CHECKING:
    from gitcoord.errors import GitcoordError

_ACCEPT = "Connect once with `ssh` and check the host's key, then run the command again."
_WRONG = "See that `git ls-remote` of the same place works here."
_NO_SSH = "Name a program that exists in GIT_SSH_COMMAND or core.sshCommand."
#: The first row with a fragment that the text has, in lower case, counts.
_WORDS: tuple[tuple[str, type[GitcoordError], str | None], ...] = (
    ("host key verification failed", HostUnreachable, _ACCEPT),
    ("could not resolve", HostUnreachable, None),
    ("permission denied (", AccessDenied, None),
    ("authentication fail", AccessDenied, None),
    ("no supported authentication", AccessDenied, None),
    ("could not read username", AccessDenied, None),
    ("could not read password", AccessDenied, None),
    ("terminal prompts disabled", AccessDenied, None),
    ("returned error: 401", AccessDenied, None),
    ("returned error: 403", AccessDenied, None),
    ("access denied", AccessDenied, None),
    ("marked as read only", AccessDenied, None),
    ("access to repository not granted", AccessDenied, None),
    ("does not appear to be a git repo", HostRefused, _WRONG),
    ("not a git repository", HostRefused, _WRONG),
    ("dubious ownership", HostRefused, "Have its owner allow it, or see safe.directory of git."),
    ("not found", HostRefused, _WRONG),
    ("no such ", HostRefused, _WRONG),
    ("could not be found", HostRefused, _WRONG),
    ("returned error: 4", HostRefused, None),
)
_NOISE = re.compile(
    r"(remote:|\*\*|debug\d:|warning:|hint:)|please make sure you have|and the repository exists"
    r"|permanently added|^=+$",
    re.IGNORECASE,
)
_PREFIX = re.compile(r"^(fatal|error|ssh): ", re.IGNORECASE)
_USERINFO = re.compile(rb"(?<=://)[^/@\s'\"]+@")
_NOT_STARTED = (126, 127)


def failure(shown: str, code: int, said: bytes, *, sent: bool) -> Exception:
    """Return what to raise for a program that ended with this exit code and these words.

    `AccessDenied` and `HostRefused` only while the host cannot have acted; else `Interrupted`.
    `shown` names the host in messages.
    """
    text = words(said)
    error = _error(shown, code, text)
    if sent or isinstance(error, HostUnreachable):
        return Interrupted(error, sent=sent)
    return error


def words(said: bytes) -> str:
    """Return what a program complained of as one line of plain text; "" for nothing of worth."""
    lines = [line.strip() for line in re.split(r"[\r\n]+", said.decode("utf-8", "replace"))]
    known = [line for line in lines if line]
    telling = [line for line in known if not _NOISE.search(line)] or known
    return masked("; ".join(_PREFIX.sub("", line) for line in telling[-3:]).encode())


def masked(said: bytes) -> str:
    """Return a program's words as one line of plain text, without who a URL in them says we are."""
    return plain(_USERINFO.sub(b"", said))


def silence(shown: str, error: TimeoutError, *, sent: bool) -> Interrupted:
    """Return what to raise for a host that said nothing for too long."""
    return Interrupted(HostUnreachable(f"{shown} does not answer: {error}"), sent=sent)


def _error(shown: str, code: int, text: str) -> GitcoordError:
    said = text or ("the connection was closed" if code == 0 else f"ended with {code}")
    if code in _NOT_STARTED and "git-" not in text:
        return HostUnreachable(f"{shown} cannot be reached: {said}", hint=_NO_SSH)
    low = text.lower()
    for fragment, kind, hint in _WORDS:
        if fragment in low:
            return kind(f"{shown}: {said}", hint=hint)
    return HostUnreachable(f"{shown} does not answer: {said}")
