"""What doors do where guardrails would ask a person: make a request of it, or use its approval.

Only where the shared setting `approvals` is on. A question (`gitcoord guard check`, the tool
`check_guardrails`) and the deed (a hook) use an approval once each. Not here: the rules.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from gitcoord.domain.approvals import Act, Approval, Subject, granted
from gitcoord.errors import (
    ApprovalRequired,
    Contended,
    Damaged,
    GitcoordError,
    NotARepository,
    NotInitialised,
    Unavailable,
)

if TYPE_CHECKING:
    from gitcoord.domain.guardrails.judge import Finding
    from gitcoord.entrypoints.cli.desk import Desk

#: What keeps a door from asking: then it says what it says without approvals.
NO_LEDGER = (NotARepository, NotInitialised, Damaged, Unavailable, Contended)


class Consent(NamedTuple):
    """What has come of it."""

    approval: Approval
    #: Whether it is granted; else a person has to decide first.
    granted: bool


def subject(command: str, paths: Iterable[str] = (), *, prose: bool = False) -> Subject:
    """Return the subject of a command, of files that are written, or of a text."""
    files = "\n".join(paths)
    if command and not files and not prose:
        return Subject(kind="command", text=command)
    if files and not command:
        return Subject(kind="files", text=files)
    return Subject(kind="operation", text="\n".join(filter(None, (command, files))))


def wanted(desk: Desk) -> bool:
    """Say whether the ledger makes requests of what guardrails would ask about."""
    try:
        with desk.state() as state:
            return state.settings.approvals == "on"
    except NO_LEDGER:
        return False


def sought(
    desk: Desk, holder: str | None, about: Subject, findings: Iterable[Finding], act: Act
) -> Consent | None:
    """Return the approval, or the request for it, old or new; None where there is no asking.

    For a question (`check`) a granted approval is used at once; a deed uses it when nothing else
    stands in its way (`spent`).
    """
    if not wanted(desk):
        return None
    try:
        found = spent(desk, holder, about, act) if act == "check" else _granted(desk, holder, about)
        if found is not None:
            return Consent(found, granted=True)
        return Consent(_requested(desk, holder, about, findings), granted=False)
    except GitcoordError:
        # Without a request it is as where nobody makes one: the person there is asked, or nobody.
        return None


def spent(desk: Desk, holder: str | None, about: Subject, act: Act) -> Approval | None:
    """Use an approval up and return it; None where there is none any more."""
    from gitcoord.domain.approving import UseApproval, Used

    wish = UseApproval(about=about, act=act)
    coordinator = desk.house.coordinator
    try:
        who = desk.nobody() if holder is None else holder
        return coordinator.do(wish, Used, session=who, agent=desk.named_for(who)).approval
    except ApprovalRequired:
        return None


def how(consent: Consent) -> str:
    """Return what whoever asked has to know: who has approved, or how it is decided."""
    found = consent.approval
    if consent.granted:
        return f"approved by {found.decided_by} ({found.id}), for this once"
    return (
        f"a person has to approve it: request {found.id}, open until {found.expires_at} "
        f"(`gitcoord approval decide {found.id} --approve`); then do exactly the same again"
    )


def _granted(desk: Desk, holder: str | None, about: Subject) -> Approval | None:
    import msgspec

    with desk.state() as state:
        who = desk.nobody() if holder is None else holder
        context = msgspec.structs.replace(desk.context(state, who), agent=desk.named_for(who))
        return granted(state, context, about)


def _requested(
    desk: Desk, holder: str | None, about: Subject, findings: Iterable[Finding]
) -> Approval:
    from gitcoord.domain.approving import RequestApproval, Requested
    from gitcoord.ledger.request import fresh_id

    asking = [one for one in findings if one.severity == "ask" and not one.bypassed]
    wish = RequestApproval(
        id=fresh_id("a-"),
        about=about,
        why="; ".join(dict.fromkeys(f"{one.message} (rule {one.rule})" for one in asking)),
        details={"rules": list(dict.fromkeys(one.rule for one in asking)), "cwd": desk.directory},
    )
    coordinator = desk.house.coordinator
    who = desk.nobody() if holder is None else holder
    return coordinator.do(wish, Requested, session=who, agent=desk.named_for(who)).approval
