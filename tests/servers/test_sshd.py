"""The ssh host does what tests will ask of it."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.gitrun import git
from tests.servers import sshd as ssh
from tests.servers.repositories import Repositories
from tests.servers.sshd import Sshd, sshd_running


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    """Make one empty repository and return its path."""
    return Repositories(tmp_path / "host").create("hub")


def asked(repo: str, command: str, *args: str, trace: str = "") -> tuple[int, str]:
    """Return (exit code, stderr) of a git that uses this ssh command."""
    environ = os.environ | {"GIT_SSH_COMMAND": command}
    if trace:
        environ["GIT_TRACE_PACKET"] = trace
    done = subprocess.run(["git", "-C", repo, *args], capture_output=True, env=environ)
    return done.returncode, done.stderr.decode()


def test_git_pushes_and_lists_over_ssh(
    sshd: Sshd, hub: Path, repo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_SSH_COMMAND", sshd.command)
    before = sshd.logins()
    git(repo, "push", "-q", sshd.url(hub), "HEAD:refs/heads/main")
    assert "refs/heads/main" in git(repo, "ls-remote", sshd.scp(hub))
    assert sshd.logins() == before + 2


def test_the_start_up_files_of_the_user_are_not_run(sshd: Sshd) -> None:
    command = [*shlex.split(sshd.command), f"{sshd.user}@127.0.0.1", 'echo "$HOME"']
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.strip() == str(sshd.home), done.stderr


def test_a_stranger_is_not_let_in(sshd: Sshd, hub: Path, repo: str) -> None:
    code, told = asked(repo, sshd.unknown, "ls-remote", sshd.url(hub))
    assert code != 0
    assert "Permission denied (publickey)" in told


def test_the_protocol_version_passes_only_where_the_server_takes_it(
    sshd: Sshd, old_sshd: Sshd, hub: Path, repo: str
) -> None:
    new = asked(repo, sshd.command, "ls-remote", sshd.url(hub), trace="1")[1]
    old = asked(repo, old_sshd.command, "ls-remote", old_sshd.url(hub), trace="1")[1]
    assert "ls-remote< version 2" in new
    assert "version 2" not in old
    assert "ls-remote<" in old


def test_a_server_comes_back_at_the_same_port(tmp_path: Path, hub: Path, repo: str) -> None:
    if reason := ssh.missing():
        pytest.skip(reason)
    with sshd_running(tmp_path / "sshd") as server:
        server.stop()
        code, told = asked(repo, server.command, "ls-remote", server.url(hub))
        assert code != 0
        assert "Connection refused" in told
        server.start()
        assert asked(repo, server.command, "ls-remote", server.url(hub))[0] == 0


def test_the_reason_is_given_where_sshd_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(ssh, "PLACES", "/nonexistent")
    assert ssh.missing() == "sshd is not installed (Debian: openssh-server)"
