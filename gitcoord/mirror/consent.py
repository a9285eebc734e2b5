"""Requests for approval that people decide in comments.

Only people: whoever GitHub calls a bot decides nothing, whatever the settings name it for. The
decision is that of a person, by their login. Nobody decides what an agent of their own name has
asked for. Not here: who may give commands, and what a request is about (`domain.approving`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from gitcoord.domain.approvals import Approval
from gitcoord.domain.approving import DecideApproval, Decided
from gitcoord.errors import Denied, OwnApproval
from gitcoord.mirror.markdown import clock, code

if TYPE_CHECKING:
    from gitcoord.mirror.desk import Desk
    from gitcoord.mirror.facts import Person


def decide(
    desk: Desk,
    who: Person,
    id: str,
    decision: Literal["approve", "deny"],
    *,
    reason: str = "",
    key: str,
) -> str:
    """Decide a request once for the idempotency key; return what is said to that, in Markdown.

    Raises `Denied` for bots, `OwnApproval`, `ApprovalClosed` and `ReasonRequired`.
    """
    if who.bot:
        raise Denied(
            f"{who.login} is no person", hint="A person with write permission has to decide it."
        )
    with desk.look() as look:
        found = look.state.get(Approval, id)
    if found is not None and found.agent.lower() == who.login.lower():
        raise OwnApproval(f"{found.agent} has asked for {id}", id=id)
    wish = DecideApproval(id=id, decision=decision, reason=reason)
    (reply,) = desk.run(wish, agent=who.login, id=key)
    if reply.error is not None:
        raise reply.error
    (answer,) = reply.answers
    assert isinstance(answer, Decided)
    return _told(answer.approval)


def _told(found: Approval) -> str:
    asked = f" It was asked for by {code(found.agent)}." if found.agent else ""
    if found.status != "approved":
        return f"{code(found.id)} {code(found.title)} is denied.{asked}"
    until = f" It can be done once, until {clock(found.expires_at)}."
    return f"{code(found.id)} {code(found.title)} is approved.{until}{asked}"
