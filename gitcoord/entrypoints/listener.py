"""A socket on which a server of ours listens. Not here: what is served."""

from __future__ import annotations

import socket
from typing import Any

from gitcoord.errors import UsageError

#: Hosts that only programs of this machine can reach.
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def listener(host: str, port: int, backlog: int = 128) -> socket.socket:
    """Return a socket that listens there; port 0: on any that is free. Raises `UsageError`."""
    try:
        family: Any = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=backlog)
    except OSError as wrong:
        raise UsageError(
            f"cannot listen on {host}:{port}: {wrong.strerror or wrong}",
            hint="Choose another --port, or 0 for any that is free.",
        ) from wrong
