"""What came of the demonstration, judged by evidence that the ledger did not write.

Each agent keeps a diary of when it read and wrote which file. Two that overlap
are a double grant where there were locks, and a collision where there were none.
"""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

from gitcoord.bootstrap import House
from gitcoord.domain.sessions import Session
from gitcoord.domain.tasks import Task
from gitcoord.entrypoints.demo.plan import Job
from gitcoord.entrypoints.demo.stage import Stage, git
from gitcoord.ledger import journal


class Verdict(NamedTuple):
    """The figures of one play."""

    locks: bool
    seconds: float
    tasks: int
    completed: int
    landed: int
    transactions: int
    refusals: int
    passed_over: int
    queued: int
    waits: int
    killed: int
    recovered: int
    conflicts: int
    overlaps: int
    problems: tuple[str, ...]


def judged(house: House, stage: Stage, plan: list[Job], locks: bool, seconds: float) -> Verdict:
    """Return the figures, and whatever does not hold that should."""
    diary = _diary(stage)
    with house.ledger.state() as state:
        tasks = [*state.all(Task), *state.all(Task, archived=True)]
        live = [session.id for session in state.find(Session, "live")]
        transactions = state.meta.seq
    history = [journal.read(oid, raw) for oid, raw in house.store.chain(house.ledger.head())]
    refusals = sum(line["outcome"] != "done" for one in history for line in one.lines)
    refusals += len(house.spool.refusals())
    completed = [task for task in tasks if task.status == "completed"]
    merged = git(
        stage.hub, "log", "--format=%(trailers:key=Task,valueonly,separator=%x2C)", _range(stage)
    )
    landed = {name for name in merged.replace(",", "\n").split("\n") if name}
    overlaps = _overlaps(diary)
    recovered = [task for task in completed if any(a.outcome == "timed_out" for a in task.attempts)]
    return Verdict(
        locks=locks,
        seconds=seconds,
        tasks=len(plan),
        completed=len(completed),
        landed=len(landed),
        transactions=transactions,
        refusals=refusals,
        passed_over=_sum(diary, "passed_over"),
        queued=_count(diary, "queued"),
        waits=_count(diary, "waits"),
        killed=_count(diary, "dies"),
        recovered=len(recovered),
        conflicts=_count(diary, "conflict"),
        overlaps=len(overlaps),
        problems=(
            *_missing(completed, landed),
            *_invariants(house),
            *(f"session {name} is still live" for name in live),
            *(f"double grant: {one}" for one in overlaps if locks),
            *_complaints(stage),
        ),
    )


def _range(stage: Stage) -> str:
    return f"{stage.start}..refs/heads/{stage.branch}"


def _diary(stage: Stage) -> list[dict[str, Any]]:
    lines = []
    for name in sorted(os.listdir(stage.folder)):
        if name.endswith(".jsonl"):
            with open(os.path.join(stage.folder, name), encoding="utf-8") as file:
                lines += [json.loads(line) for line in file]
    return lines


def _overlaps(diary: list[dict[str, Any]]) -> list[str]:
    """Return where two agents had one file in hand at the same time."""
    by_path: dict[str, list[tuple[float, float, str]]] = {}
    for line in diary:
        if line["what"] == "edit":
            value = line["value"]
            by_path.setdefault(value["path"], []).append(
                (value["from"], value["to"], line["agent"])
            )
    found = []
    for path, spans in by_path.items():
        spans.sort()
        for at, (begin, end, agent) in enumerate(spans):
            for later, _, other in spans[at + 1 :]:
                if later >= end:
                    break
                if other != agent and begin <= later:
                    found.append(f"{path} by {agent} and {other}")
    return found


def _missing(completed: list[Task], landed: set[str]) -> list[str]:
    return [
        f"task {task.id} is completed and its commit is not in the branch"
        for task in completed
        if task.id not in landed
    ]


def _invariants(house: House) -> list[str]:
    from gitcoord.ledger.checkup import checkup
    from gitcoord.storage.worktree import Checkout

    return [
        f"{finding.code}: {finding.message}"
        for finding in checkup(house, Checkout(house.repository, os.environ))
        if finding.severity == "error"
    ]


def _complaints(stage: Stage) -> list[str]:
    with open(
        os.path.join(stage.folder, "complaints.txt"), encoding="utf-8", errors="replace"
    ) as file:
        return [line.strip() for line in file if line.strip()][-5:]


def _count(diary: list[dict[str, Any]], what: str) -> int:
    return sum(line["what"] == what for line in diary)


def _sum(diary: list[dict[str, Any]], what: str) -> int:
    return sum(line["value"] for line in diary if line["what"] == what)
