"""`gitcoord task`: the queue as people and programs use it, whole commands on a real repository."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.entrypoints.door import Door
from tests.gitrun import git

#: What a task has for programs at least: docs/cli.md.
TASK = {
    "id", "title", "description", "type", "status", "priority", "depends_on", "keys", "requires",
    "feature", "deadline", "parent", "session", "agent", "attempts", "result", "files_changed",
    "worktree", "branch",
}  # fmt: skip


def add(door: Door, *words: str) -> str:
    found = door.json("task", "add", *words)["task"]["id"]
    assert isinstance(found, str)
    return found


def claimed(door: Door, title: str = "Login", *words: str) -> str:
    """Add a task and claim it."""
    task = add(door, title, *words)
    door("task", "claim", task)
    return task


def task(door: Door, id: str) -> dict[str, Any]:
    found = door.json("task", "show", id)["task"]
    assert isinstance(found, dict)
    return found


def two(door: Door) -> tuple[str, str]:
    """Check two agents in; where no session is named it is the first that acts."""
    ada, bob = door.start("ada"), door.start("bob")
    door.become(ada)
    return ada, bob


def tasks(door: Door, *words: str) -> dict[str, str]:
    """Return the status of each listed task by its title."""
    return {one["title"]: one["status"] for one in door.json("task", "list", *words)["tasks"]}


def test_a_task_is_added_with_all_that_is_said_of_it(door: Door) -> None:
    door.start("ada")
    first = add(door, "Schema")
    found = door.json(
        "task", "add", "Login", "--description", "the new one", "--type", "bug",
        "--priority", "high", "--depends-on", first, "--keys", "src/auth/", "--keys", "db:schema",
        "--requires", "python", "--feature", "auth", "--deadline", "2999-01-01T00:00:00Z",
        "--parent", first, "--max-attempts", "2", "--id", "t-login",
    )  # fmt: skip
    one = found["task"]
    assert found["tasks"] == [one]
    assert set(one) >= TASK
    assert (one["id"], one["title"], one["description"]) == ("t-login", "Login", "the new one")
    assert (one["type"], one["priority"], one["status"]) == ("bug", 3, "pending")
    assert (one["depends_on"], one["keys"]) == ([first], ["src/auth/**", "db:schema"])
    assert (one["requires"], one["feature"], one["parent"]) == (["python"], "auth", first)
    assert (one["deadline"], one["max_attempts"]) == ("2999-01-01T00:00:00.000Z", 2)
    assert (one["created_by"], one["session"], one["attempts"]) == ("ada", "", [])
    assert task(door, "t-login") == one


def test_nobody_has_to_be_checked_in_to_add_a_task(door: Door) -> None:
    assert door("task", "add", "Login").startswith("added t-")


@pytest.mark.parametrize(
    ("words", "code", "exit_code"),
    [
        ((), "usage", 2),
        (("x" * 256,), "invalid_value", 2),
        (("",), "invalid_value", 2),
        (("Login", "--priority", "11"), "invalid_value", 2),
        (("Login", "--priority", "soon"), "invalid_value", 2),
        (("Login", "--keys", "../x"), "invalid_key", 2),
        (("Login", "--keys", "planet:mars"), "unknown_namespace", 2),
        (("Login", "--deadline", "yesterday"), "invalid_value", 2),
        (("Login", "--deadline", "2001-01-01"), "invalid_value", 2),
        (("Login", "--id", "a b"), "invalid_id", 2),
        (("Login", "--description", "x" * 65_537), "text_too_long", 2),
        (("Login", "--depends-on", "t-nothing"), "dependency_not_found", 3),
        (("Login", "--id", "t-a", "--depends-on", "t-a"), "dependency_cycle", 3),
        (("Login", "--parent", "t-nothing"), "task_not_found", 3),
    ],
)
def test_a_wrong_task_is_refused_and_nothing_is_added(
    door: Door, words: tuple[str, ...], code: str, exit_code: int
) -> None:
    assert door.refused("task", "add", *words, code=exit_code)["code"] == code
    assert tasks(door, "--all") == {}


def test_an_id_is_used_once(door: Door) -> None:
    add(door, "Login", "--id", "t-1")
    assert door.refused("task", "add", "Logout", "--id", "t-1")["code"] == "id_taken"


def test_keys_mean_what_they_mean_for_locks(door: Door) -> None:
    door.write("src/a.py", "")
    door.write("app/[id]/page.tsx", "")
    door.start("ada")
    id = add(door, "Login", "--keys", "src", "--keys", "app/[id]/page.tsx")
    found = door.json("task", "claim", id, "--key", "app")
    assert {one["key"] for one in found["locks"]} == {"src/**", r"app/\[id]/page.tsx", "app/**"}


def test_a_list_is_given_in_one_go_or_word_by_word(door: Door) -> None:
    one, two = add(door, "One"), add(door, "--id", "t-2", "Two")
    for words in (
        ("Login", "--keys", "a.py", "b.py", "--depends-on", one, two, "--requires", "sql", "go"),
        (
            "--keys", "a.py", "--keys", "b.py", "--depends-on", one, "--depends-on", two,
            "--requires", "sql", "--requires", "go", "Login",
        ),
    ):  # fmt: skip
        found = task(door, add(door, *words))
        assert (found["title"], found["keys"]) == ("Login", ["a.py", "b.py"])
        assert (found["depends_on"], found["requires"]) == ([one, two], ["sql", "go"])


YAML = """
defaults: {type: bug, feature: auth}
tasks:
  - ref: schema
    title: Schema
    keys: [db:schema, src]
    priority: critical
  - title: Login
    depends_on: [schema]
    deadline: 2999-01-01T00:00:00Z
    description: |
      Two
      lines
