"""The way over pipes: to real git at a path, and to programs that misbehave."""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Iterator, Sequence
from hashlib import sha1
from pathlib import Path
from typing import ClassVar

import pytest

from gitcoord.errors import HostRefused, UnreadableAnswer
from gitcoord.storage.store import ABSENT, Expected, GitObject, make_object
from gitcoord.storage.wire import push, read
from gitcoord.storage.wire.address import parsed
from gitcoord.storage.wire.child import Child
from gitcoord.storage.wire.pipe import PipeTransport, to_path
from gitcoord.storage.wire.pktline import Special
from gitcoord.storage.wire.read import NotVersion2
from gitcoord.storage.wire.transport import Interrupted
from tests.gitrun import git

REF = "refs/coord/state"
KINDS = {b"commit": 1, b"tree": 2, b"blob": 3}
TREE = make_object(b"tree", b"", "sha1")


def packed(objects: Sequence[GitObject], fmt: str = "sha1") -> bytes:
    """Return a pack of these objects, made here so that the pack's writer is not tested too."""
    from gitcoord.storage.digest import FORMATS

    parts = [b"PACK\0\0\0\2" + len(objects).to_bytes(4, "big")]
    for kind, data, _ in objects:
        first, rest = KINDS[kind] << 4 | len(data) & 15, len(data) >> 4
        head = bytearray()
        while rest:
            head.append(first | 128)
            first, rest = rest & 127, rest >> 7
        head.append(first)
        parts += [bytes(head), zlib.compress(data, 0)]
    body = b"".join(parts)
    return body + FORMATS[fmt](body).digest()


def commit(text: str, parent: str | None = None, fmt: str = "sha1") -> GitObject:
    tree = make_object(b"tree", b"", fmt).oid
    above = f"parent {parent}\n" if parent else ""
    who = "t <t@example.invalid> 1700000000 +0000"
    data = f"tree {tree}\n{above}author {who}\ncommitter {who}\n\n{text}\n"
    return make_object(b"commit", data.encode(), fmt)


def body(
    new: GitObject, old: Expected = ABSENT, *more: GitObject, fmt: str = "sha1"
) -> list[bytes]:
    tree = make_object(b"tree", b"", fmt)
    pack = packed([tree, new, *more], fmt)
    return push.request([push.Command(REF, old, new.oid)], [pack], fmt, atomic=False)


def listed(way: PipeTransport, prefix: str = "refs/", fmt: str = "sha1") -> dict[str, str]:
    return read.refs(way.ask(read.ls_refs([prefix], fmt)))


@pytest.fixture
def way(bare_repo: str) -> Iterator[PipeTransport]:
    transport = to_path(parsed(bare_repo, "/"), os.environ, timeout=10)
    yield transport
    transport.close()


class Script:
    """A way over a Python program given as text; counts its starts."""

    made: ClassVar[list[Script]] = []

    def __init__(self, text: str, timeout: float = 5.0) -> None:
        Script.made.append(self)
        self.started = 0
        self._text, self._timeout = text, timeout
        self.way = PipeTransport("the host", self._start)

    def _start(self, service: str) -> Child:
        self.started += 1
        command = (sys.executable, "-I", "-c", f"import sys, os, time\n{self._text}", service)
        return Child(command, os.environ, timeout=self._timeout)


@pytest.fixture(autouse=True)
def no_script_stays() -> Iterator[None]:
    yield
    while Script.made:
        Script.made.pop().way.close()


def advertisement(*capabilities: str) -> str:
    line = f"{'0' * 40} capabilities^{{}}\0{' '.join(capabilities)}\n"
    return f"os.write(1, {f'{len(line) + 4:04x}{line}0000'.encode()!r})"


def test_a_push_moves_a_ref_and_a_second_one_from_the_old_value_does_not(
    way: PipeTransport, bare_repo: str
) -> None:
    first = commit("first")
    report = push.report(way.push(body(first)))
    assert (report.unpack, report.refs) == ("", {REF: ""})
    assert git(bare_repo, "rev-parse", REF) == first.oid
    assert push.report(way.push(body(commit("second")))).refs[REF]
    second = commit("second", first.oid)
    assert push.report(way.push(body(second, first.oid, first))).refs == {REF: ""}
    assert git(bare_repo, "rev-parse", REF) == second.oid
    assert way.advertised is not None
    assert way.advertised.refs == {REF: first.oid}
    assert "report-status" in way.advertised.capabilities
    git(bare_repo, "fsck", "--strict")


