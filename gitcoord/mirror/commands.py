"""Commands in comments: lines that begin with `/coord`.

Quoted lines and blocks of code are no commands, so that a command can be talked about, nor is
what nobody sees, as in HTML comments. Not here: who may give them, and what they do.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import NamedTuple

WORD = "/coord"
#: Most commands of one comment.
LIMIT = 10

# What begins with backticks and has more of them in the line is code within a text.
_FENCE = re.compile(r" {0,3}(`{3,}(?!.*`)|~{3,})")
_END = re.compile(r"\r\n|\r|\n")
_INLINE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")
#: What begins a passage that is hidden or shown as code.
_HIDES = re.compile(r"<(?:(!--)|(pre|code|script|style|textarea)\b)", re.IGNORECASE)


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
    "queue": (
        "queue [PRIORITY]",
        "put this pull request into the merge queue, with its new commits when it is there",
    ),
    "dequeue": ("dequeue [REASON]", "take this pull request out of the merge queue"),
    "approve": ("approve ID", "let an agent do what it has asked for, once"),
    "deny": ("deny ID REASON", "refuse what an agent has asked for; it reads the reason"),
    "help": ("help", "show this"),
}


def commands(body: str) -> list[Command]:
    """Return the commands of a comment, in their order, at most `LIMIT`."""
    return [_command(line) for line in _lines(body)[:LIMIT]]


def beyond(body: str) -> int:
    """Return how many commands of a comment are above `LIMIT`."""
    return max(0, len(_lines(body)) - LIMIT)


def _lines(body: str) -> list[str]:
    return [line for line in _spoken(body) if _is_command(line)]


def _is_command(line: str) -> bool:
    return line == WORD or line.startswith((WORD + " ", WORD + "\t"))


def _spoken(body: str) -> Iterator[str]:
    """Yield the lines that are neither quoted nor code nor hidden."""
    fence = hidden = ""
    # GitHub ends a line nowhere else: not at the other ends that Unicode knows.
    for raw in _END.split(body):
        match = _FENCE.match(raw)
        if fence:
            closes = match and match[1].startswith(fence) and not raw.strip(" `~")
            fence = "" if closes else fence
        elif hidden:
            hidden = _hidden(raw.lower().partition(hidden)[2]) if hidden in raw.lower() else hidden
        elif match:
            fence = match[1]
        elif not raw.startswith(("    ", "\t")) and not raw.lstrip().startswith(">"):
            hidden = _hidden(raw)
            yield raw.strip()


def _hidden(line: str) -> str:
    """Return the end that a hidden passage which begins in this line waits for, or ""."""
    rest = _INLINE.sub("", line)
    while match := _HIDES.search(rest):
        end = "-->" if match[1] else f"</{match[2].lower()}"
        _, found, rest = rest[match.end() :].partition(end)
        if not found:
            return end
    return ""


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
