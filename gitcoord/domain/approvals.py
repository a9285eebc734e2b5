"""Approvals: requests for a person's consent, what became of them, and when they no longer count.

Promises that an approval is for exactly one subject and is used once. The subject of a command is
its text in one session, that of a task, feature or merge its id at one commit. Not here: what needs
an approval, and who decides (`approving`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from gitcoord.domain.oids import is_oid
from gitcoord.domain.operation import Context, checked_id
from gitcoord.domain.record import Record, Seconds
from gitcoord.domain.secrets import hide
from gitcoord.domain.sessions import root
from gitcoord.domain.time import Time
from gitcoord.errors import ApprovalNotFound, InvalidValue

if TYPE_CHECKING:
    from gitcoord.domain.state import State

#: `command` and `files`: what a session is about to do; `operation`: anything else that it names.
#: The others are things at a commit.
Kind = Literal["command", "files", "operation", "task", "feature", "merge"]
Status = Literal["pending", "approved", "denied", "expired"]
#: Kinds whose subject is a text of one session.
OF_A_SESSION: tuple[Kind, ...] = ("command", "files", "operation")
#: What an approval is used for: a question beforehand, and the deed. Each comes once.
Act = Literal["check", "do"]


class Subject(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is asked for: a text of the acting session, or a thing with the commit that it is at."""

    kind: Kind
    #: The command as a shell would run it, paths by lines, or an id.
    text: str
    #: The whole object id; empty where there is no commit.
    head: str = ""


class Approval(Record, frozen=True, kw_only=True):
    """One request, from when it is made until it is used, denied or over."""

    table = "approvals"

    id: str
    subject: Subject
    #: By which it is found; see `digest_of`.
    digest: str
    status: Status = "pending"
    #: What is asked for, in a line.
    title: str
    #: Why it needs consent: rules, risks; and what whoever asks says to it.
    why: str = ""
    reason: str = ""
    #: What else belongs to it, for programs.
    details: dict[str, Any] = {}
    agent: str = ""
    session: str = ""
    at: Time
    #: Until when it can be decided; once it is approved, until when it can be used.
    expires_at: Time
    ttl: Seconds
    decided_by: str = ""
    #: The session that has decided; empty for a person.
    decided_session: str = ""
    decided_at: Time = ""
    decision_reason: str = ""
    checked_at: Time = ""
    used_at: Time = ""

    @property
    def name(self) -> str:
        """The approval's id."""
        return self.id

    @property
    def archived(self) -> bool:
        """Whether nothing more can become of it."""
        return self.status in ("denied", "expired") or bool(self.used_at)

    def terms(self) -> Iterable[str]:
        """Return its age, and while it is open its end, subject, status and session."""
        yield f"at:{self.at}:{self.id}"
        if self.archived:
            return
        yield f"end:{self.expires_at}"
        yield f"subject:{self.digest}"
        yield f"status:{self.status}:{self.at}:{self.id}"
        if self.session:
            yield f"by:{root(self.session)}"


def digest_of(subject: Subject, context: Context) -> str:
    """Return by what the subject is found: for commands and the like also by who acts.

    Secrets in a text are hidden before, as they are when it is kept: commands that differ in them
    alone are one subject.
    """
    who = ""
    if subject.kind in OF_A_SESSION:
        who = root(context.session) if context.session else f"person {context.agent}"
    parts = (subject.kind, who, hide(subject.text), subject.head)
    from hashlib import sha256  # hooks load this file, and seldom ask

    return sha256(msgspec.json.encode(parts)).hexdigest()


def checked_subject(subject: Subject) -> Subject:
    """Return the subject if it is one. Raises `InvalidValue` and `InvalidId`."""
    if not subject.text.strip():
        raise InvalidValue("an approval needs a subject")
    if subject.kind in ("task", "merge"):
        checked_id(subject.text, subject.kind)
    if subject.head and not is_oid(subject.head):
        raise InvalidValue(f"not the object id of a commit: {subject.head[:80]!r}")
    return subject


def over(context: Context, approval: Approval) -> bool:
    """Say whether the time of an open request, or to use an approval, is over."""
    return not approval.archived and context.over(approval.expires_at, 0)


def status_at(approval: Approval, now: Time) -> Status:
    """Return the status as it is at that time, also where nobody has written yet that it is over.

    A used approval stays approved.
    """
    if not approval.archived and approval.expires_at <= now:
        return "expired"
    return approval.status


def approval_by(state: State, name: str) -> Approval:
    """Return the request of that id, open or closed. Raises `InvalidId`, `ApprovalNotFound`."""
    found = state.get(Approval, checked_id(name, "request for approval"))
    if found is None:
        raise ApprovalNotFound(f"there is no request for approval {name}", id=name)
    return found


def live(state: State, context: Context, subject: Subject) -> list[Approval]:
    """Return the open requests for a subject, in time: approved ones first, then by age."""
    found = state.find(Approval, f"subject:{digest_of(subject, context)}")
    kept = [one for one in found if not over(context, one)]
    return sorted(kept, key=lambda one: (one.status != "approved", one.at, one.id))


def granted(state: State, context: Context, subject: Subject, act: Act = "do") -> Approval | None:
    """Return an approval of the subject that can be used for the act, or None."""
    for one in live(state, context, subject):
        if one.status == "approved" and not (act == "check" and one.checked_at):
            return one
    return None


def listed(state: State, *, closed: bool = False) -> Iterator[Approval]:
    """Yield the open requests, the oldest first; with `closed` those that are closed, instead."""
    return state.scan(Approval, "at:", archived=closed)
