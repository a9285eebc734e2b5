"""Queueing branches: what an entry follows from, who may, beginning anew, what it needs."""

from __future__ import annotations

from typing import Any

import pytest

from gitcoord.domain.claiming import ClaimTask
from gitcoord.domain.departure import EndSession
from gitcoord.domain.merge_queueing import EnqueueMerge
from gitcoord.domain.merges import NEEDS_LIMIT, Merge, listed, merge_by
from gitcoord.domain.merging import CheckMerges, EjectMerge, RemoveMerge
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.registering import DeregisterFeature, PauseFeature, RegisterFeature
from gitcoord.domain.task_moves import MoveTask
from gitcoord.domain.tasks import RecordWorktree
from gitcoord.errors import (
    DependencyCycle,
    DependencyNotFound,
    FeatureTaken,
    IdTaken,
    InvalidId,
    InvalidTransition,
    InvalidValue,
    LandingBusy,
    LimitReached,
    MergeNotFound,
    MergeTaken,
    NoActiveFeature,
    NotAssigned,
    TaskNotFound,
)
from tests.domain.queueing import CLASH, Queue, oid, wish


@pytest.fixture
def queue() -> Queue:
    return Queue()


def feature(queue: Queue, id: str = "login", session: str | None = "s-ann", **said: Any) -> None:
    queue.world.run(RegisterFeature(id=id, **said), session)


def task(queue: Queue, id: str = "t-1", **said: Any) -> None:
    queue.world.run(AddTasks(tasks=(NewTask(id=id, title="One", **said),)), "s-ann")


def test_an_entry_names_the_commit_that_was_queued(queue: Queue) -> None:
    answer = queue.world.run(wish(head=oid(7)), "s-ann")
    entry = answer.merge
    assert answer.action == "queued"
    assert (entry.id, entry.branch, entry.target) == ("q-1", "feat/q-1", "main")
    assert (entry.head, entry.status, entry.method, entry.priority) == (
        oid(7),
        "queued",
        "merge",
        5,
    )
    assert (entry.agent, entry.session, entry.queued_at) == ("ann", "s-ann", queue.world.now)
    assert merge_by(queue.world.state(), "q-1") == entry
    queue.world.check()


def test_what_is_not_said_follows_from_feature_task_and_settings() -> None:
    queue = Queue(target_branch="trunk", merge_method="squash")
    feature(queue, branch="feat/login", priority=2)
    first = queue.world.run(EnqueueMerge(id="q-1", head=oid(1), feature="login"), "s-ann").merge
    assert (first.branch, first.target, first.method) == ("feat/login", "trunk", "squash")
    assert (first.feature, first.priority) == ("login", 2)
    task(queue, priority=3)
    queue.world.run(ClaimTask(id="t-1"), "s-ann")
    queue.world.run(RecordWorktree(id="t-1", branch="task/one"), "s-ann")
    second = queue.world.run(EnqueueMerge(id="q-2", head=oid(1), task="t-1"), "s-ann").merge
    assert (second.branch, second.task, second.priority) == ("task/one", "t-1", 3)
    said = wish("q-3", priority="critical", method="rebase", pr_url="https://host/pr/1")
    third = queue.world.run(said, "s-ann").merge
    assert (third.priority, third.method, third.pr_url) == (1, "rebase", "https://host/pr/1")


def test_a67_only_an_open_feature_is_queued(queue: Queue) -> None:
    queue.world.refused(NoActiveFeature, wish(feature="login"), "s-ann")
    feature(queue)
    queue.world.run(PauseFeature(id="login"), "s-ann")
    assert queue.add(feature="login").feature == "login"
    queue.world.run(DeregisterFeature(id="login"), "s-ann")
    # Also where it was named before.
    for said in ({"feature": "login"}, {}):
        queue.world.refused(NoActiveFeature, wish(**said), "s-ann")
    assert queue.add(feature="").feature == ""


def test_a67_again_is_back_to_queued(queue: Queue) -> None:
    feature(queue)
    queue.add(feature="login", priority=2, pr_url="https://host/1")
    assert queue.check(lines=9).status == "ready"
    queue.world.pass_time(60)
    answer = queue.world.run(wish("q-2", branch="feat/q-1", head=oid(2)), "s-ann")
    entry = answer.merge
    assert (answer.action, entry.id, entry.status, entry.head) == (
        "requeued", "q-1", "queued", oid(2),
    )  # fmt: skip
    assert entry.queued_at == queue.world.now
    assert (entry.findings, entry.paths, entry.checked_at, entry.lines) == ((), (), "", 0)
    assert (entry.feature, entry.priority, entry.pr_url) == ("login", 2, "https://host/1")
    assert [one.id for one in listed(queue.world.state())] == ["q-1"]
    queue.world.check()


