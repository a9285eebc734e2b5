"""The OpenAPI document of the systems' routes, made from their tables.

It stands beside that of our own API, as these routes are described elsewhere: here is what a tool
needs to call them. Not here: how they compare with the originals, which docs/compatibility.md says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from webhook.access import caller
from webhook.compat.line import JSON, Line
from webhook.compat.system import System
from webhook.service import Service

PATH = "/api/v1/openapi-compat.json"

#: What a status means, whichever system says it.
_WORDS: dict[int, str] = {
    400: "the request is wrong",
    401: "no key, or none that is good",
    403: "the key is not enough, or what is asked is not allowed",
    404: "there is no such thing",
    409: "the rules refuse it",
    410: "the session has ended",
    413: "the body is too large",
    422: "the request is wrong, or not possible in this state",
    423: "a person has paused the session",
    429: "too many requests; `Retry-After` says when to come back",
    503: "busy, out of reach, not there, or there is no ledger",
}


def route(service: Service, systems: Iterable[System]) -> Route:
    """Return the route of the document. It needs a key where every route does."""
    data = msgspec.json.encode(described(systems))

    async def shown(request: Request) -> Response:
        if service.settings.require_key_everywhere:
            await caller(service, request, "read")
        return Response(data, media_type=JSON)

    return Route(PATH, shown)


def described(systems: Iterable[System]) -> dict[str, Any]:
    """Return the document."""
    lines = [(system, line) for system in systems for line in system.lines]
    bodies = list(dict.fromkeys(line.body for _, line in lines if line.body is not None))
    found, parts = msgspec.json.schema_components(
        bodies, ref_template="#/components/schemas/{name}"
    )
    references = dict(zip(bodies, found, strict=True))
    paths: dict[str, Any] = {}
    for system, line in lines:
        path = re.sub(r":path\}", "}", system.base + line.path)
        body = None if line.body is None else references[line.body]
        paths.setdefault(path, {})[line.method.lower()] = _described(system, line, body)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "gitcoord for clients of the systems that it replaces",
            "version": version("gitcoord"),
            "description": "The routes of GoZen, GolemXV and Agent Coordinator in their words.",
        },
        "paths": paths,
        "components": {
            "schemas": parts,
            "securitySchemes": {
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "key": {"type": "http", "scheme": "bearer"},
            },
        },
        "security": [{"header": []}, {"key": []}],
    }


def _described(system: System, line: Line, body: Any) -> dict[str, Any]:
    text = {"type": "string"}
    inside = re.findall(r"\{(\w+)", line.path)
    names = [("path", name, True) for name in inside] + [("query", x, False) for x in line.query]
    route: dict[str, Any] = {
        "operationId": f"{system.name} {line.method} {line.path}",
        "summary": (line.answer.__doc__ or "").split("\n")[0],
        "tags": [system.name],
        "description": f"Needs a key with scope `{line.scope}`.",
        "parameters": [
            {"name": name, "in": place, "required": required, "schema": text}
            for place, name, required in names
        ],
        "responses": _answers(system, line),
    }
    if body is not None:
        content = {JSON: {"schema": body}}
        route["requestBody"] = {"required": not system.bare, "content": content}
    if line.keyless:
        # Also without a key, where the operator has not closed it.
        route["security"] = [{"header": []}, {"key": []}, {}]
    return route


def _answers(system: System, line: Line) -> dict[str, Any]:
    failure = {JSON: {"schema": system.failure}}
    found = {
        str(status): {"description": _WORDS[status], "content": failure}
        for status in system.failures
    }
    content = {line.kind: {"schema": system.answer(line)}}
    found[str(line.status)] = {"description": "done", "content": content}
    return dict(sorted(found.items()))
