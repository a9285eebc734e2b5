"""Landing: a batch begins and lands whole, everything is asked again, and all ends with it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from gitcoord.domain.approvals import Approval
from gitcoord.domain.approving import DecideApproval, RequestApproval
from gitcoord.domain.claiming import ClaimTask
from gitcoord.domain.features import Feature
from gitcoord.domain.lock_operations import AcquireLocks, ReleaseLocks
from gitcoord.domain.locks import Lock
from gitcoord.domain.merge_landing import LandMerges, SettleMerges
from gitcoord.domain.merge_rules import subject
from gitcoord.domain.merge_setbacks import HandOver, TakeBack
from gitcoord.domain.merges import Merge
from gitcoord.domain.merging import EjectMerge
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.notices import told
from gitcoord.domain.operation import Operation
from gitcoord.domain.registering import DeregisterFeature, PauseFeature, RegisterFeature
from gitcoord.domain.task_moves import MoveTask
from gitcoord.domain.tasks import Task
from gitcoord.domain.tracking import TrackPaths
from gitcoord.domain.unlanded import Mark, MarkDraft
from gitcoord.errors import (
    ApprovalRequired,
    InvalidTransition,
    InvalidValue,
    LandingBusy,
    MergeNotFound,
    NotReady,
    ReasonRequired,
    VerificationFailed,
    VerificationMissing,
)
from tests.domain.queueing import CLASH, RESULT, TIP, TREE, Queue, begin, oid, policy, verify

LAND = LandMerges(ids=("q-1",), result=RESULT)


@pytest.fixture
def queue() -> Queue:
    return Queue()


def landing(queue: Queue, *ids: str, **said: Any) -> None:
    """Begin to land entries that change nothing in common."""
    for id in ids or ("q-1",):
        queue.ready(id, (f"src/{id}.py",), **said)
    queue.begin(*ids)


def task(queue: Queue, id: str = "t-1", **said: Any) -> None:
    queue.world.run(AddTasks(tasks=(NewTask(id=id, title="One", **said),)), "s-ann")


def test_a_landing_begins_for_the_whole_batch(queue: Queue) -> None:
    for id in ("q-1", "q-2"):
        queue.ready(id, (id,))
    begun = queue.begin("q-2", "q-1", "q-2", lease=60)
    assert [one.id for one in begun.merges] == ["q-2", "q-1"]
    for entry in begun.merges:
        assert (entry.status, entry.run, entry.runner) == ("merging", begun.run, "bob")
        assert (entry.expect, entry.result, entry.tree) == (TIP, RESULT, TREE)
        assert entry.lease_until == "2026-01-05T08:01:00.000Z"
    assert queue.told() == []
    queue.world.check()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InvalidValue, {"ids": ()}),
        (MergeNotFound, {"ids": ("q-1", "q-9")}),
        (InvalidValue, {"expect": "main"}),
        (InvalidValue, {"result": ""}),
        (InvalidValue, {"tree": ""}),
        (InvalidValue, {"lease": 0}),
        (InvalidValue, {"ids": ("q-1", "q-2")}),
        (NotReady, {"ids": ("q-1", "q-3")}),
        (NotReady, {"ids": ("q-1", "q-4")}),
        (NotReady, {"ids": ("q-5",)}),
        (NotReady, {"ids": ("q-6", "q-1")}),
    ],
)
def test_what_cannot_land_together_does_not_begin(
    queue: Queue, error: Any, said: dict[str, Any]
) -> None:
    queue.ready("q-1", ("a",))
    queue.ready("q-2", ("b",), target="release")
    queue.ready("q-3", ("A",))
    queue.add("q-4")
    queue.add("q-5")
    queue.check("q-5", findings=CLASH)
    queue.ready("q-6", ("f",), needs=("q-1",))
    queue.world.refused(error, begin(**said), "s-bob")


def test_refusals_say_why(queue: Queue) -> None:
    queue.ready("q-1", ("a",))
    queue.ready("q-2", ("a",))
    refusal = queue.world.refused(NotReady, begin("q-1", "q-2"), "s-bob")
    assert refusal.message == "q-2 (feat/q-2) overlaps q-1 and lands after it"
    queue.check("q-2", findings=CLASH)
    refusal = queue.world.refused(NotReady, begin("q-2"), "s-bob")
    assert refusal.message == "q-2 (feat/q-2) is blocked: src/a.py conflicts with main"
    assert refusal.hint == "Run `gitcoord merge check q-2`."
    queue.ready("q-3", ("c",), needs=("q-1",))
    refusal = queue.world.refused(NotReady, begin("q-3"), "s-bob")
    assert refusal.message == "q-3 (feat/q-3) cannot land: needs q-1, which is ready"
    assert refusal.details["issues"] == ["needs"]
    assert [one.id for one in queue.begin("q-1", "q-3").merges] == ["q-1", "q-3"]


def test_one_batch_at_a_time_lands_on_a_target(queue: Queue) -> None:
    landing(queue)
    queue.ready("q-2", ("b",))
    refusal = queue.world.refused(LandingBusy, begin("q-2"), "s-ann")
    assert "bob lands q-1 until 2026-01-05T08:02:00.000Z" in refusal.message
    queue.ready("q-3", ("c",), target="release")
    assert queue.begin("q-3").merges
    queue.world.pass_time(120)
    assert queue.begin("q-2", result=oid(5)).merges


def test_a_batch_lands_whole_with_its_features_tasks_locks_and_marks(queue: Queue) -> None:
    world = queue.world
    world.run(RegisterFeature(id="login", claims=("src/**",)), "s-ann")
    task(queue, keys=("src/c.py",))
    task(queue, "t-2", depends_on=("t-1",))
    world.run(ClaimTask(id="t-1"), "s-ann")
    world.run(AcquireLocks(keys=("src/a.py", "src/kept.py", "docs/**", "db:users")), "s-ann")
    world.run(TrackPaths(paths=("src/b.py",)), "s-ann/branch")
    draft = MarkDraft(key="src/m.py", branch="feat/q-1", head=oid(1))
    world.run(AcquireLocks(keys=("src/m.py",)), "s-ann")
    world.run(ReleaseLocks(keys=("src/m.py",), marks=(draft,)), "s-ann")
    queue.ready("q-1", ("src/a.py", "src/b.py", "src/c.py", "docs/x", "a\nb"),
                feature="login", task="t-1")  # fmt: skip
    queue.ready("q-2", ("z",))
    queue.begin("q-1", "q-2")
    world.pass_time(1)
    answer = queue.land("q-1", "q-2")
    assert [(one.id, one.status, one.result) for one in answer.merges] == [
        ("q-1", "merged", RESULT), ("q-2", "merged", RESULT),
    ]  # fmt: skip
    assert (answer.features, answer.tasks, answer.ready) == (["login"], ["t-1"], ["t-2"])
    assert sorted(answer.released) == ["src/a.py", "src/b.py", "src/c.py"]
    assert answer.dropped == ["src/m.py@feat/q-1"]
    assert world.all(Mark) == []
    assert sorted(lock.key for lock in world.all(Lock)) == ["db:users", "docs/**", "src/kept.py"]
    feature, done = world.get(Feature, "login"), world.get(Task, "t-1")
    assert (feature.status, feature.ended_by) == ("completed", "bob")
    assert feature.end_reason == f"q-1 is merged into main at {RESULT}"
    assert (done.status, done.result) == ("completed", feature.end_reason)
    entry = queue.entry()
    assert (entry.ended_at, entry.ended_by, entry.expect, entry.tree) == (
        world.now, "bob", TIP, TREE,
    )  # fmt: skip
    assert (entry.run, entry.lease_until, entry.runner) == ("", "", "")
    assert queue.told() == [
        f"q-1 (feat/q-1) is merged into main at {RESULT}",
        f"q-2 (feat/q-2) is merged into main at {RESULT}",
    ]
    assert [one.kind for one in told(world.state(), "s-ann")].count("task_settled") == 1
    world.check()


def test_a_feature_ends_with_the_last_of_its_entries(queue: Queue) -> None:
    queue.world.run(RegisterFeature(id="login"), "s-ann")
    for id in ("q-1", "q-2", "q-3"):
        queue.ready(id, (id,), feature="login")
    queue.begin("q-1")
    assert queue.land("q-1").features == []
    assert queue.world.get(Feature, "login").status == "active"
    queue.begin("q-2", "q-3", result=oid(5))
    answer = queue.world.run(LandMerges(ids=("q-2", "q-3"), result=oid(5)), "s-bob")
    assert answer.features == ["login"]


def test_what_ended_by_itself_is_no_hindrance(queue: Queue) -> None:
    task(queue)
    landing(queue, task="t-1")
    queue.world.run(MoveTask(id="t-1", move="cancel"), "s-ann")
    answer = queue.land()
    assert (answer.tasks, answer.released) == ([], [])
    queue.ready("q-2", ("b",))
    queue.world.put(Merge(**{n: getattr(queue.entry("q-2"), n) for n in Merge.__struct_fields__}
                          | {"task": "gone", "session": ""}))  # fmt: skip
    queue.begin("q-2")
    assert queue.land("q-2").tasks == []


def test_locks_for_other_tasks_stay(queue: Queue) -> None:
    task(queue, "t-1", keys=("a",))
    task(queue, "t-2", keys=("a", "b"))
    for id in ("t-1", "t-2"):
        queue.world.run(ClaimTask(id=id), "s-ann")
    queue.ready("q-1", ("a", "b"), task="t-1")
    queue.begin()
    assert queue.land().released == []
    assert sorted((lock.key, lock.task) for lock in queue.world.all(Lock)) == [
        ("a", "t-2"), ("b", "t-2"),
    ]  # fmt: skip


def test_a_lock_taken_by_hand_on_which_another_claim_relies_stays(queue: Queue) -> None:
    queue.world.run(AcquireLocks(keys=("a", "b")), "s-ann")
    task(queue, "t-2", keys=("a",))
    queue.world.run(ClaimTask(id="t-2"), "s-ann")
    queue.ready("q-1", ("a", "b"))
    queue.begin()
    assert queue.land().released == ["b"]
    assert [lock.key for lock in queue.world.all(Lock)] == ["a"]


def test_marks_of_newer_commits_stay(queue: Queue) -> None:
    world = queue.world
    for key, head in (("old", oid(8)), ("same", oid(1))):
        world.put(Mark(key=key, branch="feat/q-1", head=head, agent="ann", session="s-ann",
                       at=world.now))  # fmt: skip
    landing(queue)
    world.pass_time(1)
    for key, head, branch in (
        ("new", oid(9), "feat/q-1"), ("late", oid(1), "feat/q-1"), ("far", oid(1), "b"),
    ):  # fmt: skip
        world.put(Mark(key=key, branch=branch, head=head, agent="ann", session="s-ann",
                       at=world.now))  # fmt: skip
    assert sorted(queue.land().dropped) == ["late@feat/q-1", "old@feat/q-1", "same@feat/q-1"]
    assert sorted(mark.key for mark in world.all(Mark)) == ["far", "new"]


def test_only_the_whole_batch_lands_and_only_as_what_was_built(queue: Queue) -> None:
    landing(queue, "q-1", "q-2")
    for late, why in (
        (LandMerges(ids=("q-1",), result=RESULT), "q-2 .* not named"),
        (LandMerges(ids=("q-1", "q-2"), result=oid(5)), "q-1 .* another commit"),
    ):
        refusal = queue.world.refused(NotReady, late, "s-bob")
        assert re.search(why, refusal.message)
        assert refusal.details["status"] == "merging"
    queue.world.refused(InvalidValue, LandMerges(ids=(), result=RESULT), "s-bob")
    queue.world.refused(MergeNotFound, LandMerges(ids=("q-9",), result=RESULT), "s-bob")
    assert len(queue.land("q-2", "q-1").merges) == 2


def test_what_was_taken_back_or_ejected_meanwhile_does_not_land(queue: Queue) -> None:
    landing(queue, "q-1", "q-2")
    both = LandMerges(ids=("q-1", "q-2"), result=RESULT)
    queue.world.pass_time(120)
    queue.world.run(EjectMerge(id="q-2", reason="x"), "s-ann")
    assert "q-2 (feat/q-2) is ejected" in queue.world.refused(NotReady, both, "s-bob").message
    queue.world.run(TakeBack(ids=("q-1",), reason="x"), "s-ann")
    queue.world.refused(NotReady, LAND, "s-bob")


FENCES: dict[str, tuple[Operation, str | None]] = {
    "locks": (AcquireLocks(keys=("src/**",)), "s-bob"),
    "not_paused": (PauseFeature(id="login"), "s-bob"),
    "feature_active": (DeregisterFeature(id="login", status="cancelled"), "s-ann"),
    "no_resource_conflicts": (
        RegisterFeature(id="rival", claims=("login/**",), priority=1), "s-bob",
    ),
}  # fmt: skip


@pytest.mark.parametrize("issue", FENCES)
@pytest.mark.parametrize("begun", [False, True])
def test_what_passed_a_minute_ago_is_asked_again(queue: Queue, issue: str, begun: bool) -> None:
    queue.world.run(RegisterFeature(id="login", claims=("login/**",)), "s-ann")
    queue.ready(feature="login")
    if begun:
        queue.begin()
    operation, session = FENCES[issue]
    queue.world.run(operation, session)
    late = LAND if begun else begin()
    refusal = queue.world.refused(NotReady, late, "s-bob")
    assert issue in refusal.details["issues"]


def test_the_tree_is_verified_when_it_begins_and_when_it_lands(queue: Queue) -> None:
    asked = policy(queue.world)
    queue.ready("q-1", ("a",))
    queue.ready("q-2", ("b",))
    refusal = queue.world.refused(VerificationMissing, begin("q-1", "q-2"), "s-bob")
    assert refusal.message == "q-1, q-2 is not verified: unit has not run"
    assert refusal.details["missing"] == ["unit"]
    verify(queue.world, asked, "failed")
    refusal = queue.world.refused(VerificationFailed, begin("q-1"), "s-bob")
    assert refusal.details == {"tree": TREE, "merges": ["q-1"]}
    # Another tree is another question.
    queue.world.refused(VerificationMissing, begin("q-1", tree=oid(5)), "s-bob")
    verify(queue.world, asked)
    queue.begin("q-1")
    late = policy(queue.world, "late", command=("false",))
    queue.world.refused(VerificationMissing, LAND, "s-bob")
    verify(queue.world, late, "timeout")
    queue.world.refused(VerificationFailed, LAND, "s-bob")
    queue.world.remove(late)
    verify(queue.world, asked)
    assert queue.land("q-1").merges


def test_every_policy_is_about_a_change_with_too_many_paths(queue: Queue) -> None:
    policy(queue.world, include=("elsewhere/**",))
    queue.add()
    queue.check(wide=True)
    queue.world.refused(VerificationMissing, begin(), "s-bob")


def test_an_approval_is_needed_to_begin_and_used_up_by_landing(queue: Queue) -> None:
    queue.add()
    queue.check()
    policy(queue.world, "review", executor="person", tier=4, command=())
    queue.world.refused(NotReady, begin(), "s-bob")
    ask = RequestApproval(id="a-1", about=subject(queue.entry()), ttl=60)
    queue.world.run(ask, "s-ann")
    queue.world.run(DecideApproval(id="a-1", decision="approve"), None, agent="eve")
    queue.begin()
    assert queue.world.get(Approval, "a-1").used_at == ""
    queue.world.pass_time(60)
    refusal = queue.world.refused(NotReady, LAND, "s-bob")
    assert refusal.details["issues"] == ["approval"]
    ask = RequestApproval(id="a-2", about=subject(queue.entry()))
    queue.world.run(ask, "s-ann")
    queue.world.run(DecideApproval(id="a-2", decision="approve"), None, agent="eve")
    queue.land()
    assert queue.world.get(Approval, "a-2").used_at == queue.world.now
    assert ApprovalRequired.code == "approval_required"


@pytest.mark.parametrize("status", ["queued", "pre_merge_check", "ready", "merging", "landing",
                                    "blocked"])  # fmt: skip
def test_what_is_seen_in_the_target_is_settled_whoever_merged_it(queue: Queue, status: Any) -> None:
    queue.world.run(RegisterFeature(id="login"), "s-ann")
    task(queue)
    queue.ready(feature="login", task="t-1")
    queue.world.run(PauseFeature(id="login"), "s-bob")
    entry = {n: getattr(queue.entry(), n) for n in Merge.__struct_fields__}
    queue.world.put(Merge(**entry | {"status": status}))
    settle = SettleMerges(ids=("q-1",), result=oid(7))
    answer = queue.world.run(settle, "s-bob")
    assert (answer.merges[0].status, answer.merges[0].result) == ("merged", oid(7))
    assert (answer.features, answer.tasks) == (["login"], ["t-1"])
    assert queue.told() == [f"q-1 (feat/q-1) is merged into main at {oid(7)}"]
    again = queue.world.unchanged(settle, "s-bob")
    assert again.merges == []
    assert settle.subject(again, "bob") == "merge: bob sees merged nothing"
    queue.world.check()


def test_a_settlement_names_entries_and_a_commit(queue: Queue) -> None:
    queue.add()
    queue.world.refused(InvalidValue, SettleMerges(ids=("q-1",), result="main"), "s-bob")
    queue.world.refused(MergeNotFound, SettleMerges(ids=("q-1", "q-9"), result=RESULT), "s-bob")
    queue.world.run(EjectMerge(id="q-1", reason="x"), "s-bob")
    queue.world.refused(InvalidTransition, SettleMerges(ids=("q-1",), result=RESULT), "s-bob")


def test_a_landing_that_fails_goes_back_and_is_ejected_at_the_limit(queue: Queue) -> None:
    queue.ready()
    for attempt in (1, 2):
        begun = queue.begin()
        moved = queue.world.run(
            TakeBack(ids=("q-1",), reason="main\nmoved", run=begun.run), "s-bob"
        ).merges[0]
        assert (moved.status, moved.attempts, moved.reason) == ("queued", attempt, "main moved")
        assert (moved.expect, moved.result, moved.tree, moved.run) == ("", "", "", "")
        queue.check()
    queued = queue.entry().queued_at
    assert queue.told() == []
    begun = queue.begin()
    back = TakeBack(ids=("q-1",), reason="main moved", run=begun.run)
    moved = queue.world.run(back, "s-bob").merges[0]
    why = "3 landings failed, the last: main moved"
    assert (moved.status, moved.attempts, moved.ejections, moved.reason) == ("ejected", 3, 1, why)
    assert queue.told() == [f"q-1 (feat/q-1) was ejected: {why}"]
    assert queued == "2026-01-05T08:00:00.000Z"
    # Queued again it has all its attempts.
    assert queue.add(head=oid(2)).attempts == 0


def test_what_is_no_fault_of_the_entries_is_not_counted() -> None:
    queue = Queue(merge_attempts=1)
    queue.ready()
    run = queue.begin().run
    back = TakeBack(ids=("q-1",), reason="the host is away", run=run, counts=False)
    moved = queue.world.run(back, "s-bob").merges[0]
    assert (moved.status, moved.attempts) == ("queued", 0)
    queue.check()
    run = queue.begin().run
    back = TakeBack(ids=("q-1",), reason="a hook says no", run=run)
    assert queue.world.run(back, "s-bob").merges[0].status == "ejected"


def test_a_landing_is_taken_back_by_whoever_made_it_or_after_its_time(queue: Queue) -> None:
    landing(queue, "q-1", "q-2")
    ids = ("q-1", "q-2")
    for run in ("", "other"):
        queue.world.refused(LandingBusy, TakeBack(ids=ids, reason="x", run=run), "s-ann")
    run = queue.entry().run
    queue.world.refused(ReasonRequired, TakeBack(ids=ids, reason=" ", run=run), "s-bob")
    queue.world.refused(InvalidValue, TakeBack(ids=(), reason="x"), "s-bob")
    queue.world.refused(MergeNotFound, TakeBack(ids=("q-1", "q-9"), reason="x"), "s-bob")
    queue.world.pass_time(120)
    back = TakeBack(ids=ids, reason="killed")
    answer = queue.world.run(back, "s-ann")
    assert [one.status for one in answer.merges] == ["queued", "queued"]
    assert back.subject(answer, "ann") == "merge: ann takes back q-1, q-2: killed"
    queue.world.refused(InvalidTransition, back, "s-ann")


def test_a_target_that_takes_only_pull_requests_is_left_to_one(queue: Queue) -> None:
    landing(queue, pr_url="https://host/pr/1")
    over = HandOver(ids=("q-1",), reason="main is\nprotected")
    queue.world.refused(LandingBusy, over, "s-ann")
    run = queue.entry().run
    moved = queue.world.run(
        HandOver(ids=("q-1",), reason="main is\nprotected", run=run), "s-bob"
    ).merges[0]
    assert (moved.status, moved.reason, moved.pr_url) == (
        "landing", "main is protected", "https://host/pr/1",
    )  # fmt: skip
    assert (moved.result, moved.run, moved.lease_until) == ("", "", "")
    assert queue.told() == [
        "q-1 (feat/q-1) waits for a pull request to be merged: main is protected"
    ]
    queue.world.refused(InvalidTransition, over, "s-bob")
    queue.ready("q-2", ("b",))
    queue.ready("q-3", ("c",))
    url = {"pr_url": "https://host/pr/2"}
    both = HandOver(ids=("q-2", "q-3"), reason="x", **url)
    queue.world.refused(InvalidValue, both, "s-bob")
    queue.world.refused(ReasonRequired, HandOver(ids=("q-2",), reason=" "), "s-bob")
    one = HandOver(ids=("q-2",), reason="x", **url)
    assert queue.world.run(one, "s-bob").merges[0].pr_url == "https://host/pr/2"
    assert queue.world.run(
        SettleMerges(ids=("q-1",), result=RESULT), "s-bob"
    ).merges[0].status == "merged"  # fmt: skip


def test_people_land_without_a_session(queue: Queue) -> None:
    queue.ready()
    queue.world.run(begin(), None, agent="eve")
    answer = queue.world.run(LAND, None, agent="eve")
    assert answer.merges[0].ended_by == "eve"
    assert LAND.subject(answer, "eve") == "merge: eve lands q-1"
