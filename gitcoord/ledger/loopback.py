"""Which ports of this machine nobody listens on, seen by binding them for a moment.

Looks at the loopback addresses of IPv4 and IPv6, never listens and never connects. What is
free now may be taken in the next moment by whoever has no lease.
"""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Iterable

#: What says that there is no such address here, as where IPv6 is switched off.
_NONE = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, getattr(errno, "WSAEAFNOSUPPORT", 10047)}
_HOSTS = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


def free(ports: Iterable[int]) -> bool:
    """Say whether all of these ports can be bound now."""
    return all(_bindable(family, host, port) for port in ports for family, host in _HOSTS)


def _bindable(family: socket.AddressFamily, host: str, port: int) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if sys.platform == "win32":
                # Elsewhere two programs cannot share a port by default; see
                # https://learn.microsoft.com/windows/win32/winsock/using-so-reuseaddr-and-so-exclusiveaddruse
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            elif sys.platform == "linux":
                # What a server has just closed waits for a minute, and is free all the same. On
                # Linux alone a listener is in the way of this in spite of it: socket(7).
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        return error.errno in _NONE
    return True
