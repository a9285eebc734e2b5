"""The protocol spoken by hand, line by line, where a client would not say what a test says."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from tests.entrypoints.mcp.agents import COMMAND

BEGIN: dict[str, Any] = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "x", "version": "1"},
}


def spoken_to(place: str, client: str = "x") -> subprocess.Popen[bytes]:
    """Start a server and say who we are."""
    child = subprocess.Popen(
        [*COMMAND, "mcp"],
        cwd=place,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    found = ask(child, 1, "initialize", BEGIN | {"clientInfo": {"name": client, "version": "1"}})
    assert found["result"]["serverInfo"]["name"] == "gitcoord"
    said = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    say(child, json.dumps(said).encode())
    return child


def ask(child: subprocess.Popen[bytes], id: int, method: str, params: Any = None) -> dict[str, Any]:
    """Send one request and return its answer."""
    body = {"jsonrpc": "2.0", "id": id, "method": method}
    say(child, json.dumps(body | ({} if params is None else {"params": params})).encode())
    assert child.stdout is not None
    found = json.loads(child.stdout.readline())
    assert isinstance(found, dict)
    assert found["id"] == id
    return found


def say(child: subprocess.Popen[bytes], line: bytes) -> None:
    """Send one line."""
    assert child.stdin is not None
    child.stdin.write(line + b"\n")
    child.stdin.flush()
