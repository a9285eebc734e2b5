"""A merge queue in memory, for tests: branches are queued, checked and landed without git."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gitcoord.domain.merge_landing import BeginLanding, Begun, Landed, LandMerges
from gitcoord.domain.merge_queueing import EnqueueMerge
from gitcoord.domain.merges import Finding, Merge
from gitcoord.domain.merging import CheckMerges, RecordCheck
from gitcoord.domain.verification import Outcome, Result, Verification
from gitcoord.domain.verify_policies import VerifyPolicy, digest_of
from tests.domain.crew import crew
from tests.domain.world import World

PASSED = (Finding(name="mergeable", passed=True),)
CLASH = (Finding(name="mergeable", passed=False, text="src/a.py conflicts with main"),)


def oid(number: int) -> str:
    """Return an object id that is told from others by its number."""
    return f"{number:040x}"


#: The target as it is, the commit that it becomes, and the tree of that.
TIP, RESULT, TREE = oid(0xA), oid(0xB), oid(0xC)


def wish(id: str = "q-1", **said: Any) -> EnqueueMerge:
    """Return the wish to queue `feat/<id>` at commit 1 for main."""
    return EnqueueMerge(
        **{"id": id, "branch": f"feat/{id}", "head": oid(1), "target": "main"} | said
    )


def record(id: str, run: str, paths: Iterable[str] = ("src/a.py",), **said: Any) -> RecordCheck:
    """Return the end of a check that git has passed."""
    fields = {"findings": PASSED, "against": TIP, "tree": TREE, "paths": tuple(paths)}
    return RecordCheck(id=id, run=run, **fields | said)


class Queue:
    """A world with the sessions `s-ann`, who queues, and `s-bob`, who lands."""

    def __init__(self, **settings: Any) -> None:
        self.world: World = crew(**settings)

    def add(self, id: str = "q-1", session: str | None = "s-ann", **said: Any) -> Merge:
        """Queue a branch and return its entry."""
        found: Merge = self.world.run(wish(id, **said), session).merge
        return found

    def check(self, id: str = "q-1", paths: Iterable[str] = ("src/a.py",), **said: Any) -> Merge:
        """Check an entry and return what has become of it."""
        run = self.world.run(CheckMerges(ids=(id,)), "s-bob").run
        found: Merge = self.world.run(record(id, run, paths, **said), "s-bob").merge
        return found

    def ready(self, id: str = "q-1", paths: Iterable[str] = ("src/a.py",), **said: Any) -> Merge:
        """Queue and check an entry that is ready then, and return it."""
        self.add(id, **said)
        found = self.check(id, paths)
        assert found.status == "ready", found
        return found

    def begin(self, *ids: str, **said: Any) -> Begun:
        """Begin to land a batch."""
        found: Begun = self.world.run(begin(*ids, **said), "s-bob")
        return found

    def land(self, *ids: str) -> Landed:
        """Land a batch that has begun."""
        found: Landed = self.world.run(LandMerges(ids=ids or ("q-1",), result=RESULT), "s-bob")
        return found

    def entry(self, id: str = "q-1") -> Merge:
        """Return an entry as it is stored."""
        found: Merge = self.world.get(Merge, id)
        return found

    def told(self, session: str = "s-ann") -> list[str]:
        """Return what a session was told of the queue, the oldest first."""
        from gitcoord.domain.notices import told

        return [one.text for one in told(self.world.state(), session) if one.kind == "merge"]


def begin(*ids: str, **said: Any) -> BeginLanding:
    """Return the beginning of a landing."""
    fields = {"ids": ids or ("q-1",), "expect": TIP, "result": RESULT, "tree": TREE}
    return BeginLanding(**fields | said)


def policy(world: World, name: str = "unit", **said: Any) -> VerifyPolicy:
    """Store a policy about everything, and return it."""
    fields = {"name": name, "include": ("**",), "command": ("true",)}
    found = VerifyPolicy(**fields | said)
    world.put(found)
    return found


def verify(world: World, asked: VerifyPolicy, status: Outcome = "passed", tree: str = TREE) -> None:
    """Store what came of a policy for a tree."""
    result = Result(policy=asked.name, digest=digest_of(asked), status=status)
    world.put(
        Verification(
            commit=RESULT, tree=tree, results=(result,), at=world.now, updated_at=world.now
        )
    )
