"""Receipts of messages that this machine has noted and that are not yet decided.

They wait in the spool and are known here and nowhere else; a door that heeds them does not
tell a message again. Reads the spool; changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from gitcoord.domain.messages import AckMessages, ReceiveMessages
from gitcoord.domain.sessions import root

if TYPE_CHECKING:
    from gitcoord.ledger.spool import Spool

Said = Literal["delivered", "read"]


def pending(spool: Spool, holder: str) -> dict[str, Said]:
    """Return the messages of which a receipt of the session waits, and what it says."""
    noted: dict[str, Said] = {}
    for name, said in _waiting(spool, root(holder)):
        if noted.get(name) != "read":
            noted[name] = said
    return noted


def _waiting(spool: Spool, session: str) -> Iterator[tuple[str, Said]]:
    for request in spool.requests():
        if root(request.session or "") != session:
            continue
        for operation in request.operations:
            if isinstance(operation, ReceiveMessages):
                yield from ((name, operation.state) for name in operation.ids)
            elif isinstance(operation, AckMessages):
                yield from ((name, "read") for name in operation.ids)
