"""Verification, as questions: policies, and what is known of commits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gitcoord.domain.verification import Verification
from gitcoord.domain.verify_policies import VerifyPolicy
from webhook.api.pages import Asked, Paged, page

if TYPE_CHECKING:
    from gitcoord.domain.state import State
    from webhook.api.asking import Asking


class VerificationsAsked(Paged, frozen=True, kw_only=True):
    """Of which branch, agent or tree; all by default."""

    branch: str = ""
    agent: str = ""
    tree: str = ""


class Verifications(msgspec.Struct, frozen=True, kw_only=True):
    """Commits that were checked, those that changed last in front."""

    verifications: list[Verification]
    next: str = ""


def verifications(asking: Asking, asked: VerificationsAsked) -> Verifications:
    """Return what is known."""
    from gitcoord.domain.verification import newest
    from webhook.api.records import ALL

    with asking.state() as state:
        wanted = [
            one
            for one in newest(state, ALL)
            if asked.branch in ("", one.branch)
            and asked.agent in ("", one.agent)
            and asked.tree in ("", one.tree)
        ]
    wanted.sort(key=_when, reverse=True)
    found, more = page(wanted, _when, asked, descending=True)
    return Verifications(verifications=found, next=more)


class VerificationAsked(Asked, frozen=True, kw_only=True):
    """Which commit, by its whole object id."""

    commit: str


class OneVerification(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a commit."""

    verification: Verification


def verification(asking: Asking, asked: VerificationAsked) -> OneVerification:
    """Return what is known of a commit. Raises `VerificationNotFound`."""
    with asking.state() as state:
        return OneVerification(verification=verification_of(state, asked.commit))


def verification_of(state: State, commit: str) -> Verification:
    """Return what is known of a commit. Raises `VerificationNotFound`."""
    from gitcoord.errors import VerificationNotFound

    found = state.get(Verification, commit)
    if found is None:
        raise VerificationNotFound(
            f"nothing is known of {commit[:10]}: no check of it has run", commit=commit[:64]
        )
    return found


class VerifyPolicies(msgspec.Struct, frozen=True, kw_only=True):
    """The policies of verification by tier and name, also those that are switched off."""

    policies: list[VerifyPolicy]


def verify_policies(asking: Asking, asked: Asked) -> VerifyPolicies:
    """Return the policies."""
    from gitcoord.domain.verify_policies import policies

    with asking.state() as state:
        return VerifyPolicies(policies=policies(state))


def _when(one: Verification) -> str:
    return f"{one.updated_at}\0{one.commit}"
