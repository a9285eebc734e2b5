"""Search finds the words of a text in one tree, whatever is typed and happens to its file."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitcoord.errors import CorruptRecord, Unavailable
from gitcoord.storage import fulltext
from gitcoord.storage.memory import MemoryStore
from gitcoord.storage.search import WORDS, Search, expression
from gitcoord.storage.store import make_object
from gitcoord.storage.tree import rewrite

Docs = Mapping[str, tuple[str, ...] | None]


def describe(table: str, data: bytes) -> tuple[str, list[str]]:
    """Read a name and four texts; what is not of that form is corrupt."""
    try:
        name, *texts = json.loads(data)
    except ValueError as wrong:
        raise CorruptRecord("no record") from wrong
    return name, [*texts, "", "", "", ""][:4]


class World:
    """A store in memory and the trees in it."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.search: Search | None = None

    def tree(self, docs: Docs, root: str | None = None) -> str:
        changes: dict[tuple[str, str], bytes | None] = {
            ("notes", name): None if texts is None else json.dumps([name, *texts]).encode()
            for name, texts in docs.items()
        }
        changes["other", "x"] = b"not of our table"
        new, objects = rewrite(lambda oid: self.store.read(oid)[1], root, changes, "sha1")
        self.store.commit(objects, [])
        return new

    def found(self, docs: Docs, *words: str) -> list[str]:
        """Return what a search in memory finds, the best first."""
        search = Search(None, "notes", describe, "1")
        try:
            scores = search.scores(self.tree(docs), self.store, " ".join(words))
        finally:
            search.close()
        assert all(score > 0 for score in scores.values())
        return sorted(scores, key=lambda name: (-scores[name], name))


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "notes.sqlite"


@pytest.fixture
def search(path: Path) -> Iterator[Search]:
    made = Search(str(path), "notes", describe, "1")
    yield made
    made.close()


DOCS: Docs = {
    "login": ("The login fails when tests are locked",),
    "upload": ("Uploads hang", "s3 uploads", "split the file", "over 2 GB, see src/upload_s3.py"),
    "café": ("Café naïve résumé",),
    "chinese": ("登录失败。请重试",),
    "japanese": ("ログイン機能が壊れた",),
    "korean": ("로그인이 실패했다",),
    "hindi": ("हिन्दी में लिखा गया नोट",),
    "russian": ("Привет, мир",),
}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("LOGIN", ["login"]),
        ("failing lock", ["login"]),
        ("test", ["login"]),
        ("upload", ["upload"]),
        ("s3.py", ["upload"]),
        ("upload_s3", ["upload"]),
        ("cafe RESUME", ["café"]),
        ("登录", ["chinese"]),
        ("ログイン", ["japanese"]),
        ("録登", []),
        ("로그인", ["korean"]),
        ("हिन्दी", ["hindi"]),
        ("привет", ["russian"]),
        ("absent", []),
        ("absent login", ["login"]),
    ],
)
def test_words_are_found_whatever_their_form(world: World, text: str, names: list[str]) -> None:
    assert world.found(DOCS, text) == names


def test_what_fits_better_has_the_higher_score(world: World) -> None:
    docs: Docs = {
        "title": ("parser",),
        "tag": ("a", "parser"),
        "lesson": ("a", "b", "parser"),
        "details": ("a", "b", "c", "parser"),
        "both": ("parser printer",),
        **{f"n{n}": ("something else",) for n in range(20)},
    }
    assert world.found(docs, "parser printer") == ["both", "title", "tag", "lesson", "details"]


@pytest.mark.parametrize(
    "text",
    [
        "", " ", '"', '""', "'", "*", "-", "^", "(", ")", "()", ":", "+", "\0", "\0\0", ";--", "%",
        "🚀", "👩‍💻", "…", "¿?", "\u200b", "\ud800", "_", "\\", "{}", "\n\t",
    ],
)  # fmt: skip
def test_a_text_without_words_finds_nothing(world: World, text: str) -> None:
    assert expression(text) == ""
    assert world.found(DOCS, text) == []


@pytest.mark.parametrize(
    "text",
    [
        'login"', '"login', "login*", "-login", "^login", "(login", "login)", "summary:login",
        "NEAR(login x)", "login AND NOT login", "a:login", "words:login", "login\0rest", "login 🚀",
        "{a b}:login", "login + x", "'login", "login; DROP TABLE doc", "\ud800login", "login OR",
    ],
)  # fmt: skip
def test_operators_are_text_like_any_other(world: World, text: str) -> None:
    assert world.found(DOCS, text) == ["login"]


@pytest.mark.parametrize("text", ["AND", "OR NOT", "NEAR", "rank", "bm25(words)", "rowid"])
def test_names_of_the_language_are_words(world: World, text: str) -> None:
    assert world.found(DOCS, text) == []
    assert world.found({"x": (text.lower(),), "y": ("z",)}, text) == ["x"]


