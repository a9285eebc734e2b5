"""One word of a shell while it is put together: what is quoted, and what is not known.

A quoted character that the shell would act upon is replaced by a mark of its own, so
that braces and blanks are told from their quoted likes in one plain string. Marks are
private-use characters; `clean` keeps those of the input out.
"""

from __future__ import annotations

import itertools

from gitcoord.domain.guardrails.pattern import Pattern

#: Characters on which a shell acts when they are not quoted.
_ACTIVE = " \t\n{},.~"
_BASE = 0xE000
_QUOTE = {ord(char): _BASE + ord(char) for char in _ACTIVE}
#: After an expansion blanks still count, braces and tildes do not.
_EXPANDED = {ord(char): _BASE + ord(char) for char in "{},~"}

#: Text that is not known; it may be empty.
UNKNOWN = "\uf8ff"
#: Text that is not known, but not empty either (`${x:?}`).
NONEMPTY = "\uf8fe"
#: The home directory of whoever runs the command.
HOME = "\uf8fd"
#: Text from the network, from a secret file, and out of a decoder: not known either.
REMOTE = "\uf8fc"
SECRET = "\uf8fb"
DECODED = "\uf8fa"

_OPAQUE = Pattern(f"[{DECODED}{SECRET}{REMOTE}{NONEMPTY}{UNKNOWN}]")
_PRIVATE = Pattern("[\ue000-\uf8ff]")
_PLAIN = {code: char for char, code in _QUOTE.items()}
_BLANKS = Pattern(r"[ \t\n]+")
_SEQUENCE = Pattern(r"(-?\d{1,6}|[A-Za-z])\.\.(-?\d{1,6}|[A-Za-z])(?:\.\.-?\d{1,3})?")
_BRACES = Pattern(r"[{},]")
#: Most words that braces may become, and most characters that are looked at for it.
BRACE_LIMIT = 256
BRACE_TEXT = 200_000


def clean(text: str) -> str:
    """Return the text without characters that would be taken for marks; as long as it was."""
    return text if text.isascii() else _PRIVATE.sub("\ufffd", text)


def opaque(text: str) -> bool:
    """Say whether some of the text is not known."""
    return not text.isascii() and _OPAQUE.search(text) is not None


def shown(text: str) -> str:
    """Return the text for people: what is not known as an ellipsis."""
    return text if text.isascii() else _OPAQUE.sub("\u2026", text).replace(HOME, "~")


def quoted(text: str) -> str:
    """Return the text as quotes protect it."""
    return text.translate(_QUOTE)


def expanded(text: str) -> str:
    """Return the text as it stands after an expansion without quotes."""
    return text.translate(_EXPANDED)


def plain(marked: str) -> str:
    """Return the text that a program gets; what is not known stays as its mark."""
    if marked.isascii():
        return marked
    literal = marked[:1] == chr(_BASE + ord("~"))
    text = marked.translate(_PLAIN)
    return f"./{text}" if literal else text


def fields(marked: str, quotes: bool) -> list[str]:
    """Return the words into which blanks part it; `quotes`: an empty word counts as one."""
    if " " not in marked and "\n" not in marked and "\t" not in marked:
        return [marked] if marked or quotes else []
    found = [part for part in _BLANKS.split(marked) if part]
    return found or ([""] if quotes else [])


def tilde(marked: str) -> str:
    """Return the word with a tilde at its beginning replaced by the home directory."""
    if marked == "~" or marked.startswith("~/"):
        return HOME + marked[1:]
    return marked


def brace(marked: str) -> list[str]:
    """Return the words that `{a,b}` and `{1..3}` stand for.

    At most `BRACE_LIMIT`, and `BRACE_TEXT` characters; what is left over is one unknown word.
    """
    if "{" not in marked:
        return [marked]
    done: list[str] = []
    todo = [marked]
    spent = 0
    while todo:
        text = todo.pop()
        spent += len(text)
        found = _group(text)
        if found is None:
            done.append(text)
        elif spent > BRACE_TEXT or len(done) + len(todo) >= BRACE_LIMIT:
            return [*done, UNKNOWN]
        else:
            before, choices, after = found
            if len(choices) > BRACE_LIMIT:
                choices = [*choices[:BRACE_LIMIT], UNKNOWN]
            todo += [before + choice + after for choice in reversed(choices)]
    return done


def _group(text: str) -> tuple[str, list[str], str] | None:
    """Return what stands before, in and after the first group that is one."""
    opened: list[list[int]] = []
    first: list[int] = []
    for match in _BRACES.finditer(text):
        char, at = match[0], match.start()
        if char == "{":
            opened.append([at])
        elif not opened:
            continue
        elif char == ",":
            opened[-1].append(at)
        else:
            edges = [*opened.pop(), at]
            if (not first or edges[0] < first[0]) and _chooses(text, edges):
                first = edges
            if first and not opened:
                break
    if not first:
        return None
    start, end = first[0], first[-1]
    choices = [text[a + 1 : b] for a, b in itertools.pairwise(first)]
    if len(first) == 2 and (range_ := _SEQUENCE.fullmatch(choices[0])) is not None:
        choices = _sequence(range_[1], range_[2])
    return text[:start], choices, text[end + 1 :]


def _chooses(text: str, edges: list[int]) -> bool:
    """Say whether a group offers something: parts between commas, or a sequence."""
    if len(edges) > 2:
        return True
    start, end = edges
    return end - start < 24 and _SEQUENCE.fullmatch(text[start + 1 : end]) is not None


def _sequence(first: str, last: str) -> list[str]:
    numbers = first.lstrip("-").isdigit() and last.lstrip("-").isdigit()
    if not numbers and (len(first) != 1 or len(last) != 1):
        return [first, last]
    a, b = (int(first), int(last)) if numbers else (ord(first), ord(last))
    step = 1 if a <= b else -1
    values = range(a, b + step, step)[: BRACE_LIMIT + 1]
    return [str(n) if numbers else chr(n) for n in values]
