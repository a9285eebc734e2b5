"""What the hooks of a conversation see of errors, repeated calls and progress, and report.

A report rides on decisions that are made anyway. Made at once are only those on which the
ledger pauses the session, and on this machine, where it costs no push, those that show that
it is stuck or is so no more. Not here: what the figures mean (`domain/observatory.py`).
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from gitcoord.clients.event import NOTHING, Reply
from gitcoord.domain.time import from_epoch
from gitcoord.entrypoints.hooks import spent
from gitcoord.errors import Contended, OutcomeUnknown, Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitcoord.domain.operation import Operation
    from gitcoord.domain.sessions import Session
    from gitcoord.domain.signals import ReportSignals, Signals
    from gitcoord.domain.state import State
    from gitcoord.domain.usage import ReportUsage
    from gitcoord.entrypoints.hooks.visit import Visit

#: Seconds between two counts of tokens, and between two reports that wait for a push.
COUNTING, HOSTED = 10.0, 300.0
#: Different calls since the last progress that are told apart, the newest.
CALLS = 64
#: What a setting says that stops a session.
PAUSING = ("pause", "ask")
#: Seconds of a rate.
MINUTE = 60.0
#: Commands, and tools of our MCP server, that get the work on without changing a file.
_PROGRESS = re.compile(
    r"\bgit\b[^\n;|&]*\b(?:commit|merge|rebase|cherry-pick|revert|am|push)\b|\bgitcoord\s+task\b"
)
_TOOLS = ("get_work", "complete_work", "submit_work")


class _Wish(NamedTuple):
    """A report, in whose name, and whether it does not wait for another decision."""

    operation: Operation
    holder: str
    at_once: bool


def note(visit: Visit, *, changed: bool) -> None:
    """Count the call that has just been made; `changed`: files were, or a change was recorded."""
    from gitcoord.domain.signals import excerpt, fingerprint

    event, known = visit.event, visit.track.known
    seen = known.seen
    seen.calls += 1
    if event.error:
        known.errors += 1
        digest = fingerprint(event.tool, event.error)
        seen.errors_in_row = seen.errors_in_row + 1 if digest == seen.error else 1
        seen.error, seen.error_text = digest, excerpt(event.error)
    elif event.step == "after":
        seen.error, seen.error_text, seen.errors_in_row = "", "", 0
    if not event.error and (changed or _gets_on(visit)):
        progress(visit)
    else:
        _repeated(visit)
    visit.track.keep()


def progress(visit: Visit) -> None:
    """Remember that the work has got on just now, or that its person has had a word."""
    seen = visit.track.known.seen
    seen.progress_at = time.time()
    seen.repeats, seen.tool, seen.quiet_calls = {}, "", 0


def begin_anew(visit: Visit) -> None:
    """Forget what went wrong: a person has said how to go on, or a sub-agent has ended."""
    seen = visit.track.known.seen
    seen.error, seen.error_text, seen.errors_in_row = "", "", 0
    progress(visit)


def report(visit: Visit, session: Session) -> Reply:
    """Report what is due, and return what the agent should know of it at once."""
    from gitcoord.domain.restraint import steps, too_fast

    local, now = visit.desk.house.wire is None, time.time()
    usage = _counted(visit, session, now)
    told, seen, holder = figures(visit), visit.track.known.seen, visit.holder(session)
    with visit.desk.state() as state:
        settings = state.settings
        found = _reasons(state, session, holder, told.signals)
    reached = [step for one in usage for step in steps(settings, session, one.usage)]
    fast = too_fast(settings, session, told.signals)
    changed = list(found) != seen.causes
    new = [why for cause, why in found.items() if cause not in seen.causes]
    due = now - seen.reported_at >= (session.interval if local else HOSTED)
    if due or changed or fast:
        seen.reported_at, seen.causes = now, list(found)
    visit.track.keep()
    stops = any(step.full for step in reached) and settings.spending_action in PAUSING
    slows = fast and settings.rate_action in PAUSING
    wishes: list[_Wish] = []
    if due or reached:
        wishes += [_Wish(one, session.id, stops or (local and bool(reached))) for one in usage]
    if due or changed or fast:
        wishes.append(_Wish(told, holder, slows or (local and (changed or fast))))
    # What can wait goes first, so that it rides on what cannot.
    for wish in sorted(wishes, key=lambda one: one.at_once):
        _send(visit, wish)
    return (_paused(visit, session) if stops or slows else None) or _stuck(new)


def leave(visit: Visit, session: Session) -> None:
    """Report, with the next decision, that a sub-agent has ended and is no longer stuck."""
    if visit.track.known.seen.causes:
        begin_anew(visit)
        _send(visit, _Wish(figures(visit), visit.holder(session), False))


def figures(visit: Visit) -> ReportSignals:
    """Return what this conversation looks like now."""
    from gitcoord.domain.signals import ReportSignals, Signals

    seen = visit.track.known.seen
    return ReportSignals(
        signals=Signals(
            at=from_epoch(time.time()),
            calls=seen.calls,
            error=seen.error,
            error_text=seen.error_text,
            errors_in_row=seen.errors_in_row,
            call=seen.tool,
            repeats=max(seen.repeats.values(), default=0),
            progress_at=from_epoch(seen.progress_at) if seen.progress_at else "",
            quiet_calls=seen.quiet_calls,
            rate=_rate(seen.requests),
        )
    )


def _counted(visit: Visit, session: Session, now: float) -> Sequence[ReportUsage]:
    """Return the report of what the conversation has used, where it is time to count."""
    seen = visit.conversation.known.seen
    if now - seen.counted_at < COUNTING:
        return ()
    seen.counted_at = now
    found = spent.usage(visit, session)
    count = sum(one.counts.requests for one in visit.conversation.known.tallies.values())
    recent = [sample for sample in seen.requests if sample[0] >= now - MINUTE]
    seen.requests = [*(recent or seen.requests[-1:]), (now, count)]
    visit.conversation.keep()
    return found


def _rate(samples: Sequence[tuple[float, int]]) -> int:
    """Return the requests of a minute that the samples show at least."""
    if len(samples) < 2:
        return 0
    (since, before), (until, after) = samples[0], samples[-1]
    return max(0, int((after - before) * MINUTE / max(MINUTE, until - since)))


def _reasons(state: State, session: Session, holder: str, told: Signals) -> dict[str, str]:
    """Return why this conversation is stuck now: cause -> words."""
    from gitcoord.domain.observatory import stuck

    name = holder.partition("/")[2]
    alone = msgspec.structs.replace(session, signals={name: told})
    return dict(stuck(state, alone))


def _repeated(visit: Visit) -> None:
    event, seen = visit.event, visit.track.known.seen
    seen.quiet_calls += 1
    count = seen.repeats.pop(event.call, 0) + 1
    seen.repeats[event.call] = count
    if count == max(seen.repeats.values()):
        seen.tool = event.tool
    while len(seen.repeats) > CALLS:
        del seen.repeats[next(iter(seen.repeats))]


def _gets_on(visit: Visit) -> bool:
    event = visit.event
    return bool(_PROGRESS.search(event.command)) or event.tool.endswith(_TOOLS)


def _send(visit: Visit, wish: _Wish) -> None:
    coordinator = visit.desk.house.coordinator
    if wish.at_once:
        try:
            (reply,) = coordinator.run(wish.operation, session=wish.holder)
        except (Unavailable, Contended, OutcomeUnknown):
            # It means the same later, and twice is once.
            pass
        else:
            if reply.error is not None:
                raise reply.error
            return
    coordinator.later(wish.operation, session=wish.holder)


def _paused(visit: Visit, session: Session) -> Reply | None:
    from gitcoord.domain.restraint import stopped
    from gitcoord.domain.sessions import Session as Kind

    with visit.desk.state() as state:
        found = state.get(Kind, session.id, archived=False)
    if found is None or found.status != "paused":
        return None
    paused = stopped(found)
    return Reply(context=f"gitcoord: {paused.message}. {paused.hint or ''} Tell your person.")


def _stuck(reasons: Sequence[str]) -> Reply:
    if not reasons:
        return NOTHING
    return Reply(
        context=f"gitcoord: this session looks stuck: {'; '.join(reasons)}. Do not repeat it: find "
        "out why it fails, try another way, or tell your person what is in the way."
    )
