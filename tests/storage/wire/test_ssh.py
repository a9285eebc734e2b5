"""The way over ssh: the command lines of git, and a real sshd on loopback."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitcoord.errors import AccessDenied, HostRefused, HostUnreachable, InvalidUrl
from gitcoord.storage.gitproc import Git
from gitcoord.storage.repository import find
from gitcoord.storage.wire import push, read
from gitcoord.storage.wire.address import parsed, resolve
from gitcoord.storage.wire.config import GitConfig
from gitcoord.storage.wire.connect import connect
from gitcoord.storage.wire.pipe import PipeTransport
from gitcoord.storage.wire.read import NotVersion2
from gitcoord.storage.wire.ssh import Program, command_line, over_ssh, program, quoted
from gitcoord.storage.wire.transport import Interrupted, Transport
from tests.gitrun import git
from tests.servers.fixtures import old_sshd, sshd
from tests.servers.sshd import Sshd
from tests.storage.wire.test_pipe import REF, body, commit

__all__ = ["old_sshd", "sshd"]


def settings(repo: str, **environ: str) -> GitConfig:
    return GitConfig(Git(find(repo, os.environ | environ)))


def over(repo: str, url: str, **environ: str) -> PipeTransport:
    told = os.environ | environ
    return over_ssh(parsed(url, "/"), settings(repo), told, timeout=10)


def listed(way: Transport) -> dict[str, str]:
    return read.refs(way.ask(read.ls_refs(["refs/"], "sha1")))


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Path]:
    """Write an ssh that notes its arguments, one in a line, and GIT_PROTOCOL, and fails."""
    program = tmp_path / "fake-ssh"
    program.write_text(
        f'#!/bin/sh\nfor word in "$@" "$GIT_PROTOCOL"; do echo "$word" >> {tmp_path}/said; done\n'
        "exit 255\n"
    )
    program.chmod(0o755)
    return program


def heard(fake: Path) -> list[str]:
    said = fake.parent / "said"
    words = said.read_text().splitlines()
    said.unlink()
    return words


def by_git(repo: str, url: str, *arguments: str, **environ: str) -> None:
    command = ["git", "-C", repo, *arguments[:-1], url, *arguments[-1:]]
    assert subprocess.run(command, env=os.environ | environ, capture_output=True).returncode


@pytest.mark.parametrize("variant", ["ssh", "plink", "putty", "tortoiseplink", "simple"])
@pytest.mark.parametrize(
    "url",
    ["ssh://al@h:2222/~bo/it's!", "al@h:a b", "ssh://[::1]:22/a", "ssh://h/a", "[al@h:22]:a"],
)
def test_arguments_are_those_of_git(repo: str, fake: Path, variant: str, url: str) -> None:
    address = parsed(url, "/")
    if variant == "simple" and address.port:
        with pytest.raises(InvalidUrl, match="port"):
            over(repo, url, GIT_SSH=str(fake), GIT_SSH_VARIANT=variant).discover()
        return
    environ = {"GIT_SSH": str(fake), "GIT_SSH_VARIANT": variant, "SSH_ASKPASS": "x"}
    way = over(repo, url, **environ)
    for ask, arguments in (
        (way.discover, ("push", "HEAD:refs/heads/x")),
        (lambda: listed(way), ("ls-remote", "refs/heads/x")),
    ):
        with pytest.raises(Interrupted) as cut:
            ask()
        assert not cut.value.sent
        ours = heard(fake)
        by_git(repo, url, *arguments, **environ)
        theirs = heard(fake)
        if variant != "ssh":
            # It is told what it cannot pass on, which does no harm.
            ours, theirs = ours[:-1], theirs[:-1]
        assert ours == theirs


def test_a_command_goes_through_the_shell_as_in_git(repo: str, fake: Path) -> None:
    command = f"WORD='a b' {shlex.quote(str(fake))} -i \"$HOME/my key\""
    environ = {"GIT_SSH_COMMAND": command, "GIT_SSH_VARIANT": "ssh", "SSH_ASKPASS": "x"}
    with pytest.raises(Interrupted):
        listed(over(repo, "ssh://h/a", **environ))
    ours = heard(fake)
    by_git(repo, "ssh://h/a", "ls-remote", "x", **environ)
    assert ours == heard(fake)
    assert ours[:2] == ["-i", f"{os.environ['HOME']}/my key"]


def test_the_environment_counts_before_the_configuration(repo: str) -> None:
    git(repo, "config", "core.sshCommand", "/opt/plink -v")
    assert program(settings(repo), {}) == ("/opt/plink -v", True, "plink")
    assert program(settings(repo), {"GIT_SSH": "/x/ssh"})[0] == "/opt/plink -v"
    found = program(settings(repo), {"GIT_SSH_COMMAND": "ssh -v"})
    assert found == ("ssh -v", True, "ssh")
    git(repo, "config", "ssh.variant", "putty")
    assert program(settings(repo), {"GIT_SSH_COMMAND": "ssh"}).variant == "putty"
    assert program(settings(repo), {"GIT_SSH_VARIANT": "simple"}).variant == "simple"
    assert program(settings(repo), {"GIT_SSH_VARIANT": "other"}).variant == "ssh"


def test_without_settings_it_is_openssh_which_asks_nobody(repo: str) -> None:
    found = program(settings(repo), {})
    assert found == Program("ssh", shell=False, variant="ssh")
    address = parsed("ssh://al@h:22/a", "/")
    assert command_line(found, address, "receive-pack") == [
        *("ssh", "-o", "BatchMode=yes", "-p", "22", "al@h", "git-receive-pack '/a'")
    ]
    assert "BatchMode=yes" not in command_line(found, address, "receive-pack", asks=True)


def test_a_program_of_another_name_is_tried(repo: str, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    wrapper = tmp_path / "wrapper"
    for answers, expected in ((0, "SendEnv=GIT_PROTOCOL"), (1, "h git-upload-pack '/a'")):
        wrapper.write_text(
            f'#!/bin/sh\necho "$@" >> {notes}\n[ "$1" = -G ] && exit {answers}\nexit 255\n'
        )
        wrapper.chmod(0o755)
        with pytest.raises(Interrupted):
            listed(over(repo, "ssh://h/a", GIT_SSH=str(wrapper)))
        probe, call = notes.read_text().splitlines()
        notes.unlink()
        assert probe.startswith("-G ")
        assert expected in call


@pytest.mark.parametrize("text", ["it's", "a b", "$(x)", "a!b", "'", "~al/x"])
def test_a_quoted_word_stays_one_word(text: str) -> None:
    said = subprocess.run(
        ["sh", "-c", f"printf %s {quoted(text)}"], capture_output=True, check=True
    ).stdout
    assert said.decode() == text


@pytest.mark.parametrize(
    ("said", "code", "kind", "sent"),
    [
        ("ssh: connect to host h port 22: No route to host", 255, HostUnreachable, False),
        ("ssh: Could not resolve hostname h: Name or service not known", 255, HostUnreachable, 0),
        ("Host key verification failed.", 255, HostUnreachable, False),
        ("kex_exchange_identification: Connection closed by remote host", 255, HostUnreachable, 0),
        ("al@h: Permission denied (publickey,password).", 255, AccessDenied, None),
        ("ERROR: Repository not found.", 1, HostRefused, None),
        ("fatal: 'a' does not appear to be a git repository", 128, HostRefused, None),
        ("bash: git-receive-pack: command not found", 127, HostRefused, None),
        ("ERROR: The key you are authenticating with has been marked as read only.", 1,
         AccessDenied, None),
    ],
)  # fmt: skip
def test_complaints_become_errors_that_say_what_to_do(
    repo: str, tmp_path: Path, said: str, code: int, kind: type[Exception], sent: bool | None
) -> None:
    script = tmp_path / "ssh"
    script.write_text(f"#!/bin/sh\ncat >&2 <<'.'\n{said}\n.\nexit {code}\n")
    script.chmod(0o755)
    way = over(repo, "ssh://h/a", GIT_SSH=str(script))
    with pytest.raises((Interrupted, kind)) as raised:
        way.push(body(commit("x")))
    error = raised.value
    if sent is not None:
        assert isinstance(error, Interrupted)
        assert not error.sent
        assert isinstance(error.error, kind)
    else:
        assert isinstance(error, kind)
    assert said.removeprefix("fatal: ").removeprefix("ERROR: ").removeprefix("ssh: ") in str(error)
    assert "ssh://h/a" in str(error)


def test_an_ssh_that_does_not_exist_says_so(repo: str) -> None:
    with pytest.raises(HostUnreachable, match="/no/ssh") as told:
        over(repo, "ssh://h/a", GIT_SSH="/no/ssh").discover()
    assert "core.sshCommand" in str(told.value.hint)
    with pytest.raises(Interrupted) as cut:
        over(repo, "ssh://h/a", GIT_SSH_COMMAND="/no/ssh -v", GIT_SSH_VARIANT="ssh").discover()
    assert "core.sshCommand" in str(cut.value.error.hint)


def test_a_push_and_a_read_over_ssh(sshd: Sshd, repo: str, bare_repo: str) -> None:
    git(repo, "config", "core.sshCommand", sshd.command)
    git(repo, "remote", "add", "origin", sshd.url(bare_repo))
    starter = Git(find(repo, os.environ))
    way = connect(resolve("origin", starter, repo), starter, os.environ, timeout=10)
    first = commit("first")
    report = push.report(way.push(body(first)))
    assert (report.unpack, report.refs) == ("", {REF: ""})
    assert "atomic" in way.discover().capabilities
    before = sshd.logins()
    assert listed(way) == {REF: first.oid}
    fetched = read.fetched(way.ask(read.fetch([first.oid], [], "sha1", depth=1, shallow=())))
    assert fetched.pack.startswith(b"PACK")
    assert sshd.logins() == before + 1
    way.close()


def test_a_server_without_git_protocol_is_not_version_2(
    old_sshd: Sshd, repo: str, bare_repo: str
) -> None:
    way = over(repo, old_sshd.url(bare_repo), GIT_SSH_COMMAND=old_sshd.command)
    with pytest.raises(NotVersion2):
        listed(way)
    new = commit("x")
    assert push.report(way.push(body(new))).refs == {REF: ""}
    with pytest.raises(NotVersion2):
        listed(way)
    way.close()


def test_a_stranger_is_denied_and_nothing_changes(sshd: Sshd, repo: str, bare_repo: str) -> None:
    way = over(repo, sshd.url(bare_repo), GIT_SSH_COMMAND=sshd.unknown)
    with pytest.raises(AccessDenied, match="Permission denied"):
        way.push(body(commit("x")))
    assert git(bare_repo, "for-each-ref") == ""


def test_a_missing_repository_is_refused_by_the_host(sshd: Sshd, repo: str, tmp_path: Path) -> None:
    way = over(repo, sshd.url(tmp_path / "none"), GIT_SSH_COMMAND=sshd.command)
    with pytest.raises(HostRefused, match="does not appear to be a git repository"):
        way.discover()


def test_a_port_where_nobody_listens_is_unreachable(sshd: Sshd, repo: str) -> None:
    url = f"ssh://{sshd.user}@127.0.0.1:1/a"
    with pytest.raises(Interrupted, match="Connection refused") as cut:
        over(repo, url, GIT_SSH_COMMAND=sshd.command).push(body(commit("x")))
    assert not cut.value.sent