@given(st.text(), st.text())
def test_whatever_is_typed_is_no_error_and_finds_only_what_holds_a_word(
    text: str, other: str
) -> None:
    stored = other.encode("utf-8", "ignore").decode()
    found = World().found({"same": (stored,), "none": ("\u0416\u0416\u0416",)}, text, other)
    assert set(found) <= {"same", "none"}
    if "\u0416\u0416\u0416" not in (text + " " + other).upper():
        assert found in ([], ["same"])


@given(st.text('abc "*:()-', max_size=40))
def test_what_is_stored_is_found_by_its_own_words(text: str) -> None:
    words = bool(set(text) & set("abc"))
    assert World().found({"k": (text,)}, text) == (["k"] if words else [])


def test_a_long_text_is_searched_for_its_first_words() -> None:
    words = [f"w{number}" for number in range(WORDS * 3)]
    assert expression(" ".join(words * 2)) == " OR ".join(f'"{word}"' for word in words[:WORDS])


def test_many_words_are_no_trouble(world: World) -> None:
    assert world.found(DOCS, *(f"w{n}" for n in range(5000)), "login") == []
    assert world.found(DOCS, "login", *(f"w{n}" for n in range(5000))) == ["login"]


def test_a_ledger_without_the_table_has_nothing_to_find(search: Search, path: Path) -> None:
    store = MemoryStore()
    root, objects = rewrite(lambda oid: store.read(oid)[1], None, {("other", "x"): b"x"}, "sha1")
    store.commit(objects, [])
    assert search.scores(root, store, "x") == {}
    assert not path.exists()


