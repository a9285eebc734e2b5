"""A process that asks for locks and tasks at random, and records what it was told.

Started with its `Orders` as JSON; it may be killed at any time.
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gitcoord.bootstrap import House, open_house
from gitcoord.domain.claiming import Claimed, ClaimTask
from gitcoord.domain.departure import Ended, KillSession
from gitcoord.domain.lock_operations import AcquireLocks, Locked, Released, ReleaseLocks
from gitcoord.domain.operation import Answer, Operation
from gitcoord.domain.sessions import StartSession
from gitcoord.domain.task_moves import MoveTask
from gitcoord.errors import Contended, GitcoordError, OutcomeUnknown, Unavailable
from gitcoord.ledger.request import fresh_id
from tests.linear.history import NOTHING, UNKNOWN, Recorder
from tests.linear.models import SWEEP

KEYS = ("a.py", "api:b", "c/d")
TASKS = tuple(f"t-{n}" for n in range(12))
#: Calls of one worker after which it turns to the next of the tasks.
_PER_TASK = 12
#: Higher than any token of one epoch.
_EPOCH = 1 << 40

#: Codes of refusals by operation, as the models call them.
_REFUSALS = {
    "lock_held": "refused",
    "lock_not_found_or_not_owner": "not_holder",
    "claim_failed": "refused",
    "not_assigned": "refused",
    "invalid_transition": "not_possible",
    "session_ended": "ended",
}


class Orders(NamedTuple):
    """What one worker is to do."""

    #: The clone or worktree in which it works.
    place: str
    record: str
    session: str
    seed: int
    #: How many questions it asks before it ends.
    calls: int
    #: A session that it ends first; empty: none.
    sweep: str = ""


class Worker:
    """One house, one session, one record."""

    def __init__(self, orders: Orders) -> None:
        self.house = open_house(orders.place, os.environ, patience=5.0)
        self.recorder = Recorder(orders.record)
        self.session = orders.session
        self.chance = random.Random(orders.seed)
        #: What it was told that it holds.
        self.mine: set[str] = set()

    def check_in(self) -> None:
        """Check in, however often that has to be asked: the same id is safe to send again."""
        start = StartSession(id=self.session, agent=self.session)
        while tried(self.house, start, None, f"o-start-{self.session}", 1)[0] != "done":
            pass

    def work(self, orders: Orders) -> None:
        """Check in, end whom it shall end, and ask."""
        self.check_in()
        if orders.sweep:
            self.ask(SWEEP, "", orders.sweep)
        for at in range(orders.calls):
            first = at // _PER_TASK
            if self.chance.random() < 0.6:
                self.turn(KEYS, "acquire", ("release",))
            else:
                near = (TASKS[first % len(TASKS)], TASKS[(first + 1) % len(TASKS)])
                self.turn(near, "claim", (*["return"] * 5, "complete"))

    def turn(self, keys: Sequence[str], take: str, give: Sequence[str]) -> None:
        """Take one of the keys or give one, mostly one of those that it holds."""
        mine = sorted(self.mine & set(keys))
        if self.chance.random() < (0.6 if mine else 0.1):
            key = self.chance.choice(mine if mine and self.chance.random() < 0.9 else keys)
            self.ask(self.chance.choice(give), key, self.session)
            self.mine.discard(key)
            return
        mode = self.chance.choice(("exclusive", "exclusive", "shared"))
        args = {"mode": mode} if take == "acquire" else {}
        key = self.chance.choice(keys)
        if self.ask(take, key, self.session, **args) in ("granted", "claimed"):
            self.mine.add(key)

    def ask(self, op: str, key: str, session: str, **args: Any) -> str:
        """Ask one question, record it before and after, and return the outcome."""
        operation = wish(op, key, session, args)
        number = self.recorder.call(op, key, session, **args)
        # A call of its own in the record even where it takes several to hear the answer.
        attempts = self.chance.choice((1, 5))
        acting = None if op == SWEEP else session
        outcome, told = tried(self.house, operation, acting, fresh_id("o-"), attempts)
        self.recorder.reply(number, outcome, **told)
        return outcome

    def close(self) -> None:
        """Close the house and the record."""
        self.recorder.close()
        self.house.close()


def wish(op: str, key: str, session: str, args: Mapping[str, Any]) -> Operation:
    """Return what the question is for gitcoord."""
    if op == "acquire":
        return AcquireLocks(keys=(key,), mode=args["mode"])
    if op == "release":
        return ReleaseLocks(keys=(key,))
    if op == "claim":
        return ClaimTask(id=key)
    if op == SWEEP:
        return KillSession(id=session, reason="its process is gone")
    return MoveTask(id=key, move="complete" if op == "complete" else "release")


def tried(
    house: House, operation: Operation, session: str | None, name: str, attempts: int
) -> tuple[str, dict[str, Any]]:
    """Return outcome and details, after so many attempts to hear them under the same id."""
    unknown = False
    for _ in range(attempts):
        try:
            reply = house.coordinator.run(operation, session=session, id=name)[0]
        except GitcoordError as error:
            found = error
        else:
            if reply.error is None:
                return accepted(reply.answers[0])
            found = reply.error
        if found.code in _REFUSALS:
            return refused(found)
        unknown = unknown or isinstance(found, OutcomeUnknown)
        if not isinstance(found, (Contended, Unavailable)):
            raise found
    return (UNKNOWN if unknown else NOTHING), {"code": found.code}


def accepted(answer: Answer) -> tuple[str, dict[str, Any]]:
    """Return what an accepted operation told, in the words of the models."""
    if isinstance(answer, Locked):
        (lock,) = answer.locks
        token = lock.epoch * _EPOCH + lock.token
        return "granted", {"token": token, "renewed": answer.renewed}
    if isinstance(answer, Claimed):
        assert answer.task is not None
        attempts = answer.task.attempts
        return "claimed", {"attempt": len(attempts), "renewed": answer.renewed}
    if isinstance(answer, Ended):
        return "swept", {"freed": [*answer.released, *answer.tasks]}
    return ("released" if isinstance(answer, Released) else "done"), {}


def refused(error: GitcoordError) -> tuple[str, dict[str, Any]]:
    """Return what a refusal told, in the words of the models."""
    details = error.details
    told: dict[str, Any] = {}
    if error.code == "lock_held":
        told = {"holders": holders(details["conflicts"])}
    elif error.code == "lock_not_found_or_not_owner":
        told = {"holders": holders(details["lost"][0]["held_by"])}
    elif error.code in ("claim_failed", "not_assigned"):
        told = {"status": details["status"], "holder": details["session"]}
    elif error.code == "invalid_transition":
        told = {"status": details["status"]}
    return _REFUSALS[error.code], told


def holders(shown: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    """Return session, mode and token of each lock."""
    return [(x["session"], x["mode"], x["epoch"] * _EPOCH + x["token"]) for x in shown]


def main(orders: str) -> None:
    """Work."""
    given = Orders(**json.loads(orders))
    worker = Worker(given)
    worker.work(given)
    worker.close()


if __name__ == "__main__":
    main(sys.argv[1])
