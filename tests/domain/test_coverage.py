"""Which of many paths a key covers: the same as asking about each of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.domain.coverage import Coverage
from gitcoord.domain.keys import Key, parse
from gitcoord.domain.overlap import matches, overlap
from gitcoord.errors import InvalidKey
from tests.domain import glob_oracle as oracle

PATHS = oracle.paths("ab", 4)


def key_of(pattern: str, **options: bool) -> Key | None:
    try:
        return parse(pattern, **options)
    except InvalidKey:
        return None


@given(oracle.patterns())
def test_it_finds_exactly_the_paths_that_match(pattern: str) -> None:
    key = key_of(pattern)
    if key is not None:
        found = Coverage(PATHS)
        assert sorted(found.of(key)) == sorted(path for path in PATHS if matches(key, path))
        assert found.touches(key) == bool(found.of(key))


@given(oracle.patterns("aB"))
def test_it_folds_case_as_the_key_does(pattern: str) -> None:
    key = key_of(pattern, fold_case=True)
    if key is not None:
        paths = oracle.paths("aAbB", 3)
        wanted = {path for path in paths if matches(key, path, fold_case=True)}
        assert set(Coverage(paths, fold_case=True).of(key)) == wanted


@given(oracle.patterns(), st.sampled_from(["a/", "a/b/", "b/a/"]))
def test_a_folder_is_covered_where_anything_below_it_is(pattern: str, folder: str) -> None:
    key = key_of(pattern)
    if key is not None:
        assert bool(Coverage([folder]).of(key)) == overlap(parse(folder), key)
        assert Coverage([folder]).touches(key) == overlap(parse(folder), key)


@pytest.mark.parametrize(
    "path",
    ["src/caf\udce9.py", "src/line\nfeed.py", "src/" + "x" * 600, "src/\U0010ffffx", "src/ü"],
)
def test_a_path_that_no_key_could_name_is_covered_by_a_pattern(path: str) -> None:
    found = Coverage([path, "docs/x", "srd/x"])
    assert found.of(parse("src/**")) == [path]
    assert found.of(parse("**/*")) != []
    assert found.of(parse("docs/**")) == ["docs/x"]


def test_decomposed_names_are_the_composed_ones() -> None:
    decomposed = "src/u\u0308.py"
    assert Coverage([decomposed]).of(parse("src/ü.py")) == [decomposed]


def test_logical_keys_and_other_folders_cover_nothing() -> None:
    found = Coverage(["schema", "db/schema", "db/"])
    assert found.of(parse("db:schema")) == []
    assert not found.touches(parse("db:schema"))
    assert Coverage([]).of(parse("**")) == []
    assert Coverage(["line\nfeed/"]).of(parse("**")) == []


def test_a_path_comes_once_however_often_it_is_given() -> None:
    assert Coverage(["a", "a", "a/"]).of(parse("a")) == ["a"]
