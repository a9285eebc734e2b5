"""Folding maps one character to one, and folded classes answer as if only folded text existed."""

from __future__ import annotations

import sys
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from gitcoord.domain.characters import (
    ESCAPABLE,
    Spans,
    fold,
    meets,
    normal,
    read_class,
    spans_of,
    write_class,
)

#: All that have case, and all that compose.
NOT_SURROGATES = [*range(0xD800), *range(0xE000, 0x30000)]
#: Neighbours with and without case, alternating pairs, and letters that fold to far away.
LETTERS = "-!+/09@AaZz[\\]^`{é\u00c9\u00df\u0100\u0101\u0102\u0103\u017f\u1e9e\u24b6"


def written(low: str, high: str, others: str) -> str:
    chars = ["\\" + char if char in ESCAPABLE else char for char in (low, high, *others)]
    return f"[{chars[0]}-{chars[1]}{''.join(chars[2:])}]"


letters = st.sampled_from(LETTERS.replace("/", ""))
classes = st.tuples(letters, letters, st.lists(letters, max_size=3)).map(
    lambda drawn: written(min(drawn[:2]), max(drawn[:2]), "".join(drawn[2]))
)


def points(spans: Spans) -> set[int]:
    return {point for low, high in spans for point in range(low, high + 1)}


def folded(found: set[int]) -> set[int]:
    return {point for point in found if ord(fold(chr(point))) == point}


def test_folding_gives_one_character_and_folding_again_changes_nothing() -> None:
    for point in NOT_SURROGATES:
        once = fold(chr(point))
        assert len(once) == 1
        assert fold(once) == once


def test_composing_folded_text_gives_folded_characters() -> None:
    for point in NOT_SURROGATES:
        char = chr(point)
        parts = unicodedata.normalize("NFD", char)
        if normal(parts) == char and all(fold(part) == part for part in parts):
            assert fold(char) == char


def test_no_character_of_the_syntax_composes_or_comes_from_composing() -> None:
    syntax = "*?[]{},\\!^-/:."
    for point in NOT_SURROGATES[0x80:]:
        assert not set(normal(chr(point))) & set(syntax)
        if unicodedata.combining(chr(point)):
            assert normal(f"x{syntax}{chr(point)}").startswith("x" + syntax)


@settings(deadline=None, max_examples=60)
@given(classes)
def test_a_folded_class_has_what_its_members_fold_to(text: str) -> None:
    _, members, _ = read_class(text, 0)
    _, found, _ = read_class(text, 0, True)
    assert folded(points(found)) == {ord(fold(chr(point))) for point in points(members)}


@settings(deadline=None, max_examples=60)
@given(classes, classes)
def test_folded_classes_meet_only_in_folded_characters(one: str, other: str) -> None:
    (_, a, _), (_, b, _) = read_class(one, 0, True), read_class(other, 0, True)
    assert meets(a, b) == bool(folded(points(a) & points(b)))
    negated = spans_of(write_class(True, b))
    assert meets(a, negated) == bool(folded(points(a) - points(b)))


@settings(deadline=None)
@given(classes, st.booleans(), st.booleans())
def test_a_written_class_reads_as_itself(text: str, negated: bool, fold_case: bool) -> None:
    _, members, end = read_class(text, 0, fold_case)
    assert end == len(text)
    again = write_class(negated, members)
    assert read_class(again, 0, fold_case) == (negated, members, len(again))
    assert all(low <= high for low, high in members)
    assert not meets(members, ((ord("/"), ord("/")),))


@settings(deadline=None)
@given(classes)
def test_a_negated_class_has_every_other_character_but_the_slash(text: str) -> None:
    _, members, _ = read_class(text, 0)
    outside = spans_of("[!" + text[1:])
    assert spans_of(text) == members
    assert not meets(members, outside)
    assert sum(high - low + 1 for low, high in (*members, *outside)) == sys.maxunicode