def test_discovery_tells_refs_and_capabilities(way: PipeTransport) -> None:
    assert way.discover().refs == {}
    push.report(way.push(body(commit("x"))))
    found = way.discover()
    assert list(found.refs) == [REF]
    assert "atomic" in found.capabilities
    assert way.date is None


def test_the_upload_pack_that_listed_refs_is_asked_for_objects_too(bare_repo: str) -> None:
    inner = to_path(parsed(bare_repo, "/"), os.environ, timeout=10)
    services = []

    def start(service: str) -> Child:
        services.append(service)
        return inner._start(service)

    way = PipeTransport("x", start)
    new = commit("x")
    push.report(way.push(body(new)))
    assert listed(way) == {REF: new.oid}
    for _ in range(2):
        fetch = read.fetch([new.oid], [], "sha1", depth=1, shallow=())
        assert read.fetched(way.ask(fetch)).pack[:12] == b"PACK\0\0\0\2\0\0\0\2"
    assert services == ["receive-pack", "upload-pack"]
    way.close()
    way.close()


def test_a_list_of_refs_is_never_an_old_one(way: PipeTransport) -> None:
    old: Expected = ABSENT
    parent = None
    for text in ("first", "second", "third"):
        new = commit(text, parent)
        push.report(way.push(body(new, old)))
        assert listed(way) == {REF: new.oid}
        old = parent = new.oid


def test_an_upload_pack_that_died_is_started_again(way: PipeTransport) -> None:
    new = commit("x")
    push.report(way.push(body(new)))
    assert listed(way) == {REF: new.oid}
    assert way._serving is not None
    way._serving.close()
    fetch = read.fetch([new.oid], [], "sha1", depth=1, shallow=())
    assert read.fetched(way.ask(fetch)).pack


def test_a_host_that_hangs_up_after_one_answer_is_asked_again() -> None:
    fetch = read.fetch(["1" * 40], [], "sha1", depth=1, shallow=())
    host = Script(
        f"os.write(1, b'000eversion 2\\n00000000'); os.read(0, {len(fetch)}); os.read(0, 1)"
    )
    for _ in range(3):
        assert host.way.ask(fetch).next() is Special.FLUSH
    assert host.started == 3


def test_an_answer_that_was_not_read_does_not_become_the_next_one(
    way: PipeTransport,
) -> None:
    new = commit("x")
    push.report(way.push(body(new)))
    way.ask(read.ls_refs(["refs/"], "sha1"))
    fetch = read.fetch([new.oid], [], "sha1", depth=1, shallow=())
    assert read.fetched(way.ask(fetch)).pack


