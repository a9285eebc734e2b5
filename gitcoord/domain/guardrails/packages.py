"""Judges package managers: what changes the machine, and code that no index has checked.

Not here: publishing (`deployment.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gitcoord.domain.guardrails.command import Command
from gitcoord.domain.guardrails.pattern import Pattern
from gitcoord.domain.guardrails.rules import Severity

Found = Iterator[tuple[str, Severity | None]]

_VERBS = frozenset({
    "remove", "purge", "autoremove", "erase", "install", "upgrade", "dist-upgrade", "uninstall",
})  # fmt: skip
_REMOVING = frozenset({"remove", "purge", "erase", "uninstall"})
#: An address instead of a name, and an index that anybody on the way can be.
_ADDRESS = Pattern(r"(\S+ ?@ ?)?(git\+|git://|git@|https?://|github:|gitlab:|bitbucket:|gist:)")
_INDEX = Pattern(
    r"(^| )(-i|--index-url|--extra-index-url|--registry|--source|--find-links)[= ]http:"
)


def judge(command: Command) -> Found:
    """Yield the rules that a command meets."""
    args = command.args
    name = command.name
    if name in {"python", "python3", "uv"} and "pip" in args[:2]:
        name, args = "pip", args[args.index("pip") + 1 :]
    how = _PROGRAMS.get(name)
    if how is not None:
        yield from how(args)


def _system(args: list[str]) -> Found:
    if any(arg in _VERBS for arg in args[:3]):
        yield "system_change", "ask" if any(arg in _REMOVING for arg in args) else "warn"


def _project(args: list[str]) -> Found:
    words = [arg for arg in args if not arg.startswith("-")]
    if words[:1] == ["global"] or any(arg in {"-g", "--global"} for arg in args):
        yield "system_change", "warn"
    if not words or words[0] not in {"install", "add", "i", "download", "wheel"}:
        return
    # The address of an index is no package.
    indexes = {arg for at, arg in enumerate(args) if at and args[at - 1] in _SOURCES}
    addresses = any(_ADDRESS.match(word) for word in words[1:] if word not in indexes)
    if addresses or "--git" in args or _INDEX.search(" ".join(args)):
        yield "package_foreign", None


_SOURCES = {
    "-i",
    "--index-url",
    "--extra-index-url",
    "--registry",
    "--source",
    "-f",
    "--find-links",
}

_PROGRAMS: dict[str, Callable[[list[str]], Found]] = {
    **dict.fromkeys(("apt", "apt-get", "yum", "dnf", "pacman", "apk", "zypper", "brew"), _system),
    **dict.fromkeys(
        ("pip", "pip3", "pipx", "uv", "poetry", "npm", "pnpm", "yarn", "bun", "cargo", "gem"),
        _project,
    ),
}
