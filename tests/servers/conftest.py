"""The hosts, and a clone with something to push, for the tests of the hosts."""

from __future__ import annotations

from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from tests.gitrun import git
from tests.servers import wires
from tests.servers.fixtures import git_host, git_host_process, old_sshd, sshd
from tests.servers.git_http import GitHost

__all__ = ["git_host", "git_host_process", "old_sshd", "sshd"]


@pytest.fixture
def hub(git_host: GitHost, repo: str) -> GitHost:
    """Serve one repository, `hub`, that has the commit of `repo` on main; nothing logged."""
    path = git_host.create("hub")
    git(repo, "push", "-q", str(path), "HEAD:refs/heads/main")
    return git_host


@pytest.fixture
def tip(hub: GitHost) -> str:
    """Return the commit on the hub's main."""
    return hub.refs("hub")["refs/heads/main"]


@pytest.fixture
def line(hub: GitHost) -> Iterator[HTTPConnection]:
    """Open a connection to the hub."""
    connection = wires.connect(hub.port)
    yield connection
    connection.close()
