"""Taking over: locks that somebody else holds become one's own, for a reason.

Promises that the old holder is told who took what and why, and that its fencing
token is older than the new one. Not a fence: whoever still works under the old
lock is stopped where tokens are compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitcoord.domain.grants import place
from gitcoord.domain.locks import Lock, LockView, Mode, line, view
from gitcoord.domain.notices import tell
from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.domain.requests import check_ttl, contest, request
from gitcoord.domain.sessions import acting
from gitcoord.domain.unlanded import Mark, near
from gitcoord.domain.waiting import grant
from gitcoord.errors import ReasonRequired

if TYPE_CHECKING:
    from gitcoord.domain.state import State


class TakenOver(Answer, frozen=True, kw_only=True):
    """The new locks, and those that others have lost by it."""

    locks: list[LockView] = []
    taken: list[LockView] = []
    ignored: list[str] = []
    unlanded: list[Mark] = []


class TakeOverLocks(Operation, frozen=True, kw_only=True):
    """Take all of these keys, whoever holds them and whoever waits for them."""

    tag = "lock.takeover"
    answer = TakenOver

    keys: tuple[str, ...]
    reason: str
    ttl: float | None = None
    mode: Mode = "exclusive"

    def apply(self, state: State, context: Context) -> TakenOver:
        """Remove every lock in the way, whole, and give the keys; tell the old holders.

        Raises `ReasonRequired`, `TtlOutOfRange`, `InvalidKey` and `UnknownNamespace`.
        """
        session = acting(state, context)
        reason = self.reason.strip()
        if not reason:
            raise ReasonRequired("a take-over needs a reason that the old holder can read")
        check_ttl(state.settings, self.ttl)
        asked, ignored = request(state, context, session, self.keys, self.mode)
        live, ended = contest(state, context, asked)
        taken = [lock for _, lock in live]
        locks = place(state, context, asked._replace(ttl=self.ttl, reason=reason), [*taken, *ended])
        losers: dict[str, list[Lock]] = {}
        for lock in taken:
            losers.setdefault(lock.session, []).append(lock)
        for loser, lost in losers.items():
            keys = [lock.key for lock in lost]
            text = f"{session.agent} took over {', '.join(keys)}: {reason}"
            tell(state, context, loser, "takeover", text, keys)
        grant(state, context)
        return TakenOver(
            locks=[view(lock) for lock in locks],
            taken=[view(lock) for lock in taken],
            ignored=ignored,
            unlanded=near(state, *(want.key for want in asked.wants)),
        )

    def subject(self, answer: TakenOver, agent: str) -> str:
        """Return the diary line."""
        return line(agent, "takes over", [lock.key for lock in answer.locks], answer.locks)
