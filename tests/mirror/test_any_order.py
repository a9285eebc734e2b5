"""Deliveries that are lost, doubled, late and out of order: the end is the same as in order.

A story is played twice at two fake GitHubs. One mirror hears of each step at once. The other is
told what a drawn plan lets through, and looks at everything in the end, as the schedule makes it.
No two in a story want the same: who is first of those is decided by the ledger, in its order.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitcoord.domain.new_tasks import NewTask
from gitcoord.domain.tasks import Task
from gitcoord.domain.unlanded import Mark
from tests.gitrun import git
from tests.ledger import houses
from tests.mirror.stage import Stage, names
from tests.servers.github import serving

#: What is done, by its name, and to which of three threads or branches.
Step = tuple[str, int]


def _label(stage: Stage, n: int) -> None:
    stage.ada.labels(stage.repo.issues[n], f"locked:area{n}/")


def _unlabel(stage: Stage, n: int) -> None:
    issue = stage.repo.issues[n]
    if f"locked:area{n}/" in names(issue):
        stage.ada.unlabels(issue, f"locked:area{n}/")


def _ask(stage: Stage, n: int) -> None:
    stage.ada.comments(stage.repo.issues[n], f"/coord lock api:{n}")


def _give(stage: Stage, n: int) -> None:
    stage.ada.comments(stage.repo.issues[n], f"/coord unlock api:{n}")


def _task(stage: Stage, n: int) -> None:
    stage.ada.labels(stage.repo.issues[n], "agent-task")


def _close(stage: Stage, n: int) -> None:
    if stage.repo.issues[n].state == "open":
        stage.ada.closes(stage.repo.issues[n])


def _branches(stage: Stage) -> list[str]:
    return stage.repo.git.run("branch", "--format=%(refname:short)").decode().split()


def _push(stage: Stage, n: int) -> None:
    branch = f"agent/ann{n}/t-{n}"
    there = branch in _branches(stage)
    files = {f"b{n}/{random.Random(n).random()}.txt": str(stage.clock.wall())}
    stage.ada.commits(stage.repo, branch, files, "work", start=None if there else "main")


def _propose(stage: Stage, n: int) -> None:
    branch = f"agent/ann{n}/t-{n}"
    there = branch in _branches(stage)
    open_ = [x for x in stage.repo.pulls() if x.pr.head == branch and x.state == "open"]
    if there and not open_:
        stage.ada.opens_pull(stage.repo, branch)


def _merge(stage: Stage, n: int) -> None:
    for pull in stage.repo.pulls():
        if pull.pr.head == f"agent/ann{n}/t-{n}" and pull.state == "open":
            stage.ada.merges(pull, "squash", delete_branch=True)


STEPS: dict[str, Callable[[Stage, int], None]] = {
    "label": _label,
    "unlabel": _unlabel,
    "ask": _ask,
    "give": _give,
    "task": _task,
    "close": _close,
    "push": _push,
    "propose": _propose,
    "merge": _merge,
}
STORIES = st.lists(
    st.tuples(st.sampled_from(sorted(STEPS)), st.integers(1, 3)), min_size=3, max_size=9
)


@settings(max_examples=3)
@given(story=STORIES, seed=st.integers(0, 2**32 - 1))
def test_the_end_is_the_same_as_in_order(story: list[Step], seed: int) -> None:
    chance = random.Random(seed)
    assert _played(story, None) == _played(story, chance)


@pytest.mark.soak
@settings(max_examples=150)
@given(story=STORIES, seed=st.integers(0, 2**32 - 1))
def test_the_end_is_the_same_as_in_order_often(story: list[Step], seed: int) -> None:
    assert _played(story, None) == _played(story, random.Random(seed))


def _played(story: list[Step], chance: random.Random | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder, "github")) as github:
        place = Path(folder, "ledger")
        git(".", "init", "-q", str(place))
        stage = Stage(github, str(place))
        try:
            for n in (1, 2, 3):
                stage.ada.opens_issue(stage.repo, f"Issue {n}")
                stage.adds(NewTask(id=f"t-{n}", title=f"Task {n}"))
            late: list[Any] = []
            for name, n in story:
                stage.at()
                STEPS[name](stage, n)
                if chance is None:
                    stage.look()
                else:
                    late = _some(stage, late, chance)
            stage.everything()
            stage.everything()
            github.check()
            return _end(stage)
        finally:
            while houses.OPENED:
                houses.OPENED.pop().close()


def _some(stage: Stage, late: list[Any], chance: random.Random) -> list[Any]:
    """Let some of what has happened be heard of: twice, out of order, or later; lose the rest."""
    pool = [*late, *stage.github.outbox]
    stage.github.outbox.clear()
    chance.shuffle(pool)
    heard, kept = [], []
    for delivery in pool:
        fate = chance.choice(("now", "now", "twice", "later", "lost"))
        heard += [delivery] * {"now": 1, "twice": 2}.get(fate, 0)
        kept += [delivery] * (fate == "later")
    stage.mirror.look(stage.heard(heard))
    return kept


def _end(stage: Stage) -> dict[str, Any]:
    """Return what is so in the end, without what tells only when it came to be."""
    threads = stage.repo.issues.values()
    with stage.house.ledger.state() as state:
        archived = [(x.id, x.status) for x in state.all(Task, archived=True)]
    return {
        "locks": stage.locks(),
        "tasks": sorted([(x.id, x.status) for x in stage.all(Task)] + archived),
        "marks": sorted(mark.key for mark in stage.all(Mark)),
        "labels": {x.number: names(x) for x in threads},
        "states": {x.number: x.state for x in threads},
        "answers": {x.number: sum("answer:" in text for text in stage.said(x)) for x in threads},
        "checks": {x.number: stage.check(x.pr.head_oid) for x in stage.repo.pulls()},
    }
