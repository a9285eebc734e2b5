"""A line of a system's table, and one request to it as the line's function sees it.

What a body or parameter is not fit for is a `Misfit`, for which the system has words. Not here:
how requests find their line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

import msgspec
from starlette.responses import Response

from gitcoord.domain.operation import Answer, Operation
from gitcoord.entrypoints.cli.keys import typed
from gitcoord.errors import GitcoordError
from webhook.access import Caller
from webhook.api import waiting
from webhook.api.asking import Asking
from webhook.keys import Scope
from webhook.problems import RETRY_AFTER, Problem
from webhook.service import Service

if TYPE_CHECKING:
    from gitcoord.domain.sessions import Session
    from gitcoord.domain.state import State
    from gitcoord.storage.cache import Snapshot

A = TypeVar("A", bound=Answer)

JSON = "application/json"
#: Who may ask without a key: nobody, anybody, or whoever sits at this machine if it is configured.
Keyless = Literal["", "anybody", "here"]


class Line(NamedTuple):
    """One route."""

    method: str
    path: str
    scope: Scope
    answer: Callable[[Ask], Any]
    #: What the body is decoded as; None: it is not read.
    body: type[msgspec.Struct] | None = None
    status: int = 200
    keyless: Keyless = ""
    #: Fields that the system shows in every answer, also in a refusal.
    blank: Mapping[str, Any] = {}
    #: The parameters that it reads; others are passed over.
    query: tuple[str, ...] = ()
    #: The media type of its answers.
    kind: str = JSON


class Misfit(Problem):
    """A body or parameter that is not what the route takes."""

    def __init__(
        self,
        field: str,
        detail: str,
        *,
        missing: bool = False,
        place: Literal["body", "query"] = "body",
    ) -> None:
        super().__init__(400, "invalid_value", f"{field}: {detail}" if field else detail)
        self.field = field
        self.words = detail
        self.missing = missing
        self.place = place


@dataclass(frozen=True)
class Ask:
    """One request to a line, as its function sees it, in a thread."""

    service: Service
    asking: Asking
    body: Any
    query: Mapping[str, str]
    path: Mapping[str, str]

    @property
    def caller(self) -> Caller:
        """Who asks."""
        return self.asking.caller

    @property
    def key(self) -> str:
        """What keeps the conversations of this caller apart from those of others."""
        return self.caller.name.rpartition(" ")[2]

    def do(self, operation: Operation, answer: type[A], session: str | None = None) -> A:
        """Run an operation and return its answer, or raise its refusal.

        Without a session only who has an admin's key is a person.
        """
        who = self.asking.asker() if session is None else session
        return waiting.decided(self.asking, operation, answer, who)

    def lock_key(self, word: str) -> str:
        """Return the key that a path means: what exists is taken as what it is."""
        (key,) = typed([word], self.asking.house.repository, self.asking.directory)
        return key

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """Return a number of the query, or the nearest that is allowed. Raises `Misfit`."""
        text = self.query.get(name)
        if text is None:
            return default
        if not re.fullmatch(r"-?[0-9]{1,9}", text):
            raise Misfit(name, f"a number from {least} to {most}", place="query")
        return min(max(int(text), least), most)

    def people(
        self, wanted: Callable[[Snapshot, State], Iterable[Session]]
    ) -> list[dict[str, Any]]:
        """Return sessions as the lists of our own commands show them."""
        from gitcoord.entrypoints.cli import roster

        asking = self.asking
        with asking.snapshot() as snapshot:
            state = asking.house.ledger.state_of(snapshot)
            found = wanted(snapshot, state)
            return roster.documents(asking.beats(), snapshot, state, found, asking.now(state))


def decoded(data: bytes, kind: type[msgspec.Struct], *, bare: bool) -> Any:
    """Return the JSON body as the struct. Raises `Problem` 400.

    `bare`: whether nothing at all is an empty object. The systems looked neither at what the
    request says that it is, nor whether a number or a truth value is written as a text.
    """
    if not data and not bare:
        raise Misfit("", "a JSON object is required", missing=True)
    try:
        found = msgspec.json.decode(data or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise Problem(400, "malformed_body", f"the body is no JSON: {wrong}") from None
    if not isinstance(found, dict):
        raise Problem(400, "malformed_body", "the body is no JSON object")
    # The systems take null for what is left out.
    said = {name: value for name, value in found.items() if value is not None}
    try:
        return msgspec.convert(said, kind, strict=False)
    except msgspec.ValidationError as wrong:
        raise _misfit(str(wrong)) from None


def _misfit(text: str) -> Misfit:
    if named := re.search(r"missing required field `(\w+)`", text):
        return Misfit(named[1], "this field is required", missing=True)
    words, _, place = text.partition(" - at `$.")
    return Misfit(place.rstrip("`"), words)


def response(
    body: Any, status: int, error: GitcoordError | Problem | None = None, kind: str = JSON
) -> Response:
    """Return an answer, with the headers that belong to an error; text is sent as it is."""
    headers = {"Cache-Control": "private, no-cache"}
    if isinstance(error, Problem):
        headers |= error.headers
    elif status == 503:
        headers["Retry-After"] = str(RETRY_AFTER)
    data = body if isinstance(body, str) else msgspec.json.encode(body, enc_hook=str)
    return Response(data, status, headers=headers, media_type=kind)
