"""API keys: made and shown once, kept as digests, revoked, rotated.

A key is `gc_ID_SECRET`; the id is public and finds the row, the secret has 256 random bits, so
that a plain SHA-256 of it cannot be searched for. A key belongs to one project and may be bound
to an agent. Not here: which route needs which scope.
"""

from __future__ import annotations

import hmac
import re
import secrets
from hashlib import sha256
from typing import Literal, NamedTuple, get_args

from gitcoord.domain.names import checked_name
from gitcoord.domain.time import from_epoch
from gitcoord.errors import InvalidValue
from webhook.private import Private

Scope = Literal["read", "agent", "admin"]
#: What each scope contains.
SCOPES: tuple[Scope, ...] = get_args(Scope)

#: The file that holds a key is found by what the service is told.
_LIST = "Run `gitcoord serve key list`, with the --project and --state of the service."
_FORM = re.compile(r"gc_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
#: Compared against where there is no such key, so that both take the same time.
_NOBODY = bytes(32)


class Key(NamedTuple):
    """What is known about a key; never its secret."""

    id: str
    project: str
    name: str
    scope: Scope
    #: The only agent in whose name it may act; "" for any.
    agent: str = ""
    created_at: str = ""
    #: "" while it is good.
    revoked_at: str = ""


class Keys:
    """The keys of a service."""

    def __init__(self, private: Private) -> None:
        self._private = private

    def add(
        self, project: str, name: str, scope: Scope, agent: str = "", *, at: float
    ) -> tuple[Key, str]:
        """Make a key at `at` (seconds since 1970); returns it and its text, shown this once.

        Raises `InvalidValue` for a scope or a name that is none.
        """
        if scope not in SCOPES:
            raise InvalidValue(f"not a scope: {scope!r}", hint=f"One of {', '.join(SCOPES)}.")
        id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        bound = checked_name(agent, "agent") if agent else ""
        key = Key(id, project, checked_name(name, "key"), scope, bound, from_epoch(at))
        with self._private.transaction() as base:
            base.execute(
                "INSERT INTO keys (id, project, name, scope, agent, digest, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*key[:5], _digest(secret), key.created_at),
            )
        return key, f"gc_{id}_{secret}"

    def list(self, project: str | None = None) -> list[Key]:
        """Return all keys, also revoked ones, in the order in which they were made."""
        with self._private.reading() as base:
            rows = base.execute(
                "SELECT id, project, name, scope, agent, created_at, revoked_at FROM keys"
                " ORDER BY created_at, id"
            ).fetchall()
        return [Key(*row) for row in rows if project in (None, row[1])]

    def revoke(self, id: str, *, at: float) -> Key:
        """End a key; ending it again changes nothing. Raises `InvalidValue` for no such key."""
        with self._private.transaction() as base:
            base.execute(
                "UPDATE keys SET revoked_at = ? WHERE id = ? AND revoked_at = ''",
                (from_epoch(at), id),
            )
        for key in self.list():
            if key.id == id:
                return key
        raise InvalidValue(f"there is no key {id!r}", hint=_LIST)

    def rotate(self, id: str, *, at: float) -> tuple[Key, str]:
        """End a key and make another one like it; returns that and its text.

        Raises `InvalidValue` for no such key, and for one that was revoked.
        """
        old = next((key for key in self.list() if key.id == id), None)
        if old is None or old.revoked_at:
            state = "was revoked" if old else "does not exist"
            raise InvalidValue(f"key {id!r} {state}", hint=_LIST)
        made = self.add(old.project, old.name, old.scope, old.agent, at=at)
        self.revoke(id, at=at)
        return made

    def find(self, text: str) -> Key | None:
        """Return the key of this text; None for one that is unknown, wrong or revoked."""
        form = _FORM.fullmatch(text)
        id, secret = form.groups() if form else ("", text)
        with self._private.reading() as base:
            row = base.execute(
                "SELECT id, project, name, scope, agent, created_at, revoked_at, digest"
                " FROM keys WHERE id = ?",
                (id,),
            ).fetchone()
        known = bytes(row[7]) if row else _NOBODY
        right = hmac.compare_digest(known, _digest(secret))
        return Key(*row[:7]) if row and right and not row[6] else None


def allows(has: Scope, needed: Scope) -> bool:
    """Say whether a scope contains another."""
    return SCOPES.index(has) >= SCOPES.index(needed)


def _digest(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "replace")).digest()
