"""Approvals: one subject, one use, a decision by somebody else, and an end in time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from gitcoord.domain.approvals import (
    Approval,
    Subject,
    approval_by,
    digest_of,
    granted,
    listed,
    status_at,
)
from gitcoord.domain.approving import (
    OPEN_LIMIT,
    DecideApproval,
    RequestApproval,
    UseApproval,
    told,
)
from gitcoord.domain.claiming import ClaimTask
from gitcoord.domain.compact import DAY, Compact
from gitcoord.domain.merge_queueing import EnqueueMerge
from gitcoord.domain.merges import PATHS_LIMIT, Finding
from gitcoord.domain.merging import CheckMerges, RecordCheck
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.notices import told as notices
from gitcoord.domain.registering import RegisterFeature
from gitcoord.domain.sweep import LapseLeases, due
from gitcoord.domain.transfer import ImportRecords
from gitcoord.domain.verify_policies import SetVerifyPolicy
from gitcoord.domain.verifying import RecordVerification, consent
from gitcoord.errors import (
    ApprovalClosed,
    ApprovalNotFound,
    ApprovalRequired,
    IdTaken,
    InsufficientTrust,
    InvalidId,
    InvalidValue,
    LimitReached,
    OwnApproval,
    ReasonRequired,
)
from tests.domain.crew import crew
from tests.domain.world import World

PUSH = Subject(kind="command", text="git push --force")
HEAD = "a" * 40


def asking(number: int = 1, about: Subject = PUSH, **said: Any) -> RequestApproval:
    return RequestApproval(id=f"a-{number}", about=about, **said)


def decided(world: World, number: int = 1, decision: Any = "approve", reason: str = "ok") -> Any:
    wish = DecideApproval(id=f"a-{number}", decision=decision, reason=reason)
    return world.run(wish, None, agent="eve").approval


def noted_check(world: World, id: str, *paths: str, lines: int = 0) -> None:
    """Have somebody check an entry of the queue."""
    begun = world.run(CheckMerges(ids=(id,)), "s-bob")
    passed = (Finding(name="mergeable", passed=True),)
    fields = {"against": HEAD, "tree": HEAD, "findings": passed, "paths": paths, "lines": lines}
    world.run(RecordCheck(id=id, run=begun.run, **fields), "s-bob")


def test_requirement_approvals_a_person_decides_and_whoever_asked_is_told() -> None:
    world = crew()
    answer = world.run(asking(why="rule git_force_push", reason="the branch is mine"), "s-ann")
    found = answer.approval
    assert (answer.new, found.status, found.agent, found.session) == (
        True, "pending", "ann", "s-ann",
    )  # fmt: skip
    assert (found.title, found.expires_at > world.now) == ("git push --force", True)
    world.pass_time(60)
    after = decided(world, reason=" go ahead ")
    assert (after.status, after.decided_by, after.decided_session) == ("approved", "eve", "")
    assert (after.decision_reason, after.decided_at) == ("go ahead", world.now)
    (notice,) = notices(world.state(), "s-ann")
    assert notice.kind == "approval"
    assert notice.text.startswith("eve approves a-1 (git push --force): go ahead. Do it again")
    assert world.get(Approval, "a-1") == after
    world.check()


def test_a_denial_needs_a_reason_and_closes_it() -> None:
    world = crew()
    world.run(asking(), "s-ann")
    wish = DecideApproval(id="a-1", decision="deny", reason=" ")
    world.refused(ReasonRequired, wish, None)
    assert decided(world, decision="deny", reason="not now").status == "denied"
    assert notices(world.state(), "s-ann")[0].text == (
        "eve denies a-1 (git push --force): not now. Do not do it."
    )
    world.refused(ApprovalRequired, UseApproval(about=PUSH), "s-ann")
    assert list(listed(world.state())) == []
    assert [one.id for one in listed(world.state(), closed=True)] == ["a-1"]


def test_a_session_decides_that_has_the_trust_for_it() -> None:
    for trust, allowed in ((2, False), (3, True)):
        world = crew(agent_trust=trust)
        world.run(asking(), "s-ann")
        wish = DecideApproval(id="a-1", decision="approve")
        if allowed:
            found = world.run(wish, "s-bob").approval
            assert (found.decided_by, found.decided_session) == ("bob", "s-bob")
        else:
            world.refused(InsufficientTrust, wish, "s-bob")


def test_nobody_approves_their_own() -> None:
    world = crew(agent_trust=4)
    world.session("s-ann2", agent="ann")
    world.run(asking(), "s-ann/sub")
    wish = DecideApproval(id="a-1", decision="approve")
    for session in ("s-ann", "s-ann/other", "s-ann2"):
        assert world.refused(OwnApproval, wish, session).code == "own_approval"
    # A person who asked is not the one who decides; whoever an agent works for is.
    world.run(asking(2), None, agent="eve")
    own = DecideApproval(id="a-2", decision="approve")
    (refusal,) = world.run_together((own, None), agent="eve")
    assert isinstance(refusal, OwnApproval)
    assert world.run(own, None, agent="max").approval.decided_by == "max"
    assert world.run(wish, None, agent="ann").approval.status == "approved"


def test_nobody_approves_their_own_landing_that_another_has_asked_for() -> None:
    """Whoever checks the queue asks for consent to the entries of all agents."""
    world = crew(agent_trust=3)
    world.session("s-ann2", agent="ann")
    world.run(EnqueueMerge(id="q-1", head=HEAD, branch="feat", target="main"), "s-ann")
    noted_check(world, "q-1")
    world.run(asking(1, Subject(kind="merge", text="q-1", head=HEAD)), "s-bob")
    world.run(RecordVerification(commit=HEAD, tree=HEAD), "s-ann")
    world.run(asking(2, consent(HEAD)), "s-bob")
    world.run(RegisterFeature(id="login", title="Log in", claims=("src/a",)), "s-ann")
    world.run(asking(3, Subject(kind="feature", text="login", head=HEAD)), "s-bob")
    world.run(AddTasks(tasks=(NewTask(id="t-1", title="Do it"),)), "s-bob")
    world.run(ClaimTask(id="t-1"), "s-ann")
    world.run(asking(4, Subject(kind="task", text="t-1", head=HEAD)), "s-bob")
    world.session("s-cat")
    for number in (1, 2, 3, 4):
        wish = DecideApproval(id=f"a-{number}", decision="approve")
        for session in ("s-ann", "s-ann/sub", "s-ann2", "s-bob"):
            world.refused(OwnApproval, wish, session)
        assert world.run(wish, "s-cat").approval.decided_session == "s-cat"


def test_whoever_asks_for_a_landing_does_not_say_what_it_is() -> None:
    """Who decides reads what a check has found, and apart from it what they say who ask."""
    world = crew()
    world.run(SetVerifyPolicy(name="eyes", include=("auth/**",), tier=4), None)
    world.run(EnqueueMerge(id="q-1", head=HEAD, branch="feat", target="main"), "s-ann")
    about = Subject(kind="merge", text="q-1", head=HEAD)
    sly = asking(
        1, about, title="fix a typo (q-1)", why="routine", reason="it is urgent",
        details={"paths": ["README"], "lines": 1, "ticket": "T-7"},
    )  # fmt: skip
    assert "merge check q-1" in world.refused(InvalidValue, sly, "s-ann").hint
    noted_check(world, "q-1", "auth/login.py", lines=40)
    found = world.run(sly, "s-ann").approval
    assert (found.title, found.why) == ("land feat on main (q-1)", "by policy")
    assert found.details == {"paths": ["auth/login.py"], "lines": 40, "ticket": "T-7"}
    assert found.reason == "it is urgent"
    world.run(EnqueueMerge(id="q-2", head=HEAD, branch="big", target="main"), "s-ann")
    noted_check(world, "q-2", *(f"a/{n:04d}" for n in range(30)), "auth/login.py")
    big = asking(2, Subject(kind="merge", text="q-2", head=HEAD))
    assert world.run(big, "s-ann").approval.details["more_paths"] == 11
    world.run(EnqueueMerge(id="q-3", head=HEAD, branch="huge", target="main"), "s-ann")
    noted_check(world, "q-3", *(f"a/{n:04d}" for n in range(PATHS_LIMIT + 1)))
    huge = asking(3, Subject(kind="merge", text="q-3", head=HEAD))
    found = world.run(huge, "s-ann").approval
    assert (found.why, found.details["more_paths"]) == ("by policy", "more than can be named")


def test_the_approval_of_a_landing_is_used_by_the_landing_alone() -> None:
    world = crew()
    world.run(EnqueueMerge(id="q-1", head=HEAD, branch="feat", target="main"), "s-ann")
    about = Subject(kind="merge", text="q-1", head=HEAD)
    noted_check(world, "q-1")
    world.run(asking(1, about), "s-ann")
    decided(world)
    for act in ("do", "check"):
        refusal = world.refused(InvalidValue, UseApproval(about=about, act=act), "s-bob")
        assert "landing" in refusal.message
    found = world.get(Approval, "a-1")
    assert (found.used_at, found.checked_at) == ("", "")


def test_an_approval_is_used_once() -> None:
    world = crew()
    world.run(asking(), "s-ann")
    refusal = world.refused(ApprovalRequired, UseApproval(about=PUSH), "s-ann")
    assert (refusal.details["approval"], "approval decide a-1" in refusal.hint) == ("a-1", True)
    decided(world)
    used = world.run(UseApproval(about=PUSH), "s-ann/sub").approval
    assert (used.used_at, used.status, used.archived) == (world.now, "approved", True)
    refusal = world.refused(ApprovalRequired, UseApproval(about=PUSH), "s-ann")
    assert refusal.details["approval"] is None
    # It can be asked for anew.
    assert world.run(asking(2), "s-ann").new
    world.check()


def test_two_who_use_it_at_once_get_it_once() -> None:
    world = crew()
    world.run(asking(), "s-ann")
    decided(world)
    outcomes = world.run_together(
        (UseApproval(about=PUSH), "s-ann"), (UseApproval(about=PUSH), "s-ann")
    )
    assert [type(one).__name__ for one in outcomes] == ["Used", "ApprovalRequired"]


def test_a_question_passes_once_and_leaves_the_deed() -> None:
    world = crew()
    world.run(asking(), "s-ann")
    decided(world)
    assert world.run(UseApproval(about=PUSH, act="check"), "s-ann").approval.checked_at
    world.refused(ApprovalRequired, UseApproval(about=PUSH, act="check"), "s-ann")
    # A question that comes again asks anew; the deed is still granted.
    assert world.run(asking(2), "s-ann").new
    assert world.run(UseApproval(about=PUSH), "s-ann").approval.id == "a-1"
    world.refused(ApprovalRequired, UseApproval(about=PUSH), "s-ann")


def test_an_approval_is_for_exactly_one_subject() -> None:
    world = crew()
    world.run(asking(), "s-ann")
    decided(world)
    for about, session in (
        (Subject(kind="command", text="git push --force "), "s-ann"),
        (Subject(kind="command", text="git push --force origin main"), "s-ann"),
        (Subject(kind="files", text=PUSH.text), "s-ann"),
        (Subject(kind="command", text=PUSH.text, head=HEAD), "s-ann"),
        (PUSH, "s-bob"),
        (PUSH, None),
    ):
        world.refused(ApprovalRequired, UseApproval(about=about), session)
    assert world.run(UseApproval(about=PUSH), "s-ann")


def test_a_thing_is_approved_at_one_commit_for_whoever_does_it() -> None:
    world = crew()
    landing = Subject(kind="merge", text="m-1", head=HEAD)
    world.run(asking(about=landing, details={"risk": 0.9}), "s-ann")
    decided(world)
    moved = Subject(kind="merge", text="m-1", head="b" * 40)
    world.refused(ApprovalRequired, UseApproval(about=moved), "s-bob")
    used = world.run(UseApproval(about=landing), "s-bob").approval
    assert used.details == {"risk": 0.9}


def test_asking_again_is_the_same_request() -> None:
    world = crew()
    world.run(asking(), "s-ann")
    again = world.unchanged(asking(2), "s-ann/sub")
    assert (again.new, again.approval.id) == (False, "a-1")
    assert world.run(asking(3), "s-bob").new
    decided(world)
    assert world.unchanged(asking(4), "s-ann").approval.status == "approved"


def test_what_is_not_decided_in_time_is_over() -> None:
    world = crew(approval_ttl=60)
    world.run(asking(), "s-ann")
    world.run(asking(2, ttl=600), "s-bob")
    world.pass_time(60)
    found = world.get(Approval, "a-1")
    assert (found.status, status_at(found, world.now)) == ("pending", "expired")
    refusal = world.refused(ApprovalClosed, DecideApproval(id="a-1", decision="approve"), None)
    assert refusal.code == "approval_not_found_or_already_reviewed"
    assert refusal.details["status"] == "expired"
    # A new request takes its place even where nobody has closed the old one.
    assert world.run(asking(3), "s-ann").new
    assert due(world.state(), world.now)
    answer = world.run(LapseLeases())
    assert answer.approvals == ("a-1",)
    assert LapseLeases().subject(answer, "") == "lease: a-1 lapsed"
    assert world.get(Approval, "a-1").status == "expired"
    assert "Nobody has decided a-1" in notices(world.state(), "s-ann")[0].text
    assert not due(world.state(), world.now)
    world.check()


def test_an_approval_that_nobody_uses_is_over_too_and_nobody_is_told_twice() -> None:
    world = crew(approval_ttl=60)
    world.run(asking(), "s-ann")
    world.pass_time(30)
    assert decided(world).expires_at > world.now
    world.pass_time(59)
    assert granted(world.state(), world.context("s-ann"), PUSH)
    world.pass_time(1)
    world.refused(ApprovalRequired, UseApproval(about=PUSH), "s-ann")
    assert world.run(LapseLeases()).approvals == ("a-1",)
    assert len(notices(world.state(), "s-ann")) == 1
    refusal = world.refused(ApprovalClosed, DecideApproval(id="a-1", decision="deny", reason="x"))
    assert "was expired by eve" in refusal.message


def test_a_used_approval_stays_approved() -> None:
    world = crew()
    world.run(asking(), "s-ann")
    decided(world)
    used = world.run(UseApproval(about=PUSH), "s-ann").approval
    world.pass_time(100 * DAY)
    assert status_at(used, world.now) == "approved"
    assert world.run(LapseLeases()).approvals == ()


def test_a_decision_is_made_once() -> None:
    world = crew()
    world.run(asking(), "s-ann")
    decided(world)
    refusal = world.refused(ApprovalClosed, DecideApproval(id="a-1", decision="deny", reason="x"))
    assert "a-1 was approved by eve" in refusal.message
    world.refused(ApprovalClosed, DecideApproval(id="a-9", decision="approve"))
    with pytest.raises(ApprovalNotFound):
        approval_by(world.state(), "a-9")
    assert approval_by(world.state(), "a-1").status == "approved"


def test_a_session_asks_for_so_much_at_a_time() -> None:
    world = crew()
    for number in range(OPEN_LIMIT):
        for session in ("s-ann", None):
            about = Subject(kind="operation", text=f"x {number}")
            wish = RequestApproval(id=f"a-{session}-{number}", about=about)
            world.run(wish, session)
    for session in ("s-ann", None):
        wish = RequestApproval(id="a-more", about=Subject(kind="operation", text="more"))
        world.refused(LimitReached, wish, session)
    assert world.run(asking(), "s-bob").new
    world.pass_time(3600)
    assert world.run(RequestApproval(id="a-more", about=PUSH), "s-ann").new


@pytest.mark.parametrize(
    ("error", "wish"),
    [
        (InvalidId, RequestApproval(id="a b", about=PUSH)),
        (IdTaken, asking(1, Subject(kind="command", text="other"))),
        (InvalidValue, asking(2, Subject(kind="command", text=" "))),
        (InvalidValue, asking(2, Subject(kind="merge", text="m-1", head="abc"))),
        (InvalidId, asking(2, Subject(kind="merge", text="m 1"))),
        (InvalidId, asking(2, Subject(kind="task", text="t\n1"))),
        (InvalidValue, asking(2, Subject(kind="operation", text="x"), ttl=0)),
        (InvalidValue, asking(2, Subject(kind="operation", text="x"), ttl=1e9)),
        (InvalidValue, asking(2, Subject(kind="operation", text="x"), details={"a": "b" * 17_000})),
        (InvalidId, DecideApproval(id="a b", decision="approve")),
        (InvalidValue, UseApproval(about=Subject(kind="operation", text=""))),
    ],
)
def test_what_is_wrong_is_refused_and_changes_nothing(error: Any, wish: Any) -> None:
    world = crew(agent_trust=3)
    world.run(asking(), "s-ann")
    world.refused(error, wish, "s-bob")


subjects = st.builds(
    Subject,
    kind=st.sampled_from(("command", "files", "operation", "task", "feature", "merge")),
    text=st.sampled_from(("t-1", "t-2", "rm -rf build")),
    head=st.sampled_from(("", HEAD, "b" * 40)),
)


@examples(max_examples=200, deadline=None)
@given(subjects, subjects, st.sampled_from(("s-ann", "s-bob", None)))
def test_digests_are_equal_for_equal_subjects_only(one: Subject, other: Subject, who: Any) -> None:
    world = crew()
    mine, theirs = world.context("s-ann"), world.context(who)
    same = one == other and (one.kind in ("task", "feature", "merge") or who == "s-ann")
    assert (digest_of(one, mine) == digest_of(other, theirs)) == same


def test_secrets_are_hidden_before_they_tell_commands_apart() -> None:
    world = crew()
    context = world.context("s-ann")
    secret = Subject(kind="command", text="deploy --token ghp_" + "a" * 36)
    assert digest_of(secret, context) == digest_of(
        Subject(kind="command", text="deploy --token [secret]"), context
    )


def test_what_is_closed_is_forgotten_after_a_while_and_travels_nowhere() -> None:
    world = crew()
    for number, about in enumerate((PUSH, Subject(kind="operation", text="x")), 1):
        world.run(asking(number, about), "s-ann")
    decided(world, 1, "deny", "no")
    world.pass_time(100 * DAY)
    world.run(Compact())
    assert world.all(Approval, archived=True) == []
    assert [one.id for one in world.all(Approval)] == ["a-2"]
    answer = world.run(ImportRecords(records=[{"table": "approvals", "record": {"id": "a-1"}}]))
    assert answer.left_behind == {"approvals": 1}


def test_the_diary_says_who_decided_what() -> None:
    world = crew()
    wish: Any = asking(title="Force the push")
    assert wish.subject(world.run(wish, "s-ann"), "ann") == "approval: ann asks for Force the push"
    wish = DecideApproval(id="a-1", decision="approve")
    answer = world.run(wish, None, agent="eve")
    assert wish.subject(answer, "eve") == "approval: eve approves a-1 Force the push"
    assert told(answer.approval).startswith("eve approves a-1 (Force the push). Do it again")
    for act, verb in (("check", "checks with"), ("do", "uses")):
        wish = UseApproval(about=PUSH, act=act)  # type: ignore[arg-type]
        line = wish.subject(world.run(wish, "s-ann"), "ann")
        assert line == f"approval: ann {verb} a-1 Force the push"
    world.run(asking(2), "s-ann")
    wish = DecideApproval(id="a-2", decision="deny", reason="no")
    line = wish.subject(world.run(wish, None), "")
    assert line == "approval: somebody denies a-2 git push --force: no"
