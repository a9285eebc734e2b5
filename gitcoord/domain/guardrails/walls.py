"""Judges what protects the machine at the network: firewall, tunnels, certificates."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gitcoord.domain.guardrails.command import Command
from gitcoord.domain.guardrails.options import parse
from gitcoord.domain.guardrails.pattern import Pattern
from gitcoord.domain.guardrails.rules import Severity
from gitcoord.domain.guardrails.sending import LOCAL

Found = Iterator[tuple[str, Severity | None]]

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
#: Program -> words with which it trusts whoever answers.
_TRUSTING: dict[str, Pattern] = {
    "curl": Pattern(r"(^| )(-[a-zA-Z]*k[a-zA-Z]*|--insecure|--proxy-insecure)( |$)"),
    "wget": Pattern(r"--no-check-certificate"),
    "git": Pattern(r"(?i)http\.(\S*\.)?sslverify[= ](false|0|no|off)\b"),
    "npm": Pattern(r"strict-ssl[= ]false"),
    "yarn": Pattern(r"(?i)strict-?ssl[= ]false"),
    "pnpm": Pattern(r"strict-ssl[= ]false"),
    "pip": Pattern(r"--trusted-host"),
    "pip3": Pattern(r"--trusted-host"),
    "ssh": Pattern(r"(?i)StrictHostKeyChecking[= ](no|off)\b"),
    "scp": Pattern(r"(?i)StrictHostKeyChecking[= ](no|off)\b"),
    "http": Pattern(r"--verify[= ](no|false)\b"),
}
_SETTING = Pattern(
    r"\b(NODE_TLS_REJECT_UNAUTHORIZED|PYTHONHTTPSVERIFY)=[\"']?0|\bGIT_SSL_NO_VERIFY=[\"']?(1|true)"
)


def judge(command: Command, part: str) -> Found:
    """Yield the rules that a command meets; `part` is how it is written."""
    if _unverified(command, part):
        yield "tls_unverified", None
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


def _unverified(command: Command, part: str) -> bool:
    trusting = _TRUSTING.get(command.name)
    if trusting is not None and trusting.search(" ".join(command.args)):
        return not any(LOCAL.match(arg) for arg in command.args)
    return "=" in part and _SETTING.search(part) is not None
