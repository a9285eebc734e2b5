"""Whether requests, replies and deliveries are as GitHub's OpenAPI description has them.

Each function returns what is wrong, in words; nothing where the description is not installed
(`openapi.missing()` says why). Stricter than the description in one thing: fields and query
parameters that it does not name are wrong too, since GitHub would pass over them in silence.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from tests.servers.github import openapi

if TYPE_CHECKING:
    import jsonschema_rs

    from tests.servers.github.ask import Said
    from tests.servers.github.deliveries import Delivery
    from tests.servers.github.routes import Route

#: Statuses that every operation may answer, described or not.
ANYWHERE = {304, 400, 401, 403, 404, 405, 409, 410, 422, 429}
#: Words of one complaint.
LONG = 300


@functools.cache
def _registry() -> jsonschema_rs.Registry:
    import jsonschema_rs

    found = openapi.description()
    assert found is not None
    return jsonschema_rs.Registry([(openapi.HOME, found["schemas"])], draft=jsonschema_rs.Draft4)


@functools.cache
def _validator(*place: str) -> jsonschema_rs.Draft4Validator | None:
    """Return what validates the schema at this place of the description, None for no schema."""
    import jsonschema_rs

    found: Any = openapi.description()
    for step in place:
        found = found[step]
    if found is None:
        return None
    return jsonschema_rs.Draft4Validator(found, registry=_registry(), validate_formats=True)


def _wrong(value: Any, where: str, *place: str) -> list[str]:
    validator = _validator(*place)
    if validator is None:
        return []
    return [
        f"{where}: {'/'.join(map(str, error.instance_path))}: {error.message}"[:LONG]
        for error in validator.iter_errors(value)
    ]


def of_request(route: Route, parts: dict[str, str], query: dict[str, str], data: Any) -> list[str]:
    """Return what is wrong with a request."""
    found = openapi.description()
    if found is None:
        return []
    row = found["operations"][route.name]
    wrong = []
    for side, given in (("path", parts), ("query", query)):
        for name, text in given.items():
            if name not in row[side]:
                wrong.append(f"{route.name}: {side} parameter {name!r} is not described")
                continue
            value = _typed(row[side][name], text)
            where = f"{route.name}: {side} parameter {name!r}"
            wrong += _wrong(value, where, "operations", route.name, side, name)
    if data is None:
        return [*wrong, f"{route.name}: there is no body"] if row["needed"] else wrong
    if row["body"] is None:
        return [*wrong, f"{route.name}: it takes no body"] if data else wrong
    where = f"{route.name}: body"
    wrong += _wrong(data, where, "operations", route.name, "body")
    known = row["body"].get("properties")
    if known is not None and isinstance(data, dict) and "additionalProperties" not in row["body"]:
        extra = data.keys() - known.keys() - openapi.PASSED.get(route.name, set())
        wrong += [f"{where}: {name!r} is not described" for name in sorted(extra)]
    return wrong


def _typed(schema: dict[str, Any], text: str) -> Any:
    """Return the value that the text of a parameter means."""
    kind = schema.get("type")
    if kind == "integer" and text.lstrip("-").isdecimal():
        return int(text)
    if kind == "boolean" and text in {"true", "false"}:
        return text == "true"
    return text


def of_reply(route: Route, said: Said) -> list[str]:
    """Return what is wrong with a reply."""
    found = openapi.description()
    if found is None:
        return []
    replies, status = found["operations"][route.name]["replies"], str(said.status)
    where = f"{route.name}: reply {status}"
    if status in replies:
        if replies[status] is None:
            return []
        return _wrong(said.data, where, "operations", route.name, "replies", status)
    if said.status not in ANYWHERE:
        return [f"{where} is not described"]
    return _wrong(said.data, where, "schemas", "basic-error") if said.data is not None else []


def of_delivery(delivery: Delivery) -> list[str]:
    """Return what is wrong with the payload of a delivery."""
    found = openapi.description()
    if found is None:
        return []
    words = "sample.collected" if delivery.event == "repository_dispatch" else delivery.action
    name = "-".join(word.replace("_", "-") for word in (delivery.event, words) if word)
    if name not in found["hooks"]:
        return [f"delivery {name} is not described"]
    return _wrong(delivery.payload, f"delivery {name}", "hooks", name)
