"""Stores over the wire for the contract suite: one host, one clone, each way to it."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from gitcoord.storage.repository import find
from gitcoord.storage.store import Expected, Oid
from gitcoord.storage.wire.reach import place, reach
from gitcoord.storage.wire.store import WireStore
from tests.conftest import first_commit
from tests.servers import tls
from tests.servers.git_http import serving
from tests.servers.sshd import Sshd

NAMES = [
    "wire-http",
    "wire-http-sha256",
    "wire-http-discovery",
    "wire-https",
    "wire-path",
    "wire-file",
    "wire-ssh",
]


class Current(WireStore):
    """A store that asks the host before each look at refs, as the suite does with local ones."""

    def read_ref(self, ref: str) -> Expected:
        self.refresh()
        return super().read_ref(ref)

    def list_refs(self, prefix: str) -> dict[str, Oid]:
        self.refresh()
        return super().list_refs(prefix)


@pytest.fixture(scope="session")
def kept_open(sshd: Sshd) -> Iterator[str]:
    """Return a GIT_SSH_COMMAND that keeps one connection for all, as docs/hosts.md advises."""
    # The path of a socket may be 100 characters long, which those of pytest are.
    with tempfile.TemporaryDirectory(prefix="gc") as folder:
        options = f"-o ControlMaster=auto -o ControlPersist=600 -o ControlPath={folder}/%C"
        command = f"{sshd.command} {options}"
        yield command
        place = f"{sshd.user}@127.0.0.1"
        subprocess.run(
            [*shlex.split(command), "-O", "exit", "-p", str(sshd.port), place],
            capture_output=True,
        )


@contextmanager
def hosted(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[tuple[str, Callable[[], WireStore]]]:
    """Yield the path of the repository at the host, and what opens a store of one clone."""
    with ExitStack() as stack:
        shown = encrypted(tmp_path) if name == "wire-https" else None
        host = stack.enter_context(serving(tmp_path / "host", tls=shown and shown.context))
        if shown:
            stack.enter_context(variable("GIT_SSL_CAINFO", str(shown.file)))
        host.insist_on_advertisement = 403 if name.endswith("discovery") else 0
        kind = "sha256" if name.endswith("sha256") else "sha1"
        path = str(host.create("hub", f"--object-format={kind}"))
        clone = first_commit(tmp_path / "clone")
        url = host.url("hub")
        if name == "wire-path":
            url = path
        elif name == "wire-file":
            url = f"file://{path}"
        elif name == "wire-ssh":
            sshd = request.getfixturevalue("sshd")
            url = sshd.url(path)
            command = request.getfixturevalue("kept_open")
            stack.enter_context(variable("GIT_SSH_COMMAND", command))

        def opener() -> WireStore:
            repository = find(clone, os.environ)
            folder = place(repository, "hub")
            store = reach(repository, url, folder, lambda host, own: {}, patience=5.0)
            store.__class__ = Current
            return store

        yield path, opener


def encrypted(tmp_path: Path) -> tls.Certificate:
    """Return a certificate for the host, or skip with the reason."""
    if reason := tls.missing():
        pytest.skip(reason)
    return tls.certificate(tmp_path / "tls")


@contextmanager
def variable(name: str, value: str) -> Iterator[None]:
    """Set an environment variable for the block."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
