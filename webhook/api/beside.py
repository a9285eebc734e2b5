"""What the OpenAPI document says of routes beside the table: events, notifications, health.

Written by hand, as they are no operations or queries of the domain; a test holds the paths
against the routes.
"""

from __future__ import annotations

from typing import Any

from webhook.events.wording import FORMATS

_KEY = {"type": "string"}
_FORMAT: dict[str, Any] = {
    "enum": list(FORMATS),
    "default": FORMATS[0],
    "description": "`event`: the event as JSON; `slack`: a line for a chat",
}
_TARGET: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": _KEY,
        "url": {"type": "string", "format": "uri"},
        "types": {
            "type": "string",
            "description": "types with commas between; empty: all",
        },
        "format": _FORMAT,
        "created_at": _KEY,
    },
    "required": ["id", "url", "types", "format", "created_at"],
}
_COUNT = {"type": "integer", "minimum": 0}
_LOADED = {
    "allOf": [
        _TARGET,
        {
            "type": "object",
            "properties": {
                "waiting": _COUNT,
                "given_up": _COUNT,
                "dropped": _COUNT,
                "last_error": {"type": "string", "description": "why the last was not taken"},
            },
            "required": ["waiting", "given_up", "dropped", "last_error"],
        },
    ]
}


def paths(prefix: str, looks: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return the paths; `looks` and `changes` are the refusals of what only looks, or changes."""
    return _outside(looks) | {
        prefix + "/events": {"get": _events(looks)},
        prefix + "/notifications": {"get": _listed(looks), "post": _added(changes)},
        prefix + "/notifications/{id}": {"delete": _removed(changes)},
    }


def _outside(problems: dict[str, Any]) -> dict[str, Any]:
    """Return what stands outside of the prefix: for whoever starts the service, or counts."""
    health = {
        "type": "object",
        "properties": {"status": {"const": "ok"}, "version": _KEY},
        "required": ["status", "version"],
    }
    ready = {
        "type": "object",
        "properties": {"ready": {"type": "boolean"}, "projects": _COUNT},
        "required": ["ready", "projects"],
    }
    not_ready = {"description": "a ledger cannot be read, or its host is out of reach"}
    return {
        "/health": {
            "get": {
                "operationId": "health",
                "summary": "Whether the service lives",
                "tags": ["service"],
                "security": [],
                "responses": {"200": _json("it does", health)},
            }
        },
        "/ready": {
            "get": {
                "operationId": "ready",
                "summary": "Whether every ledger can be read, and its host was reached",
                "description": "Needs no key, unless the service wants one everywhere.",
                "tags": ["service"],
                "security": [{}, {"key": []}, {"header": []}],
                "responses": problems
                | {
                    "200": _json("they can", ready),
                    "503": not_ready | {"content": {"application/json": {"schema": ready}}},
                },
            }
        },
        "/metrics": {
            "get": {
                "operationId": "metrics",
                "summary": "Numbers of the key's project, for Prometheus",
                "description": "Needs a key with scope `read`.",
                "tags": ["service"],
                "responses": {
                    "200": {
                        "description": "one number a line",
                        "content": {"text/plain": {"schema": {"type": "string"}}},
                    }
                }
                | problems,
            }
        },
    }


def _events(problems: dict[str, Any]) -> dict[str, Any]:
    return {
        "operationId": "get_events",
        "summary": "What happens, as server-sent events",
        "description": "Needs a key with scope `read`. docs/events.md has the types.",
        "tags": ["events"],
        "parameters": [
            _parameter("Last-Event-ID", "header", "the last id that is known; goes on after it"),
            _parameter("after", "query", "the same, for clients that cannot set headers"),
            _parameter("types", "query", "types with commas between, `lock.*` for all of locks"),
            _parameter("session", "query", "only what is about this session"),
        ],
        "responses": {
            "200": {
                "description": "a stream that does not end by itself",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            }
        }
        | problems,
    }


def _listed(problems: dict[str, Any]) -> dict[str, Any]:
    return {
        "operationId": "get_notifications",
        "summary": "URLs that are told of events, and how it stands with them",
        "description": "Needs a key with scope `admin`.",
        "tags": ["notifications"],
        "responses": {"200": _answer("the targets", "notifications", _list(_LOADED))} | problems,
    }


def _added(problems: dict[str, Any]) -> dict[str, Any]:
    body = {
        "type": "object",
        "properties": {
            "url": {"type": "string"},
            "types": {"type": "string", "default": ""},
            "format": _FORMAT,
        },
        "required": ["url"],
        "additionalProperties": False,
    }
    example = {"url": "https://example.com/hook", "types": "task.completed,session.stuck"}
    shown = {"allOf": [_TARGET, {"type": "object", "properties": {"secret": _KEY}}]}
    return {
        "operationId": "add_notification",
        "summary": "Tell a URL what happens; answers with the secret of its signatures, this once",
        "description": "Needs a key with scope `admin`.",
        "tags": ["notifications"],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": body, "example": example}},
        },
        "responses": {"201": _answer("it is told from now on", "notification", shown)} | problems,
    }


def _removed(problems: dict[str, Any]) -> dict[str, Any]:
    return {
        "operationId": "remove_notification",
        "summary": "Tell a URL no more",
        "description": "Needs a key with scope `admin`.",
        "tags": ["notifications"],
        "parameters": [_parameter("id", "path", "the target") | {"required": True}],
        "responses": {"200": _answer("it is told no more", "notification", _TARGET)} | problems,
    }


def _parameter(name: str, place: str, words: str) -> dict[str, Any]:
    return {"name": name, "in": place, "description": words, "schema": {"type": "string"}}


def _answer(words: str, name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return _json(words, {"type": "object", "properties": {name: schema}, "required": [name]})


def _json(words: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": words, "content": {"application/json": {"schema": schema}}}


def _list(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": schema}
