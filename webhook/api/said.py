"""What a request says: its body, its parameters, and whether it may be one that is sent again.

What is not known is refused, so that nothing is taken and then ignored. Not here: who asks.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from gitcoord.errors import InvalidValue
from webhook.api.asking import LONGEST
from webhook.api.table import fields
from webhook.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import Request

    from webhook.api.pages import Asked

#: Names the request, so that the same one that comes again is known.
KEY_HEADER = "Idempotency-Key"
#: Longest Idempotency-Key, in characters.
KEY_LIMIT = 255


async def body_of(request: Request) -> dict[str, Any]:
    """Return the JSON object that was sent; an empty one for nothing. Raises `Problem`."""
    data = await request.body()
    if not data:
        return {}
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem(415, "unsupported_media_type", "send application/json")
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise Problem(400, "malformed_body", f"the body is no JSON: {wrong}") from None
    if not isinstance(found, dict):
        raise Problem(400, "malformed_body", "the body is no JSON object")
    return found


def asked(request: Request, kind: type[Asked]) -> tuple[Asked, float]:
    """Return a question's parameters, and the seconds that it may wait. Raises `InvalidValue`."""
    known = fields(kind)
    given: dict[str, Any] = {}
    wait = 0.0
    for name in request.query_params:
        if name == "wait":
            wait = _seconds(request.query_params[name])
        elif name in known and name not in request.path_params:
            values = request.query_params.getlist(name)
            several = "list[" in str(known[name].type) or "tuple[" in str(known[name].type)
            given[name] = values if several else values[-1]
        else:
            usable = sorted({"wait", *known} - set(request.path_params))
            raise InvalidValue(f"there is no parameter {name!r}", known=usable)
    try:
        return msgspec.convert(given | request.path_params, kind, strict=False), wait
    except msgspec.ValidationError as wrong:
        raise InvalidValue(str(wrong)) from None


def no_parameters(request: Request) -> None:
    """Raise `InvalidValue` for parameters of what takes none, as it takes a body, or nothing."""
    for name in request.query_params:
        raise InvalidValue(f"there is no parameter {name!r}", known=[])


def not_again(request: Request) -> None:
    """Raise `InvalidValue` where something wants to be known again that is not kept."""
    if KEY_HEADER in request.headers:
        raise InvalidValue(f"this route takes no {KEY_HEADER}")


def idempotency(request: Request, name: str) -> str | None:
    """Return the operation's id for the key that was sent: each caller has keys of its own."""
    key = request.headers.get(KEY_HEADER)
    if key is None:
        return None
    if not 0 < len(key) <= KEY_LIMIT:
        raise InvalidValue(f"an {KEY_HEADER} has 1 to {KEY_LIMIT} characters")
    digest = sha256(name.encode() + b"\0" + key.encode("utf-8", "surrogateescape")).hexdigest()
    return f"o-{digest[:40]}"


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= LONGEST:
        raise InvalidValue(f"wait is 0 to {LONGEST:g} seconds", wait=text[:40])
    return found
