"""`status`, `where`, `whoami` and `context`: what there is to know, in few words."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.entrypoints.cli.context import Section, fit
from tests.entrypoints.conftest import outside
from tests.entrypoints.door import Door
from tests.gitrun import git


def busy(door: Door) -> tuple[str, str]:
    """Check two agents in; the first holds a lock and a task."""
    ada, bob = door.start("ada", "--area", "web"), door.start("bob", "--area", "api")
    door.become(ada)
    door("lock", "acquire", "a.py", "--reason", "login page")
    door("task", "add", "Login")
    door("task", "next")
    return ada, bob


def test_status_shows_who_works_on_what(door: Door) -> None:
    ada, bob = busy(door)
    door("task", "add", "Logout")
    found = door.json("status")
    assert [(one["id"], one["status"]) for one in found["sessions"]] == [
        (ada, "active"), (bob, "active"),
    ]  # fmt: skip
    assert [lock["key"] for lock in found["locks"]] == ["a.py"]
    assert (found["tasks"]["pending"], found["tasks"]["ready"]) == (1, 1)
    assert found["tasks"]["assigned"] == 1
    assert [task["title"] for task in found["claimed"]] == ["Login"]
    assert [task["title"] for task in found["next"]] == ["Logout"]
    text = door("status")
    for word in ("ada", "bob", "a.py", "login page", "Login", "1 pending (1 ready)", "Logout"):
        assert word in text


def test_status_of_an_empty_ledger_says_so(door: Door) -> None:
    assert door("status").split("\n") == ["nobody is checked in", "", "no open tasks", ""]


def test_status_counts_what_is_closed(door: Door) -> None:
    door.become(door.start("ada"))
    door("task", "add", "Login")
    task = door.json("task", "next")["task"]["id"]
    door("task", "complete", task)
    assert door.json("status")["tasks"]["closed"] == 1
    assert "all 1 tasks closed" in door("status")


def test_status_shows_the_past(door: Door) -> None:
    ada = door.start("ada")
    door("lock", "acquire", "a.py", "--session", ada)
    then = door.json("status")["ledger"]["at"]
    time.sleep(0.002)
    door("session", "end", "--session", ada)
    assert door.json("status")["sessions"] == []
    found = door.json("status", "--at", then)
    assert [one["id"] for one in found["sessions"]] == [ada]
    assert [lock["key"] for lock in found["locks"]] == ["a.py"]
    assert door("status", "--oneline", "--at", then, "--session", ada).endswith(
        "1 session, 1 lock, 0 ready\n"
    )


def test_status_fits_a_status_line(door: Door) -> None:
    assert door("status", "--oneline") == "0 sessions, 0 locks, 0 ready\n"
    ada, _ = busy(door)
    task = door.json("status")["claimed"][0]["id"]
    assert door("status", "--oneline") == f"ada {task} 1 lock | 2 sessions, 1 lock, 0 ready\n"
    door("session", "end")
    assert door("status", "--oneline") == "ada has ended | 1 session, 0 locks, 1 ready\n"
    assert door.json("status", "--oneline", "--session", ada)["line"].startswith("ada has ended")


def test_status_needs_a_ledger(bare_door: Door) -> None:
    error = bare_door.refused("status", code=2)
    assert error["code"] == "not_initialised"
    assert error["hint"].startswith("Run `gitcoord init`, or `gitcoord init --remote origin`")


def test_status_lists_what_has_not_landed(door: Door) -> None:
    git(door.place, "checkout", "-q", "-b", "topic")
    door.start("ada")
    door("lock", "acquire", "a.py")
    door.commit("a.py", "print()\n")
    door("session", "end")
    assert "unlanded: a.py by ada, build on topic" in door("status")


def test_where_names_the_repository_and_its_ledger(door: Door, linked_worktree: str) -> None:
    door.go(linked_worktree)
    found = door.json("where")["where"]
    assert found["worktree"].endswith("linked")
    assert found["common_dir"].endswith("repo/.git")
    assert found["head"] == git(door.place, "rev-parse", "refs/coord/state")
    assert (found["seq"], found["arbiter"]) == (1, "local")
    assert found["head"] in door("where")


def test_where_works_before_there_is_a_ledger(bare_door: Door) -> None:
    assert bare_door.json("where")["where"]["head"] is None
    assert "gitcoord init" in bare_door("where")


def test_where_says_that_a_ledger_is_lost(door: Door) -> None:
    git(door.place, "update-ref", "-d", "refs/coord/state")
    assert door.refused("where", code=6)["code"] == "ledger_missing"


def test_whoami_says_how_it_knows(door: Door) -> None:
    assert door.refused("whoami", code=2)["code"] == "session_required"
    ada = door.start("ada")
    found = door.json("whoami")
    assert (found["holder"], found["agent"]) == (ada, "ada")
    assert "only live session" in found["found_by"]
    door.become(f"{ada}/tests")
    found = door.json("whoami")
    assert (found["holder"], found["found_by"]) == (f"{ada}/tests", "GITCOORD_SESSION")
    assert door.json("whoami", "--session", ada)["found_by"] == "--session"
    door("session", "end", "--session", ada)
    assert door.refused("whoami")["code"] == "session_ended"


def test_the_context_tells_an_agent_what_it_has_and_who_is_near(door: Door) -> None:
    ada, bob = busy(door)
    door("lock", "acquire", "b.py", "--session", bob)
    door("handoff", "write", "Half of it works", "--next-step", "the rest", "--session", bob)
    found = door.json("context")
    text = found["text"]
    assert (found["session"]["id"], found["omitted"]) == (ada, [])
    for word in (
        f"You are ada, session {ada}", "Login", "You hold a.py", "bob (active)", "b.py",
        "Half of it works", "the rest",
    ):  # fmt: skip
        assert word in text
    order = [text.index(word) for word in ("You are", "Your task", "You hold", "bob (active)")]
    assert order == sorted(order)


def test_the_context_has_what_others_wrote_on_the_task_and_how_it_went_before(door: Door) -> None:
    ada, bob = door.start("ada"), door.start("bob")
    door.become(ada)
    task = door.json("task", "add", "Login", "--description", "With a second factor")["task"]["id"]
    door("task", "claim", task)
    door("task", "fail", task, "--error", "no redis")
    door("task", "retry", task)
    door("task", "claim", task)
    door("task", "note", task, "redis is at port 6380", "--session", bob)
    text = door("context")
    assert "With a second factor" in text
    assert "attempt 2; the one before: failed, no redis" in text
    assert f"Note on {task} by bob" in text
    assert text.count("Note on") == 1


def test_of_many_locks_of_others_some_are_shown_and_the_rest_counted(door: Door) -> None:
    bob, ada = door.start("bob"), door.start("ada")
    door("lock", "acquire", *(f"a-{n}.py" for n in range(9)), "--session", bob)
    text = door("context", "--session", ada)
    assert "a-5.py" in text
    assert "a-6.py" not in text
    assert "and 3 more" in text


def test_a_take_over_is_told_at_once(door: Door) -> None:
    ada, bob = busy(door)
    door("lock", "takeover", "a.py", "--reason", "ada is at lunch", "--session", bob)
    text = door.json("context", "--session", ada)["text"]
    assert text.index("NOTICE") < text.index("Your task")
    assert "ada is at lunch" in text
    assert "You hold no locks" in text


def test_an_ended_session_is_told_what_it_lost(door: Door) -> None:
    ada, _ = busy(door)
    door.become(None)
    door("session", "kill", ada, "--reason", "its machine is gone")
    text = door.json("context", "--session", ada)["text"]
    assert "has ended (killed)" in text
    assert "a.py" in text
    assert "gitcoord session start" in text


def test_whoever_is_not_checked_in_is_told_how_to(door: Door) -> None:
    assert "gitcoord session start" in door("context")
    door.start("ada")
    door.start("bob")
    assert "several sessions are live" in door("context")


def test_the_context_names_branches_to_build_on(door: Door) -> None:
    git(door.place, "checkout", "-q", "-b", "topic")
    door.start("ada")
    door("lock", "acquire", "a.py")
    door.commit("a.py", "print()\n")
    door("session", "end")
    door.start("bob")
    assert "Not landed: a.py by ada" in door("context")
    assert "build on topic" in door("context")


def test_a_small_budget_keeps_what_is_most_important(door: Door) -> None:
    busy(door)
    door("lock", "acquire", *(f"path/to/some/file-{n}.py" for n in range(30)))
    said = door("context", "--budget", "400")
    assert len(said) <= 401
    assert said.startswith("You are ada")
    assert "Login" in said
    assert "more: gitcoord lock list --mine" in said
    assert "locks" in door.json("context", "--budget", "400")["omitted"]
    door("context", "--budget", "10", code=2)


LINES = st.lists(st.integers(0, 90).map("x".__mul__), max_size=5)
SECTIONS = st.lists(
    st.builds(Section, st.just("locks"), LINES, st.sampled_from(["", "gitcoord lock list"])),
    max_size=5,
)


@given(SECTIONS, st.integers(200, 900))
def test_no_text_is_longer_than_its_budget(sections: list[Section], budget: int) -> None:
    text, omitted = fit(sections, budget)
    assert len(text) <= budget
    whole = "\n".join(line for section in sections for line in section.lines)
    assert omitted or text == whole


def test_the_commands_work_in_a_bare_repository(
    bare_repo: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    door = outside(bare_repo, monkeypatch, capfd)
    door("init")
    door.become(door.start("ada"))
    for command in ("status", "where", "whoami", "context", "config"):
        door(command)


def test_every_command_has_help_with_an_example(door: Door) -> None:
    for name in ("init", "status", "where", "whoami", "context", "config"):
        assert f"gitcoord {name}" in door(name, "--help").partition("Example")[2]
