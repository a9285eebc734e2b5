"""Branches that are somebody's work: a push holds its files, and the end of the work frees them.

What is there now is compared with what the ledger has: how a branch stands to the target, what
it changes, and how its pull request fares. It has landed when its pull request is merged, when
the target has its commits, or when the target has its content, so that merges by squash and
rebase count. Nobody works any more on one that nobody has pushed to for a while and nobody
proposes. Pushes to branches of forks are nobody's work here: anybody can name a branch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple

from gitcoord.domain.claiming import ClaimTask
from gitcoord.domain.departure import EndSession, Outcome
from gitcoord.domain.keys import escape
from gitcoord.domain.sessions import Session
from gitcoord.domain.task_moves import MoveTask
from gitcoord.domain.task_settling import SettleTask
from gitcoord.domain.tasks import CLAIMED, Task
from gitcoord.domain.time import plus
from gitcoord.domain.tracking import Tracked, TrackPaths
from gitcoord.domain.unlanded import DropMarks, Mark, MarkDraft
from gitcoord.errors import SessionEnded
from gitcoord.mirror.branches import Owner, owner
from gitcoord.mirror.facts import Comparison, Thread, paths_of
from gitcoord.mirror.seats import (
    OF_BRANCH,
    branch_holder,
    branch_place,
    held_by,
    last_of,
    seated,
    worker,
)

if TYPE_CHECKING:
    from gitcoord.domain.operation import Operation
    from gitcoord.domain.time import Time
    from gitcoord.mirror.desk import Desk, Look
    from gitcoord.mirror.forge import Forge

Standing = Literal["new", "live", "landed", "closed", "gone", "idle"]
#: How what ends without having landed leaves its files: changed, for whoever comes to them.
UNLANDED = frozenset(("closed", "idle"))
#: Statuses of a task that the landing of its branch completes.
UNSETTLED = CLAIMED | {"pending", "failed"}


class Found(NamedTuple):
    """A branch as GitHub shows it."""

    name: str
    standing: Standing
    comparison: Comparison | None
    pull: Thread | None

    @property
    def evidence(self) -> str:
        """Where its work can be seen."""
        if self.pull is not None:
            return f"pull request {self.pull.url}"
        return f"branch {self.name}"


class Known(NamedTuple):
    """A branch as the ledger has it."""

    owner: Owner
    place: str
    #: The live session; ours, or that of an agent who works on the branch by itself.
    session: Session | None
    ours: bool
    #: The paths that its branch holds, and the marks of its work.
    held: tuple[str, ...]
    marks: tuple[str, ...]
    task: Task | None
    ttl: float
    #: Since when a push keeps it alive.
    since: Time
    #: What its last session held when somebody ended it; None where nobody did.
    killed: frozenset[str] | None


def follow(desk: Desk, forge: Forge, branch: str) -> Tracked | None:
    """Bring the ledger in line with a branch; return what its files met, where it is worked on.

    None for a branch that is nobody's, that has landed or is gone.
    """
    with desk.look() as look:
        known = _known(look, desk.hosted.name, branch)
        target = look.settings.target_branch or desk.hosted.default_branch
    if known is None or branch == target:
        return None
    found = _found(forge, branch, target, known)
    try:
        return _settle(desk, forge, known, found)
    except SessionEnded:
        # Ended by somebody since: the branch is still pushed to, so that it checks in anew.
        with desk.look() as look:
            known = _known(look, desk.hosted.name, branch)
        return None if known is None else _settle(desk, forge, known, found)


def _known(look: Look, repository: str, branch: str) -> Known | None:
    state, settings = look.state, look.settings
    whose = owner(branch, settings.github_branches)
    if whose is None:
        return None
    place = branch_place(repository, branch)
    theirs = worker(state, branch, whose)
    session = theirs or seated(state, place)
    held = held_by(state, branch_holder(session.id)) if session else {}
    return Known(
        owner=whose,
        place=place,
        session=session,
        ours=theirs is None,
        held=tuple(sorted(held)),
        marks=tuple(mark.name for mark in state.find(Mark, f"branch:{branch}")),
        task=state.get(Task, whose.task) if whose.task else None,
        ttl=settings.github_branch_ttl,
        since=plus(look.now, -settings.github_branch_ttl),
        killed=None if session else _killed(look, place),
    )


def _killed(look: Look, place: str) -> frozenset[str] | None:
    last = last_of(look.state, place)
    return frozenset(last.lost_keys) if last is not None and last.status == "killed" else None


def _found(forge: Forge, branch: str, target: str, known: Known) -> Found:
    # An agent that is checked in by itself lives by its own signs.
    idle = known.ours and forge.idle(branch, known.since)
    if idle and known.session is None and not known.marks:
        # Of what was left long ago nothing is asked again and again.
        return Found(branch, "idle", None, None)
    comparison = forge.comparison(target, branch)
    pulls = forge.pulls(branch)
    pull = next((one for one in pulls if one.open), pulls[0] if pulls else None)
    standing = _standing(forge, comparison, pull, target, known)
    return Found(branch, "idle" if idle and standing == "live" else standing, comparison, pull)


def _standing(
    forge: Forge, comparison: Comparison | None, pull: Thread | None, target: str, known: Known
) -> Standing:
    merged = pull is not None and pull.pull is not None and pull.pull.merged
    if comparison is None:
        return "landed" if merged else "gone"
    head = pull.pull.head if pull is not None and pull.pull is not None else ""
    # What was pushed after a pull request was closed is new work.
    if pull is not None and not pull.open and head == comparison.head:
        return "landed" if merged else "closed"
    if not comparison.ahead:
        return "landed" if known.held or known.marks else "new"
    # While a pull request is open GitHub itself tells when it is merged.
    proposed = pull is not None and pull.open
    if comparison.behind and not proposed and has_landed(forge, comparison, target):
        return "landed"
    return "live"


def has_landed(forge: Forge, comparison: Comparison, target: str) -> bool:
    """Say whether the target holds every file as the branch left it."""
    changes = comparison.changes
    if not changes or not comparison.whole:
        return False
    blobs = forge.blobs(target, comparison.paths)
    kept = {change.path: change.blob for change in changes if change.blob}
    return all(blobs.get(path, "") == kept.get(path, "") for path in comparison.paths)


def _settle(desk: Desk, forge: Forge, known: Known, found: Found) -> Tracked | None:
    if found.standing == "live":
        assert found.comparison is not None
        # Whoever was sent away comes back with new work, not with what it had.
        if known.killed is None or not _same(known.killed, found.comparison):
            return _worked_on(desk, known, found, found.comparison)
        return None
    if found.standing != "new":
        _over(desk, forge, known, found)
    return None


def _same(killed: frozenset[str], comparison: Comparison) -> bool:
    return {escape(path) for path in comparison.paths} <= killed


def _worked_on(desk: Desk, known: Known, found: Found, comparison: Comparison) -> Tracked | None:
    session = known.session or desk.check_in(
        known.place, known.owner.agent, OF_BRANCH, branch=found.name, task=known.owner.task
    )
    wish = TrackPaths(paths=comparison.paths, ttl=known.ttl, reason=f"branch {found.name}")
    (reply,) = desk.run(wish, session=branch_holder(session.id), agent=session.agent)
    if isinstance(reply.error, SessionEnded):
        raise reply.error
    if known.ours:
        moves = list(_begun(known, session))
        desk.run(*moves, session=session.id, agent=session.agent)
    answer = reply.answers[0] if reply.error is None else None
    return answer if isinstance(answer, Tracked) else None


def _begun(known: Known, session: Session) -> Iterator[Operation]:
    """Yield what says that the branch's task is under way."""
    task = known.task
    if task is None:
        return
    if task.status == "pending":
        yield ClaimTask(id=task.id)
    if task.status == "pending" or (task.status == "assigned" and task.session == session.id):
        yield MoveTask(id=task.id, move="start", reason=f"pushed by {session.agent}")


