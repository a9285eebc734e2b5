"""Overlap is exact: nothing missed, nothing invented, and no pattern makes it slow."""

from __future__ import annotations

import itertools
import random
import re
import sys
from types import FrameType
from typing import Any

import greenery
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gitcoord.domain import globs
from gitcoord.domain import overlap as subject
from gitcoord.domain.characters import spans_of
from gitcoord.domain.keys import Key, ancestors, escape, parse
from gitcoord.domain.overlap import matches, overlap
from gitcoord.errors import InvalidKey
from tests.domain import glob_oracle as oracle

WELL_FORMED = greenery.parse(oracle.WELL_FORMED).to_fsm()


def key(pattern: str, *, fold_case: bool = False) -> Key:
    """Parse what was generated, and let Hypothesis try again when it is no key."""
    try:
        return parse(pattern, fold_case=fold_case)
    except InvalidKey:
        assume(False)
        raise


def is_key(pattern: str) -> bool:
    try:
        parse(pattern)
    except InvalidKey:
        return False
    return True


@pytest.mark.parametrize(
    "one, other",
    [
        ("src/a.py", "src/a.py"),
        ("src/a.py", "src/"),
        ("src/a.py", "src/**"),
        ("src/a.py", "**"),
        ("src/a.py", "**/a.py"),
        ("a.py", "**/a.py"),
        ("a.py", "*"),
        ("src/**", "src/auth/**"),
        ("src/**/*.py", "src/auth/**"),
        ("src/**/*.py", "**/test_*"),
        ("src/*", "src/{a,b}.py"),
        ("src/*/x", "src/**/x"),
        ("src/**/x", "src/x"),
        ("*/x", "src/?"),
        ("a*c", "ab*"),
        ("*a*", "b*b"),
        ("[a-c]x", "[c-e]?"),
        ("[!a]", "[!b]"),
        ("{a/b,c}/d", "a/*/d"),
        ("a{/**,b}", "a/x/y"),
        ("a/**/b/**/c", "a/b/c"),
        ("**/**", "**"),
        ("a/{,b/}c", "a/c"),
        ("**/*.{ts,tsx}", "web/**/index.*"),
        ("x\\*y", "x*y"),
        ("x\\*y", "x[*]y"),
        (".github/*", "*/ci"),
        ("docs/é.md", "docs/[à-ü].md"),
        ("file:a:b", "file:?:?"),
        ("api:GET /users", "api:GET /users"),
    ],
)
def test_these_keys_overlap(one: str, other: str) -> None:
    assert overlap(parse(one), parse(other))
    assert overlap(parse(other), parse(one))


@pytest.mark.parametrize(
    "one, other",
    [
        ("src/a.py", "src/b.py"),
        ("src/a.py", "src/a.pyc"),
        ("src", "src/"),
        ("src", "src/**"),
        ("src/", "lib/"),
        ("src/", "src2/"),
        ("src/*", "src/a/b"),
        ("src/*", "src/*/*"),
        ("*", "src/"),
        ("src/?", "src/ab"),
        ("*.py", "*.md"),
        ("*.py", "src/*.py"),
        ("a*", "b*"),
        ("*a", "*b"),
        ("[a-c]", "[d-f]"),
        ("[!a]", "a"),
        ("**/x", "**/y"),
        ("a/**/b", "a/**/c"),
        ("a/**", "a"),
        ("x\\*y", "xzy"),
        ("{a,b}/c", "{c,d}/c"),
        ("a?", "a"),
        ("[+-9]", "?/?"),
        ("**/a", "b/*b"),
        ("**/a", "b*a"),
        ("**/ab", "*/b"),
        ("a/**/b*", "a/c*b"),
        ("api:GET /users", "api:GET /*"),
        ("api:users", "db:users"),
        ("api:users", "users"),
        ("api:a*", "api:ab"),
    ],
)
def test_these_keys_do_not_overlap(one: str, other: str) -> None:
    assert not overlap(parse(one), parse(other))
    assert not overlap(parse(other), parse(one))


