"""One agent of a crew: does chore after chore and brings each into main, in one of three ways.

queue: hands its branch to the merge queue of gitcoord, lands what is ready, and mends its branch
where the queue says no. careful: fetches, rebases, checks and pushes, again from the start when
somebody else was faster. hasty: checks once, then pulls and pushes until it gets through, as
`git push` itself advises. Runs as `python -m tests.landing.crew PLAN NUMBER`, starts at a line
on standard input, and prints what it did as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

from tests.landing.chores import Chore, check_command, chores, do, mend

#: Seconds between two looks whether others have landed it.
_PAUSE = 0.1


class Plan(NamedTuple):
    """What all agents of a crew have in common."""

    way: str
    agents: int
    chores: int
    #: Worktree or clone of each agent.
    places: list[str]
    #: Where main is: "" in this repository, else the name of the remote.
    remote: str
    #: Where each check notes itself.
    log: str
    #: Seconds of work for a change or a repair, and for which a check computes.
    work: float
    check: float
    #: How gitcoord is started; empty: in the process of the agent.
    command: list[str]


class Tally(NamedTuple):
    """What one chore took."""

    chore: str
    #: The commit that became part of main.
    head: str
    seconds: float
    #: Merges that git refused, and checks that failed after one that it made.
    conflicts: int
    failures: int
    #: Times that all was ready and somebody else was faster.
    lost: int


class Agent:
    """Works in a place of its own."""

    def __init__(self, plan: Plan, number: int) -> None:
        self.plan = plan
        self.name = f"agent-{number}"
        self.place = Path(plan.places[number])
        self.target = f"{plan.remote}/main" if plan.remote else "main"
        self.conflicts = self.failures = self.lost = 0

    def chore(self, chore: Chore) -> Tally:
        """Do one chore until it is part of main."""
        begun = time.monotonic()
        self.conflicts = self.failures = self.lost = 0
        if self.plan.way == "queue":
            self.coord("task", "claim", chore.id)
        self._fetch()
        self.git("checkout", "-q", "-B", f"work/{chore.id}", self.target)
        self._make(chore)
        getattr(self, f"_{self.plan.way}")(chore)
        head = self.git("rev-parse", "HEAD")
        seconds = time.monotonic() - begun
        return Tally(chore.id, head, seconds, self.conflicts, self.failures, self.lost)

    def _queue(self, chore: Chore) -> None:
        while True:
            if self.plan.remote:
                # What other clones shall be able to land.
                self.git("push", "-q", "--force", self.plan.remote, "HEAD")
            entry = self.coord("merge", "enqueue", "--task", chore.id)["merge"]["id"]
            found = self._landed(entry)
            if found["status"] == "merged":
                return
            self._fetch()
            if not self._rebased(chore):
                self.failures += "verification" in found["reason"]
                self._rework(chore)

    def _landed(self, entry: str) -> dict[str, Any]:
        """Land what is ready until the entry is merged or needs to be mended; return it."""
        while True:
            said = self.coord("merge", "land", refused=True)
            for one in (*said.get("landed", ()), *said.get("settled", ())):
                for merged in one["merges"]:
                    if merged["id"] == entry:
                        return dict(merged)
            found: dict[str, Any] = self.coord("merge", "show", entry)["merge"]
            if found["status"] in ("merged", "blocked", "ejected"):
                return found
            # Another clone checks or lands it.
            time.sleep(_PAUSE)

    def _careful(self, chore: Chore) -> None:
        while True:
            self._fetch()
            self._rebased(chore)
            if not self._checked():
                self.failures += 1
                self._rework(chore)
            if self._pushed():
                return
            self.lost += 1

    def _hasty(self, chore: Chore) -> None:
        if not self._checked():
            self.failures += 1
            self._rework(chore)
        while not self._pushed():
            self.lost += 1
            self._fetch()
            self._rebased(chore)

    def _make(self, chore: Chore) -> None:
        """Work for a while, and commit the changes of a chore."""
        time.sleep(self.plan.work)
        do(self.place, chore)
        self._commit(chore.title)

    def _rebased(self, chore: Chore) -> bool:
        """Rebase onto main; where git cannot, say so, and do the chore again on what is there."""
        if self._told("rebase", "-q", self.target) == 0:
            return False
        self.git("rebase", "--abort")
        self.conflicts += 1
        self._again(chore)
        return True

    def _rework(self, chore: Chore) -> None:
        """Do the chore again on what is there, and repair that where it is still broken."""
        self._again(chore)
        if not self._checked():
            mend(self.place)
            self._commit("Mend what does not fit together")
            assert self._checked(), f"{chore.id} cannot be mended"

    def _again(self, chore: Chore) -> None:
        self.git("reset", "-q", "--hard", self.target)
        self._make(chore)

    def _checked(self) -> bool:
        words = check_command(Path(self.plan.log), self.name, self.plan.check)
        return subprocess.run(words, capture_output=True).returncode == 0

    def _pushed(self) -> bool:
        return self._told("push", "-q", self.plan.remote, "HEAD:main") == 0

    def _fetch(self) -> None:
        if self.plan.remote:
            self.git("fetch", "-q", self.plan.remote)

    def _commit(self, title: str) -> None:
        self.git("add", "--all")
        self.git("commit", "-q", "-m", title)

    def git(self, *words: str) -> str:
        done = subprocess.run(["git", *words], capture_output=True, text=True)
        assert done.returncode == 0, f"{self.name}: git {' '.join(words)}: {done.stderr}"
        return done.stdout.strip()

    def _told(self, *words: str) -> int:
        return subprocess.run(["git", *words], capture_output=True).returncode

    def coord(self, *words: str, refused: bool = False) -> dict[str, Any]:
        """Run gitcoord and return its answer; `refused`: also where it says no, or not now."""
        given = [*words, "--json"]
        code, out, complaint = self._ran(given) if self.plan.command else _here(given)
        told = f"{self.name}: {' '.join(words)}: {out}{complaint}".strip()
        assert code in ((0, 3, 4) if refused else (0,)), told
        if code:
            print(told, file=sys.stderr)
        answer: dict[str, Any] = json.loads(out)
        return answer

    def _ran(self, given: list[str]) -> tuple[int, str, str]:
        done = subprocess.run([*self.plan.command, *given], capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr


def _here(given: list[str]) -> tuple[int, str, str]:
    """Run gitcoord in this process: the same code without its start."""
    from gitcoord.entrypoints.main import run

    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(given, as_json=True)
    return code, out.getvalue(), err.getvalue()


def main(plan: str, number: str) -> None:
    """Work at the signal, and print what was done."""
    common = Plan(**json.loads(Path(plan).read_text(encoding="utf-8")))
    agent = Agent(common, int(number))
    os.chdir(agent.place)
    if common.way == "queue":
        session = agent.coord("session", "start", "--name", agent.name)["session"]["id"]
        os.environ["GITCOORD_SESSION"] = session
    print("ready", flush=True)
    sys.stdin.readline()
    mine = chores(common.chores)[int(number) :: common.agents]
    print(json.dumps([agent.chore(chore)._asdict() for chore in mine]))


if __name__ == "__main__":
    main(*sys.argv[1:3])
