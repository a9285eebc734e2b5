"""The network rules in the words of programs that enforce them.

A proxy auto-config file says everything that the rules say. The lists of sandboxes only name
what is allowed: a pattern below which something is denied before it is left out, and said so,
so that no list allows more than the rules do. Not here: which rules there are (`network`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from gitcoord.domain.hosts import Host, matches
from gitcoord.domain.network import NetworkRule

#: What a blocked request is sent to: a port of this machine that refuses it (RFC 863, discard).
NOWHERE = "PROXY 127.0.0.1:9"


class Allowed(NamedTuple):
    """Patterns that may be reached as a whole, and those that a list cannot say."""

    patterns: list[str]
    omitted: list[str]


def allowed(rules: Sequence[NetworkRule]) -> Allowed:
    """Return what rules, in the order in which they count, allow without exception."""
    patterns: list[str] = []
    omitted: list[str] = []
    denied: list[str] = []
    for rule in rules:
        if rule.action == "deny":
            denied.append(rule.pattern)
        elif any(covers(one, rule.pattern) for one in denied):
            continue
        elif any(covers(rule.pattern, one) for one in denied):
            omitted.append(rule.pattern)
        else:
            patterns.append(rule.pattern)
    return Allowed(sorted(dict.fromkeys(patterns)), sorted(dict.fromkeys(omitted)))


def covers(wide: str, narrow: str) -> bool:
    """Say whether every host of one pattern is one of the other."""
    if wide in ("*", narrow):
        return True
    if narrow == "*":
        return False
    if narrow.startswith("*."):
        return wide.startswith("*.") and narrow.endswith(wide[1:])
    address = narrow.replace(".", "").isdigit() or ":" in narrow
    return matches(wide, Host(narrow, address))


def proxy_config(rules: Sequence[NetworkRule], proxy: str = "DIRECT") -> str:
    """Return a proxy auto-config file.

    What is allowed goes to `proxy` (`DIRECT`, or `PROXY host:port`), what is not to nowhere.
    """
    lines = [
        "// Made by gitcoord from its network rules; what no line allows is blocked.",
        "function FindProxyForURL(url, host) {",
        '  host = host.toLowerCase().replace(/\\.$/, "");',
        f"  var allow = {_quoted(proxy)}, deny = {_quoted(NOWHERE)};",
        r"  var address = /^[0-9.]+$/.test(host) || host.indexOf(':') >= 0;",
    ]
    lines += [f"  if ({_test(rule.pattern)}) return {rule.action};" for rule in rules]
    return "\n".join([*lines, "  return deny;", "}", ""])


def plain(found: Sequence[str]) -> str:
    """Return a pattern a line: what Claude Code on the web and Codex in its cloud take."""
    return "".join(f"{pattern}\n" for pattern in found)


def commas(found: Sequence[str]) -> str:
    """Return the patterns with commas between, as variables and forms take them."""
    return ",".join(found) + "\n"


def claude(found: Sequence[str]) -> str:
    """Return the settings of Claude Code's own sandbox."""
    body = {"sandbox": {"enabled": True, "network": {"allowedDomains": list(found)}}}
    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode() + "\n"


#: Name of a format -> how a list of patterns is written in it.
LISTS: dict[str, Callable[[Sequence[str]], str]] = {
    "list": plain,
    "commas": commas,
    "claude": claude,
}


def _test(pattern: str) -> str:
    if pattern == "*":
        return "true"
    if pattern.startswith("*."):
        end = _quoted(pattern[1:])
        return f"!address && host.slice(-{len(pattern) - 1}) === {end}"
    return f"host === {_quoted(pattern)}"


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()
