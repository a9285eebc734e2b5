"""Judges what is sent to the network: secrets, files, data."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gitcoord.domain.guardrails.command import Command
from gitcoord.domain.guardrails.marks import SECRET
from gitcoord.domain.guardrails.options import parse
from gitcoord.domain.guardrails.pattern import Pattern
from gitcoord.domain.guardrails.rules import Severity
from gitcoord.domain.guardrails.secret_paths import secret

Found = Iterator[tuple[str, Severity | None]]

_SENDERS = frozenset(
    {
        "curl",
        "wget",
        "nc",
        "ncat",
        "netcat",
        "socat",
        "scp",
        "sftp",
        "rsync",
        "ftp",
        "telnet",
        "http",
        "https",
        "xh",
        "mail",
        "mailx",
        "sendmail",
        "openssl",
        "aws",
        "gsutil",
        "rclone",
        "ssh",
        "dig",
        "nslookup",
        "host",
        "gh",
        "croc",
        "wormhole",
    }
)
_SECRET_VARIABLE = Pattern(
    r"\$\{?\w*(SECRET|TOKEN|PASSWORD|PASSWD|API_?KEY|PRIVATE_?KEY|ACCESS_KEY|CREDENTIAL)\w*",
    re.IGNORECASE,
)
#: Addresses of this machine.
LOCAL = Pattern(
    r"(https?://)?(localhost|127\.0\.0\.\d+|\[?::1\]?|0\.0\.0\.0|host\.docker\.internal)([:/]|$)"
)


def judge(command: Command, part: str) -> Found:
    """Yield the rules that a command meets; `part` is how it is written."""
    if command.name in _SENDERS:
        yield from _sent(command, part)
    if any(to_socket(one.target) for one in command.redirects) and _carries_secret(command):
        yield "secret_exfiltration", None


def to_socket(target: str) -> bool:
    """Say whether a redirection goes to the network, as bash has it."""
    return target.startswith(("/dev/tcp/", "/dev/udp/"))


def _carries_secret(command: Command) -> bool:
    if SECRET in (command.stdin or "") or any(SECRET in arg for arg in command.args):
        return True
    for one in command.upstream:
        if any(secret(arg.removeprefix("@")) for arg in one.args) and one.name not in {
            "echo",
            "ls",
            "printf",
        }:
            return True
    return False


def _sent(command: Command, part: str) -> Found:
    args = command.args
    if command.name == "aws" and args[:1] != ["s3"]:
        return
    if any(LOCAL.match(arg) for arg in args):
        return
    if _carries_secret(command) or any(_is_secret_file(arg, command.name) for arg in args):
        yield "secret_exfiltration", None
        return
    if command.name in {"curl", "wget", "http", "xh"}:
        yield from _http(args, part)
    elif command.name in {"scp", "rsync", "sftp", "rclone"}:
        given = parse(args, "iPoFceB", ("exclude", "rsh"))
        if (
            given.operands
            and ":" in given.operands[-1]
            and not re.match(r"[A-Za-z]:[\\/]", given.operands[-1])
        ):
            yield "network_send", None
    elif command.name in {"nc", "ncat", "netcat", "telnet", "mail", "mailx"} and (
        command.upstream or command.stdin
    ):
        yield "network_send", None


def _is_secret_file(arg: str, name: str) -> bool:
    if name in {"ssh", "openssl", "gh", "dig", "nslookup", "host"}:
        return False
    candidates = [arg.lstrip("@<")]
    if "=" in arg:
        candidates.append(arg.split("=", 1)[1].lstrip("@<").split(";")[0])
    if name == "curl" and (
        arg.startswith(("--cert", "--key", "--cacert", "--netrc", "-o", "--output"))
    ):
        return False
    if name in {"scp", "rsync", "sftp"} and ":" in arg:
        return False
    return any(secret(one) for one in candidates if "://" not in one) and not (
        name == "curl" and arg.endswith(".pem")
    )


def _http(args: list[str], part: str) -> Found:
    given = parse(
        args,
        "XHdFTuoAbcmeKxrwEC",
        (
            "request",
            "header",
            "data",
            "form",
            "upload-file",
            "data-binary",
            "data-raw",
            "user",
            "output",
            "method",
            "json",
            "data-urlencode",
            "max-time",
            "url",
            "post-data",
            "post-file",
            "cacert",
            "cert",
            "key",
        ),
    )
    method = "".join(given.get("X", "request", "method")[:1]).upper()
    data = [
        *given.get(
            "d",
            "data",
            "data-binary",
            "data-raw",
            "data-urlencode",
            "json",
            "post-data",
            "F",
            "form",
        )
    ]
    uploads = [
        *given.get("T", "upload-file", "post-file"),
        *(one for one in data if "@" in one[:1] or "=@" in one),
    ]
    written = re.sub(r"(-H|--header|-u|--user)[ =]?(\"[^\"]*\"|'[^']*'|\S+)", "", part)
    if _SECRET_VARIABLE.search(written):
        yield "secret_exfiltration", "ask"
    elif uploads:
        yield "network_send", None
    elif method == "DELETE":
        yield "network_delete", None
    elif data or method in {"POST", "PUT", "PATCH"}:
        yield "network_send", "log"
