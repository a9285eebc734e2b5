"""Issues that are tasks: a label makes one, closing it ends it, and the task ends the issue.

The task of issue 12 is `issue-12`; when the issue is opened again after its task had ended, the
next one is `issue-12.2`. Title and body are taken when the task is made; lines `Keys:` and
`Depends on:` of the body name lock keys and other issues. A GitHub issue can be written by
anybody, so only those whose labels count make tasks. Not here: issues for tasks of others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from gitcoord.domain.new_tasks import TITLE_LIMIT, AddTasks, NewTask
from gitcoord.domain.task_moves import MoveTask, RetryTask
from gitcoord.domain.task_settling import SettleTask
from gitcoord.domain.tasks import OPEN, Task, notes_of
from gitcoord.domain.time import Time, parse
from gitcoord.errors import GitcoordError, IdTaken
from gitcoord.mirror import labels, texts
from gitcoord.mirror.effects import Close, Effect, Say
from gitcoord.mirror.facts import LABELLERS, Happening, Thread

if TYPE_CHECKING:
    from gitcoord.domain.operation import Operation
    from gitcoord.domain.state import State
    from gitcoord.mirror.desk import Desk
    from gitcoord.mirror.forge import Forge

#: With what the mark of an issue begins that we have opened for a task.
POSTED = "task "
#: Longest description that is taken over, in bytes of UTF-8.
BODY_LIMIT = 32_000

_KEYS = re.compile(r"^\s*(?:[*-]\s+)?\**keys\**\s*:\**\s*(.+)$", re.IGNORECASE | re.MULTILINE)
_NEEDS = re.compile(
    r"^\s*(?:[*-]\s+)?\**depends on\**\s*:?\**\s*(#\d+(?:\s*(?:,|and)\s*#\d+)*)",
    re.IGNORECASE | re.MULTILINE,
)
_ISSUE = re.compile(r"#(\d+)")


def task_id(number: int, generation: int = 1) -> str:
    """Return the id of an issue's task."""
    return f"issue-{number}" if generation == 1 else f"issue-{number}.{generation}"


def number_of(task: str) -> int:
    """Return the number of the issue that a task is, or 0."""
    match = re.fullmatch(r"issue-(\d{1,18})(?:\.\d+)?", task)
    return int(match[1]) if match else 0


def posted(thread: Thread, me: str) -> str:
    """Return the id of the task for which we have opened an issue, or "" for others' issues."""
    mark = texts.ours(thread.author, thread.body, me)
    return mark.removeprefix(POSTED) if mark.startswith(POSTED) else ""


def latest(state: State, thread: Thread, me: str) -> tuple[Task | None, int]:
    """Return the newest task of an issue, if it has one, and which of its tasks that is."""
    if task := posted(thread, me):
        return state.get(Task, task), 0
    number = thread.number
    found, generation = state.get(Task, task_id(number)), 1
    while found is not None and (newer := state.get(Task, task_id(number, generation + 1))):
        found, generation = newer, generation + 1
    return found, generation


def queue(desk: Desk, forge: Forge, thread: Thread) -> list[Effect]:
    """Bring the task of an issue in line with it; return what is to be told or done there."""
    if thread.pull is not None:
        return []
    with desk.look() as look:
        task, generation = latest(look.state, thread, desk.hosted.me)
        moved = _moved(look.state, task)
        wants = labels.wants_task(thread.names, look.settings.github_task_label)
    ours = generation == 0
    if task is None:
        return _added(desk, forge, thread, 1) if wants and thread.open and not ours else []
    if not thread.open:
        desk.run(*_closed(forge, thread, task))
    elif not (wants or ours):
        if task.status == "pending":
            desk.run(MoveTask(id=task.id, move="cancel", reason="its issue asks for it no more"))
    elif task.status not in OPEN:
        return _ended(desk, forge, thread, task, 0 if ours else generation, moved)
    return []


