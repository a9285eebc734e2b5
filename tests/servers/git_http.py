"""A git host on loopback: smart HTTP around the real `git http-backend`, for tests.

HTTP/1.1 with kept-alive connections, one thread for each; counts what is asked and fails
as told (`faults.py`). Not a host for anything but tests: nothing limits what it reads.
"""

from __future__ import annotations

import base64
import email.utils
import os
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from tests.servers import backend, control, incoming
from tests.servers.backend import Reply
from tests.servers.faults import CUTS, Fault, Misfortune
from tests.servers.incoming import Incoming
from tests.servers.repositories import Repositories, environment


class Seen(NamedTuple):
    """One request in the log. `status` 0: no answer was given."""

    method: str
    path: str
    #: "receive-pack", "upload-pack", or "".
    service: str
    #: "discover", "push", "ls-refs", "fetch", "probe", or "".
    command: str
    status: int
    authenticated: bool
    #: Size of the body as it came.
    bytes_in: int
    #: Size of the body of the answer.
    bytes_out: int
    #: Number of the TCP connection, from 1.
    connection: int
    #: Refs that a push names.
    moved: tuple[str, ...]
    #: Whether the client took the host for its proxy.
    proxied: bool


class GitHost(Repositories):
    """The host. `start()` and `stop()` may be called in turn; it keeps its port."""

    def __init__(self, root: str | Path, *, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(root)
        #: Names and passwords for Basic; empty: everybody may do everything.
        self.users: dict[str, str] = {}
        #: Tokens for Bearer.
        self.tokens: set[str] = set()
        #: Users who may fetch and not push.
        self.readers: set[str] = set()
        self.requests: list[Seen] = []
        self.misfortune = Misfortune()
        #: Status for a POST without a GET before it on the same connection; True: 400.
        self.insist_on_advertisement: int = 0
        #: Whether clients that ask for protocol v2 are not heard.
        self.no_v2 = False
        #: Seconds by which its clock is ahead; None: no `Date` in answers.
        self.date_offset: float | None = 0.0
        #: Seconds added to every request.
        self.latency = 0.0
        self._stopping = threading.Event()
        self.redirects: dict[str, tuple[str, int]] = {}
        self._tls = tls
        self._port = 0
        self._accepted = 0
        self._listener: socket.socket | None = None
        self._open: dict[socket.socket, threading.Thread] = {}
        self._held: list[Fault] = []
        self._lock = threading.Lock()

    @property
    def faults(self) -> list[Fault]:
        """Return the faults that wait for their request; append to it."""
        return self.misfortune.ordered

    @property
    def port(self) -> int:
        """Return the TCP port, from the first `start()` on."""
        return self._port

    @property
    def base(self) -> str:
        """Return the URL of the host, without a slash at the end."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    def url(self, name: str, user: str = "", password: str = "") -> str:
        """Return the URL of a repository; with a user, and a password, in it if given."""
        secret = f":{quote(password, safe='')}" if password else ""
        who = f"{quote(user, safe='')}{secret}@" if user else ""
        return f"{self.base}/{name}.git".replace("://", f"://{who}", 1)

    def random_faults(
        self, share: float = 0.2, seed: int = 0, kinds: tuple[Fault, ...] = CUTS
    ) -> None:
        """Strike this share of all requests with one of `kinds`; 0.0 ends it."""
        self.misfortune.at_random(share, seed, kinds)

    def redirect(self, name: str, to: str, code: int = 301) -> None:
        """Send requests for repository `name` on to the repository at the URL `to`."""
        self.redirects[f"/{name}.git/"] = (to.removesuffix("/") + "/", code)

    def clear(self) -> None:
        """Forget the log."""
        self.requests.clear()

    def count(self, **wanted: object) -> int:
        """Return how many requests in the log have these values: `count(command="push")`."""
        return len(self.seen(**wanted))

    def seen(self, **wanted: object) -> list[Seen]:
        """Return the requests in the log that have these values, oldest first."""
        log = list(self.requests)
        return [row for row in log if all(getattr(row, k) == v for k, v in wanted.items())]

    def start(self) -> None:
        """Listen, at the same port as before."""
        self._stopping.clear()
        self._listener = socket.create_server(("127.0.0.1", self._port), backlog=256)
        self._port = self._listener.getsockname()[1]
        self._log = os.open(self.root / "backend.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._accepting = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
        self._accepting.start()

    def stop(self) -> None:
        """Close the port and all connections; requests in work come to no answer."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=5):
            self._accepting.join()
        listener.close()
        self._stopping.set()
        for fault in self._held:
            fault.release()
        self.drop_connections(socket.SHUT_RDWR)
        os.close(self._log)

    def drop_connections(self, how: int = socket.SHUT_RD) -> None:
        """Close all connections, as a host does with idle ones; what is in work is answered."""
        with self._lock:
            dropped = dict(self._open)
        for sock in dropped:
            # The method of a TLS socket would forget its keys and go on in clear.
            with suppress(OSError):
                socket.socket.shutdown(sock, how)
        for thread in dropped.values():
            if thread is not threading.current_thread():
                thread.join(30)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            sock, _ = listener.accept()
            if self._listener is None:
                sock.close()
                return
            self._accepted += 1
            thread = threading.Thread(target=self._serve, args=(sock, self._accepted), daemon=True)
            with self._lock:
                self._open[sock] = thread
            thread.start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        talking = sock
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                talking = self._tls.wrap_socket(sock, server_side=True)
                with self._lock:
                    self._open[talking] = self._open.pop(sock)
            with talking.makefile("rb") as stream:
                self._converse(talking, stream, number)
        except (OSError, incoming.Broken):
            pass  # The client has gone: nobody is left to tell.
        finally:
            with self._lock:
                self._open.pop(talking, None)
            talking.close()

    def _converse(self, sock: socket.socket, stream: object, number: int) -> None:
        advertised: set[str] = set()
        while request := incoming.read(stream, sock.sendall):  # type: ignore[arg-type]
            if request.path == control.PATH:
                sock.sendall(self._wire(control.answer(self, request)))
                continue
            fault = self.misfortune.next(request)
            reply, user = self._suffer(request, fault, advertised)
            self._note(request, reply, number, user)
            if reply is None:
                return
            data = self._wire(reply)
            if fault and fault.kind == "cut_middle":
                sock.sendall(data[: len(data) - (len(reply.body) + 1) // 2])
                return
            sock.sendall(data)
            if request.headers.get("connection", "").lower() == "close":
                return

    def _suffer(
        self, request: Incoming, fault: Fault | None, advertised: set[str]
    ) -> tuple[Reply | None, str | None]:
        """Return the answer, None for a cut, and the user."""
        if self.latency:
            self._stopping.wait(self.latency)
        user = self._user(request)
        reply = None
        if fault is None or fault.kind in {"delay", "hold"} or fault.after:
            if fault and not fault.after:
                self._wait(fault)
            reply = self._answer(request, user, advertised)
        if fault is None:
            return reply, user
        if fault.after:
            self._wait(fault)
        if fault.kind in {"cut_before", "cut_after"}:
            return None, user
        if fault.kind == "answer":
            headers = [("Content-Type", fault.content_type)]
            if fault.retry_after is not None:
                headers.append(("Retry-After", fault.retry_after))
            return Reply(fault.code, tuple(headers), fault.body.encode()), user
        return reply, user

    def _wait(self, fault: Fault) -> None:
        self._held.append(fault)
        fault.reached.set()
        if fault.kind == "hold":
            fault.released.wait(30)
        self._stopping.wait(fault.seconds)

    def _answer(self, request: Incoming, user: str | None, advertised: set[str]) -> Reply:
        for start, (to, code) in self.redirects.items():
            if request.path.startswith(start):
                rest = request.path.removeprefix(start)
                query = f"?{request.query}" if request.query else ""
                return Reply(code, (("Location", f"{to}{rest}{query}"),), b"")
        if user is None:
            headers = (("WWW-Authenticate", 'Basic realm="tests"'), ("Content-Type", "text/plain"))
            return Reply(401, headers, b"Authentication required\n")
        if request.service == "receive-pack" and user in self.readers:
            return _text(403, f"Permission to write denied to {user}.")
        if request.command == "discover":
            advertised.add(request.service)
        elif self.insist_on_advertisement and request.service not in advertised:
            code = self.insist_on_advertisement
            return _text(400 if code is True else code, "Ask for the advertisement first.")
        return backend.run(self._cgi(request, user), request.body, self._log)

    def _user(self, request: Incoming) -> str | None:
        """Return who asks, None for somebody who may not."""
        if not self.users and not self.tokens:
            return "anybody"
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return "bearer" if given in self.tokens else None
        if scheme.lower() != "basic":
            return None
        try:
            name, _, password = base64.b64decode(given).decode().partition(":")
        except ValueError:
            return None
        return name if self.users.get(name) == password else None

    def _cgi(self, request: Incoming, user: str) -> dict[str, str]:
        environ = environment(str(self.root)) | {
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": request.path,
            "QUERY_STRING": request.query,
            "REQUEST_METHOD": request.method,
            "CONTENT_TYPE": request.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(request.body)),
            "REMOTE_USER": user,
            "REMOTE_ADDR": "127.0.0.1",
        }
        if protocol := "" if self.no_v2 else request.headers.get("git-protocol", ""):
            environ["GIT_PROTOCOL"] = protocol
        if encoding := request.headers.get("content-encoding", ""):
            environ["HTTP_CONTENT_ENCODING"] = encoding
        return environ

    def _note(self, request: Incoming, reply: Reply | None, number: int, user: str | None) -> None:
        known = user is not None and bool(request.headers.get("authorization"))
        self.requests.append(
            Seen(
                method=request.method,
                path=request.path,
                service=request.service,
                command=request.command,
                status=reply.status if reply else 0,
                authenticated=known,
                bytes_in=len(request.body),
                bytes_out=len(reply.body) if reply else 0,
                connection=number,
                moved=request.moved(),
                proxied=request.proxied,
            )
        )

    def _wire(self, reply: Reply) -> bytes:
        lines = [f"HTTP/1.1 {reply.status} {_phrase(reply.status)}"]
        if self.date_offset is not None:
            now = email.utils.formatdate(time.time() + self.date_offset, usegmt=True)
            lines.append(f"Date: {now}")
        lines += [f"{name}: {value}" for name, value in reply.headers]
        lines.append(f"Content-Length: {len(reply.body)}")
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + reply.body


def _text(status: int, words: str) -> Reply:
    return Reply(status, (("Content-Type", "text/plain"),), f"{words}\n".encode())


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase


@contextmanager
def serving(root: str | Path, *, tls: ssl.SSLContext | None = None) -> Iterator[GitHost]:
    """Serve the repositories below `root` while the block runs."""
    host = GitHost(root, tls=tls)
    host.start()
    try:
        yield host
    finally:
        host.stop()


def main() -> None:
    """Serve the directory named on the command line until stdin is closed."""
    with serving(sys.argv[1]) as host:
        print(host.base, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
