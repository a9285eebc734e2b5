"""Who decides here, as people and programs are told it: this machine, or a git host.

Says when the host was last heard, how far its clock is from ours, and what of the push
budget is used. Asks nobody.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from gitcoord.entrypoints.cli.render import span
from gitcoord.ledger.clock import HostClock

if TYPE_CHECKING:
    from gitcoord.bootstrap import House
    from gitcoord.domain.state import State
    from gitcoord.domain.time import Time


def named(house: House) -> str:
    """Return what the remote is called: its name in git, or its URL without secrets."""
    assert house.wire is not None
    name = os.path.basename(house.home)
    return house.wire.host.address.shown if name.startswith("url-") else name


def as_of(house: House) -> dict[str, Any]:
    """Return how old an answer is, whose head it shows, and why it is not newer."""
    from gitcoord.ledger.ledger import STATE
    from gitcoord.storage.store import Absent

    assert house.wire is not None
    contact = house.wire.contact
    head = house.store.read_ref(STATE)
    return {
        "age": contact.age,
        "head": None if isinstance(head, Absent) else head,
        "error": contact.error and contact.error.code,
    }


def remark(house: House) -> str:
    """Return the line about an answer that could not be brought up to date; else "".

    Of a host that was never heard there is no answer, but a refusal that says the same.
    """
    contact = house.wire.contact if house.wire is not None else None
    if contact is None or contact.error is None or contact.age is None:
        return ""
    return f"as of {span(contact.age)} ago: {contact.error.message}"


def facts(house: House, state: State | None = None, now: Time = "") -> dict[str, Any] | None:
    """Return what is known of the git host; None where this machine decides.

    `contact` is in seconds ago, `clock_offset` in seconds by which the host is ahead of our
    clock, `pushes` counts those of the last minute; all are None where they are not known.
    """
    if house.wire is None:
        return None
    contact, clock = house.wire.contact, house.ledger.clock
    limit = state.settings.push_budget if state is not None else 0
    if limit:
        # Pushes of nothing but signs of life are counted there.
        house.presence.beats()
    left = house.presence.allowance(state, now).left if state is not None and limit else None
    return {
        "name": named(house),
        "url": house.wire.host.address.shown,
        "contact": contact.age,
        "error": contact.error and contact.error.code,
        "clock_offset": clock.offset if isinstance(clock, HostClock) else None,
        "push_budget": limit or None,
        "pushes": None if left is None else limit - left,
    }


def line(known: dict[str, Any]) -> str:
    """Return the facts about a host as one line."""
    name, url = known["name"], known["url"]
    parts = [name if name == url else f"{name} ({url})"]
    age, offset = known["contact"], known["clock_offset"]
    parts.append("never reached" if age is None else f"heard {span(age)} ago")
    if offset is not None:
        parts.append(f"clock {offset:+.0f}s")
    if known["pushes"] is not None:
        parts.append(f"{known['pushes']} of {known['push_budget']} pushes this minute")
    return ", ".join(parts)
