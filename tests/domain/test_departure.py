"""Sessions that leave, or are ended by others, and what becomes of what they held."""

from __future__ import annotations

import pytest

from gitcoord.domain.claiming import ClaimTask
from gitcoord.domain.departure import EndSession, KillSession
from gitcoord.domain.lock_operations import AcquireLocks
from gitcoord.domain.locks import Lock
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.sessions import Session
from gitcoord.domain.tasks import Task
from gitcoord.domain.unlanded import Mark, MarkDraft
from gitcoord.domain.waiting import Waiter
from gitcoord.errors import (
    InvalidValue,
    ReasonRequired,
    SessionEnded,
    SessionNotFound,
    SessionRequired,
)
from tests.domain.world import World


def busy() -> World:
    """Ann and her sub-agent hold keys and a task each; bob waits for one of the keys."""
    world = World(agent_trust=3)
    world.session("s-ann")
    world.session("s-bob")
    new = (NewTask(id="t-1", title="One", keys=("docs/",)), NewTask(id="t-2", title="Two"))
    world.run(AddTasks(tasks=new), "s-ann")
    world.run(AcquireLocks(keys=("src/a.py", "src/b.py")), "s-ann")
    world.run(ClaimTask(id="t-1"), "s-ann")
    world.run(AcquireLocks(keys=("src/sub.py",)), "s-ann/sub")
    world.run(ClaimTask(id="t-2"), "s-ann/sub")
    world.run(AcquireLocks(keys=("src/a.py",), wait=60), "s-bob")
    world.run(AcquireLocks(keys=("lib/x.py",)), "s-bob")
    world.run(AcquireLocks(keys=("lib/",), wait=60), "s-ann")
    return world


def held(world: World) -> list[tuple[str, str]]:
    return [(each.key, each.session) for each in world.all(Lock)]


def test_who_ends_gives_back_everything_of_itself_and_its_sub_agents_and_nothing_else() -> None:
    world = busy()
    answer = world.run(
        EndSession(outcome="partial", summary="half", files_touched=("a", "b", "a")), "s-ann"
    )
    assert answer.released == ("docs/**", "src/a.py", "src/b.py", "src/sub.py")
    assert answer.tasks == ("t-1", "t-2")
    assert held(world) == [("lib/x.py", "s-bob"), ("src/a.py", "s-bob")]
    assert world.all(Waiter) == []
    tasks = world.all(Task)
    assert [each.status for each in tasks] == ["pending", "pending"]
    assert [each.attempts[0].outcome for each in tasks] == ["released", "released"]
    ann = world.get(Session, "s-ann")
    assert (ann.status, ann.outcome, ann.summary) == ("ended", "partial", "half")
    assert (ann.ended_at, ann.files_touched) == (world.now, ("a", "b"))
    assert (ann.lost_keys, ann.lost_tasks) == ((), ())
    assert world.get(Session, "s-bob").status == "active"
    world.check()


def test_a_sub_agent_that_ends_frees_only_its_own() -> None:
    world = busy()
    answer = world.run(EndSession(), "s-ann/sub")
    assert answer.session == "s-ann/sub"
    assert (answer.released, answer.tasks) == (("src/sub.py",), ("t-2",))
    assert ("src/b.py", "s-ann") in held(world)
    assert world.get(Session, "s-ann").status == "active"
    assert world.get(Task, "t-1").session == "s-ann"
    assert world.get(Task, "t-2").status == "pending"
    assert len(world.all(Waiter)) == 2
    world.check()


def test_what_is_not_landed_leaves_marks_when_the_session_ends() -> None:
    world = busy()
    draft = MarkDraft(key="src/b.py", branch="topic", head="0" * 40, paths=("src/b.py",))
    answer = world.run(EndSession(marks=(draft,)), "s-ann")
    assert answer.unlanded == ("src/b.py@topic",)
    assert [each.session for each in world.all(Mark)] == ["s-ann"]


def test_a_wrong_mark_refuses_the_end() -> None:
    world = busy()
    world.refused(
        InvalidValue, EndSession(marks=(MarkDraft(key="a", branch="", head=""),)), "s-ann"
    )


def test_a_paused_session_may_end() -> None:
    world = World()
    world.session("s-ann", status="paused")
    assert world.run(EndSession(), "s-ann").released == ()
    assert world.get(Session, "s-ann").status == "ended"


def test_nobody_ends_twice_or_without_a_session() -> None:
    world = busy()
    world.run(EndSession(), "s-ann")
    world.refused(SessionEnded, EndSession(), "s-ann")
    world.refused(SessionEnded, EndSession(), "s-ann/sub")
    world.refused(SessionNotFound, EndSession(), "s-none")
    world.refused(SessionRequired, EndSession())


def test_somebody_elses_session_is_ended_for_a_reason_that_its_owner_reads() -> None:
    world = busy()
    wish = KillSession(id="s-ann", reason="runs wild\non main")
    answer = world.run(wish, "s-bob")
    assert answer.outcome == "killed"
    ann = world.get(Session, "s-ann")
    assert (ann.status, ann.outcome, ann.summary) == ("killed", "killed", "runs wild\non main")
    assert ann.lost_keys == ("docs/**", "src/a.py", "src/b.py", "src/sub.py")
    assert ann.lost_tasks == ("t-1", "t-2")
    assert world.get(Task, "t-1").used() == 0
    assert wish.subject(answer, "bob") == "session: bob kills s-ann of ann: runs wild on main"
    world.check()


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_nobody_is_ended_without_a_reason(reason: str) -> None:
    busy().refused(ReasonRequired, KillSession(id="s-ann", reason=reason), "s-bob")


def test_only_a_live_session_can_be_ended_by_others() -> None:
    world = busy()
    world.refused(SessionNotFound, KillSession(id="s-none", reason="x"))
    world.run(KillSession(id="s-ann", reason="x"))
    world.refused(SessionEnded, KillSession(id="s-ann", reason="x"))


def test_the_diary_says_how_it_ended() -> None:
    world = busy()
    wish = EndSession(outcome="failure", summary="tests\nred")
    assert wish.subject(world.run(wish, "s-ann"), "ann") == (
        "session: ann ends s-ann failure tests red"
    )
