"""Commands in comments: lines that begin with `/coord`.

Quoted lines and blocks of code are no commands, so that a command can be talked about. Not
here: who may give them, and what they do.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import NamedTuple

WORD = "/coord"
#: Most commands of one comment.
LIMIT = 10

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


class Command(NamedTuple):
    """One command: its verb, its words, and all that follows the verb as it was written."""

    verb: str
    words: tuple[str, ...] = ()
    text: str = ""


#: Verb -> how it is written, and what it does.
VERBS: dict[str, tuple[str, str]] = {
    "lock": ("lock KEY...", "take locks on paths, globs or names such as `api:login`"),
    "unlock": ("unlock [KEY...]", "give locks of this thread back, without keys all of them"),
    "claim": ("claim [TASK]", "claim a task, here by default the one of this issue"),
    "done": ("done [RESULT]", "complete the task that this thread has claimed"),
    "handoff": ("handoff TEXT", "leave a note for whoever goes on"),
    "status": ("status", "say what is held here and what is in the way"),
    "who": ("who PATH...", "say who holds paths or keys"),
    "help": ("help", "show this"),
}


def commands(body: str) -> list[Command]:
    """Return the commands of a comment, in their order, at most `LIMIT`."""
    found = [_command(line) for line in _spoken(body) if _is_command(line)]
    return found[:LIMIT]


def _is_command(line: str) -> bool:
    return line == WORD or line.startswith((WORD + " ", WORD + "\t"))


def _spoken(body: str) -> Iterator[str]:
    """Yield the lines that are neither quoted nor code."""
    fence = ""
    for raw in body.splitlines():
        match = _FENCE.match(raw)
        if fence:
            closes = match and match[1].startswith(fence) and not raw.strip(" `~")
            fence = "" if closes else fence
        elif match:
            fence = match[1]
        elif not raw.startswith(("    ", "\t")) and not raw.lstrip().startswith(">"):
            yield raw.strip()


def _command(line: str) -> Command:
    rest = line.removeprefix(WORD).strip()
    verb, _, text = rest.partition(" ")
    text = text.strip()
    try:
        words = tuple(shlex.split(text))
    except ValueError:
        # An apostrophe in a sentence is no quotation mark.
        words = tuple(text.split())
    return Command(verb.lower() or "help", words, text)
