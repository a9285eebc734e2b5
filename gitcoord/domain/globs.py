"""Text of a path pattern to tokens, alternatives and segments, and back.

A token is the canonical text of one unit: a character (after a backslash where it
needs one), `/`, `*`, `?`, a class, or the `{`, `,`, `}` of alternatives. Joining tokens
gives a text of the same meaning. Not here: which paths are fit to be keys.
"""

from __future__ import annotations

from gitcoord.domain.characters import (
    ACTIVE,
    Malformed,
    fold,
    normal,
    read,
    read_class,
    write_class,
)

#: A whole segment that stands for any number of segments.
GLOBSTAR = ("*", "*")
#: Segments that name the directory itself.
BLANK: tuple[list[str], ...] = ([], ["."])
ALTERNATIVES_LIMIT = 256
#: Tokens of all alternatives together, so that two hostile keys are compared in milliseconds.
EXPANDED_LIMIT = 16_384


def tokens(text: str, fold_case: bool = False) -> list[str]:
    """Return the tokens of a pattern; raises Malformed when its brackets do not match."""
    found: list[str] = []
    groups: list[bool] = []  # for each open brace, whether a comma was met
    at = 0
    while at < len(text):
        char = text[at]
        if char == "[":
            negated, members, at = read_class(text, at, fold_case)
            if negated or len(members) > 1 or members[0][0] != members[0][1]:
                found.append(write_class(negated, members))
            else:
                found.append(_literal(chr(members[0][0]), bool(groups)))
        elif char in "{}*?/" or (char == "," and groups):
            _nest(char, groups)
            found.append(char)
            at += 1
        else:
            char, at = read(text, at)
            found.append(_literal(fold(char) if fold_case else char, bool(groups)))
    if groups:
        raise Malformed('has a "{" without its "}"')
    return found


def canonical(text: str, fold_case: bool = False) -> list[str]:
    """Return the tokens of the text in normalisation form C, also where folding undid it."""
    found = tokens(normal(text), fold_case)
    joined = "".join(found)
    composed = normal(joined)
    return found if composed == joined else tokens(composed, fold_case)


def expand(found: list[str]) -> list[list[str]]:
    """Return the alternatives without braces, in order, each as tokens."""
    outer: list[tuple[list[list[str]], list[list[str]]]] = []
    done: list[list[str]] = []
    open_now: list[list[str]] = [[]]
    for token in found:
        if token == "{":
            outer.append((done, open_now))
            done, open_now = [], [[]]
        elif token == "," and outer:
            done, open_now = done + open_now, [[]]
        elif token == "}":
            choices = done + open_now
            done, before = outer.pop()
            if len(before) * len(choices) > ALTERNATIVES_LIMIT:
                raise Malformed(f"has over {ALTERNATIVES_LIMIT} alternatives")
            open_now = [[*start, *choice] for start in before for choice in choices]
        else:
            for alternative in open_now:
                alternative.append("," if token == "\\," else token)
    if sum(map(len, open_now)) > EXPANDED_LIMIT:
        raise Malformed(f"has alternatives of over {EXPANDED_LIMIT} characters in all")
    return [_composed(alternative) for alternative in open_now]


def split(found: list[str]) -> list[list[str]]:
    """Return what stands between the slashes; a slash inside braces does not part."""
    parts: list[list[str]] = [[]]
    depth = 0
    for token in found:
        depth += (token == "{") - (token == "}")
        if token == "/" and not depth:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def segments(found: list[str]) -> list[tuple[str, ...]]:
    """Return the segments without doubled slashes, "." and needless stars.

    A directory, that is what ends with a slash, ends with GLOBSTAR instead.
    """
    parts = split(found)
    kept = [_plain_stars(part) for part in parts if part not in BLANK]
    if parts[-1] in BLANK:
        kept.append(GLOBSTAR)
    runs = zip([(), *kept], kept, strict=False)
    return [segment for before, segment in runs if not before == segment == GLOBSTAR]


def is_literal(segment: tuple[str, ...]) -> bool:
    """Return whether the segment matches one text only."""
    return not any(token[0] in "*?[{" for token in segment)


def unescape(segment: tuple[str, ...]) -> str:
    """Return the text that a literal segment matches."""
    return "".join(token[-1] for token in segment)


def escape(path: str) -> str:
    """Return the pattern that matches this path only."""
    return "".join("\\" + char if char in ACTIVE else char for char in path)


def join(parts: list[tuple[str, ...]]) -> str:
    """Return the text of these segments."""
    return "/".join("".join(part) for part in parts)


def _literal(char: str, in_group: bool) -> str:
    return "\\" + char if char in ACTIVE or (char == "," and in_group) else char


def _nest(char: str, groups: list[bool]) -> None:
    if char == "{":
        groups.append(False)
    elif char == ",":
        groups[-1] = True
    elif char == "}" and not (groups and groups.pop()):
        raise Malformed('has braces without "," or a lone "}"; in a name they are "\\{", "\\}"')


def _composed(alternative: list[str]) -> list[str]:
    """Compose what braces had parted: a letter before them, its accent within."""
    joined = "".join(alternative)
    composed = normal(joined)
    return alternative if composed == joined else tokens(composed)


def _plain_stars(part: list[str]) -> tuple[str, ...]:
    """Make one star of a run of them, unless it is GLOBSTAR or may become it in an alternative."""
    if tuple(part) == GLOBSTAR or "{" in part:
        return tuple(part)
    runs = zip(["", *part], part, strict=False)
    return tuple(token for before, token in runs if not before == token == "*")
