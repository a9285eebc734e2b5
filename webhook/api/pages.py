"""Lists in pages: at most `limit` items, and a cursor that says where the next page begins.

A cursor is the place of the last item that was shown, so that what is added or removed meanwhile
neither shifts a page nor repeats it. Not here: in which order a list stands.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from gitcoord.errors import InvalidValue

T = TypeVar("T")

Limit = Annotated[int, Meta(ge=1, le=500, description="Most items of this page.")]
Cursor = Annotated[str, Meta(max_length=2000, description="`next` of the page before.")]


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of a query. All are optional."""


class Paged(Asked, frozen=True, kw_only=True):
    """Parameters of a list."""

    limit: Limit = 50
    cursor: Cursor = ""


def page(
    items: Iterable[T], place: Callable[[T], str], asked: Paged, *, descending: bool = False
) -> tuple[list[T], str]:
    """Return the items of the page, and the cursor of the next one; "" when this is the last.

    `items` stand in the order of their unique places, ascending unless said otherwise. Raises
    `InvalidValue` for what is no cursor.
    """
    after = _place(asked.cursor) if asked.cursor else None
    found: list[T] = []
    for item in items:
        here = place(item)
        if after is not None and (here >= after if descending else here <= after):
            continue
        if len(found) == asked.limit:
            return found, _cursor(place(found[-1]))
        found.append(item)
    return found, ""


def _cursor(place: str) -> str:
    return urlsafe_b64encode(place.encode("utf-8", "surrogatepass")).decode().rstrip("=")


def _place(cursor: str) -> str:
    try:
        data = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return data.decode("utf-8", "surrogatepass")
    except ValueError as wrong:
        raise InvalidValue("the cursor is not one of ours", hint="Take `next` as it is.") from wrong
