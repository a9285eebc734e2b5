"""The way to a host that fits its address. Starts and asks nothing: that is for first use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gitcoord.storage.wire.config import GitConfig

if TYPE_CHECKING:
    from gitcoord.storage.gitproc import Git
    from gitcoord.storage.wire.address import Address
    from gitcoord.storage.wire.transport import Transport


def connect(
    address: Address,
    git: Git,
    environ: Mapping[str, str],
    *,
    timeout: float = 15.0,
    preemptive: bool = False,
) -> Transport:
    """Return a transport to the address.

    `timeout`: seconds of silence after which a request is given up. `preemptive`: over http
    credentials go with the first request. Raises `InvalidUrl` for what ssh cannot be told.
    """
    if address.kind == "http":
        from gitcoord.storage.wire.http import HttpTransport

        return HttpTransport(
            address.url,
            GitConfig(git),
            git,
            environ,
            timeout=timeout,
            preemptive=preemptive,
            remote=address.remote,
        )
    if address.kind == "ssh":
        from gitcoord.storage.wire.ssh import over_ssh

        return over_ssh(address, GitConfig(git), environ, timeout=timeout)
    from gitcoord.storage.wire.pipe import to_path

    return to_path(address, environ, timeout=timeout)
