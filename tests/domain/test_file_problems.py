"""Problems of files: where they are, and what was perhaps meant."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gitcoord.domain.file_problems import Problem, at, nearest, read, refuse
from gitcoord.errors import InvalidFile


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    size: int = 0


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    inner: Inner | None = None
    items: list[Inner] = []
    plain: dict[str, Inner] = {}


def only(data: Any, place: str = "top") -> Problem:
    found: list[Problem] = []
    assert read(data, Outer, place, found) is None
    return found[0]


def test_nothing_wrong_is_no_problem() -> None:
    found: list[Problem] = []
    assert read({"inner": {"size": 1}}, Outer, "", found) == Outer(inner=Inner(size=1))
    refuse(found)
    assert found == []


@pytest.mark.parametrize(
    ("data", "place", "hint"),
    [
        ({"inner": {"sise": 1}}, "top.inner.sise", "Did you mean size?"),
        ({"items": [{}, {"sise": 1}]}, "top.items[1].sise", "Did you mean size?"),
        ({"itms": 1}, "top.itms", "Did you mean items?"),
        ({"zzz": 1}, "top.zzz", "Known: inner, items, plain."),
        # Where no struct is to be found there is nothing to choose from.
        ({"plain": {"x": {"sise": 1}}}, "top.plain.sise", "Known: none."),
    ],
)
def test_an_unknown_field_has_its_place_and_a_suggestion(data: Any, place: str, hint: str) -> None:
    problem = only(data)
    assert (problem.place, problem.hint) == (place, hint)
    assert problem.reason == "there is no such field"


def test_places_are_put_together() -> None:
    assert at("", "a") == "a"
    assert at("a", "b") == "a.b"
    assert at("a", 3) == "a[3]"
    assert only({"inner": 1}, "").place == "inner"
    assert only([], "top").place == "top"
    assert nearest("b", []) == "Known: none."


def test_a_refusal_has_all_problems_and_tells_the_first() -> None:
    found = [Problem(place=f"p{n}", reason="bad", hint="h") for n in range(6)]
    with pytest.raises(InvalidFile) as caught:
        refuse(found, more=1)
    assert caught.value.message == "p0: bad; p1: bad; p2: bad; p3: bad; p4: bad; and 1 more"
    assert caught.value.hint == "h"
    assert len(caught.value.details["problems"]) == 6
    assert caught.value.details["more"] == 1
    with pytest.raises(InvalidFile) as caught:
        refuse([Problem(place="", reason="bad")])
    assert (caught.value.message, caught.value.hint) == ("bad", None)