@settings(max_examples=100, deadline=None)
@given(st.lists(oracle.patterns(), min_size=2, max_size=8))
def test_overlap_says_what_trying_every_path_says(drawn: list[str]) -> None:
    for one, other in itertools.product(filter(is_key, drawn), repeat=2):
        longest = oracle.weight(one) + oracle.weight(other)
        both = oracle.matched(one, 5) & oracle.matched(other, 5)
        if both or longest <= 5:
            assert overlap(parse(one), parse(other)) == bool(both), (one, other, sorted(both)[:1])


@settings(max_examples=60, deadline=None)
@given(oracle.patterns(size=5), oracle.patterns(size=5))
def test_overlap_says_what_the_intersection_of_regular_expressions_says(
    one: str, other: str
) -> None:
    a, b = key(one), key(other)
    machines = [greenery.parse(oracle.regex(each)).to_fsm() for each in (one, other)]
    common = machines[0] & machines[1] & WELL_FORMED
    assert overlap(a, b) == (not common.empty())


@settings(max_examples=100, deadline=None)
@given(oracle.patterns())
def test_a_key_matches_the_paths_that_its_pattern_means(pattern: str) -> None:
    parsed = key(pattern)
    found = {path for path in oracle.paths("abc", 5) if matches(parsed, path)}
    assert found == oracle.matched(pattern, 5)


@settings(max_examples=100, deadline=None)
@given(oracle.patterns("aB"))
def test_with_case_folding_a_key_matches_every_case_of_its_paths(pattern: str) -> None:
    parsed = key(pattern, fold_case=True)
    expected = re.compile(oracle.regex(pattern), re.IGNORECASE)
    for path in oracle.paths("aAbB", 4):
        assert matches(parsed, path, fold_case=True) == bool(expected.fullmatch(path)), path


@settings(max_examples=150, deadline=None)
@given(oracle.patterns("aB"), oracle.patterns("Ab"))
def test_with_case_folding_two_keys_overlap_if_some_case_of_a_path_matches_each(
    one: str, other: str
) -> None:
    a, b = key(one, fold_case=True), key(other, fold_case=True)
    lower, upper = key(one.lower()), key(other.lower())
    assert overlap(a, b) == overlap(lower, upper)


@settings(max_examples=150, deadline=None)
@given(oracle.patterns(), oracle.patterns())
def test_of_two_overlapping_keys_one_literal_begins_the_other(one: str, other: str) -> None:
    a, b = key(one), key(other)
    assert all(each.is_literal or each.literal[-1:] in ("", "/") for each in (a, b))
    short, long = sorted((a, b), key=lambda each: len(each.literal))
    if overlap(a, b):
        assert a.namespace == b.namespace
        assert long.literal.startswith(short.literal)
        assert short.literal in ancestors(long)


@settings(max_examples=200, deadline=None)
@given(oracle.patterns(), st.sampled_from(oracle.paths("ab", 4)))
def test_a_path_that_matches_a_key_overlaps_it(pattern: str, path: str) -> None:
    parsed = key(pattern)
    assert overlap(parsed, parse(escape(path))) == matches(parsed, path)


@pytest.mark.parametrize("path", ["", "src/", "src"])
def test_a_directory_key_matches_no_directory(path: str) -> None:
    assert not matches(parse("src/"), path)
    assert not matches(parse("src/*"), path)
    assert matches(parse("src/"), "src/x")


def test_a_logical_key_matches_no_path() -> None:
    assert not matches(parse("api:users"), "users")


def test_a_literal_key_matches_its_path_in_either_normalisation_form() -> None:
    assert matches(parse("docs/\u00e9.md"), "docs/e\u0301.md")
    assert matches(parse("docs/e\u0301.md"), "docs/\u00e9.md")
    assert not matches(parse("docs/\u00e9.md"), "docs/e.md")


def test_an_accent_within_braces_joins_the_letter_before_them() -> None:
    assert matches(parse("e{\u0301,x}"), "\u00e9")
    assert matches(parse("e{\u0301,x}"), "ex")


