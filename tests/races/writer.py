"""A process for the kill test: takes and gives back locks, and writes down what it was told.

Started with the repository, the file to write into and its number; ends by being killed.
"""

from __future__ import annotations

import os
import random
import sys

from gitcoord.bootstrap import open_house
from gitcoord.domain.lock_operations import AcquireLocks, ReleaseLocks
from gitcoord.domain.operation import Operation
from gitcoord.domain.sessions import Started, StartSession
from gitcoord.ledger import machine
from gitcoord.ledger.request import fresh_id


def main(repo: str, told: str, number: str) -> None:
    """Work until killed."""
    house = open_house(repo, os.environ)
    chance = random.Random(number)
    start = StartSession(
        id=f"s-writer-{number}",
        agent=f"writer-{number}",
        life="process",
        process=machine.process(),
        machine=house.ledger.machine,
    )
    house.coordinator.do(start, Started, id=f"o-start-{number}")
    with open(told, "a", encoding="ascii") as file:
        while True:
            key = f"dir{chance.randrange(4)}/f{chance.randrange(4)}"
            wish: Operation = AcquireLocks(keys=(key,))
            if chance.random() < 0.4:
                wish = ReleaseLocks(all=True)
            name = fresh_id("o-")
            reply = house.coordinator.run(wish, session=f"s-writer-{number}", id=name)[0]
            # Releasing nothing, and renewing at once, change nothing and leave no trace.
            if reply.error is None and _changes(reply.answers[0]):
                file.write(name + "\n")
                file.flush()


def _changes(answer: object) -> bool:
    renewed = getattr(answer, "renewed", False)
    return not renewed and bool(getattr(answer, "locks", ()) or getattr(answer, "keys", ()))


if __name__ == "__main__":
    main(*sys.argv[1:4])
