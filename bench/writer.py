"""One process of the group row: takes and gives back its own key until its time is over.

Says "ready", waits for "go", works, and writes one JSON document: when it began and
ended, how long each operation took, and the ids of those that succeeded. With "lock" it
commits alone under a plain blocking file lock instead of joining a group.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable

from bench.scratch import check_in
from gitcoord.bootstrap import House, open_house
from gitcoord.domain.lock_operations import AcquireLocks, ReleaseLocks
from gitcoord.domain.operation import Operation
from gitcoord.ledger.committer import Committer
from gitcoord.ledger.coordinator import cleaned
from gitcoord.ledger.request import Reply, Request, fresh_id

#: Runs one operation under this id.
Run = Callable[[Operation, str], Reply]


def main(repository: str, number: str, way: str, seconds: str, report: str) -> None:
    """Work as told for so many seconds and write the report."""
    house = open_house(repository, os.environ, patience=60.0)
    session = check_in(house, f"writer-{number}")
    run = _alone(house, session) if way == "lock" else _in_a_group(house, session)
    key = f"src/writer{number}.py"
    wishes: tuple[Operation, ...] = (AcquireLocks(keys=(key,)), ReleaseLocks(keys=(key,)))
    print("ready", flush=True)
    sys.stdin.readline()
    took: list[float] = []
    done: list[str] = []
    errors: list[str] = []
    begun = now = time.monotonic()
    while now < begun + float(seconds):
        name = fresh_id("o-")
        reply = run(wishes[len(took) % 2], name)
        then, now = now, time.monotonic()
        took.append(now - then)
        if reply.error is None:
            done.append(name)
        else:
            errors.append(reply.error.code)
    with open(report, "w", encoding="ascii") as file:
        json.dump(
            {"begun": begun, "ended": now, "took": took, "done": done, "errors": errors}, file
        )
    house.close()


def _in_a_group(house: House, session: str) -> Run:
    return lambda wish, name: house.coordinator.run(wish, session=session, id=name)[0]


def _alone(house: House, session: str) -> Run:
    import fcntl

    committer = Committer(house.ledger, house.presence, house.spool)
    file = open(os.path.join(house.home, "plain.lock"), "ab")  # noqa: SIM115 - until the end

    def run(wish: Operation, name: str) -> Reply:
        request = Request([cleaned(wish)], session=session, id=name)
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            return committer.commit([request])[0]
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)

    return run


if __name__ == "__main__":
    main(*sys.argv[1:6])
