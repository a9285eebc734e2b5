"""Workers in several clones or worktrees of one ledger, some of them killed and replaced."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.linear.checker import Verdict, check
from tests.linear.history import Call, by_key, merged
from tests.linear.models import SWEEP, LockKey, TaskClaim
from tests.linear.worker import KEYS, Orders

WORKER = (sys.executable, "-m", "tests.linear.worker")
ROOT = Path(__file__).parents[2]

#: Bytes that one call takes in a record, roughly.
_LINE = 280


class Crew:
    """The workers of one run, and the files that they leave behind."""

    def __init__(self, places: Sequence[str], folder: Path, *, calls: int, seed: int) -> None:
        self.folder = folder
        self.chance = random.Random(seed)
        self._places = places
        self._calls = calls
        self._made = 0
        self.killed = 0
        self._running: dict[int, tuple[subprocess.Popen[bytes], Orders]] = {}
        folder.mkdir()

    def start(self, session: str = "", sweep: str = "") -> None:
        """Start a worker, in its own session or in one that it takes over."""
        self._made += 1
        number = self._made
        orders = Orders(
            place=self._places[number % len(self._places)],
            record=str(self.folder / f"w{number}.jsonl"),
            session=session or f"s-{number}",
            seed=self.chance.randrange(1 << 30),
            calls=self._calls,
            sweep=sweep,
        )
        command = [*WORKER, json.dumps(orders._asdict())]
        with (self.folder / f"w{number}.err").open("wb") as errors:
            process = subprocess.Popen(command, cwd=ROOT, stderr=errors)
        self._running[number] = (process, orders)

    def kill(self, times: int) -> None:
        """Kill workers all through the run, and put others in their place.

        A new one goes on in the session of the dead, or ends that and works in its own.
        """
        share = len(self._running) * self._calls * _LINE / (times + 1)
        written = 0.0
        for _ in range(times):
            written += share * self.chance.uniform(0.5, 1.5)
            while self._left() and not (self._written() >= written and self._busy()):
                time.sleep(0.005)
            busy = self._busy()
            if not busy:
                return
            process, orders = self._running.pop(self.chance.choice(busy))
            process.kill()
            process.wait()
            self.killed += 1
            if self.chance.random() < 0.5:
                self.start(session=orders.session)
            else:
                self.start(sweep=orders.session)

    def finish(self, seconds: float) -> None:
        """Wait until all have asked what they were to ask. AssertionError if one fails."""
        end = time.monotonic() + seconds
        for number, (process, _) in self._running.items():
            code = process.wait(max(1.0, end - time.monotonic()))
            assert code == 0, (self.folder / f"w{number}.err").read_text()

    def _left(self) -> list[int]:
        """Return the workers that still run."""
        return [number for number, (process, _) in self._running.items() if process.poll() is None]

    def _busy(self) -> list[int]:
        """Return those that have begun to ask."""
        records = {number: Path(orders.record) for number, (_, orders) in self._running.items()}
        return [n for n in self._left() if records[n].exists() and records[n].stat().st_size]

    def _written(self) -> int:
        """Return how many bytes have been recorded."""
        return sum(file.stat().st_size for file in self.folder.glob("*.jsonl"))

    def stop(self) -> None:
        """Kill whoever is left."""
        for process, _ in self._running.values():
            if process.poll() is None:
                process.kill()
            process.wait()

    def calls(self) -> list[Call]:
        """Return what all of them have recorded."""
        return merged(sorted(self.folder.glob("*.jsonl")))


@contextmanager
def crew(
    places: Sequence[str], folder: Path, *, workers: int, calls: int, seed: int
) -> Iterator[Crew]:
    """Start the workers, and leave none behind."""
    made = Crew(places, folder, calls=calls, seed=seed)
    try:
        for _ in range(workers):
            made.start()
        yield made
    finally:
        made.stop()


def verdicts(calls: Sequence[Call]) -> dict[str, Verdict]:
    """Return the verdict about each key and task."""
    return {
        key: check(history, LockKey() if key in KEYS else TaskClaim())
        for key, history in by_key(calls, (SWEEP,)).items()
    }


def faults(calls: Sequence[Call]) -> str:
    """Return what is wrong with each key, in words; empty where nothing is."""
    found = verdicts(calls)
    return "\n".join(f"{key}: {v.explanation}" for key, v in found.items() if v.outcome != "ok")