def _ended(
    desk: Desk, forge: Forge, thread: Thread, task: Task, generation: int, moved: Time
) -> list[Effect]:
    """Close the issue of a task that has ended, unless it was opened again: for the next task.

    One that has failed stays open, for people to see.
    """
    if generation and _reopened(forge, thread, moved):
        if task.status != "failed":
            return _added(desk, forge, thread, generation + 1)
        reply = desk.run(RetryTask(id=task.id, reason="its issue was opened again"))[0]
        return _told(thread, reply.error)
    if task.status == "failed":
        return []
    return [Close(thread.number, "completed" if task.status == "completed" else "not_planned")]


def _added(desk: Desk, forge: Forge, thread: Thread, generation: int) -> list[Effect]:
    who = _asker(forge, thread)
    if who is None or not (who.actor.bot or forge.permission(who.actor.login) in LABELLERS):
        return []
    reply = desk.run(AddTasks(tasks=(_new(thread, generation),)), agent=who.actor.login)[0]
    return [] if isinstance(reply.error, IdTaken) else _told(thread, reply.error)


def _asker(forge: Forge, thread: Thread) -> Happening | None:
    """Return who put on the last of the labels: it decides what the others come to."""
    put = [one for one in forge.history(thread.number) if one.kind == "labeled"]
    mine = [one for one in put if one.label in thread.names and not _plain(one.label)]
    return mine[-1] if mine else None


def _plain(label: str) -> bool:
    """Say whether a label has no part in an issue's being a task."""
    return label in labels.STYLES or label.startswith("priority:")


def _new(thread: Thread, generation: int) -> NewTask:
    urgency = labels.priority(thread.names)
    return NewTask(
        id=task_id(thread.number, generation),
        title=(" ".join(thread.title.split()) or f"Issue {thread.number}")[:TITLE_LIMIT],
        description=_description(thread),
        priority=urgency or 5,
        depends_on=tuple(task_id(int(n)) for n in _needs(thread.body)),
        keys=tuple(_keys(thread.body)),
        requires=tuple(f"agent:{name}" for name in labels.agents(thread.names)),
    )


def _description(thread: Thread) -> str:
    body = thread.body.encode("utf-8", "replace")[:BODY_LIMIT].decode("utf-8", "ignore")
    return f"{body.strip()}\n\n{thread.url}".strip()


def _keys(body: str) -> Iterator[str]:
    for match in _KEYS.finditer(body):
        for text in match[1].split(","):
            if key := text.strip().strip("`").strip():
                yield key


def _needs(body: str) -> list[str]:
    found = [n for match in _NEEDS.finditer(body) for n in _ISSUE.findall(match[1])]
    return list(dict.fromkeys(found))


def _closed(forge: Forge, thread: Thread, task: Task) -> Iterator[Operation]:
    if task.status not in OPEN and task.status != "failed":
        return
    why = f"closed as {thread.reason}"
    dropped = thread.reason in ("not_planned", "duplicate")
    if task.status in OPEN and not (who := _closer(forge, thread))[1]:
        # Whoever has opened an issue may close it. That ends nobody's work, and says of none
        # that it is done.
        if task.status != "pending":
            return
        dropped, why = True, f"closed by {who[0]}"
    if dropped:
        yield MoveTask(id=task.id, move="cancel", reason=why)
    elif task.status in OPEN:
        yield SettleTask(id=task.id, result=f"closed as completed: {thread.url}")


def _closer(forge: Forge, thread: Thread) -> tuple[str, bool]:
    """Return who has closed an issue, and whether that may make tasks as well."""
    done = [one.actor for one in forge.history(thread.number) if one.kind == "closed"]
    who = done[-1] if done else thread.author
    return who.login, who.bot or forge.permission(who.login) in LABELLERS


def _moved(state: State, task: Task | None) -> Time:
    """Return when a task was last moved."""
    notes = notes_of(state, task.id) if task else []
    return max((note.at for note in notes if note.kind == "system"), default="")


def _reopened(forge: Forge, thread: Thread, ended: Time) -> bool:
    """Say whether the issue was opened again after its task had ended."""
    if thread.reason != "reopened":
        return False
    times = [one.at for one in forge.history(thread.number) if one.kind == "reopened"]
    return bool(times) and parse(times[-1]) > ended


def _told(thread: Thread, error: GitcoordError | None) -> list[Effect]:
    if error is None:
        return []
    said = texts.task_refused(thread.number, error)
    return [Say(thread.number, said.mark, said.body)]
