"""The cookie of a log-in: which keys were shown, until when; and the token of its forms.

Signed with the service's secret and kept nowhere, so that two services know each other's; only
those that were ended early are (`ended`). The cookie names keys by their id only: a key that is
revoked meanwhile opens nothing any more.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from webhook.dashboard.ended import Ended

#: What the cookie is called, and where browsers send it.
NAME, PATH = "gitcoord_dashboard", "/dashboard"
#: Seconds for which a log-in is good.
LIFE = 12 * 3600
#: Most keys of one log-in: cookies have at most 4096 bytes.
KEYS = 32


class Pass(msgspec.Struct, frozen=True, array_like=True):
    """What a cookie says."""

    #: Ids of the keys that were shown.
    keys: tuple[str, ...]
    #: Seconds since 1970.
    until: int
    #: Random; what the tokens of this visitor's forms are made of.
    nonce: str


class Cookies:
    """Makes cookies and tokens, and tells its own from others'."""

    def __init__(self, secret: bytes, ended: Ended) -> None:
        self._secret = secret
        self._ended = ended

    def sealed(self, shown: Pass) -> str:
        """Return the text of a cookie."""
        body = urlsafe_b64encode(msgspec.json.encode(shown)).decode()
        return f"{body}.{self._mac('cookie', body).decode()}"

    def opened(self, text: str, now: float) -> Pass | None:
        """Return what a cookie says; None for one that is over, was ended, or is not ours."""
        body, _, mac = text.rpartition(".")
        if not hmac.compare_digest(self._mac("cookie", body), mac.encode("utf-8", "replace")):
            return None
        try:
            found = msgspec.json.decode(urlsafe_b64decode(body), type=Pass)
        except (msgspec.MsgspecError, ValueError):
            # Of another version of this service.
            return None
        return found if found.until > now and not self._ended.has(found) else None

    def end(self, shown: Pass, now: float) -> None:
        """See to it that a log-in opens nothing any more, whoever has its cookie."""
        self._ended.add(shown, now)

    def token(self, shown: Pass) -> str:
        """Return the token that this visitor's forms carry."""
        return self._mac("form", shown.nonce).decode()

    def matches(self, shown: Pass, token: str) -> bool:
        """Say, in constant time, whether a form was one of this visitor's."""
        return hmac.compare_digest(self._mac("form", shown.nonce), token.encode("utf-8", "replace"))

    def _mac(self, purpose: str, text: str) -> bytes:
        told = f"{purpose}\0{text}".encode("utf-8", "replace")
        return hmac.new(self._secret, told, sha256).hexdigest().encode()


def fresh(keys: Iterable[str], now: float) -> Pass:
    """Return a new pass for these keys; what was made of an older one is good no more."""
    return Pass(tuple(keys)[-KEYS:], int(now) + LIFE, secrets.token_urlsafe(18))
