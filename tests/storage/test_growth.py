"""Objects and packs of the ledger stay few; what is the user's stays as it is."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest

from gitcoord.errors import CorruptRecord, GitFailed
from gitcoord.storage import growth
from gitcoord.storage.consolidate import GRACE, MOST_PACKS, consolidate
from gitcoord.storage.objects import write_pack
from gitcoord.storage.oslock import OsLock
from gitcoord.storage.packindex import PackIndex, multi_pack_names
from gitcoord.storage.repository import Repository, find, home
from gitcoord.storage.store import GitObject, make_object
from gitcoord.storage.tree import rewrite
from tests.gitrun import git

REF = "refs/coord/state"


class Ledger:
    """A chain in a real repository, written without fsync to be quick about it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.repository: Repository = find(path, {})
        self.fmt = self.repository.object_format
        self.objects = os.path.join(self.repository.common_dir, "objects")
        self.data: dict[str, bytes] = {}
        self.root: str | None = None
        self.head = ""
        self.length = 0
        self.most = (0, 0)

    def commit(self, count: int = 1, *, packed: bool = False) -> None:
        """Make one transaction that changes so many of 500 records."""
        at = self.length
        changes: dict[tuple[str, str], bytes | None] = {
            ("locks", f"key-{(at * 7 + i * 31) % 500}"): b"%d %d\n" % (at, i) for i in range(count)
        }
        changes["", "meta.json"] = b'{"seq": %d}\n' % at
        root, made = rewrite(self.data.__getitem__, self.root, changes, self.fmt)
        text = f"tree {root}\n" + (f"parent {self.head}\n" if self.head else "")
        text += f"author A <a@b> {at} +0000\ncommitter A <a@b> {at} +0000\n\nseq {at}\n"
        commit = make_object(b"commit", text.encode(), self.fmt)
        made.append(commit)
        self.data |= {o.oid: o.data for o in made if o.kind == b"tree"}
        if packed:
            pack = write_pack(self.objects, made, self.fmt)
            growth.noted(self.repository, 0, [pack])
        else:
            for each in made:
                self.write(each)
            growth.noted(self.repository, len(made))
        self.root, self.head, self.length = root, commit.oid, at + 1
        self.point()

    def write(self, made: GitObject) -> None:
        folder = os.path.join(self.objects, made.oid[:2])
        path = os.path.join(folder, made.oid[2:])
        body = zlib.compress(b"%s %d\0%s" % (made.kind, len(made.data), made.data), 1)
        while not os.path.exists(path):
            os.makedirs(folder, exist_ok=True)
            # A git gc that runs now removes folders as soon as they are empty.
            with suppress(FileNotFoundError):
                Path(path + "~").write_bytes(body)
                os.replace(path + "~", path)

    def point(self) -> None:
        path = os.path.join(self.repository.common_dir, *REF.split("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        Path(path + ".new").write_text(self.head + "\n", encoding="ascii")
        os.replace(path + ".new", path)

    def loose(self) -> set[str]:
        return {
            folder + name
            for folder in os.listdir(self.objects)
            if len(folder) == 2
            for name in os.listdir(os.path.join(self.objects, folder))
        }

    def packs(self) -> set[str]:
        folder = os.path.join(self.objects, "pack")
        return {name for name in os.listdir(folder) if name.endswith(".pack")}

    def counted(self) -> tuple[int, int]:
        return len(self.loose()), len(self.packs())

    def sound(self) -> None:
        """Check that git finds every object of the chain, whole."""
        git(self.path, "fsck", "--strict", "--no-dangling")
        assert git(self.path, "rev-list", "--count", REF) == str(self.length)
        git(self.path, "rev-list", "--objects", "--quiet", REF)


@pytest.fixture
def ledger(repo: str) -> Ledger:
    return Ledger(repo)


def files(path: str) -> Iterator[tuple[str, bytes]]:
    for folder, _, names in os.walk(path):
        for name in names:
            file = Path(folder, name)
            yield str(file), file.read_bytes()


def test_three_thousand_transactions_leave_few_loose_objects_and_packs(ledger: Ledger) -> None:
    git(ledger.path, "repack", "-q", "-a", "-d")
    git(ledger.path, "commit", "-q", "--allow-empty", "-m", "loose of the user")
    git(ledger.path, "hash-object", "-w", "--stdin", stdin=b"nobody refers to this")
    before = dict(files(ledger.objects))
    most_loose, most_packs, rounds = 0, 0, 0
    for turn in range(3_000):
        ledger.commit(count=40 if turn % 30 == 0 else 1, packed=turn % 30 == 0)
        if growth.due(ledger.repository):
            loose, packs = ledger.counted()
            most_loose, most_packs = max(most_loose, loose), max(most_packs, packs)
            assert consolidate(ledger.repository)
            rounds += 1
            assert growth.due(ledger.repository) == ""
            assert ledger.counted()[0] < 50
    assert rounds >= 3
    assert most_loose < 2_500
    assert most_packs <= 50
    after = dict(files(ledger.objects))
    assert {path: after.get(path) for path in before} == before
    ledger.sound()
    assert not os.path.exists(os.path.join(ledger.repository.common_dir, "gc.log"))


@pytest.mark.parametrize("kind", ["bare_repo", "sha256_repo", "linked_worktree", "empty_repo"])
def test_every_kind_of_repository_is_consolidated(
    request: pytest.FixtureRequest, kind: str
) -> None:
    ledger = Ledger(request.getfixturevalue(kind))
    user = ledger.loose()
    for _ in range(3):
        for _ in range(20):
            ledger.commit()
        git(ledger.path, "pack-refs", "--all")
        ledger.commit(packed=True)
        done = consolidate(ledger.repository)
        assert done
        assert done.pack
        assert ledger.loose() == user
    ledger.sound()


def test_nothing_to_do_changes_nothing(ledger: Ledger) -> None:
    assert consolidate(ledger.repository) == (None, 0, 0)
    ledger.commit()
    consolidate(ledger.repository)
    before = dict(files(ledger.objects))
    assert consolidate(ledger.repository) == (None, 0, 0)
    assert dict(files(ledger.objects)) == before


def test_what_the_users_gc_has_packed_is_not_packed_again(ledger: Ledger) -> None:
    for _ in range(3):
        ledger.commit()
    git(ledger.path, "gc", "-q")
    packs = ledger.packs()
    assert consolidate(ledger.repository) == (None, 0, 0)
    assert ledger.packs() == packs


def test_packs_grow_geometrically_and_stay_few(ledger: Ledger) -> None:
    for _ in range(40):
        for _ in range(5):
            ledger.commit(packed=True)
        consolidate(ledger.repository)
        assert len(ledger.packs()) <= 6
    ledger.sound()
    sizes = sorted(
        len(PackIndex(os.path.join(ledger.objects, "pack", p[:-5] + ".idx"), "sha1"))
        for p in ledger.packs()
    )
    assert all(b >= 2 * a for a, b in pairwise(sizes))
    assert len(sizes) <= MOST_PACKS


def test_what_a_lost_swap_left_in_a_pack_does_not_keep_the_pack_alive(ledger: Ledger) -> None:
    ledger.commit()
    garbage = make_object(b"blob", b"of a swap that was lost", "sha1")
    path = write_pack(ledger.objects, [garbage], "sha1")
    growth.noted(ledger.repository, 0, [path])
    done = consolidate(ledger.repository)
    assert done
    assert done.packs == 1
    assert len(ledger.packs()) == 1
    assert git(ledger.path, "cat-file", "blob", garbage.oid) == garbage.data.decode()


def test_only_one_process_consolidates(ledger: Ledger) -> None:
    ledger.commit()
    with OsLock(os.path.join(home(ledger.repository), "growth.lock")) as lock:
        assert lock.try_acquire()
        assert consolidate(ledger.repository) is None
    assert consolidate(ledger.repository)


def test_a_pack_that_the_users_git_relies_on_is_left_to_the_user(ledger: Ledger) -> None:
    ledger.commit(packed=True)
    git(ledger.path, "multi-pack-index", "write")
    ledger.commit(packed=True)
    (kept,) = ledger.packs() - {
        name for name in ledger.packs() if name[:-5].encode() in indexed(ledger)
    }
    Path(ledger.objects, "pack", kept[:-5] + ".keep").touch()
    ledger.commit()
    before = ledger.packs()
    done = consolidate(ledger.repository)
    assert done
    assert done.packs == 0
    assert before < ledger.packs()
    ledger.sound()
    git(ledger.path, "multi-pack-index", "verify")


def indexed(ledger: Ledger) -> bytes:
    return multi_pack_names(os.path.join(ledger.objects, "pack"))


def test_an_index_over_packs_of_an_unknown_kind_counts_as_naming_all_it_holds(
    tmp_path: Path,
) -> None:
    assert multi_pack_names(str(tmp_path)) == b""
    (tmp_path / "multi-pack-index").write_bytes(b"MIDX\x09 something pack-abc.idx")
    assert b"pack-abc" in multi_pack_names(str(tmp_path))


def test_an_index_that_cannot_be_read_stops_it_before_anything_is_removed(ledger: Ledger) -> None:
    ledger.commit(packed=True)
    ledger.commit()
    (pack,) = ledger.packs()
    index = Path(ledger.objects, "pack", pack[:-5] + ".idx")
    whole = index.read_bytes()
    index.chmod(0o644)
    before = ledger.loose(), ledger.packs()
    for broken in (b"", whole[:1100], b"\0" * len(whole)):
        index.write_bytes(broken)
        with pytest.raises((CorruptRecord, GitFailed)):
            consolidate(ledger.repository)
        assert (ledger.loose(), ledger.packs()) == before


def test_a_missing_object_stops_it_before_anything_is_removed(ledger: Ledger) -> None:
    for _ in range(5):
        ledger.commit()
    os.unlink(os.path.join(ledger.objects, ledger.head[:2], ledger.head[2:]))
    before = ledger.loose()
    with pytest.raises(GitFailed):
        consolidate(ledger.repository)
    assert ledger.loose() == before


def test_loose_copies_go_when_nobody_can_be_about_to_use_them(ledger: Ledger) -> None:
    ledger.commit()
    head = ledger.head
    text = git(ledger.path, "cat-file", "commit", head).encode() + b"\n"
    for _ in range(2):
        consolidate(ledger.repository)
        ledger.write(make_object(b"commit", text, "sha1"))
        ledger.commit()
    consolidate(ledger.repository)
    assert head in ledger.loose()
    path = os.path.join(ledger.objects, head[:2], head[2:])
    old = time.time() - 2 * GRACE
    os.utime(path, (old, old))
    consolidate(ledger.repository)
    assert head not in ledger.loose()
    ledger.sound()


def test_a_pack_without_its_index_is_not_taken_for_a_whole_one(
    ledger: Ledger, tmp_path: Path
) -> None:
    for _ in range(10):
        ledger.commit()
    copy = Ledger(str(shutil.copytree(ledger.path, tmp_path / "copy")))
    consolidate(copy.repository)
    (pack,) = copy.packs()
    # As if killed between the two: git makes the same pack of the same objects again.
    shutil.copy(os.path.join(copy.objects, "pack", pack), os.path.join(ledger.objects, "pack"))
    state = Path(home(copy.repository), "growth.json").read_text()
    Path(home(ledger.repository), "growth.json").write_text(
        state.replace(f'"{REF}":"{ledger.head}"', "")
    )
    done = consolidate(ledger.repository)
    assert done
    assert done.pack == pack[:-5]
    ledger.sound()


def test_what_a_killed_one_left_is_cleared(ledger: Ledger) -> None:
    ledger.commit(packed=True)
    (pack,) = ledger.packs()
    fresh = Path(home(ledger.repository), "fresh")
    fresh.mkdir()
    (fresh / "pack-0.pack").write_bytes(b"half")
    # Its pack was removed, the rest not yet.
    gone = Path(ledger.objects, "pack", "pack-" + "0" * 40)
    gone.with_suffix(".idx").write_bytes(b"index")
    growth.noted(ledger.repository, 0, [str(gone) + ".pack"])
    ledger.commit()
    consolidate(ledger.repository)
    assert list(fresh.iterdir()) == []
    assert not gone.with_suffix(".idx").exists()
    assert pack not in ledger.packs()


def test_a_broken_book_of_growth_costs_one_long_list(ledger: Ledger) -> None:
    for _ in range(3):
        ledger.commit()
        consolidate(ledger.repository)
    Path(home(ledger.repository), "growth.json").write_bytes(b"{")
    ledger.commit()
    user = 3
    consolidate(ledger.repository)
    assert len(ledger.loose()) == user
    ledger.sound()


def test_it_is_due_by_loose_objects_or_packs_and_notes_of_many_add_up(ledger: Ledger) -> None:
    repository = ledger.repository
    assert growth.due(repository) == ""
    growth.noted(repository, growth.LOOSE_SOON - 1)
    assert growth.due(repository) == ""
    growth.noted(repository, 1)
    assert growth.due(repository) == "soon"
    growth.noted(repository, growth.LOOSE_NOW)
    assert growth.due(repository) == "now"
    consolidate(repository)
    assert growth.due(repository) == ""
    for number in range(growth.PACKS_NOW):
        growth.noted(repository, 0, [f"pack-{number}"])
        due = growth.due(repository)
        wanted = {growth.PACKS_SOON - 2: "", growth.PACKS_SOON - 1: "soon"}
        assert due == wanted.get(number, due)
    assert growth.due(repository) == "now"


def test_a_note_written_while_consolidating_is_kept(ledger: Ledger) -> None:
    growth.noted(ledger.repository, 100, ["pack-a"])
    notes, used = growth.notes(ledger.repository)
    assert notes == (100, ["pack-a"])
    growth.noted(ledger.repository, 7, ["pack-b"])
    growth.start_anew(ledger.repository, used)
    notes, _ = growth.notes(ledger.repository)
    assert notes.loose == 7
    assert "pack-b" in notes.packs


def test_a_line_cut_short_says_nothing() -> None:
    assert growth.parsed(b"loose 5\npack pack-a\nloose x\nfoo 3\npac") == (5, ["pack-a"])


KILLED = """
import sys
from gitcoord.storage.consolidate import consolidate
from gitcoord.storage.repository import find
print("go", flush=True)
while True:
    consolidate(find(sys.argv[1], {}))
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_being_killed_at_any_moment_loses_nothing(ledger: Ledger) -> None:
    moments = random.Random(5)
    for _ in range(12):
        for turn in range(40):
            ledger.commit(packed=turn % 8 == 0)
        child = subprocess.Popen(
            [sys.executable, "-c", KILLED, ledger.path],
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert child.stdout
        child.stdout.readline()
        time.sleep(moments.random() * 0.12)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        ledger.sound()
    end = time.monotonic() + 10
    while consolidate(ledger.repository) is None and time.monotonic() < end:
        pass  # a git that the killed one had started does not hold the lock for long
    assert ledger.counted()[0] <= 3
    assert len(ledger.packs()) <= MOST_PACKS
    ledger.sound()


def test_writers_and_the_users_own_gc_beside_it_lose_nothing(ledger: Ledger) -> None:
    for turn in range(100):
        ledger.commit(packed=turn % 10 == 0)
    children = [
        subprocess.Popen([sys.executable, "-c", KILLED, ledger.path], stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    try:
        for turn in range(6):
            gc = subprocess.Popen(["git", "-C", ledger.path, "gc", "-q"], stderr=subprocess.DEVNULL)
            for each in range(40):
                ledger.commit(packed=(turn + each) % 8 == 0)
            gc.wait()
            assert git(ledger.path, "rev-list", "--count", REF) == str(ledger.length)
    finally:
        for child in children:
            child.kill()
            child.wait()
            assert child.stdout
            child.stdout.close()
    ledger.sound()
