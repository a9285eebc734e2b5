"""Requests for approval, as questions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from webhook.api.pages import Asked, Paged, page

if TYPE_CHECKING:
    from webhook.api.asking import Asking


class ApprovalsAsked(Paged, frozen=True, kw_only=True):
    """Which requests: the open ones, or those that are closed."""

    closed: Annotated[bool, Meta(description="Those that are closed, instead of the open.")] = False
    agent: str = ""


class Approvals(msgspec.Struct, frozen=True, kw_only=True):
    """Requests, the oldest first, with their status as of now."""

    approvals: list[dict[str, Any]]
    next: str = ""


def approvals(asking: Asking, asked: ApprovalsAsked) -> Approvals:
    """Return the requests."""
    from gitcoord.domain.approvals import listed

    with asking.state() as state:
        now = asking.now(state)
        every = listed(state, closed=asked.closed)
        mine = (one for one in every if asked.agent in ("", one.agent))
        found, more = page(mine, lambda one: f"{one.at}\0{one.id}", asked)
    return Approvals(approvals=[_row(one, now) for one in found], next=more)


class ApprovalAsked(Asked, frozen=True, kw_only=True):
    """Which request."""

    approval: str


class OneApproval(msgspec.Struct, frozen=True, kw_only=True):
    """A request with its status as of now."""

    approval: dict[str, Any]


def approval(asking: Asking, asked: ApprovalAsked) -> OneApproval:
    """Return one request. Raises `ApprovalNotFound`."""
    from gitcoord.domain.approvals import approval_by

    with asking.state() as state:
        return OneApproval(approval=_row(approval_by(state, asked.approval), asking.now(state)))


def _row(found: Any, now: str) -> dict[str, Any]:
    from gitcoord.domain.approvals import status_at
    from gitcoord.domain.record import shown

    row: dict[str, Any] = shown(found)
    return row | {"status": status_at(found, now)}
