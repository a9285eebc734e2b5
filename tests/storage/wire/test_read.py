"""Reads as bytes, against words made by hand and against the upload-pack of the real git."""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.errors import HostRefused, InvalidValue, UnreadableAnswer
from gitcoord.storage.wire import read
from gitcoord.storage.wire.pktline import DELIM, FLUSH, Packets, Special, line
from gitcoord.storage.wire.read import Fetched, NotVersion2, fetch, fetched, ls_refs, refs
from tests.conftest import first_commit
from tests.gitrun import git

A, B = "a" * 40, "b" * 40
PACK = b"PACK\0\0\0\2\0\0\0\0" + b"x" * 20
OIDS = st.text("0123456789abcdef", min_size=40, max_size=40)
NAMES = st.from_regex(r"refs/[a-z]{1,5}/[a-z0-9]{1,9}", fullmatch=True)
PACKFILE = line(b"packfile\n") + line(b"\1" + PACK) + FLUSH


def packets(*parts: bytes) -> Packets:
    return Packets(io.BytesIO(b"".join(parts)).read)


def drained(raw: bytes) -> list[bytes | Special | None]:
    source = packets(raw)
    return list(iter(source.next, None))


@given(st.lists(NAMES), st.sampled_from(["sha1", "sha256"]))
def test_a_request_for_refs_names_every_prefix(prefixes: list[str], fmt: str) -> None:
    command, agent, name, middle, *wishes, end = drained(ls_refs(prefixes, fmt))
    assert (command, middle, end) == (b"command=ls-refs\n", Special.DELIM, Special.FLUSH)
    assert agent.startswith(b"agent=gitcoord/")
    assert name == f"object-format={fmt}\n".encode()
    assert wishes == [f"ref-prefix {prefix}\n".encode() for prefix in prefixes]


def test_a_prefix_that_is_not_utf_8_is_asked_for_as_it_is() -> None:
    assert line(b"ref-prefix refs/heads/\xe9\n") in ls_refs(["refs/heads/\udce9"], "sha1")


@given(st.lists(OIDS, min_size=1), st.lists(OIDS), st.none() | st.integers(1, 99), st.lists(OIDS))
def test_a_fetch_names_what_is_wanted_known_and_cut(
    wants: list[str], haves: list[str], depth: int | None, shallow: list[str]
) -> None:
    found = drained(fetch(wants, haves, "sha1", depth=depth, shallow=shallow))
    wishes = found[found.index(Special.DELIM) + 1 :]
    assert found[0] == b"command=fetch\n"
    assert wishes[-2:] == [b"done\n", Special.FLUSH]
    words = [item.decode().split() for item in wishes[:-2] if isinstance(item, bytes)]
    assert {"ofs-delta", "no-progress"} <= {word[0] for word in words}
    assert "thin-pack" not in {word[0] for word in words}
    for key, values in (("want", wants), ("have", haves), ("shallow", shallow)):
        assert [word[1] for word in words if word[0] == key] == values
    assert [word[1] for word in words if word[0] == "deepen"] == ([str(depth)] if depth else [])


def test_a_fetch_of_nothing_is_refused_here() -> None:
    with pytest.raises(InvalidValue):
        fetch([], [A], "sha1", depth=None, shallow=[])


@given(st.dictionaries(NAMES, OIDS))
def test_refs_are_read_without_what_else_is_said_of_them(known: dict[str, str]) -> None:
    lines = [line(f"{oid} {ref} peeled:{A}\n".encode()) for ref, oid in known.items()]
    assert refs(packets(line(b"unborn HEAD\n"), *lines, FLUSH)) == known


def test_a_fetch_is_read_through_all_its_sections() -> None:
    answer = packets(
        line(b"acknowledgments\n"),
        line(f"ACK {A}\n".encode()),
        line(b"ready\n"),
        DELIM,
        line(b"shallow-info\n"),
        line(f"shallow {A}\n".encode()),
        line(f"unshallow {B}\n".encode()),
        DELIM,
        line(b"packfile\n"),
        line(b"\1" + PACK[:9]),
        line(b"\2Counting\r"),
        line(b"\1"),
        line(b"\1" + PACK[9:]),
        FLUSH,
    )
    assert fetched(answer) == Fetched(PACK, (A,), (B,))


OLDER = [
    b"",
    line(f"{A} HEAD".encode() + b"\0multi_ack agent=git/2.39\n") + FLUSH,
    line(b"# service=git-upload-pack\n") + FLUSH,
    line(b"version 1\n") + FLUSH,
    line(b"NAK\n"),
]


@pytest.mark.parametrize("raw", OLDER)
def test_a_silent_host_and_an_older_protocol_are_told_apart_from_garbage(raw: bytes) -> None:
    for understand in (refs, fetched):
        with pytest.raises(NotVersion2):
            understand(packets(raw))


