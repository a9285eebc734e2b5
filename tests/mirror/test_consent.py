"""Requests for approval that are decided in comments: by whom, once, and never by who asked."""

from __future__ import annotations

from gitcoord.domain.approvals import Approval, Subject
from gitcoord.domain.approving import RequestApproval
from gitcoord.domain.configure import ChangeSettings
from gitcoord.domain.sessions import Session
from gitcoord.mirror.subjects import Comment
from tests.mirror.stage import Stage

APPROVE = "/coord approve a-1"


def asks(stage: Stage, who: Session, id: str = "a-1") -> None:
    """Let a session ask for consent."""
    about = Subject(kind="operation", text=f"drop the table {id}")
    stage.run(RequestApproval(id=id, about=about), session=who.id)


def found(stage: Stage, id: str = "a-1") -> Approval:
    """Return the request."""
    with stage.house.ledger.state() as state:
        there = state.get(Approval, id)
    assert there is not None
    return there


def test_a_person_approves_in_a_comment_and_reads_what_that_came_to(stage: Stage) -> None:
    asks(stage, stage.agent("carl"))
    issue = stage.ada.opens_issue(stage.repo, "One")
    said = stage.ada.comments(issue, APPROVE)
    stage.look()
    after = found(stage)
    assert (after.status, after.decided_by, after.decided_session) == ("approved", "ada", "")
    assert [one.content for one in said.reactions] == ["+1"]
    (text,) = stage.said(issue)
    assert "`a-1` `drop the table a-1` is approved. It can be done once, until 2026-01-05" in text
    assert "asked for by `carl`" in text
    assert stage.sessions() == [one for one in stage.sessions() if one.agent == "carl"]


def test_a_denial_needs_a_reason_that_whoever_asked_reads(stage: Stage) -> None:
    asks(stage, stage.agent("carl"))
    issue = stage.ada.opens_issue(stage.repo, "One")
    stage.ada.comments(issue, "/coord deny a-1")
    stage.look()
    assert found(stage).status == "pending"
    assert "`reason_required`" in stage.said(issue)[-1]
    stage.ada.comments(issue, "/coord deny a-1 not before the release, it isn't ready")
    stage.look()
    after = found(stage)
    assert (after.status, after.decided_by) == ("denied", "ada")
    assert after.decision_reason == "not before the release, it isn't ready"
    assert "is denied" in stage.said(issue)[-1]


def test_who_may_not_write_and_who_is_no_person_decides_nothing(stage: Stage) -> None:
    asks(stage, stage.agent("carl"))
    stage.run(ChangeSettings(values={"github_bots": ["helper[bot]"]}))
    issue = stage.ada.opens_issue(stage.repo, "One")
    stage.bob.comments(issue, APPROVE)
    stage.eve.comments(issue, APPROVE)
    stage.as_app("helper").forge.say(issue.number, APPROVE)
    stage.bot.comments(issue, APPROVE)
    asked = list(issue.comments)
    stage.look()
    assert {one.content for each in asked for one in each.reactions} == {"confused"}
    assert found(stage).status == "pending"
    said = [text for text in stage.said(issue) if "answer:" in text]
    assert sum("takes write permission" in text for text in said) == 3
    assert sum("`helper[bot] is no person`" in text for text in said) == 1


def test_nobody_approves_what_an_agent_of_their_name_has_asked_for(stage: Stage) -> None:
    asks(stage, stage.agent("Ada"))
    issue = stage.ada.opens_issue(stage.repo, "One")
    stage.ada.comments(issue, APPROVE)
    stage.look()
    assert found(stage).status == "pending"
    assert "`own_approval`" in stage.said(issue)[0]
    zoe = stage.github.person("zoe", stage.repo, role="maintain")
    zoe.comments(issue, APPROVE)
    stage.look()
    assert found(stage).decided_by == "zoe"


def test_it_is_decided_once_and_later_words_change_nothing(stage: Stage) -> None:
    asks(stage, stage.agent("carl"))
    issue = stage.ada.opens_issue(stage.repo, "One")
    first = stage.ada.comments(issue, APPROVE)
    stage.look()
    before = found(stage)
    stage.another().look([Comment(issue.number, first.id)])
    stage.ada.comments(issue, "/coord deny a-1 after all")
    stage.ada.comments(issue, "/coord approve nobody-asked")
    stage.look()
    assert found(stage) == before
    assert sum("is approved" in text for text in stage.said(issue)) == 1
    assert (
        sum("`approval_not_found_or_already_reviewed`" in text for text in stage.said(issue)) == 2
    )


def test_another_cannot_put_the_words_into_a_persons_mouth(stage: Stage) -> None:
    asks(stage, stage.agent("carl"))
    issue = stage.ada.opens_issue(stage.repo, "One")
    theirs = stage.ada.comments(issue, "Looks good.")
    stage.look()
    stage.at(60)
    mallory = stage.github.person("mallory", stage.repo, role="write")
    mallory.edits(theirs, APPROVE)
    stage.everything()
    assert found(stage).status == "pending"
    assert "changed after it was written" in stage.said(issue)[0]
