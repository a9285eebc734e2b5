"""What is asked of the one write path, and what it says back.

A request carries one operation, or a batch that is all or nothing, under one
operation id (the idempotency key). The same request travels inside a process
and, as JSON, between the processes of a machine.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import msgspec

from gitcoord.domain.operation import Answer, Operation, packed, unpacked
from gitcoord.errors import GitcoordError, by_code
from gitcoord.storage.digest import sha256

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def fresh_id(prefix: str = "") -> str:
    """Return `prefix` and ten random base-32 characters (50 bits)."""
    return prefix + "".join(_ALPHABET[byte & 31] for byte in os.urandom(10))


class Batch:
    """Operations that are accepted together or not at all."""

    def __init__(self, *operations: Operation) -> None:
        self.operations = operations


class Request:
    """Operations of one session under one operation id."""

    __slots__ = ("agent", "deadline", "id", "operations", "session")

    def __init__(
        self,
        operations: Sequence[Operation],
        *,
        session: str | None = None,
        agent: str = "",
        id: str | None = None,
        deadline: float = 0.0,
    ) -> None:
        self.operations = tuple(operations)
        self.session = session
        self.agent = agent
        self.id = id or fresh_id("o-")
        #: Wall time in seconds after which nobody waits for it any more; 0: never.
        self.deadline = deadline

    def digest(self) -> str:
        """Return the SHA-256 of what is asked, by whom; equal for a repeated request."""
        # A diary does not tell apart who has no session, and is verified by this digest.
        return digest_of(self.session or None, [packed(one) for one in self.operations])

    def packed(self) -> dict[str, Any]:
        """Return the request as plain data."""
        return {
            "id": self.id,
            "session": self.session,
            "agent": self.agent,
            "deadline": self.deadline,
            "operations": [packed(one) for one in self.operations],
        }

    @classmethod
    def unpacked(cls, body: dict[str, Any]) -> Request:
        """Return the request that `packed` described. Raises `InvalidValue`."""
        return cls(
            [unpacked(one) for one in body["operations"]],
            session=body["session"],
            agent=body["agent"],
            id=body["id"],
            deadline=body["deadline"],
        )


def digest_of(session: str | None, operations: Sequence[dict[str, Any]]) -> str:
    """Return the SHA-256 of operations as plain data and the session that asks for them."""
    body = [session, operations]
    return str(sha256(msgspec.json.encode(body, order="sorted")).hexdigest())


class Reply:
    """The answers to one request, in order, or the refusal of all of it."""

    __slots__ = ("answers", "error", "repeated")

    def __init__(
        self,
        answers: Sequence[Answer] = (),
        error: GitcoordError | None = None,
        repeated: bool = False,
    ) -> None:
        self.answers = tuple(answers)
        self.error = error
        #: Whether this was decided before under the same operation id.
        self.repeated = repeated

    def packed(self) -> dict[str, Any]:
        """Return the reply as plain data."""
        if self.error is not None:
            return {"error": self.error.as_dict()}
        return {"answers": msgspec.to_builtins(self.answers), "repeated": self.repeated}

    @classmethod
    def unpacked(cls, body: dict[str, Any], request: Request) -> Reply:
        """Return the reply to `request` that `packed` described."""
        if "error" in body:
            return cls(error=by_code(body["error"]))
        return cls(answers_of(body["answers"], request), repeated=body["repeated"])


def answers_of(stored: Sequence[Any], request: Request) -> list[Answer]:
    """Return stored answers as the types that the request's operations answer with."""
    return [
        msgspec.convert(body, operation.answer)
        for body, operation in zip(stored, request.operations, strict=True)
    ]
