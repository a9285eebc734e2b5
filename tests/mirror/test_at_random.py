"""GitHub that stumbles at any request, before or after it has done it: the end is the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from gitcoord.domain.lock_operations import ReleaseLocks
from gitcoord.errors import Unavailable
from gitcoord.mirror import api
from tests.gitrun import git
from tests.mirror.stage import Stage, names
from tests.servers import faults
from tests.servers.github import serving

KINDS = (
    faults.cut_before(),
    faults.cut_after(),
    faults.cut_middle(),
    faults.status(502),
    faults.status(503, after=True),
    faults.status(403, retry_after=1),
    faults.status(429, retry_after=1),
)


def hears(stage: Stage) -> None:
    """Let the mirror hear of all deliveries, one at a time, again and again where it fails."""
    while stage.github.outbox:
        delivery = stage.github.outbox.pop(0)
        for _ in range(2):
            try:
                stage.mirror.look(stage.heard([delivery]))
            except Unavailable:
                continue
            break


def played(folder: Path, share: float, seed: int) -> dict[str, Any]:
    """Play a day, and return how all of it ends."""
    folder.mkdir()
    git(str(folder), "init", "-q", "ledger")
    with serving(folder / "github") as github:
        stage = Stage(github, str(folder / "ledger"))
        github.random_faults(share, seed, KINDS)
        carl = stage.agent("carl")
        stage.takes(carl, "src/b.py")
        mine = stage.ada.opens_issue(stage.repo, "Mine", labels=["locked:doc/"])
        theirs = stage.bob.opens_issue(stage.repo, "Theirs", labels=["locked:src/b.py"])
        hears(stage)
        stage.ada.comments(mine, "/coord lock api:login\n/coord who src/b.py")
        stage.eve.comments(mine, "/coord unlock")
        stage.ada.commits(stage.repo, "claude/x", {"src/b.py": "3\n"}, "work", start="main")
        pull = stage.ada.opens_pull(stage.repo, "claude/x")
        task = stage.ada.opens_issue(stage.repo, "Task", labels=["agent-task"])
        hears(stage)
        stage.run(ReleaseLocks(keys=("src/b.py",)), session=carl.id)
        stage.ada.comments(mine, "/coord unlock doc/")
        hears(stage)
        github.random_faults(0.0)
        stage.everything()
        threads = (mine, theirs, pull, task)
        end = {
            "locks": stage.locks(),
            "labels": [names(thread) for thread in threads],
            "said": [sorted(_marks(stage, thread)) for thread in threads],
            "check": stage.check(stage.repo.git.refs()["refs/heads/claude/x"]),
            "runs": len(stage.repo.checks),
        }
        stage.house.close()
        return end


def _marks(stage: Stage, thread: Any) -> list[str]:
    """Return what we have said on a thread by its kind."""
    found = (re.search(r"<!-- gitcoord:(\w+)", text) for text in stage.said(thread))
    return [match[1] for match in found if match]


def test_the_end_is_as_if_nothing_had_happened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "PAUSES", (0.0, 0.0))
    smooth = played(tmp_path / "smooth", 0.0, 0)
    assert smooth["locks"] == {"api:login": "ada", "src/b.py": "claude"}
    for seed in (3, 4, 11):
        assert played(tmp_path / str(seed), 0.2, seed) == smooth, seed
