"""What is to be looked at where no event says so: after a pause, or when the target has moved.

All that may have been asked for meanwhile, or is held, or is shown. Not here: looking at it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import TYPE_CHECKING

from gitcoord.domain.tasks import Task
from gitcoord.domain.time import parse, plus
from gitcoord.mirror import facts, following, issues, labels, proposals
from gitcoord.mirror.branches import owner
from gitcoord.mirror.commands import commands
from gitcoord.mirror.seats import places
from gitcoord.mirror.subjects import Branch, Comment, Subject, Thread

if TYPE_CHECKING:
    from gitcoord.domain.time import Time
    from gitcoord.mirror.desk import Desk
    from gitcoord.mirror.forge import Forge

#: Seconds for which closed threads are looked at anew.
CLOSED_SINCE = 7 * 86_400


def everything(
    desk: Desk, forge: Forge, since: Time
) -> tuple[list[Subject], dict[int, facts.Thread]]:
    """Return all there is, and the threads that were read for it by number.

    Of comments those that were written after `since`.
    """
    with desk.look() as look:
        settings, now = look.settings, look.now
        seats = places(look.state, desk.hosted.name)
    found: list[Subject] = [Branch(name) for name, _ in seats if name]
    threads: dict[int, facts.Thread] = {}
    patterns = settings.github_branches
    found += [Branch(name) for name in forge.branches() if owner(name, patterns)]
    found += [Thread(number) for _, number in seats if number]
    for thread in forge.threads(plus(now, -CLOSED_SINCE)):
        if _concerns(desk, thread, settings.github_lock_label, settings.github_task_label):
            threads[thread.number] = thread
            found.append(Thread(thread.number))
        if thread.pull is not None and _unsettled(desk, thread.pull, patterns):
            found.append(Branch(thread.pull.branch))
    for comment in forge.comments_since(since):
        if parse(comment.created_at) > since and commands(comment.body):
            found.append(Comment(comment.number, comment.id))
    return list(dict.fromkeys(found)), threads


def handed_over(desk: Desk, targets: Container[str], *, whole: bool = False) -> list[Subject]:
    """Return the branches of queue entries that may have landed by what was pushed to a target.

    `whole`: all of which GitHub may have news.
    """
    with desk.look() as look:
        state = look.state
        names = proposals.unsettled(state) if whole else proposals.towards(state, targets)
    return [Branch(name) for name in dict.fromkeys(names)]


def unproposed(desk: Desk, forge: Forge) -> list[Subject]:
    """Return the branches that are worked on without a pull request.

    Of the others GitHub itself tells when they are merged.
    """
    with desk.look() as look:
        seats = places(look.state, desk.hosted.name)
    names = {name for name, _ in seats if name}
    if names:
        open_ = (thread.pull for thread in forge.proposals() if thread.pull)
        names -= {pull.branch for pull in open_ if pull.own}
    return [Branch(name) for name in sorted(names)]


def _unsettled(desk: Desk, pull: facts.Pull, patterns: Iterable[str]) -> bool:
    """Say whether a merged pull request's task does not know of it; its branch may be gone."""
    whose = owner(pull.branch, patterns) if pull.merged and pull.own else None
    if whose is None or not whose.task:
        return False
    with desk.look() as look:
        task = look.state.get(Task, whose.task)
    return task is not None and task.status in following.UNSETTLED


def _concerns(desk: Desk, thread: facts.Thread, prefix: str, task_label: str) -> bool:
    names = thread.names
    return (
        (thread.pull is not None and thread.open)
        or bool(labels.asked(names, prefix) or labels.shown(names))
        or labels.wants_task(names, task_label)
        or bool(issues.posted(thread, desk.hosted.me))
    )
