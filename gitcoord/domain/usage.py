"""What a session has used of its model: tokens, money, requests, errors.

Reports are totals of a whole conversation, so that the same report twice counts once, and a
total never goes down: of each number the larger one is kept. A sub-agent reports its own
conversation, apart from its session's; what the session shows is the sum. What is not known
is None, never 0. Not here: reading it from transcripts, and what anything costs.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from typing import TYPE_CHECKING, ClassVar

import msgspec

from gitcoord.domain.names import one_line
from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.errors import InvalidValue, LimitReached

if TYPE_CHECKING:
    from gitcoord.domain.state import State

#: Most sub-agents of a session whose usage is kept apart.
PARTS = 256
#: Largest count; JSON numbers are exact up to here.
LARGEST = 2**53

_COUNTS = (
    "requests", "errors", "input_tokens", "output_tokens", "cache_read_tokens",
    "cache_write_tokens",
)  # fmt: skip


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Totals of a conversation. Tokens read from and written to a cache are not in `input`."""

    requests: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    #: US dollars; None: not known.
    cost_usd: float | None = None
    #: The model that was used last.
    model: str = ""

    @property
    def tokens(self) -> int:
        """All tokens together."""
        return sum(getattr(self, name) for name in _COUNTS if name.endswith("_tokens"))


class Reported(Answer, frozen=True, kw_only=True):
    """What the session has used, with its sub-agents."""

    usage: Usage


class ReportUsage(Operation, frozen=True, kw_only=True):
    """Tell the totals of a conversation: the session's own, or its sub-agent's.

    A fact rather than an act: it is kept whatever has become of the session, and is no sign
    of life.
    """

    tag = "session.usage"
    answer = Reported
    acting: ClassVar[bool] = False
    commutes: ClassVar[bool] = True

    usage: Usage

    def apply(self, state: State, context: Context) -> Reported:
        """Keep the larger of each number, and hold the session to its caps (`spending_action`).

        Raises `InvalidValue` for a number that is no count or no price, `LimitReached` for one
        sub-agent too many, `SessionRequired` and `SessionNotFound`.
        """
        from gitcoord.domain.restraint import hold_to_caps
        from gitcoord.domain.sessions import known

        session = known(state, context)
        before = session.usage_parts or ({} if session.usage is None else {"": session.usage})
        name = (context.session or "").partition("/")[2]
        if name and len(before.keys() | {"", name}) > PARTS + 1:
            raise LimitReached(f"usage of at most {PARTS} sub-agents is kept", session=session.id)
        parts = before | {name: merged(before.get(name, Usage()), _checked(self.usage))}
        after = msgspec.structs.replace(
            session,
            usage=total(parts[key] for key in sorted(parts)),
            usage_parts=parts if parts.keys() != {""} else {},
        )
        if after != session:
            state.put(after)
        assert after.usage is not None
        hold_to_caps(state, context, after, after.usage)
        return Reported(usage=after.usage)

    def subject(self, answer: Reported, agent: str) -> str:
        """Return the diary line."""
        used = f"{answer.usage.requests} requests, {answer.usage.tokens} tokens"
        return one_line(f"session: {agent or 'somebody'} has used {used}")


def merged(one: Usage, other: Usage) -> Usage:
    """Return the larger of each number, and the model of the report that knows of more."""
    older, newer = sorted((one, other), key=lambda each: (each.tokens, each.requests, each.model))
    costs = [each.cost_usd for each in (one, other) if each.cost_usd is not None]
    return Usage(
        **{name: max(getattr(one, name), getattr(other, name)) for name in _COUNTS},
        cost_usd=max(costs, default=None),
        model=newer.model or older.model,
    )


def total(parts: Iterable[Usage]) -> Usage:
    """Return the sum; a price that is not known of one part is not known of the whole.

    The model is that of the first part that names one.
    """
    found = list(parts)
    costs = [each.cost_usd for each in found]
    known = [cost for cost in costs if cost is not None]
    return Usage(
        **{name: sum(getattr(each, name) for each in found) for name in _COUNTS},
        cost_usd=sum(known) if known and len(known) == len(costs) else None,
        model=next((each.model for each in found if each.model), ""),
    )


def less(whole: Usage, before: Usage) -> Usage:
    """Return what was used after `before`, of which `whole` is the total; never below 0."""
    cost = whole.cost_usd
    if cost is not None:
        cost = max(0.0, cost - (before.cost_usd or 0.0))
    counts = {name: max(0, getattr(whole, name) - getattr(before, name)) for name in _COUNTS}
    return Usage(**counts, cost_usd=cost, model=whole.model)


def _checked(usage: Usage) -> Usage:
    for name in _COUNTS:
        if not 0 <= getattr(usage, name) <= LARGEST:
            raise InvalidValue(f"{name} is not a count: {getattr(usage, name)}")
    cost = usage.cost_usd
    if cost is not None and not (isfinite(cost) and cost >= 0):
        raise InvalidValue(f"cost_usd is not a price: {cost}")
    # As a float, so that equal totals have equal bytes.
    cost = None if cost is None else float(cost)
    return msgspec.structs.replace(usage, cost_usd=cost, model=one_line(usage.model))
