"""The files that a shell text would write, so that they can be locked first.

What cannot be known is left out: patterns, variables without a value, scripts. So it is
a help and no guarantee.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from gitcoord.domain.guardrails.command import Command
from gitcoord.domain.guardrails.marks import HOME, opaque
from gitcoord.domain.guardrails.options import parse
from gitcoord.domain.guardrails.paths import joined, normal
from gitcoord.domain.guardrails.pattern import Pattern

Kind = Literal["create", "modify", "delete", "rename"]

_DEVICE = Pattern(r"/dev/(?!shm/)")
_PYTHON = Pattern(r"""\bopen\(\s*r?["']([^"'\n]{1,500})["']\s*,\s*["'][rb]*[wax+]""")
_PYTHON_PATH = Pattern(
    r"""\bPath\(\s*r?["']([^"'\n]{1,500})["']\s*\)\.(write_text|write_bytes|touch|unlink)"""
)
_NODE = Pattern(r"""\b(?:writeFile|appendFile)(?:Sync)?\(\s*["'`]([^"'`\n]{1,500})["'`]""")
_OUT = frozenset({">", ">>", ">|", "&>", "&>>", "<>", ">&"})


class Written(NamedTuple):
    """A file that is written, as the text names it, seen from where it starts."""

    path: str
    kind: Kind
    old_path: str = ""


def written_paths(text: str) -> tuple[Written, ...]:
    """Return the files that a text would write, each once, in their order; never raises."""
    from gitcoord.domain.guardrails.shell import commands

    found: dict[tuple[str, str], Written] = {}
    for command in commands(text).commands:
        for one in targets(command):
            path, old = _seen(one.path, command.cwd), _seen(one.old_path, command.cwd)
            if path and (old or not one.old_path):
                found.setdefault((path, old), Written(path, one.kind, old))
    return tuple(found.values())


def _seen(path: str, cwd: str) -> str:
    """Return the path from where the text starts; empty where it cannot be known."""
    if not path or _DEVICE.match(path) or any(char in path for char in "*?[\n\0"):
        return ""
    full = joined(cwd, path)
    if opaque(full) or HOME in full:
        return ""
    return normal(full)


def targets(command: Command) -> Iterator[Written]:
    """Yield the files that one command writes, as it names them."""
    for redirect in command.redirects:
        if redirect.operator in _OUT and redirect.target:
            kind: Kind = "modify" if ">>" in redirect.operator else "create"
            yield Written(redirect.target, kind)
    how = _PROGRAMS.get(command.name)
    if how is not None:
        yield from how(command)


def _all(kind: Kind, valued: str = "") -> Callable[[Command], Iterator[Written]]:
    def found(command: Command) -> Iterator[Written]:
        for path in parse(command.args, valued).operands:
            yield Written(path, kind)

    return found


def _rm(command: Command) -> Iterator[Written]:
    for path in parse(command.args).operands:
        yield Written(path, "delete")


def _tee(command: Command) -> Iterator[Written]:
    given = parse(command.args)
    for path in given.operands:
        yield Written(path, "modify" if given.has("a", "append") else "create")


def _in_place(command: Command) -> Iterator[Written]:
    """`sed -i`, `perl -pi`."""
    args = command.args
    if not any(
        re.match(r"-[a-zA-Z]*i|--in-place", arg) for arg in args if not arg.startswith("-e")
    ):
        return
    script = False
    rest: list[str] = []
    at = 0
    while at < len(args):
        arg = args[at]
        if arg in {
            "-e",
            "-f",
            "--expression",
            "--file",
            "-pe",
            "-pie",
            "-i -pe",
            "-ne",
            "-E -e",
        } or re.fullmatch(r"-[a-zA-Z]*[ef]", arg):
            script, at = True, at + 1
        elif arg.startswith(("--expression=", "-e")):
            script = True
        elif arg == "" and not rest:
            pass
        elif not arg.startswith("-"):
            rest.append(arg)
        at += 1
    for path in rest if script else rest[1:]:
        yield Written(path, "modify")


def _copy(command: Command) -> Iterator[Written]:
    given = parse(command.args, "tmogS", ("target-directory", "mode", "owner", "group", "suffix"))
    into = given.get("t", "target-directory")
    paths = list(given.operands)
    if command.name == "install" and given.has("d", "directory"):
        return
    target = into[0] if into else paths.pop() if len(paths) > 1 else ""
    if not target:
        return
    folder = bool(into) or len(paths) > 1 or target.endswith("/") or target in {".", ".."}
    for path in paths:
        new = f"{target.rstrip('/')}/{path.rstrip('/').rsplit('/', 1)[-1]}" if folder else target
        yield Written(new, "rename", path) if command.name == "mv" else Written(new, "create")


def _git(command: Command) -> Iterator[Written]:
    given = parse(command.args, "Cc", ("git-dir", "work-tree"), stop=True)
    verb, args = (given.operands[0], list(given.operands[1:])) if given.operands else ("", [])
    here = command._replace(
        words=(command.words[0], *command.words[len(command.words) - len(args) :])
    )
    prefix = "".join(f"{place.rstrip('/')}/" for place in given.get("C"))
    if verb == "mv":
        found: Iterator[Written] = _copy(
            here._replace(words=(here.words[0]._replace(text="mv"), *here.words[1:]))
        )
    elif verb == "rm" and not parse(args).has("cached", "n", "dry-run"):
        found = _rm(here)
    elif verb in {"apply", "am"} and not parse(args).has("check", "stat", "cached", "numstat"):
        found = _patched(command.stdin or "", 1)
    elif verb == "restore" and (not parse(args).has("S", "staged")):
        found = (Written(path, "modify") for path in parse(args, "s", ("source",)).operands)
    elif verb == "checkout" and "--" in args:
        found = (Written(path, "modify") for path in args[args.index("--") + 1 :])
    else:
        return
    for one in found:
        old = prefix + one.old_path if one.old_path else ""
        yield Written(prefix + one.path, one.kind, old)


def _patch(command: Command) -> Iterator[Written]:
    strip, args = 0, command.args
    for at, arg in enumerate(args):
        if match := re.fullmatch(r"(?:-p|--strip=)(\d)", arg):
            strip = int(match[1])
        elif arg == "-p" and at + 1 < len(args) and args[at + 1].isdigit():
            strip = int(args[at + 1])
    if any(arg == "--dry-run" for arg in args):
        return
    yield from _patched(command.stdin or "", strip)


def _patched(text: str, strip: int) -> Iterator[Written]:
    old = ""
    for line in text.split("\n"):
        if line.startswith("--- "):
            old = line[4:].split("\t")[0].strip()
        elif line.startswith("+++ "):
            new = line[4:].split("\t")[0].strip()
            kind: Kind = (
                "create" if old == "/dev/null" else "delete" if new == "/dev/null" else "modify"
            )
            path = old if new == "/dev/null" else new
            parts = path.split("/")
            yield Written("/".join(parts[strip:]) if len(parts) > strip else path, kind)


def _dd(command: Command) -> Iterator[Written]:
    for arg in command.args:
        if arg.startswith("of="):
            yield Written(arg[3:], "modify")


def _code(command: Command) -> Iterator[Written]:
    texts = [*command.args, command.stdin or ""] if command.args[:1] != ["-m"] else []
    for text in texts:
        for pattern in (_PYTHON, _PYTHON_PATH, _NODE):
            for match in pattern.finditer(text[:20_000]):
                deletes = pattern is _PYTHON_PATH and match[2] == "unlink"
                yield Written(match[1], "delete" if deletes else "modify")


def _output(command: Command) -> Iterator[Written]:
    """`curl -o FILE`, `sort -o FILE`, `gcc -o FILE`."""
    letter = "O" if command.name == "wget" else "o"
    for path in parse(command.args, "oOHXd").get(letter, "output", "output-document"):
        if path and path != "-":
            yield Written(path, "create")


def _apply_patch(command: Command) -> Iterator[Written]:
    """Yield the files of a patch as coding agents write it: `*** Update File: PATH`."""
    text = "\n".join([*command.args, command.stdin or ""])
    kinds: dict[str, Kind] = {"Add": "create", "Update": "modify", "Delete": "delete"}
    for match in re.finditer(r"^\*\*\* (Add|Update|Delete) File: (.+)$", text, re.MULTILINE):
        yield Written(match[2].strip(), kinds[match[1]])


_PROGRAMS: dict[str, Callable[[Command], Iterator[Written]]] = {
    "rm": _rm,
    "unlink": _rm,
    "shred": _all("delete", "n"),
    "touch": _all("create", "rdt"),
    "truncate": _all("modify", "sr"),
    "tee": _tee,
    "sed": _in_place,
    "gsed": _in_place,
    "perl": _in_place,
    "ruby": _in_place,
    "cp": _copy,
    "mv": _copy,
    "install": _copy,
    "ln": _copy,
    "git": _git,
    "patch": _patch,
    "dd": _dd,
    "python": _code,
    "python3": _code,
    "node": _code,
    "curl": _output,
    "wget": _output,
    "sort": _output,
    "apply_patch": _apply_patch,
    "applypatch": _apply_patch,
}
