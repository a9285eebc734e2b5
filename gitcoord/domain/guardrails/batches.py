"""Programs that build commands and run them one after the other: `xargs`, `parallel`, `find -exec`.

What is beyond a number of items is judged once more, with an item that is not known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gitcoord.domain.guardrails.command import Command
from gitcoord.domain.guardrails.marks import UNKNOWN
from gitcoord.domain.guardrails.options import parse
from gitcoord.domain.guardrails.pattern import Pattern
from gitcoord.domain.guardrails.printing import found_paths
from gitcoord.domain.guardrails.running import execute, span
from gitcoord.domain.guardrails.words import Word

if TYPE_CHECKING:
    from gitcoord.domain.guardrails.shell import Script

#: Most items for which a command is run again, and most words that are added to one.
ITEMS = 64
WORDS = 1_000
_WORD = Pattern(r"""'[^']*'|"[^"]*"|[^\s'"]+""")


def xargs(script: Script, command: Command) -> str:
    """Run what `xargs` makes of its standard input; returns what is printed."""
    given = parse(
        command.args,
        "IiLnPsEda",
        ("replace", "max-args", "max-procs", "delimiter", "arg-file"),
        stop=True,
    )
    words = command.words[len(command.words) - len(given.operands) :] if given.operands else ()
    text = command.stdin if command.stdin is not None else UNKNOWN
    holes = given.get("I", "replace")
    items = _items(text.replace("\0", "\n"), bool(holes))
    whole = (command.start, command.end)
    if not words:
        return text
    if not text.strip():
        # Nothing to add: it runs once as it stands, or not at all where each item has its place.
        return "" if holes else execute(script, command._replace(words=words, stdin=None))
    if holes:
        hole = holes[0] or "{}"
        shown = ""
        for item in items:
            new = tuple(word._replace(text=word.text.replace(hole, item)) for word in words)
            shown += execute(script, command._replace(words=new, stdin=None))
        return shown
    more = tuple(Word(item, *whole) for item in items)
    return execute(script, command._replace(words=(*words, *more), stdin=None))


def _items(text: str, lines: bool) -> list[str]:
    if lines:
        items = [line.strip() for line in text.split("\n") if line.strip()]
    else:
        items = [one.strip("'\"") for one in _WORD.texts(text)]
    return _some(items, ITEMS if lines else WORDS)


def _some(items: list[str], most: int) -> list[str]:
    """Return the first ones; what is left over, or all of none, is one unknown item."""
    return items if 0 < len(items) <= most else [*items[:most], UNKNOWN]


def parallel(script: Script, command: Command) -> str:
    """Run the texts that `parallel` makes; returns what is printed."""
    args = command.args
    cut = next((at for at, arg in enumerate(args) if arg.startswith(":::")), len(args))
    items = args[cut + 1 :] or [UNKNOWN]
    given = parse(args[:cut], "jIN", ("jobs",), stop=True).operands
    for item in _some(items, ITEMS):
        text = " ".join(given)
        text = text.replace("{}", item) if "{}" in text else f"{text} {item}"
        script.nested(text, span(command))
    return UNKNOWN


def find(script: Script, command: Command) -> str | None:
    """Run what `find -exec` and its kin are given, for what is found."""
    words, found = command.words[1:], found_paths(command.args)
    at = 0
    while at < len(words):
        if words[at].text in {"-exec", "-execdir", "-ok", "-okdir"}:
            end = at + 1
            while end < len(words) and words[end].text not in {";", "+"}:
                end += 1
            for path in _some(found, ITEMS):
                new = tuple(
                    word._replace(text=word.text.replace("{}", path))
                    for word in words[at + 1 : end]
                )
                if new:
                    execute(script, command._replace(words=new, stdin=None, redirects=()))
            at = end
        at += 1
    return None


PROGRAMS: dict[str, Callable[[Script, Command], str | None]] = {
    "xargs": xargs,
    "gxargs": xargs,
    "parallel": parallel,
    "find": find,
    "gfind": find,
}
