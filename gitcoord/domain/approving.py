"""What is done about approvals: ask, decide, use; and what ends by itself.

Nobody approves their own, and whoever asked is told. Who decides is a person, or a session that
has the trust for it; that is asked where operations are decided (`rights`), not here.
"""

from __future__ import annotations

from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec

from gitcoord.domain.approval_subjects import makers, queued, told_of
from gitcoord.domain.approvals import (
    Act,
    Approval,
    Subject,
    checked_subject,
    digest_of,
    granted,
    live,
    over,
)
from gitcoord.domain.names import one_line
from gitcoord.domain.notices import tell
from gitcoord.domain.operation import Answer, Context, Operation, checked_id
from gitcoord.domain.sessions import root
from gitcoord.domain.time import plus
from gitcoord.errors import (
    ApprovalClosed,
    ApprovalRequired,
    IdTaken,
    InvalidValue,
    LimitReached,
    OwnApproval,
    ReasonRequired,
)

if TYPE_CHECKING:
    from gitcoord.domain.state import State

#: Open requests that one session may have, and that people have together.
OPEN_LIMIT = 50
#: Shortest and longest time for a decision, in seconds.
TTL_RANGE = (1.0, 2_592_000.0)
#: Bytes of the details of a request as JSON.
DETAILS_LIMIT = 16_384
#: Requests that end at once by themselves.
LAPSE_LIMIT = 200


class Requested(Answer, frozen=True, kw_only=True):
    """The request, and whether it is new: for one subject there is one."""

    approval: Approval
    new: bool


class RequestApproval(Operation, frozen=True, kw_only=True):
    """Ask a person for consent to one thing."""

    tag = "approval.request"
    answer = Requested
    sessionless: ClassVar[bool] = True

    id: str
    about: Subject
    #: What is asked for, in a line; default: the beginning of the subject.
    title: str = ""
    why: str = ""
    reason: str = ""
    details: dict[str, Any] = {}
    #: Seconds in which it can be decided; None: as the settings say.
    ttl: float | None = None

    def apply(self, state: State, context: Context) -> Requested:
        """Store the request, or answer with the open or unused one for the same subject.

        Raises `InvalidId`, `IdTaken`, `InvalidValue` and `LimitReached`.
        """
        checked_id(self.id, "request for approval")
        about = checked_subject(self.about)
        # One that was shown to a question already is as good as none: it waits for its deed.
        for before in live(state, context, about):
            if before.status == "pending" or not before.checked_at:
                return Requested(approval=before, new=False)
        return Requested(approval=self._new(state, context, about), new=True)

    def _new(self, state: State, context: Context, about: Subject) -> Approval:
        if state.get(Approval, self.id) is not None:
            raise IdTaken(f"there is a request {self.id} already", id=self.id)
        if len(msgspec.json.encode(self.details)) > DETAILS_LIMIT:
            raise InvalidValue(f"details of a request have at most {DETAILS_LIMIT} bytes")
        ttl = state.settings.approval_ttl if self.ttl is None else float(self.ttl)
        if not TTL_RANGE[0] <= ttl <= TTL_RANGE[1]:
            raise InvalidValue("the time for a decision is 1 second to 30 days", ttl=ttl)
        _refuse_more(state, context)
        title, why, details = self.title, self.why, self.details
        entry = queued(state, about)
        if entry is not None:
            # Who decides reads what was checked, whatever is said by who asks.
            title, why, checked = told_of(state, context, entry)
            details = details | checked
        found = Approval(
            id=self.id,
            subject=about,
            digest=digest_of(about, context),
            title=one_line(title) or one_line(about.text),
            why=why,
            reason=self.reason,
            details=details,
            agent=context.agent,
            session=context.session or "",
            at=context.now,
            expires_at=plus(context.now, ttl),
            ttl=ttl,
        )
        state.put(found)
        return found

    def subject(self, answer: Requested, agent: str) -> str:
        """Return the diary line."""
        return one_line(f"approval: {agent or 'somebody'} asks for {answer.approval.title}")


class Decided(Answer, frozen=True, kw_only=True):
    """The request as it was decided."""

    approval: Approval


class DecideApproval(Operation, frozen=True, kw_only=True):
    """Approve or deny a request."""

    tag = "approval.decide"
    answer = Decided
    sessionless: ClassVar[bool] = True

    id: str
    decision: Literal["approve", "deny"]
    #: Whoever asked reads it; a denial needs one.
    reason: str = ""

    def apply(self, state: State, context: Context) -> Decided:
        """Decide it once; an approval can be used from now on for as long as was asked for.

        Raises `ApprovalClosed`, `OwnApproval` and `ReasonRequired`.
        """
        found = state.get(Approval, checked_id(self.id, "request for approval"))
        if found is None or found.status != "pending" or over(context, found):
            raise _closed(self.id, found)
        _check_decider(state, found, context)
        if self.decision == "deny" and not self.reason.strip():
            raise ReasonRequired("say why it is denied", hint="Give a reason.")
        approved = self.decision == "approve"
        after = msgspec.structs.replace(
            found,
            status="approved" if approved else "denied",
            decided_by=context.agent,
            decided_session=context.session or "",
            decided_at=context.now,
            decision_reason=self.reason.strip(),
            expires_at=plus(context.now, found.ttl) if approved else found.expires_at,
        )
        state.put(after)
        if found.session:
            tell(state, context, found.session, "approval", told(after))
        return Decided(approval=after)

    def subject(self, answer: Decided, agent: str) -> str:
        """Return the diary line."""
        verb = "approves" if self.decision == "approve" else "denies"
        why = f": {self.reason}" if self.reason else ""
        return one_line(
            f"approval: {agent or 'somebody'} {verb} {answer.approval.id} "
            f"{answer.approval.title}{why}"
        )


