"""The OpenAPI document of `/api/v1`, made from the table and the structs; nothing is written twice.

https://spec.openapis.org/oas/v3.1.1. Statuses stand where they can occur: those of problems in
general are the same for all routes of a kind.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any

import msgspec

from webhook.access import PROJECT_HEADER, SESSION_HEADER
from webhook.api import beside, landings, ports
from webhook.api.answering import ONCE, PREFIX, asked_by, told_by
from webhook.api.asking import LONGEST
from webhook.api.checkin import Token
from webhook.api.said import KEY_HEADER, KEY_LIMIT
from webhook.api.table import LINES, Line, fields
from webhook.problems import MEDIA_TYPE

#: Endings of fields that hold a time, or null while there is none (domain/record.py).
_TIMES = ("_at", "_until", "_since", "deadline", "since", "not_before")
_JSON = "application/json"
_REFERENCE = "#/components/schemas/{name}"
#: Fields that a body may leave out although the operation has to have them.
_LOOKED_UP: dict[str, frozenset[str]] = {"merge.enqueue": frozenset({"id", "head"})}

#: What every route may answer, and what only those that change something may.
PROBLEMS: dict[int, str] = {
    400: "the request is wrong: `code` and `detail` say how",
    401: "no key, or none that is good",
    403: "the key is not enough for this",
    404: "there is no such thing",
    413: "the body is too large",
    429: "too many requests; `Retry-After` says when to come back",
    503: "busy, out of reach, or there is no ledger; `Retry-After` says when to come back",
}
REFUSALS: dict[int, str] = {
    409: "the rules refuse it: who is in the way, until when",
    410: "the session has ended",
    415: "the body is no JSON",
    422: "not possible in this state, or the Idempotency-Key was used for something else",
    423: "the session is paused by a person",
}


@cache
def document() -> bytes:
    """Return the document as JSON."""
    return msgspec.json.encode(described())


def described() -> dict[str, Any]:
    """Return the document."""
    kinds = [*(kind for line in LINES for kind in _kinds(line)), *landings.STRUCTS]
    found, parts = msgspec.json.schema_components(kinds, ref_template=_REFERENCE)
    schemas = {name: _nullable(part) for name, part in parts.items()}
    schemas["Problem"] = _problem()
    references = dict(zip(map(id, kinds), found, strict=True))
    paths: dict[str, Any] = {}
    for line in LINES:
        paths.setdefault(PREFIX + line.path, {})[line.method.lower()] = _route(line, references)
    paths |= beside.paths(PREFIX, _answers(PROBLEMS), _answers(PROBLEMS | REFUSALS))
    paths |= ports.paths(_answers(PROBLEMS | REFUSALS))
    paths |= landings.paths(_reference, _answers(PROBLEMS | REFUSALS))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "gitcoord",
            "version": version("gitcoord"),
            "description": "Locks, tasks, presence and handoffs of one git repository.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
        "security": [{"key": []}, {"header": []}],
    }


def _reference(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the reference to the schema of a struct that is in the document."""
    return {"$ref": _REFERENCE.format(name=kind.__name__)}


def _kinds(line: Line) -> list[type[msgspec.Struct]]:
    if not line.tag:
        return [told_by(line)]
    more = [Token] if line.tag == "session.start" else []
    return [line.operation, line.answer, *more]


def _route(line: Line, references: dict[int, Any]) -> dict[str, Any]:
    told = references[id(line.answer if line.tag else told_by(line))]
    if line.tag == "session.start":
        told = {"allOf": [told, references[id(Token)]]}
    headers = {"ETag": {"schema": {"type": "string"}, "description": "the ledger's head"}}
    answers: dict[str, Any] = {
        str(line.status): {
            "description": "done" if line.tag else "what is known",
            "content": {_JSON: {"schema": told}},
        }
    }
    if not line.tag:
        answers[str(line.status)]["headers"] = headers
        answers["304"] = {"description": "nothing has changed since `If-None-Match`"}
    answers |= _answers(PROBLEMS | (REFUSALS if line.tag else {}))
    route: dict[str, Any] = {
        "operationId": line.id,
        "summary": line.summary,
        "tags": [line.path.split("/")[1]],
        "description": f"Needs a key with scope `{line.scope}`.",
        "parameters": [*_in_path(line), *_in_headers(line), *_in_query(line)],
        "responses": answers,
    }
    if line.tag:
        body: dict[str, Any] = {"schema": _body(line, references[id(line.operation)])}
        if line.example:
            body["example"] = dict(line.example)
        looked_up = _LOOKED_UP.get(line.tag, frozenset())
        required = any(x.required for name, x in _left(line).items() if name not in looked_up)
        route["requestBody"] = {"required": required, "content": {_JSON: body}}
    return route


