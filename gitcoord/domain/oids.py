"""Object ids of git: whole ones in lower-case hex, of SHA-1 or SHA-256."""

from __future__ import annotations

import re

from gitcoord.errors import InvalidValue

_OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def is_oid(text: str) -> bool:
    """Say whether the text is a whole object id."""
    return _OID.fullmatch(text) is not None


def checked_oid(text: str, what: str) -> str:
    """Return a whole object id. Raises `InvalidValue` for anything else."""
    if not is_oid(text):
        raise InvalidValue(f"not the object id of a {what}: {text[:80]!r}")
    return text
