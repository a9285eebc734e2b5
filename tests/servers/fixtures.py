"""The hosts as fixtures: `from tests.servers.fixtures import git_host` in a conftest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.servers import sshd as ssh
from tests.servers.control import HostProcess, host_process
from tests.servers.git_http import GitHost, serving
from tests.servers.sshd import Sshd, sshd_running

if TYPE_CHECKING:
    from tests.servers.github import GitHub


@pytest.fixture
def git_host(tmp_path: Path) -> Iterator[GitHost]:
    """Serve smart HTTP from this process; no repository yet."""
    with serving(tmp_path / "host") as host:
        yield host


@pytest.fixture
def git_host_process(tmp_path: Path) -> Iterator[HostProcess]:
    """Serve smart HTTP from a process of its own; no repository yet."""
    with host_process(tmp_path / "host") as host:
        yield host


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """Run one sshd for all tests, or skip them with the reason."""
    if reason := ssh.missing():
        pytest.skip(reason)
    with sshd_running(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture(scope="session")
def old_sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """Run an sshd that takes no GIT_PROTOCOL: its git speaks protocol v0."""
    if reason := ssh.missing():
        pytest.skip(reason)
    with sshd_running(tmp_path_factory.mktemp("sshd"), accept_git_protocol=False) as server:
        yield server


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GitHub]:
    """Run a fake GitHub; the test fails when something unknown or ill-formed was asked of it."""
    # It brings PyJWT and cryptography with it, of which most users of these fixtures need none.
    from tests.servers.github import serving

    with serving(tmp_path / "github") as host:
        yield host
    host.check()


@pytest.fixture
def github_enterprise(tmp_path: Path) -> Iterator[GitHub]:
    """Run a fake GitHub Enterprise Server: its API is below /api/v3."""
    from tests.servers.github import serving

    with serving(tmp_path / "enterprise", enterprise=True) as host:
        yield host
    host.check()
