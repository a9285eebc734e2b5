"""`POST /webhook/github`: a delivery is checked, kept and acknowledged; the work comes after.

GitHub waits ten seconds and does not try again, so nothing is asked of anybody before the
answer. Events that say nothing to us are acknowledged. Not here: what is done about them.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gitcoord.mirror.hooks import PATH
from gitcoord.mirror.subjects import handled, repository, subjects
from webhook.github.signature import HEADER, signed
from webhook.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import Request

    from webhook.github.office import Office

#: GitHub caps payloads at 25 MB and sends no larger ones.
BODY_LIMIT = 25 * 1024 * 1024
#: The form of `X-GitHub-Delivery`, which need not be a UUID at a test server.
_ID = re.compile(r"[A-Za-z0-9-]{1,100}")


def routes(office: Office) -> list[Route]:
    """Return the route."""

    async def receive(request: Request) -> Response:
        if not office.secrets:
            raise Problem(
                503,
                "github_not_configured",
                "this service takes no webhooks: it has no secret",
                hint="Set GITCOORD_WEBHOOK_SECRET and restart the service.",
            )
        body = await request.body()
        if not signed(body, request.headers.get(HEADER, ""), office.secrets):
            raise Problem(401, "signature_invalid", f"{HEADER} is not the signature of this body")
        event = request.headers.get("X-GitHub-Event", "")
        delivery = request.headers.get("X-GitHub-Delivery", "")
        if not event or not _ID.fullmatch(delivery):
            raise Problem(400, "invalid_value", "X-GitHub-Event or X-GitHub-Delivery is missing")
        return JSONResponse(await _taken(office, event, delivery, _payload(request, body)), 202)

    return [Route(PATH, receive, methods=["POST"])]


async def _taken(
    office: Office, event: str, delivery: str, payload: Mapping[str, Any]
) -> dict[str, Any]:
    """Keep what a delivery is about; return what is said to GitHub."""
    if event not in handled():
        return {"ok": True, "event": event, "handled": False}
    name = repository(payload)
    project = await office.project(name)
    if project is None:
        raise Problem(
            404,
            "not_found",
            f"no project of this service is {name or 'of no repository'}",
            hint="Run `gitcoord config --shared github_repository OWNER/NAME`.",
        )
    about = subjects(event, payload)
    new = bool(about) and await office.put(project, delivery, about, at=time.time())
    return {"ok": True, "event": event, "handled": True, "subjects": len(about), "new": new}


def _payload(request: Request, body: bytes) -> Mapping[str, Any]:
    """Return the payload, which a hook sends as JSON or as a form with JSON in it."""
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    try:
        if kind == "application/x-www-form-urlencoded":
            body = parse_qs(body.decode(), strict_parsing=True)["payload"][0].encode()
        found = json.loads(body)
    except (ValueError, KeyError, RecursionError) as wrong:
        raise Problem(400, "invalid_value", "the body is not JSON") from wrong
    if not isinstance(found, dict):
        raise Problem(400, "invalid_value", "the body is no JSON object")
    return found
