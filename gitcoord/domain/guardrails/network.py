"""Judges the network: code that is run unseen, shells given away, secrets and data sent."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gitcoord.domain.guardrails.command import Command
from gitcoord.domain.guardrails.marks import DECODED, REMOTE, SECRET
from gitcoord.domain.guardrails.options import parse
from gitcoord.domain.guardrails.pattern import Pattern
from gitcoord.domain.guardrails.rules import Severity
from gitcoord.domain.guardrails.running import SHELLS
from gitcoord.domain.guardrails.scene import Scene
from gitcoord.domain.guardrails.secret_paths import secret

Found = Iterator[tuple[str, Severity | None]]

_INTERPRETERS = SHELLS | {
    "python",
    "python2",
    "python3",
    "perl",
    "ruby",
    "node",
    "php",
    "deno",
    "bun",
    "eval",
    "source",
    ".",
    "iex",
    "pwsh",
    "powershell",
}
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
_LOCAL = Pattern(
    r"(https?://)?(localhost|127\.0\.0\.\d+|\[?::1\]?|0\.0\.0\.0|host\.docker\.internal)([:/]|$)"
)
_SOCKET_CODE = Pattern(
    r"socket.{0,600}(connect|TCPSocket|fsockopen|net\.Socket).{0,900}(dup2|/bin/(ba|z)?sh|"
    r"pty\.spawn|subprocess|exec|spawn)|(TCPSocket|fsockopen|net\.(Socket|"
    r"connect)).{0,900}(/bin/(ba)?sh|exec|spawn)",
    re.DOTALL,
)
_TOKEN = (
    r"(environ|getenv|process\.env|ENV\[).{0,40}(SECRET|TOKEN|PASSWORD|KEY)"
    r"|open\(.{0,60}(\.env|id_rsa|id_ed25519|credentials)"
)
_SENDER = r"urlopen|requests\.|httpx\.|fetch\(|http\.(get|post|request)|Net::HTTP|socket"
_SENDING = Pattern(f"({_SENDER}).{{0,600}}({_TOKEN})|({_TOKEN}).{{0,600}}({_SENDER})", re.DOTALL)
_TUNNELS = {
    "ngrok",
    "cloudflared",
    "localtunnel",
    "lt",
    "bore",
    "serveo",
    "tailscale",
    "frpc",
    "chisel",
}


def judge(command: Command, scene: Scene, part: str) -> Found:
    """Yield the rules that a command meets; `part` is how it is written."""
    yield from _unseen(command)
    yield from _shells(command)
    if command.name in _SENDERS:
        yield from _sent(command, part)
    if any(_dev_net(one.target) for one in command.redirects) and _carries_secret(command):
        yield "secret_exfiltration", None
    yield from _walls(command)


def _unseen(command: Command) -> Found:
    """Code from the network or out of a decoder that is run."""
    first = command.words[0].text if command.words else ""
    if REMOTE in first:
        yield "curl_pipe_shell", None
        return
    if DECODED in first:
        yield "decoded_shell", None
        return
    if command.name not in _INTERPRETERS:
        return
    args, stdin = command.args, command.stdin or ""
    reads = (
        command.name in SHELLS
        or not [arg for arg in args if not arg.startswith("-") or arg in {"-c", "-e", "-m"}]
        or args[-1:] == ["-"]
    )
    carried = " ".join(args) + (stdin if reads else "")
    if REMOTE in carried:
        yield "curl_pipe_shell", None
    elif DECODED in carried:
        yield "decoded_shell", None


def _dev_net(target: str) -> bool:
    return target.startswith(("/dev/tcp/", "/dev/udp/"))


def _shells(command: Command) -> Found:
    """Shells whose ends are at the network."""
    net = any(_dev_net(one.target) for one in command.redirects)
    if net and (command.name in SHELLS or command.name in {"exec", ""}):
        yield "reverse_shell", None
    args = command.args
    if command.name in {"nc", "ncat", "netcat", "nc.traditional", "nc.openbsd"}:
        given = parse(args, "pwsiqgGXxTIOP", ("source-port",))
        runs = any(re.match(r"-[a-zA-Z]*[ec]$|--(sh-)?exec", arg) for arg in args)
        if runs or any(one.name in SHELLS for one in command.upstream):
            yield "reverse_shell", None
        elif given.has("l", "listen"):
            yield "network_expose", "warn"
    elif (
        command.name == "socat"
        and any(re.match(r"(exec|system):", arg, re.IGNORECASE) for arg in args)
    ) or (
        command.name in {"telnet", "openssl"}
        and any(one.name in SHELLS for one in command.upstream)
    ):
        yield "reverse_shell", None
    elif command.name in _INTERPRETERS:
        if any(_SOCKET_CODE.search(text[:8000]) for text in (*args, command.stdin or "")):
            yield "reverse_shell", None
        elif any(_SENDING.search(text[:8000]) for text in (*args, command.stdin or "")):
            yield "secret_exfiltration", None
        elif command.name in SHELLS and any(
            one.name in {"nc", "ncat", "telnet", "socat"} for one in command.upstream
        ):
            yield "reverse_shell", None


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
    if any(_LOCAL.match(arg) for arg in args):
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


def _walls(command: Command) -> Found:
    line = " ".join(command.args)
    if (
        (
            command.name in {"iptables", "ip6tables", "nft"}
            and re.search(r"(^| )(-F|--flush|-P \w+ ACCEPT|-X|flush|-D|-A|-I)\b", line)
        )
        or (command.name == "ufw" and re.search(r"\b(disable|reset|allow|delete)\b", line))
        or (
            command.name in _TUNNELS
            and command.args
            and command.args[0] not in {"version", "--version", "status", "help", "config"}
        )
        or (
            command.name == "ssh"
            and parse(command.args, "BbcDEeFIiJLlmOopQRSWw", stop=True).has("R")
        )
        or command.name == "setenforce"
        or (command.name == "spctl" and "--master-disable" in line)
    ):
        yield "network_expose", None
