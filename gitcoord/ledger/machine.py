"""Which machine and which process this is, and whether another process still lives.

A process is told apart from a later one with the same number by its start time
and the machine's boot. Linux is read from /proc; elsewhere psutil answers.
"""

from __future__ import annotations

import os
import sys
import time

from gitcoord.domain.sessions import Process
from gitcoord.errors import Unavailable
from gitcoord.ledger.request import fresh_id
from gitcoord.storage.durable import put

#: Looks at a name that another process may be writing before it is replaced.
_LOOKS = 10
_LINUX = sys.platform.startswith("linux")


def host() -> str:
    """Return the machine's network name, reduced to what a ref name may hold."""
    name = "".join(c if c.isascii() and (c.isalnum() or c == "-") else "-" for c in _network_name())
    return name.strip("-").lower()[:40] or "machine"


def _network_name() -> str:
    if hasattr(os, "uname"):
        return os.uname().nodename
    import socket

    return socket.gethostname()


def identity(home: str) -> str:
    """Return this machine's name in the ledger, made once per clone and machine.

    The network name and four random characters: two containers with one name are
    told apart as long as they do not share the git directory.
    """
    path = os.path.join(home, "machine")
    mine = host()
    made = f"{mine}-{fresh_id()[:4]}"
    for _ in range(_LOOKS):
        known = _known(path, mine)
        if known:
            return known
        try:
            os.makedirs(home, mode=0o700, exist_ok=True)
            # Two that are the first at once must end with one name.
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            time.sleep(0.005)  # somebody is just writing it, or it holds no name of ours
            continue
        except OSError:
            break
        with open(fd, "wb") as file:
            file.write(f"{made}\n".encode())
        return made
    try:
        put(path, f"{made}\n".encode())
    except Unavailable:
        # Reading must work where nothing can be written; a writer fails by itself.
        return made
    return _known(path, mine) or made


def _known(path: str, mine: str) -> str:
    try:
        with open(path, "rb") as file:
            known = file.read(256).decode("ascii", "replace").strip()
    except OSError:
        return ""
    named = known.startswith(mine + "-") and known[len(mine) + 1 :].isalnum()
    return known if named else ""


def boot() -> str:
    """Return a text that changes with every start of the machine."""
    if _LINUX:
        try:
            with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
                return file.read().strip()
        except OSError:
            return ""
    import psutil

    return str(int(psutil.boot_time()))


def process(pid: int | None = None) -> Process | None:
    """Return the identity of a living process (default: this one), or None if it is gone."""
    number = os.getpid() if pid is None else pid
    started = _started(number)
    return (
        None if started is None else Process(host=host(), pid=number, started=started, boot=boot())
    )


def alive(who: Process) -> bool | None:
    """Say whether that process still lives; None when this machine cannot know."""
    if who.host != host():
        return None
    if who.boot != boot():
        return False
    return _started(who.pid) == who.started


def _started(pid: int) -> str | None:
    if _LINUX:
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                # The command's name may hold blanks and brackets; fields follow the last one.
                fields = file.read().rpartition(b")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if fields[0] in (b"Z", b"X") else fields[19].decode()
    import psutil

    try:
        return str(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None
