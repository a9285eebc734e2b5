"""The way to a host over ssh, started with the program and the options that git would use.

Promises the command line of git's connect.c for OpenSSH, plink and others, so that keys and
jump hosts which work for `git push` work here. Asks nothing where nobody sits at a terminal.
Settings: https://git-scm.com/docs/git#Documentation/git.txt-codeGITSSHcode
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from gitcoord.errors import InvalidUrl
from gitcoord.storage.wire.child import Child
from gitcoord.storage.wire.pipe import PipeTransport, for_service

if TYPE_CHECKING:
    from gitcoord.storage.wire.address import Address
    from gitcoord.storage.wire.config import GitConfig

#: What each kind of ssh understands: the option for a port, and how it is kept from asking.
_VARIANTS: dict[str, tuple[str | None, tuple[str, ...]]] = {
    "ssh": ("-p", ("-o", "BatchMode=yes")),
    "plink": ("-P", ("-batch",)),
    "putty": ("-P", ("-batch",)),
    "tortoiseplink": ("-P", ("-batch",)),
    "simple": (None, ()),
}
_KNOWN = ("ssh", "plink", "tortoiseplink")
#: Whoever has one of these in a command means the shell (run-command.c of git).
_SHELL = re.compile(r"[|&;<>()$`\\\"' \t\n*?\[#~=%]")
#: Seconds in which `ssh -G`, which connects nowhere, has to answer.
_PROBE = 10.0


class Program(NamedTuple):
    """The user's ssh."""

    command: str
    #: Whether a shell reads the command.
    shell: bool
    #: A key of the table of variants, or "auto" for one that must be tried.
    variant: str


def over_ssh(
    address: Address, config: GitConfig, environ: Mapping[str, str], *, timeout: float
) -> PipeTransport:
    """Return the way to the address; `timeout` is in seconds of silence.

    Raises `InvalidUrl` for a port that the user's ssh cannot be told.
    """
    found: list[Program] = []
    terminal = os.isatty(0) and os.isatty(2)
    asks = terminal or "SSH_ASKPASS" in environ

    def start(service: str) -> Child:
        if not found:
            found.append(_tried(program(config, environ), address, environ))
        command = command_line(found[0], address, service, asks=asks)
        # Only the foreground group of a terminal may ask there for a passphrase.
        return Child(command, for_service(environ, service), timeout=timeout, apart=not terminal)

    return PipeTransport(address.shown, start)


def program(config: GitConfig, environ: Mapping[str, str]) -> Program:
    """Return the ssh that the environment or git's configuration names, in git's order."""
    command = environ.get("GIT_SSH_COMMAND") or config.one("core.sshcommand") or ""
    shell = bool(command)
    command = command or environ.get("GIT_SSH") or "ssh"
    variant = environ.get("GIT_SSH_VARIANT") or config.one("ssh.variant")
    if variant is None:
        variant = _variant(_first_word(command) if shell else command)
    elif variant != "auto" and variant not in _VARIANTS:
        variant = "ssh"
    return Program(command, shell, variant)


def command_line(ssh: Program, address: Address, service: str, *, asks: bool = False) -> list[str]:
    """Return what to run for `service` ("receive-pack" or "upload-pack") at the address.

    `asks`: whether ssh may ask for a passphrase. Raises `InvalidUrl` as `over_ssh`.
    """
    protocol = ("-o", "SendEnv=GIT_PROTOCOL") if service == "upload-pack" else ()
    remote = f"git-{service} {quoted(address.path)}"
    return _run(ssh, *_options(ssh.variant, address, protocol, asks), _login(address), remote)


def quoted(text: str) -> str:
    """Return the text as one word of a shell, in git's way, which all hosts take apart."""
    escaped = re.sub(r"['!]", lambda found: f"'\\{found[0]}'", text)
    return f"'{escaped}'"


def _options(
    variant: str, address: Address, protocol: tuple[str, ...], asks: bool
) -> tuple[str, ...]:
    port, mute = _VARIANTS[variant]
    options = protocol if variant == "ssh" else ()
    if not asks or variant == "tortoiseplink":
        options += mute
    if address.port is not None:
        if port is None:
            raise InvalidUrl(
                f"{address.shown}: this ssh program cannot be told a port",
                hint="Set ssh.variant to ssh or plink, or name the port in its configuration.",
            )
        options += (port, str(address.port))
    return options


def _login(address: Address) -> str:
    return f"{address.user}@{address.host}" if address.user else address.host


def _run(ssh: Program, *arguments: str) -> list[str]:
    if not ssh.shell or not _SHELL.search(ssh.command):
        return [ssh.command, *arguments]
    return ["sh", "-c", f'{ssh.command} "$@"', ssh.command, *arguments]


def _tried(ssh: Program, address: Address, environ: Mapping[str, str]) -> Program:
    """Return the program with its variant found out: only OpenSSH knows `-G`."""
    if ssh.variant != "auto":
        return ssh
    options = _options("ssh", address, ("-o", "SendEnv=GIT_PROTOCOL"), asks=True)
    command = _run(ssh, "-G", *options, _login(address))
    child = Child(command, for_service(environ, "upload-pack"), timeout=_PROBE)
    child.end_input()
    try:
        while child.read(65536):
            pass
    except TimeoutError:
        return ssh._replace(variant="simple")
    return ssh._replace(variant="simple" if child.finish()[0] else "ssh")


def _first_word(command: str) -> str:
    import shlex

    try:
        return (shlex.split(command) or [""])[0]
    except ValueError:
        return ""


def _variant(path: str) -> str:
    name = re.split(r"[/\\]" if os.name == "nt" else "/", path)[-1].lower().removesuffix(".exe")
    return name if name in _KNOWN else "auto"