def _answers(statuses: dict[int, str]) -> dict[str, Any]:
    """Return the problems that a route may answer."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        str(status): {"description": words, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status, words in sorted(statuses.items())
    }


def _body(line: Line, reference: Any) -> Any:
    """Return the schema of a body; what the path says, or the service, need not be in it."""
    filled = set(fields(line.operation)) - set(_left(line))
    looked_up = _LOOKED_UP.get(line.tag, frozenset())
    if not filled and not looked_up:
        return reference
    name = line.operation.__name__
    (_,), parts = msgspec.json.schema_components([line.operation], ref_template=_REFERENCE)
    schema = dict(parts[name])
    required = [x for x in schema.get("required", []) if x not in filled | looked_up]
    schema["properties"] = {k: v for k, v in schema["properties"].items() if k not in filled}
    schema.pop("required", None)
    return schema | ({"required": required} if required else {})


def _left(line: Line) -> dict[str, msgspec.structs.FieldInfo]:
    """Return the fields of an operation that its body says."""
    names = fields(line.operation)
    in_path = {name if name in names else "id" for name in _names(line)}
    known = {"session.start": {"id", "agent", "machine", "process"}}.get(line.tag, set())
    return {name: field for name, field in names.items() if name not in in_path | known}


def _names(line: Line) -> list[str]:
    return [part[1:-1] for part in line.path.split("/") if part.startswith("{")]


def _in_path(line: Line) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _names(line)
    ]


def _in_headers(line: Line) -> list[dict[str, Any]]:
    text: dict[str, Any] = {"type": "string"}
    found = [
        _header(SESSION_HEADER, "the token of the acting session, or its id (admin)", text),
        _header(PROJECT_HEADER, "refused where the key is for another project", text),
    ]
    if line.tag in ONCE:
        return found
    if line.tag:
        bounded = text | {"maxLength": KEY_LIMIT, "minLength": 1}
        return [*found, _header(KEY_HEADER, "sent again: the first answer", bounded)]
    return [*found, _header("If-None-Match", "an `ETag` that is known", text)]


def _header(name: str, words: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": words, "schema": schema}


def _in_query(line: Line) -> list[dict[str, Any]]:
    if line.tag:
        return []
    kind = asked_by(line)
    (_,), parts = msgspec.json.schema_components([kind], ref_template=_REFERENCE)
    schema = parts[kind.__name__]
    found = [
        {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "schema": about,
        }
        | ({"example": line.example[name]} if name in line.example else {})
        for name, about in schema["properties"].items()
        if name not in _names(line)
    ]
    wait = {"type": "number", "minimum": 0, "maximum": LONGEST, "default": 0}
    text = "seconds to wait for a change, with `If-None-Match`"
    return [*found, {"name": "wait", "in": "query", "description": text, "schema": wait}]


def _nullable(schema: Any) -> Any:
    """Return the schema of what `shown` writes: a time that has not come is null."""
    if isinstance(schema, list):
        return [_nullable(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _nullable(value) for name, value in schema.items()}
    for name, about in found.get("properties", {}).items():
        if name.endswith(_TIMES) and isinstance(about, dict) and about.get("type") == "string":
            about["type"] = ["string", "null"]
    return found


def _problem() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "title": "Problem",
        "type": "object",
        "description": "RFC 9457, with the code of the error and what else it names.",
        "properties": {
            "type": text,
            "title": text,
            "status": {"type": "integer"},
            "code": text,
            "detail": text,
            "hint": text,
            "conflicts": {"type": "array", "items": {"type": "object"}},
        },
        "required": ["type", "title", "status", "code", "detail"],
        "additionalProperties": True,
    }
