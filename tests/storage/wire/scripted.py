"""A host that says what a test writes down, and notes what it hears; also a CONNECT proxy."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple

RESULT = "application/x-git-upload-pack-result"


class Heard(NamedTuple):
    """One request as it came."""

    method: str
    target: str
    headers: dict[str, list[str]]
    body: bytes


class Scripted:
    """Gives the answers in order, then closes; a request without an answer is cut off."""

    def __init__(self, answers: Sequence[bytes] = (), *, tunnel: bool = False) -> None:
        self.answers = list(answers)
        self.heard: list[Heard] = []
        self._tunnel = tunnel
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._run, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/r.git"

    def stop(self) -> None:
        for sock in (self._listener, *self._open):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def header(self, name: str, at: int = -1) -> list[str]:
        return self.heard[at].headers.get(name.lower(), [])

    def _run(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, sock.makefile("rb") as stream, suppress(OSError):
            while line := stream.readline():
                if not line.endswith(b" HTTP/1.1\r\n") and not line.endswith(b" HTTP/1.0\r\n"):
                    sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    return
                method, target, _ = line.decode().split(" ")
                headers: dict[str, list[str]] = {}
                while (field := stream.readline().decode("latin-1").strip()) != "":
                    name, _, value = field.partition(":")
                    headers.setdefault(name.lower(), []).append(value.strip())
                body = stream.read(int(headers.get("content-length", ["0"])[0]))
                self.heard.append(Heard(method, target, headers, body))
                if not self.answers:
                    return
                answer = self.answers.pop(0)
                sock.sendall(answer)
                if self._tunnel and answer.startswith(b"HTTP/1.1 200"):
                    self._carry(sock, target)
                    return
                if b"Content-Length" not in answer and b"chunked\r" not in answer:
                    return

    def _carry(self, sock: socket.socket, target: str) -> None:
        host, _, port = target.rpartition(":")
        with socket.create_connection((host, int(port))) as far:

            def back() -> None:
                with suppress(OSError):
                    while data := far.recv(65536):
                        sock.sendall(data)

            thread = threading.Thread(target=back, daemon=True)
            thread.start()
            while data := sock.recv(65536):
                far.sendall(data)
            far.shutdown(socket.SHUT_RDWR)
            thread.join()


def reply(
    body: bytes = b"", *headers: str, status: int = 200, kind: str = RESULT, length: bool = True
) -> bytes:
    lines = [f"HTTP/1.1 {status} Word", f"Content-Type: {kind}", *headers]
    lines += [f"Content-Length: {len(body)}"] if length else []
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


@contextmanager
def scripted(*answers: bytes, tunnel: bool = False) -> Iterator[Scripted]:
    host = Scripted(answers, tunnel=tunnel)
    try:
        yield host
    finally:
        host.stop()
