"""Edits of other people's JSON: one place changes, every other byte stays."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.clients import jsontext
from tests.clients.settings import KEYS, LAYOUTS, VALUES, texts

TEXTS = texts(st.dictionaries(KEYS, VALUES, max_size=4))


@given(TEXTS)
def test_it_reads_what_the_library_reads(text: str) -> None:
    assert jsontext.same(jsontext.parse(text).value, json.loads(text.removeprefix("\ufeff")))


@given(TEXTS, VALUES)
def test_a_new_member_is_the_only_change(text: str, value: Any) -> None:
    before = jsontext.parse(text).value
    if "ours" in before:
        return
    after = jsontext.put(text, ["ours", "deep"], value)
    found = jsontext.parse(after).value
    assert jsontext.same(found, before | {"ours": {"deep": value}})
    assert list(found)[:-1] == list(before)
    assert jsontext.put(after, ["ours", "deep"], value) == after


@given(TEXTS, VALUES)
def test_taking_out_a_new_member_gives_back_every_byte_but_blanks_inside_empty_braces(
    text: str, value: Any
) -> None:
    if "ours" in jsontext.parse(text).value:
        return
    back = jsontext.drop(jsontext.put(text, ["ours", "deep"], value), ["ours", "deep"])
    assert back == text


@given(TEXTS, st.data())
def test_dropping_any_member_leaves_the_others(text: str, data: st.DataObject) -> None:
    before = dict(jsontext.parse(text).value)
    if not before:
        return
    name = data.draw(st.sampled_from(sorted(before)))
    after = jsontext.parse(jsontext.drop(text, [name])).value
    del before[name]
    assert jsontext.same(after, before)
    assert list(after) == list(before)


@given(st.lists(VALUES, max_size=4), LAYOUTS, VALUES, st.data())
def test_items_come_and_go_alone(
    items: list[Any], layout: Any, value: Any, data: st.DataObject
) -> None:
    text = json.dumps({"a": items, "z": 1}, indent=layout)
    after = jsontext.append(text, ["a"], value)
    assert jsontext.same(jsontext.parse(after).value, {"a": [*items, value], "z": 1})
    place = data.draw(st.integers(0, len(items)))
    left = jsontext.parse(jsontext.drop(after, ["a", place])).value
    rest = [*items, value]
    del rest[place]
    assert jsontext.same(left, {"a": rest, "z": 1} if rest else {"z": 1})


COMMENTED = """// first
{
  "a": 1, // about a
  /* about b */ "b": {"c": [1, /* two */ 2]} // behind b
  // last
}
// after
"""


def test_comments_are_read_over_where_they_are_allowed_and_kept() -> None:
    with pytest.raises(ValueError, match="line 1 is no JSON"):
        jsontext.parse(COMMENTED)
    after = jsontext.put(COMMENTED, ["ours"], {"x": 1}, comments=True)
    assert after == COMMENTED.replace(
        "2]} // behind b\n", '2]}, // behind b\n  "ours": {\n    "x": 1\n  }\n'
    )
    assert jsontext.drop(after, ["ours"], comments=True).split() == COMMENTED.split()


@pytest.mark.parametrize("path", [["a"], ["b"], ["b", "c", 0], ["b", "c", 1], ["b", "c"]])
def test_what_is_dropped_between_comments_leaves_them_and_valid_json(path: list[Any]) -> None:
    wanted: Any = {"a": 1, "b": {"c": [1, 2]}}
    for comment in ("first", "about a", "behind b", "last", "after"):
        assert f" {comment}\n" in jsontext.drop(COMMENTED, path, comments=True)
    found = jsontext.parse(jsontext.drop(COMMENTED, path, comments=True), comments=True).value
    if path == ["b", "c"]:
        wanted = {"a": 1}
    else:
        inside = wanted
        for step in path[:-1]:
            inside = inside[step]
        del inside[path[-1]]
    assert found == wanted


def test_the_indentation_in_use_is_gone_on_with() -> None:
    assert jsontext.put('{\n\t"a": 1\n}', ["b"], [2]) == '{\n\t"a": 1,\n\t"b": [\n\t\t2\n\t]\n}'
    assert jsontext.put('{"a": 1}\n', ["b"], {"c": 2}) == '{"a": 1, "b": {"c": 2}}\n'
    assert jsontext.put("{}\r\n", ["a"], {"b": 1}) == '{\r\n  "a": {\r\n    "b": 1\r\n  }\r\n}\r\n'
    assert jsontext.put(" \n", ["a"], 1) == '{\n  "a": 1\n}\n'


def test_a_name_that_stands_twice_means_the_last_one_and_goes_twice() -> None:
    text = '{"a": 1, "b": 2, "a": 3}'
    assert jsontext.put(text, ["a"], 4) == '{"a": 1, "b": 2, "a": 4}'
    assert jsontext.drop(text, ["a"]) == '{"b": 2}'


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{", 1),
        ('{"a": 1,}', 1),
        ('{\n"a": 1\n"b": 2}', 3),
        ("[1, 2,\n]", 1),
        ("{} {}", 1),
        ('{"a" 1}', 1),
        ("{a: 1}", 1),
        ('{"a": NaN}', 1),
        ('{"a": "\n"}', 1),
        ("[" * 200 + "]" * 200, 1),
        ("\n\nnonsense", 3),
        ('{"a": // no\n1}', 1),
    ],
)
def test_what_is_no_json_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(ValueError, match=f"line {line} is no JSON"):
        jsontext.parse(text)


def test_what_is_in_the_way_is_named() -> None:
    with pytest.raises(ValueError, match="a is not an object"):
        jsontext.put('{"a": []}', ["a", "b"], 1)
    with pytest.raises(ValueError, match="the outermost value is not an object"):
        jsontext.put("[]", ["a"], 1)
    with pytest.raises(ValueError, match=r"a\.b is not a list"):
        jsontext.append('{"a": {"b": 1}}', ["a", "b"], 1)
