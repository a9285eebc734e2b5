"""What goes into tools and comes out of them: the fields that all have, and how they are read.

Fields that are not there are left out, never null. Not here: the fields of one tool.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gitcoord.errors import InvalidValue

I = TypeVar("I", bound="Input")  # noqa: E741 - an input

FilePath = Annotated[str, Meta(description="Path from the root of the repository.")]
Key = Annotated[
    str,
    Meta(description="Path, folder (src/), glob (src/**) or logical key (db:schema, api:GET /x)."),
]
Minutes = Annotated[float, Meta(description="Minutes without renewal; default as configured.")]
TaskId = Annotated[str, Meta(description="Id of a task.")]
Limit = Annotated[int, Meta(ge=1, le=200)]


class Input(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a tool is told."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why it was refused: a stable code, words for people, and what to do next."""

    code: str
    message: str
    hint: str | UnsetType = UNSET
    #: Who is in the way: key, agent, session, reason, expires_at, token.
    conflicts: list[dict[str, Any]] | UnsetType = UNSET


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """What a tool says: accepted or refused, and what else its session should hear."""

    success: bool = True
    #: The refusal in one word.
    reason: str | UnsetType = UNSET
    error: Problem | UnsetType = UNSET
    #: What happened to the session meanwhile, and how old the answer is if it is not new.
    notes: list[str] | UnsetType = UNSET


def read(kind: type[I], arguments: Mapping[str, Any] | None) -> I:
    """Return the arguments of a call as a tool reads them; null is the same as left out.

    Raises `InvalidValue`, which names the argument and says what it has to be.
    """
    given = {name: value for name, value in (arguments or {}).items() if value is not None}
    known = kind.__struct_fields__
    for name in given:
        if name not in known:
            raise _unknown(name, known)
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as wrong:
        raise InvalidValue(
            f"wrong arguments: {wrong}", hint="See the tool's input schema."
        ) from None


def given(*values: str | UnsetType) -> list[str]:
    """Return those of the values that are there."""
    return [value for value in values if value is not UNSET and value]


def _unknown(name: str, known: tuple[str, ...]) -> InvalidValue:
    from difflib import get_close_matches

    near = get_close_matches(name[:80], known, 1)
    return InvalidValue(
        f"there is no argument {name[:80]!r}",
        hint=f"Did you mean {near[0]}?" if near else f"Known: {', '.join(known) or 'none'}.",
    )
