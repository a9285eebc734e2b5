"""A command that somebody else wrote, run within limits: time, output, and no child left behind.

Promises that when it returns, or raises, all of its process group has been killed; on Linux also
what left the group but kept the mark in its environment, and that is waited for. It is no sandbox:
what the user may read and write, the command may. Not here: where it runs, what its end means.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, NamedTuple

from gitcoord.storage.gitproc import LOST

#: Variable by which what belongs to a run is found.
MARK = "GITCOORD_CHECK"
#: Bytes of output that are returned, the last ones.
TAIL = 16_384
#: Longest pause between two looks, in seconds, and how long the end of the marked ones may take.
_PAUSE = 0.02
_PATIENCE = 5.0


class Limits(NamedTuple):
    """What a command may use."""

    #: Seconds until it is asked to end.
    seconds: float
    #: Bytes that it may write.
    output: int = 16 * 1024 * 1024
    #: Seconds from there until it is killed; none for what has written too much.
    grace: float = 2.0


class Ended(NamedTuple):
    """How a command ended."""

    #: Negative: the signal that ended it, or `LOST`.
    code: int
    #: The end of what it wrote to stdout and stderr.
    output: bytes
    seconds: float
    #: The limit that it met.
    limit: str = ""


def run(
    command: Sequence[str], *, folder: str, environ: Mapping[str, str], limits: Limits, mark: str
) -> Ended:
    """Run a command in a folder, without input, and return how it ended.

    Raises `OSError` where it cannot be started.
    """
    started = time.monotonic()
    # A file rather than a pipe: whoever keeps it open keeps nobody waiting.
    with tempfile.TemporaryFile() as output:
        try:
            child = _started(command, folder, {**environ, MARK: mark}, output)
            try:
                limit = _watched(child, output, started, limits)
                if limit:
                    _asked_to_end(child, output, limits)
            finally:
                _end(child)
                code = _collected(child)
        finally:
            # Also where we were asked to end before we knew the child that had started.
            end_marked(mark)
        return Ended(code, _tail(output), time.monotonic() - started, limit)


def end_marked(mark: str) -> int:
    """Kill what carries this mark, and return how many processes that were. Linux only."""
    ended: set[int] = set()
    until = time.monotonic() + _PATIENCE
    pause = 0.001
    # Again until none is left: some fork while others are killed, and to die takes a moment.
    while (found := _marked(mark)) and time.monotonic() < until:
        ended.update(pid for pid in found if _killed(pid, mark))
        time.sleep(pause)
        pause = min(2 * pause, _PAUSE)
    return len(ended)


def _watched(
    child: subprocess.Popen[bytes], output: IO[bytes], started: float, limits: Limits
) -> str:
    """Wait until it has ended or met a limit, and return which."""
    pause = 0.001
    while not _has_ended(child):
        if _floods(output, limits):
            return "output"
        if time.monotonic() - started > limits.seconds:
            return "time"
        time.sleep(pause)
        pause = min(2 * pause, _PAUSE)
    return "output" if _floods(output, limits) else ""


def _asked_to_end(child: subprocess.Popen[bytes], output: IO[bytes], limits: Limits) -> None:
    """Ask the group to end and wait for its first process, as long as it floods nothing."""
    _signal(child, "SIGTERM")
    until = time.monotonic() + limits.grace
    while not _has_ended(child) and time.monotonic() < until and not _floods(output, limits):
        time.sleep(_PAUSE)


def _floods(output: IO[bytes], limits: Limits) -> bool:
    return os.fstat(output.fileno()).st_size > limits.output


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill the group. Its first process is not collected yet, so that its number is its own."""
    _signal(child, "SIGKILL")


def _tail(output: IO[bytes]) -> bytes:
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - TAIL))
    return output.read(TAIL)


if sys.platform == "win32":

    def _started(
        command: Sequence[str], folder: str, environ: Mapping[str, str], output: IO[bytes]
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT,
            creationflags=subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW,
        )  # fmt: skip

    def _has_ended(child: subprocess.Popen[bytes]) -> bool:
        return child.poll() is not None

    def _collected(child: subprocess.Popen[bytes]) -> int:
        return child.wait()

    def _signal(child: subprocess.Popen[bytes], name: str) -> None:
        if child.poll() is None:
            words = ["taskkill", "/T", "/PID", str(child.pid)]
            forced = ["/F"] if name == "SIGKILL" else []
            subprocess.run([*words, *forced], capture_output=True, check=False)

else:

    def _started(
        command: Sequence[str], folder: str, environ: Mapping[str, str], output: IO[bytes]
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def _has_ended(child: subprocess.Popen[bytes]) -> bool:
        if child.returncode is not None:
            return True
        if not hasattr(os, "waitid"):
            return child.poll() is not None
        # Looked at and not collected, so that the number of its group is not given away yet.
        looks = os.WEXITED | os.WNOHANG | os.WNOWAIT
        try:
            return os.waitid(os.P_PID, child.pid, looks) is not None
        except ChildProcessError:
            return True

    def _collected(child: subprocess.Popen[bytes]) -> int:
        # subprocess takes an end that others have collected for a success.
        if child.returncode is None:
            try:
                child.returncode = os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1])
            except ChildProcessError:
                child.returncode = LOST
        return child.returncode

    def _signal(child: subprocess.Popen[bytes], name: str) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, getattr(signal, name))


def _marked(mark: str) -> list[int]:
    """Return the processes with this mark in the environment that they were started with."""
    wanted = f"{MARK}={mark}".encode()
    names = os.listdir("/proc") if sys.platform == "linux" else []
    pids = [int(name) for name in names if name.isdigit() and int(name) != os.getpid()]
    return [pid for pid in pids if _carries(pid, wanted)]


def _carries(pid: int, wanted: bytes) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as source:
            return wanted in source.read().split(b"\0")
    except OSError:
        # It has ended, or is another user's.
        return False


def _killed(pid: int, mark: str) -> bool:
    """Kill a process that is still the one with this mark."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    except (OSError, AttributeError):
        # Linux before 5.3: another process could have got this number a moment ago.
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
        return True
    try:
        if not _carries(pid, f"{MARK}={mark}".encode()):
            return False
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True