def _over(desk: Desk, forge: Forge, known: Known, found: Found) -> None:
    """Free what the branch held; its task is done where it has landed, else open again."""
    landed = found.standing == "landed"
    why: Literal["landed", "dropped"] = "landed" if landed else "dropped"
    outside: list[Operation] = []
    if known.marks and found.standing not in UNLANDED:
        outside.append(DropMarks(names=known.marks, why=why))
    if landed and known.task is not None and known.task.status in UNSETTLED:
        result = f"landed: {found.evidence}"
        files = _files(forge, known, found)
        outside.append(SettleTask(id=known.task.id, result=result, files=files))
    desk.run(*outside)
    session = known.session
    if session is None:
        return
    outcome: Outcome = "completed" if landed else "partial"
    summary = f"{found.standing}: {found.evidence}"
    if known.held:
        freed = EndSession(outcome=outcome, summary=summary, marks=_marks(known, found))
        desk.run(freed, session=branch_holder(session.id), agent=session.agent)
    if known.ours:
        end = EndSession(outcome=outcome, summary=summary)
        desk.run(end, session=session.id, agent=session.agent)


def _files(forge: Forge, known: Known, found: Found) -> tuple[str, ...]:
    """Return what the work has changed: a branch that is merged differs in nothing any more."""
    thread = found.pull
    if thread is not None and thread.pull is not None:
        return paths_of(forge.files(thread.number, thread.pull.head))
    return (found.comparison.paths if found.comparison else ()) or known.held


def _marks(known: Known, found: Found) -> tuple[MarkDraft, ...]:
    """Return what is told to those who come to files that were changed and did not land."""
    if found.standing not in UNLANDED or found.comparison is None:
        return ()
    head = found.comparison.head
    return tuple(MarkDraft(key=key, branch=found.name, head=head) for key in known.held)
