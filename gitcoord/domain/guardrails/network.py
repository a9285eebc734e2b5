"""Judges the network: code that is run unseen, shells given away.

Not here: what is sent (`sending.py`), and what protects the machine (`walls.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gitcoord.domain.guardrails import sending, walls
from gitcoord.domain.guardrails.command import Command
from gitcoord.domain.guardrails.marks import DECODED, REMOTE
from gitcoord.domain.guardrails.options import parse
from gitcoord.domain.guardrails.pattern import Pattern
from gitcoord.domain.guardrails.rules import Severity
from gitcoord.domain.guardrails.running import SHELLS
from gitcoord.domain.guardrails.scene import Scene

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


def judge(command: Command, scene: Scene, part: str) -> Found:
    """Yield the rules that a command meets; `part` is how it is written."""
    yield from _unseen(command)
    yield from _shells(command)
    yield from sending.judge(command, part)
    yield from walls.judge(command, part)


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


def _shells(command: Command) -> Found:
    """Shells whose ends are at the network."""
    net = any(sending.to_socket(one.target) for one in command.redirects)
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
