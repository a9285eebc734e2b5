"""A day of work of a crew: the place is made, all begin at once, and what came of it is counted.

Promises that each commit that main has had on its first line was checked out and checked
afterwards. Not here: what the agents do (`crew`), and what is to be done (`chores`). Runs as
`python -m tests.landing.workday TERMS`, a file, and prints what came of it as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.gitrun import git
from tests.landing.chores import ROOT, SEEDS, check_command, chores
from tests.landing.crew import Plan, Tally

#: How gitcoord is started where the folder that it is started in has a package of that name.
COMMAND = (sys.executable, "-P", "-m", "gitcoord")


class Terms(NamedTuple):
    """How it is done."""

    way: str
    agents: int
    chores: int
    #: An empty folder for all of it.
    folder: str
    #: Which repository: of `SEEDS`.
    seed: str = "small"
    #: An empty repository that keeps main, and the URL under which a host shows it. Without one
    #: the queue works in one repository of which each agent has a worktree.
    hub: str = ""
    url: str = ""
    #: As in `Plan`.
    work: float = 0.0
    check: float = 0.0
    #: How the agents start gitcoord; empty: each in its own process.
    command: Sequence[str] = ()


class Day(NamedTuple):
    """What came of it."""

    #: From the signal until the last agent had done, and what all of it took of processors.
    seconds: float
    processor: float
    tallies: list[Tally]
    #: Of each check that ran: who, seconds, passed.
    checks: list[dict[str, Any]]
    #: The repository of main; its commits on the first line, those of them that do not pass the
    #: check, and heads of agents that are not part of it.
    place: str
    commits: list[str]
    broken: list[str]
    lost: list[str]
    #: What gitcoord has told the agents of refusals.
    told: str


def spend(terms: Terms) -> Day:
    """Let a crew work to its end, and return what came of it."""
    folder = Path(terms.folder)
    repo = folder / "repo"
    SEEDS[terms.seed](repo)
    main = Path(terms.hub) if terms.hub else repo
    plan = _begun(terms, folder, repo)
    before, used = git(str(main), "rev-parse", "main"), _used()
    reports, told, seconds = _played(folder, plan)
    used = _used() - used
    tallies = [Tally(**one) for report in reports for one in report]
    checks = [json.loads(line) for line in Path(plan.log).read_text(encoding="utf-8").splitlines()]
    listed = git(str(main), "rev-list", "--reverse", "--first-parent", f"{before}..main").split()
    known = set(git(str(main), "rev-list", "main").split())
    lost = [one.head for one in tallies if one.head not in known]
    broken = _broken(folder, main, listed)
    return Day(seconds, used, tallies, checks, str(main), listed, broken, lost, told)


def _begun(terms: Terms, folder: Path, repo: Path) -> Plan:
    """Give each agent a worktree or a clone, and the ledger its tasks where one is used."""
    places = [folder / f"agent-{number}" for number in range(terms.agents)]
    log, remote = folder / "checks", "origin" if terms.hub else ""
    if remote:
        git(str(repo), "push", "-q", terms.hub, "main")
    for place in places:
        if not remote:
            git(str(repo), "worktree", "add", "-q", "--detach", str(place), "main")
            continue
        git(str(folder), "clone", "-q", "-b", "main", terms.hub, str(place))
        git(str(place), "remote", "set-url", "origin", terms.url or terms.hub)
    if terms.way == "queue":
        _ledger(terms, places if remote else [repo], log, remote)
    return Plan(
        terms.way, terms.agents, terms.chores, [str(place) for place in places], remote, str(log),
        terms.work, terms.check, list(terms.command),
    )  # fmt: skip


def _ledger(terms: Terms, places: Sequence[Path], log: Path, remote: str) -> None:
    shared = ("--remote", remote) if remote else ()
    for place in places:
        _gitcoord(place, "init", *shared)
    command = check_command(log, "queue", terms.check)
    _gitcoord(places[0], "verify", "policy", "add", "promises", "--", *command)
    tasks = [{"id": one.id, "title": one.title, "keys": [one.note]} for one in chores(terms.chores)]
    file = log.with_name("tasks.json")
    file.write_text(json.dumps(tasks), encoding="utf-8")
    _gitcoord(places[0], "task", "add", "--file", str(file))


def _gitcoord(place: Path, *words: str) -> None:
    done = subprocess.run([*COMMAND, *words], cwd=place, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"


def _played(folder: Path, plan: Plan) -> tuple[list[Any], str, float]:
    """Let all agents work; return what each has done, what they were told, and the seconds."""
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
    return [json.loads(out) for out, _ in said], "".join(told for _, told in said), seconds


def _broken(folder: Path, main: Path, commits: Sequence[str]) -> list[str]:
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


def _used() -> float:
    """Return the seconds of processors that ended children have taken; 0 where nobody counts."""
    told = os.times()
    return told.children_user + told.children_system


def main(file: str) -> None:
    """Spend a day, and print what came of it."""
    terms = Terms(**json.loads(Path(file).read_text(encoding="utf-8")))
    day = spend(terms)
    shown = day._asdict() | {"tallies": [one._asdict() for one in day.tallies]}
    print(json.dumps(shown))


if __name__ == "__main__":
    main(sys.argv[1])
