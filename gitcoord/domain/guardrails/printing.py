"""What a command prints, where that can be told without running it.

A mark stands for what is not known, and says where it comes from: the network, a secret
file, a decoder. So `echo cm0gLXJm | base64 -d | sh` is seen through.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping

from gitcoord.domain.guardrails.command import Command
from gitcoord.domain.guardrails.marks import DECODED, REMOTE, SECRET, UNKNOWN, opaque
from gitcoord.domain.guardrails.options import parse
from gitcoord.domain.guardrails.pattern import Pattern
from gitcoord.domain.guardrails.secret_paths import secret
from gitcoord.domain.guardrails.words import Word

Files = Mapping[str, str]

_FORMAT = Pattern(r"%(?:[-+ 0#]*\d*(?:\.\d+)?[sdiubqcxXof]|%)")
_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", "r": "\r", "a": "\a", "e": "\x1b"}
_ESCAPE = Pattern(r"\\(x[0-9A-Fa-f]{1,2}|0?[0-7]{1,3}|.)", re.DOTALL)


def content(path: str, files: Files) -> str:
    """Return what a file holds: what was written before, or a mark."""
    name = path.removeprefix("./")
    if name in files:
        return files[name]
    return SECRET if secret(path) else UNKNOWN


def printed(command: Command, files: Files) -> str:
    """Return what a command prints."""
    how = _PRINTERS.get(command.name)
    return UNKNOWN if how is None else how(command, files)


def _echo(command: Command, files: Files) -> str:
    args, escapes, end = command.args, False, "\n"
    while args and re.fullmatch(r"-[neE]+", args[0]):
        escapes = escapes or "e" in args[0]
        end = "" if "n" in args[0] else end
        args = args[1:]
    text = " ".join(args) + end
    return _ESCAPE.sub(_escape, text) if escapes else text


def _printf(command: Command, files: Files) -> str:
    args = command.args
    if args[:1] == ["--"]:
        args = args[1:]
    if not args or args[0] == "-v":
        return ""
    text, values = _ESCAPE.sub(_escape, args[0]), args[1:]
    if not _FORMAT.search(text):
        return text
    parts: list[str] = []
    while True:
        left = list(values)

        def value(found: re.Match[str], left: list[str] = left) -> str:
            if found[0] == "%%":
                return "%"
            given = left.pop(0) if left else ""
            return _ESCAPE.sub(_escape, given) if found[0].endswith("b") else given

        parts.append(_FORMAT.sub(value, text))
        if not left or len(left) == len(values) or len(parts) > 64:
            return "".join(parts)
        values = left


def _escape(found: re.Match[str]) -> str:
    said = found[1]
    if said[0] == "x" and len(said) > 1:
        return chr(int(said[1:], 16))
    if said[0] in "01234567":
        return chr(int(said, 8) & 0xFF)
    return _ESCAPES.get(said, "\\" + said)


def _cat(command: Command, files: Files) -> str:
    names = [arg for arg in command.args if not arg.startswith("-") or arg == "-"]
    if not names:
        return _through(command, files)
    return "".join(
        _through(command, files) if name == "-" else content(name, files) for name in names
    )


def _through(command: Command, files: Files) -> str:
    return UNKNOWN if command.stdin is None else command.stdin


def _filtered(command: Command, files: Files) -> str:
    """Return where lines of a filter come from: which ones it lets pass is not known."""
    given = parse(command.args)
    marks = [content(name, files) for name in given.operands] + [command.stdin or ""]
    for mark in (SECRET, REMOTE, DECODED):
        if any(mark in one for one in marks):
            return mark
    return UNKNOWN


def _base64(command: Command, files: Files) -> str:
    given = parse(command.args, "wio")
    text = _cat(command._replace(words=(command.words[0], *_operands(command))), files)
    if not given.has("d", "D", "decode"):
        if opaque(text):
            return SECRET if SECRET in text else UNKNOWN
        return base64.b64encode(text.encode("utf-8", "replace")).decode() + "\n"
    return _decoded(text, lambda data: base64.b64decode(data, validate=False))


def _operands(command: Command) -> tuple[Word, ...]:
    return tuple(word for word in command.words[1:] if not word.text.startswith("-"))


def _decoded(text: str, how: Callable[[str], bytes]) -> str:
    if opaque(text):
        return REMOTE if REMOTE in text else DECODED
    packed = "".join(text.split())
    try:
        return how(packed + "=" * (-len(packed) % 4)).decode("utf-8")
    except ValueError:
        return DECODED


def _hex(command: Command, files: Files) -> str:
    if not parse(command.args).has("r", "revert"):
        return _filtered(command, files)
    text = _through(command, files)
    return DECODED if opaque(text) else _decoded_hex(text)


def _decoded_hex(text: str) -> str:
    try:
        return bytes.fromhex("".join(text.split())).decode("utf-8")
    except ValueError:
        return DECODED


def _reversed(command: Command, files: Files) -> str:
    text = _through(command, files)
    return "\n".join(line[::-1] for line in text.split("\n"))


def _decoder(command: Command, files: Files) -> str:
    marks = _filtered(command, files)
    return marks if marks != UNKNOWN else DECODED


def _translated(command: Command, files: Files) -> str:
    text, args = _through(command, files), [arg for arg in command.args if arg != "-s"]
    if opaque(text) or len(args) != 2:
        return _filtered(command, files)
    if args[0] == "-d":
        return "".join(char for char in text if char not in args[1])
    source, target = _ranges(args[0]), _ranges(args[1])
    target += target[-1:] * (len(source) - len(target))
    return text.translate(dict(zip(map(ord, source), target, strict=False)))


def _ranges(text: str) -> str:
    """Return the letters of a set of `tr`, such as `a-zA-Z`."""
    text = _ESCAPE.sub(_escape, text)

    def letters(found: re.Match[str]) -> str:
        return "".join(map(chr, range(ord(found[1]), ord(found[2]) + 1)))

    return re.sub(r"([A-Za-z0-9])-([A-Za-z0-9])", letters, text)


def _remote(command: Command, files: Files) -> str:
    given = parse(command.args)
    saved = given.has("o", "output", "O", "remote-name", "output-document")
    to_stdout = "-" in given.get("o", "O", "output") or command.args[-1:] == ["-"]
    if command.name == "wget" and not any(
        arg in {"-O-", "-O", "-qO-"} or re.fullmatch(r"-[a-zA-Z]*O-?", arg) for arg in command.args
    ):
        return ""
    return "" if saved and not to_stdout and command.name == "curl" else REMOTE


def _here(command: Command, files: Files) -> str:
    return "./\n" if command.name == "pwd" else UNKNOWN


def _temporary(command: Command, files: Files) -> str:
    return "/tmp/tmp.x\n"


def _git(command: Command, files: Files) -> str:
    if "--show-toplevel" in command.args:
        return "./\n"
    return ".git\n" if "--git-dir" in command.args else UNKNOWN


def _secrets(command: Command, files: Files) -> str:
    return SECRET if len(command.words) == 1 or command.name == "printenv" else UNKNOWN


def _found(command: Command, files: Files) -> str:
    return "".join(f"{path}\n" for path in found_paths(command.args))


def found_paths(args: list[str]) -> list[str]:
    """Return what `find` finds: its places with the name it looks for, or with anything below."""
    places = []
    for arg in args:
        if arg[:1] in {"-", "(", "!"}:
            break
        places.append(arg)
    name = next(
        (args[at + 1] for at, arg in enumerate(args[:-1]) if arg in {"-name", "-iname"}), ""
    )
    narrow = any(arg in _NARROW for arg in args)
    last = name or (UNKNOWN if narrow else "*")
    middle = "" if "-maxdepth" in args else "**/"
    return [f"{place.rstrip('/') or '/'}/{middle}{last}" for place in places or ["."]]


_NARROW = {
    "-path",
    "-wholename",
    "-regex",
    "-iregex",
    "-ipath",
    "-empty",
    "-mtime",
    "-mmin",
    "-newer",
    "-size",
    "-atime",
    "-ctime",
    "-user",
    "-perm",
    "-lname",
    "-inum",
    "-samefile",
}

_PRINTERS: dict[str, Callable[[Command, Files], str]] = {
    "echo": _echo,
    "printf": _printf,
    "cat": _cat,
    "tee": _through,
    "tac": _cat,
    "rev": _reversed,
    "base64": _base64,
    "gbase64": _base64,
    "xxd": _hex,
    "tr": _translated,
    "head": _filtered,
    "tail": _filtered,
    "grep": _filtered,
    "egrep": _filtered,
    "sed": _filtered,
    "awk": _filtered,
    "sort": _filtered,
    "uniq": _filtered,
    "cut": _filtered,
    "jq": _filtered,
    "gzip": _filtered,
    "tar": _filtered,
    "zip": _filtered,
    "od": _filtered,
    "hexdump": _filtered,
    "nl": _filtered,
    "gpg": _filtered,
    "column": _filtered,
    "less": _filtered,
    "more": _filtered,
    "strings": _filtered,
    "base32": _decoder,
    "gunzip": _decoder,
    "zcat": _decoder,
    "openssl": _decoder,
    "uudecode": _decoder,
    "curl": _remote,
    "wget": _remote,
    "fetch": _remote,
    "pwd": _here,
    "mktemp": _temporary,
    "git": _git,
    "env": _secrets,
    "printenv": _secrets,
    "set": _secrets,
    "find": _found,
    "yes": _echo,
    "true": lambda command, files: "",
    "cd": lambda command, files: "",
    "rm": lambda command, files: "",
    "mkdir": lambda command, files: "",
    "sleep": lambda command, files: "",
    "export": lambda command, files: "",
}