class Used(Answer, frozen=True, kw_only=True):
    """The approval that was used."""

    approval: Approval


class UseApproval(Operation, frozen=True, kw_only=True):
    """Use up the approval of a subject, for the question beforehand or for the deed."""

    tag = "approval.use"
    answer = Used
    sessionless: ClassVar[bool] = True

    about: Subject
    act: Act = "do"

    def apply(self, state: State, context: Context) -> Used:
        """Mark it as used.

        Raises `ApprovalRequired` where there is none, `InvalidValue`, also for what is queued.
        """
        about = checked_subject(self.about)
        if queued(state, about) is not None:
            raise InvalidValue(
                f"the landing of {about.text} uses its approval itself",
                hint=f"Run `gitcoord merge land {about.text}`.",
            )
        return Used(approval=use(state, context, about, self.act))

    def subject(self, answer: Used, agent: str) -> str:
        """Return the diary line."""
        verb = "checks with" if self.act == "check" else "uses"
        found = answer.approval
        return one_line(f"approval: {agent or 'somebody'} {verb} {found.id} {found.title}")


def use(state: State, context: Context, about: Subject, act: Act = "do") -> Approval:
    """Use up an approval within another operation, and return it. Raises `ApprovalRequired`.

    What needs consent calls this where it is decided: then it is used if, and only if, that is
    done.
    """
    found = granted(state, context, about, act)
    if found is None:
        asked = next((one for one in live(state, context, about) if one.status == "pending"), None)
        hint = "Ask for it: `gitcoord approval request`."
        if asked is not None:
            hint = f"A person has to decide it: `gitcoord approval decide {asked.id} --approve`."
        raise ApprovalRequired(
            f"this needs a person's approval: {one_line(about.text)}",
            hint=hint,
            approval=asked.id if asked else None,
        )
    field = "checked_at" if act == "check" else "used_at"
    after = msgspec.structs.replace(found, **{field: context.now})
    state.put(after)
    return after


def lapse(state: State, context: Context, limit: int = LAPSE_LIMIT) -> list[Approval]:
    """Close up to `limit` requests whose time is over; who asked is told of undecided ones."""
    due = takewhile(lambda one: over(context, one), state.scan(Approval, "end:"))
    ended = []
    for found in list(islice(due, limit)):
        after = msgspec.structs.replace(found, status="expired")
        state.put(after)
        if found.session and found.status == "pending":
            tell(state, context, found.session, "approval", told(after))
        ended.append(after)
    return ended


def told(found: Approval) -> str:
    """Return what whoever asked is told."""
    why = f": {found.decision_reason}" if found.decision_reason else ""
    if found.status == "approved":
        return (
            f"{found.decided_by} approves {found.id} ({found.title}){why}. "
            f"Do it again as you asked for it, once, before {found.expires_at}."
        )
    if found.status == "denied":
        return f"{found.decided_by} denies {found.id} ({found.title}){why}. Do not do it."
    return f"Nobody has decided {found.id} ({found.title}) in time. Ask again if it is needed."


def _check_decider(state: State, found: Approval, context: Context) -> None:
    """Raise `OwnApproval` where whoever asked decides, or an agent whose work it is.

    Who asks for a thing at a commit may be somebody else than who has made it.
    """
    if context.session is None:
        own = not found.session and found.agent == context.agent
    else:
        own = root(context.session) == root(found.session) or context.agent == found.agent
    if own:
        raise OwnApproval(f"{found.agent or 'somebody'} has asked for {found.id}", id=found.id)
    if context.session is not None and context.agent in makers(state, found.subject):
        raise OwnApproval(f"{found.id} is about work of {context.agent}", id=found.id)


def _refuse_more(state: State, context: Context) -> None:
    mine = (
        state.find(Approval, f"by:{root(context.session)}")
        if context.session
        else [one for one in state.scan(Approval, "status:pending:") if not one.session]
    )
    pending = [one for one in mine if one.status == "pending" and not over(context, one)]
    if len(pending) >= OPEN_LIMIT:
        raise LimitReached(
            f"{len(pending)} requests for approval are open, at most {OPEN_LIMIT}",
            hint="Wait until a person has decided some.",
        )


def _closed(id: str, found: Approval | None) -> ApprovalClosed:
    if found is None:
        return ApprovalClosed(f"there is no request for approval {id}", id=id)
    if found.decided_at:
        return ApprovalClosed(
            f"{found.id} was {found.status} by {found.decided_by} at {found.decided_at}",
            id=found.id,
            status=found.status,
        )
    return ApprovalClosed(
        f"the time for {found.id} was over at {found.expires_at}", id=found.id, status="expired"
    )
