"""Histories that are right by construction: a key that is asked in turn, and its times stretched.

A second, plainer account of the rules than `models`, so that a mistake has to be made twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.linear.history import NEVER, NOTHING, UNKNOWN, Call

SESSIONS = ("s-a", "s-b", "s-c", "s-d")
KEY = "key"
#: Time between two calls that are made one after the other.
BEAT = 1000


class Ask(NamedTuple):
    """One question, what becomes of its answer, and how long it is under way before and after."""

    op: str
    session: str
    mode: str = "exclusive"
    #: "told", "lost" (it happened) or "dropped" (it never happens); nobody knows of the last two.
    fate: str = "told"
    before: int = 0
    after: int = 0


class Lock:
    """A key that answers at once."""

    def __init__(self) -> None:
        self.held: dict[str, tuple[str, int]] = {}
        self.ended: set[str] = set()
        self.token = 0

    def answer(self, ask: Ask) -> tuple[str, dict[str, Any]]:
        """Do what is asked and return outcome and details."""
        if ask.session in self.ended:
            return "ended", {}
        if ask.op == "sweep":
            self.ended.add(ask.session)
            return "swept", {"freed": (KEY,) if self.held.pop(ask.session, None) else ()}
        if ask.op == "release":
            if self.held.pop(ask.session, None):
                return "released", {}
            return "not_holder", {"holders": self._holders(self.held)}
        others = {name for name in self.held if name != ask.session}
        if ask.mode == "shared":
            others = {name for name in others if self.held[name][0] == "exclusive"}
        if others:
            return "refused", {"holders": self._holders(others)}
        mine = self.held.get(ask.session)
        if mine is None or (mine[0] == "shared" and ask.mode == "exclusive"):
            self.token += 2
            self.held[ask.session] = (ask.mode, self.token)
            return "granted", {"token": self.token, "renewed": False}
        return "granted", {"token": mine[1], "renewed": True}

    def _holders(self, names: Any) -> tuple[tuple[str, str, int], ...]:
        return tuple((name, *self.held[name]) for name in sorted(names))


class Task:
    """A task that answers at once."""

    def __init__(self) -> None:
        self.holder = ""
        self.completed = False
        self.attempts = 0
        self.ended: set[str] = set()

    def answer(self, ask: Ask) -> tuple[str, dict[str, Any]]:
        """Do what is asked and return outcome and details."""
        status = "completed" if self.completed else "assigned" if self.holder else "pending"
        mine = status == "assigned" and self.holder == ask.session
        if ask.session in self.ended:
            return "ended", {}
        if ask.op == "sweep":
            self.ended.add(ask.session)
            self.holder = "" if mine else self.holder
            return "swept", {"freed": (KEY,) if mine else ()}
        if ask.op == "claim":
            if status != "pending" and not mine:
                return "refused", {"status": status, "holder": self.holder}
            self.attempts += 0 if mine else 1
            self.holder = ask.session
            return "claimed", {"attempt": self.attempts, "renewed": mine}
        if mine:
            self.completed = ask.op == "complete"
            self.holder = "" if ask.op == "return" else self.holder
            return "done", {}
        if status == "assigned":
            return "refused", {"status": status, "holder": self.holder}
        return "not_possible", {"status": status}


def played(asks: Sequence[Ask], key: Lock | Task) -> list[Call]:
    """Return the history of the questions, answered in their order and stretched in time."""
    calls = []
    for at, ask in enumerate(asks):
        outcome, told = (UNKNOWN, {}) if ask.fate == "dropped" else key.answer(ask)
        if ask.fate == "lost":
            outcome, told = UNKNOWN, {}
        moment = (at + 1) * BEAT
        calls.append(
            Call(
                process=f"p{at}",
                called=moment - ask.before,
                replied=NEVER if outcome in (UNKNOWN, NOTHING) else moment + ask.after,
                op=ask.op,
                key=KEY,
                session=ask.session,
                outcome=outcome,
                args={"mode": ask.mode} if ask.op == "acquire" else {},
                told=told,
            )
        )
    return calls


def asks(*ops: str, fates: Sequence[str] = ("told",), stretch: int = 0) -> st.SearchStrategy[Ask]:
    """Return questions of these kinds, under way up to `stretch` before and after their moment."""
    return st.builds(
        Ask,
        op=st.sampled_from(ops),
        session=st.sampled_from(SESSIONS),
        mode=st.sampled_from(("exclusive", "exclusive", "shared")),
        fate=st.sampled_from(fates),
        before=st.integers(0, stretch),
        after=st.integers(0, stretch),
    )


#: Questions, the frequent ones several times.
LOCK_OPS = (*["acquire"] * 8, *["release"] * 5, "sweep")
TASK_OPS = (*["claim"] * 8, *["return"] * 5, "complete", "sweep")
