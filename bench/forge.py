"""Work at GitHub that is measured: deliveries at a service, and a day of agents.

GitHub is the tests' fake (`tests.servers.github`), which counts requests as GitHub does. The
day is played without waiting: its clock moves on with each step. Not here: any rule of it.
"""

from __future__ import annotations

import hmac
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench.github import AGENTS, TASKS
from bench.ratio import Measured, Wrong
from bench.scratch import FULL, Scratch
from gitcoord.bootstrap import House, open_house
from gitcoord.domain.configure import Begin
from gitcoord.mirror.access import Access
from gitcoord.mirror.answers import InMemory
from gitcoord.mirror.github import GitHub as Forge
from gitcoord.mirror.mirror import Mirror
from gitcoord.mirror.subjects import Everything, subjects
from tests.servers.github import GitHub, serving

NAME, SECRET = "octo/project", "s3cret"
#: Deliveries that are sent for one figure.
DELIVERIES = 2_000
#: Seconds of a day of work.
DAY = 8 * 3600.0


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1_767_600_000.0

    def wall(self) -> float:
        """Return the seconds since 1970."""
        return self.now

    def monotonic(self) -> float:
        """Return seconds that only grow."""
        return self.now


class Day(NamedTuple):
    """What a day came to: requests by hour, and the most of each kind in its time."""

    hours: list[int]
    makes_minute: int
    makes_hour: int
    events: int


