"""Check-in, who acts, and what an operation does to its session's signs of life."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.domain.departure import EndSession, KillSession
from gitcoord.domain.handoffs import WriteHandoff
from gitcoord.domain.lock_operations import AcquireLocks
from gitcoord.domain.locks import Lock
from gitcoord.domain.names import checked_name, checked_names, one_line, suggest
from gitcoord.domain.pausing import PauseSession
from gitcoord.domain.sessions import Process, Session, StartSession, root, touch
from gitcoord.domain.sweep import SweepSession
from gitcoord.errors import (
    IdTaken,
    InvalidId,
    InvalidKey,
    InvalidValue,
    LimitReached,
    LockHeld,
    ScopeConflict,
    SessionEnded,
    SessionNotFound,
    SessionPaused,
    SessionRequired,
    TtlOutOfRange,
)
from tests.domain.world import START, World


def start(world: World, name: str, **fields: Any) -> Any:
    """Check in as `name` under the id "s-<name>"."""
    return world.run(StartSession(id=f"s-{name}", agent=name, **fields))


def note(world: World, session: str, name: str = "h-1") -> Any:
    """Do something that changes nothing but what is asked."""
    return world.run(WriteHandoff(id=name, summary="done so far"), session)


def test_a_check_in_makes_a_live_session_that_says_what_it_was_told() -> None:
    world = World()
    process = Process(host="box", pid=42, started="1", boot="b")
    answer = start(
        world,
        "ann",
        type="claude",
        capabilities=("python", "sql", "python"),
        area="auth",
        files=("./src/b.py", "src/a.py", "src/a.py"),
        task="t-1",
        life="process",
        machine="m-1",
        process=process,
        client="claude-code",
        client_session="c-1",
        worktree="/repo",
        branch="main",
    )
    assert answer.session == world.get(Session, "s-ann")
    assert answer.session == Session(
        id="s-ann",
        agent="ann",
        type="claude",
        capabilities=("python", "sql"),
        area="auth",
        files=("src/a.py", "src/b.py"),
        task="t-1",
        life="process",
        machine="m-1",
        process=process,
        client="claude-code",
        client_session="c-1",
        worktree="/repo",
        branch="main",
        started_at=START,
        seen_at=START,
    )
    assert not answer.resumed
    assert answer.conflicts == []
    world.check()


def test_the_settings_say_how_long_a_session_may_be_silent_unless_it_does() -> None:
    world = World(beat_interval=60, beat_ttl=300)
    assert (start(world, "a").session.interval, start(world, "a").session.ttl) == (60, 300)
    assert (start(world, "b", ttl=40).session.interval, start(world, "b").session.ttl) == (10, 40)


@pytest.mark.parametrize("ttl", [0.5, 86_401.0])
def test_a_session_cannot_ask_for_an_absurd_ttl(ttl: float) -> None:
    World().refused(TtlOutOfRange, StartSession(id="s-1", agent="a", ttl=ttl))


@pytest.mark.parametrize("ttl", [1.0, 86_400.0])
def test_a_session_may_ask_for_the_shortest_and_the_longest_ttl(ttl: float) -> None:
    assert start(World(), "ann", ttl=ttl).session.ttl == ttl


@pytest.mark.parametrize(
    ("error", "fields"),
    [
        (InvalidId, {"id": "s-1/x"}),
        (InvalidId, {"id": ""}),
        (InvalidValue, {"agent": ""}),
        (InvalidValue, {"agent": "x" * 101}),
        (InvalidValue, {"agent": "a <b>"}),
        (InvalidValue, {"agent": "a\nb"}),
        (InvalidValue, {"agent": " a"}),
        (InvalidValue, {"type": "a\tb"}),
        (InvalidValue, {"area": "x" * 101}),
        (InvalidValue, {"capabilities": ("ok", "")}),
        (InvalidKey, {"files": ("../x",)}),
        (LimitReached, {"files": tuple(f"f{n}" for n in range(1001))}),
    ],
)
def test_a_wrong_value_is_refused_and_nothing_is_stored(
    error: type[Any], fields: dict[str, Any]
) -> None:
    World().refused(error, StartSession(**({"id": "s-1", "agent": "a"} | fields)))


def test_the_same_client_session_continues_the_session_whatever_id_it_brings() -> None:
    world = World()
    start(world, "ann", client="claude-code", client_session="c-1", area="auth", task="t-1")
    world.pass_time(5)
    again = world.run(
        StartSession(
            id="s-other",
            agent="quiet-otter-12",
            client="claude-code",
            client_session="c-1",
            life="beat",
            branch="topic",
        )
    )
    assert again.resumed
    assert (again.session.id, again.session.agent) == ("s-ann", "ann")
    assert (again.session.area, again.session.task) == ("auth", "t-1")
    assert (again.session.life, again.session.branch) == ("beat", "topic")
    assert (again.session.started_at, again.session.seen_at) == (START, world.now)
    assert [each.id for each in world.all(Session)] == ["s-ann"]


def test_the_same_id_continues_the_session_under_a_new_client_session() -> None:
    world = World()
    start(world, "ann", client="claude-code", client_session="c-1")
    assert start(world, "ann", client="claude-code", client_session="c-2").resumed
    assert world.get(Session, "s-ann").client_session == "c-2"


def test_a_client_session_of_another_client_is_another_session() -> None:
    world = World()
    start(world, "ann", client="claude-code", client_session="1")
    assert not start(world, "bob", client="codex", client_session="1").resumed


def test_continuing_at_once_with_nothing_new_writes_nothing() -> None:
    world = World()
    start(world, "ann", client_session="c-1", files=("src/",))
    again = StartSession(id="s-ann", agent="ann", client_session="c-1", files=("src/",))
    world.pass_time(15)
    assert world.unchanged(again).resumed
    world.pass_time(1)
    assert world.run(again).session.seen_at == world.now


def test_continuing_a_paused_session_leaves_it_paused() -> None:
    world = World()
    start(world, "ann", client_session="c-1")
    world.run(PauseSession(id="s-ann"))
    world.pass_time(3600)
    again = start(world, "ann", client_session="c-1", branch="topic").session
    assert (again.status, again.branch, again.seen_at) == ("paused", "topic", START)


def test_an_ended_client_session_checks_in_as_a_new_session() -> None:
    world = World()
    start(world, "ann", client_session="c-1")
    world.run(EndSession(), "s-ann")
    new = world.run(StartSession(id="s-2", agent="ann", client_session="c-1"))
    assert not new.resumed
    assert new.session.id == "s-2"


def test_the_id_of_an_ended_session_is_not_given_again() -> None:
    world = World()
    start(world, "ann")
    world.run(EndSession(), "s-ann")
    world.refused(IdTaken, StartSession(id="s-ann", agent="ann"))


def test_two_sessions_of_one_agent_are_rivals() -> None:
    world = World()
    world.run(StartSession(id="s-1", agent="ann"))
    world.run(StartSession(id="s-2", agent="ann"))
    world.run(AcquireLocks(keys=("src/a.py",)), "s-1")
    refusal = world.refused(LockHeld, AcquireLocks(keys=("src/",)), "s-2")
    assert refusal.details["conflicts"][0]["session"] == "s-1"


def test_a_check_in_names_those_who_work_in_the_same_worktree() -> None:
    world = World()
    start(world, "ann", machine="m-1", worktree="/repo")
    start(world, "bob", machine="m-2", worktree="/repo")
    start(world, "cid", machine="m-1", worktree="/other")
    assert start(world, "dot", machine="m-1", worktree="/repo").neighbours == ["s-ann"]
    assert start(world, "eve", machine="m-1").neighbours == []


def test_a_conflict_warns_or_blocks_as_the_settings_or_the_caller_say() -> None:
    world = World()
    start(world, "ann", area="auth", files=("src/auth/**",))
    warned = start(world, "bob", files=("src/*/login.py",))
    assert [(x.agent, x.session) for x in warned.conflicts] == [("ann", "s-ann")]
    blocked = StartSession(id="s-cid", agent="cid", area="auth", mode="block")
    refusal = world.refused(ScopeConflict, blocked)
    (conflict,) = refusal.details["conflicts"]
    assert (conflict["agent"], conflict["session"]) == ("ann", "s-ann")
    assert list(conflict["overlapping_areas"]) == ["auth"]
    assert "--conflict-mode warn" in refusal.hint
    strict = World(conflict_mode="block")
    start(strict, "ann", area="auth")
    strict.refused(ScopeConflict, StartSession(id="s-bob", agent="bob", area="auth"))
    assert start(strict, "bob", area="auth", mode="warn").conflicts


def test_who_continues_with_an_unchanged_scope_is_not_blocked_by_it() -> None:
    world = World()
    start(world, "ann", area="auth", client_session="c-1")
    start(world, "bob", area="auth")
    again = start(world, "ann", area="auth", client_session="c-1", mode="block")
    assert [each.agent for each in again.conflicts] == ["bob"]
    world.refused(
        ScopeConflict,
        StartSession(id="s-ann", agent="ann", area="auth", files=("x",), mode="block"),
    )


def test_a_dry_run_shows_the_conflicts_and_stores_nothing() -> None:
    world = World()
    start(world, "ann", area="auth")
    answer = world.unchanged(
        StartSession(id="s-x", agent="x", area="auth", mode="block", dry_run=True)
    )
    assert [each.agent for each in answer.conflicts] == ["ann"]
    assert world.get(Session, "s-x") is None


def test_checking_in_is_a_sign_of_life_of_the_session_that_came_of_it() -> None:
    world = World()
    wish = StartSession(id="s-ann", agent="ann", area="auth")
    answer = world.run(wish)
    assert wish.alive(answer, world.context()) == "s-ann"
    assert wish.subject(answer, "") == "session: ann starts s-ann in auth"


def test_nobody_acts_without_a_session() -> None:
    world = World()
    act = WriteHandoff(id="h-1", summary="x")
    world.refused(SessionRequired, act)
    assert world.refused(SessionNotFound, act, "s-none").details["session"] == "s-none"


def test_a_paused_session_does_not_act() -> None:
    world = World()
    start(world, "ann")
    world.run(PauseSession(id="s-ann"))
    refusal = world.refused(SessionPaused, WriteHandoff(id="h-1", summary="x"), "s-ann")
    assert refusal.hint == "Run `gitcoord session resume s-ann`."


def test_an_ended_session_is_told_what_it_lost_and_who_holds_it() -> None:
    world = World(agent_trust=3)
    start(world, "ann")
    start(world, "bob")
    world.run(AcquireLocks(keys=("src/a.py", "src/b.py")), "s-ann")
    world.run(KillSession(id="s-ann", reason="stuck"), "s-bob")
    lock = world.run(AcquireLocks(keys=("src/",)), "s-bob").locks[0]
    world.run(AcquireLocks(keys=("src/b.py",)), "s-bob")
    refusal = world.refused(SessionEnded, AcquireLocks(keys=("src/a.py",)), "s-ann")
    assert refusal.details["outcome"] == "killed"
    holder = {"agent": "bob", "session": "s-bob", "expires_at": lock.expires_at}
    assert refusal.details["lost"] == [
        {"key": "src/a.py", "held_by": holder},
        {"key": "src/b.py", "held_by": holder},
    ]
    world.run(EndSession(), "s-bob")
    free = world.refused(SessionEnded, AcquireLocks(keys=("src/a.py",)), "s-ann")
    assert free.details["lost"][0] == {"key": "src/a.py", "held_by": None}


def test_an_operation_refreshes_the_sign_of_life_once_an_eighth_of_the_ttl_has_passed() -> None:
    world = World(beat_ttl=80)
    start(world, "ann")
    world.pass_time(10)
    note(world, "s-ann", "h-1")
    assert world.get(Session, "s-ann").seen_at == START
    world.pass_time(0.001)
    note(world, "s-ann", "h-2")
    assert world.get(Session, "s-ann").seen_at == world.now


def test_an_operation_takes_away_a_suspicion() -> None:
    world = World()
    world.session("s-ann", suspect_since=START)
    note(world, "s-ann")
    assert world.get(Session, "s-ann").suspect_since == ""


@pytest.mark.parametrize("status", ["paused", "ended"])
def test_a_session_that_is_paused_or_gone_is_not_touched(status: str) -> None:
    world = World()
    world.session("s-ann", status=status)
    world.pass_time(3600)
    state = world.state()
    session = state.get(Session, "s-ann")
    assert session is not None
    touch(state, world.context("s-ann"), session)
    assert list(state.changes()) == []


def test_a_sub_agent_acts_for_its_session() -> None:
    world = World()
    start(world, "ann")
    note(world, "s-ann/helper")
    world.run(AcquireLocks(keys=("src/a.py",)), "s-ann/helper")
    assert [each.session for each in world.all(Lock)] == ["s-ann/helper"]
    assert root("s-ann/helper") == root("s-ann") == "s-ann"


@pytest.mark.parametrize("holder", ["s-ann/", "s-ann/a\nb", "s-ann/" + "x" * 128])
def test_a_sub_agent_needs_a_name_with_the_form_of_an_id(holder: str) -> None:
    world = World()
    start(world, "ann")
    world.refused(InvalidId, WriteHandoff(id="h-1", summary="x"), holder)


def test_an_old_forgotten_session_of_the_same_agent_never_harms_the_new_one() -> None:
    world = World()
    old = world.run(StartSession(id="s-old", agent="ann", life="beat")).session
    world.run(AcquireLocks(keys=("src/old.py",)), "s-old")
    world.pass_time(90_000)
    world.run(StartSession(id="s-new", agent="ann", life="beat"))
    world.run(AcquireLocks(keys=("src/new.py",)), "s-new")
    before = world.get(Session, "s-new")
    world.run(SweepSession(id="s-old", beat=0, seen_at=old.seen_at))
    assert world.get(Session, "s-old").status == "timed_out"
    assert world.get(Session, "s-new") == before
    assert [(each.key, each.session) for each in world.all(Lock)] == [("src/new.py", "s-new")]


def test_a_session_is_found_by_what_it_told() -> None:
    session = Session(
        id="s",
        agent="ann",
        started_at=START,
        seen_at=START,
        client="c",
        client_session="1",
        worktree="/r",
        machine="m",
    )
    assert set(session.terms()) == {"live", "agent:ann", "client:c:1", "tree:/r", "machine:m"}
    ended = msgspec.structs.replace(session, status="killed", ended_at=START)
    assert set(ended.terms()) >= {f"end:{START}", "agent:ann"}
    assert "live" not in set(ended.terms())


def test_a_generated_name_is_a_good_name_and_not_taken() -> None:
    first = suggest((), lambda n: 0)
    assert first == "amber-alder-10"
    assert suggest({first, "amber-alder-11"}, lambda n: 0) == "amber-alder-12"
    assert suggest((), lambda n: n - 1) == "witty-wren-99"


@given(st.randoms())
def test_every_generated_name_can_be_checked_in(random: Any) -> None:
    name = suggest((), random.randrange)
    assert checked_name(name, "agent") == name


@pytest.mark.parametrize("text", ["", " a", "a ", "<a", "a>", "a\x00", "a\nb", "\u2028", "x" * 101])
def test_what_a_commit_cannot_show_is_no_name(text: str) -> None:
    with pytest.raises(InvalidValue):
        checked_name(text, "agent")


def test_a_list_of_names_is_limited_and_has_no_doubles() -> None:
    assert checked_names(("b", "a", "b"), "capability") == ("b", "a")
    with pytest.raises(InvalidValue):
        checked_names(tuple(str(n) for n in range(1001)), "capability")


@given(st.text())
def test_any_text_becomes_one_printable_line(text: str) -> None:
    line = one_line("x" + text)
    assert line
    assert len(line) <= 100
    assert line.isprintable()
