"""A merge queue beside a repository at the fake GitHub, whose target takes only pull requests."""

from __future__ import annotations

from typing import Any

from gitcoord.domain.merge_queueing import EnqueueMerge
from gitcoord.domain.merge_setbacks import HandOver
from gitcoord.domain.merges import Finding, Merge
from gitcoord.domain.merging import CheckMerges, RecordCheck
from gitcoord.domain.sessions import Session
from tests.mirror.stage import Stage
from tests.servers.github.records import Issue

BRANCH = "feat/x"
WHY = "the host says: changes must be made through a pull request"
PASSED = (Finding(name="mergeable", passed=True),)


def pushed(stage: Stage, branch: str = BRANCH, text: str = "2\n", path: str = "src/a.py") -> str:
    """Push a commit to a branch and return it."""
    there = f"refs/heads/{branch}" in stage.repo.git.refs()
    return stage.ada.commits(
        stage.repo, branch, {path: text}, f"Work on {path}", start=None if there else "main"
    )


def tree(stage: Stage, commit: str) -> str:
    """Return the tree of a commit at GitHub."""
    if stage.repo.git.resolve(commit) is None:
        return ""
    return stage.repo.git.run("rev-parse", f"{commit}^{{tree}}").decode().strip()


def queued(
    stage: Stage, id: str = "q-1", branch: str = BRANCH, who: Session | None = None, **said: Any
) -> Merge:
    """Queue a branch as it is at GitHub, for main."""
    head = stage.repo.known.get(f"refs/heads/{branch}")
    fields = {"id": id, "branch": branch, "head": head, "target": "main"} | said
    found: Merge = stage.run(EnqueueMerge(**fields), who.id if who else None).merge
    return found


def checked(
    stage: Stage, id: str = "q-1", paths: tuple[str, ...] = ("src/a.py",), **said: Any
) -> Merge:
    """Check an entry, by default with success."""
    entry = found(stage, id)
    run = stage.run(CheckMerges(ids=(id,))).run
    fields = {
        "id": id, "run": run, "against": stage.repo.known["refs/heads/main"],
        "tree": tree(stage, entry.head), "findings": PASSED, "paths": paths,
    } | said  # fmt: skip
    after: Merge = stage.run(RecordCheck(**fields)).merge
    return after


def handed(
    stage: Stage,
    id: str = "q-1",
    branch: str = BRANCH,
    who: Session | None = None,
    paths: tuple[str, ...] = ("src/a.py",),
    tree: str | None = None,
    **said: Any,
) -> Merge:
    """Queue a branch that its target does not take, and return what became of the entry.

    `tree`: what its check has made; by default the tree of its head.
    """
    queued(stage, id, branch, who, **said)
    more = {} if tree is None else {"tree": tree}
    assert checked(stage, id, paths, **more).status == "ready"
    (entry,) = stage.run(HandOver(ids=(id,), reason=WHY)).merges
    return entry  # type: ignore[no-any-return]


def found(stage: Stage, id: str = "q-1") -> Merge:
    """Return an entry, open or closed."""
    with stage.house.ledger.state() as state:
        there = state.get(Merge, id)
    assert there is not None
    return there


def pulls(stage: Stage) -> list[Issue]:
    """Return all pull requests, the oldest first."""
    return [one for one in stage.repo.issues.values() if one.pull]


def calls(stage: Stage, name: str) -> int:
    """Return how often GitHub was asked something, such as "POST /repos/{owner}/{repo}/pulls"."""
    return sum(call.name == name for call in stage.github.calls)
