"""What tools cost: the tokens of what a client puts before its model, estimated.

Not here: which tools there are (table), and how a schema is made (schema).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from gitcoord.entrypoints.mcp.schema import schema_of, tokens
from gitcoord.entrypoints.mcp.table import Profile, selected
from gitcoord.entrypoints.mcp.tool import Tool


def definition(tool: Tool) -> dict[str, Any]:
    """Return what a client puts before its model: name, description and input schema."""
    return {
        "name": tool.name,
        "description": tool.description,
        "input_schema": schema_of(tool.input),
    }


class Cost(NamedTuple):
    """What a tool costs in tokens: what the model reads, and the schema of the answers."""

    name: str
    core: bool
    tokens: int
    output: int


def costs(profile: Profile = "all") -> list[Cost]:
    """Return what each tool of a profile costs."""
    return [
        Cost(tool.name, tool.core, tokens(definition(tool)), tokens(schema_of(tool.output)))
        for tool in selected(profile).values()
    ]
