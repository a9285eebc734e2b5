"""JSON schemas of tools, from the structs that read and write them, and what they cost.

Promises a schema that every client can read: an object at the root, no references, one place
for each field. Not here: which structs there are.
"""

from __future__ import annotations

from math import ceil
from typing import Any

import msgspec

#: Characters of compact JSON for one token: the usual estimate for English and JSON. What a
#: client's own model counts differs by about a fifth.
CHARACTERS = 4


def schema_of(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the JSON schema of a struct, with an object at its root."""
    (root,), parts = msgspec.json.schema_components((kind,), ref_template="{name}")
    found: dict[str, Any] = _whole(root, parts)
    found.pop("description", None)
    return found


def tokens(value: Any) -> int:
    """Return about how many tokens a value costs as JSON."""
    return ceil(len(msgspec.json.encode(value)) / CHARACTERS)


def _whole(node: Any, parts: dict[str, Any]) -> Any:
    """Return a schema with what it refers to in place, and without the names of structs."""
    if isinstance(node, list):
        return [_whole(item, parts) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _whole(parts[node["$ref"]], parts)
    found = {name: _whole(value, parts) for name, value in node.items() if name != "properties"}
    if "properties" in node:
        found.pop("title", None)
        found.pop("description", None)
        found["properties"] = {
            name: _whole(value, parts) for name, value in node["properties"].items()
        }
    # That nothing is the default of what may be left out goes without saying.
    for name in ("default", "required"):
        if name in found and found[name] in ([], {}, ""):
            del found[name]
    return found
