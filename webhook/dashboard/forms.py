"""What a form has sent: read, and held to be one of ours, before anything is done with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from webhook.dashboard.visitor import checked
from webhook.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import Request

    from webhook.dashboard.cookie import Cookies
    from webhook.dashboard.visitor import Visitor

KIND = "application/x-www-form-urlencoded"
#: Most fields of a form.
FIELDS = 20
#: Where a form leads that does not say where it came from.
ROOT = "/dashboard"


async def sent(cookies: Cookies, found: Visitor, request: Request) -> Mapping[str, str]:
    """Return the fields of a form that this visitor was shown. Raises `Problem`."""
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != KIND:
        raise Problem(415, "unsupported_media_type", f"send {KIND}")
    try:
        text = (await request.body()).decode("ascii")
        fields = dict(
            parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS, errors="strict")
        )
    except ValueError:
        raise Problem(400, "malformed_body", "the form cannot be read") from None
    checked(cookies, found, request, fields.get("token", ""))
    return fields


def back(fields: Mapping[str, str], name: str) -> str:
    """Return the page that a form names, if it is one of ours."""
    place = fields.get(name, "")
    inside = place == ROOT or place.startswith((f"{ROOT}/", f"{ROOT}?"))
    plain = place.isascii() and place.isprintable() and "\\" not in place and ".." not in place
    return place if inside and plain else ROOT
