"""A repository with a ledger, branches that agents have made, and the line to main."""

from __future__ import annotations

from typing import Any

from gitcoord.bootstrap import House
from gitcoord.domain.claiming import Claimed, ClaimTask
from gitcoord.domain.lock_operations import AcquireLocks, Locked
from gitcoord.domain.locks import Lock
from gitcoord.domain.merge_queueing import EnqueueMerge
from gitcoord.domain.merges import Merge
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.sessions import Session
from gitcoord.domain.tasks import Task
from gitcoord.domain.verify_policies import SetVerifyPolicy
from gitcoord.landing.enqueue import enqueue
from gitcoord.landing.line import land
from gitcoord.landing.outcome import Outcome
from gitcoord.landing.site import Site
from gitcoord.ledger.ledger import STATE
from gitcoord.ledger.request import fresh_id
from tests.gitrun import git
from tests.ledger.houses import begun, session
from tests.storage.histories import Content, branch, checkout_of

MAIN = "refs/heads/main"


class Yard:
    """One clone, seen by one house."""

    def __init__(self, repo: str, house: House) -> None:
        self.repo = repo
        self.house = house
        #: The host's repository where one keeps the ledger.
        self.hub = ""
        self.ada: Session = session(house, "ada")

    def site(self, who: Session | None = None, agent: str = "lander") -> Site:
        """Return the place as somebody sees it; by default a person."""
        holder = None if who is None else who.id
        return self.house.site(checkout_of(self.repo), session=holder, agent=agent)

    def branch(self, name: str, *commits: dict[str | bytes, Content], base: str = "main") -> str:
        """Make a branch without going there."""
        return branch(self.repo, name, *commits, base=base)

    def queue(self, name: str, who: Session | None = None, **said: Any) -> Merge:
        """Queue a branch and return its entry."""
        wish = EnqueueMerge(id=fresh_id("q-"), head="", branch=name, **said)
        return enqueue(self.site(who), wish).merge

    def ready(self, name: str, **said: Any) -> Merge:
        """Make a branch that adds one file of its name, and queue it."""
        self.branch(name, {f"{name}.py": f"{name}\n"})
        return self.queue(name, **said)

    def task(self, id: str, *keys: str, who: Session | None = None) -> None:
        """Add a task with these keys, and claim it."""
        who = who or self.ada
        draft = NewTask(id=id, title=f"Do {id}", keys=keys)
        self.house.coordinator.run(AddTasks(tasks=(draft,)), session=who.id)
        self.house.coordinator.do(ClaimTask(id=id), Claimed, session=who.id)

    def lock(self, who: Session, *keys: str) -> None:
        self.house.coordinator.do(AcquireLocks(keys=keys), Locked, session=who.id)

    def policy(self, name: str, shell: str, **fields: Any) -> None:
        """Have a command pass before anything lands."""
        wish = SetVerifyPolicy(name=name, shell=shell, include=("**",), **fields)
        reply = self.house.coordinator.run(wish)[0]
        assert reply.error is None, reply.error

    def land(self, *ids: str, who: Session | None = None) -> Outcome:
        found = land(self.site(who), ids)
        self.agree()
        return found

    def entry(self, id: str) -> Merge:
        with self.house.ledger.state() as state:
            found = state.get(Merge, id)
        assert found is not None
        return found

    def entries(self) -> list[Merge]:
        with self.house.ledger.state() as state:
            return [*state.all(Merge), *state.all(Merge, archived=True)]

    def keys(self) -> list[str]:
        with self.house.ledger.state() as state:
            return sorted(lock.key for lock in state.all(Lock))

    def task_status(self, id: str) -> str:
        with self.house.ledger.state() as state:
            found = state.get(Task, id)
        assert found is not None
        return found.status

    def main(self) -> str:
        """Return where the target stands, at the host if there is one."""
        return git(self.hub or self.repo, "rev-parse", MAIN)

    def head(self) -> str:
        """Return where the ledger stands."""
        return git(self.hub or self.repo, "rev-parse", STATE)

    def files(self) -> set[str]:
        listed = git(self.hub or self.repo, "ls-tree", "-r", "--name-only", "main")
        return set(listed.splitlines())

    def agree(self) -> None:
        """See that target and ledger agree about every entry."""
        histories = {}
        for entry in self.entries():
            if entry.target not in histories:
                told = git(self.hub or self.repo, "rev-list", f"refs/heads/{entry.target}")
                histories[entry.target] = set(told.split())
            history = histories[entry.target]
            if entry.status == "merged":
                assert entry.result in history, entry
            elif entry.result:
                assert entry.result not in history, entry
            if entry.task:
                done = self.task_status(entry.task) == "completed"
                assert done == (entry.status == "merged"), entry
                with self.house.ledger.state() as state:
                    held = [one.key for one in state.all(Lock) if one.task == entry.task]
                assert bool(held) != done, entry


def yard(repo: str, clock: Any = None, **settings: Any) -> Yard:
    """Return the yard of a repository, with a ledger of its own."""
    return Yard(repo, begun(repo, clock, **settings))


def plain(found: Outcome) -> dict[str, Any]:
    """Return an outcome as a door shows it, in short."""
    merged = [entry.branch for entry in found.merged]
    groups = {
        name: [one.branch for one in getattr(found, name).values()]
        for name in ("blocked", "ejected", "handed_over", "back")
    }
    return {"merged": merged} | {name: branches for name, branches in groups.items() if branches}
