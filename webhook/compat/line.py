"""A line of a system's table, and one request to it as the line's function sees it.

What a body or parameter is not fit for is a `Misfit`, what gitcoord does not have yet is `Absent`;
the system has words for both. Not here: how requests find their line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeVar

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


class Misfit(Problem):
    """A body or parameter that is not what the route takes."""

    def __init__(self, field: str, detail: str, *, missing: bool = False) -> None:
        super().__init__(400, "invalid_value", f"{field}: {detail}" if field else detail)
        self.field = field
        self.words = detail
        self.missing = missing


class Absent(Problem):
    """Something that gitcoord does not have yet."""

    def __init__(self, what: str) -> None:
        super().__init__(501, "not_implemented", f"gitcoord does not have {what} yet")


def absent(what: str) -> Callable[[Ask], Any]:
    """Return the function of a route whose part of gitcoord is still to come."""

    def refuse(_ask: Ask) -> Any:
        raise Absent(what)

    return refuse


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
        """Run an operation and return its answer, or raise its refusal."""
        return waiting.decided(self.asking, operation, answer, session)

    def lock_key(self, word: str) -> str:
        """Return the key that a path means: what exists is taken as what it is."""
        (key,) = typed([word], self.asking.house.repository, self.asking.directory)
        return key

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """Return a number of the query. Raises `Misfit`."""
        text = self.query.get(name)
        if text is None:
            return default
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise Misfit(name, f"a number from {least} to {most}")
        return int(text)


def decoded(data: bytes, kind: type[msgspec.Struct]) -> Any:
    """Return the JSON body as the struct; nothing is an empty object. Raises `Problem` 400.

    Whatever the request says that it is: the systems did not look at that either.
    """
    try:
        found = msgspec.json.decode(data or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise Problem(400, "malformed_body", f"the body is no JSON: {wrong}") from None
    if not isinstance(found, dict):
        raise Problem(400, "malformed_body", "the body is no JSON object")
    # The systems take null for what is left out.
    said = {name: value for name, value in found.items() if value is not None}
    try:
        return msgspec.convert(said, kind)
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
