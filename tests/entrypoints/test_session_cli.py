"""`gitcoord session`: check in, show life, declare scope, look around, check out."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from gitcoord.bootstrap import open_house
from gitcoord.domain.operation import Beat
from gitcoord.domain.signals import ReportSignals, Signalled, Signals
from gitcoord.domain.time import plus
from gitcoord.domain.usage import Reported, ReportUsage, Usage
from gitcoord.entrypoints.cli import roster
from gitcoord.entrypoints.cli.render import trimmed
from gitcoord.entrypoints.cli.words import _repeated
from tests.entrypoints.door import Door
from tests.gitrun import git


def sessions(door: Door, *words: str) -> dict[str, str]:
    return {one["id"]: one["status"] for one in door.json("session", "list", *words)["sessions"]}


def test_a_session_starts_with_all_that_it_says(door: Door) -> None:
    answer = door.json(
        "session", "start", "--name", "claude-1", "--type", "coder", "--area", "backend",
        "--files", "src/**", "docs/", "--capability", "python", "--capability", "sql",
        "--task", "login", "--life", "beat", "--ttl", "5m",
    )  # fmt: skip
    session = answer["session"]
    assert session["agent"] == "claude-1"
    assert session["type"] == "coder"
    assert session["area"] == "backend"
    assert session["files"] == ["docs/**", "src/**"]
    assert session["capabilities"] == ["python", "sql"]
    assert session["task"] == "login"
    assert (session["life"], session["ttl"]) == ("beat", 300)
    assert session["worktree"] == os.path.realpath(door.place)
    assert session["branch"] == "main"
    assert answer["conflicts"] == []


def test_a_session_without_a_name_gets_one_that_nobody_has(door: Door) -> None:
    names = {door.json("session", "start")["session"]["agent"] for _ in range(3)}
    assert len(names) == 3


def test_outside_of_a_terminal_no_line_for_the_shell_is_printed(door: Door) -> None:
    assert "export" not in door("session", "start")


def test_the_session_of_the_environment_is_continued(door: Door) -> None:
    door.become(door.start("ada", "--area", "web"))
    again = door.json("session", "start", "--task", "more")
    assert again["resumed"] is True
    assert (again["session"]["agent"], again["session"]["area"]) == ("ada", "web")
    assert len(sessions(door)) == 1


def test_an_ended_session_of_the_environment_is_left_behind(door: Door) -> None:
    before = door.start("ada")
    door.become(before)
    door("session", "end")
    assert door.json("session", "start", "--name", "ada")["session"]["id"] != before


def test_a_session_can_be_given_its_id(door: Door) -> None:
    assert door.json("session", "start", "--session", "ci-4711")["session"]["id"] == "ci-4711"
    door.json("session", "end", "--session", "ci-4711")
    assert door.refused("session", "start", "--session", "ci-4711")["code"] == "id_taken"
    assert door.refused("session", "start", "--session", "a b", code=2)["code"] == "invalid_id"


def test_the_conversation_of_a_client_is_one_session(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAUDE_CODE_SESSION_ID", "c0ffee")
    first = door.json("session", "start")["session"]
    assert (first["client"], first["client_session"]) == ("claude", "c0ffee")
    assert first["type"] == "claude"
    again = door.json("session", "start", "--area", "web")
    assert (again["session"]["id"], again["resumed"]) == (first["id"], True)
    assert again["session"]["agent"] == first["agent"]
    who = door.json("whoami")
    assert (who["session"]["id"], who["found_by"]) == (first["id"], "the claude conversation")


def test_a_session_lives_as_long_as_the_process_that_is_named(door: Door) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        session = door.json("session", "start", "--life", "process", "--pid", str(child.pid))
        assert session["session"]["process"]["pid"] == child.pid
    finally:
        child.communicate()
    # What was watched is too young for a short command to look again on its own.
    os.remove(os.path.join(door.place, ".git", "gitcoord", "watch.json"))
    door("session", "list")
    assert sessions(door, "--all") == {session["session"]["id"]: "timed_out"}


def test_by_default_the_process_is_the_parent(door: Door) -> None:
    session = door.json("session", "start", "--life", "process")["session"]
    assert session["process"]["pid"] == os.getppid()


def test_in_the_shell_of_a_client_the_parent_is_never_taken_for_the_client(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAUDE_CODE_SESSION_ID", "c0ffee")
    error = door.refused("session", "start", "--life", "process", code=2)
    assert "--pid" in error["hint"]
    monkeypatch.setenv("CLAUDE_PID", str(os.getpid()))
    session = door.json("session", "start", "--life", "process")["session"]
    assert session["process"]["pid"] == os.getpid()


@pytest.mark.parametrize(
    "words",
    [
        ("--pid", "1"),
        ("--life", "process", "--pid", "999999999"),
        ("--life", "for-ever"),
        ("--ttl", "soon", "--life", "beat"),
        ("--ttl", "99d", "--life", "beat"),
        ("--name", "a<b"),
        ("--files", "../x"),
        ("--files", ".git/config"),
        ("--files", "nope:x"),
        ("--capability", "a\nb"),
        ("--area", "x" * 101),
        ("--session", "a/b"),
    ],
)
def test_a_wrong_check_in_is_refused_and_leaves_nothing(door: Door, words: tuple[str, ...]) -> None:
    door.refused("session", "start", *words, code=2)
    assert sessions(door, "--all") == {}


def test_the_same_area_and_overlapping_files_are_told(door: Door) -> None:
    door.start("ada", "--area", "web", "--files", "src/**")
    answer = door.json("session", "start", "--name", "bob", "--area", "web", "--files", "src/a.py")
    (conflict,) = answer["conflicts"]
    assert conflict["agent"] == "ada"
    assert conflict["overlapping_areas"] == ["web"]
    assert conflict["overlapping_files"] == ["src/**"]
    assert "ada" in door("session", "start", "--name", "eve", "--area", "web")


def test_a_blocking_conflict_refuses_the_check_in(door: Door) -> None:
    door.start("ada", "--files", "src/**")
    words = ("session", "start", "--name", "bob", "--files", "src/a.py")
    error = door.refused(*words, "--conflict-mode", "block")
    assert error["code"] == "scope_conflict"
    assert error["conflicts"][0]["agent"] == "ada"
    assert len(sessions(door, "--all")) == 1
    door("config", "--shared", "conflict_mode", "block")
    door.refused(*words)
    assert door.json(*words, "--conflict-mode", "warn")["conflicts"] != []


def test_a_dry_run_only_says_what_would_be(door: Door) -> None:
    door.start("ada", "--area", "web")
    words = ("session", "start", "--name", "bob", "--dry-run")
    assert door.json(*words, "--area", "api")["conflicts"] == []
    assert door.json(*words, "--area", "web")["conflicts"] != []
    assert door.json(*words, "--area", "web", "--conflict-mode", "block", code=3)["conflicts"]
    assert len(sessions(door, "--all")) == 1


def test_a_heartbeat_says_until_when_silence_is_allowed(door: Door) -> None:
    door.become(door.start("ada", "--life", "beat"))
    assert door.json("session", "heartbeat")["session"]["expires_at"] is not None
    door.become(None)
    door("session", "end")
    door.become(door.start("bob"))
    assert door.json("session", "heartbeat")["session"]["expires_at"] is None


def test_a_late_heartbeat_revives_nobody(door: Door) -> None:
    door.become(door.start("ada"))
    door("session", "end")
    assert door.refused("session", "heartbeat")["code"] == "session_ended"


def test_the_scope_changes_only_in_what_is_named(door: Door) -> None:
    door.start("ada", "--area", "web", "--files", "web/**", "--task", "login")
    after = door.json("session", "scope", "--files", "api/", "docs/a.md")["session"]
    assert (after["area"], after["files"], after["task"]) == (
        "web", ["api/**", "docs/a.md"], "login",
    )  # fmt: skip
    after = door.json("session", "scope", "--area", "", "--no-files")["session"]
    assert (after["area"], after["files"], after["task"]) == ("", [], "login")
    door.refused("session", "scope", code=2)
    door.refused("session", "scope", "--files", "a", "--no-files", code=2)


def test_a_blocked_change_of_scope_leaves_the_old_one(door: Door) -> None:
    door("config", "--shared", "conflict_mode", "block")
    door.start("ada", "--area", "web")
    bob = door.start("bob", "--area", "api")
    door.become(bob)
    assert door.refused("session", "scope", "--area", "web")["code"] == "scope_conflict"
    assert door.json("session", "show", bob)["session"]["area"] == "api"


def test_checking_out_gives_everything_back(door: Door) -> None:
    session = door.start("ada")
    door("lock", "acquire", "a.py", "b.py")
    task = door.json("task", "add", "Login")["task"]["id"]
    door("task", "claim", task)
    answer = door.json(
        "session", "end", "--outcome", "partial", "--summary", "half", "--files", "a.py", "b.py"
    )
    assert answer["session"]["id"] == session
    assert answer["released"] == ["a.py", "b.py"]
    assert answer["tasks"] == [task]
    ended = door.json("session", "show", session)["session"]
    assert (ended["status"], ended["outcome"], ended["summary"]) == ("ended", "partial", "half")
    assert ended["files_touched"] == ["a.py", "b.py"]
    assert door.json("lock", "list")["locks"] == []
    assert door.json("task", "show", task)["task"]["status"] == "pending"


def test_checking_out_marks_what_has_not_landed(door: Door) -> None:
    git(door.place, "checkout", "-q", "-b", "topic")
    door.start("ada")
    door("lock", "acquire", "a.py", "b.py")
    door.commit("a.py", "print()\n")
    door("session", "end")
    (mark,) = door.json("lock", "list")["unlanded"]
    assert (mark["key"], mark["branch"], mark["agent"]) == ("a.py", "topic", "ada")
    assert mark["paths"] == ["a.py"]


def test_a_sub_agent_leaves_alone(door: Door) -> None:
    session = door.start("ada")
    door("lock", "acquire", "a.py", "--session", session)
    door("lock", "acquire", "b.py", "--session", f"{session}/tests")
    answer = door.json("session", "end", "--session", f"{session}/tests")
    assert answer["released"] == ["b.py"]
    assert sessions(door) == {session: "active"}


def test_the_list_shows_the_living_and_on_request_the_others(door: Door) -> None:
    ada, bob, eve = door.start("ada"), door.start("bob"), door.start("eve")
    door("session", "pause", bob)
    door("session", "end", "--session", eve)
    assert sessions(door) == {ada: "active", bob: "paused"}
    assert sessions(door, "--all") == {ada: "active", bob: "paused", eve: "ended"}
    assert sessions(door, "--all", "--agent", "eve") == {eve: "ended"}
    assert "ada" in door("session", "list")


def test_who_is_silent_is_idle_and_who_beats_is_not(door: Door) -> None:
    door.start("ada")
    house = open_house(door.place, os.environ)
    with house.ledger.snapshot() as snapshot:
        state = house.ledger.state_of(snapshot)
        (ada,) = roster.live(state)
        later = plus(ada.seen_at, 3600)
        beats = {ada.id: Beat(7, plus(later, -1))}
        silent = roster.documents({}, snapshot, state, [ada], later)
        beating = roster.documents(beats, snapshot, state, [ada], later)
    house.close()
    assert [row["status"] for row in (*silent, *beating)] == ["idle", "active"]
    assert [row["seen_at"] for row in beating] == [beats[ada.id].at]


def test_of_many_who_have_left_the_newest_are_listed(door: Door) -> None:
    gone = []
    for name in ("a1", "a2", "a3"):
        gone.append(door.start(name))
        door("session", "end", "--session", gone[-1])
    assert list(sessions(door, "--all", "-n", "2")) == [gone[2], gone[1]]


def test_what_a_session_has_used_is_shown(door: Door) -> None:
    ada = door.start("ada")
    assert door.json("session", "show")["session"]["usage"] is None
    assert "\nused" not in door("session", "show")
    assert "TOKENS" not in door("status")
    usage = Usage(
        requests=12, errors=1, input_tokens=45_200, output_tokens=980, cache_read_tokens=3_400_000,
        cost_usd=0.416, model="model-1",
    )  # fmt: skip
    house = open_house(door.place, {})
    house.coordinator.do(ReportUsage(usage=usage), Reported, session=ada)
    shown = door.json("session", "show")["session"]["usage"]
    assert shown == {
        "requests": 12, "errors": 1, "input_tokens": 45_200, "output_tokens": 980,
        "cache_read_tokens": 3_400_000, "cache_write_tokens": 0, "cost_usd": 0.416,
        "model": "model-1",
    }  # fmt: skip
    said = "12 requests, 1 error, 45.2k tokens in, 980 out, 3.4M from cache, $0.42, model-1"
    assert said in door("session", "show")
    bob = door.start("bob")
    house.coordinator.do(ReportUsage(usage=Usage(requests=1)), Reported, session=bob)
    house.close()
    assert "1 request, cost not known" in door("session", "show", bob)
    door.start("cyd")
    found = door("status")
    assert "TOKENS" in found
    assert "3.45M $0.42" in found
    assert door.json("status")["sessions"][0]["usage"] == shown


def test_one_session_is_shown_with_what_it_holds(door: Door) -> None:
    ada = door.start("ada", "--capability", "sql")
    door("lock", "acquire", "a.py", "--reason", "login")
    found = door.json("session", "show")
    assert found["session"]["id"] == ada
    assert found["session"]["locks"] == 1
    assert [lock["key"] for lock in found["locks"]] == ["a.py"]
    assert "holds a.py" in door("session", "show", ada)
    assert door.refused("session", "show", "s-nobody")["code"] == "session_not_found"


def test_killing_needs_a_reason_and_names_who_did_it(door: Door) -> None:
    door("profile", "set", "lead", "--trust", "3")
    door("profile", "assign", "bob", "lead")
    ada, bob = door.start("ada"), door.start("bob")
    door("lock", "acquire", "a.py", "--session", ada)
    door.become(bob)
    assert door.refused("session", "kill", ada, code=2)["code"] == "reason_required"
    answer = door.json("session", "kill", ada, "--reason", "gone home")
    assert answer["released"] == ["a.py"]
    assert "bob kills" in git(door.place, "log", "-1", "--format=%s", "refs/coord/state")
    error = door.refused("lock", "acquire", "b.py", "--session", ada)
    assert error["code"] == "session_ended"
    assert error["lost"][0]["key"] == "a.py"


def test_a_paused_session_may_not_act_until_it_is_resumed(door: Door) -> None:
    ada = door.start("ada")
    assert door.json("session", "pause")["session"]["status"] == "paused"
    assert door.refused("lock", "acquire", "a.py")["code"] == "session_paused"
    assert door.json("session", "resume", ada)["session"]["status"] == "active"
    door("lock", "acquire", "a.py")


def test_a_pause_and_a_kill_say_why(door: Door) -> None:
    ada = door.start("ada")
    said = door("session", "pause", ada, "--reason", "wait for the merge")
    assert said.strip() == f"ada (session {ada}) is paused: wait for the merge"
    assert "wait for the merge" in door.refused("lock", "acquire", "a.py")["message"]
    line = f"ada ({ada}) is paused: wait for the merge"
    assert line in door("status").splitlines()
    assert line in door("session", "list").splitlines()
    assert "paused (wait for the merge)" in door("context")
    door("session", "kill", ada, "--reason", "it loops")
    (row,) = door.json("session", "list", "--all")["sessions"]
    assert (row["status"], row["cause"], row["why"]) == ("killed", "person", "it loops")


def told(door: Door, session: str, **fields: object) -> None:
    wish = ReportSignals(signals=Signals(**fields))  # type: ignore[arg-type]
    house = open_house(door.place, {})
    house.coordinator.do(wish, Signalled, session=session)
    house.close()


def test_a_stuck_session_is_shown_with_the_reason(door: Door) -> None:
    ada = door.start("ada")
    told(door, ada, errors_in_row=5, error_text="no rule to make target", rate=7)
    why = "the same error 5 times in a row: no rule to make target"
    (row,) = door.json("session", "list")["sessions"]
    assert (row["status"], row["cause"], row["why"]) == ("stuck", "same_error", why)
    assert row["rate"] == 7
    assert row["duration"] >= 0
    for words in (("session", "list"), ("status",)):
        assert f"ada ({ada}) is stuck: {why}" in door(*words).splitlines()
    shown = door("session", "show", ada)
    assert why in shown
    assert "7 requests a minute" in shown
    assert door.json("whoami")["session"]["status"] == "stuck"
    told(door, ada)
    assert sessions(door) == {ada: "active"}


def test_the_table_fits_on_narrow_and_wide_terminals() -> None:
    columns = ("agent", "session", "status", "seen", "locks", "tokens", "works on")
    rows = [("quiet-otter-42", "s-4tz81x20ap", "active", "12s ago", "3", "48.2k $0.42", "x" * 50)]
    for width in (80, 120):
        cut = trimmed(columns, rows, width)
        assert sum(map(len, cut[0])) + 2 * len(columns) <= width
        assert cut[0][:-1] == list(rows[0][:-1])


def test_who_acts_is_never_guessed(door: Door) -> None:
    assert door.refused("session", "heartbeat", code=2)["code"] == "session_required"
    ada, bob = door.start("ada"), door.start("bob")
    error = door.refused("session", "end", code=2)
    assert error["code"] == "session_ambiguous"
    assert set(error["sessions"]) == {ada, bob}


def test_every_command_has_help_with_an_example(door: Door) -> None:
    for name in ("start", "heartbeat", "scope", "end", "list", "show", "kill", "pause", "resume"):
        assert f"Example: gitcoord session {name}" in door("session", name, "--help")


def test_an_option_takes_all_words_up_to_the_next_option() -> None:
    many = {"--files", "-f"}
    assert _repeated(["--files", "a", "b", "--x", "1"], many) == [
        "--files", "a", "--files", "b", "--x", "1",
    ]  # fmt: skip
    assert _repeated(["--files=a", "b"], many) == ["--files=a", "--files", "b"]
    assert _repeated(["--files", "-a", "b"], many) == ["--files", "-a", "--files", "b"]
    assert _repeated(["-x", "b", "--", "--files"], many) == ["-x", "b", "--", "--files"]


def test_the_shell_is_offered_live_sessions(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = door.start("ada")
    monkeypatch.setenv("_GITCOORD_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "gitcoord session kill s-")
    monkeypatch.setenv("COMP_CWORD", "3")
    with pytest.raises(SystemExit):
        door()
    assert ada in door.captured()
    door.go(os.path.dirname(door.place))
    with pytest.raises(SystemExit):
        door()
    assert door.captured().strip() == ""
