"""Checks of queued branches, what the state adds to what git found, and ends by hand."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitcoord.domain.approving import DecideApproval, RequestApproval
from gitcoord.domain.claiming import ClaimTask
from gitcoord.domain.departure import EndSession
from gitcoord.domain.escalations import RaiseEscalation, Raising
from gitcoord.domain.features import Feature
from gitcoord.domain.lock_operations import AcquireLocks
from gitcoord.domain.locks import check
from gitcoord.domain.merge_rules import crossing, findings, subject
from gitcoord.domain.merges import FINDINGS_LIMIT, PATHS_LIMIT, Finding, Merge
from gitcoord.domain.merging import CheckMerges, EjectMerge, RecordCheck, RemoveMerge
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.registering import DeregisterFeature, PauseFeature, RegisterFeature
from gitcoord.errors import (
    InvalidTransition,
    InvalidValue,
    LandingBusy,
    LimitReached,
    MergeNotFound,
    NotReady,
    ReasonRequired,
)
from tests.domain.queueing import CLASH, PASSED, TIP, TREE, Queue, oid, policy, record, verify, wish


@pytest.fixture
def queue() -> Queue:
    return Queue()


def register(queue: Queue, id: str, *claims: str, session: str = "s-ann", **said: Any) -> None:
    queue.world.run(RegisterFeature(id=id, claims=claims, **said), session)
    queue.world.pass_time(1)


def issues(entry: Merge) -> dict[str, str]:
    """Return what has not passed: the text by the name of the check."""
    return {one.name: one.text for one in entry.findings if not one.passed}


def names(entry: Merge) -> list[str]:
    return [one.name for one in entry.findings]


def test_a66_a_check_takes_a_lease_and_ends_ready(queue: Queue) -> None:
    queue.add()
    answer = queue.world.run(CheckMerges(ids=("q-1", "q-1")), "s-bob")
    (entry,) = answer.merges
    assert (entry.status, entry.run, entry.runner) == ("pre_merge_check", answer.run, "bob")
    assert entry.lease_until == "2026-01-05T08:02:00.000Z"
    queue.world.pass_time(1)
    done = queue.world.run(record("q-1", answer.run, ("b", "a", "b"), lines=7), "s-bob").merge
    assert (done.status, done.reason, done.paths, done.wide, done.lines) == (
        "ready", "", ("a", "b"), False, 7,
    )  # fmt: skip
    assert (done.checked_at, done.checked_target, done.checked_tree) == (
        queue.world.now, TIP, TREE,
    )  # fmt: skip
    assert (done.run, done.runner, done.lease_until) == ("", "", "")
    assert names(done) == ["mergeable", "locks", "needs"]
    assert queue.told() == []
    queue.world.check()


def test_what_git_finds_blocks_and_whoever_queued_it_is_told_once(queue: Queue) -> None:
    queue.add()
    entry = queue.check(findings=CLASH, tree="")
    assert (entry.status, entry.reason) == ("blocked", "src/a.py conflicts with main")
    assert queue.told() == ["q-1 (feat/q-1) is blocked: src/a.py conflicts with main"]
    queue.check(findings=CLASH, tree="")
    assert len(queue.told()) == 1
    other = (Finding(name="fresh", passed=False),)
    assert queue.check(findings=other).reason == "fresh"
    assert len(queue.told()) == 2
    assert queue.check().status == "ready"


def test_whoever_checks_their_own_branch_reads_the_answer_and_the_claimant_is_told(
    queue: Queue,
) -> None:
    queue.world.run(AddTasks(tasks=(NewTask(id="t-1", title="One"),)), "s-ann")
    queue.world.session("s-eve", agent="ann")
    queue.add(task="t-1")
    queue.world.run(ClaimTask(id="t-1"), "s-eve")
    run = queue.world.run(CheckMerges(ids=("q-1",)), "s-ann").run
    queue.world.run(record("q-1", run, findings=CLASH), "s-ann")
    assert queue.told("s-ann") == []
    assert len(queue.told("s-eve")) == 1


def test_several_are_checked_and_those_that_cannot_be_are_named(queue: Queue) -> None:
    queue.add("q-1")
    queue.add("q-2")
    queue.world.run(CheckMerges(ids=("q-1",)), "s-ann")
    answer = queue.world.run(CheckMerges(ids=("q-9", "q-1", "q-2")), "s-bob")
    assert [one.id for one in answer.merges] == ["q-2"]
    assert [(one.id, one.code) for one in answer.skipped] == [
        ("q-9", "merge_not_found"), ("q-1", "landing_busy"),
    ]  # fmt: skip
    refusal = queue.world.refused(LandingBusy, CheckMerges(ids=("q-1", "q-9")), "s-bob")
    assert "ann checks q-1 until 2026-01-05T08:02:00.000Z" in refusal.message
    queue.world.refused(MergeNotFound, CheckMerges(ids=("q-9", "q-1")), "s-bob")
    queue.world.refused(InvalidValue, CheckMerges(ids=()), "s-bob")
    queue.world.refused(InvalidValue, CheckMerges(ids=("q-1",), lease=0), "s-bob")
    # After its time the check is anybody's.
    queue.world.pass_time(120)
    assert queue.world.run(CheckMerges(ids=("q-1",)), "s-bob").merges[0].runner == "bob"


def test_a_check_counts_only_while_it_is_the_one_under_way(queue: Queue) -> None:
    queue.add()
    first = queue.world.run(CheckMerges(ids=("q-1",), lease=5), "s-ann").run
    queue.world.pass_time(5)
    second = queue.world.run(CheckMerges(ids=("q-1",)), "s-bob").run
    queue.world.refused(NotReady, record("q-1", first), "s-ann")
    queue.add(head=oid(2))
    refusal = queue.world.refused(NotReady, record("q-1", second), "s-bob")
    assert "q-1 is queued" in refusal.message
    queue.world.refused(MergeNotFound, record("q-9", second), "s-bob")


def test_a_check_says_what_it_has_found(queue: Queue) -> None:
    queue.add()
    run = queue.world.run(CheckMerges(ids=("q-1",)), "s-bob").run
    many = PASSED * (FINDINGS_LIMIT + 1)
    for error, said in (
        (LimitReached, {"findings": ()}),
        (LimitReached, {"findings": many}),
        (InvalidValue, {"against": ""}),
        (InvalidValue, {"against": "main"}),
        (InvalidValue, {"tree": "x"}),
    ):
        queue.world.refused(error, record("q-1", run, **said), "s-bob")
    queue.world.run(record("q-1", run, lines=-4), "s-bob")
    assert queue.entry().lines == 0


def test_more_paths_than_can_be_named_overlap_everything(queue: Queue) -> None:
    queue.add()
    entry = queue.check(paths=[f"f/{n:05d}" for n in range(PATHS_LIMIT + 1)])
    assert (entry.wide, len(entry.paths)) == (True, PATHS_LIMIT)
    queue.world.run(AcquireLocks(keys=("elsewhere/**",)), "s-bob")
    assert "elsewhere/**" in issues(queue.check(wide=True, paths=()))["locks"]
    # A key that is no path is in nobody's way, nor is what is shared or one's own.
    queue.world.run(AcquireLocks(keys=("shared.txt",), mode="shared"), "s-bob")
    queue.world.run(AcquireLocks(keys=("mine.txt",)), "s-ann")
    assert ".txt" not in issues(queue.check(wide=True, paths=()))["locks"]
    queue.world.run(AcquireLocks(keys=("db:users",)), "s-bob")
    assert "db:" not in issues(queue.check(wide=True, paths=()))["locks"]


def test_a68_a_feature_that_has_ended_blocks(queue: Queue) -> None:
    register(queue, "login")
    queue.add(feature="login")
    entry = queue.check()
    assert names(entry) == [
        "mergeable", "feature_active", "no_resource_conflicts", "not_paused", "locks", "needs",
    ]  # fmt: skip
    assert issues(entry) == {}
    queue.world.run(DeregisterFeature(id="login", status="cancelled"), "s-ann")
    entry = queue.check()
    assert (entry.status, issues(entry)) == (
        "blocked", {"feature_active": "feature login was cancelled"},
    )  # fmt: skip
    queue.world.remove(queue.world.get(Feature, "login"))
    assert issues(queue.check()) == {"feature_active": "feature login is not there any more"}


def test_a70_of_two_that_overlap_the_one_that_comes_first_goes(queue: Queue) -> None:
    register(queue, "one", "src/**")
    register(queue, "two", "src/**")
    queue.add("q-2", feature="two", priority=1)
    # The other one is not queued, and was registered before.
    conflict = {"no_resource_conflicts": "comes after one, which claims the same"}
    assert issues(queue.check("q-2", paths=("b",))) == conflict
    # Now both are queued, and the more urgent entry comes first although its feature is younger.
    queue.add("q-1", feature="one", priority=2)
    assert issues(queue.check("q-2", paths=("b",))) == {}
    conflict = {"no_resource_conflicts": "comes after two, which claims the same"}
    assert issues(queue.check("q-1", paths=("a",))) == conflict
    # What the first needs comes before it, so that the two never wait for each other.
    queue.add("q-2", needs=("q-1",))
    assert issues(queue.check("q-1", paths=("a",))) == {}


def test_a_feature_with_several_entries_and_another_take_turns(queue: Queue) -> None:
    register(queue, "one", "src/**")
    register(queue, "two", "src/**")
    for id, feature, priority in (("q-1", "one", 1), ("q-2", "two", 2), ("q-3", "one", 3)):
        queue.add(id, feature=feature, priority=priority)
    found = [bool(issues(queue.check(id, paths=(id,)))) for id in ("q-1", "q-2", "q-3")]
    assert found == [False, True, True]
    queue.begin("q-1")
    queue.land("q-1")
    # The rest of the first feature is behind the second one now.
    assert issues(queue.check("q-2", paths=("q-2",))) == {}


def test_what_overlaps_with_several_before_it_counts_together(queue: Queue) -> None:
    register(queue, "one", "a", *(f"p/{n}" for n in range(4)), priority=1)
    register(queue, "two", "b", *(f"r/{n}" for n in range(4)), priority=1)
    register(queue, "both", "a", "b", "c")
    queue.add("q-1", feature="both")
    text = issues(queue.check("q-1", paths=("c",)))["no_resource_conflicts"]
    assert text == "comes after one, two, which claims the same"
    # One of them behind it is one less.
    queue.world.run(RegisterFeature(id="two", claims=("b", *(f"r/{n}" for n in range(4))),
                                    priority=9), "s-ann")  # fmt: skip
    assert issues(queue.check("q-1", paths=("c",))) == {}


def test_a_pause_of_the_feature_or_of_the_tasks_blocks(queue: Queue) -> None:
    register(queue, "login")
    queue.world.run(AddTasks(tasks=(NewTask(id="t-1", title="One", feature="ui"),)), "s-ann")
    queue.add(feature="login", task="t-1")
    assert queue.check().status == "ready"
    queue.world.run(PauseFeature(id="login", reason="freeze"), "s-bob")
    assert issues(queue.check()) == {"not_paused": "feature login is paused by bob: freeze"}
    queue.add("q-2", task="t-1")
    queue.world.run(AcquireLocks(keys=("feature:ui:pause",), reason="hold", ttl=60), "s-bob")
    until = "until 2026-01-05T08:01:01.000Z"
    assert issues(queue.check("q-2")) == {
        "not_paused": f"feature ui is paused by bob: hold {until}"
    }
    # Whoever queued it does not stand in their own way.
    queue.world.run(EndSession(), "s-bob")
    queue.world.session("s-bob")
    queue.world.run(AcquireLocks(keys=("feature:ui:pause",)), "s-ann")
    assert queue.check("q-2").status == "ready"
    asked = Raising(
        id="e-1", queued="t-2", kind="SECURITY_ESCALATION", severity="BLOCKING", summary="look"
    )
    queue.world.run(RaiseEscalation(escalation=asked, feature="ui"), "s-bob")
    assert "e-1" in issues(queue.check("q-2"))["not_paused"]


def test_exclusive_locks_of_others_on_changed_paths_block(queue: Queue) -> None:
    queue.add()
    queue.world.run(AcquireLocks(keys=("src/",), ttl=60), "s-bob")
    entry = queue.check()
    text = "others hold src/** (bob until 2026-01-05T08:01:00.000Z)"
    assert issues(entry) == {"locks": text}
    assert queue.told() == [f"q-1 (feat/q-1) is blocked: {text}"]
    # Elsewhere, or over, is no matter, and neither is a name that no key can have.
    assert queue.check(paths=("docs/a", "docs/b", "a\nb")).status == "ready"
    assert issues(queue.check(paths=("src/x/a", "src/x/b", "top"))) == {"locks": text}
    queue.world.pass_time(60)
    assert queue.check().status == "ready"


PARTS = st.sampled_from(["a", "b", "a/x", "a/y", "b/x/c", "b/x/d", "a/[1]"])
KEYS = st.sampled_from(["a", "b/x/d", "a/", "b/**", "*/x", "**/c", "a/{x,y}", "a/\\[1]", "db:a"])


@settings(max_examples=60)
@given(st.lists(PARTS, unique=True), st.lists(KEYS, unique=True, max_size=3))
def test_no_lock_in_the_way_is_overlooked(paths: list[str], keys: list[str]) -> None:
    queue = Queue()
    for key in keys:
        queue.world.run(AcquireLocks(keys=(key,)), "s-bob")
    queue.add()
    entry = msgspec.structs.replace(queue.entry(), paths=tuple(sorted(paths)))
    state, context = queue.world.state(), queue.world.context()
    found = {lock.key for lock in crossing(state, context, entry)}
    assert found == {one.lock.key for one in check(state, context, paths, "s-ann")}


def test_shared_locks_and_ones_own_do_not_block(queue: Queue) -> None:
    queue.add()
    queue.world.run(AcquireLocks(keys=("src/a.py",), mode="shared"), "s-bob")
    assert queue.check().status == "ready"
    queue.world.run(AcquireLocks(keys=("src/b.py",)), "s-ann/branch")
    assert queue.check(paths=("src/b.py",)).status == "ready"
    queue.world.run(AddTasks(tasks=(NewTask(id="t-1", title="One", keys=("src/c.py",)),)), "s-ann")
    queue.add(task="t-1")
    queue.world.run(ClaimTask(id="t-1"), "s-bob")
    assert queue.check(paths=("src/c.py",)).status == "ready"
    queue.add(task="")
    assert "src/c.py" in issues(queue.check(paths=("src/c.py",)))["locks"]


def test_a_need_that_will_come_does_not_block_and_one_that_will_not_does(queue: Queue) -> None:
    queue.add("q-1")
    queue.add("q-2", needs=("q-1",))
    entry = queue.check("q-2")
    assert entry.status == "ready"
    assert entry.findings[-1].text == "needs q-1, which is queued"
    queue.world.run(EjectMerge(id="q-1", reason="x"), "s-bob")
    assert "q-1, which is ejected" in issues(queue.check("q-2"))["needs"]


def test_a_policy_of_a_person_asks_for_an_approval_at_this_commit(queue: Queue) -> None:
    policy(queue.world, "review", executor="person", tier=4, command=())
    queue.add()
    text = "needs a person's approval (by policy); nobody has asked for it"
    assert issues(queue.check()) == {"approval": text}
    asked = RequestApproval(id="a-1", about=subject(queue.entry()))
    queue.world.run(asked, "s-ann")
    assert "a-1 waits for a decision" in issues(queue.check())["approval"]
    queue.world.run(DecideApproval(id="a-1", decision="approve"), None, agent="eve")
    assert queue.check().status == "ready"
    queue.add(head=oid(2))
    assert "approval" in issues(queue.check())


def test_a_risk_above_the_setting_asks_for_an_approval() -> None:
    queue = Queue(risk_approval=20)
    queue.add()
    assert issues(queue.check(paths=(".github/workflows/ci.yml",))) == {
        "approval": "needs a person's approval (its risk is 30); nobody has asked for it"
    }
    assert queue.check(paths=("README.md",)).status == "ready"


def test_what_is_verified_as_bad_blocks_and_what_is_not_yet_does_not(queue: Queue) -> None:
    asked = policy(queue.world)
    queue.add()
    entry = queue.check()
    assert (entry.status, entry.findings[-1].name) == ("ready", "verification")
    assert entry.findings[-1].text == "unit has not run"
    verify(queue.world, asked, "failed")
    assert issues(queue.check()) == {"verification": "unit failed"}
    assert queue.check(tree=oid(99)).status == "ready"
    # What git cannot merge has no tree to ask about.
    assert "verification" not in names(queue.check(tree="", findings=CLASH))


def test_looking_changes_nothing(queue: Queue) -> None:
    queue.add()
    state = queue.world.state()
    assert findings(state, queue.world.context(), queue.entry())
    assert not list(state.changes())


def test_an_ejected_entry_says_why_and_is_told(queue: Queue) -> None:
    queue.ready()
    queue.world.refused(ReasonRequired, EjectMerge(id="q-1", reason=" "), "s-bob")
    other = queue.world.refused(NotReady, EjectMerge(id="q-1", reason="x", head=oid(9)), "s-bob")
    assert "queued anew" in other.message
    wish = EjectMerge(id="q-1", reason="its checks\nfail", head=queue.entry("q-1").head)
    entry = queue.world.run(wish, "s-bob").merge
    assert (entry.status, entry.reason, entry.ejections) == ("ejected", "its checks fail", 1)
    assert (entry.ended_by, entry.ended_at) == ("bob", queue.world.now)
    assert queue.told() == ["q-1 (feat/q-1) was ejected: its checks fail"]
    queue.world.refused(InvalidTransition, EjectMerge(id="q-1", reason="x"), "s-bob")
    queue.world.check()


def test_a69_removing_leaves_the_feature_as_it_is(queue: Queue) -> None:
    register(queue, "login")
    queue.add(feature="login")
    queue.world.run(CheckMerges(ids=("q-1",)), "s-bob")
    entry = queue.world.run(RemoveMerge(id="q-1", reason="not now"), None, agent="eve").merge
    assert (entry.status, entry.reason, entry.ended_by) == ("removed", "not now", "eve")
    assert queue.told() == ["q-1 (feat/q-1) was removed by eve"]
    assert queue.world.get(Feature, "login").status == "active"


def test_what_lands_is_not_taken_away_while_its_lease_runs(queue: Queue) -> None:
    queue.ready()
    queue.begin()
    queue.world.refused(LandingBusy, RemoveMerge(id="q-1"), "s-ann")
    queue.world.refused(LandingBusy, EjectMerge(id="q-1", reason="x"), "s-bob")
    queue.world.pass_time(120)
    assert queue.world.run(RemoveMerge(id="q-1"), "s-ann").merge.expect == ""


def test_lines_of_the_diary_say_what_was_done(queue: Queue) -> None:
    answer = queue.world.run(wish(), "s-ann")
    assert wish().subject(answer, "ann") == "merge: ann queues feat/q-1 for main as q-1"
    answer = queue.world.run(CheckMerges(ids=("q-1",)), "s-bob")
    assert CheckMerges(ids=("q-1",)).subject(answer, "") == "merge: somebody checks q-1"
    end: RecordCheck = record("q-1", answer.run, findings=CLASH)
    line = end.subject(queue.world.run(end, "s-bob"), "bob")
    assert line == "merge: bob finds q-1 blocked: src/a.py conflicts with main"
