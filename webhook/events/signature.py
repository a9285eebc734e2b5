"""The signature of a notification, by which its receiver knows who has sent it.

The form is that of https://www.standardwebhooks.com, for which there are libraries:
`webhook-signature` is `v1,` and the base64 of the HMAC-SHA256, under the target's secret, of id,
timestamp and body with dots between. Not here: what is sent.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets

from gitcoord.errors import InvalidValue

#: Shortest secret, in bytes.
SHORTEST = 16
_MARK = "whsec_"


def fresh() -> str:
    """Return a new secret of 32 random bytes, as libraries read it."""
    return _MARK + base64.b64encode(secrets.token_bytes(32)).decode()


def key(secret: str) -> bytes:
    """Return the bytes of a secret: behind `whsec_` they are base64, else the text itself.

    Raises `InvalidValue` for one that is too short, or no base64.
    """
    try:
        found = (
            base64.b64decode(secret.removeprefix(_MARK), validate=True)
            if secret.startswith(_MARK)
            else secret.encode()
        )
    except (binascii.Error, ValueError) as error:
        raise InvalidValue(f"the secret behind {_MARK} is no base64") from error
    if len(found) < SHORTEST:
        raise InvalidValue(f"the secret of a target has at least {SHORTEST} bytes")
    return found


def signed(secret: str, name: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers under which a body, sent as it is, can be verified.

    `name` is the same at every try, `timestamp` are seconds since 1970. Raises `InvalidValue`.
    """
    text = b"%s.%d.%s" % (name.encode(), timestamp, body)
    digest = hmac.new(key(secret), text, hashlib.sha256).digest()
    return {
        "webhook-id": name,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }
