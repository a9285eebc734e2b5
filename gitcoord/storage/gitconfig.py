"""The text of one git config file as a table of names and values.

Understands the whole syntax of one file; follows no include, since git does not for
what this is read for. Not for settings of gitcoord: those come through `git config`.
"""

from __future__ import annotations

_TRUE = frozenset(("true", "yes", "on", "1"))
_FALSE = frozenset(("false", "no", "off", "0", ""))
_ESCAPES = {"n": "\n", "t": "\t", "b": "\b", '"': '"', "\\": "\\"}


def parse(text: str) -> dict[str, str]:
    """Return {"section.key" or "section.sub.key": value}; the last of several values counts.

    Sections and keys are lower-cased, a key without "=" is "true". Raises ValueError.
    Syntax: https://git-scm.com/docs/git-config#_syntax
    """
    settings: dict[str, str] = {}
    section = ""
    lines = iter(enumerate(text.removeprefix("\ufeff").splitlines(), 1))
    for number, line in lines:
        rest = line.strip()
        if rest.startswith("["):
            section, rest = _section(rest, number)
        if not rest or rest[0] in "#;":
            continue
        key, equals, value = rest.partition("=")
        while _continued(value):
            value = value[:-1] + next(lines, (0, ""))[1]
        settings[f"{section}.{key.strip().lower()}"] = _value(value.strip()) if equals else "true"
    return settings


def boolean(text: str) -> bool:
    """Return what git takes the word for; raises ValueError for any other word."""
    word = text.lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ValueError(f"{text!r} is neither true nor false")


def _section(line: str, number: int) -> tuple[str, str]:
    quoted, escaped = False, False
    for index, char in enumerate(line):
        if escaped:
            escaped = False
        elif char == "\\" and quoted:
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif char == "]" and not quoted:
            name, _, sub = line[1:index].partition('"')
            title = name.strip().lower()
            if sub:
                title += "." + sub.rstrip().removesuffix('"').replace("\\", "")
            return title, line[index + 1 :].strip()
    raise ValueError(f"line {number}: a section without its closing bracket")


def _continued(value: str) -> bool:
    return (len(value) - len(value.rstrip("\\"))) % 2 == 1


def _value(text: str) -> str:
    plain: list[str] = []
    end = 0  # what follows is blanks outside of quotes, which do not count before a comment
    quoted = False
    chars = iter(text)
    for char in chars:
        if char in "#;" and not quoted:
            break
        if char == '"':
            quoted = not quoted
        elif char == "\\":
            plain.append(_ESCAPES.get(next(chars, ""), ""))
        else:
            plain.append(char)
        if quoted or not char.isspace():
            end = len(plain)
    return "".join(plain[:end])
