"""Feasibility: exact, the same from both sides, never better for a claim more that meets."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from gitcoord.domain.crossings import near_pairs
from gitcoord.domain.feasibility import Claims, claims_of, rated, related, relations, worst
from gitcoord.domain.key_index import wanted
from gitcoord.domain.overlap import matches
from gitcoord.domain.settings import Settings
from gitcoord.errors import InvalidKey

AGREED = Settings()
#: Every path of this world, and keys that tell them apart in every way that there is.
NAMES = ("a", "b", "ab")
PATHS = ["/".join(parts) for n in (1, 2, 3) for parts in itertools.product(NAMES, repeat=n)]
KEYS = ("a", "b", "a/**", "a/b", "a/*", "*/b", "**/b", "{a,b}/a", "?", "**", "ab/", "a/b/*")
LOGICAL = ("api:GET /x", "api:GET /y", "db:schema:users", "db:migration-slot")
ORDER = ("FULL", "PARTIAL", "SEQUENTIAL")

texts = st.sampled_from((*KEYS, *LOGICAL))
slots = st.lists(st.sampled_from(KEYS), max_size=1)
claims = st.lists(texts, max_size=5)


def made(name: str, keys: list[str], own: list[str] | None = None, agreed: Settings = AGREED):
    return claims_of(agreed, name, keys, own or [])


def rank(one: Claims, other: Claims, agreed: Settings = AGREED) -> int:
    return ORDER.index(related(agreed, one, other).feasibility)


def meet(one: str, other: str) -> bool:
    """Say whether some path matches both: looked for among all that there are."""
    first, second = wanted(AGREED, one), wanted(AGREED, other)
    if "file" not in (first.namespace, second.namespace):
        return first.text == second.text
    return any(matches(first, path) and matches(second, path) for path in PATHS)


def expected(one: Claims, other: Claims, agreed: Settings = AGREED) -> tuple[object, ...]:
    """Return feasibility and overlapping keys, by comparing every two keys and every path."""
    mine = {x for x in one.keys if any(meet(x, y) for y in other.keys)}
    theirs = {y for y in other.keys if any(meet(x, y) for x in one.keys)}
    wants = {
        x
        for x, y in itertools.product(one.keys, other.keys)
        if meet(x, y) and (x in one.slots or y in other.slots)
    }
    common = any(
        any(meet(slot, x) for x in one.keys) and any(meet(slot, y) for y in other.keys)
        for slot in agreed.exclusive_slots
    )
    shares = [len(mine) / max(len(one.keys), 1), len(theirs) / max(len(other.keys), 1)]
    if wants or common or max(shares) > agreed.sequential_share:
        return "SEQUENTIAL", mine, theirs
    return "PARTIAL" if mine else "FULL", mine, theirs


@examples(max_examples=300, deadline=None)
@given(claims, slots, claims, slots, st.sampled_from((0.0, 0.25, 0.5, 1.0)))
def test_it_is_what_comparing_every_path_finds(a, own_a, b, own_b, share) -> None:
    agreed = Settings(sequential_share=share, exclusive_slots=("db:migration-slot", "a/b"))
    one, other = made("one", a, own_a, agreed), made("other", b, own_b, agreed)
    found = related(agreed, one, other)
    got = (found.feasibility, set(found.overlapping_keys), set(found.their_keys))
    assert got == expected(one, other, agreed)


@examples(max_examples=200, deadline=None)
@given(claims, slots, claims, slots)
def test_it_is_symmetric(a, own_a, b, own_b) -> None:
    one, other = made("one", a, own_a), made("other", b, own_b)
    here, there = related(AGREED, one, other), related(AGREED, other, one)
    assert here.feasibility == there.feasibility
    assert (here.overlapping_keys, here.their_keys) == (there.their_keys, there.overlapping_keys)
    assert here.slots == there.slots


@examples(max_examples=300, deadline=None)
@given(claims, claims, texts)
def test_it_is_monotone_a_claim_more_that_overlaps_never_makes_it_better(a, b, more) -> None:
    one, other, larger = made("one", a), made("other", b), made("one", [*a, more])
    if any(meet(more, key) for key in other.keys):
        assert rank(larger, other) >= max(1, rank(one, other))
    # One that does not overlap may thin it out, but never away.
    assert rank(larger, other) >= min(1, rank(one, other))


@examples(max_examples=200, deadline=None)
@given(claims, claims, slots, st.floats(0, 1), st.floats(0, 1))
def test_it_is_monotone_in_slots_and_in_the_share(a, b, own, low, high) -> None:
    low, high = sorted((low, high))
    one, other = made("one", [*a, *own]), made("other", b)
    assert rank(made("one", a, own), other) >= rank(one, other)
    strict, loose = Settings(sequential_share=low), Settings(sequential_share=high)
    assert rank(one, other, strict) >= rank(one, other, loose)


@examples(max_examples=100, deadline=None)
@given(st.lists(claims, min_size=1, max_size=5))
def test_many_at_once_are_what_each_two_are(every) -> None:
    made_up = [made(f"f{number}", keys) for number, keys in enumerate(every)]
    found = relations(AGREED, made_up)
    for one, other in itertools.combinations(made_up, 2):
        pair = found.get((one.name, other.name))
        assert (pair or related(AGREED, one, other)) == related(AGREED, one, other)
        assert (pair is None) == (related(AGREED, one, other).feasibility == "FULL")


@examples(max_examples=200, deadline=None)
@given(st.lists(texts, max_size=12))
def test_near_pairs_leave_out_no_overlap_and_come_once(keys) -> None:
    marks = [(wanted(AGREED, text), number) for number, text in enumerate(keys)]
    found = [tuple(sorted((one[1], other[1]))) for one, other in near_pairs(marks)]
    assert len(found) == len(set(found))
    for one, other in itertools.combinations(range(len(keys)), 2):
        if meet(keys[one], keys[other]):
            assert (one, other) in found


def test_a65_feasibility_by_the_share_of_claims() -> None:
    others = made("other", ["x/a", "x/b", "x/c", "y/1", "y/2", "y/3"])
    assert related(AGREED, made("one", ["q/**"]), others).feasibility == "FULL"
    assert related(AGREED, made("one", []), others).feasibility == "FULL"
    half = made("one", ["x/a", "q/1"])
    assert related(AGREED, half, others).feasibility == "PARTIAL"
    more = made("one", ["x/a", "x/b", "q/1"])
    assert related(AGREED, more, others).feasibility == "SEQUENTIAL"
    # Doubles do not thin it out, however they are written.
    assert len(made("one", ["x/a", "./x/a", "x//a"]).keys) == 1
    # A small feature that lies within a large one waits, whoever asks.
    small = made("one", ["x/a"])
    assert related(AGREED, small, others).feasibility == "SEQUENTIAL"
    assert related(AGREED, others, small).feasibility == "SEQUENTIAL"


def test_a65_a_slot_is_for_one_feature_at_a_time() -> None:
    filler = [f"q/{n}" for n in range(9)]
    one, other = made("one", ["db:migration-slot", *filler]), made("other", ["db:migration-slot"])
    found = related(AGREED, one, made("other", [*other.keys, *(f"r/{n}" for n in range(9))]))
    assert (found.feasibility, found.slots) == ("SEQUENTIAL", ("db:migration-slot",))
    # Two files of a folder that is a slot are not the same file, and still one after the other.
    agreed = Settings(exclusive_slots=("migrations/",))
    first, second = made("one", ["migrations/1.sql", *filler]), made("other", ["migrations/2.sql"])
    found = related(agreed, first, second)
    assert (found.feasibility, found.slots) == ("SEQUENTIAL", ("migrations/**",))
    assert found.overlapping_keys == found.their_keys == ()
    # A feature may have slots of its own.
    mine = made("one", filler, ["src/core/**"])
    theirs = made("other", ["src/core/x", *(f"r/{n}" for n in range(9))])
    found = related(AGREED, mine, theirs)
    assert (found.feasibility, found.slots) == ("SEQUENTIAL", ("src/core/**",))
    assert related(AGREED, theirs, mine).slots == ("src/core/**",)


def test_what_is_never_locked_or_only_shared_is_nobodys_conflict() -> None:
    agreed = Settings(ignore=("*.lock",), shared=("docs/**",))
    one = made("one", ["uv.lock", "docs/a.md", "src/a"], agreed=agreed)
    assert one.keys == ("src/a",)
    other = made("other", ["uv.lock", "docs/a.md"], agreed=agreed)
    assert related(agreed, one, other).feasibility == "FULL"
    with pytest.raises(InvalidKey):
        made("one", ["../x"])


def test_the_worst_of_nothing_is_full() -> None:
    assert worst([]) == "FULL"
    assert worst(["PARTIAL", "SEQUENTIAL", "FULL"]) == "SEQUENTIAL"
    assert (rated(0, 0, 0.5), rated(1, 2, 0.5), rated(2, 3, 0.5)) == ORDER
