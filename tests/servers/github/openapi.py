"""GitHub's OpenAPI description, cut down to what the fake is asked and turned into JSON Schema.

The whole has 13 MB; the cut is kept in the cache beside the package, named by what went into it.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from tests import npm
from tests.servers.github.routes import ROUTES

PACKAGE = "@octokit/openapi"
FILE = "generated/api.github.com.json"
#: Where schemas are found that others name.
HOME = "urn:github"
#: Events whose deliveries the fake makes.
EVENTS = (
    "check-run",
    "create",
    "delete",
    "issue-comment",
    "issues",
    "label",
    "ping",
    "pull-request",
    "push",
    "repository-dispatch",
    "status",
    "workflow-dispatch",
)
#: What may stand beside a schema and says nothing about values.
MUTE = {
    "deprecated", "description", "discriminator", "example", "examples", "externalDocs",
    "default", "nullable", "readOnly", "title", "writeOnly", "xml",
}  # fmt: skip
#: Where the description says less than GitHub takes: a list of names alone, as PyGithub sends it.
NAMES = {"type": "array", "items": {"type": "string"}}
ALSO = {
    f"{method} /repos/{{owner}}/{{repo}}/issues/{{issue_number}}/labels": NAMES
    for method in ("POST", "PUT")
}
#: Fields that PyGithub sends and GitHub passes over.
PASSED = {"PATCH /repos/{owner}/{repo}/hooks/{hook_id}": {"name"}}
#: Where the description is wrong: an account that is a user and an enterprise at once.
INSTEAD = {
    "GET /app/installations": {
        "type": "array",
        "items": {"$ref": "#/components/schemas/installation"},
    }
}


def missing() -> str:
    """Return why nothing can be validated here, "" where it can."""
    return "" if npm.installed(PACKAGE) else f"{PACKAGE} is not installed: run .ci/npm"


@functools.cache
def description() -> dict[str, Any] | None:
    """Return {"operations", "hooks", "schemas"}, None where the package is not installed."""
    folder = npm.installed(PACKAGE)
    if folder is None:
        return None
    version = json.loads((folder / "package.json").read_text(encoding="utf-8"))["version"]
    key = hashlib.sha256(Path(__file__).read_bytes())
    key.update(json.dumps([version, [route.name for route in ROUTES]]).encode())
    kept = Path(os.environ["TESTS_NPM_CACHE"], ".cut", f"github-{key.hexdigest()[:16]}.json")
    if kept.is_file():
        found: dict[str, Any] = json.loads(kept.read_bytes())
        return found
    cut = _cut(json.loads((folder / FILE).read_bytes()))
    _keep(kept, json.dumps(cut))
    return cut


def _keep(place: Path, text: str) -> None:
    """Write whole or not at all: other processes read it at the same time."""
    place.parent.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=place.parent, delete=False, encoding="utf-8") as file:
        file.write(text)
    Path(file.name).replace(place)


def _cut(whole: dict[str, Any]) -> dict[str, Any]:
    parts = whole["components"]
    # The description is wrong here: a label without a description has null, as elsewhere.
    label = parts["schemas"]["pull-request-simple"]["properties"]["labels"]["items"]
    label["properties"]["description"]["nullable"] = True
    paths = whole["paths"]
    operations = {}
    for name in dict.fromkeys(route.name for route in ROUTES):
        method, _, path = name.partition(" ")
        operations[name] = _operation(paths[path][method.lower()], parts, name)
    hooks = {
        name: schema(row["post"]["requestBody"]["content"]["application/json"]["schema"])
        for name, row in whole["x-webhooks"].items()
        if name.startswith(EVENTS)
    }
    named = {name: schema(parts["schemas"][name]) for name in ("basic-error", "validation-error")}
    wanted = _references([operations, hooks, named])
    while wanted:
        name = wanted.pop()
        if name not in named:
            named[name] = schema(parts["schemas"][name])
            wanted |= _references(named[name]) - named.keys()
    return {"operations": operations, "hooks": hooks, "schemas": named}


def _operation(row: dict[str, Any], parts: dict[str, Any], name: str) -> dict[str, Any]:
    given = [_there(one, parts) for one in row.get("parameters", ())]
    body = row.get("requestBody", {})
    taken = body.get("content", {}).get("application/json", {}).get("schema")
    if taken is not None:
        taken = schema(taken)
        if name in ALSO:
            taken = {"anyOf": [taken, ALSO[name]]}
    replies = {status: _reply(_there(r, parts)) for status, r in row["responses"].items()}
    if name in INSTEAD:
        replies["200"] = schema(INSTEAD[name])
    return {
        "path": {one["name"]: schema(one["schema"]) for one in given if one["in"] == "path"},
        "query": {one["name"]: schema(one["schema"]) for one in given if one["in"] == "query"},
        "body": taken,
        "needed": bool(body.get("required")),
        "replies": replies,
    }


def _there(row: dict[str, Any], parts: dict[str, Any]) -> dict[str, Any]:
    """Return a parameter or response that may stand elsewhere."""
    if "$ref" not in row:
        return row
    _, _, kind, name = row["$ref"].split("/")
    found: dict[str, Any] = parts[kind][name]
    return found


def _reply(row: dict[str, Any]) -> dict[str, Any] | None:
    found = row.get("content", {}).get("application/json", {}).get("schema")
    return None if found is None else schema(found)


def schema(row: Any) -> Any:
    """Return a schema of OpenAPI 3.0 as JSON Schema of draft 4, which knows no `nullable`."""
    if "$ref" in row:
        return {"$ref": f"{HOME}#/{row['$ref'].rpartition('/')[2]}"}
    turned: dict[str, Any] = {}
    for key, value in row.items():
        if key in MUTE or key.startswith("x-"):
            continue
        # The alternatives of the description overlap: a value may well be two of them.
        turned["anyOf" if key == "oneOf" else key] = _part(key, value)
    if not row.get("nullable"):
        return turned
    if "type" in turned:
        turned["type"] = [turned["type"], "null"]
        if "enum" in turned and None not in turned["enum"]:
            turned["enum"] = [*turned["enum"], None]
        if not {"anyOf", "allOf"} & turned.keys():
            return turned
    return {"anyOf": [turned, {"type": "null"}]}


def _part(key: str, value: Any) -> Any:
    if key == "properties":
        return {name: schema(one) for name, one in value.items()}
    if key in {"anyOf", "oneOf", "allOf"}:
        return [schema(one) for one in value]
    if key in {"items", "not"} or (key == "additionalProperties" and isinstance(value, dict)):
        return schema(value)
    return value


def _references(row: Any) -> set[str]:
    if isinstance(row, dict):
        own = {row["$ref"].rpartition("/")[2]} if isinstance(row.get("$ref"), str) else set()
        return own.union(*(_references(one) for one in row.values()))
    if isinstance(row, list):
        return set().union(*(_references(one) for one in row))
    return set()