"""


def test_a_file_of_tasks_is_added_whole(door: Door, tmp_path: Path) -> None:
    door.write("src/a.py", "")
    file = tmp_path / "tasks.yaml"
    file.write_text(YAML, encoding="utf-8")
    answer = door.json("task", "add", "--file", str(file))
    assert set(answer) == {"ok", "tasks"}
    schema, login = answer["tasks"]
    assert (schema["priority"], schema["type"], schema["feature"]) == (1, "bug", "auth")
    assert schema["keys"] == ["db:schema", "src/**"]
    assert login["depends_on"] == [schema["id"]]
    assert login["description"] == "Two\nlines\n"
    assert tasks(door) == {"Schema": "pending", "Login": "pending"}


def test_a_file_may_be_json_and_come_from_standard_input(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = json.dumps([{"title": "Login"}, {"title": "Logout"}]).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    said = door("task", "add", "--file", "-")
    assert [line.split("  ")[1] for line in said.splitlines()] == ["Login", "Logout"]


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("[{title: Login}, {title: Logout, prioritty: 1}]", 2, "entry 2, prioritty"),
        ("[{title: Login}, {title: Logout, keys: ['../x']}]", 2, "'Logout'"),
        ("[{title: Login}, {title: Logout, depends_on: [t-nothing]}]", 3, "t-nothing"),
        (
            "[{title: A, ref: a, depends_on: [b]}, {title: B, ref: b, depends_on: [a]}]",
            3,
            "a -> b -> a",
        ),
        ("[{title: Login}, {}]", 2, "entry 2"),
        ("[]", 2, "no tasks"),
        ("3", 2, "no tasks"),
        ("[{title: Login}, {title: [", 2, "neither YAML nor JSON"),
        ("!!python/object/apply:os.getcwd []", 2, "neither YAML nor JSON"),
    ],
)
def test_one_wrong_entry_refuses_the_whole_file(
    door: Door, tmp_path: Path, text: str, code: int, words: str
) -> None:
    file = tmp_path / "tasks.yaml"
    file.write_text(text, encoding="utf-8")
    error = door.refused("task", "add", "--file", str(file), code=code)
    assert words in error["message"]
    assert tasks(door, "--all") == {}


def test_a_file_that_cannot_be_read_is_a_usage_error(door: Door, tmp_path: Path) -> None:
    error = door.refused("task", "add", "--file", str(tmp_path / "none.yaml"), code=2)
    assert error["code"] == "invalid_file"
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    door.refused("task", "add", "--file", str(tmp_path / "bytes"), code=2)
    door.refused("task", "add", "Login", "--file", "x", code=2)


def test_next_chooses_the_most_urgent_and_takes_its_keys(door: Door) -> None:
    session = door.start("ada")
    add(door, "Later", "--priority", "low")
    urgent = add(door, "Now", "--priority", "1", "--keys", "src/**")
    answer = door.json("task", "next")
    assert answer["task"]["id"] == urgent
    assert set(answer["task"]) >= TASK
    assert (answer["task"]["status"], answer["task"]["session"]) == ("assigned", session)
    assert answer["task"]["attempts"][0]["agent"] == "ada"
    (lock,) = answer["locks"]
    assert (lock["key"], lock["task"], lock["reason"]) == ("src/**", urgent, "Now")
    assert answer["worktree"] is None
    assert door.json("lock", "list")["locks"] == [lock]


def test_next_with_nothing_ready_is_no_failure_and_says_why(door: Door) -> None:
    ada, bob = two(door)
    assert door.json("task", "next", "--session", bob) == {
        "ok": True, "task": None, "locks": [], "waiting": [],
    }  # fmt: skip
    assert door("task", "next", "--session", bob) == "nothing is ready\n"
    door("lock", "acquire", "src/**", "--session", ada)
    held = add(door, "Login", "--keys", "src/a.py")
    after = add(door, "After", "--depends-on", held)
    skilled = add(door, "Skilled", "--requires", "sql")
    answer = door.json("task", "next", "--session", bob)
    assert answer["task"] is None
    reasons = {one["id"]: one["reasons"] for one in answer["waiting"]}
    assert reasons[held][0]["code"] == "keys_held"
    assert reasons[held][0]["about"] == [ada]
    assert reasons[held][0]["until"]
    assert reasons[after][0]["code"] == "depends"
    assert reasons[skilled][0]["code"] == "capability"
    said = door("task", "next", "--session", bob)
    assert said.startswith("nothing is ready\n")
    assert f"{held}  Login: ada holds src/**" in said
    assert f"{after}  After: waits for {held}" in said


def test_next_looks_only_at_the_wanted_types_and_features(door: Door) -> None:
    door.start("ada")
    add(door, "Feature", "--priority", "1", "--feature", "shop")
    bug = add(door, "Bug", "--type", "bug", "--feature", "auth")
    assert door.json("task", "next", "--type", "chore")["task"] is None
    assert door.json("task", "next", "--type", "bug", "--type", "chore")["task"]["id"] == bug
    assert door.json("task", "next", "--feature", "auth")["task"] is None
    assert door.json("task", "next", "--feature", "shop")["task"]["title"] == "Feature"


def test_a_paused_feature_stops_its_tasks(door: Door) -> None:
    ada, bob = two(door)
    id = add(door, "Login", "--feature", "auth")
    door("lock", "acquire", "feature:auth:pause", "--reason", "release", "--session", ada)
    assert door.refused("task", "claim", id, "--session", bob)["code"] == "paused"
    answer = door.json("task", "next", "--session", bob)
    assert answer["waiting"][0]["reasons"][0]["code"] == "paused"


def test_a_task_is_claimed_once_and_claiming_again_renews(door: Door) -> None:
    ada, bob = two(door)
    id = add(door, "Login", "--keys", "a.py")
    first = door.json("task", "claim", id, "--ttl", "5m", "--session", ada)
    assert first["renewed"] is False
    error = door.refused("task", "claim", id, "--session", bob)
    assert (error["code"], error["agent"]) == ("claim_failed", "ada")
    again = door.json("task", "claim", id, "--ttl", "1h", "--session", ada)
    assert again["renewed"] is True
    assert again["task"]["lease_until"] > first["task"]["lease_until"]
    assert again["locks"][0]["token"] == first["locks"][0]["token"]
    assert "renewed" in door("task", "claim", id, "--session", ada)


def test_a_claim_whose_keys_are_held_is_refused_with_the_holder(door: Door) -> None:
    ada, bob = two(door)
    door("lock", "acquire", "src/**", "--session", ada)
    id = add(door, "Login", "--keys", "src/a.py")
    error = door.refused("task", "claim", id, "--session", bob)
    assert (error["code"], error["conflicts"][0]["agent"]) == ("lock_held", "ada")
    assert task(door, id)["status"] == "pending"


@pytest.mark.parametrize("verb", ["claim", "show", "start", "complete", "cancel", "retry"])
def test_an_unknown_or_malformed_id_is_refused(door: Door, verb: str) -> None:
    door.start("ada")
    assert door.refused("task", verb, "t-nothing")["code"] == "task_not_found"
    assert door.refused("task", verb, "a b/c", code=2)["code"] == "invalid_id"


def test_completing_ends_the_claim_and_its_locks_and_makes_others_ready(door: Door) -> None:
    door.start("ada")
    first = claimed(door, "Login", "--keys", "a.py")
    second = add(door, "After", "--depends-on", first)
    door("lock", "acquire", "mine.py")
    answer = door.json(
        "task", "complete", first, "--result", "done", "--file", "a.py", "--file", "b.py"
    )
    assert set(answer) == {"ok", "task", "released", "unlanded", "ready"}
    assert (answer["task"]["status"], answer["task"]["result"]) == ("completed", "done")
    assert answer["task"]["files_changed"] == ["a.py", "b.py"]
    assert answer["task"]["completed_at"] is not None
    assert answer["task"]["attempts"][0]["outcome"] == "completed"
    assert answer["released"] == ["a.py"]
    assert answer["ready"] == [second]
    assert [one["key"] for one in door.json("lock", "list")["locks"]] == ["mine.py"]
    assert tasks(door) == {"After": "pending"}


def test_the_moves_need_no_id_while_the_session_holds_one_task(door: Door) -> None:
    door.start("ada")
    id = claimed(door)
    assert door("task", "start") == f"started {id}  Login\n"
    assert door("task", "block", "--reason", "no schema").startswith("blocked")
    assert task(door, id)["blocked_reason"] == "no schema"
    assert door.json("task", "start")["task"]["status"] == "in_progress"
    assert door("task", "complete").startswith("completed")
    error = door.refused("task", "complete", code=2)
    assert "holds none" in error["message"]
    one, two = claimed(door, "One"), claimed(door, "Two")
    error = door.refused("task", "complete", code=2)
    assert sorted(error["tasks"]) == sorted([one, two])
    assert door.json("task", "release", two)["task"]["status"] == "pending"
    assert door.json("task", "release")["task"]["id"] == one


def test_blocking_needs_a_reason(door: Door) -> None:
    door.start("ada")
    claimed(door)
    assert door.refused("task", "block", code=2)["code"] == "reason_required"


def test_a_failed_attempt_is_kept_and_retried_as_often_as_is_allowed(door: Door) -> None:
    door.start("ada")
    id = claimed(door, "Login", "--max-attempts", "2")
    failed = door.json("task", "fail", "--error", "tests hang", "--error-code", "hang")["task"]
    assert (failed["status"], failed["error"], failed["error_code"]) == (
        "failed", "tests hang", "hang",
    )  # fmt: skip
    assert "tests hang" in door("task", "list")
    assert door("task", "retry", id) == f"{id} is pending again\n"
    door("task", "claim", id)
    door("task", "fail", "--error", "again")
    error = door.refused("task", "retry", id)
    assert error["code"] == "attempts_exhausted"
    assert "--max-attempts 3" in error["hint"]
    found = door.json("task", "retry", id, "--max-attempts", "3", "--reason", "more memory")
    assert [one["error"] for one in found["task"]["attempts"]] == ["tests hang", "again"]


def test_what_somebody_else_cancels_says_so_and_its_claimant_is_told(door: Door) -> None:
    ada, bob = two(door)
    id = add(door, "Login", "--keys", "a.py")
    door("task", "claim", id, "--session", ada)
    answer = door.json("task", "cancel", id, "--reason", "not needed", "--session", bob)
    assert answer["task"]["status"] == "cancelled"
    assert answer["task"]["error_code"] == "cancelled_by_orchestrator"
    assert door.json("lock", "list")["locks"] == []
    assert "bob cancelled your task" in door("context", "--session", ada)
    own = claimed_by(door, ada)
    assert door.json("task", "cancel", own, "--session", ada)["task"]["error_code"] == ""


def claimed_by(door: Door, session: str) -> str:
    id = add(door, "Own")
    door("task", "claim", id, "--session", session)
    return id


def test_only_the_claimant_moves_a_task(door: Door) -> None:
    ada, bob = two(door)
    id = claimed_by(door, ada)
    for words in (
        ("start",), ("complete",), ("fail",), ("release",), ("block", "--reason", "x"),
    ):  # fmt: skip
        verb, *rest = words
        error = door.refused("task", verb, id, *rest, "--session", bob)
        assert (error["code"], error["agent"]) == ("not_assigned", "ada")


def test_an_illegal_move_names_the_legal_ones(door: Door) -> None:
    door.start("ada")
    id = claimed(door)
    door("task", "complete")
    error = door.refused("task", "start", id)
    assert (error["code"], error["allowed"]) == ("invalid_transition", [])
    pending = add(door, "Other")
    assert "cancel" in door.refused("task", "complete", pending)["allowed"]


def test_the_keys_of_a_claim_can_be_kept(door: Door) -> None:
    door.start("ada")
    claimed(door, "Login", "--keys", "a.py")
    assert door.json("task", "complete", "--keep-locks")["released"] == []
    (lock,) = door.json("lock", "list")["locks"]
    assert (lock["key"], lock["task"]) == ("a.py", "")


def test_what_is_completed_but_not_landed_is_marked(door: Door) -> None:
    git(door.place, "checkout", "-q", "-b", "topic")
    door.start("ada")
    claimed(door, "Login", "--keys", "a.py")
    door.commit("a.py", "print()\n")
    answer = door.json("task", "complete")
    assert [(one["key"], one["branch"]) for one in answer["unlanded"]] == [("a.py", "topic")]


def test_push_is_refused_with_the_reason_and_nothing_happens(door: Door) -> None:
    door.start("ada")
    id = claimed(door)
    error = door.refused("task", "complete", id, "--push", code=2)
    assert "git host" in error["message"]
    assert "merge or push the branch yourself" in error["hint"]
    assert task(door, id)["status"] == "assigned"


def test_notes_are_shown_with_the_task(door: Door) -> None:
    door.start("ada")
    id = claimed(door)
    note = door.json("task", "note", id, "needs a clock", "--kind", "hint")["note"]
    assert (note["task"], note["text"], note["kind"], note["agent"]) == (
        id, "needs a clock", "hint", "ada",
    )  # fmt: skip
    found = door.json("task", "show", id)
    assert set(found) == {"ok", "task", "obstacles", "notes"}
    assert [one["text"] for one in found["notes"]] == [
        "pending -> assigned: by ada", "needs a clock",
    ]  # fmt: skip
    assert "ada: needs a clock" in door("task", "show", id)
    assert door.refused("task", "note", id, " ", code=2)["code"] == "invalid_value"


def test_show_tells_what_stands_in_the_way(door: Door) -> None:
    first = add(door, "First")
    second = add(door, "Second", "--depends-on", first, "--description", "the whole story")
    door("task", "cancel", first)
    found = door.json("task", "show", second)
    assert found["obstacles"][0]["code"] == "dependency_failed"
    said = door("task", "show", second)
    assert said.startswith(f"{second}  Second\n")
    assert "dependency_failed" in said
    assert said.endswith("the whole story\n")


def test_the_list_is_filtered_sorted_and_bounded(door: Door) -> None:
    door.start("ada")
    add(door, "Low", "--priority", "9", "--feature", "shop")
    add(door, "High", "--priority", "1", "--type", "bug")
    parent = add(door, "Mid")
    add(door, "Child", "--parent", parent)
    door("task", "claim", parent)
    assert list(tasks(door)) == ["Mid", "High", "Child", "Low"]
    assert tasks(door, "--status", "pending", "--type", "bug") == {"High": "pending"}
    assert tasks(door, "--feature", "shop") == {"Low": "pending"}
    assert tasks(door, "--parent", parent) == {"Child": "pending"}
    assert tasks(door, "--agent", "ada") == {"Mid": "assigned"}
    bounded = door.json("task", "list", "-n", "3")
    assert (len(bounded["tasks"]), bounded["more"]) == (3, 1)
    assert door("task", "list", "-n", "3").endswith("... and 1 more (--limit)\n")
    door("task", "complete")
    assert "Mid" not in tasks(door)
    assert tasks(door, "--all")["Mid"] == "completed"
    assert tasks(door, "--status", "completed") == {"Mid": "completed"}
    error = door.refused("task", "list", "--status", "done", code=2)
    assert "completed" in error["hint"]
    assert "priority" in door("task", "list").lower()


def test_tasks_are_shown_as_they_were(door: Door) -> None:
    door.start("ada")
    id = claimed(door)
    then = door.json("status")["ledger"]["at"]
    time.sleep(0.01)
    door("task", "complete")
    assert door.json("task", "show", id, "--at", then)["task"]["status"] == "assigned"
    assert tasks(door, "--at", then) == {"Login": "assigned"}


def test_the_graph_is_drawn_as_text_and_for_graphviz(door: Door) -> None:
    assert door("task", "graph") == "there are no open tasks\n"
    first = add(door, 'The "first"')
    second = add(door, "Second", "--depends-on", first)
    said = door("task", "graph").splitlines()
    assert said[0] == "wave 0"
    assert first in said[1]
    assert said[2] == "wave 1"
    assert said[3].endswith(f"<- {first}")
    found = door.json("task", "graph")
    assert found["edges"] == [[first, second]]
    assert {one["id"] for one in found["tasks"]} == {first, second}
    drawn = door("task", "graph", "--dot")
    assert drawn.startswith("digraph tasks {")
    assert f'"{first}" -> "{second}";' in drawn
    assert door.json("task", "graph", "--dot")["dot"] == drawn
    door("task", "cancel", first)
    assert "The" not in door("task", "graph")
    assert "(cancelled)" in door("task", "graph", "--all")


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_understands_the_graph(door: Door) -> None:
    first = add(door, 'A "quoted" \\ title')
    add(door, "Second", "--depends-on", first, "--parent", first)
    drawn = door("task", "graph", "--dot")
    done = subprocess.run(["dot", "-Tsvg"], input=drawn.encode(), capture_output=True)
    assert done.returncode == 0, done.stderr
    assert b"<svg" in done.stdout


def test_a_claim_with_a_worktree_makes_one_on_a_branch_of_its_own(
    door: Door, tmp_path: Path
) -> None:
    door.start("ada")
    id = add(door, "Login", "--keys", "a.py")
    tree = tmp_path / "login"
    head = git(door.place, "rev-parse", "HEAD")
    answer = door.json("task", "claim", id, "--worktree", str(tree))
    branch = f"agent/ada/{id}"
    assert answer["worktree"] == {"path": str(tree), "branch": branch}
    assert (answer["task"]["worktree"], answer["task"]["branch"]) == (str(tree), branch)
    assert git(str(tree), "symbolic-ref", "--short", "HEAD") == branch
    assert git(str(tree), "rev-parse", "HEAD") == head
    assert git(door.place, "symbolic-ref", "--short", "HEAD") == "main"
    assert git(door.place, "status", "--porcelain") == ""
    assert f"worktree {tree} on {branch}" in door("task", "claim", id, "--worktree", str(tree))


def test_the_folder_is_relative_to_where_it_is_typed(door: Door, tmp_path: Path) -> None:
    os.makedirs(os.path.join(door.place, "deep"))
    door.start("ada")
    add(door, "Login")
    door.go(os.path.join(door.place, "deep"))
    answer = door.json("task", "next", "--worktree", os.path.join("..", "..", "w"))
    assert answer["worktree"]["path"] == str(tmp_path / "w")
    assert (tmp_path / "w" / "README").exists()


def test_work_that_was_begun_in_a_worktree_is_continued(door: Door, tmp_path: Path) -> None:
    door.start("ada")
    id = add(door, "Login")
    tree = tmp_path / "login"
    door("task", "claim", id, "--worktree", str(tree))
    (tree / "half.py").write_text("half", encoding="utf-8")
    door("task", "release")
    door("task", "claim", id, "--worktree", str(tree))
    assert (tree / "half.py").read_text(encoding="utf-8") == "half"


def test_what_is_dirty_or_foreign_is_never_touched(door: Door, tmp_path: Path) -> None:
    ada, bob = two(door)
    id = add(door, "Login")
    tree = tmp_path / "login"
    door("task", "claim", id, "--worktree", str(tree), "--session", ada)
    (tree / "half.py").write_text("half", encoding="utf-8")
    door("task", "release", id, "--session", ada)
    error = worktree_error(door, id, tree, bob)
    assert (tree / "half.py").read_text(encoding="utf-8") == "half"
    assert git(str(tree), "symbolic-ref", "--short", "HEAD") == f"agent/ada/{id}"
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "mine.txt").write_text("mine", encoding="utf-8")
    error = worktree_error(door, id, foreign, bob)
    assert str(foreign) in error["message"]
    assert (foreign / "mine.txt").read_text(encoding="utf-8") == "mine"
    own = str(tmp_path / "own")
    git(door.place, "worktree", "add", "-q", own)
    worktree_error(door, id, Path(own), bob)
    assert git(own, "symbolic-ref", "--short", "HEAD") == "own"
    # The claim stays, so that the command can be repeated with another folder.
    assert task(door, id)["agent"] == "bob"
    answer = door.json("task", "claim", id, "--worktree", str(tmp_path / "w"), "--session", bob)
    assert answer["task"]["branch"] == f"agent/bob/{id}"


def worktree_error(door: Door, id: str, folder: Path, session: str) -> dict[str, Any]:
    words = ("task", "claim", id, "--worktree", str(folder), "--session", session)
    body = json.loads(door(*words, "--json", code=3))
    assert body["error"]["code"] == "worktree_in_use"
    error = body["error"]
    assert isinstance(error, dict)
    return error


def test_completing_in_the_worktree_finds_what_has_not_landed(door: Door, tmp_path: Path) -> None:
    door.start("ada")
    id = add(door, "Login", "--keys", "a.py")
    tree = tmp_path / "login"
    door("task", "claim", id, "--worktree", str(tree))
    (tree / "a.py").write_text("print()\n", encoding="utf-8")
    git(str(tree), "add", "a.py")
    git(str(tree), "commit", "-q", "-m", "a")
    (mark,) = door.json("task", "complete", id)["unlanded"]
    assert (mark["branch"], mark["paths"]) == (f"agent/ada/{id}", ["a.py"])
