"""What a glob means, told a second and a third time: by recursion and as a regular expression.

Slow and plain on purpose, and built on nothing of the package. It knows patterns of letters,
`*`, `**`, `?`, classes and braces, and not escapes.
"""

from __future__ import annotations

import itertools
from functools import cache, lru_cache

from hypothesis import strategies as st

WELL_FORMED = "[^/]+(/[^/]+)*"


def alternatives(pattern: str) -> list[str]:
    """Return the pattern without braces, once for each choice."""
    start = pattern.find("{")
    if start < 0:
        return [pattern]
    depth, at, choices, begun = 1, start + 1, [], start + 1
    while depth:
        depth += {"{": 1, "}": -1}.get(pattern[at], 0)
        if (pattern[at] == "," and depth == 1) or not depth:
            choices.append(pattern[begun:at])
            begun = at + 1
        at += 1
    return [
        alternative
        for choice in choices
        for alternative in alternatives(pattern[:start] + choice + pattern[at:])
    ]


def segments(alternative: str) -> list[str]:
    """Return the segments, a directory with `**` at its end."""
    parts = alternative.split("/")
    kept = [part for part in parts if part not in ("", ".")]
    return [*kept, "**"] if parts[-1] in ("", ".") else kept


def _path_fits(pattern: list[str], path: list[str]) -> bool:
    if not pattern or not path:
        return pattern == path
    if pattern == ["**"]:
        return True
    if pattern[0] == "**":
        return _path_fits(pattern[1:], path) or _path_fits(pattern, path[1:])
    return _name_fits(pattern[0], path[0]) and _path_fits(pattern[1:], path[1:])


@cache
def _name_fits(pattern: str, name: str) -> bool:
    if not pattern:
        return not name
    if pattern[0] == "*":
        return any(_name_fits(pattern[1:], name[cut:]) for cut in range(len(name) + 1))
    if not name:
        return False
    if pattern[0] == "[":
        inside, _, rest = pattern[1:].partition("]")
        negated = inside[0] == "!"
        return (name[0] in inside) != negated and _name_fits(rest, name[1:])
    return pattern[0] in ("?", name[0]) and _name_fits(pattern[1:], name[1:])


def regex(pattern: str) -> str:
    """Return a regular expression which, together with WELL_FORMED, is the pattern."""
    return "|".join(_branch_regex(segments(each)) for each in alternatives(pattern))


def _branch_regex(parts: list[str]) -> str:
    found = []
    for place, part in enumerate(parts):
        last = place == len(parts) - 1
        if part == "**":
            found.append(WELL_FORMED if last else "([^/]+/)*")
        else:
            text = part.replace("[!", "[^/").replace("*", "[^/]*").replace("?", "[^/]")
            found.append(text if last else text + "/")
    return "(" + "".join(found) + ")"


def weight(pattern: str) -> int:
    """Return an upper bound of what the pattern adds to the shortest path that two match."""
    return max(
        sum(max(1, len(part.replace("*", ""))) for part in parts) + len(parts) - 1
        for parts in map(segments, alternatives(pattern))
    )


@cache
def paths(letters: str, longest: int) -> list[str]:
    """Return every well-formed path of these letters up to this length."""
    found = (
        "".join(chars)
        for size in range(1, longest + 1)
        for chars in itertools.product(letters + "/", repeat=size)
    )
    return [path for path in found if "" not in path.split("/")]


@lru_cache(maxsize=256)
def matched(pattern: str, longest: int) -> frozenset[str]:
    """Return the paths of the letters a, b and c up to this length that the pattern matches."""
    found: set[str] = set()
    for branch in map(segments, alternatives(pattern)):
        found.update(path for path in paths("abc", longest) if _path_fits(branch, path.split("/")))
    return frozenset(found)


def patterns(letters: str = "ab", size: int = 7) -> st.SearchStrategy[str]:
    """Generate patterns of these letters; some are no keys, such as `{,a}`."""
    classes = [f"[{letters}]", f"[!{letters[0]}]", f"[!{letters[-1]}]"]
    slashes = ["/", "/", "**/", "/**/", "/*/", "/**"]
    atoms = [*letters, *letters, *slashes, "*", "*", "**", "?", *classes, "{", "{", ",", ",", "}"]
    found = st.lists(st.sampled_from(atoms), min_size=1, max_size=size).map(_balanced)
    return found.filter(lambda pattern: len(alternatives(pattern)) <= 8)


def _balanced(atoms: list[str]) -> str:
    """Close every brace, give every pair a comma and leave out what stands alone."""
    found: list[str] = []
    commas: list[int] = []
    for atom in [*atoms, *"}}}}}}}}"]:
        if atom in ("{", ",", "}"):
            if atom == "{":
                commas.append(0)
            elif not commas:
                continue
            elif atom == ",":
                commas[-1] += 1
            elif not commas.pop():
                found.append(",")
        found.append(atom)
    return "".join(found)
