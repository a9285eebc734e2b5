"""An MCP client as a test uses it: the SDK's own, in front of a server.

The server is a real process where a test is about that, else it is in this one (`inside`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
from anyio.from_thread import BlockingPortal
from httpx2 import AsyncClient
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp_types import CallToolResult, Implementation

from tests.entrypoints.mcp.inside import Hosted, piped

if TYPE_CHECKING:
    from gitcoord.entrypoints.mcp.table import Profile

COMMAND = [sys.executable, "-m", "gitcoord"]
#: The two ways in which the protocol begins.
ERAS = ["legacy", "2026-07-28"]
TOKEN = "a-token-of-a-test"


class Agent:
    """One connected client."""

    def __init__(self, portal: BlockingPortal, client: Client, log: Path | None) -> None:
        self.client = client
        self.portal = portal
        self.called: set[str] = set()
        self._log = log
        self._schemas: dict[str, dict[str, Any]] | None = None

    @property
    def schemas(self) -> dict[str, dict[str, Any]]:
        """The output schema of each tool that the server lists."""
        if self._schemas is None:
            listed = self.portal.call(self.client.list_tools).tools
            self._schemas = {tool.name: tool.output_schema or {} for tool in listed}
        return self._schemas

    @property
    def log(self) -> str:
        """What the server has written to stderr."""
        return self._log.read_text() if self._log is not None else ""

    def raw(self, tool: str, *, meta: dict[str, Any] | None = None, **given: Any) -> CallToolResult:
        """Call a tool; whatever comes back fits its schema, and says the same twice."""
        found = self.portal.call(partial(self.client.call_tool, tool, given, meta=meta))
        assert isinstance(found, CallToolResult)
        jsonschema.validate(found.structured_content, self.schemas[tool])
        if not found.is_error:
            assert json.loads(text(found)) == found.structured_content
        self.called.add(tool)
        return found

    def call(
        self, tool: str, *, meta: dict[str, Any] | None = None, **given: Any
    ) -> dict[str, Any]:
        """Call a tool that does what it is told, and return its structured content."""
        found = self.raw(tool, meta=meta, **given)
        assert not found.is_error, text(found)
        body = found.structured_content
        assert isinstance(body, dict)
        return body

    def refused(self, tool: str, **given: Any) -> dict[str, Any]:
        """Call a tool that refuses, in words that name the code; return its structured content."""
        found = self.raw(tool, **given)
        assert found.is_error, text(found)
        body = found.structured_content
        assert isinstance(body, dict)
        assert body["success"] is False
        assert text(found).startswith(f"{body['error']['code']}: ")
        return body

    def begin(
        self, tool: str, report: Callable[[float, float | None, str | None], None] | None = None,
        **given: Any,
    ) -> Future[CallToolResult]:  # fmt: skip
        """Begin a call and go on; cancelling the future gives the call up."""

        async def told(done: float, total: float | None, message: str | None) -> None:
            if report is not None:
                report(done, total, message)

        return self.portal.start_task_soon(
            partial(self.client.call_tool, tool, given, progress_callback=told)
        )

    def read(self, uri: str) -> str:
        """Return the text of a resource."""
        (found,) = self.portal.call(partial(self.client.read_resource, uri)).contents
        return found.text  # type: ignore[union-attr]


class Agents:
    """The clients of one test; each has a server of its own, or shares one over HTTP."""

    def __init__(self, place: str, tmp_path: Path, portal: BlockingPortal) -> None:
        self.place = place
        self.portal = portal
        self._room = tmp_path
        self._stack = ExitStack()
        self._open: dict[int, ExitStack] = {}
        self._count = 0

    def stdio(
        self,
        *words: str,
        era: str = "legacy",
        name: str = "test-client",
        at: str | None = None,
        heard: Any = None,
        **environ: str,
    ) -> Agent:
        """Start a server as a child and connect to it."""
        self._count += 1
        log = self._room / f"server-{self._count}.log"
        stack = self._stack.enter_context(ExitStack())
        errlog = stack.enter_context(log.open("w"))
        parameters = StdioServerParameters(
            command=COMMAND[0],
            args=[*COMMAND[1:], "mcp", *words],
            cwd=at or self.place,
            env=dict(os.environ) | environ,
        )
        transport = stdio_client(parameters, errlog=errlog)
        return self._connect(stack, transport, era, name, log, heard)

    def inside(
        self,
        profile: Profile = "all",
        *,
        era: str = "legacy",
        name: str = "test-client",
        at: str | None = None,
        heard: Any = None,
        **environ: str,
    ) -> Agent:
        """Connect through pipes to a server in this process."""
        stack = self._stack.enter_context(ExitStack())
        transport = piped(at or self.place, profile, dict(os.environ) | environ)
        return self._connect(stack, transport, era, name, None, heard)

    def hosted(self) -> Hosted:
        """Serve over HTTP in this process, until all clients are gone."""
        found = Hosted(self.place, TOKEN, os.environ)
        self._stack.callback(found.close)
        return found

    def http(
        self,
        served: Served | Hosted,
        *,
        era: str = "legacy",
        name: str = "test-client",
        token: str = TOKEN,
        heard: Any = None,
        **headers: str,
    ) -> Agent:
        """Connect to a server over HTTP."""
        stack = self._stack.enter_context(ExitStack())
        sent = {"Authorization": f"Bearer {token}"} | headers
        made: AsyncClient = create_mcp_http_client(headers=sent)
        stack.enter_context(self.portal.wrap_async_context_manager(made))
        transport = streamable_http_client(served.url, http_client=made)
        log = served.log if isinstance(served, Served) else None
        return self._connect(stack, transport, era, name, log, heard)

    def leave(self, agent: Agent) -> None:
        """Close a connection as a client does."""
        self._open.pop(id(agent)).close()

    def close(self) -> None:
        """Close all that is open."""
        self._stack.close()

    def _connect(
        self, stack: ExitStack, transport: Any, era: str, name: str, log: Path | None, heard: Any
    ) -> Agent:
        info = Implementation(name=name, version="1")
        client = Client(transport, mode=era, client_info=info, message_handler=heard)
        stack.enter_context(self.portal.wrap_async_context_manager(client))
        agent = Agent(self.portal, client, log)
        self._open[id(agent)] = stack
        return agent


class Served:
    """A server over HTTP as a process."""

    def __init__(self, place: str, log: Path, *words: str, **environ: str) -> None:
        self.log = log
        self._file = log.open("w")
        self.child = subprocess.Popen(
            [*COMMAND, "mcp", "--http", "--port", "0", *words],
            cwd=place,
            env=os.environ | {"GITCOORD_MCP_TOKEN": TOKEN} | environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._up = threading.Event()
        self.url = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._up.wait(60)
        assert self.url, log.read_text()

    def end(self) -> int:
        """Tell it to end, and return how it did."""
        self.child.terminate()
        return self.child.wait(timeout=60)

    def close(self) -> None:
        """End it if it still runs."""
        self.child.kill()
        self.child.wait()
        self._reader.join()
        assert self.child.stderr is not None
        self.child.stderr.close()
        self._file.close()

    def _read(self) -> None:
        assert self.child.stderr is not None
        for line in self.child.stderr:
            self._file.write(line)
            self._file.flush()
            if " listening on " in line:
                self.url = line.split()[-1]
                self._up.set()
        self._up.set()


def text(found: CallToolResult) -> str:
    """Return the words of a result."""
    (block,) = found.content
    return block.text  # type: ignore[union-attr]
