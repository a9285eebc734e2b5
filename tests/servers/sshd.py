"""A real sshd on loopback: own host key, own users' keys, a free port, the current user.

Nothing of the machine's ssh settings is used or touched, except that sshd run by root
wants its empty directory below /run. What is run there has another home: the start-up files
of the user's shell may take seconds. Not for anything but tests.
"""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

#: Where distributions put it, beside PATH.
PLACES = "/usr/sbin:/usr/local/sbin:/sbin:/usr/libexec"

#: Seconds in which sshd has to answer.
PATIENCE = 10.0

SERVER = """ListenAddress 127.0.0.1
Port {port}
HostKey {home}/host
PidFile none
AuthorizedKeysFile {home}/authorized
StrictModes no
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
PermitRootLogin yes
MaxStartups 500
LogLevel INFO
PermitUserRC no
{accept}
SetEnv "HOME={home}" GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 LC_ALL=C "PATH={path}"
"""

CLIENT = """Host *
Port {port}
User {user}
IdentityFile {home}/{key}
IdentitiesOnly yes
IdentityAgent none
UserKnownHostsFile {home}/known
GlobalKnownHostsFile /dev/null
StrictHostKeyChecking yes
BatchMode yes
LogLevel ERROR
"""


def missing() -> str:
    """Return why no sshd can be started here, "" where it can."""
    if sys.platform == "win32":
        return "the sshd of Windows is a service of the system"
    if _program() is None:
        return "sshd is not installed (Debian: openssh-server)"
    if shutil.which("ssh") is None or shutil.which("ssh-keygen") is None:
        return "ssh is not installed (Debian: openssh-client)"
    return ""


class Sshd:
    """The server. `accept_git_protocol` False: it speaks protocol v0 only, as most do."""

    def __init__(self, home: str | Path, *, accept_git_protocol: bool = True) -> None:
        self.home = Path(home).resolve()
        self.home.mkdir(parents=True, exist_ok=True)
        self.user = getpass.getuser()
        self.port = 0
        self.accept_git_protocol = accept_git_protocol
        self._child: subprocess.Popen[bytes] | None = None
        for key in ("host", "friend", "stranger"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", key, "-f"]
            subprocess.run([*command, str(self.home / key)], check=True, capture_output=True)
        shutil.copy(self.home / "friend.pub", self.home / "authorized")

    @property
    def command(self) -> str:
        """Return the GIT_SSH_COMMAND of a user whom the server knows."""
        return shlex.join(["ssh", "-F", str(self.home / "friend.config")])

    @property
    def unknown(self) -> str:
        """Return the GIT_SSH_COMMAND of a user whom the server does not let in."""
        return shlex.join(["ssh", "-F", str(self.home / "stranger.config")])

    def url(self, path: str | Path) -> str:
        """Return the ssh:// URL of the repository at this absolute path."""
        return f"ssh://{self.user}@127.0.0.1:{self.port}{path}"

    def scp(self, path: str | Path) -> str:
        """Return the scp-like address of the repository; the port is in the ssh command."""
        return f"{self.user}@127.0.0.1:{path}"

    @property
    def log(self) -> str:
        """Return what sshd has said."""
        return (self.home / "log").read_text(encoding="utf-8", errors="replace")

    def logins(self) -> int:
        """Return how many connections came as far as a login."""
        return self.log.count("Accepted publickey")

    def start(self) -> None:
        """Listen, at the same port as before. AssertionError with sshd's words when it cannot."""
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self.port = self.port or _free_port()
        self._write()
        program = _program()
        assert program is not None, missing()
        with (self.home / "log").open("ab") as log:
            self._child = subprocess.Popen(
                [program, "-D", "-e", "-f", str(self.home / "server.config")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + PATIENCE
        while not self._answers():
            assert self._child.poll() is None, self.log
            assert time.monotonic() < end, self.log
            time.sleep(0.02)

    def stop(self) -> None:
        """End the server; connections that are open live on until their client ends."""
        child, self._child = self._child, None
        if child is not None:
            child.terminate()
            child.wait()

    def _write(self) -> None:
        fields = {
            "home": self.home,
            "port": self.port,
            "user": self.user,
            "accept": "AcceptEnv GIT_PROTOCOL" if self.accept_git_protocol else "",
            "path": os.environ.get("PATH", os.defpath),
        }
        texts = {
            "server.config": SERVER.format(**fields),
            "friend.config": CLIENT.format(**fields, key="friend"),
            "stranger.config": CLIENT.format(**fields, key="stranger"),
            "known": f"[127.0.0.1]:{self.port} {(self.home / 'host.pub').read_text()}",
        }
        for name, text in texts.items():
            (self.home / name).write_text(text, encoding="utf-8")

    def _answers(self) -> bool:
        with (
            suppress(OSError),
            socket.create_connection(("127.0.0.1", self.port), timeout=1) as sock,
        ):
            return sock.recv(4) == b"SSH-"
        return False


def _program() -> str | None:
    return shutil.which("sshd", path=os.environ.get("PATH", "") + ":" + PLACES)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


@contextmanager
def sshd_running(home: str | Path, *, accept_git_protocol: bool = True) -> Iterator[Sshd]:
    """Run a server while the block runs; its keys and log are in `home`."""
    server = Sshd(home, accept_git_protocol=accept_git_protocol)
    server.start()
    try:
        yield server
    finally:
        server.stop()
