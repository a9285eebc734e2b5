"""An MCP server of one tool without the SDK, to prove the harness: it says what it was asked.

JSON-RPC over standard input and output, one message a line
(https://modelcontextprotocol.io/specification/2025-06-18/basic/transports).
"""

from __future__ import annotations

import json
import sys
from typing import Any

TOOL = {
    "name": "check_locks",
    "description": "Say what was asked.",
    "inputSchema": {
        "type": "object",
        "properties": {"paths": {"type": "array", "items": {"type": "string"}}},
    },
}


def answer(method: str, given: dict[str, Any]) -> dict[str, Any] | None:
    """Return the result of a method, or None for one that it does not know."""
    match method:
        case "initialize":
            return {
                "protocolVersion": given["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "plain", "version": "1"},
            }
        case "ping":
            return {}
        case "tools/list":
            return {"tools": [TOOL]}
        case "tools/call":
            heard = {"asked": given["arguments"]}
            return {
                "content": [{"type": "text", "text": json.dumps(heard)}],
                "structuredContent": heard,
            }
    return None


def main() -> None:
    """Serve until the input ends."""
    for line in sys.stdin:
        message = json.loads(line)
        if "id" not in message:
            continue
        result = answer(message.get("method", ""), message.get("params") or {})
        reply = {"jsonrpc": "2.0", "id": message["id"]}
        if result is None:
            reply["error"] = {"code": -32601, "message": "Method not found"}
        else:
            reply["result"] = result
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
