"""The MCP Inspector's command line, a client that is not ours, against the installed server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gitcoord.entrypoints.mcp.table import TOOLS
from tests.entrypoints.door import Door
from tests.entrypoints.mcp.agents import TOKEN, Served
from tests.npm import node, package

#: What the Inspector calls the two eras.
ERAS = ["legacy", "modern"]
LAUNCHER = "clients/launcher/build/index.js"


class Inspector:
    """Runs the Inspector, each time with a server of its own unless a URL is given."""

    def __init__(self, place: str, home: Path, era: str) -> None:
        self._place = place
        self._era = era
        self._start = [node(), str(package("@modelcontextprotocol/inspector") / LAUNCHER), "--cli"]
        beside = Path(sys.executable).with_name("gitcoord")
        self._server = [str(beside if beside.exists() else shutil.which("gitcoord")), "mcp"]
        self._environ = os.environ | {"HOME": str(home), "NO_COLOR": "1"}

    def __call__(self, method: str, *words: str, url: str = "", code: int = 0) -> Any:
        """Return the JSON that the Inspector prints about one request."""
        target = ["--server-url", url, "--transport", "http"] if url else self._server
        done = subprocess.run(
            [*self._start, *target, "--method", method, "--protocol-era", self._era, *words],
            cwd=self._place,
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == code, done.stdout + done.stderr
        self.said = done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None


@pytest.fixture(params=ERAS)
def inspector(door: Door, tmp_path: Path, request: pytest.FixtureRequest) -> Inspector:
    home = tmp_path / "inspector"
    home.mkdir()
    return Inspector(door.place, home, request.param)


def test_it_lists_the_tools_and_has_nothing_against_their_schemas(inspector: Inspector) -> None:
    found = inspector("tools/list", "--strict")
    assert [tool["name"] for tool in found["tools"]] == list(TOOLS)
    assert "rror:" not in inspector.said
    assert "arning:" not in inspector.said


def test_it_calls_tools(door: Door, inspector: Inspector) -> None:
    words = ("--tool-name", "acquire_lock", "--tool-arg", "file_path=a.py", "ttl_minutes=5")
    found = inspector("tools/call", *words)
    assert found["structuredContent"]["locks"][0]["key"] == "a.py"
    # Each run is a connection: its session has been checked out.
    assert door.json("session", "list")["sessions"] == []
    ada = door.start("ada")
    door("lock", "acquire", "a.py", "--session", ada)
    refused = inspector("tools/call", *words, code=5)
    assert refused["isError"] is True
    assert refused["structuredContent"]["locked_by"] == "ada"


def test_it_reads_resources_and_prompts(inspector: Inspector) -> None:
    found = inspector("resources/read", "--uri", "locks://current")
    assert found["contents"][0]["text"] == "# Locks\n\nNothing is locked."
    listed = inspector("prompts/list")["prompts"]
    assert [prompt["name"] for prompt in listed] == ["start_work_session", "coordinate_file_edit"]


def test_over_http_it_needs_the_token(inspector: Inspector, served: Served) -> None:
    inspector("tools/list", "--stored-auth-only", url=served.url, code=3)
    header = ("--header", f"Authorization: Bearer {TOKEN}")
    found = inspector("tools/list", *header, url=served.url)
    assert len(found["tools"]) == len(TOOLS)
