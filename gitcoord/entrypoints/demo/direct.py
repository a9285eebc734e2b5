"""The director: sets the stage, starts the agents, watches, and brings the curtain down."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from gitcoord.bootstrap import House, open_house
from gitcoord.domain.configure import Begin
from gitcoord.domain.new_tasks import Added, AddTasks
from gitcoord.domain.task_file import tasks_from
from gitcoord.domain.tasks import Task
from gitcoord.entrypoints.demo.agent import Part
from gitcoord.entrypoints.demo.plan import Job, jobs
from gitcoord.entrypoints.demo.stage import Stage, seat
from gitcoord.entrypoints.demo.verdict import Verdict, judged
from gitcoord.ledger.request import fresh_id

#: Names of agents, in the order in which they enter.
NAMES = ("ada", "grace", "alan", "edsger", "barbara", "donald", "frances", "tony")
#: Short, so that a death is noticed while somebody looks on. Seconds.
SHORT = {"beat_interval": 1.0, "beat_ttl": 3.0, "claim_ttl": 10.0, "lock_ttl": 10.0}
#: At a host signs of life are pushes, of several agents at once: on a busy machine they are late.
SHORT_AT_HOST = SHORT | {"beat_ttl": 6.0}
#: Seconds after which the curtain falls in any case.
LONGEST = 60.0


class Wish(NamedTuple):
    """What the audience has asked for."""

    agents: int = 4
    tasks: int = 20
    locks: bool = True
    kill: bool = True
    seed: int = 1
    pace: float = 1.0


class Scene(NamedTuple):
    """How things stand, for whoever shows it."""

    statuses: dict[str, int]
    news: list[str]
    seconds: float


def play(stage: Stage, wish: Wish, show: Callable[[Scene], None]) -> Verdict:
    """Play the demonstration on the stage and return what came of it."""
    began = time.monotonic()
    # Of the remote that the user's settings may name nothing must be known here.
    place = seat(stage, "director") if stage.origin else stage.hub
    house = open_house(place, _environment())
    try:
        house.coordinator.begin(Begin(settings=times(stage)), agent="director")
        plan = jobs(stage, wish.tasks, wish.seed)
        _load(house, stage, plan, wish.locks)
        with _agents(stage, wish, plan) as running:
            _follow(house, running, began, show)
        return judged(house, stage, plan, wish.locks, time.monotonic() - began)
    finally:
        house.close()


def times(stage: Stage) -> dict[str, float]:
    """Return the settings of the play that are durations, in seconds."""
    return SHORT_AT_HOST if stage.origin else SHORT


def _load(house: House, stage: Stage, plan: list[Job], locks: bool) -> None:
    """Write the task file and load it, as `gitcoord task add --file` does."""
    entries = [job.entry() for job in plan]
    for entry in entries:
        if not locks:
            del entry["keys"]
    path = os.path.join(stage.folder, "tasks.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"tasks": entries}, file, indent=2)
    new = tasks_from({"tasks": entries}, lambda: fresh_id("t-"))
    house.coordinator.do(AddTasks(tasks=tuple(new)), Added, agent="director")


@contextmanager
def _agents(stage: Stage, wish: Wish, plan: list[Job]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start the agents; whatever happens, none of them outlives the block."""
    running: list[subprocess.Popen[bytes]] = []
    # Whoever claims it first dies in it; every task is claimed by somebody.
    fatal = plan[len(plan) // 3].id if wish.kill and wish.agents > 1 else ""
    complaints = os.path.join(stage.folder, "complaints.txt")
    try:
        with open(complaints, "ab") as errors:
            for name in NAMES[: wish.agents]:
                part = Part(
                    name=name,
                    place=seat(stage, name),
                    cloned=bool(stage.origin),
                    branch=stage.branch,
                    diary=os.path.join(stage.folder, f"{name}.jsonl"),
                    locks=wish.locks,
                    dies_in=fatal,
                    pace=wish.pace,
                    ends_at=time.time() + LONGEST - 10,
                )
                command = [sys.executable, "-m", "gitcoord.entrypoints.demo.agent"]
                running.append(
                    subprocess.Popen(
                        [*command, json.dumps(part._asdict())],
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.DEVNULL,
                        stderr=errors,
                        env=_environment(),
                    )
                )
        yield running
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
            process.wait()


def _environment() -> dict[str, str]:
    # The agents are nobody's clients: ids of a surrounding session must not reach them.
    dropped = ("GIT_", "GITCOORD_", "CLAUDE_", "CODEX_", "GEMINI_")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}


def _follow(
    house: House,
    running: list[subprocess.Popen[bytes]],
    began: float,
    show: Callable[[Scene], None],
) -> None:
    judge = house.judge()
    seen, looked = house.ledger.head(), 0.0
    while True:
        over = all(process.poll() is not None for process in running)
        over = over or time.monotonic() - began > LONGEST
        if over:
            house.follow()
        if time.monotonic() - looked > 0.5:
            looked = time.monotonic()
            judge.look()
        head = house.ledger.head()
        news, seen = _news(house, seen, head), head
        if news or over:
            with house.ledger.state() as state:
                statuses: dict[str, int] = {}
                for archived in (False, True):
                    for task in state.all(Task, archived=archived):
                        statuses[task.status] = statuses.get(task.status, 0) + 1
            show(Scene(statuses, news, time.monotonic() - began))
        if over:
            return
        time.sleep(0.1)


def _news(house: House, seen: str, head: str) -> list[str]:
    """Return what the transactions after `seen` say, oldest first."""
    from gitcoord.ledger import journal

    news: list[str] = []
    if head == seen:
        return news
    for oid, raw in house.store.chain(head):
        if oid == seen:
            break
        news.append(journal.read(oid, raw).subject)
    return news[::-1]
