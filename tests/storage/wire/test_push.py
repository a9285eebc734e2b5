"""Pushes as bytes, as they are asked for and answered, word by word."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.errors import HostRefused, InvalidValue, UnreadableAnswer
from gitcoord.storage.store import ABSENT, OID_LENGTH
from gitcoord.storage.wire.pktline import FLUSH, Packets, Special, line
from gitcoord.storage.wire.push import Advertised, Command, Report, advertised, report, request

LEASE = "refs/coord/lease"
A, B, ZERO = "a" * 40, "b" * 40, "0" * 40
WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30)
REFS = st.from_regex(r"refs/[a-z]{1,5}/[a-z0-9]{1,9}", fullmatch=True)


def packets(*parts: bytes) -> Packets:
    return Packets(io.BytesIO(b"".join(parts)).read)


def drained(raw: bytes) -> list[bytes | Special | None]:
    source = packets(raw)
    return list(iter(source.next, None))


def banded(text: bytes, size: int = 999, band: bytes = b"\1") -> bytes:
    return b"".join(line(band + text[at : at + size]) for at in range(0, len(text), size))


@given(st.lists(REFS, min_size=1, max_size=5, unique=True), st.booleans(), st.data())
def test_a_request_says_every_command_and_its_wishes_once(
    refs: list[str], atomic: bool, draw: st.DataObject
) -> None:
    fmt = draw.draw(st.sampled_from(sorted(OID_LENGTH)))
    oids = st.text("0123456789abcdef", min_size=OID_LENGTH[fmt], max_size=OID_LENGTH[fmt])
    full = oids.filter(lambda oid: oid.strip("0"))
    olds = draw.draw(st.lists(st.just(ABSENT) | full, min_size=len(refs), max_size=len(refs)))
    news = draw.draw(st.lists(full, min_size=len(refs), max_size=len(refs)))
    commands = [Command(*item) for item in zip(refs, olds, news, strict=True)]
    head, *rest = request(commands, [b"PACK", b"more"], fmt, atomic=atomic)
    assert rest == [b"PACK", b"more"]
    *lines, end = drained(head)
    assert end is Special.FLUSH
    first, _, wishes = lines[0].partition(b"\0")
    zeros = "0" * OID_LENGTH[fmt]
    assert [first, *lines[1:]] == [
        f"{zeros if c.old is ABSENT else c.old} {c.new} {c.ref}".encode() for c in commands
    ]
    words = wishes.split()
    assert words[:2] == [b"report-status", b"side-band-64k"]
    assert (b"atomic" in words) is atomic
    assert (b"object-format=sha256" in words) is (fmt == "sha256")
    assert words[-1].startswith(b"agent=gitcoord/")


@pytest.mark.parametrize("old", [ABSENT, ZERO])
def test_two_zeros_are_refused_because_they_delete(old: str) -> None:
    with pytest.raises(InvalidValue, match="absent"):
        request([Command(LEASE, old, ZERO)], [], "sha1", atomic=False)


@pytest.mark.parametrize(
    "commands",
    [
        [],
        [Command("refs/coord/a\0 atomic", A, B)],
        [Command(LEASE, A, B), Command(LEASE, B, A)],
        [Command(LEASE, A, "c" * 64)],
        [Command(LEASE, A.upper(), B)],
        [Command(LEASE, "a" * 39 + "\n", B)],
    ],
)
def test_commands_that_git_would_misread_are_refused(commands: list[Command]) -> None:
    with pytest.raises(InvalidValue):
        request(commands, [], "sha1", atomic=True)


@given(
    st.dictionaries(REFS, st.just("") | WORDS, max_size=5),
    st.just("") | WORDS.filter(lambda word: word != "ok"),
    st.integers(1, 50),
    st.just("") | WORDS,
)
def test_a_report_is_read_with_and_without_side_band(
    refs: dict[str, str], unpack: str, size: int, said: str
) -> None:
    text = line(f"unpack {unpack or 'ok'}\n".encode())
    for ref, reason in refs.items():
        text += line((f"ng {ref} {reason}\n" if reason else f"ok {ref}\n").encode())
    text += FLUSH
    assert report(packets(text)) == Report(unpack, refs, "")
    around = line(b"\2" + said.encode()) + banded(text, size) + FLUSH
    assert report(packets(around)) == Report(unpack, refs, said)


def test_a_refusal_without_a_reason_is_no_success() -> None:
    text = line(b"unpack \n") + line(b"ng refs/coord/lease\n") + FLUSH
    assert report(packets(text)) == Report("refused", {LEASE: "refused"}, "")


def test_words_of_the_host_are_harmless_when_they_are_shown() -> None:
    text = line(b"unpack ok\n") + line(b"ng refs/coord/lease \x1b]0;gone\x07" + b"x" * 400) + FLUSH
    found = report(packets(line(b"\2one\n\x1b[2Jtwo\n"), banded(text), FLUSH))
    assert found.said == "one [2Jtwo"
    assert found.refs[LEASE].startswith("]0;gonexxx")
    assert len(found.refs[LEASE]) == 300


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        FLUSH,
        b"0001",
        line(b"hello\n") + FLUSH,
        line(b"") + FLUSH,
        line(b"unpack ok\n"),
        line(b"unpack ok\n") + line(b"what refs/coord/lease\n") + FLUSH,
        line(b"unpack ok\n") + line(b"ok\n") + FLUSH,
        banded(line(b"ok refs/coord/lease\n") + FLUSH) + FLUSH,
        banded(line(b"unpack ok\n")) + FLUSH,
        banded(line(b"unpack ok\n")[:-2]) + FLUSH,
        banded(FLUSH) + FLUSH,
    ],
)
def test_a_report_that_is_missing_cut_or_foreign_is_unreadable(raw: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        report(packets(raw))


def test_what_the_host_said_before_it_fell_silent_is_told() -> None:
    with pytest.raises(UnreadableAnswer, match="it says: disk on fire"):
        report(packets(line(b"\2disk on fire\n"), FLUSH))


def test_a_host_that_breaks_off_with_a_message_refuses() -> None:
    with pytest.raises(HostRefused, match="the host says: too large"):
        report(packets(line(b"\3too large\n")))


ROUGH = st.lists(
    st.sampled_from([FLUSH, b"0001", b"0002"])
    | st.binary(max_size=20)
    | st.builds(
        lambda head, tail: line(head + tail),
        st.sampled_from(
            [
                *(
                    b"",
                    b"\1",
                    b"\2",
                    b"\3",
                    b"unpack ok",
                    b"\1" + line(b"unpack ok\n"),
                    b"ok ",
                    b"ng ",
                ),
                *(b"# service=git-receive-pack", b"version 1", b"shallow ", A.encode() + b" "),
            ]
        ),
        st.binary(max_size=20),
    )
).map(b"".join)


@given(ROUGH)
def test_arbitrary_answers_are_understood_refused_or_unreadable(raw: bytes) -> None:
    for read in (report, advertised):
        said = ""
        try:
            read(packets(raw))
        except (UnreadableAnswer, HostRefused) as error:
            said = error.message
        assert said.isprintable()


CAPABLE = b"\0report-status atomic agent=git/2.39"
KNOWS = frozenset(["report-status", "atomic", "agent=git/2.39"])
LEAD_IN = line(b"# service=git-receive-pack\n") + FLUSH


@pytest.mark.parametrize(
    "before", [b"", LEAD_IN, line(b"version 1\n"), LEAD_IN + line(b"version 1")]
)
def test_an_advertisement_is_read_to_its_flush_in_all_its_forms(before: bytes) -> None:
    stream = io.BytesIO(
        before
        + line(f"{A} refs/coord/lease".encode() + CAPABLE + b"\n")
        + line(f"{B} refs/tags/v1\n".encode())
        + line(f"{A} refs/tags/v1^{{}}\n".encode())
        + line(f"{A} .have\n".encode())
        + line(f"shallow {A}\n".encode())
        + FLUSH
        + b"the rest"
    )
    found = advertised(Packets(stream.read))
    assert found == Advertised({LEASE: A, "refs/tags/v1": B}, KNOWS)
    assert stream.read() == b"the rest"


def test_an_empty_repository_advertises_what_it_can() -> None:
    raw = line(f"{ZERO} capabilities^{{}}".encode() + CAPABLE) + FLUSH
    assert advertised(packets(raw)) == Advertised({}, KNOWS)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html>",
        LEAD_IN,
        line(b"# service=git-receive-pack\n") + line(b"more") + FLUSH,
        line(b"# service=git-upload-pack\n") + FLUSH + FLUSH,
        line(b"version 2\n") + FLUSH,
        line(f"{A} refs/coord/lease".encode() + CAPABLE),
        line(f"{A} \x1b[2J".encode() + CAPABLE) + FLUSH,
    ],
)
def test_what_is_no_advertisement_is_unreadable(raw: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        advertised(packets(raw))
