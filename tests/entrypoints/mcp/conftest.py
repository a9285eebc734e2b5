"""Servers and clients for the tests of the MCP server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal

from tests.entrypoints.door import Door
from tests.entrypoints.mcp.agents import Agents, Served


@pytest.fixture
def agents(door: Door, tmp_path: Path) -> Iterator[Agents]:
    """Connect clients to servers at the root of a repository that has a ledger."""
    with start_blocking_portal("asyncio") as portal:
        found = Agents(door.place, tmp_path, portal)
        yield found
        found.close()


@pytest.fixture
def served(door: Door, tmp_path: Path) -> Iterator[Served]:
    """Serve the repository over HTTP."""
    found = Served(door.place, tmp_path / "http.log")
    yield found
    found.close()
