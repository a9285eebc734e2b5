"""What comes of a simple command: the commands that it runs in turn, and what it prints."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from gitcoord.domain.guardrails import embedded
from gitcoord.domain.guardrails.command import Command, Flow
from gitcoord.domain.guardrails.marks import REMOTE, UNKNOWN, opaque
from gitcoord.domain.guardrails.options import parse
from gitcoord.domain.guardrails.pattern import Pattern
from gitcoord.domain.guardrails.printing import content, printed
from gitcoord.domain.guardrails.words import Word
from gitcoord.domain.guardrails.wrappers import unwrapped

if TYPE_CHECKING:
    from gitcoord.domain.guardrails.shell import Script

#: Wrappers around wrappers that are taken off.
_PEELED = 100
SHELLS = frozenset(
    {"sh", "bash", "zsh", "dash", "ksh", "ash", "fish", "mksh", "rbash", "yash", "csh", "tcsh"}
)
_SHORT_C = Pattern(r"-[a-zA-Z]*c[a-zA-Z]*")


def execute(script: Script, command: Command) -> str:
    """Keep the command among those found, follow what it runs; returns what it prints."""
    budget = script.scope.budget
    budget.spend(4 * len(command.words))
    if not budget.enter():
        return UNKNOWN
    try:
        return budget.kept(_executed(script, command))
    finally:
        budget.leave()


def _executed(script: Script, command: Command) -> str:
    if not command.words:
        script.scope.found.append(command)
        _written(script, command, "")
        return ""
    for _ in range(_PEELED):
        if command.name == "env" and (text := _split_string(command)) is not None:
            return script.nested(text, span(command), _flow(command))
        inner = unwrapped(command.words)
        if not inner:
            break
        command = command._replace(words=inner)
    else:
        script.scope.budget.over = True
    name = command.words[0].text
    if name in script.scope.functions:
        return _call(script, command)
    script.scope.found.append(command)
    runner = _RUNNERS.get(command.name)
    shown = runner(script, command) if runner is not None else None
    if "/" in name:
        text = script.scope.files.get(name.removeprefix("./"))
        if text is not None:
            shown = _script(script, command, text, command.args)
    if shown is None:
        shown = printed(command, script.scope.files)
        script.scope.budget.spend(len(shown))
    return _written(script, command, shown)


def _written(script: Script, command: Command, shown: str) -> str:
    """Remember what goes into files; returns what is left for the pipe."""
    files, left = script.scope.files, shown
    for redirect in command.redirects:
        if redirect.operator in {">", ">>", ">|", "&>", "&>>"} and redirect.target:
            target = redirect.target.removeprefix("./")
            kept = files.get(target, "") if ">>" in redirect.operator else ""
            files[target] = script.scope.budget.kept(kept + shown)
            left = ""
    if command.name == "tee":
        for target in parse(command.args).operands:
            files[target.removeprefix("./")] = shown
    if command.name in {"curl", "wget"}:
        for target in _downloads(command):
            files[target.removeprefix("./")] = REMOTE
    if command.name in {"cp", "mv"} and len(command.words) == 3:
        source = command.words[1].text.removeprefix("./")
        if source in files:
            files[command.words[2].text.removeprefix("./")] = files[source]
    return left


def _downloads(command: Command) -> list[str]:
    letter = "o" if command.name == "curl" else "O"
    given = parse(
        command.args,
        "oOHXdFAbu" if letter == "o" else "OP",
        ("output", "output-document", "header"),
    )
    named = [one for one in given.get(letter, "output", "output-document") if one not in {"", "-"}]
    if named:
        return named
    if command.name == "wget" or given.has("O", "remote-name"):
        return [one.split("?")[0].rsplit("/", 1)[-1] for one in given.operands if "/" in one]
    return []


def _call(script: Script, command: Command) -> str:
    """Run the body of a function with its arguments."""
    scope, name = script.scope, command.words[0].text
    if name in scope.calling:
        fork = Word("fork-bomb", command.start, command.end)
        if command.upstream or command.stdin is not None:
            scope.found.append(command._replace(words=(fork,)))
        return UNKNOWN
    scope.uncalled.pop(scope.functions[name], None)
    owner, body = scope.functions[name]
    scope.calling.add(name)
    kept = dict(owner.scope.values)
    _positional(owner.scope.values, command.args)
    found = owner.walk(body, _flow(command))
    for key in ("@", "*", "#", *map(str, range(1, 10))):
        owner.scope.values.pop(key, None)
        if key in kept:
            owner.scope.values[key] = kept[key]
    scope.calling.discard(name)
    return found


def _positional(values: dict[str, str], args: list[str]) -> None:
    for at in range(1, 10):
        values[str(at)] = args[at - 1] if at <= len(args) else ""
    values["@"] = values["*"] = " ".join(args)


def _flow(command: Command) -> Flow:
    return Flow(command.stdin, command.upstream, command.redirects, command.piped)


def span(command: Command) -> tuple[int, int]:
    """Return where the words after the program stand."""
    if len(command.words) < 2:
        return command.start, command.end
    return command.words[1].start, max(word.end for word in command.words)


def _body(script: Script, command: Command) -> tuple[int, int]:
    """Return where the text stands that a command reads: in a here-document after it, if at all."""
    at = (script.exact_text or "").find(command.stdin or "", command.end)
    return (at, at + len(command.stdin or "")) if at >= 0 else (command.start, command.end)


def _script(script: Script, command: Command, text: str, args: list[str]) -> str:
    if REMOTE in text:
        more = Word(REMOTE, *span(command))
        script.scope.found.append(command._replace(words=(*command.words, more)))
    values = script.scope.values
    kept = dict(values)
    _positional(values, args)
    shown = script.nested(text, span(command), own=True)
    values.clear()
    values.update(kept)
    return shown


def _shell(script: Script, command: Command) -> str | None:
    """`sh -c TEXT`, `sh FILE`, `sh < TEXT`."""
    args = command.args
    at, text = 0, None
    while at < len(args) and args[at][:1] in {"-", "+"} and args[at] != "-":
        if args[at] in {"--rcfile", "--init-file", "-O", "+O", "-o", "+o"}:
            at += 1
        elif (text is None and _SHORT_C.fullmatch(args[at])) or args[at] == "--command":
            text = ""
        at += 1
    if text is not None and at < len(args):
        return _script(script, command, args[at], args[at + 2 :])
    if at < len(args) and args[at] not in {"-", "/dev/stdin"} and "-s" not in args[:at]:
        return _script(script, command, content(args[at], script.scope.files), args[at + 1 :])
    if command.stdin is not None:
        return script.nested(command.stdin, _body(script, command), own=True)
    return None


def _eval(script: Script, command: Command) -> str:
    return script.nested(" ".join(command.args), span(command), _flow(command))


def _source(script: Script, command: Command) -> str:
    if not command.args:
        return ""
    name = command.args[0]
    files = script.scope.files
    text = (command.stdin or "") if name == "/dev/stdin" else content(name, files)
    if REMOTE in text:
        more = Word(REMOTE, *span(command))
        script.scope.found.append(command._replace(words=(*command.words, more)))
    return script.nested(text, span(command), _flow(command))


def _cd(script: Script, command: Command) -> str:
    from gitcoord.domain.guardrails.paths import joined

    given = [arg for arg in command.args if not re.fullmatch(r"-[LPe@]+|--", arg)]
    scope = script.scope
    if given[:1] == ["-"]:
        scope.cwd = UNKNOWN
    else:
        scope.cwd = joined(scope.cwd, given[0] if given else "~home")
    return ""


def _popd(script: Script, command: Command) -> str:
    script.scope.cwd = UNKNOWN
    return ""


def _batch(script: Script, command: Command) -> str | None:
    """Programs that build commands; most texts have none."""
    from gitcoord.domain.guardrails.batches import PROGRAMS

    return PROGRAMS[command.name](script, command)


def _read(script: Script, command: Command) -> str:
    lines = (command.stdin if command.stdin is not None else UNKNOWN).split("\n")
    names = parse(command.args, "dnNptu").operands
    for name in names:
        script.scope.values[name] = lines[0] or UNKNOWN
    return ""


def _set(script: Script, command: Command) -> str | None:
    if "--" in command.args:
        _positional(script.scope.values, command.args[command.args.index("--") + 1 :])
    return None


def _alias(script: Script, command: Command) -> str:
    for word in command.words[1:]:
        _, equals, text = word.text.partition("=")
        if equals and not opaque(text):
            script.nested(text, (word.start, word.end), own=True)
    return ""


def _first(script: Script, command: Command) -> str:
    """`trap TEXT SIGNAL`."""
    given = parse(command.args).operands
    return script.nested(given[0], span(command), own=True) if given else ""


def _split_string(command: Command) -> str | None:
    args = command.args
    for at, arg in enumerate(args):
        if arg in {"-S", "--split-string"} and at + 1 < len(args):
            return " ".join(args[at + 1 :])
        if arg.startswith("--split-string="):
            return " ".join([arg.partition("=")[2], *args[at + 1 :]])
        if re.match(r"-[iv0]*S.", arg):
            return " ".join([arg.partition("S")[2], *args[at + 1 :]])
        if not arg.startswith("-") and "=" not in arg:
            return None
    return None


def _texts(script: Script, command: Command) -> str | None:
    """Programs that run texts among their words."""
    shown = None
    for text in embedded.texts(command):
        shown = script.nested(text, span(command), own=True)
    return shown


_RUNNERS: dict[str, Callable[[Script, Command], str | None]] = {
    **dict.fromkeys(SHELLS, _shell),
    **dict.fromkeys(embedded.PROGRAMS, _texts),
    "eval": _eval, "source": _source, ".": _source, "cd": _cd, "pushd": _cd, "popd": _popd,
    "xargs": _batch, "gxargs": _batch, "parallel": _batch,
    "find": _batch, "gfind": _batch,
    "read": _read, "set": _set, "alias": _alias, "trap": _first,
}  # fmt: skip
