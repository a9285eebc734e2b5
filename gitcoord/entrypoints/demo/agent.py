"""One agent of the demonstration, as a process of its own.

Checks in, and until nothing is left: claims a task with its keys, edits the real
files in its worktree or clone, commits, merges into the hub's main branch, completes,
and hands over. Started with one JSON document as its argument.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
import time
from typing import Any, NamedTuple

from gitcoord.bootstrap import House, open_house
from gitcoord.domain.claiming import Claimed, NextTask
from gitcoord.domain.departure import Ended, EndSession
from gitcoord.domain.handoffs import WriteHandoff, Written
from gitcoord.domain.lock_operations import AcquireLocks, Locked, Released, ReleaseLocks
from gitcoord.domain.pausing import Heartbeat
from gitcoord.domain.sessions import Started, StartSession
from gitcoord.domain.task_moves import Moved, MoveTask
from gitcoord.domain.tasks import Task
from gitcoord.entrypoints.demo.stage import git
from gitcoord.entrypoints.demo.trunk import Trunk
from gitcoord.errors import GitcoordError, LockHeld, NotAssigned, QueuedBehind, Refused
from gitcoord.ledger.request import fresh_id

#: What all agents write into: nobody owns it, so they queue for it.
SHARED = "contract:release-notes"


class Part(NamedTuple):
    """What one agent is told."""

    name: str
    #: Its worktree of the hub, or its clone.
    place: str
    cloned: bool
    branch: str
    diary: str
    locks: bool
    #: The task in the middle of whose first attempt it dies; empty: none.
    dies_in: str
    pace: float
    ends_at: float


class Agent:
    """An agent at work."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.house: House = open_house(part.place, os.environ)
        self.trunk = Trunk(part.place, part.branch, cloned=part.cloned)
        self.chance = random.Random(part.name)
        self.session = ""
        self.done: list[str] = []
        self._over = threading.Event()

    def run(self) -> None:
        """Work until no task is left or the time is over."""
        started = self._do(
            StartSession(
                id=fresh_id("s-"),
                agent=self.part.name,
                type="demo",
                life="beat",
                machine=self.house.ledger.machine,
                worktree=self.part.place,
                branch=f"demo/{self.part.name}",
            ),
            Started,
        )
        self.session = started.session.id
        beating = threading.Thread(target=self._beat, args=(started.session.interval,), daemon=True)
        beating.start()
        try:
            while time.time() < self.part.ends_at and self._work():
                pass
            self._hand_over()
        finally:
            self._over.set()
            beating.join()
            self.house.close()

    def _work(self) -> bool:
        """Do one task; False when there is none left for anybody."""
        answer = self._do(NextTask(), Claimed)
        if answer.task is None:
            self.house.judge().look_if_due()
            if not self._open():
                return False
            self._note("waits", len(answer.waiting))
            time.sleep(0.15 * self.part.pace)
            return True
        self._note("passed_over", len(answer.waiting))
        try:
            self._perform(answer.task)
        except NotAssigned:
            # Swept while it was at it: the task is somebody else's now, and nothing has landed.
            self._note("lost_claim", answer.task.id)
        return True

    def _perform(self, task: Task) -> None:
        files = task.description.removeprefix("edit: ").split(", ")
        for _ in range(20):
            git(self.part.place, "reset", "--quiet", "--hard", self.trunk.tip())
            self._edit(task, files)
            if task.id == self.part.dies_in and len(task.attempts) == 1:
                self._note("dies", task.id)
                os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
            message = f"{task.title}\n\nCoord-Session: {self.session}\nTask: {task.id}"
            git(self.part.place, "commit", "--quiet", "--all", "--message", message)
            if self._land():
                break
            self._note("conflict", task.id)
        else:
            self._do(MoveTask(id=task.id, move="fail", error="merge conflicts"), Moved)
            return
        if self.part.locks:
            self._announce(task)
        wish = MoveTask(id=task.id, move="complete", result="merged", files=tuple(files))
        self._do(wish, Moved)
        self.done.append(task.id)

    def _edit(self, task: Task, files: list[str]) -> None:
        """Read the files, think, and write them: the time in which others must not."""
        began = time.monotonic()
        before = {}
        for path in files:
            with open(os.path.join(self.part.place, path), "rb") as file:
                before[path] = file.read()
        time.sleep(self.chance.uniform(0.1, 0.35) * self.part.pace)
        for path, content in before.items():
            lines = content.splitlines(keepends=True)
            at = min(len(lines), 2)
            lines.insert(at, f"# {task.id}: {self.part.name} was here\n".encode())
            with open(os.path.join(self.part.place, path), "wb") as file:
                file.write(b"".join(lines))
        ended = time.monotonic()
        for path in files:
            self._note("edit", {"path": path, "from": began, "to": ended})

    def _land(self) -> bool:
        """Merge the commit into the hub's main branch; False when it conflicts."""
        where = self.part.place
        while True:
            tip = self.trunk.tip()
            if git(where, "merge-base", "HEAD", tip) != tip:
                git(where, "rebase", "--quiet", tip, check=False)
                if os.path.isdir(
                    os.path.join(where, git(where, "rev-parse", "--git-path", "rebase-merge"))
                ):
                    git(where, "rebase", "--abort")
                    return False
            if self.trunk.move(tip, git(where, "rev-parse", "HEAD")):
                return True

    def _announce(self, task: Task) -> None:
        """Write a line into what all share, waiting in the queue for its key."""
        try:
            self._do(AcquireLocks(keys=(SHARED,), reason=task.title), Locked)
        except (LockHeld, QueuedBehind):
            self._queue(task)
        self._note("edit", {"path": SHARED, "from": time.monotonic(), "to": time.monotonic()})
        time.sleep(0.03 * self.part.pace)
        self._do(ReleaseLocks(keys=(SHARED,)), Released)

    def _queue(self, task: Task) -> None:
        """Wait for the shared key; whoever came first gets it first."""
        wish = AcquireLocks(keys=(SHARED,), wait=10, reason=task.title)
        answer = self._do(wish, Locked)
        self._note("queued", task.id)
        while answer.queued is not None and time.time() < self.part.ends_at:
            time.sleep(0.05 * self.part.pace)
            answer = self._do(wish, Locked)

    def _hand_over(self) -> None:
        summary = f"{len(self.done)} tasks done" + (f", last {self.done[-1]}" if self.done else "")
        self._do(
            WriteHandoff(id=fresh_id("h-"), summary=summary, completed=tuple(self.done)), Written
        )
        self._do(EndSession(outcome="completed", summary=summary), Ended)

    def _open(self) -> bool:
        statuses = ("pending", "assigned", "in_progress", "blocked")
        with self.house.ledger.state() as state:
            return any(
                next(state.scan(Task, f"status:{status}:"), None) is not None for status in statuses
            )

    def _beat(self, interval: float) -> None:
        while not self._over.wait(interval):
            self.house.coordinator.run(Heartbeat(), session=self.session)

    def _do(self, operation: Any, answer: type[Any]) -> Any:
        try:
            return self.house.coordinator.do(operation, answer, session=self.session or None)
        except Refused as refusal:
            self._note("refused", refusal.code)
            raise

    def _note(self, what: str, value: Any) -> None:
        """Append one line to the agent's own diary, which is held against the ledger later."""
        line = {"at": time.time(), "agent": self.part.name, "what": what, "value": value}
        with open(self.part.diary, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def main() -> None:
    """Play the part that is given as the first argument."""
    try:
        Agent(Part(**json.loads(sys.argv[1]))).run()
    except GitcoordError as error:
        print(f"{error.code}: {error.message}", file=sys.stderr)
        sys.exit(3)


if __name__ == "__main__":
    main()