def test_the_same_again_while_it_is_queued_changes_nothing(queue: Queue) -> None:
    queue.add()
    queue.world.pass_time(5)
    assert queue.world.unchanged(wish("q-2", branch="feat/q-1"), "s-ann").action == "unchanged"
    assert queue.world.run(wish("q-2", branch="feat/q-1", priority=1), "s-ann").action == "requeued"
    queue.check(findings=CLASH)
    assert queue.world.run(wish("q-2", branch="feat/q-1"), "s-ann").merge.status == "queued"


def test_one_branch_has_one_entry_for_each_target(queue: Queue) -> None:
    queue.add("q-1", branch="b")
    assert queue.add("q-2", branch="b", target="release").id == "q-2"
    assert queue.add("q-3", branch="refs/heads/b", target="refs/heads/release").id == "q-2"


def test_an_ejected_branch_comes_back_and_a_removed_one_is_a_new_entry(queue: Queue) -> None:
    queue.add("q-1", branch="b")
    queue.world.run(EjectMerge(id="q-1", reason="fails"), "s-bob")
    assert not list(listed(queue.world.state()))
    other = queue.world.run(wish("q-0", branch="b", target="release"), "s-ann")
    assert (other.action, other.merge.id) == ("queued", "q-0")
    queue.world.run(RemoveMerge(id="q-0"), "s-ann")
    assert {one.id for one in listed(queue.world.state(), closed=True)} == {"q-0", "q-1"}
    answer = queue.world.run(wish("q-2", branch="b"), "s-ann")
    assert (answer.action, answer.merge.id, answer.merge.ejections) == ("requeued", "q-1", 1)
    assert (answer.merge.ended_at, answer.merge.ended_by, answer.merge.reason) == ("", "", "")
    queue.world.run(RemoveMerge(id="q-1"), "s-ann")
    answer = queue.world.run(wish("q-2", branch="b"), "s-ann")
    assert (answer.action, answer.merge.id, answer.merge.ejections) == ("queued", "q-2", 0)
    queue.world.refused(IdTaken, wish("q-1", branch="other"), "s-ann")
    queue.world.check()


def test_an_entry_belongs_to_the_agent_that_queued_it_and_to_people(queue: Queue) -> None:
    queue.add()
    refusal = queue.world.refused(MergeTaken, wish(head=oid(2)), "s-bob")
    assert (refusal.details["agent"], refusal.details["session"]) == ("ann", "s-ann")
    queue.world.refused(MergeTaken, RemoveMerge(id="q-1"), "s-bob")
    queue.world.session("s-two", agent="ann")
    # News go to whoever queued it last; a person leaves that as it is.
    assert queue.add(session="s-two", head=oid(2)).session == "s-two"
    entry = queue.world.run(wish(head=oid(3)), None, agent="eve").merge
    assert (entry.agent, entry.session) == ("ann", "s-two")
    by_person = queue.world.run(wish("q-2"), None, agent="eve").merge
    assert (by_person.agent, by_person.session) == ("eve", "")
    refusal = queue.world.refused(MergeTaken, wish("q-2"), "s-ann")
    assert "eve has queued feat/q-2 as q-2" in refusal.message
    queue.world.run(wish("q-3"), None)
    assert "a person has queued" in queue.world.refused(MergeTaken, wish("q-3"), "s-ann").message


def test_whoever_names_a_feature_or_task_may_complete_it(queue: Queue) -> None:
    feature(queue)
    queue.world.refused(FeatureTaken, wish(feature="login"), "s-bob")
    task(queue)
    assert queue.add("q-0", task="t-1", session="s-bob").task == "t-1"
    queue.world.run(ClaimTask(id="t-1"), "s-ann")
    refusal = queue.world.refused(NotAssigned, wish(task="t-1"), "s-bob")
    assert refusal.details["agent"] == "ann"
    assert queue.world.run(wish("q-2", task="t-1"), None, agent="eve").merge.task == "t-1"
    assert queue.add("q-3", task="t-1").task == "t-1"
    assert queue.add("q-3", task="").task == ""
    queue.world.run(MoveTask(id="t-1", move="complete"), "s-ann")
    assert queue.add("q-4", task="t-1", session="s-bob").task == "t-1"
    task(queue, "t-2")
    queue.world.run(MoveTask(id="t-2", move="cancel"), "s-ann")
    queue.world.refused(InvalidValue, wish("q-5", task="t-2"), "s-ann")


def test_what_is_being_checked_can_be_queued_again_and_what_lands_not(queue: Queue) -> None:
    queue.ready()
    queue.begin()
    refusal = queue.world.refused(LandingBusy, wish(head=oid(2)), "s-ann")
    assert "bob lands q-1 until" in refusal.message
    assert refusal.details["until"] == queue.entry().lease_until
    queue.world.pass_time(121)
    after = queue.add(head=oid(2))
    assert (after.status, after.result, after.expect, after.run) == ("queued", "", "", "")
    queue.world.run(CheckMerges(ids=("q-1",)), "s-bob")
    assert queue.add(head=oid(3)).status == "queued"


