"""SHA-1 and SHA-256, without what the standard library's `hashlib` loads beside them.

OpenSSL costs a short command more to load than it saves in hashing a few small
objects. CPython's own modules are used where this CPython has them under a known
name; everywhere else it is `hashlib`. The digests are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

try:
    from _sha1 import sha1  # type: ignore[import-not-found, unused-ignore]
except ImportError:
    from hashlib import sha1  # type: ignore[assignment, unused-ignore]

try:
    from _sha2 import sha256  # type: ignore[import-not-found, unused-ignore]
except ImportError:
    try:
        from _sha256 import sha256  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        from hashlib import sha256  # type: ignore[assignment, unused-ignore]

#: By the names that git gives its object formats.
FORMATS: dict[str, Callable[..., Any]] = {"sha1": sha1, "sha256": sha256}

__all__ = ["FORMATS", "sha1", "sha256"]
