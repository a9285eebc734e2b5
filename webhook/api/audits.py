"""Questions about the audit: who asked for what, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from webhook.api.pages import Asked

if TYPE_CHECKING:
    from gitcoord.ledger.history import Filter
    from webhook.api.asking import Asking


class Wanted(Asked, frozen=True, kw_only=True):
    """Which entries; what is left out does not matter."""

    agent: str = ""
    session: str = ""
    operation: Annotated[str, Meta(description="An operation or its beginning: `lock.`")] = ""
    outcome: Annotated[
        str, Meta(description="done, refused, denied, guardrail, waiting, or an error code.")
    ] = ""
    key: Annotated[str, Meta(max_length=2000, description="What overlaps this key.")] = ""
    since: str = ""
    until: str = ""


class AuditAsked(Wanted, frozen=True, kw_only=True):
    """Which entries, in pages."""

    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: Annotated[str, Meta(max_length=100, description="`next` of the page before.")] = ""


class Audited(msgspec.Struct, frozen=True, kw_only=True):
    """Operations, newest first, also those that were refused."""

    entries: list[dict[str, Any]]
    next: str | None
    #: Where history begins at this service, if it is cut off there: `commit` and `time`.
    known_from: dict[str, str] | None


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """All entries that were asked for, newest first."""

    entries: list[dict[str, Any]]


def audit(asking: Asking, asked: AuditAsked) -> Audited:
    """Return entries of the audit. Raises `InvalidValue`, `InvalidKey`, `UnknownNamespace`."""
    from gitcoord.entrypoints.cli.audit import checked, opened, shown

    with opened(asking) as found:
        page = found.page(
            _wish(asking, asked), checked(asked.outcome), limit=asked.limit, cursor=asked.cursor
        )
    return Audited(**shown(page))


def audit_export(asking: Asking, asked: Wanted) -> Exported:
    """Return all entries of the audit. Raises as `audit`."""
    from gitcoord.entrypoints.cli.audit import checked, opened
    from gitcoord.ledger.auditfile import document

    with opened(asking) as found:
        entries = found.everything(_wish(asking, asked), checked(asked.outcome))
        return Exported(entries=[document(one) for one in entries])


def _wish(asking: Asking, asked: Wanted) -> Filter:
    from gitcoord.entrypoints.cli.audit import wish

    return wish(
        asking,
        agent=asked.agent,
        by=asked.session,
        operation=asked.operation,
        key=asked.key,
        since=asked.since,
        until=asked.until,
    )