def test_needs_are_entries_and_features(queue: Queue) -> None:
    queue.add("q-1")
    feature(queue, "Log in")
    entry = queue.add("q-2", needs=("q-1", "Log in", "q-1"))
    assert entry.needs == ("q-1", "Log in")
    # Without a word they stay, and can be taken away.
    assert queue.add("q-2", head=oid(2)).needs == ("q-1", "Log in")
    assert queue.add("q-2", needs=()).needs == ()
    for name in ("q-9", "x" * 200):
        error = InvalidValue if len(name) > 100 else DependencyNotFound
        queue.world.refused(error, wish("q-3", needs=(name,)), "s-ann")
    queue.world.run(RemoveMerge(id="q-1"), "s-ann")
    queue.world.run(DeregisterFeature(id="Log in", status="cancelled"), "s-ann")
    for name in ("q-1", "Log in"):
        refusal = queue.world.refused(DependencyNotFound, wish("q-3", needs=(name,)), "s-ann")
        assert "will not land" in refusal.message
    many = tuple(f"q-{n}" for n in range(NEEDS_LIMIT + 1))
    queue.world.refused(LimitReached, wish("q-3", needs=many), "s-ann")


def test_entries_do_not_need_each_other_not_even_through_features(queue: Queue) -> None:
    feature(queue)
    queue.add("q-1", feature="login")
    queue.add("q-2", needs=("q-1",))
    refusal = queue.world.refused(DependencyCycle, wish("q-1", needs=("q-2",)), "s-ann")
    assert refusal.details["cycle"] == ["q-2", "q-1", "q-2"]
    queue.add("q-3", needs=("login",))
    queue.world.refused(DependencyCycle, wish("q-1", needs=("q-3",)), "s-ann")
    # One that names the feature later closes a cycle as well, and so does a need of itself.
    queue.world.refused(DependencyCycle, wish("q-3", feature="login"), "s-ann")
    queue.world.refused(DependencyCycle, wish("q-1", needs=("login",)), "s-ann")
    queue.world.refused(DependencyCycle, wish("q-1", needs=("q-1",)), "s-ann")


def test_a_cycle_through_an_ejected_entry_is_refused_when_it_comes_back(queue: Queue) -> None:
    queue.add("q-1")
    queue.world.run(EjectMerge(id="q-1", reason="x"), "s-ann")
    queue.add("q-2", needs=("q-1",))
    queue.world.refused(DependencyCycle, wish("q-1", needs=("q-2",)), "s-ann")
    assert queue.entry().status == "ejected"


def test_a_ledger_has_a_limited_number_of_open_entries(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gitcoord.domain.merge_queueing.OPEN_LIMIT", 2)
    queue.add("q-1")
    queue.add("q-2")
    queue.world.refused(LimitReached, wish("q-3"), "s-ann")
    assert queue.add("q-2", head=oid(2)).head == oid(2)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InvalidId, {"id": ""}),
        (InvalidId, {"id": "-q"}),
        (InvalidValue, {"head": ""}),
        (InvalidValue, {"head": "abc"}),
        (InvalidValue, {"head": "HEAD"}),
        (InvalidValue, {"head": oid(1).upper()[:-1] + "G"}),
        (InvalidValue, {"branch": ""}),
        (InvalidValue, {"branch": "a b"}),
        (InvalidValue, {"branch": "main"}),
        (InvalidValue, {"target": ""}),
        (InvalidValue, {"target": "-x"}),
        (InvalidValue, {"priority": 0}),
        (InvalidValue, {"priority": 11}),
        (TaskNotFound, {"task": "t-9"}),
        (NoActiveFeature, {"feature": "nobody"}),
    ],
)
def test_what_is_wrong_is_refused_and_changes_nothing(
    queue: Queue, error: Any, said: dict[str, Any]
) -> None:
    queue.world.refused(error, wish(**said), "s-ann")


def test_there_is_no_entry_of_that_id(queue: Queue) -> None:
    for operation in (RemoveMerge(id="q-9"), EjectMerge(id="q-9", reason="x")):
        queue.world.refused(MergeNotFound, operation, "s-ann")
    queue.world.refused(InvalidId, RemoveMerge(id="q 9"), "s-ann")


def test_what_was_merged_is_queued_as_a_new_entry(queue: Queue) -> None:
    queue.ready()
    queue.begin()
    queue.land()
    queue.world.refused(IdTaken, wish(), "s-ann")
    assert queue.add("q-2", branch="feat/q-1").id == "q-2"
    for operation in (RemoveMerge(id="q-1"), EjectMerge(id="q-1", reason="x")):
        queue.world.refused(InvalidTransition, operation, "s-ann")


def test_an_entry_outlives_the_session_that_queued_it(queue: Queue) -> None:
    queue.add()
    queue.world.run(EndSession(), "s-ann")
    assert queue.check().status == "ready"
    assert queue.world.all(Merge) == [queue.entry()]
