"""A server on loopback that stands for a model's API and replays a script. No model behind it.

It is bounded: it serves one script, answers every further turn with a last text, and ends with
its `with` block. Whatever it does not know is answered with 501 and kept in `unknown`, also
what a client tries to reach elsewhere, because clients get it as their proxy as well.
It does not judge a request: tests read `requests`.
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.live.script import Delegate, Turn, Usage, say, usage_of

#: Where each stub of a process begins to number its answers: clients tell answers apart by their
#: ids, also when a conversation is resumed.
_FIRST = itertools.count(step=100)

#: What a client hears that goes on after the end of its script.
OVER = "The script is over."


@dataclass(frozen=True)
class Asked:
    """What came: the path without its query, headers in lower case, the body as JSON."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What goes back: a status, a media type and a body."""

    body: bytes = b""
    kind: str = "application/json"
    status: int = 200


def as_json(document: object) -> Answer:
    """Return a JSON answer."""
    return Answer(json.dumps(document).encode())


def as_events(events: list[tuple[str, dict[str, Any]]]) -> Answer:
    """Return an answer of server-sent events; without a name a line of data stands alone."""
    lines = [
        (f"event: {name}\n" if name else "") + f"data: {json.dumps(data)}\n\n"
        for name, data in events
    ]
    return Answer("".join(lines).encode(), "text/event-stream")


@dataclass
class Stub:
    """One API with one script. Subclasses say what it looks like on the wire."""

    script: list[Turn] = field(default_factory=list)
    #: The bodies of the requests that took a turn, in order.
    requests: list[dict[str, Any]] = field(default_factory=list)
    #: Those of sub-agents.
    delegated: list[dict[str, Any]] = field(default_factory=list)
    #: What the clients asked for themselves: titles, classifications, counts.
    aside: list[str] = field(default_factory=list)
    #: Requests that nobody foresaw, as `METHOD target`.
    unknown: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._first = self._next = next(_FIRST)
        #: What each conversation still says, by its name; "" is the main one.
        self._left: dict[str, list[Turn]] = {"": list(self.script)}
        self._waiting: list[list[Turn]] = []
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def usage(self) -> Usage:
        """What all answers cost together."""
        return sum(map(usage_of, range(self._first, self._next)), Usage())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, body: dict[str, Any], conversation: str = "") -> tuple[int, Turn]:
        """Keep a request and return the turn that answers it, with its number.

        A conversation that is new has been delegated to, by the oldest call that nobody took.
        """
        with self._lock:
            if conversation not in self._left:
                self._left[conversation] = self._waiting.pop(0) if self._waiting else []
            left = self._left[conversation]
            turn = left.pop(0) if left else say(OVER)
            self._waiting += [list(act.turns) for act in turn.acts if isinstance(act, Delegate)]
            (self.delegated if conversation else self.requests).append(body)
            return self._numbered(), turn

    @property
    def agents(self) -> list[str]:
        """The conversations of sub-agents, in the order in which they began."""
        return [name for name in self._left if name]

    @property
    def answers(self) -> int:
        """How many answers it has given, without those that cost nothing."""
        return self._next - self._first

    def number(self) -> int:
        """Return the number of an answer that takes no turn, which is paid for like any."""
        with self._lock:
            return self._numbered()

    def _numbered(self) -> int:
        self._next += 1
        return self._next - 1

    @property
    def working(self) -> bool:
        """Whether a sub-agent has not come to its end."""
        with self._lock:
            return bool(self._waiting or any(self._left[name] for name in self._left if name))

    def answer(self, asked: Asked) -> Answer | None:
        """Return the answer to a request, or None if the API has no such thing."""
        raise NotImplementedError

    def results(self) -> list[str]:
        """Return what the client's tools have said so far, from the last request that it made."""
        raise NotImplementedError

    def heard(self) -> str:
        """Return all that the model was told by the last request, as one text."""
        return json.dumps(self.requests[-1], ensure_ascii=False)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, stub: Stub) -> None:
        super().__init__(("127.0.0.1", 0), _handler_of(stub))
        self._stub = stub

    def handle_error(self, request: object, client_address: object) -> None:
        """Note what broke; a client that is gone has its reasons."""
        error = sys.exception()
        if not isinstance(error, ConnectionError):
            self._stub.unknown.append(f"broken: {error!r}")


def _handler_of(stub: Stub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            path = self.path.partition("?")[0]
            headers = {name.lower(): value for name, value in self.headers.items()}
            found = None
            # A tunnel to elsewhere has no body that is JSON.
            if self.command != "CONNECT":
                found = stub.answer(Asked(self.command, path, headers, json.loads(body or b"{}")))
            if found is None:
                stub.unknown.append(f"{self.command} {self.path}")
                found = Answer(b'{"error": {"message": "not in this stub"}}', status=501)
            self.send_response(found.status)
            self.send_header("Content-Type", found.kind)
            self.send_header("Content-Length", str(len(found.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(found.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT"):
        setattr(Handler, f"do_{method}", Handler.reply)
    return Handler
