"""Canonical JSON: one value, one form; nothing unknown is lost, nothing unreadable accepted."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.errors import CorruptRecord, FormatTooNew, InvalidValue
from gitcoord.storage.codec import decode, decode_record, encode, encode_record


class Attempt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    number: int
    result: str = ""


class Thing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    id: str
    note: str = ""
    size: float = 0.0
    first: Attempt | None = None
    attempts: list[Attempt] = []
    named: dict[str, Attempt] = {}


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)


@given(PLAIN)
def test_what_is_encoded_comes_back(value: Any) -> None:
    assert decode(encode(value), "it") == value


@given(st.dictionaries(TEXT, PLAIN))
def test_the_order_of_keys_does_not_matter(value: dict[str, Any]) -> None:
    turned = dict(reversed(value.items()))
    assert encode(turned) == encode(value)


def test_the_form_is_the_one_that_people_can_read() -> None:
    data = encode({"b": [1, 2.5, []], "a": {"ü": "ä\n", "z": None}, "é": {}})
    assert data.decode() == (
        '{\n  "a": {\n    "z": null,\n    "ü": "ä\\n"\n  },\n'
        '  "b": [\n    1,\n    2.5,\n    []\n  ],\n  "é": {}\n}\n'
    )
    assert json.loads(data) == {"b": [1, 2.5, []], "a": {"ü": "ä\n", "z": None}, "é": {}}


@pytest.mark.parametrize(
    "value",
    [float("nan"), [1, {"a": float("inf")}], "\ud800", {"a": "\udfff"}, object(), {("a",): 1}],
)
def test_what_json_cannot_hold_is_refused(value: Any) -> None:
    with pytest.raises(InvalidValue):
        encode(value)


def test_a_struct_with_nan_is_refused_and_one_with_none_is_not() -> None:
    with pytest.raises(InvalidValue):
        encode_record(Thing(id="a", size=float("nan")))
    assert encode(Thing(id="a")) == b'{\n  "id": "a"\n}\n'


def test_a_record_says_its_format() -> None:
    data = encode_record(Thing(id="a"))
    assert data == b'{\n  "format": 1,\n  "id": "a"\n}\n'
    assert decode_record(data, Thing) == Thing(id="a")


def test_fields_that_only_a_newer_writer_knows_survive_a_rewrite() -> None:
    base = encode(
        {
            "format": 1,
            "id": "a",
            "note": "old",
            "colour": {"deep": [1]},
            "first": {"number": 1, "extra": "f"},
            "attempts": [{"number": 1, "cost": 3}, {"number": 2}],
            "named": {"x": {"number": 7, "tint": 1}, "gone": {"number": 8, "tint": 2}},
        }
    )
    thing = Thing(
        id="a",
        first=Attempt(number=1, result="done"),
        attempts=[Attempt(number=1), Attempt(number=2), Attempt(number=3)],
        named={"x": Attempt(number=7)},
    )
    assert decode(encode_record(thing, base), "it") == {
        "format": 1,
        "id": "a",
        "colour": {"deep": [1]},
        "first": {"number": 1, "result": "done", "extra": "f"},
        "attempts": [{"number": 1, "cost": 3}, {"number": 2}, {"number": 3}],
        "named": {"x": {"number": 7, "tint": 1}},
    }


def test_a_list_that_became_shorter_hands_no_unknown_field_to_a_neighbour() -> None:
    base = encode({"format": 1, "id": "a", "attempts": [{"number": 1, "cost": 3}, {"number": 2}]})
    data = encode_record(Thing(id="a", attempts=[Attempt(number=2)]), base)
    assert decode(data, "it")["attempts"] == [{"number": 2}]


def test_a_rewrite_does_not_change_the_record_that_is_written() -> None:
    named = {"x": Attempt(number=7)}
    thing = Thing(id="a", named=named)
    encode_record(thing, encode({"format": 1, "id": "a", "named": {"x": {"number": 1, "t": 1}}}))
    assert thing == Thing(id="a", named={"x": Attempt(number=7)})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b'{"format": 1}',
        b'{"id": "a"}',
        b'{"format": 0, "id": "a"}',
        b'{"format": "1", "id": "a"}',
        b'{"format": 1, "id": 5}',
        b'{\n  "format": 1,\n  "id": "\xff"\n}\n',
        b"[" * 100_000,
    ],
)
def test_what_cannot_be_read_is_corrupt_and_named(data: bytes) -> None:
    with pytest.raises(CorruptRecord, match="tasks/t-1") as caught:
        decode_record(data, Thing, "tasks/t-1")
    assert caught.value.details["what"] == "tasks/t-1"


@pytest.mark.parametrize("base", [b"", b"[]", b'{"id": "a"}', b"\xff"])
def test_what_cannot_be_read_is_not_written_over(base: bytes) -> None:
    with pytest.raises(CorruptRecord):
        encode_record(Thing(id="a"), base)


@pytest.mark.parametrize("data", [b'{"format":2,"id":"a"}', b'{\n  "format": 12,\n  "id": "a"\n}'])
def test_a_newer_format_is_refused_with_found_and_supported(data: bytes) -> None:
    with pytest.raises(FormatTooNew) as caught:
        decode_record(data, Thing)
    assert caught.value.details["supported"] == 1
    assert caught.value.details["found"] in (2, 12)
    with pytest.raises(FormatTooNew):
        encode_record(Thing(id="a"), data)


def test_a_format_inside_a_text_or_a_field_is_not_the_records_format() -> None:
    sly = {"format": 2, "id": '\n  "format": 1,\n', "named": {"format": 1}}
    with pytest.raises(FormatTooNew):
        decode_record(encode(sly), Thing)
