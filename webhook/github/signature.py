"""Whether a delivery was signed with one of our secrets.

`X-Hub-Signature-256: sha256=<hex>` is the HMAC of the raw body. All secrets are tried, in
constant time each, so that one can be replaced while both are in use.
https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from hashlib import sha256

HEADER = "X-Hub-Signature-256"
_SCHEME = "sha256="


def signed(body: bytes, header: str, secrets: Iterable[str]) -> bool:
    """Say whether the header is the signature of the body under one of the secrets."""
    given = header.removeprefix(_SCHEME).encode("ascii", "replace")
    if not header.startswith(_SCHEME):
        return False
    found = False
    for secret in secrets:
        wanted = hmac.new(secret.encode(), body, sha256).hexdigest().encode()
        found |= hmac.compare_digest(wanted, given)
    return found
