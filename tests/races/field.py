"""A field of processes that race one ledger: a barrier, one move each, and what came of it.

The racers are started once per test, spread over one or several clones, and run all rounds;
before each round the test sets the scene in its own process and tells each racer what to try.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from typing import Any, NamedTuple

from gitcoord.bootstrap import House, open_house
from gitcoord.domain.operation import Operation, packed, unpacked
from gitcoord.errors import Contended, GitcoordError, Unavailable
from gitcoord.ledger import journal
from gitcoord.ledger.coordinator import PATIENCE
from gitcoord.ledger.request import Reply, Request
from tests.races.start import context, process

RACERS = 8

#: What runs in each process: its place, its end of the pipe, and the gate of all.
Target = Callable[[str, Connection, Barrier], None]


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
    #: Codes of the attempts before, which were told no decision; the id was the same.
    untold: tuple[str, ...] = ()
    #: Whether an earlier attempt had been accepted already.
    repeated: bool = False


def racer(
    path: str, pipe: Connection, gate: Barrier, *, attempts: int = 1, patience: float = PATIENCE
) -> None:
    """Run what arrives in the pipe, at the same moment as all others.

    Who is told no decision asks again, under the same id, so many times in all.
    """
    house = open_house(path, os.environ, patience=patience)
    try:
        house.ledger.head()
        pipe.send("ready")
        while (order := pipe.recv()) is not None:
            body, session, name, follow = order
            operation = unpacked(body)
            if follow:
                house.follow()
            gate.wait()
            untold: list[str] = []
            while True:
                reply = asked(house, operation, session, name)
                if not isinstance(reply.error, (Contended, Unavailable)):
                    break
                untold.append(reply.error.code)
                if len(untold) == attempts:
                    raise reply.error
            pipe.send((reply.packed(), untold))
    except BaseException:
        gate.abort()  # nobody waits for one who has failed
        raise
    finally:
        house.close()


def asked(house: House, operation: Operation, session: str | None, name: str) -> Reply:
    """Return the reply, also where nothing could be decided."""
    try:
        return house.coordinator.run(operation, session=session, id=name)[0]
    except GitcoordError as error:
        return Reply(error=error)


class Field:
    """The racers of one test."""

    def __init__(self, house: House, pipes: Sequence[Connection]) -> None:
        self.house = house
        self._pipes = pipes

    def race(self, tries: Sequence[Try], *, follow: bool = False) -> list[Outcome]:
        """Let racer i ask `tries[i]`, all at once, and return what came of each.

        `follow`: where a git host decides, all learn its head before they start.
        """
        assert len(tries) == len(self._pipes)
        for pipe, each in zip(self._pipes, tries, strict=True):
            pipe.send((packed(each.operation), each.session, each.id, follow))
        outcomes = []
        for pipe, each in zip(self._pipes, tries, strict=True):
            body, untold = pipe.recv()
            reply = Reply.unpacked(body, Request([each.operation], id=each.id))
            if reply.error is not None:
                found = Outcome(reply.error.code, None, reply.error.details, tuple(untold))
            else:
                found = Outcome("done", reply.answers[0], {}, tuple(untold), reply.repeated)
            outcomes.append(found)
        return outcomes


@contextmanager
def field(
    house: House,
    place: str | Sequence[str],
    racers: int = RACERS,
    *,
    attempts: int = 1,
    patience: float = PATIENCE,
) -> Iterator[Field]:
    """Start the racers, in one place or in turn in several, and see them end well."""
    target = partial(racer, attempts=attempts, patience=patience)
    with crowd(target, [place] if isinstance(place, str) else place, racers) as pipes:
        assert [pipe.recv() for pipe in pipes] == ["ready"] * racers
        yield Field(house, pipes)


@contextmanager
def crowd(
    target: Target, places: Sequence[str], racers: int = RACERS
) -> Iterator[list[Connection]]:
    """Start processes, yield their pipes, and see each end well once it is sent None."""
    start = context()
    gate = start.Barrier(racers)
    pairs = [start.Pipe() for _ in range(racers)]
    processes = [
        process(start, target, places[n % len(places)], end, gate)
        for n, (_, end) in enumerate(pairs)
    ]
    for each, (_, theirs) in zip(processes, pairs, strict=True):
        each.start()
        theirs.close()
    try:
        yield [ours for ours, _ in pairs]
        for ours, _ in pairs:
            ours.send(None)
        for each in processes:
            each.join(30)
            assert each.exitcode == 0
    finally:
        for each, (ours, _) in zip(processes, pairs, strict=True):
            if each.is_alive():
                each.kill()
                each.join()
            each.close()
            ours.close()


def recorded(house: House) -> list[str]:
    """Return the ids of all operations in the chain that were accepted, as often as they occur."""
    found = []
    for oid, raw in house.store.chain(house.ledger.head()):
        lines = journal.read(oid, raw).lines
        found += [line["id"] for line in lines if line["outcome"] == "done"]
    return found
