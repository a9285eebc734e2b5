"""A day of work of a crew: the place is made, all begin at once, and what came of it is counted.

Promises that each commit that main had on its first line was checked out and checked afterwards.
Not here: what the agents do (`crew`), and what is to be done (`chores`).
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.gitrun import git
from tests.landing.chores import ROOT, check_command, chores
from tests.landing.crew import Plan, Tally


#: How gitcoord is started where the folder that it is started in has a package of that name.
COMMAND = (sys.executable, "-P", "-m", "gitcoord")


class Day(NamedTuple):
    """What came of it."""

    #: From the signal until the last agent had done.
    seconds: float
    tallies: list[Tally]
    #: Of each check that ran: who, seconds, passed.
    checks: list[dict[str, Any]]
    #: Commits on the first line of main, and those among them that do not pass the check.
    commits: list[str]
    broken: list[str]
    #: What agents ran of gitcoord, and the seconds that they waited for it.
    commands: int
    waited: float
    #: What gitcoord has told them of refusals.
    told: str


class Terms(NamedTuple):
    """How it is done."""

    way: str
    agents: int
    chores: int
    work: float = 0.0
    check: float = 0.0
    command: Sequence[str] = COMMAND


class Hub(NamedTuple):
    """A bare repository that keeps main, and the URL under which a host shows it."""

    path: Path
    url: str = ""


def begin(folder: Path, terms: Terms, repo: Path, hub: Hub | None) -> Plan:
    """Give each agent a place, and the ledger its tasks where the queue is used.

    `hub`: a bare repository to which `repo` is pushed, and of which each agent gets a clone;
    None: each gets a worktree of `repo`, which keeps main checked out.
    """
    places = [folder / f"agent-{number}" for number in range(terms.agents)]
    log = folder / "checks"
    if hub is None:
        for place in places:
            git(str(repo), "worktree", "add", "-q", "--detach", str(place), "main")
    else:
        git(str(repo), "push", "-q", str(hub.path), "main")
        for place in places:
            git(str(folder), "clone", "-q", str(hub.path), str(place))
            git(str(place), "remote", "set-url", "origin", hub.url or str(hub.path))
    if terms.way == "queue":
        first = repo if hub is None else places[0]
        _ledger(terms, first, log, "" if hub is None else "origin")
        for place in places[1:] if hub is not None else ():
            _gitcoord(terms, place, "init", "--remote", "origin")
    return Plan(
        terms.way, terms.agents, terms.chores, list(map(str, places)),
        "" if hub is None else "origin", str(log), terms.work, terms.check, list(terms.command),
    )  # fmt: skip


def _ledger(terms: Terms, place: Path, log: Path, remote: str) -> None:
    _gitcoord(terms, place, "init", *(["--remote", remote] if remote else []))
    command = check_command(log, "queue", terms.check)
    _gitcoord(terms, place, "verify", "policy", "add", "promises", "--", *command)
    drafts = [
        {"id": one.id, "title": one.title, "keys": [one.note]} for one in chores(terms.chores)
    ]
    tasks = log.with_name("tasks.json")
    tasks.write_text(json.dumps(drafts), encoding="utf-8")
    _gitcoord(terms, place, "task", "add", "--file", str(tasks))


def _gitcoord(terms: Terms, place: Path, *words: str) -> None:
    done = subprocess.run([*terms.command, *words], cwd=place, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"


def play(folder: Path, plan: Plan, main: Path, base: str) -> Day:
    """Let all agents work to their end, and count.

    `main`: the repository whose main they move; `base`: where it stood before.
    """
    file = folder / "plan.json"
    file.write_text(json.dumps(plan._asdict()), encoding="utf-8")
    words = [sys.executable, "-m", "tests.landing.crew", str(file)]
    agents = [
        subprocess.Popen(
            [*words, str(number)], cwd=ROOT,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for number in range(plan.agents)
    ]  # fmt: skip
    try:
        for agent in agents:
            assert agent.stdout is not None
            assert agent.stdout.readline() == "ready\n", agent.communicate()[1]
        begun = time.monotonic()
        for agent in agents:
            assert agent.stdin is not None
            agent.stdin.write("go\n")
            agent.stdin.flush()
        said = [agent.communicate() for agent in agents]
        seconds = time.monotonic() - begun
    finally:
        for agent in agents:
            agent.kill()
            agent.communicate()
    for agent, (_, told) in zip(agents, said, strict=True):
        assert agent.returncode == 0, told
    reports = [json.loads(out) for out, _ in said]
    checks = [json.loads(line) for line in Path(plan.log).read_text(encoding="utf-8").splitlines()]
    commits = git(str(main), "rev-list", "--reverse", "--first-parent", f"{base}..main").split()
    return Day(
        seconds,
        [Tally(**one) for report in reports for one in report["done"]],
        checks,
        commits,
        broken(folder, main, commits),
        sum(report["commands"] for report in reports),
        sum(report["waited"] for report in reports),
        "".join(told for _, told in said),
    )


def broken(folder: Path, main: Path, commits: Sequence[str]) -> list[str]:
    """Return the commits that do not pass the check, each checked out by itself."""
    place = folder / "judge"
    git(str(main), "worktree", "add", "-q", "--detach", str(place), commits[0])
    found = []
    for commit in commits:
        git(str(place), "checkout", "-q", "--detach", commit)
        words = check_command(folder / "judged", "judge", 0)
        if subprocess.run(words, cwd=place, capture_output=True).returncode:
            found.append(commit)
    git(str(main), "worktree", "remove", "--force", str(place))
    return found


def lost(main: Path, tallies: Sequence[Tally]) -> list[str]:
    """Return the commits of agents that are not part of main."""
    known = set(git(str(main), "rev-list", "main").split())
    return [one.head for one in tallies if one.head not in known]
