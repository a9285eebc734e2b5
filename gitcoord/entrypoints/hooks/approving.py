"""What a hook does where guardrails would ask a person and the ledger makes requests of that.

The approval is used last, when no lock stands in the way. When the ledger cannot be asked, the
hook says what it would say without approvals, or denies if it was already on its way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gitcoord.clients.event import Reply
from gitcoord.entrypoints.consent import NO_LEDGER, how, sought, spent, subject, wanted
from gitcoord.errors import GitcoordError

if TYPE_CHECKING:
    from gitcoord.domain.approvals import Subject
    from gitcoord.domain.guardrails.judge import Finding
    from gitcoord.entrypoints.hooks.visit import Visit


def asked(visit: Visit, findings: Iterable[Finding], told: str) -> Reply | None:
    """Return what is said to an event that needs consent; None where nobody makes requests."""
    holder = _holder(visit)
    if holder is None or not wanted(visit.desk):
        return None
    late = Reply(verdict="deny", reason=f"{told} A person has to approve it first.")
    visit.fallback(late)
    consent = sought(visit.desk, holder, _subject(visit), findings, "do")
    if consent is None:
        return None
    if consent.granted:
        visit.consent = consent
        return Reply(context=f"gitcoord guardrail: {how(consent)}.")
    return Reply(verdict="deny", reason=f"{told} Here {how(consent)}.")


def used(visit: Visit) -> Reply | None:
    """Use the approval up by which the event passes; return a denial where it is gone."""
    assert visit.consent is not None
    try:
        found = spent(visit.desk, _holder(visit), _subject(visit), "do")
    except GitcoordError as trouble:
        why = f"gitcoord guardrail: the approval cannot be used now ({trouble.message})."
        return Reply(verdict="deny", reason=f"{why} Try again.")
    if found is not None:
        return None
    gone = f"gitcoord guardrail: approval {visit.consent.approval.id} was used or is over."
    return Reply(verdict="deny", reason=f"{gone} Do it again to ask anew.")


def _subject(visit: Visit) -> Subject:
    event = visit.event
    return subject(event.command, () if event.command else [edit.path for edit in event.edits])


def _holder(visit: Visit) -> str | None:
    try:
        with visit.desk.state() as state:
            session = visit.session(state)
    except NO_LEDGER:
        return None
    return None if session is None else visit.holder(session)
