"""Caps and rates: what a session may use, and what is done where it uses more.

The settings say what is done (`spending_action`, `rate_action`): the session is warned, or it
is paused, or it is paused until a person approves. The report that shows it decides it.
Promises that a step of a cap is acted upon once, that four fifths of a step are told before,
that nothing here ends a pause, and that reports in any order leave the same record.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import floor
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from gitcoord.domain.time import Time, plus
from gitcoord.errors import SessionPaused

if TYPE_CHECKING:
    from gitcoord.domain.operation import Context
    from gitcoord.domain.sessions import Session
    from gitcoord.domain.settings import Settings
    from gitcoord.domain.signals import Signals
    from gitcoord.domain.state import State
    from gitcoord.domain.usage import Usage

#: The part of a cap at which its session is told that it comes near.
NEAR = 0.8
#: Seconds of one rate; after a pause was lifted only what came later counts.
MINUTE = 60.0
#: Seconds for which a session that stays too fast has been told, and after which a report
#: of a rate is too old to be acted upon.
BOUT = 300.0
#: The kind of the notices that are written here.
NOTICE = "spending"


class Restraint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was done about a session's use so far."""

    #: Measure (cost, tokens, requests) -> the amount up to which that is done.
    reached: dict[str, float] = {}
    #: The last report of a rate that was too high.
    fast_at: Time = ""
    #: When the last pause was ended by a person.
    lifted_at: Time = ""


class Step(NamedTuple):
    """A step of a cap that a session has come to."""

    measure: str
    #: The amount of the step.
    amount: float
    #: Whether the cap is used up, once more; else it is near.
    full: bool
    #: The next amount at which the cap is used up, in people's words.
    next: str


def steps(settings: Settings, session: Session, usage: Usage) -> list[Step]:
    """Return the steps of caps which this usage comes to and on which nothing was done yet.

    What is not known, as a cost often is, reaches no cap.
    """
    if settings.spending_action == "off":
        return []
    done = session.restraint.reached if session.restraint else {}
    found = []
    for measure, cap, used, form in _caps(settings, usage):
        before, level = _level(done.get(measure, 0.0), cap), _level(used, cap)
        if level > before:
            whole = level // 2
            amount = float(cap * (whole + NEAR if level % 2 else whole))
            full = whole > before // 2
            found.append(Step(measure, amount, full, form.format(cap * (whole + 1))))
    return found


def hold_to_caps(state: State, context: Context, session: Session, usage: Usage) -> None:
    """Do what the settings say where this usage comes to a step of a cap.

    A session that has ended, or that a person has paused, is left as it is.
    """
    settings = state.settings
    found = steps(settings, session, usage)
    if not found or session.archived or (session.status == "paused" and not session.paused_for):
        return
    before = session.restraint or Restraint()
    reached = before.reached | {step.measure: step.amount for step in found}
    session = _put(state, session, msgspec.structs.replace(before, reached=reached))
    if any(step.full for step in found):
        why = f"it has used {' and '.join(_used_up(settings, usage, reached))}"
        _act(state, context, session, settings.spending_action, why)
    else:
        then = _THEN[settings.spending_action]
        text = f"You have used {NEAR:.0%} of {found[0].next}. {then}"
        _tell(state, context, session, text)


def hold_to_rate(state: State, context: Context, session: Session, told: Signals) -> None:
    """Do what the settings say where this report shows more requests a minute than they allow.

    A session that goes on too fast is warned once.
    """
    settings = state.settings
    held = session.status == "paused" and bool(session.paused_for)
    if not too_fast(settings, session, told) or plus(told.at, BOUT) < context.now:
        return
    if session.status != "active" and not held:
        return
    before = session.restraint or Restraint()
    again = bool(before.fast_at) and told.at <= plus(before.fast_at, BOUT)
    fast_at = max(before.fast_at, told.at)
    session = _put(state, session, msgspec.structs.replace(before, fast_at=fast_at))
    if not held and (settings.rate_action != "warn" or not again):
        why = f"it makes more than {settings.rate_limit} requests a minute"
        _act(state, context, session, settings.rate_action, why)


def too_fast(settings: Settings, session: Session, told: Signals) -> bool:
    """Say whether the report shows more requests a minute than the settings allow."""
    lifted = session.restraint.lifted_at if session.restraint else ""
    return (
        settings.rate_action != "off"
        and 0 < settings.rate_limit < told.rate
        and (not lifted or told.at >= plus(lifted, MINUTE))
    )


def stopped(session: Session) -> SessionPaused:
    """Return the refusal of what a paused session asks for: why, and who ends it how."""
    resume = f"gitcoord session resume {session.id}"
    hint = {
        "": f"Run `{resume}`.",
        "limit": f"A person lets it go on, up to the next step, with `{resume}`.",
        "approval": f"It waits for a person, who approves with `{resume}`.",
    }[session.paused_for]
    why = f": {session.pause_reason}" if session.pause_reason else ""
    return SessionPaused(
        f"session {session.id} of {session.agent} is paused{why}",
        hint=hint,
        session=session.id,
        paused_at=session.paused_at,
        paused_for=session.paused_for,
    )


def lifted(session: Session, now: Time) -> Restraint | None:
    """Return the restraint of a session that a person lets go on."""
    if not session.paused_for:
        return session.restraint
    return msgspec.structs.replace(session.restraint or Restraint(), lifted_at=now)


def _act(state: State, context: Context, session: Session, action: str, why: str) -> None:
    if action == "warn":
        you = why.replace("it has", "You have").replace("it makes", "You make")
        _tell(state, context, session, f"{you}. Say so to your person, and be sparing.")
        return
    state.put(
        msgspec.structs.replace(
            session,
            status="paused",
            paused_at=session.paused_at or context.now,
            suspect_since="",
            pause_reason=why,
            paused_for="approval" if action == "ask" else "limit",
        )
    )


def _tell(state: State, context: Context, session: Session, text: str) -> None:
    from gitcoord.domain.notices import tell

    tell(state, context, session.id, NOTICE, text)


def _put(state: State, session: Session, restraint: Restraint) -> Session:
    if restraint == session.restraint:
        return session
    session = msgspec.structs.replace(session, restraint=restraint)
    state.put(session)
    return session


def _caps(settings: Settings, usage: Usage) -> Iterator[tuple[str, float, float, str]]:
    """Yield measure, cap, what is used and how an amount is written, where both are known."""
    if settings.spending_cap and usage.cost_usd is not None:
        yield "cost", settings.spending_cap, usage.cost_usd, "${:,.2f}"
    if settings.spending_tokens:
        yield "tokens", settings.spending_tokens, usage.tokens, "{:,.0f} tokens"
    if settings.spending_requests:
        yield "requests", settings.spending_requests, usage.requests, "{:,.0f} requests"


def _used_up(settings: Settings, usage: Usage, reached: dict[str, float]) -> list[str]:
    """Return the amounts of all caps that were used up so far, in people's words."""
    return [
        form.format(cap * whole)
        for measure, cap, _, form in _caps(settings, usage)
        if (whole := _level(reached.get(measure, 0.0), cap) // 2)
    ]


def _level(used: float, cap: float) -> int:
    """Return twice the number of full caps, and one more where the next one is near."""
    whole = used / cap + 1e-9
    return 2 * floor(whole) + (whole - floor(whole) >= NEAR)


_THEN = {
    "warn": "Be sparing.",
    "pause": "There your session is paused.",
    "ask": "There your session waits for the approval of a person.",
}
