"""What is wrong with a file that somebody wrote: every place, and why.

Promises one refusal for all of it. A place is written as `agents[0].role`; whoever has read the
text adds the lines. Not here: what a file has to hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar

import msgspec

from gitcoord.errors import InvalidFile

T = TypeVar("T")

#: Problems that the message repeats; the details have all.
_TOLD = 5
_UNKNOWN = re.compile(r"unknown field `(.*)`")
_MISSING = re.compile(r"missing required field `(.*)`")


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, and where."""

    place: str
    reason: str
    hint: str = ""


def refuse(problems: Sequence[Problem], **details: Any) -> None:
    """Raise `InvalidFile` with all of the problems, if there are any."""
    if not problems:
        return
    told = [f"{one.place}: {one.reason}" if one.place else one.reason for one in problems[:_TOLD]]
    more = [f"and {len(problems) - _TOLD} more"] if len(problems) > _TOLD else []
    hints = list(dict.fromkeys(one.hint for one in problems if one.hint))
    raise InvalidFile(
        "; ".join([*told, *more]),
        hint=" ".join(hints[:_TOLD]) or None,
        problems=msgspec.to_builtins(list(problems)),
        **details,
    )


def read(data: Any, kind: type[T], place: str, problems: list[Problem]) -> T | None:
    """Return the data as that kind; None, with a problem more, for what is not."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as wrong:
        problems.append(_problem(str(wrong), kind, place))
    return None


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint with the word that was perhaps meant, or those that there are."""
    words = sorted(known)
    near = get_close_matches(word, words, 1)
    return f"Did you mean {near[0]}?" if near else f"Known: {', '.join(words) or 'none'}."


def at(place: str, name: str | int) -> str:
    """Return the place of a field or entry below a place."""
    if isinstance(name, int):
        return f"{place}[{name}]"
    return f"{place}.{name}" if place else name


def _problem(text: str, kind: Any, place: str) -> Problem:
    words, _, path = text.partition(" - at `$")
    inner = re.sub(r"\[\.\.\.\]", "", path.rstrip("`")).lstrip(".")
    where = place + ("" if inner.startswith("[") or not (place and inner) else ".") + inner
    if found := _UNKNOWN.search(words):
        hint = nearest(found[1], _fields(kind, inner))
        return Problem(place=at(where, found[1]), reason="there is no such field", hint=hint)
    if found := _MISSING.search(words):
        return Problem(place=at(where, found[1]), reason="it is missing")
    return Problem(place=where, reason=words[:1].lower() + words[1:])


def _fields(kind: Any, path: str) -> list[str]:
    """Return the fields of the struct to which a path such as `locks` or `steps[0]` leads."""
    info = _struct(msgspec.inspect.type_info(kind))
    for step in filter(None, re.split(r"\.|\[\d*\]", path)):
        fields = info.fields if info is not None else ()
        info = _struct(next((one.type for one in fields if one.encode_name == step), None))
    return [] if info is None else [one.encode_name for one in info.fields]


def _struct(info: Any) -> Any:
    """Return the struct in a type: itself, what a list holds, or one of several."""
    if info is None or isinstance(info, msgspec.inspect.StructType):
        return info
    inner = [getattr(info, "item_type", None), *getattr(info, "types", ())]
    return next((found for one in inner if (found := _struct(one)) is not None), None)
