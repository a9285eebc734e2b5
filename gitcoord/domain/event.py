"""Events: what can be said to have happened between two states of the ledger.

An event is a name, plain data and whom it is about. It is made from the records that one
transaction changed, and from nothing else, so that it is the same whoever wrote it and
whenever it is asked for. Not here: which difference makes which event (`events`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from gitcoord.domain.record import Meta, Record, shown
from gitcoord.domain.sessions import Session, root
from gitcoord.domain.settings import Settings
from gitcoord.domain.time import EPOCH, Time

R = TypeVar("R", bound=Record)

#: Every type of event with what it says, in the order in which those of one transaction are
#: told: what ends before what begins, and check-outs last.
TYPES: dict[str, str] = {
    "ledger.began": "The ledger has got its first transaction.",
    "ledger.restored": "The ledger was published anew, as a new epoch.",
    "settings.changed": "The shared settings are others.",
    "agent.checkin": "A session has checked in.",
    "agent.status": "A session has another scope, task or status.",
    "agent.conflict": "A session has declared what others work on.",
    "session.suspected": "A session shows no life.",
    "session.cleared": "A suspected session has shown life.",
    "session.paused": "A session is paused.",
    "session.resumed": "A session is not paused any more.",
    "session.stuck": "The reports of a session show that it does not get on.",
    "session.unstuck": "They show that it gets on again.",
    "session.usage": "A session has used more of its model.",
    "lock.unqueued": "Somebody no longer waits for keys: got them, left, or was silent.",
    "lock.released": "A key is free.",
    "lock.expired": "A key is free because its holder's time was over.",
    "lock.taken_over": "A key was taken from its holder.",
    "lock.acquired": "A key is held.",
    "lock.renewed": "A key is held until another time.",
    "lock.queued": "Somebody waits for keys.",
    "mark.landed": "Work under a key is not on a branch only any more: landed, or given up.",
    "mark.unlanded": "Work under a free key is on a branch only.",
    "task.created": "There is a new task.",
    "task.attempt_ended": "A try at a task has come to its end.",
    "task.status_changed": "A task has another status.",
    "task.claimed": "A session has taken a task.",
    "task.completed": "A task is done.",
    "task.stale": "A task's claimant is dead and keeps it.",
    "task.changed": "Other fields of a task are different.",
    "task.note": "Somebody has written a note on a task.",
    "feature.registered": "A feature is registered, with what it claims.",
    "feature.changed": "A feature claims other keys, or other fields of it are different.",
    "feature.paused": "No task of a feature can be claimed until it is resumed.",
    "feature.resumed": "A feature is not paused any more.",
    "feature.completed": "A feature has ended because it is done.",
    "feature.cancelled": "A feature has ended because it is given up.",
    "plan.made": "A feature has another revision of its plan or contracts.",
    "escalation.raised": "A worker has raised what it cannot decide.",
    "escalation.resolved": "An escalation was decided; what it paused goes on.",
    "approval.requested": "Somebody asks for a person's consent to one thing.",
    "approval.approved": "A person has approved a request.",
    "approval.denied": "A person has denied a request.",
    "approval.expired": "The time of a request, or to use an approval, is over.",
    "approval.used": "An approval was used; it counts no more.",
    "merge.queued": "A branch waits in the merge queue, for the first time or again.",
    "merge.ready": "A queued branch has passed its checks.",
    "merge.blocked": "A queued branch has not passed its checks.",
    "merge.landing": "A queued branch waits for a pull request to be merged.",
    "merge.merged": "A queued branch is part of its target.",
    "merge.ejected": "A queued branch was taken out of the queue because it cannot land.",
    "merge.removed": "A queued branch was given up.",
    "verification.started": "A check of a commit runs.",
    "verification.passed": "A commit has passed a check.",
    "verification.failed": "A commit has failed a check, or it took too long.",
    "verification.waiting": "A check waits for GitHub or a person, or could not be tried.",
    "verification.policy_set": "There is a policy of verification, or it is another.",
    "verification.policy_removed": "A policy of verification is gone.",
    "handoff.written": "A session has left a handoff.",
    "change.recorded": "A session has changed a file.",
    "guardrail.violation": "A guardrail or guard was met.",
    "agent.message": "A message was sent; one for a single session comes without its text.",
    "message.heard": "A message has come to a recipient: delivered, read or acknowledged.",
    "agent.notice": "A session is told what has happened to it.",
    "session.timed_out": "A session was ended because it showed no life.",
    "session.killed": "A session was ended by others.",
    "agent.checkout": "A session has ended, in whatever way.",
    "ledger.compacted": "Closed records were forgotten.",
}

RANK = {name: number for number, name in enumerate(TYPES)}


class Event(NamedTuple):
    """One thing that happened."""

    type: str
    #: Plain data; a time that has not come is None.
    data: dict[str, Any]
    #: The sessions that it is about, never sub-agents.
    about: tuple[str, ...] = ()


class Difference(NamedTuple):
    """One record before and after a transaction; it may have moved to or from the archive."""

    table: str
    before: Record | None
    after: Record | None

    @property
    def name(self) -> str:
        """The record's name."""
        found = self.after or self.before
        return found.name if found is not None else ""


class Scene:
    """One transaction as rules for events see it."""

    def __init__(
        self,
        differences: Sequence[Difference],
        metas: tuple[Meta | None, Meta],
        settings: tuple[Settings, Settings],
        live: Callable[[], Sequence[Session]],
    ) -> None:
        """`live`: the sessions that are live after it; asked only when somebody declares."""
        self.differences = differences
        self.meta_before, self.meta = metas
        self.settings_before, self.settings = settings
        self.live = live

    def pairs(self, kind: type[R]) -> Iterator[tuple[R | None, R | None]]:
        """Yield the records of a kind that differ, before and after, ordered by name."""
        found = [each for each in self.differences if each.table == kind.table]
        for each in sorted(found, key=lambda one: one.name):
            yield each.before, each.after  # type: ignore[misc]

    @property
    def since(self) -> Time:
        """The ledger's time before the transaction."""
        return self.meta_before.time if self.meta_before is not None else EPOCH

    @cached_property
    def endings(self) -> dict[str, str]:
        """How sessions have ended by this transaction: ended, timed_out or killed, by id."""
        return {
            after.id: after.status
            for before, after in self.pairs(Session)
            if after is not None and after.archived and (before is None or not before.archived)
        }


def plain(record: Any, *fields: str, **names: str) -> dict[str, Any]:
    """Return fields of a record as plain data, those in `names` under the name they name."""
    wanted = {name: name for name in fields} | {value: key for key, value in names.items()}
    return {wanted[name]: shown(getattr(record, name), name) for name in wanted}


def sessions_of(*holders: str) -> tuple[str, ...]:
    """Return the sessions that these holders are part of, each once; empty ones left out."""
    return tuple(dict.fromkeys(root(holder) for holder in holders if holder))
