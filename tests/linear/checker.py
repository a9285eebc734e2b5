"""Linearizability: whether calls that overlapped could have happened one after the other.

The search of Wing and Gong with Lowe's memo of configurations that were tried
(https://www.cs.ox.ac.uk/people/gavin.lowe/LinearizabiltyTesting/paper.pdf). One history, one
key. Never guesses: what costs more than its budget is "gave up".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from tests.linear.history import Call

#: Configurations that one history may cost: seconds, and some 100 MB.
BUDGET = 300_000
#: Calls of the longest prefix that an explanation shows.
_SHOWN = 12


class Model(Protocol):
    """What one key does when it is asked one thing after the other."""

    @property
    def initial(self) -> Any:
        """The state before anything was asked; states are hashable and compared by value."""

    def step(self, state: Any, call: Call) -> Any | str:
        """Return the state after the call, or in words why its answer would be wrong.

        A pending call has the effect that it would have in this state.
        """


class Verdict(NamedTuple):
    """What the search came to."""

    outcome: Literal["ok", "wrong", "gave up"]
    #: An order that explains all answers, or the longest beginning of one that was found.
    order: tuple[Call, ...]
    #: Empty where all is well.
    explanation: str = ""
    #: How many configurations were looked at.
    cost: int = 0


def check(calls: Sequence[Call], model: Model, *, budget: int = BUDGET) -> Verdict:
    """Say whether some order of the calls explains all that was told.

    A call comes after those that were answered before it was made; a pending one comes at any
    time after it was made, or never.
    """
    return _Search(calls, model).run(budget)


class _Search:
    """One history. Calls are bits of a mask: first those with answers, then the pending ones."""

    def __init__(self, calls: Sequence[Call], model: Model) -> None:
        ordered = sorted(calls, key=lambda call: call.called)
        answered = [call for call in ordered if not call.pending]
        self.calls = answered + [call for call in ordered if call.pending]
        self.model = model
        self.answered = len(answered)
        self.whole = (1 << self.answered) - 1

    def run(self, budget: int) -> Verdict:
        """Search depth first; time and memory are bounded by the budget."""
        mask, state = 0, self.model.initial
        seen = {(mask, state)}
        path: list[tuple[int, int, Any]] = []
        longest: tuple[int, list[int], int, Any] = (0, [], mask, state)
        stack = [self._ways(mask, state)]
        while mask & self.whole != self.whole:
            way = next(stack[-1], None)
            if way is None:
                stack.pop()
                if not path:
                    return self._failed("wrong", longest, len(seen))
                path.pop()
                mask = path[-1][1] if path else 0
                continue
            at, state = way
            after = mask | 1 << at
            if (after, state) in seen:
                continue
            if len(seen) >= budget:
                return self._failed("gave up", longest, len(seen))
            mask = after
            seen.add((mask, state))
            path.append((at, mask, state))
            stack.append(self._ways(mask, state))
            happened = (mask & self.whole).bit_count()
            if happened > longest[0]:
                longest = (happened, [step[0] for step in path], mask, state)
        return Verdict("ok", tuple(self.calls[step[0]] for step in path), cost=len(seen))

    def _ways(self, mask: int, state: Any) -> Iterator[tuple[int, Any]]:
        """Yield the calls that can happen next, each with the state that it leads to."""
        ways = []
        first, last = self._front(mask)
        for at in first:
            after = self.model.step(state, self.calls[at])
            if isinstance(after, str):
                continue
            if after == state:
                # What changes nothing and is true at this moment need not be tried later.
                yield at, after
                return
            ways.append((at, after))
        yield from ways
        for at in self._pending(mask, last):
            after = self.model.step(state, self.calls[at])
            # A pending call that changes nothing may as well never happen.
            if after != state and not isinstance(after, str):
                yield at, after

    def _front(self, mask: int) -> tuple[list[int], int]:
        """Return the answered calls that none of the others precedes, and the latest time."""
        found = []
        end = 1 << 64
        missing = ~mask & self.whole
        at = (missing & -missing).bit_length() - 1
        while 0 <= at < self.answered and self.calls[at].called <= end:
            if not mask >> at & 1:
                found.append(at)
                end = min(end, self.calls[at].replied)
            at += 1
        return found, end

    def _pending(self, mask: int, end: int) -> list[int]:
        """Return the pending calls that can have begun; of equal ones the first."""
        found: dict[Any, int] = {}
        for at in range(self.answered, len(self.calls)):
            call = self.calls[at]
            if call.called > end:
                break
            if not mask >> at & 1:
                found.setdefault((call.op, call.session, tuple(sorted(call.args.items()))), at)
        return list(found.values())

    def _failed(
        self,
        outcome: Literal["wrong", "gave up"],
        longest: tuple[int, list[int], int, Any],
        cost: int,
    ) -> Verdict:
        """Return the verdict with the longest order that was found and what ends it."""
        happened, steps, mask, state = longest
        order = tuple(self.calls[at] for at in steps)
        front, end = self._front(mask)
        lines = [
            f"{outcome} after {cost} configurations",
            f"  {happened} of {self.answered} answered calls fit into one order, which ends with",
            *(f"    {call}" for call in order[-_SHOWN:]),
            f"  after which the state is {state}. Next would have to come one of",
        ]
        for at in front:
            reason = self.model.step(state, self.calls[at])
            why = reason if isinstance(reason, str) else "possible, but leads to nothing better"
            lines += [f"    {self.calls[at]}", f"      but: {why}"]
        lines += [f"    {self.calls[at]}" for at in self._pending(mask, end)]
        return Verdict(outcome, order, "\n".join(lines), cost)