@pytest.mark.parametrize(
    "raw",
    [
        b"<html>",
        DELIM,
        line(b"hello\n") + FLUSH,
        line(f"{A}\n".encode()) + FLUSH,
        line(f"{A} refs/heads/main\n".encode()),
        line(f"{A} refs/heads/main\n".encode()) + DELIM,
    ],
)
def test_a_list_of_refs_that_is_cut_or_foreign_is_unreadable(raw: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        refs(packets(raw))


@pytest.mark.parametrize(
    "raw",
    [
        FLUSH,
        line(b"hello\n") + FLUSH,
        line(b"acknowledgments\n") + line(b"NAK\n") + FLUSH,
        line(b"acknowledgments\n") + line(b"NAK\n") + FLUSH + PACKFILE,
        line(b"shallow-info\n") + line(b"shallow me\n") + DELIM + PACKFILE,
        line(b"shallow-info\n") + DELIM,
        line(b"packfile\n") + FLUSH,
        line(b"packfile\n") + line(b"\1PACK") + FLUSH,
        line(b"packfile\n") + line(b"\1" + b"x" * 40) + FLUSH,
        line(b"packfile\n") + line(b"\7what") + line(b"\1" + PACK) + FLUSH,
        PACKFILE[:-4],
        PACKFILE[:-5],
    ],
)
def test_a_fetch_that_is_cut_or_foreign_is_unreadable(raw: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        fetched(packets(raw))


def test_a_pack_beyond_the_limit_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "LARGEST", len(PACK))
    assert fetched(packets(PACKFILE)).pack == PACK
    monkeypatch.setattr(read, "LARGEST", len(PACK) - 1)
    with pytest.raises(UnreadableAnswer, match="more than"):
        fetched(packets(PACKFILE))


def test_a_host_that_breaks_off_with_a_message_refuses() -> None:
    with pytest.raises(HostRefused, match="the host says: out of memory"):
        fetched(packets(line(b"packfile\n"), line(b"\1PACK"), line(b"\3out of\nmemory\n")))
    with pytest.raises(HostRefused, match="not our ref"):
        fetched(packets(line(b"ERR upload-pack: not our ref\n")))


ROUGH = st.lists(
    st.sampled_from([FLUSH, DELIM, b"0002", PACKFILE])
    | st.binary(max_size=20)
    | st.builds(
        lambda head, tail: line(head + tail),
        st.sampled_from(
            [
                *(b"", b"\1PACK", b"\1", b"\2", b"\3", b"ERR ", b"packfile\n", b"shallow-info\n"),
                *(b"acknowledgments\n", b"shallow ", f"{A} ".encode(), f"unshallow {A}".encode()),
            ]
        ),
        st.just(b"") | st.binary(max_size=20),
    )
).map(b"".join)


@given(ROUGH)
def test_arbitrary_answers_are_understood_refused_or_unreadable(raw: bytes) -> None:
    for understand in (refs, fetched):
        said = ""
        try:
            understand(packets(raw))
        except (UnreadableAnswer, HostRefused) as error:
            said = error.message
        except NotVersion2:
            continue
        assert said.isprintable()


def asked(path: str, body: bytes, version: str = "version=2") -> Packets:
    """Ask as http-backend does, one process for one request."""
    done = subprocess.run(
        ["git", "upload-pack", "--stateless-rpc", path],
        input=body,
        capture_output=True,
        env=os.environ | {"GIT_PROTOCOL": version},
    )
    return packets(done.stdout)


def piped(path: str, body: bytes) -> Packets:
    """Ask as over ssh: the host begins with what it can do."""
    done = subprocess.run(
        ["git", "upload-pack", path],
        input=body + FLUSH,
        capture_output=True,
        env=os.environ | {"GIT_PROTOCOL": "version=2"},
    )
    source = packets(done.stdout)
    while source.next() is not Special.FLUSH:
        continue
    return source


def history(tmp_path: Path, *options: str) -> tuple[str, list[str]]:
    """Return a host with three commits on refs/coord/ledger, and their oids, oldest first."""
    path = first_commit(tmp_path / "host", *options)
    for text in ("second", "third"):
        Path(path, "README").write_text(text, encoding="utf-8")
        git(path, "commit", "-q", "-a", "-m", text)
    git(path, "update-ref", "refs/coord/ledger", "HEAD")
    git(path, "update-ref", "refs/coord/more/other", "HEAD~1")
    return path, git(path, "rev-list", "--reverse", "HEAD").split()


def kept(mirror: str, found: Fetched) -> None:
    """Have git index the pack and note where history is cut."""
    git(mirror, "index-pack", "--stdin", stdin=found.pack)
    file = Path(mirror, "shallow")
    before = set(file.read_text().split()) if file.exists() else set()
    after = (before | set(found.shallow)) - set(found.unshallow)
    file.write_text("".join(f"{oid}\n" for oid in sorted(after)))


@pytest.mark.parametrize("ask", [asked, piped])
@pytest.mark.parametrize("fmt", ["sha1", "sha256"])
def test_git_lists_the_refs_below_a_prefix(tmp_path: Path, fmt: str, ask: object) -> None:
    path, (_, second, third) = history(tmp_path, f"--object-format={fmt}")
    assert callable(ask)
    assert refs(ask(path, ls_refs(["refs/coord/"], fmt))) == {
        "refs/coord/ledger": third,
        "refs/coord/more/other": second,
    }
    assert refs(ask(path, ls_refs(["refs/coord/more/"], fmt))) == {"refs/coord/more/other": second}
    assert refs(ask(path, ls_refs(["refs/none/"], fmt))) == {}


@pytest.mark.parametrize("ask", [asked, piped])
@pytest.mark.parametrize("fmt", ["sha1", "sha256"])
def test_a_cut_history_grows_by_what_is_new_alone(tmp_path: Path, fmt: str, ask: object) -> None:
    path, (_, _, third) = history(tmp_path, f"--object-format={fmt}")
    assert callable(ask)
    mirror = str(tmp_path / "mirror.git")
    git(str(tmp_path), "init", "-q", "--bare", f"--object-format={fmt}", mirror)
    first = fetched(ask(path, fetch([third], [], fmt, depth=1, shallow=[])))
    assert (first.shallow, first.unshallow) == ((third,), ())
    kept(mirror, first)
    git(mirror, "update-ref", "refs/coord/ledger", third)
    assert git(mirror, "rev-list", "--objects", "--count", "refs/coord/ledger") == "3"
    git(mirror, "fsck", "--strict")

    Path(path, "README").write_text("fourth", encoding="utf-8")
    git(path, "commit", "-q", "-a", "-m", "fourth")
    fourth = git(path, "rev-parse", "HEAD")
    more = fetched(ask(path, fetch([fourth], [third], fmt, depth=None, shallow=[third])))
    assert (more.shallow, more.unshallow) == ((), ())
    assert int.from_bytes(more.pack[8:12], "big") == 3
    kept(mirror, more)
    git(mirror, "update-ref", "refs/coord/ledger", fourth)
    assert git(mirror, "rev-list", "refs/coord/ledger").split() == [fourth, third]
    git(mirror, "fsck", "--strict")


def test_a_deeper_fetch_moves_the_cut(tmp_path: Path, bare_repo: str) -> None:
    path, (oldest, second, third) = history(tmp_path)
    kept(bare_repo, fetched(asked(path, fetch([third], [], "sha1", depth=1, shallow=[]))))
    deeper = fetched(asked(path, fetch([third], [], "sha1", depth=2, shallow=[third])))
    assert (deeper.shallow, deeper.unshallow) == ((second,), (third,))
    kept(bare_repo, deeper)
    assert git(bare_repo, "rev-list", third).split() == [third, second]
    whole = fetched(asked(path, fetch([third], [], "sha1", depth=9, shallow=[second])))
    assert whole.unshallow == (second,)
    kept(bare_repo, whole)
    assert git(bare_repo, "rev-list", third).split() == [third, second, oldest]


def test_git_refuses_an_object_that_it_does_not_have(tmp_path: Path) -> None:
    path, _ = history(tmp_path)
    with pytest.raises(HostRefused, match="not our ref"):
        fetched(asked(path, fetch([A], [], "sha1", depth=None, shallow=[])))


@pytest.mark.parametrize("asked_for,has", [("sha1", "sha256"), ("sha256", "sha1")])
def test_git_does_not_answer_in_the_other_object_format(
    tmp_path: Path, asked_for: str, has: str
) -> None:
    path, _ = history(tmp_path, f"--object-format={has}")
    with pytest.raises((NotVersion2, HostRefused)):
        refs(asked(path, ls_refs(["refs/"], asked_for)))


def test_git_that_is_not_told_of_version_2_is_found_out(tmp_path: Path) -> None:
    path, (_, _, third) = history(tmp_path)
    with pytest.raises(NotVersion2):
        refs(asked(path, ls_refs(["refs/"], "sha1"), version=""))
    with pytest.raises(NotVersion2):
        fetched(asked(path, fetch([third], [], "sha1", depth=None, shallow=[]), version=""))
    done = subprocess.run(["git", "upload-pack", path], input=FLUSH, capture_output=True)
    with pytest.raises(NotVersion2):
        refs(packets(done.stdout))
