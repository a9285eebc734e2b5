"""Profiles and standings as they are shown: documents for programs, lines for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitcoord.domain.assignments import Standing, standing
from gitcoord.domain.permission import Principal, principal
from gitcoord.domain.profiles import LEVELS, Profile
from gitcoord.domain.record import shown

if TYPE_CHECKING:
    from gitcoord.domain.sessions import Session
    from gitcoord.domain.state import State
    from gitcoord.domain.time import Time


def document(profile: Profile, built_in: bool) -> dict[str, Any]:
    """Return a profile as programs see it."""
    return {"name": profile.name, **shown(profile), "built_in": built_in}


def used(who: Principal) -> dict[str, Any]:
    """Return what a session has used of its limits."""
    return {"files": who.files, "seconds": round(who.seconds), "calls": who.calls}


def lines(profile: Profile) -> list[str]:
    """Return a profile for people."""
    facts = [
        ("profile", profile.name + ("" if profile.enabled else " (switched off)")),
        ("", profile.description),
        ("for", f"sessions of type {profile.agent_type}" if profile.agent_type else ""),
        ("trust", f"{profile.trust} ({LEVELS[profile.trust]})"),
        ("allows", ", ".join(profile.allowed) or "what its trust level allows"),
        ("blocks", ", ".join(profile.blocked)),
        ("limits", limits(profile)),
    ]
    return [f"{name:<8}{value}" for name, value in facts if value]


def limits(profile: Profile) -> str:
    """Return the limits of a profile in words; "" for none."""
    known = (
        ("max_files", "files"),
        ("max_seconds", "seconds"),
        ("max_calls", "calls an hour"),
    )
    found = [
        f"{value} {what}" for field, what in known if (value := getattr(profile, field)) is not None
    ]
    return ", ".join(found)


def found_by(found: Standing) -> str:
    """Return in words where a standing comes from."""
    return {
        "assignment": "assigned to this agent",
        "type": "by the type of the session",
        "default": "the default (setting agent_trust)",
    }[found.source]


def restriction(state: State, session: Session, now: Time) -> str:
    """Return in a line what a session may not do, and what is left of its limits."""
    found, who = standing(state, session), principal(state, session, now)
    profile = found.profile
    parts = [f"Profile {profile.name}, trust {found.trust} ({found.level})"]
    if profile.allowed:
        parts.append(f"you may only {', '.join(profile.allowed)}")
    if profile.blocked:
        parts.append(f"you may not {', '.join(profile.blocked)}")
    counts = (
        ("files", profile.max_files, who.files),
        ("seconds", profile.max_seconds, round(who.seconds)),
        ("calls this hour", profile.max_calls, who.calls),
    )
    parts += [
        f"{count} of {limit} {what} used" for what, limit, count in counts if limit is not None
    ]
    return "; ".join(parts) + "."
