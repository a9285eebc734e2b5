"""A rough reading of a text that the grammar did not understand whole.

Parts it at line ends, `;`, `&` and `|` outside of quotes and takes each part for a command.
Knows no variables and no substitutions, of braces only whole words; it is there so that a
broken text hides nothing plain.
"""

from __future__ import annotations

import re

from gitcoord.domain.guardrails.command import Command
from gitcoord.domain.guardrails.marks import brace, clean, tilde
from gitcoord.domain.guardrails.pattern import Pattern
from gitcoord.domain.guardrails.words import Word
from gitcoord.domain.guardrails.wrappers import unwrapped

_TOKEN = Pattern(
    r"(?P<brace>\{[^\s{}'\"]{0,200},[^\s{}'\"]{0,200}\})"
    r"|(?P<end>[;&|\n()}]+|\{)|(?P<blank>[ \t]+)|'(?P<single>[^']*)(?:'|$)"
    r'|"(?P<double>(?:[^"\\]|\\.)*)(?:"|$)'
    r"""|(?P<plain>(?:\\.|[^\s;&|'"(){}\\])+|\\|\s)""",
    re.DOTALL,
)
_LIMIT = 500


def rough(text: str) -> list[Command]:
    """Return what reads like commands."""
    text = clean(text)
    found: list[Command] = []
    words: list[Word] = []
    glued = False
    for match in _TOKEN.finditer(text):
        if match["end"] is not None:
            _keep(found, words)
            words, glued = [], False
            if len(found) >= _LIMIT:
                return found
        elif match["blank"] is not None:
            glued = False
        elif match["brace"] is not None and not glued:
            choices = map(tilde, brace(match["brace"]))
            words += [Word(one, match.start(), match.end()) for one in choices]
        else:
            piece = match["single"] if match["single"] is not None else match["double"]
            if piece is None:
                piece = re.sub(r"\\(.)", r"\1", match["plain"] or match["brace"] or "")
                piece = piece if glued else tilde(piece)
            if glued:
                before = words.pop()
                words.append(Word(before.text + piece, before.start, match.end()))
            else:
                words.append(Word(piece, match.start(), match.end()))
            glued = True
    _keep(found, words)
    return found


def _keep(found: list[Command], words: list[Word]) -> None:
    left = tuple(words)
    while left and re.match(r"[A-Za-z_]\w*=", left[0].text):
        left = left[1:]
    for _ in range(8):
        inner = unwrapped(left) if left else ()
        if not inner:
            break
        left = inner
    if left:
        found.append(Command(left, left[0].start, left[-1].end))