@pytest.mark.parametrize(
    "pattern, path",
    [
        ("README.MD", "readme.md"),
        ("[A-Z]x", "qX"),
        ("[Z-\\^]", "z"),
        ("[à-ü].c", "É.c"),
        ("[À-Þ].c", "é.c"),
        ("stra?e", "STRAẞE"),
        ("ᾳ", "ᾼ"),
        ("J\u030c", "\u01f0"),
    ],
)
def test_case_folding_reaches_beyond_ascii(pattern: str, path: str) -> None:
    assert matches(parse(pattern, fold_case=True), path, fold_case=True)
    assert not matches(parse(pattern), path)


@pytest.mark.parametrize("pattern", ["[!A-Z]", "[!a-z]"])
def test_with_case_folding_a_negated_class_leaves_out_both_cases(pattern: str) -> None:
    parsed = parse(pattern, fold_case=True)
    assert [char for char in "aAzZ0é" if matches(parsed, char, fold_case=True)] == ["0", "é"]


def lines_run(work: Any) -> int:
    """Return how many lines of the domain run: a measure of work without a clock."""
    count = 0
    folder = subject.__file__.rpartition("overlap")[0]

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal count
        if not frame.f_code.co_filename.startswith(folder):
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def nested(depth: int) -> str:
    return "".join(f"{{{'ab'[level % 2]}*," for level in range(depth)) + "*" + "}" * depth


HOSTILE = [
    "*a*a*a*a*a*b",
    "*a" * 255 + "*b",
    "*a" * 255 + "*c",
    "*?" * 255,
    "?*" * 250 + "x",
    "**/a/" * 102 + "b",
    "**/a/" * 102 + "c",
    "**/*/" * 102 + "*",
    "*/" * 255 + "a",
    "a" * 512,
    "a/" * 255 + "a",
    nested(30),
    "x" + nested(100) + "/**/y",
    "{*a,*b}" * 8 + "*z",
    "{a,b*}{a,*b}{a,**/b}{a,b/**/}" + "*a" * 20 + "{a,b}{a,b}{a,b}{a,b}",
    "".join(f"[!{chr(0x4E00 + i)}]*" for i in range(85)),
    "".join(f"[{chr(0x4E00 + i)}-{chr(0x5E00 + i)}]" for i in range(85)),
    "{" + ",".join("*a" for _ in range(170)) + "}",
]


def size(pattern: str) -> int:
    return len(pattern) + sum(map(len, globs.expand(globs.tokens(pattern))))


@pytest.mark.parametrize("one", HOSTILE)
def test_no_pattern_makes_the_comparison_long(one: str) -> None:
    for other in HOSTILE:
        a, b = parse(one), parse(other)
        subject._compile.cache_clear()
        spans_of.cache_clear()
        # Linear, but that each character is looked up in each class of the other.
        classes = one.count("[") * len(other) + other.count("[") * len(one)
        bound = 40 * (size(one) + size(other)) + 15 * classes + 300
        assert lines_run(lambda a=a, b=b: overlap(a, b)) < bound


@pytest.mark.parametrize("text", HOSTILE)
def test_no_pattern_makes_parsing_long(text: str) -> None:
    assert lines_run(lambda: parse(text, prefixes=["not-met-before"])) < 60 * size(text) + 600


def test_hostile_stars_are_still_compared_exactly() -> None:
    assert not overlap(parse("*a" * 200 + "*b"), parse("*a" * 200 + "*c"))
    assert overlap(parse("*a" * 200 + "*b"), parse("*a" * 200 + "*?"))
    assert not overlap(parse("*a" * 200 + "*b"), parse("a" * 500))
    assert overlap(parse("*a" * 200 + "*b"), parse("a" * 500 + "b"))


def test_overlap_is_symmetric_for_random_bytes_of_syntax() -> None:
    dice = random.Random(7)
    found: list[Key] = []
    while len(found) < 60:
        text = "".join(dice.choice("ab/*?[]{},!-") for _ in range(dice.randint(1, 9)))
        try:
            found.append(parse(text))
        except InvalidKey:
            continue
    for a in found:
        assert overlap(a, a)
        for b in found:
            assert overlap(a, b) == overlap(b, a)
