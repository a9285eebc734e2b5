"""Wrong words at the command line: a clear refusal with the right exit code, and no change."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.entrypoints.door import Door
from tests.entrypoints.evidence import says_no, surroundings

#: What the shell hands over for the bytes `caf\\xe9`, which are Latin-1 and no UTF-8.
BROKEN = b"caf\xe9".decode("utf-8", "surrogateescape")

BAD_KEYS = {
    "absolute": ("/etc/passwd", "absolute"),
    "drive": ("C:/src", "drive letter"),
    "parent": ("../other", '".."'),
    "parent inside": ("src/../../x", '".."'),
    "parent after a glob": ("*/..", '".."'),
    "parent in braces": ("src/{a,..}/b", '".."'),
    "nul": ("src/a\0b", "control character"),
    "newline": ("src/a\nb", "control character"),
    "escape": ("src/\x1b[31m", "control character"),
    "delete": ("src/a\x7f", "control character"),
    "c1": ("src/a\x85b", "control character"),
    "broken utf-8": (BROKEN, "not valid UTF-8"),
    "empty": ("", "is empty"),
    "only a namespace": ("db:", "nothing after its namespace"),
    "513 characters": ("x" * 513, "over 512 characters"),
    "1026 bytes": ("\u20ac" * 342, "over 1024 bytes"),
    "dot": (".", "names no file"),
    "dot slash": ("./", "is empty"),
    "git": (".git", "inside .git"),
    "GIT": (".GIT/config", "inside .git"),
    "inside git": (".git/hooks/pre-commit", "inside .git"),
    "git in braces": ("{.git,src}/a", "inside .git"),
    "open class": ("src/[ab", '"["'),
}


@pytest.fixture
def ada(door: Door) -> str:
    """Be checked in as ada."""
    return door.start("ada")


@pytest.mark.parametrize("name", BAD_KEYS)
def test_a_key_that_can_name_nothing_is_refused(door: Door, ada: str, name: str) -> None:
    key, why = BAD_KEYS[name]
    error = says_no(door, "invalid_key", 2, "lock", "acquire", "good.py", key)
    assert why in error["message"]
    assert "\x1b" not in door.err
    assert door.json("lock", "list")["locks"] == []


@pytest.mark.parametrize("words", [("release",), ("renew",), ("takeover", "--reason", "x")])
@pytest.mark.parametrize("key", ["/etc/passwd", "a\nb", "", ".git", BROKEN])
def test_every_lock_command_refuses_bad_keys(
    door: Door, ada: str, words: tuple[str, ...], key: str
) -> None:
    says_no(door, "invalid_key", 2, "lock", *words, key)


@pytest.mark.parametrize("key", ["/etc/passwd", "../x", "a\nb", "", ".git", BROKEN])
def test_asking_about_a_path_that_cannot_be_is_refused(door: Door, ada: str, key: str) -> None:
    says_no(door, "invalid_key", 2, "lock", "check", key)


@pytest.mark.parametrize("key", ["/etc/passwd", "../x", "", ".git", "nope:x"])
def test_a_session_does_not_declare_what_cannot_be(door: Door, key: str) -> None:
    code = "unknown_namespace" if key == "nope:x" else "invalid_key"
    says_no(door, code, 2, "session", "start", "--name", "ada", "--files", key)
    assert door.json("session", "list")["sessions"] == []


@pytest.mark.parametrize("key", ["/etc/passwd", "../x", "a\nb", ".git"])
def test_a_task_does_not_declare_what_cannot_be(door: Door, ada: str, key: str) -> None:
    says_no(door, "invalid_key", 2, "task", "add", "one", "--keys", key)


def test_bytes_that_are_no_utf8_are_refused_by_a_real_process(door: Door, ada: str) -> None:
    before = surroundings(door.place)
    for words in (["lock", "acquire"], ["task", "add"], ["session", "kill", "--reason", "x"]):
        command = [os.fsencode(sys.executable), b"-m", b"gitcoord", *map(os.fsencode, words)]
        done = subprocess.run([*command, b"caf\xe9"], cwd=door.place, capture_output=True)
        assert (done.returncode, done.stdout) == (2, b"")
        assert b"not valid UTF-8" in done.stderr
        assert b"Traceback" not in done.stderr
    assert surroundings(door.place) == before


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("invalid_value", ("session", "start", "--name", BROKEN)),
        ("invalid_value", ("session", "start", "--area", BROKEN)),
        ("invalid_id", ("lock", "acquire", "a", "--session", BROKEN)),
        ("invalid_value", ("lock", "acquire", "a", "--reason", BROKEN)),
        ("invalid_value", ("task", "add", BROKEN)),
        ("invalid_value", ("task", "add", "one", "--depends-on", BROKEN)),
        ("invalid_id", ("task", "show", BROKEN)),
        ("invalid_value", ("task", "complete", BROKEN)),
        ("unknown_setting", ("config", BROKEN)),
        ("invalid_file", ("import", BROKEN)),
    ],
)
def test_broken_text_is_refused_wherever_it_stands(
    door: Door, ada: str, code: str, words: tuple[str, ...]
) -> None:
    says_no(door, code, 2, *words)


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text there")
def test_a_repository_in_a_folder_whose_name_is_no_utf8_can_be_worked_in(
    bare_door: Door, tmp_path: Path
) -> None:
    place = os.path.join(str(tmp_path), BROKEN)
    os.rename(bare_door.place, place)
    bare_door.go(place)
    bare_door.json("init")
    session = bare_door.start("ada")
    assert bare_door.json("whoami")["session"]["id"] == session
    assert bare_door.json("lock", "acquire", "a")["locks"]
    assert "caf" in bare_door.json("where")["where"]["worktree"]


def test_an_unknown_namespace_is_refused_with_the_known_ones(door: Door, ada: str) -> None:
    error = says_no(door, "unknown_namespace", 2, "lock", "acquire", "nope:thing")
    assert "db" in error["known"]
    assert "file:" in error["hint"]


@pytest.mark.parametrize("ttl", ["0", "0.9s", "8h1s", "2d"])
def test_a_ttl_out_of_range_is_refused(door: Door, ada: str, ttl: str) -> None:
    says_no(door, "ttl_out_of_range", 2, "lock", "acquire", "a", "--ttl", ttl)
    says_no(door, "ttl_out_of_range", 2, "task", "next", "--ttl", ttl)


@pytest.mark.parametrize("ttl", ["soon", "-5", "nan", "inf", "1e400", "9" * 400, ""])
def test_a_ttl_that_is_no_duration_is_refused(door: Door, ada: str, ttl: str) -> None:
    words = ("lock", "acquire", "a", f"--ttl={ttl}")
    before = surroundings(door.place)
    error = json.loads(door(*words, "--json", code=2))["error"]
    assert error["code"] in ("invalid_value", "ttl_out_of_range")
    assert surroundings(door.place) == before


@pytest.mark.parametrize(
    ("code", "exit_code", "words"),
    [
        ("task_not_found", 3, ("task", "claim", "t-none")),
        ("task_not_found", 3, ("task", "show", "t-none")),
        ("task_not_found", 3, ("task", "complete", "t-none")),
        ("task_not_found", 3, ("task", "retry", "t-none")),
        ("task_not_found", 3, ("task", "note", "t-none", "hello")),
        ("session_not_found", 3, ("session", "show", "s-none")),
        ("session_not_found", 3, ("session", "kill", "s-none", "--reason", "gone")),
        ("session_not_found", 3, ("session", "pause", "s-none")),
        ("session_not_found", 3, ("session", "resume", "s-none")),
        ("session_not_found", 3, ("lock", "acquire", "a", "--session", "s-none")),
        ("invalid_id", 2, ("task", "claim", "bad id!")),
        ("invalid_id", 2, ("task", "show", "../../etc")),
        ("invalid_id", 2, ("task", "add", "one", "--id", "a\nb")),
        ("invalid_id", 2, ("task", "add", "one", "--id", "x" * 129)),
        ("invalid_id", 2, ("session", "start", "--session", "no blanks")),
        ("invalid_id", 2, ("lock", "acquire", "a", "--session", "-rf")),
        ("unknown_setting", 2, ("config", "--shared", "lock_tll", "60")),
    ],
)
def test_what_does_not_exist_or_is_no_id_is_refused(
    door: Door, ada: str, code: str, exit_code: int, words: tuple[str, ...]
) -> None:
    says_no(door, code, exit_code, *words)


def test_an_id_in_the_environment_is_checked_like_a_typed_one(door: Door, ada: str) -> None:
    door.become("no blanks please")
    says_no(door, "invalid_id", 2, "lock", "acquire", "a")
    door.become("s-unknown")
    error = says_no(door, "session_not_found", 3, "lock", "acquire", "a")
    assert "session start" in error["hint"]


def test_a_task_that_depends_on_itself_or_on_nothing_is_refused(door: Door, ada: str) -> None:
    error = says_no(
        door, "dependency_cycle", 3, "task", "add", "one", "--id", "t-1", "--depends-on", "t-1"
    )
    assert "t-1" in error["message"]
    says_no(door, "dependency_not_found", 3, "task", "add", "one", "--depends-on", "t-2")


@pytest.mark.parametrize(
    ("code", "exit_code", "text"),
    [
        (
            "dependency_cycle",
            3,
            """[{ref: a, title: A, depends_on: [c]}, {ref: b, title: B, depends_on: [a]},
                {ref: c, title: C, depends_on: [b]}]""",
        ),
        ("dependency_not_found", 3, "[{ref: a, title: A}, {title: B, depends_on: [nobody]}]"),
        ("invalid_key", 2, "[{title: A}, {title: B, keys: [/etc]}]"),
        ("invalid_file", 2, "[{title: A}, {title: B, colour: red}]"),
        ("invalid_file", 2, "[{title: A}, {title: ''}]"),
        ("invalid_file", 2, "[{title: A}, {}]"),
        ("invalid_file", 2, "[{title: A}, 7]"),
        ("invalid_file", 2, "[{title: A}, {title: B, priority: 99}]"),
        ("invalid_file", 2, "title: A"),
        ("invalid_file", 2, "[]"),
        ("invalid_file", 2, ""),
        ("invalid_file", 2, "[{title: A"),
        ("invalid_file", 2, "!!python/object:os.system [true]"),
        ("invalid_file", 2, "[{title: A, id: t-1}, {title: B, id: t-1}]"),
        ("invalid_file", 2, "[{title: A, deadline: gestern}]"),
    ],
)
def test_a_task_file_with_one_fault_adds_nothing(
    door: Door, ada: str, tmp_path: Path, code: str, exit_code: int, text: str
) -> None:
    file = tmp_path / "tasks.yaml"
    file.write_text(text, encoding="utf-8")
    says_no(door, code, exit_code, "task", "add", "--file", str(file))
    assert door.json("task", "list")["tasks"] == []


def test_a_task_file_that_is_no_text_or_not_there_is_refused(
    door: Door, ada: str, tmp_path: Path
) -> None:
    file = tmp_path / "tasks.yaml"
    says_no(door, "invalid_file", 2, "task", "add", "--file", str(file))
    says_no(door, "invalid_file", 2, "task", "add", "--file", str(tmp_path))
    for raw in (b"\xff\xfe\x00", b"- title: caf\xe9\n", b"- title: \x00\n", b"[" * 500):
        file.write_bytes(raw)
        says_no(door, "invalid_file", 2, "task", "add", "--file", str(file))


def test_a_text_over_64_kib_is_refused_and_one_below_is_not(door: Door, ada: str) -> None:
    long, enough = "\u20ac" * 21846, "\u20ac" * 21000
    door("task", "add", "one", "--id", "t-1", "--description", enough)
    for words in (
        ("task", "add", "two", "--description", long),
        ("task", "note", "t-1", long),
        ("lock", "acquire", "a", "--reason", long),
        ("handoff", "write", long),
        ("session", "end", "--summary", long),
    ):
        error = says_no(door, "text_too_long", 2, *words)
        assert "65536" in error["message"]
        assert len(error["message"]) < 500


@pytest.fixture
def grace(door: Door, ada: str) -> str:
    """Be checked in as grace beside ada, who holds src/ and the task t-held."""
    door.become(ada)
    door("lock", "acquire", "src/**")
    for words in (
        ("held", "--id", "t-held"),
        ("done", "--id", "t-done"),
        ("later", "--id", "t-later", "--depends-on", "t-held"),
        ("able", "--id", "t-able", "--requires", "gpu"),
        ("keys", "--id", "t-keys", "--keys", "src/a.py"),
        ("future", "--id", "t-future", "--not-before", "2099-01-01T00:00:00Z"),
        ("free", "--id", "t-free"),
    ):
        door("task", "add", *words)
    door("task", "claim", "t-held")
    door("task", "cancel", "t-done")
    door.become(None)
    found = door.start("grace")
    door.become(found)
    return found


@pytest.mark.parametrize(
    ("code", "task"),
    [
        ("claim_failed", "t-held"),
        ("claim_failed", "t-done"),
        ("claim_failed", "t-later"),
        ("claim_failed", "t-able"),
        ("lock_held", "t-keys"),
        ("claim_failed", "t-future"),
    ],
)
def test_what_cannot_be_claimed_is_refused(door: Door, grace: str, code: str, task: str) -> None:
    error = says_no(door, code, 3, "task", "claim", task)
    assert error["hint"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("lock_not_found_or_not_owner", ("lock", "release", "src/**")),
        ("lock_not_found_or_not_owner", ("lock", "renew", "src/**")),
        ("lock_not_found_or_not_owner", ("lock", "release", "nobody/has/this")),
        ("not_assigned", ("task", "release", "t-held")),
        ("not_assigned", ("task", "complete", "t-held")),
        ("lock_held", ("lock", "acquire", "src/a.py")),
        ("lock_held", ("lock", "acquire", "free.py", "src/**/*.c")),
    ],
)
def test_what_is_another_s_stays_another_s(
    door: Door, ada: str, grace: str, code: str, words: tuple[str, ...]
) -> None:
    says_no(door, code, 3, *words)
    held = door.json("lock", "list")["locks"]
    assert [(one["key"], one["session"]) for one in held] == [("src/**", ada)]


@pytest.mark.parametrize("move", ["start", "block", "complete", "fail", "release"])
def test_a_move_that_the_status_forbids_is_refused(door: Door, grace: str, move: str) -> None:
    error = says_no(door, "invalid_transition", 3, "task", move, "t-free", "--reason", "because")
    assert "claim" in error["hint"]
    says_no(door, "invalid_transition", 3, "task", move, "t-done", "--reason", "because")


def test_a_retry_of_what_has_not_failed_is_refused(door: Door, grace: str) -> None:
    says_no(door, "invalid_transition", 3, "task", "retry", "t-free")


@pytest.mark.parametrize(
    "words",
    [
        ("lock", "acquire", "b"),
        ("lock", "release", "--all"),
        ("lock", "renew"),
        ("task", "next"),
        ("task", "claim", "t-free"),
        ("task", "add", "one"),
        ("session", "heartbeat"),
        ("session", "scope", "--area", "x"),
        ("session", "end"),
        ("handoff", "write", "bye"),
    ],
)
def test_a_session_that_has_ended_acts_no_more(
    door: Door, grace: str, words: tuple[str, ...]
) -> None:
    door("lock", "acquire", "mine.py")
    door("session", "end")
    error = says_no(door, "session_ended", 3, *words)
    assert "session start" in error["hint"]


def test_a_killed_session_hears_what_it_lost_and_who_has_it(
    door: Door, ada: str, grace: str
) -> None:
    door.become(None)
    door("session", "kill", ada, "--reason", "left the building")
    door.become(grace)
    door("lock", "acquire", "src/**")
    door.become(ada)
    error = says_no(door, "session_ended", 3, "lock", "renew", "src/**")
    assert "src/**" in json.dumps(error["lost"])
    assert "grace" in json.dumps(error["lost"])
