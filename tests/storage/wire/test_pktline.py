"""Packets go out and come back the same, and nothing else is ever taken for one."""

from __future__ import annotations

import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.errors import HostRefused, InvalidValue, UnreadableAnswer
from gitcoord.storage.wire.pktline import (
    DELIM,
    FLUSH,
    LARGEST,
    QUOTED,
    RESPONSE_END,
    Packets,
    Special,
    as_oid,
    as_ref,
    line,
    plain,
)

DATA = st.binary(max_size=300).filter(lambda data: not data.startswith(b"ERR "))


def packets(raw: bytes) -> Packets:
    return Packets(io.BytesIO(raw).read)


def drained(raw: bytes) -> list[bytes | Special]:
    source, found = packets(raw), []
    while (item := source.next()) is not None:
        found.append(item)
    return found


@given(st.lists(DATA | st.sampled_from(Special)))
def test_what_is_framed_is_read_again(items: list[bytes | Special]) -> None:
    raw = b"".join(line(item) if isinstance(item, bytes) else item.value for item in items)
    assert drained(raw) == items


@given(st.binary(max_size=400) | st.lists(DATA.map(line)).map(b"".join))
def test_arbitrary_bytes_are_packets_or_unreadable(raw: bytes) -> None:
    said = ""
    try:
        drained(raw)
    except (UnreadableAnswer, HostRefused) as error:
        said = error.message
    assert said.isprintable()


@given(DATA, st.data())
def test_a_packet_that_is_cut_anywhere_is_unreadable(data: bytes, draw: st.DataObject) -> None:
    whole = line(data)
    cut = draw.draw(st.integers(1, len(whole) - 1))
    with pytest.raises(UnreadableAnswer):
        packets(whole[:cut]).next()


def test_the_special_packets_are_those_of_git() -> None:
    assert drained(FLUSH + DELIM + RESPONSE_END) == list(Special)


@pytest.mark.parametrize(
    "head", [b"0003", b"+0ff", b" 0ff", b"0_10", b"00fg", b"fff1", b"<!DO", b"00\xff5", b"-001"]
)
def test_a_head_that_is_no_length_is_unreadable(head: bytes) -> None:
    with pytest.raises(UnreadableAnswer, match="not git's protocol"):
        packets(head + b"x" * 70000).next()


def test_the_largest_packet_passes_and_one_byte_more_does_not() -> None:
    assert drained(line(b"x" * LARGEST)) == [b"x" * LARGEST]
    assert line(b"x" * LARGEST).startswith(b"fff0")
    with pytest.raises(InvalidValue):
        line(b"x" * (LARGEST + 1))


def test_a_reader_takes_no_byte_after_the_packet_it_was_asked_for() -> None:
    stream = io.BytesIO(line(b"one") + FLUSH + b"the rest")
    source = Packets(stream.read)
    assert (source.next(), source.next()) == (b"one", Special.FLUSH)
    assert stream.read() == b"the rest"


def test_an_err_packet_is_the_refusal_of_the_host_in_its_own_words() -> None:
    with pytest.raises(HostRefused, match=r"^the host says: no \[31msuch thing$"):
        packets(line(b"ERR no \x1b[31msuch\nthing\n")).next()


@given(st.binary(max_size=1000) | st.text(max_size=500).map(lambda text: text.encode("utf-8")))
def test_plain_text_is_one_short_line_without_controls(raw: bytes) -> None:
    text = plain(raw)
    assert len(text) <= QUOTED
    assert text == " ".join(text.split(" ")).strip()
    assert not any(unicodedata.category(char).startswith("C") for char in text)


def test_long_text_ends_in_an_ellipsis_and_text_that_just_fits_does_not() -> None:
    assert plain(b"x" * 300) == "x" * 300
    assert plain(b"x" * 301) == "x" * 299 + "…"


def test_text_that_turns_the_direction_of_writing_is_put_straight() -> None:
    assert plain("a\u202eb\u200bc\x9b2Jd\r\te\0".encode()) == "abc2Jd e"


@pytest.mark.parametrize("length", [40, 64])
def test_names_of_objects_are_taken_in_both_lengths(length: int) -> None:
    assert as_oid(b"a" * length) == "a" * length


@pytest.mark.parametrize("raw", [b"", b"a" * 39, b"a" * 41, b"A" * 40, b"a" * 40 + b"\n"])
def test_what_is_no_name_of_an_object_is_unreadable(raw: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        as_oid(raw)


@pytest.mark.parametrize("raw", [b"", b"refs/a b", b"refs/\x1b[2J", b"refs/a\n", b"refs/\x7f"])
def test_what_is_no_name_of_a_ref_is_unreadable(raw: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        as_ref(raw)


def test_refs_that_are_not_utf_8_stay_apart() -> None:
    assert as_ref(b"refs/heads/\xe9") != as_ref(b"refs/heads/\xe8")
    assert as_ref(b"refs/heads/\xe9").encode("utf-8", "surrogateescape") == b"refs/heads/\xe9"