def deliveries(scratch: Scratch) -> Measured:
    """Send signed deliveries to a service that has one processor."""
    count = DELIVERIES if scratch.volume.seconds >= FULL.seconds else 50
    path = scratch.repository("github-deliveries")
    house = open_house(path, scratch.environ)
    house.coordinator.begin(Begin(settings={"github_repository": NAME}), agent="bench")
    house.close()
    environ = scratch.environ | {"GITCOORD_WEBHOOK_SECRET": SECRET}
    process = subprocess.Popen(
        [sys.executable, "-m", "gitcoord", "serve", "--port", "0"],
        cwd=path,
        env=environ,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(process.pid, {min(os.sched_getaffinity(0))})
        assert process.stderr is not None
        line = next((x for x in process.stderr if "http://" in x), "")
        if not line:
            raise Wrong("the service does not start")
        threading.Thread(target=process.stderr.read, daemon=True).start()
        port = int(line.rpartition(":")[2])
        rates = [_sent(port, count, turn) for turn in range(3)]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
    return Measured(median(rates), min(rates), max(rates), f"{count} deliveries, three times")


def _sent(port: int, count: int, turn: int) -> float:
    """Return the deliveries a second that are acknowledged over four connections."""
    bodies = [
        json.dumps(
            {
                "action": "labeled",
                "issue": {"number": n},
                "repository": {"full_name": NAME, "default_branch": "main"},
                "filler": "x" * 10_000,
            }
        ).encode()
        for n in range(count)
    ]
    shares = [range(first, count, 4) for first in range(4)]
    wrong: list[int] = []

    def send(numbers: range) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for n in numbers:
            signature = hmac.new(SECRET.encode(), bodies[n], sha256).hexdigest()
            headers = {
                "X-GitHub-Event": "issues",
                "X-GitHub-Delivery": f"{turn}-{n}",
                "X-Hub-Signature-256": f"sha256={signature}",
                "Content-Type": "application/json",
            }
            connection.request("POST", "/webhook/github", bodies[n], headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 202:
                wrong.append(answer.status)
        connection.close()

    threads = [threading.Thread(target=send, args=(share,)) for share in shares]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise Wrong(f"{len(wrong)} deliveries were refused: {wrong[:3]}")
    return count / (time.perf_counter() - begun)


class _Play:
    """A day: agents push, propose and merge; people lock and ask."""

    def __init__(self, scratch: Scratch, github: GitHub, name: str) -> None:
        self.clock = Clock()
        self.github = github
        github.world.clock = self.clock.wall
        files = {f"src/{n}.py": "1\n" for n in range(400)}
        self.repo = github.repository(NAME, files=files)
        self.ada = github.person("ada", self.repo, role="write")
        self.bot = github.workflow(
            self.repo, issues="write", pull_requests="write", contents="write",
            checks="write", statuses="write",
        )  # fmt: skip
        github.hook(self.repo, "http://127.0.0.1:9/")
        self.path = scratch.repository(name)
        self.house: House = open_house(self.path, scratch.environ, clock=self.clock)
        self.house.coordinator.begin(Begin(), agent="bench")
        #: Looks that were taken.
        self.events = 0
        self._heard = 0
        self._spent: list[tuple[float, int]] = []

    def mirror(self, described: Any = None) -> Mirror:
        """Return a mirror that knows nothing but, at most, what an event says of the repository."""
        access = Access(self.bot.token, actions=True, url=self.github.api, pause=0)
        forge = Forge(access, NAME, InMemory(), described)
        return Mirror(self.house.coordinator, forge, self.house.follow)

    def steps(self, agents: int) -> Iterator[None]:
        """Do what is done in a day, a step at a time."""
        chance = random.Random(7)
        work = [
            (chance.uniform(0, DAY - 3600), agent, task)
            for agent in range(agents)
            for task in range(TASKS)
        ]
        plan: list[tuple[float, Any]] = []
        for begin, agent, task in work:
            branch = f"agent/a{agent}/t{agent}-{task}"
            files = [f"src/{agent * TASKS + task}/{n}.py" for n in range(3)]
            for n in range(4):
                at = begin + n * 600
                plan.append((at, ("push", branch, files[: n + 1], n)))
            plan.append((begin + 700, ("propose", branch, files, 0)))
            plan.append((begin + 3000, ("merge", branch, files, 0)))
        plan += [(chance.uniform(0, DAY), ("lock", f"doc/{n}/", [], n)) for n in range(agents)]
        start = self.clock.now
        for at, (what, name, files, n) in sorted(plan, key=lambda one: one[0]):
            self.clock.now = max(self.clock.now, start + at)
            self._do(what, name, files, n)
            yield

    def _do(self, what: str, name: str, files: list[str], n: int) -> None:
        if what == "push":
            text = dict.fromkeys(files, f"{name} {n}\n")
            self.ada.commits(self.repo, name, text, "work", start="main" if n == 0 else None)
        elif what == "propose":
            self.ada.opens_pull(self.repo, name)
        elif what == "merge":
            for pull in self.repo.pulls():
                if pull.pr.head == name and pull.state == "open":
                    self.ada.merges(pull, "squash", delete_branch=True)
        else:
            issue = self.ada.opens_issue(self.repo, name)
            self.ada.comments(issue, f"/coord lock {name}")

    def hear(self, mirror: Mirror | None) -> None:
        """Let a mirror hear what has happened; None: each event a new one, as workflows do."""
        self.github.outbox.clear()
        events = self.github.world.events[self._heard :]
        self._heard += len(events)
        if mirror is not None:
            heard = [one for each in events for one in subjects(each.name, each.payload)]
            self.look(mirror, heard)
            return
        for event in events:
            # What a workflow's own token does starts no other.
            about = subjects(event.name, event.payload) if event.starts_workflows else []
            if about:
                self.look(self.mirror(event.payload["repository"]), about, fresh=True)

    def look(self, mirror: Mirror, about: list[Any], *, fresh: bool = False) -> None:
        """Let a mirror look, and count what it asks; a fresh one has asked who we are as well."""
        if not about:
            return
        self.events += 1
        before = 0 if fresh else mirror.forge.api.spent
        mirror.look(about)
        self._spent.append((self.clock.now, mirror.forge.api.spent - before))

    def day(self) -> Day:
        """Return what was counted."""
        first = self._spent[0][0]
        hours = [0] * 9
        for at, count in self._spent:
            hours[min(8, int((at - first) // 3600))] += count
        peaks = self.github.limits.peaks
        return Day(hours, peaks["makes_minute"], peaks["makes_hour"], self.events)


@cache
def _played(scratch: Scratch, remembers: bool) -> Day:
    agents = AGENTS if scratch.volume.seconds >= FULL.seconds else 2
    name = f"github-day-{remembers}"
    # Nothing is held against GitHub's description here, which would cost more than the rest.
    os.environ["TESTS_NPM_CACHE"] = scratch.folder
    with serving(Path(scratch.folder, name)) as github:
        play = _Play(scratch, github, f"{name}-ledger")
        try:
            mirror = play.mirror()
            whole = play.clock.now
            for _ in play.steps(agents):
                play.hear(mirror if remembers else None)
                if play.clock.now - whole > 900:
                    whole = play.clock.now
                    one = mirror if remembers else play.mirror()
                    play.look(one, [Everything()], fresh=not remembers)
            return play.day()
        finally:
            play.house.close()


def day(scratch: Scratch, remembers: bool, limit: int) -> Measured:
    """Measure the busiest hour of a day, in parts of the requests that are allowed in one."""
    played = _played(scratch, remembers)
    busy = [count for count in played.hours if count]
    detail = (
        f"{played.events} looks; {max(busy)} requests of {limit} in the busiest hour; at most "
        f"{played.makes_minute} changes a minute (of 80) and {played.makes_hour} an hour (of 500)"
    )
    return Measured(max(busy) / limit, min(busy) / limit, max(busy) / limit, detail)
