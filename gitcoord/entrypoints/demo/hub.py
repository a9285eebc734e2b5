"""The hub behind smart HTTP: git's own CGI program and a small server around it, on loopback.

Serves one repository to whoever is on this machine, without passwords, for as long as the
demonstration lasts. Requests and replies are kept in memory. No git host for anything else.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote

from gitcoord.entrypoints.demo.stage import Stage, environment, git

#: The program: https://git-scm.com/docs/git-http-backend
PROGRAM = "git-http-backend" + (".exe" if os.name == "nt" else "")
#: Seconds after which a connection without a request is closed.
IDLE = 60.0


@contextmanager
def served(stage: Stage) -> Iterator[Stage]:
    """Serve the hub while the block runs; yields the stage with the origin of its clones.

    Where that cannot be, the origin is the hub's path and `unserved` says why. Afterwards
    the clones reach the hub by its path.
    """
    program = os.path.join(git(stage.folder, "--exec-path"), PROGRAM)
    if not os.path.exists(program):
        yield stage._replace(origin=stage.hub, unserved="git has no http-backend here")
        return
    try:
        server = _Server(program, stage.hub)
    except OSError as error:
        why = f"no port can be opened on loopback: {error.strerror}"
        yield stage._replace(origin=stage.hub, unserved=why)
        return
    with server:
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield stage._replace(origin=server.url)
        finally:
            server.shutdown()
            thread.join()
            _turn_to_the_path(stage)


def _turn_to_the_path(stage: Stage) -> None:
    """Let whoever looks at a clone later still reach the hub."""
    for name in os.listdir(stage.folder):
        clone = os.path.join(stage.folder, name)
        if os.path.isdir(os.path.join(clone, ".git")):
            git(clone, "remote", "set-url", "origin", stage.hub, check=False)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, program: str, hub: str) -> None:
        self.program = program
        self.root, self.name = os.path.split(hub)
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/{self.name}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Let those go who do not wait for their answer, such as the killed agent."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection, which is kept for many requests."""

    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = IDLE
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer what a client asks before it fetches or pushes."""
        self._answer(b"")

    def do_POST(self) -> None:
        """Answer a fetch or a push."""
        size = self.headers.get("Content-Length", "")
        if not size.isdecimal():
            # A client sends chunks from a megabyte on; no agent here changes that much.
            self.send_error(411)
            return
        self._answer(self.rfile.read(int(size)))

    def _answer(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        if not path.startswith(f"/{self.server.name}/"):
            self.send_error(404)
            return
        reply = subprocess.run(
            [self.server.program],
            input=body,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self._environment(path, query, len(body)),
            check=False,
        ).stdout
        head, _, content = reply.partition(b"\r\n\r\n")
        if not head:
            self.send_error(500)
            return
        lines = [line.partition(": ") for line in head.decode("latin-1").split("\r\n")]
        status = next((value for name, _, value in lines if name == "Status"), "200")
        self.send_response(int(status.split(" ")[0]))
        for name, _, value in lines:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _environment(self, path: str, query: str, size: int) -> dict[str, str]:
        """Return the request in the variables of https://www.rfc-editor.org/rfc/rfc3875."""
        return environment() | {
            "GIT_PROJECT_ROOT": self.server.root,
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "PATH_INFO": unquote(path),
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(size),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REMOTE_ADDR": "127.0.0.1",
            # Whoever has a name may push: git lets nobody else.
            "REMOTE_USER": "demo",
        }

    def log_message(self, *_: object) -> None:
        """Say nothing: the demonstration has its own words."""
