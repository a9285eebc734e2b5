"""What one lock key and one task answer when they are asked one thing after the other.

Written from the outside (what an answer promises), not from gitcoord's rules. Not here:
keys that overlap others, queues, ends of leases.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.linear.history import Call

#: The operation that ends a session and all that it holds, on every key.
SWEEP = "sweep"

#: Above every fencing token.
_MANY = 1 << 62


class Held(NamedTuple):
    """One holder. The token of a grant whose answer was lost lies between two bounds."""

    session: str
    mode: str
    least: int
    most: int


class LockState(NamedTuple):
    """Who holds the key, in the order of their names; who has ended; the highest token."""

    held: tuple[Held, ...] = ()
    ended: frozenset[str] = frozenset()
    top: int = 0


class LockKey:
    """One key: exclusive or shared, with fencing tokens that only grow.

    acquire(mode) -> granted(token, renewed) | refused(holders) | ended;
    release -> released | not_holder(holders) | ended; sweep -> swept(freed) | ended.
    Holders are told as (session, mode, token).
    """

    initial = LockState()

    def step(self, state: LockState, call: Call) -> LockState | str:
        """Return the state after the call, or why its answer is wrong."""
        if call.session in state.ended:
            return state if call.outcome in ("unknown", "ended") else f"{call.session} has ended"
        own = next((each for each in state.held if each.session == call.session), None)
        if call.op == SWEEP:
            after = _without(state, call.session)
            return _swept(call, own is not None, after._replace(ended=state.ended | {call.session}))
        if call.op == "release":
            return self._release(state, call, own)
        return self._acquire(state, call, own)

    def _release(self, state: LockState, call: Call, own: Held | None) -> LockState | str:
        if own is None:
            return state if call.pending else _refused(state, call, "not_holder", state.held)
        wrong = _unless(call, "released", state)
        return wrong or _without(state, call.session)

    def _acquire(self, state: LockState, call: Call, own: Held | None) -> LockState | str:
        mode = call.args["mode"]
        rivals = tuple(
            each
            for each in state.held
            if each.session != call.session and "exclusive" in (mode, each.mode)
        )
        if rivals:
            return state if call.pending else _refused(state, call, "refused", rivals)
        renewed = own is not None and (own.mode == "exclusive" or mode == "shared")
        if call.pending:
            return state if renewed else _granted(state, call.session, mode, None)
        wrong = _unless(call, "granted", state)
        if wrong:
            return wrong
        if call.told["renewed"] != renewed:
            return f"it {'is' if renewed else 'is not'} a renewal: {_shown(state)}"
        if renewed:
            assert own is not None
            return _known(state, {call.session: (own.mode, call.told["token"])})
        return _granted(state, call.session, mode, call.told["token"])


class TaskState(NamedTuple):
    """The task; `holder` is also who completed it."""

    status: str = "pending"
    holder: str = ""
    attempts: int = 0
    ended: frozenset[str] = frozenset()


class TaskClaim:
    """One task without keys, dependencies or limits.

    claim -> claimed(attempt, renewed) | refused(status, holder) | ended;
    complete, return -> done | refused(status, holder) | not_possible(status) | ended;
    sweep -> swept(freed) | ended.
    """

    initial = TaskState()

    def step(self, state: TaskState, call: Call) -> TaskState | str:
        """Return the state after the call, or why its answer is wrong."""
        if call.session in state.ended:
            return state if call.outcome in ("unknown", "ended") else f"{call.session} has ended"
        mine = state.status == "assigned" and state.holder == call.session
        free = state._replace(status="pending", holder="")
        if call.op == SWEEP:
            after = free if mine else state
            return _swept(call, mine, after._replace(ended=state.ended | {call.session}))
        if call.op == "claim":
            return self._claim(state, call, mine)
        if mine:
            after = free if call.op == "return" else state._replace(status="completed")
            return _unless(call, "done", state) or after
        if call.pending:
            return state
        if state.status == "assigned":
            return _told(call, "refused", state, status=state.status, holder=state.holder)
        return _told(call, "not_possible", state, status=state.status)

    def _claim(self, state: TaskState, call: Call, mine: bool) -> TaskState | str:
        if not mine and state.status != "pending":
            if call.pending:
                return state
            return _told(call, "refused", state, status=state.status, holder=state.holder)
        after = state
        if not mine:
            after = TaskState("assigned", call.session, state.attempts + 1, state.ended)
        if call.pending:
            return after
        wrong = _told(call, "claimed", state, renewed=mine, attempt=after.attempts)
        return wrong if isinstance(wrong, str) else after


def _swept(call: Call, held: bool, after: Any) -> Any | str:
    """Return the state after the end of a session, or why it was told wrongly."""
    if call.pending:
        return after
    if call.outcome != "swept":
        return f"{call.session} has not ended"
    if held != (call.key in call.told["freed"]):
        return f"{call.session} {'holds it' if held else 'does not hold it'}"
    return after


def _unless(call: Call, outcome: str, state: Any) -> str:
    """Return what is wrong with another outcome, or nothing."""
    return "" if call.outcome in ("unknown", outcome) else f"it is {outcome}: {_shown(state)}"


def _told(call: Call, outcome: str, state: Any, **values: Any) -> Any | str:
    """Return the state unless the answer or one of these values in it is another."""
    wrong = _unless(call, outcome, state)
    for name, value in values.items():
        if not wrong and call.told[name] != value:
            wrong = f"{name} is {value!r}: {_shown(state)}"
    return wrong or state


def _refused(
    state: LockState, call: Call, outcome: str, rivals: tuple[Held, ...]
) -> LockState | str:
    """Return the state with what a refusal tells about the holders, or why that is wrong."""
    wrong = _unless(call, outcome, state)
    if wrong:
        return wrong
    told = {session: (mode, token) for session, mode, token in call.told["holders"]}
    if set(told) != {each.session for each in rivals}:
        return f"in the way are {_shown(state._replace(held=rivals))}"
    return _known(state, told)


def _granted(state: LockState, session: str, mode: str, token: int | None) -> LockState | str:
    """Return the state with a new grant; without a token it is one that nobody knows."""
    if token is None:
        new = Held(session, mode, state.top + 1, _MANY)
        return _with(state, new, state.top + 1)
    if token <= state.top:
        return f"token {token} is not higher than {state.top}"
    # Whatever was granted before, with a token that got lost, had a lower one.
    held = tuple(each._replace(most=min(each.most, token - 1)) for each in state.held)
    return _with(state._replace(held=held), Held(session, mode, token, token), token)


def _known(state: LockState, told: dict[str, tuple[str, int]]) -> LockState | str:
    """Return the state with the tokens that an answer names, or why they are wrong."""
    for each in state.held:
        mode, token = told.get(each.session, (each.mode, each.least))
        if mode != each.mode or not each.least <= token <= each.most:
            return f"{each.session} has not {mode} with token {token}: {_shown(state)}"
        if each.session in told:
            state = _with(state, each._replace(least=token, most=token), max(state.top, token))
    return state


def _with(state: LockState, held: Held, top: int) -> LockState:
    others = (each for each in state.held if each.session != held.session)
    return state._replace(held=tuple(sorted((*others, held))), top=top)


def _without(state: LockState, session: str) -> LockState:
    return state._replace(held=tuple(each for each in state.held if each.session != session))


def _shown(state: Any) -> str:
    if isinstance(state, TaskState):
        return f"{state.status} {state.holder}".strip()
    holders = ", ".join(f"{each.session} ({each.mode}, {_token(each)})" for each in state.held)
    return f"held by {holders}" if holders else "free"


def _token(held: Held) -> str:
    return str(held.least) if held.least == held.most else f"from {held.least}"
