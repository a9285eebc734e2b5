"""Signals of a session: what its hooks have seen of errors, repeated calls and progress.

A report is a look at one conversation at one time, and the latest one counts, so that reports
may come twice, late and in any order. A sub-agent's conversation stands apart from its
session's. Not here: what follows from them (`observatory`, `restraint`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

import msgspec

from gitcoord.domain.names import one_line
from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.domain.time import Time, happened
from gitcoord.domain.usage import LARGEST, PARTS
from gitcoord.errors import InvalidValue, LimitReached

if TYPE_CHECKING:
    from gitcoord.domain.sessions import Session
    from gitcoord.domain.state import State

#: Characters of an error and of a call's name that are kept.
TEXT, CALL = 200, 100

_COUNTS = ("calls", "errors_in_row", "repeats", "quiet_calls", "rate")
#: Characters of an error that are compared: its beginning says what it is.
_COMPARED = 2000
#: What differs between two meetings of one error: numbers, addresses, times.
_VARIABLE = re.compile(r"0x[0-9a-f]+|\b[0-9a-f]{7,64}\b|\d+(?:[.:,]\d+)*")


class Signals(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a conversation looked like after its last call of a tool."""

    #: When that was; empty in a report: when it is decided.
    at: Time = ""
    #: Calls of tools so far.
    calls: int = 0
    #: The last error as a digest (`fingerprint`), as words, and how often it came in a row.
    error: str = ""
    error_text: str = ""
    errors_in_row: int = 0
    #: The tool whose same call was made most often since the last progress, and how often.
    call: str = ""
    repeats: int = 0
    #: The last change, commit or word of its person; empty: none since it began.
    progress_at: Time = ""
    #: Calls of tools since then.
    quiet_calls: int = 0
    #: Requests to its model in the minute before `at`.
    rate: int = 0


class Signalled(Answer, frozen=True, kw_only=True):
    """What is kept of this conversation."""

    signals: Signals


class ReportSignals(Operation, frozen=True, kw_only=True):
    """Tell what a conversation looks like, the session's own or its sub-agent's.

    A fact rather than an act, like a report of usage: kept whatever has become of the session,
    and no sign of life.
    """

    tag = "session.signals"
    answer = Signalled
    acting: ClassVar[bool] = False
    commutes: ClassVar[bool] = True

    signals: Signals

    def apply(self, state: State, context: Context) -> Signalled:
        """Keep the latest report, and hold the session to its rate (`rate_action`).

        Progress that the ledger knows of is added to one that shows none for long, so that
        events, which are made of this record alone, say what `observed` says.

        Raises `InvalidValue` for what is no count or no time, `LimitReached` for one sub-agent
        too many, `SessionRequired` and `SessionNotFound`.
        """
        from gitcoord.domain.restraint import hold_to_rate
        from gitcoord.domain.sessions import known

        session = known(state, context)
        name = (context.session or "").partition("/")[2]
        if name and len(session.signals.keys() | {"", name}) > PARTS + 1:
            raise LimitReached(f"signals of at most {PARTS} sub-agents are kept", session=name)
        told = _with_progress(state, session, _checked(self.signals, context.now))
        kept = latest(session.signals.get(name, told), told)
        after = msgspec.structs.replace(session, signals=session.signals | {name: kept})
        if after != session:
            state.put(after)
        hold_to_rate(state, context, after, told)
        return Signalled(signals=kept)

    def subject(self, answer: Signalled, agent: str) -> str:
        """Return the diary line."""
        return one_line(f"session: {agent or 'somebody'} has made {answer.signals.calls} calls")


def latest(one: Signals, other: Signals) -> Signals:
    """Return the later of two reports; of two from one moment, always the same one."""
    return max(one, other, key=msgspec.structs.astuple)


def fingerprint(tool: str, error: str) -> str:
    """Return 16 hex digits that are the same for two meetings of one error.

    Numbers, object ids, times and white space make no difference.
    """
    import hashlib

    plain = _VARIABLE.sub("#", " ".join(error[:_COMPARED].lower().split()))
    text = f"{tool}\0{plain}".encode("utf-8", "backslashreplace")
    return hashlib.sha256(text).hexdigest()[:16]


def excerpt(error: str) -> str:
    """Return the beginning of an error as one line, without the secrets in it."""
    from gitcoord.domain.secrets import hide

    plain = "".join(char if char.isprintable() else " " for char in str(hide(error[:_COMPARED])))
    return " ".join(plain.split())[:TEXT].rstrip()


def _with_progress(state: State, session: Session, told: Signals) -> Signals:
    from gitcoord.domain.observatory import QUIET_CALLS, progress

    if told.quiet_calls < QUIET_CALLS:
        return told
    known = progress(state, session, told)
    # That it has begun is no progress that a report would speak of.
    return told if known == session.started_at else msgspec.structs.replace(told, progress_at=known)


def _checked(told: Signals, now: Time) -> Signals:
    for name in _COUNTS:
        if not 0 <= getattr(told, name) <= LARGEST:
            raise InvalidValue(f"{name} is not a count: {getattr(told, name)}")
    return msgspec.structs.replace(
        told,
        at=happened(told.at, now),
        progress_at=told.progress_at and happened(told.progress_at, now),
        error=told.error[:64],
        error_text=excerpt(told.error_text),
        call=one_line(told.call)[:CALL],
    )
