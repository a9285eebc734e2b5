"""Ledgers that are large from the start: many records in one transaction.

The records are encoded and laid out by gitcoord's own code, so that any command reads
them; only the rules are passed by, which would add them one batch at a time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import NamedTuple

from gitcoord.bootstrap import House
from gitcoord.domain.locks import Lock
from gitcoord.domain.record import Record
from gitcoord.domain.sessions import Session
from gitcoord.domain.tasks import Task
from gitcoord.domain.time import from_epoch
from gitcoord.ledger import journal
from gitcoord.ledger.ledger import STATE
from gitcoord.storage import codec, tree
from gitcoord.storage.store import Move, make_object

#: Locks that one session holds.
HELD = 100
#: What a task's number makes of it, in turn: of ten tasks six are completed, two wait for
#: another one, one is ready, and one is ready for those who have a capability.
_COURSE = ("completed",) * 6 + ("waiting",) * 2 + ("ready", "special")
#: The capability that nobody here has, and the type of the tasks that need it.
CAPABILITY = "gpu"
SPECIAL = "training"


class Moment(NamedTuple):
    """When the records were written, and when their leases end."""

    now: str
    ends: str

    @classmethod
    def present(cls) -> Moment:
        """Return now, and the end of the longest lease."""
        seconds = time.time()
        return cls(from_epoch(seconds), from_epoch(seconds + 28_800))


def fill(house: House, locks: int, tasks: int) -> None:
    """Add so many live locks of others, their sessions, and tasks, in one transaction.

    The index is thrown away: it would follow such a change record by record.
    """
    when = Moment.present()
    ledger = house.ledger
    head = ledger.head()
    with ledger.state(head) as state:
        meta, stored = state.meta, state.stored("", "meta.json")
    first = meta.token + 1
    meta.token += locks
    meta.seq += 1
    meta.time = when.now
    changes: dict[tuple[str, str], bytes | None] = {
        _place(record): codec.encode_record(record)
        for records in (
            _locks(locks, first, when),
            _sessions(locks, ledger.machine, when),
            _tasks(tasks, when),
        )
        for record in records
    }
    changes["", "meta.json"] = codec.encode_record(meta, stored)
    fmt = house.store.object_format
    old = ledger.tree(head)
    root, objects = tree.rewrite(lambda oid: house.store.read(oid)[1], old, changes, fmt)
    raw = journal.compose(root, head, [], [], when.now, ledger.machine)
    commit = make_object(b"commit", raw, fmt)
    house.store.commit([*objects, commit], [Move(STATE, head, commit.oid)])
    forget_index(house)


def forget_index(house: House) -> None:
    """Remove the index, as after a fresh clone; `house` has to be closed and opened again."""
    house.close()
    for ending in ("", "-wal", "-shm"):
        path = os.path.join(house.home, f"cache.sqlite{ending}")
        if os.path.exists(path):
            os.remove(path)


def name_of(number: int) -> str:
    """Return the id of the task with this number."""
    return f"t-bench{number:06d}"


def ready(tasks: int) -> list[str]:
    """Return the ids of the tasks that are ready for anybody, the least urgent first."""
    course = len(_COURSE)
    found = [n for n in range(tasks) if _COURSE[n % course] == "ready"]
    return [name_of(n) for n in sorted(found, key=lambda n: (_priority(n), n), reverse=True)]


def _place(record: Record) -> tuple[str, str]:
    return ("archive/" if record.archived else "") + record.table, record.name


def _locks(count: int, first: int, when: Moment) -> Iterator[Lock]:
    for number in range(count):
        holder = number // HELD
        yield Lock(
            key=f"src/part{number % 97}/module{number % 13}/file{number}.py",
            session=f"s-bench{holder:04d}",
            agent=f"agent-{holder}",
            epoch=1,
            token=first + number,
            acquired_at=when.now,
            expires_at=when.ends,
            ttl=28_800.0,
            reason="a change that takes its time",
        )


def _sessions(locks: int, machine: str, when: Moment) -> Iterator[Session]:
    for holder in range((locks + HELD - 1) // HELD):
        yield Session(
            id=f"s-bench{holder:04d}",
            agent=f"agent-{holder}",
            machine=machine,
            worktree=f"/srv/worktrees/{holder}",
            started_at=when.now,
            seen_at=when.now,
        )


def _tasks(count: int, when: Moment) -> Iterator[Task]:
    for number in range(count):
        kind = _COURSE[number % len(_COURSE)]
        needs = (name_of(number + 2 if kind == "waiting" else number),) * (kind == "waiting")
        yield Task(
            id=name_of(number),
            title=f"Change part {number % 97} so that it does what is asked of it",
            description="What is to be done, in a sentence or two as people write them. " * 2,
            type=SPECIAL if kind == "special" else "task",
            status="completed" if kind == "completed" else "pending",
            priority=_priority(number),
            depends_on=needs,
            waiting_for=needs,
            keys=(f"work/part{number % 97}/task{number}.py",),
            requires=(CAPABILITY,) if kind == "special" else (),
            created_at=when.now,
            created_by="bench",
            completed_at=when.now if kind == "completed" else "",
        )


def _priority(number: int) -> int:
    return number // len(_COURSE) % 10 + 1
