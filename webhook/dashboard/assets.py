"""Style, script and icon of the pages, served from memory.

Addresses carry a digest of what they name, so that browsers may keep it for good and see a new
version at once. Not here: templates.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from webhook.problems import Problem

FOLDER = os.path.join(os.path.dirname(__file__), "static")
PREFIX = "/dashboard/static/"
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
#: For an address with the digest, and for one without.
_FOREVER, _ASKING = "public, max-age=31536000, immutable", "public, no-cache"


class Asset(NamedTuple):
    """One file."""

    data: bytes
    kind: str
    digest: str


@cache
def assets() -> Mapping[str, Asset]:
    """Return all files by their name."""
    found = {}
    for name in sorted(os.listdir(FOLDER)):
        kind = KINDS.get(os.path.splitext(name)[1])
        if kind is not None:
            with open(os.path.join(FOLDER, name), "rb") as file:
                data = file.read()
            found[name] = Asset(data, kind, sha256(data).hexdigest()[:16])
    return found


def link(name: str) -> str:
    """Return the address of a file, which changes with what is in it."""
    return f"{PREFIX}{name}?v={assets()[name].digest}"


def route() -> Route:
    """Return the route. The files hold nothing that needs a key."""

    async def served(request: Request) -> Response:
        found = assets().get(request.path_params["name"])
        if found is None:
            raise Problem(404, "not_found", "there is no such file")
        known = request.query_params.get("v") == found.digest
        headers = {
            "ETag": f'"{found.digest}"',
            "Cache-Control": _FOREVER if known else _ASKING,
        }
        if headers["ETag"] in request.headers.get("If-None-Match", ""):
            return Response(status_code=304, headers=headers)
        return Response(found.data, headers=headers, media_type=found.kind)

    return Route(PREFIX + "{name}", served)
