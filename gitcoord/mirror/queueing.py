"""Branches that are queued and given up in comments on their pull requests.

What is queued is the head that the pull request has when the comment is heard. New entries belong
to the session that works on the branch, so that its own locks are in nobody's way; people may
also take over what somebody else has queued, apps may not. Not here: who may give commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitcoord.domain.features import Feature
from gitcoord.domain.merge_order import ordered
from gitcoord.domain.merge_queueing import Enqueued, EnqueueMerge
from gitcoord.domain.merges import Merge, of_branch
from gitcoord.domain.merging import Ended, RemoveMerge
from gitcoord.domain.tasks import Task
from gitcoord.domain.tasks import held_by as tasks_of
from gitcoord.errors import (
    FeatureTaken,
    InvalidValue,
    MergeNotFound,
    MergeTaken,
    NotAssigned,
    NothingToLand,
)
from gitcoord.mirror.asking import Seat, checked_in, seat
from gitcoord.mirror.branches import owner
from gitcoord.mirror.markdown import code

if TYPE_CHECKING:
    from gitcoord.domain.operation import Operation
    from gitcoord.mirror.desk import Desk, Look
    from gitcoord.mirror.facts import Person, Pull, Thread
    from gitcoord.mirror.forge import Forge

#: Refusals of what belongs to somebody else, over which a person may decide.
_OTHERS = (MergeTaken, FeatureTaken, NotAssigned)


def enqueue(
    desk: Desk, forge: Forge, thread: Thread, who: Person, priority: str = "", *, key: str
) -> str:
    """Queue a pull request's branch once for the idempotency key; return what is said to that.

    Raises `InvalidValue` for what cannot be queued, `NothingToLand`, and as `merge.enqueue`.
    """
    pull = _own(thread)
    if not thread.open:
        raise InvalidValue("a closed pull request cannot be queued; open it again")
    if pull.draft:
        raise InvalidValue("a draft cannot be queued; mark it as ready for review")
    seen = forge.comparison(pull.base, pull.head)
    if seen is not None and not seen.ahead:
        raise NothingToLand(
            f"{pull.branch} has nothing that {pull.base} has not", branch=pull.branch
        )
    here = _seat(desk, thread, who)
    with desk.look() as look:
        wish = EnqueueMerge(
            id=f"q-{key}",
            head=pull.head,
            branch=pull.branch,
            target=pull.base,
            priority=priority or None,
            pr_url=thread.url,
            **_subjects(look, pull, here),
        )
    answer = _decided(desk, wish, here, who, key)
    assert isinstance(answer, Enqueued)
    entry = answer.merge
    with desk.look() as look:
        line = [one.id for one in ordered(look.state) if one.target == entry.target]
    at = f", number {line.index(entry.id) + 1} of {len(line)}" if entry.id in line else ""
    verb = "is queued already" if answer.action == "unchanged" else "is queued"
    return (
        f"{code(entry.branch)} at {code(entry.head[:12])} {verb} for {code(entry.target)} as "
        f"{code(entry.id)}{at}, priority {entry.priority}."
    )


def dequeue(desk: Desk, thread: Thread, who: Person, reason: str = "", *, key: str) -> str:
    """Give a pull request's entry up once for the idempotency key; return what is said to that.

    Raises `MergeNotFound` where it has none, and as `merge.remove`.
    """
    pull = _own(thread)
    with desk.look() as look:
        entry = _open(look, pull)
    if entry is None:
        raise MergeNotFound(f"{pull.branch} is not in the merge queue for {pull.base}")
    wish = RemoveMerge(id=entry.id, reason=reason or f"asked for in {thread.url}")
    answer = _decided(desk, wish, _seat(desk, thread, who), who, key)
    assert isinstance(answer, Ended)
    return f"{code(entry.branch)} is out of the merge queue ({code(entry.id)})."


def _own(thread: Thread) -> Pull:
    """Return the pull request. Raises `InvalidValue` for an issue, and for one from a fork."""
    if thread.pull is None:
        raise InvalidValue("only pull requests are queued; this is an issue")
    if not thread.pull.own:
        raise InvalidValue(
            "a branch of a fork cannot be queued; push it to this repository under a name of its "
            "own and propose that"
        )
    return thread.pull


def _seat(desk: Desk, thread: Thread, who: Person) -> Seat:
    """Return who works on the thread; an app that asks is checked in as that."""
    if who.bot:
        checked_in(desk, thread, who.login)
    with desk.look() as look:
        return seat(look, desk.hosted.name, thread, who.login)


def _open(look: Look, pull: Pull) -> Merge | None:
    found = of_branch(look.state, pull.branch, pull.base)
    return found if found is not None and not found.archived else None


def _subjects(look: Look, pull: Pull, here: Seat) -> dict[str, Any]:
    """Return what a new entry completes: the branch's feature, and the task worked on there.

    One that is there already keeps what it completes.
    """
    state = look.state
    if of_branch(state, pull.branch, pull.base) is not None:
        return {}
    whose = owner(pull.branch, look.settings.github_branches)
    named = state.get(Task, whose.task) if whose and whose.task else None
    mine = tasks_of(state, here.session.id) if here.session else []
    task = named or (mine[0] if len(mine) == 1 else None)
    features = state.find(Feature, f"branch:{pull.branch}")
    return {
        "task": task.id if task is not None and not task.archived else None,
        "feature": features[0].id if len(features) == 1 else None,
    }


def _decided(desk: Desk, wish: Operation, here: Seat, who: Person, key: str) -> object:
    """Decide as whoever works there; over what is somebody else's as the person that asks."""
    session = here.session
    if session is not None:
        (reply,) = desk.run(wish, session=session.id, agent=session.agent, id=key)
        if reply.error is None:
            return reply.answers[0]
        if who.bot or not isinstance(reply.error, _OTHERS):
            raise reply.error
        # A key stands for one wish of one asker.
        key = f"{key}-person"
    (reply,) = desk.run(wish, agent=who.login, id=key)
    if reply.error is not None:
        raise reply.error
    return reply.answers[0]
