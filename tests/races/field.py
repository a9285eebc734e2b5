"""A field of processes that race one ledger: a barrier, one move each, and what came of it.

The racers are started once per test and run all rounds; before each round the
test sets the scene in its own process and tells each racer what to try.
"""

from __future__ import annotations

import multiprocessing as mp
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from typing import Any, NamedTuple

from gitcoord.bootstrap import House, open_house
from gitcoord.domain.operation import Operation, packed, unpacked
from gitcoord.ledger import journal
from gitcoord.ledger.request import Reply, Request

RACERS = 8


class Try(NamedTuple):
    """What one racer is to ask, and in whose name."""

    operation: Operation
    session: str | None
    id: str


class Outcome(NamedTuple):
    """What came of it: the code of the refusal, or "done" with the answer."""

    code: str
    answer: Any
    details: dict[str, Any]


def racer(path: str, pipe: Connection, gate: Barrier) -> None:
    """Run what arrives in the pipe, at the same moment as all others."""
    house = open_house(path, os.environ)
    house.ledger.head()
    while (order := pipe.recv()) is not None:
        body, session, name = order
        operation = unpacked(body)
        gate.wait()
        reply = house.coordinator.run(operation, session=session, id=name)[0]
        pipe.send(reply.packed())
    house.close()


class Field:
    """The racers of one test."""

    def __init__(self, house: House, pipes: Sequence[Connection]) -> None:
        self.house = house
        self._pipes = pipes

    def race(self, tries: Sequence[Try]) -> list[Outcome]:
        """Let racer i ask `tries[i]`, all at once, and return what came of each."""
        assert len(tries) == len(self._pipes)
        for pipe, each in zip(self._pipes, tries, strict=True):
            pipe.send((packed(each.operation), each.session, each.id))
        outcomes = []
        for pipe, each in zip(self._pipes, tries, strict=True):
            reply = Reply.unpacked(pipe.recv(), Request([each.operation], id=each.id))
            if reply.error is not None:
                outcomes.append(Outcome(reply.error.code, None, reply.error.details))
            else:
                outcomes.append(Outcome("done", reply.answers[0], {}))
        return outcomes


@contextmanager
def field(house: House, path: str, racers: int = RACERS) -> Iterator[Field]:
    """Start the racers, and see them end well."""
    spawn = mp.get_context("spawn")
    gate = spawn.Barrier(racers)
    pairs = [spawn.Pipe() for _ in range(racers)]
    processes = [spawn.Process(target=racer, args=(path, end, gate)) for _, end in pairs]
    for process, (_, theirs) in zip(processes, pairs, strict=True):
        process.start()
        theirs.close()
    try:
        yield Field(house, [ours for ours, _ in pairs])
        for ours, _ in pairs:
            ours.send(None)
        for process in processes:
            process.join(30)
            assert process.exitcode == 0
    finally:
        for process, (ours, _) in zip(processes, pairs, strict=True):
            if process.is_alive():
                process.kill()
                process.join()
            process.close()
            ours.close()


def recorded(house: House) -> list[str]:
    """Return the ids of all operations in the chain that were accepted, as often as they occur."""
    found = []
    for oid, raw in house.store.chain(house.ledger.head()):
        lines = journal.read(oid, raw).lines
        found += [line["id"] for line in lines if line["outcome"] == "done"]
    return found