def test_the_index_follows_and_reads_only_what_differs(
    world: World, search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = world.tree({f"n{n}": (f"old word{n}",) for n in range(200)})
    assert len(search.scores(first, world.store, "old")) == 200
    read: list[str] = []
    real = world.store.read_many
    monkeypatch.setattr(world.store, "read_many", lambda oids: (read.extend(oids), real(oids))[1])
    second = world.tree({"n1": ("new",), "n2": None, "n200": ("new",)}, first)
    assert set(search.scores(second, world.store, "new")) == {"n1", "n200"}
    assert len(read) == 2
    assert len(search.scores(second, world.store, "old")) == 198
    assert set(search.scores(second, world.store, "word2 word3")) == {"n3"}
    assert len(read) == 2
    assert set(search.scores(first, world.store, "word1 word2")) == {"n1", "n2"}


def test_a_change_of_other_tables_costs_nothing(world: World, search: Search, path: Path) -> None:
    first = world.tree(DOCS)
    search.scores(first, world.store, "login")
    before = path.stat().st_mtime_ns
    changes = {("locks", "a"): b"{}"}
    root, objects = rewrite(lambda oid: world.store.read(oid)[1], first, changes, "sha1")
    world.store.commit(objects, [])
    assert root != first
    assert search.scores(root, world.store, "login")
    assert path.stat().st_mtime_ns == before


words = st.sampled_from(["login", "upload", "parser", "printer", "test"])
texts = st.lists(words, max_size=4).map(" ".join)
changes = st.dictionaries(
    st.integers(0, 90).map(lambda n: f"n{n}"), st.none() | st.tuples(texts, texts), max_size=90
)


@settings(max_examples=30, deadline=None)
@given(st.lists(changes, min_size=1, max_size=5), words)
def test_an_index_that_followed_equals_one_that_is_built_anew(
    steps: list[dict[str, tuple[str, str] | None]], word: str
) -> None:
    world = World()
    followed = Search(None, "notes", describe, "1")
    model: dict[str, tuple[str, str]] = {}
    root = None
    for step in steps:
        # A record that is not there cannot be taken away.
        real = {n: t for n, t in step.items() if t is not None or n in model}
        root = world.tree(real, root)
        model = {n: t for n, t in (model | real).items() if t is not None}
        anew = Search(None, "notes", describe, "1")
        expected = anew.scores(root, world.store, word)
        assert followed.scores(root, world.store, word) == pytest.approx(expected)
        assert set(expected) == {n for n, found in model.items() if word in " ".join(found)}
        anew.close()
    followed.close()


def test_a_second_process_finds_the_index_ready(world: World, search: Search, path: Path) -> None:
    root = world.tree(DOCS)
    search.scores(root, world.store, "x")
    only_trees = MemoryStore()
    only_trees.commit([make_object(b"tree", world.store.read(root)[1], "sha1")], [])
    other = Search(str(path), "notes", describe, "1")
    assert set(other.scores(root, only_trees, "login")) == {"login"}
    other.close()


def test_another_version_makes_it_worthless(world: World, search: Search, path: Path) -> None:
    root = world.tree(DOCS)
    search.scores(root, world.store, "x")
    search.close()

    def silent(table: str, data: bytes) -> tuple[str, list[str]]:
        return describe(table, data)[0], ["quiet", "", "", ""]

    other = Search(str(path), "notes", silent, "2")
    assert other.scores(root, world.store, "login") == {}
    assert len(other.scores(root, world.store, "quiet")) == len(DOCS)
    other.close()


def test_an_old_tree_that_is_gone_costs_a_full_read_only(world: World, search: Search) -> None:
    from gitcoord.storage import node

    search.scores(world.tree({"gone": ("login",)}), world.store, "login")
    node._young.clear()
    node._old.clear()
    # A ledger of another epoch shares no object with the one before.
    fresh = World()
    assert set(search.scores(fresh.tree(DOCS), fresh.store, "login")) == {"login"}


def garbage(path: Path) -> None:
    path.write_bytes(b"this is not a database, it only has the length of one " * 400)


def middle(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    path.write_bytes(data)


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def script(text: str) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        connection = sqlite3.connect(path)
        connection.executescript(text)
        connection.close()

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        garbage, middle, half, empty, script("DROP TABLE doc"), script("DELETE FROM state"),
        script("UPDATE words_data SET block = x'00ff00ff' WHERE id > 10"),
        script("DROP TABLE words; CREATE TABLE words (a, b, c, d)"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_replaced(
    world: World, path: Path, damage: Callable[[Path], None]
) -> None:
    root = world.tree({f"n{n}": (f"login of the {n}th",) for n in range(400)})
    first = Search(str(path), "notes", describe, "1")
    first.scores(root, world.store, "x")
    first.close()
    damage(path)
    for store in (world.store, world.store):
        search = Search(str(path), "notes", describe, "1")
        assert len(search.scores(root, store, "login")) == 400
        assert not search.in_memory
        search.close()


def test_where_nothing_can_be_written_the_index_is_in_memory(world: World, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    search = Search(str(tmp_path / "file" / "index"), "notes", describe, "1")
    root = world.tree(DOCS)
    assert set(search.scores(root, world.store, "login")) == {"login"}
    assert search.in_memory
    search.close()


def test_a_python_without_full_text_search_says_so(
    world: World, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = fulltext._TABLES | {"words": fulltext._TABLES["words"].replace("fts5", "fts_none")}
    monkeypatch.setattr(fulltext, "_TABLES", tables)
    search = Search(str(path), "notes", describe, "1")
    with pytest.raises(Unavailable, match="no such module"):
        search.scores(world.tree(DOCS), world.store, "login")
    search.close()


def test_a_fault_that_a_new_index_has_too_is_told(
    world: World, search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gitcoord.storage.search._SQL", "SELECT nothing FROM nowhere")
    with pytest.raises(Unavailable, match="fails again"):
        search.scores(world.tree(DOCS), world.store, "login")


def test_a_record_that_cannot_be_read_fails_every_time_and_spoils_nothing(
    world: World, search: Search
) -> None:
    good = world.tree(DOCS)
    search.scores(good, world.store, "x")
    changes: dict[tuple[str, str], bytes | None] = {("notes", "bad"): b"broken"}
    bad, objects = rewrite(lambda oid: world.store.read(oid)[1], good, changes, "sha1")
    world.store.commit(objects, [])
    for _ in range(2):
        with pytest.raises(CorruptRecord):
            search.scores(bad, world.store, "login")
    assert set(search.scores(good, world.store, "login")) == {"login"}


WORKER = """
import json, sys, msgspec
from gitcoord.storage.memory import MemoryStore
from gitcoord.storage.search import Search
from gitcoord.storage.store import GitObject

path, data, start = sys.argv[1:]
with open(data, "rb") as file:
    trees, objects = msgspec.msgpack.decode(file.read(), type=tuple[list[str], list[GitObject]])
store = MemoryStore()
store.commit(objects, [])

def describe(table, data):
    name, *texts = json.loads(data)
    return name, [*texts, "", "", "", ""][:4]

print("ready", flush=True)
sys.stdin.readline()
for turn in range(20):
    number = (turn * 7 + int(start)) % len(trees)
    search = Search(path, "notes", describe, "1")
    found = search.scores(trees[number], store, "login")
    assert set(found) == {"same", f"n{number}"}, (number, found)
    assert not search.in_memory
    search.close()
print("right")
"""


def test_several_processes_at_once_each_search_the_tree_they_asked_for(
    world: World, tmp_path: Path
) -> None:
    trees = [world.tree({"same": ("login",), f"n{n}": (f"login {n}",)}) for n in range(3)]
    objects = [(*world.store.read(oid), oid) for oid in world.store._objects]
    data = tmp_path / "data"
    data.write_bytes(msgspec.msgpack.encode((trees, objects)))
    arguments = [sys.executable, "-c", WORKER, str(tmp_path / "index"), str(data)]
    workers = [
        subprocess.Popen(
            [*arguments, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    for worker in workers:
        assert worker.stdout
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin
        worker.stdin.write("go\n")
        worker.stdin.flush()
    assert [worker.communicate(timeout=120) for worker in workers] == [("right\n", "")] * 2


def test_what_should_be_a_record_and_is_a_folder_is_corrupt(world: World, search: Search) -> None:
    inner = make_object(b"tree", b"", "sha1")
    row = b"100644 r.a.json\0" + bytes.fromhex(inner.oid)
    table = make_object(b"tree", row, "sha1")
    root = make_object(b"tree", b"40000 notes\0" + bytes.fromhex(table.oid), "sha1")
    world.store.commit([inner, table, root], [])
    with pytest.raises(CorruptRecord, match="not a record"):
        search.scores(root.oid, world.store, "login")
