"""What guardrails and guards stopped, asked about, warned of, or were bypassed for.

A ring: the newest are kept, as many as the settings say (`violations_kept`). It shows people
where the rules bite; it judges nothing, and counting is a question over the ring.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, ClassVar, Literal

import msgspec

from gitcoord.domain.names import checked_name, one_line
from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.domain.record import Record
from gitcoord.domain.sessions import known, root
from gitcoord.domain.time import EPOCH, Time, happened
from gitcoord.errors import LimitReached

if TYPE_CHECKING:
    from gitcoord.domain.state import State

Severity = Literal["block", "ask", "warn", "log"]
Action = Literal["blocked", "asked", "warned", "logged", "bypassed"]

#: Most violations in one call.
CALL_LIMIT = 100
#: Longest text of a violation, in characters, and most paths that one names; more is cut off.
TEXT = 300
PATHS = 20


class Violation(Record, frozen=True, kw_only=True):
    """One time that a rule was met."""

    table = "violations"

    #: The operation that recorded it, and its place therein.
    id: str
    rule: str
    category: str
    severity: Severity
    #: What came of it.
    action: Action
    #: The part of a command or text that the rule is about.
    part: str = ""
    tool: str = ""
    #: Whose it was; empty: a person without a session.
    session: str = ""
    agent: str = ""
    at: Time
    #: Why it was stopped, or why the rule was bypassed.
    reason: str = ""
    paths: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The violation's id."""
        return self.id

    def terms(self) -> Iterable[str]:
        """Return what it is found by: its time, its session, its rule."""
        yield f"at:{self.at}:{self.id}"
        yield f"rule:{self.rule}"
        if self.session:
            yield f"by:{root(self.session)}"


class ViolationDraft(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A violation as the door saw it."""

    rule: str
    category: str
    severity: Severity
    action: Action
    part: str = ""
    tool: str = ""
    reason: str = ""
    paths: tuple[str, ...] = ()
    #: When it happened; empty, or a time that has not come yet: when it is recorded.
    at: Time = ""


class Noted(Answer, frozen=True, kw_only=True):
    """Ids of the violations that are kept."""

    ids: list[str] = []


class RecordViolations(Operation, frozen=True, kw_only=True):
    """Note what rules were met with.

    A fact rather than an act: it is kept whatever has become of the session, also without
    one, and is no sign of life.
    """

    tag = "guard.record"
    answer = Noted
    acting: ClassVar[bool] = False
    commutes: ClassVar[bool] = True

    violations: tuple[ViolationDraft, ...]

    def apply(self, state: State, context: Context) -> Noted:
        """Store the violations and forget the oldest over the limit.

        Raises `InvalidValue` for a rule or category without a proper name and for what is no
        time, `LimitReached`, and `SessionNotFound` for a session that there never was.
        """
        agent = known(state, context).agent if context.session else context.agent
        if len(self.violations) > CALL_LIMIT:
            raise LimitReached(
                f"at most {CALL_LIMIT} violations in one call", count=len(self.violations)
            )
        new = [
            Violation(
                id=f"{context.op_id}.{number:03d}",
                rule=checked_name(draft.rule, "rule"),
                category=checked_name(draft.category, "category"),
                severity=draft.severity,
                action=draft.action,
                part=draft.part[:TEXT],
                tool=draft.tool[:TEXT],
                session=context.session or "",
                agent=agent,
                at=happened(draft.at, context.now),
                reason=draft.reason[:TEXT],
                paths=tuple(path[:TEXT] for path in draft.paths[:PATHS]),
            )
            for number, draft in enumerate(self.violations)
        ]
        for violation in new:
            state.put(violation)
        surplus = state.count(Violation, "at:") - state.settings.violations_kept
        for violation in list(islice(state.scan(Violation, "at:"), max(0, surplus))):
            state.remove(violation)
        return Noted(ids=[violation.id for violation in new])

    def subject(self, answer: Noted, agent: str) -> str:
        """Return the diary line."""
        said = ", ".join(f"{draft.rule} ({draft.action})" for draft in self.violations[:3])
        return one_line(f"guard: {agent or 'somebody'} met {said or 'no rule'}")


def recorded(
    state: State, *, session: str = "", rule: str = "", since: Time = EPOCH, limit: int = 50
) -> list[Violation]:
    """Return violations from `since` on, the newest first: of a session, a rule, both, or all.

    Sub-agents count to their session.
    """
    if session:
        found: Iterable[Violation] = state.find(Violation, f"by:{root(session)}")
    elif rule:
        found = state.find(Violation, f"rule:{rule}")
    else:
        found = state.scan(Violation, "at:")
    wanted = [each for each in found if each.at >= since and rule in ("", each.rule)]
    return sorted(wanted, key=lambda each: (each.at, each.id), reverse=True)[:limit]


def counted(state: State, session: str) -> dict[Action, int]:
    """Return how often something came of a session's violations in the ring, by what it was."""
    found = state.find(Violation, f"by:{root(session)}")
    return dict(Counter(each.action for each in found))