def test_a_large_push_to_a_host_with_many_refs_does_not_block(
    way: PipeTransport, bare_repo: str, tmp_path: Path
) -> None:
    base = commit("base")
    push.report(way.push(body(base)))
    names = "".join(f"create refs/heads/branch-{number:05} {base.oid}\n" for number in range(5000))
    git(bare_repo, "update-ref", "--stdin", stdin=names.encode())
    git(bare_repo, "pack-refs", "--all")
    noise = b"".join(sha1(b"%d" % number).digest() for number in range(5 * 2**20 // 20))
    new = commit("new", base.oid)
    report = push.report(way.push(body(new, base.oid, base, make_object(b"blob", noise, "sha1"))))
    assert (report.unpack, report.refs) == ("", {REF: ""})
    assert way.advertised is not None
    assert len(way.advertised.refs) == 5001
    assert len(listed(way)) == 5001


def test_sha256_passes(tmp_path: Path) -> None:
    path = str(tmp_path / "hub")
    git(str(tmp_path), "init", "-q", "--bare", "--object-format=sha256", path)
    way = to_path(parsed(path, "/"), os.environ, timeout=10)
    new = commit("x", fmt="sha256")
    assert push.report(way.push(body(new, fmt="sha256"))).refs == {REF: ""}
    assert listed(way, fmt="sha256") == {REF: new.oid}
    way.close()


def test_a_surrounding_git_command_does_not_lead_elsewhere(repo: str, bare_repo: str) -> None:
    around = os.environ | {
        "GIT_DIR": f"{repo}/.git",
        "GIT_WORK_TREE": repo,
        "GIT_OBJECT_DIRECTORY": f"{repo}/.git/objects",
        "GIT_NAMESPACE": "other",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "transfer.hideRefs",
        "GIT_CONFIG_VALUE_0": "refs/coord",
    }
    way = to_path(parsed(bare_repo, "/"), around, timeout=10)
    new = commit("x")
    assert push.report(way.push(body(new))).refs == {REF: ""}
    way.close()
    assert git(bare_repo, "for-each-ref", "--format=%(refname)") == REF
    git(bare_repo, "cat-file", "-e", new.oid)


@pytest.mark.parametrize("question", ["push", "discover", "ask"])
def test_a_path_without_a_repository_is_refused(tmp_path: Path, question: str) -> None:
    way = to_path(parsed(str(tmp_path), "/"), os.environ, timeout=10)
    asks = {
        "push": lambda: way.push(body(commit("x"))),
        "discover": way.discover,
        "ask": lambda: listed(way),
    }
    with pytest.raises(HostRefused, match="does not appear to be a git repository"):
        asks[question]()
    way.close()


def test_a_silent_host_is_given_up_and_has_done_nothing() -> None:
    host = Script("time.sleep(60)", timeout=0.1)
    for ask in (lambda: host.way.push(body(commit("x"))), lambda: listed(host.way)):
        with pytest.raises(Interrupted, match=r"nothing was said for 0\.1 seconds") as cut:
            ask()
        assert not cut.value.sent
        assert cut.value.error.code == "host_unreachable"


def test_a_host_that_falls_silent_with_the_whole_push_may_have_acted() -> None:
    host = Script(f"{advertisement('report-status')}\ntime.sleep(60)", timeout=0.3)
    answer = host.way.push(body(commit("x")))
    with pytest.raises(Interrupted) as cut:
        push.report(answer)
    assert cut.value.sent
    host.way.close()


def test_a_host_that_ends_before_it_spoke_never_had_the_whole_push(tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    host = Script(f"open({str(heard)!r}, 'wb').write(os.read(0, 1 << 16)); sys.exit(1)")
    data = body(commit("x"))
    with pytest.raises(Interrupted) as cut:
        host.way.push(data)
    assert not cut.value.sent
    assert heard.read_bytes() == b"".join(data)[:-20]


@pytest.mark.parametrize("code", [0, 1, 255])
@pytest.mark.parametrize("said", ["", "000eunpack ok\\n", "00"])
def test_a_push_whose_report_is_cut_may_have_landed(said: str, code: int) -> None:
    host = Script(
        f"{advertisement('report-status')}\n"
        "while os.read(0, 1 << 16): pass\n"
        f"os.write(1, b'{said}'); os.write(2, b'fatal: Permission denied (publickey)')\n"
        f"sys.exit({code})"
    )
    answer = host.way.push(body(commit("x")))
    with pytest.raises(Interrupted) as cut:
        push.report(answer)
    assert cut.value.sent
    host.way.close()


def test_a_login_that_prints_something_is_no_git() -> None:
    host = Script("os.write(1, b'Welcome to the machine!\\n'); os.read(0, 1)")
    for ask in (host.way.discover, lambda: listed(host.way)):
        with pytest.raises(UnreadableAnswer, match=r"the host: .*Welc") as told:
            ask()
        assert told.value.hint is not None
        assert "prints nothing" in told.value.hint


@pytest.mark.parametrize("greeting", ["0000", "003e" + "1" * 40 + " refs/heads/main\\0\\n", ""])
def test_an_older_protocol_is_told_once_and_remembered(greeting: str) -> None:
    host = Script(f"os.write(1, b'{greeting}'); os.read(0, 1)")
    for _ in range(2):
        with pytest.raises(NotVersion2):
            listed(host.way)
    assert host.started == 1


def test_complaints_are_bounded_plain_text_without_secrets() -> None:
    host = Script(
        "os.write(2, b'warning: ' + b'x' * 100000 + b'\\n')\n"
        "os.write(2, b'fatal: \\x1b[31mhttps://al:secret@h/a is ill\\n'); sys.exit(3)"
    )
    with pytest.raises(Interrupted) as cut:
        host.way.discover()
    assert cut.value.error.message == "the host does not answer: [31mhttps://h/a is ill"


def test_no_process_stays_behind(bare_repo: str) -> None:
    way = to_path(parsed(bare_repo, "/"), os.environ, timeout=10)
    listed(way)
    way.push(body(commit("x")))
    children = [way._serving, way._receiving]
    way.close()
    assert all(child is not None and not child.usable for child in children)
