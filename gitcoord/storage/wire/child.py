"""A program at the other end of three pipes that may fall silent, and is ended when it does.

Promises that writing never waits for reading, that nothing it says on stderr is in its way,
and that no process stays behind. Not for git children on our own repository: those answer,
and `gitproc` starts them in less time.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from _queue import SimpleQueue
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from gitcoord.errors import GitMissing, HostUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable

#: Bytes of stderr that are kept: the last ones, since programs complain when they end.
KEPT = 8192
#: Seconds that a program has for ending by itself, once it has no more to say or is told to.
GRACE = 2.0
_PIECE = 65536


class Running(NamedTuple):
    """A started program: our ends of its pipes, and the words for looking at it and ending it."""

    stdin: int
    stdout: int
    stderr: int
    #: Its exit code, below zero for a signal; None while it runs.
    poll: Callable[[], int | None]
    #: Asks it to end, or with True ends it.
    end: Callable[[bool], None]


class Child:
    """One running program, for one thread at a time; `timeout` is in seconds of silence.

    `apart`: in a process group of its own, which Ctrl-C does not reach and which cannot ask
    at the terminal. Raises `GitMissing` or `HostUnreachable` when it cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        *,
        timeout: float,
        apart: bool = True,
    ) -> None:
        self._owner = os.getpid()
        self._timeout = timeout
        self._moved = time.monotonic()
        self._heard: SimpleQueue[bytes] = SimpleQueue()
        self._pending: SimpleQueue[bytes | None] = SimpleQueue()
        self._ahead = bytearray()
        self._over = False
        self._complaint = bytearray()
        self._running = _started(tuple(command), environ, apart)
        self._listener = self._thread(self._collect)
        self._thread(self._listen)
        self._thread(self._speak)

    def _thread(self, work: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return thread

    @property
    def usable(self) -> bool:
        """Return whether it runs, and was started by this very process and not before a fork."""
        return self._owner == os.getpid() and self._running.poll() is None

    def write(self, data: bytes) -> None:
        """Have the data written to its stdin, in order; returns at once, whatever it reads."""
        self._moved = time.monotonic()
        self._pending.put(data)

    def end_input(self) -> None:
        """Close its stdin behind what is still to be written."""
        self._pending.put(None)

    def read(self, size: int) -> bytes:
        """Return so many bytes of its stdout, fewer only at the end.

        Raises TimeoutError, with the program ended, when for `timeout` seconds it neither
        took nor said anything.
        """
        asked = time.monotonic()
        while len(self._ahead) < size and not self._over:
            left = max(self._moved, asked) + self._timeout - time.monotonic()
            piece = self._next(max(left, 0.0))
            if piece:
                self._ahead += piece
            elif piece is not None:
                self._over = True
            elif left <= 0:
                self.close()
                raise TimeoutError(f"nothing was said for {self._timeout:g} seconds")
        data = bytes(self._ahead[:size])
        del self._ahead[:size]
        return data

    def _next(self, timeout: float) -> bytes | None:
        from queue import Empty

        try:
            return self._heard.get(timeout=timeout)
        except Empty:
            return None

    def finish(self) -> tuple[int, bytes]:
        """Close its stdin and wait for its end; return (exit code, the end of its stderr).

        A code below zero is the signal that ended it. What it said last may be lost.
        """
        self.end_input()
        self._await(GRACE)
        return self.close()

    def close(self) -> tuple[int, bytes]:
        """End it at once; return as `finish`. Closing twice is allowed."""
        self._pending.put(None)
        if self._owner != os.getpid():
            return 0, b""
        for hard in (False, True):
            if self._running.poll() is None:
                self._running.end(hard)
                self._await(GRACE)
        # A program that goes on in the background may hold stderr open for hours.
        self._listener.join(GRACE / 4)
        code = self._running.poll()
        said = bytes(self._complaint)
        if len(said) == KEPT:
            # Half a line tells nothing, and may have lost the word that it starts with.
            said = said.partition(b"\n")[2] or said
        return -9 if code is None else code, said

    def _await(self, seconds: float) -> None:
        end, pause = time.monotonic() + seconds, 0.0005
        while self._running.poll() is None and time.monotonic() < end:
            time.sleep(pause)
            pause = min(pause * 2, 0.05)

    def _speak(self) -> None:
        with suppress(BrokenPipeError, ConnectionError, OSError):
            while (data := self._pending.get()) is not None:
                left = memoryview(data)
                while left:
                    left = left[os.write(self._running.stdin, left[:_PIECE]) :]
                    self._moved = time.monotonic()
        # What it did not take shows at the other end: it will not answer.
        os.close(self._running.stdin)

    def _listen(self) -> None:
        while piece := os.read(self._running.stdout, _PIECE):
            self._moved = time.monotonic()
            self._heard.put(piece)
        self._heard.put(b"")
        os.close(self._running.stdout)

    def _collect(self) -> None:
        while piece := os.read(self._running.stderr, _PIECE):
            self._moved = time.monotonic()
            self._complaint += piece
            del self._complaint[:-KEPT]
        os.close(self._running.stderr)


def _missing(command: tuple[str, ...], error: OSError) -> GitMissing | HostUnreachable:
    if command[0] == "git":
        return GitMissing(f"git cannot be started: {error.strerror}")
    return HostUnreachable(
        f"{command[0]} cannot be started: {error.strerror}",
        hint="Install ssh, or name another program in GIT_SSH_COMMAND or core.sshCommand.",
    )


if sys.platform == "win32":

    def _started(command: tuple[str, ...], environ: Mapping[str, str], apart: bool) -> Running:
        import subprocess

        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW if apart else 0
        try:
            child = subprocess.Popen(
                command,
                env=environ,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                creationflags=flags,
            )
        except OSError as error:
            raise _missing(command, error) from error

        def ours(pipe: IO[bytes] | None) -> int:
            assert pipe is not None
            with pipe:
                return os.dup(pipe.fileno())

        def end(hard: bool) -> None:
            child.kill() if hard else child.terminate()

        pipes = (child.stdin, child.stdout, child.stderr)
        stdin, stdout, stderr = (ours(pipe) for pipe in pipes)
        return Running(stdin, stdout, stderr, child.poll, end)

else:
    _DEFAULTS = (signal.SIGPIPE,)

    def _started(command: tuple[str, ...], environ: Mapping[str, str], apart: bool) -> Running:
        pipes = [os.pipe() for _ in range(3)]
        theirs = (pipes[0][0], pipes[1][1], pipes[2][1])
        ours = (pipes[0][1], pipes[1][0], pipes[2][0])
        wiring = [(os.POSIX_SPAWN_DUP2, fd, to) for to, fd in enumerate(theirs)]
        group: dict[str, Any] = {"setpgroup": 0} if apart else {}
        try:
            pid = os.posix_spawnp(
                command[0], command, environ, file_actions=wiring, setsigdef=_DEFAULTS, **group
            )
        except OSError as error:
            for fd in ours:
                os.close(fd)
            raise _missing(command, error) from error
        finally:
            for fd in theirs:
                os.close(fd)
        codes: list[int] = []

        def poll() -> int | None:
            if not codes:
                try:
                    ended, status = os.waitpid(pid, os.WNOHANG)
                except ChildProcessError:
                    # Another part of the process has collected it.
                    codes.append(0)
                else:
                    if ended:
                        codes.append(os.waitstatus_to_exitcode(status))
            return codes[0] if codes else None

        def end(hard: bool) -> None:
            with suppress(ProcessLookupError):
                (os.killpg if apart else os.kill)(pid, signal.SIGKILL if hard else signal.SIGTERM)

        return Running(*ours, poll, end)
