"""New tasks: from what somebody wants to records in a graph without cycles.

Promises all or none: one wrong task refuses the whole call and says which it is.
Not here: reading task files (`task_file`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

import msgspec

from gitcoord.domain.graph import cycle, waves
from gitcoord.domain.key_index import wanted
from gitcoord.domain.names import checked_name, checked_names, one_line
from gitcoord.domain.operation import Answer, Context, Operation, checked_id
from gitcoord.domain.tasks import Task, feature_of, priority_of
from gitcoord.domain.time import Time, parse
from gitcoord.errors import (
    DependencyCycle,
    DependencyNotFound,
    GitcoordError,
    IdTaken,
    InvalidValue,
    LimitReached,
    TaskNotFound,
)

if TYPE_CHECKING:
    from gitcoord.domain.state import State

#: Most tasks in one call, and most dependencies or keys of one task.
ADD_LIMIT = 10_000
LIST_LIMIT = 1000
#: Longest title, in characters.
TITLE_LIMIT = 255
#: Highest limit of attempts that a task may have.
ATTEMPTS_LIMIT = 1000

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class NewTask(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A task that somebody wants; `depends_on` and `parent` may name a `ref` of the call."""

    id: str
    title: str
    #: What the other tasks of the call call it; not stored.
    ref: str = ""
    description: str = ""
    type: str = "task"
    priority: int | str = 5
    depends_on: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    min_trust: int = 0
    feature: str = ""
    deadline: str = ""
    not_before: str = ""
    parent: str = ""
    max_attempts: int = 0


class Added(Answer, frozen=True, kw_only=True):
    """The tasks as they are stored, in the order of the call."""

    tasks: list[Task] = []


class AddTasks(Operation, frozen=True, kw_only=True):
    """Add tasks, all of them or none."""

    tag = "task.add"
    answer = Added
    sessionless: ClassVar[bool] = True

    tasks: tuple[NewTask, ...]

    def apply(self, state: State, context: Context) -> Added:
        """Store the tasks.

        Raises `IdTaken`, `DependencyNotFound`, `DependencyCycle`, `TaskNotFound` (parent),
        `LimitReached`, and usage errors; all that concern one task name it.
        """
        if not self.tasks:
            raise InvalidValue("there is no task to add")
        if len(self.tasks) > ADD_LIMIT:
            raise LimitReached(f"at most {ADD_LIMIT} tasks at once", count=len(self.tasks))
        ids = _ids(self.tasks, state)
        drafts = []
        for place, new in enumerate(self.tasks):
            with _naming(new):
                drafts.append(_draft(new, place, ids, state, context))
        for what, edges in (
            ("dependencies", {task.id: task.depends_on for task in drafts}),
            ("parents", {task.id: (task.parent,) for task in drafts}),
        ):
            self._refuse_cycle(what, edges)
        tasks = _linked(drafts, state)
        for task in tasks:
            state.put(task)
        return Added(tasks=tasks)

    def subject(self, answer: Added, agent: str) -> str:
        """Return the diary line."""
        more = f" and {len(answer.tasks) - 1} more" if len(answer.tasks) > 1 else ""
        first = answer.tasks[0]
        return one_line(f"task: {agent or 'somebody'} adds {first.id}{more} {first.title}")

    def _refuse_cycle(self, what: str, edges: Mapping[str, tuple[str, ...]]) -> None:
        refs = {new.id: new.ref or new.id for new in self.tasks}
        loop = [refs[name] for name in cycle(edges)]
        if loop:
            raise DependencyCycle(f"the {what} form a cycle: {' -> '.join(loop)}", cycle=loop)


def checked_title(title: str) -> str:
    """Return the title with single spaces for any white space. Raises `InvalidValue`."""
    text = " ".join(title.split())
    if not 0 < len(text) <= TITLE_LIMIT:
        raise InvalidValue(f"a title has 1 to {TITLE_LIMIT} characters, not {len(text)}")
    if _UNPRINTABLE.search(text):
        raise InvalidValue(f"the title holds control characters: {title!r}")
    return text


def checked_deadline(text: str, now: Time) -> Time:
    """Return the time that a deadline names, or "". Raises `InvalidValue` if it has passed."""
    deadline = parse(text) if text else ""
    if deadline and deadline <= now:
        raise InvalidValue(f"the deadline {deadline} has passed", deadline=deadline)
    return deadline


def checked_limit(attempts: int) -> int:
    """Return a limit of attempts, 0 for that of the settings. Raises `InvalidValue`."""
    if not 0 <= attempts <= ATTEMPTS_LIMIT:
        raise InvalidValue(f"max_attempts lies between 0 and {ATTEMPTS_LIMIT}")
    return attempts


def checked_trust(level: int) -> int:
    """Return a trust level, 0 to 4. Raises `InvalidValue`."""
    if not 0 <= level <= 4:
        raise InvalidValue("min_trust is a trust level, 0 to 4", min_trust=level)
    return level


@contextmanager
def _naming(new: NewTask) -> Iterator[None]:
    try:
        yield
    except GitcoordError as wrong:
        label = new.ref or repr(new.title[:60])
        raise type(wrong)(
            f"task {label}: {wrong.message}", hint=wrong.hint, **(wrong.details | {"task": label})
        ) from wrong


def _ids(tasks: tuple[NewTask, ...], state: State) -> dict[str, str]:
    ids: dict[str, str] = {}
    for new in tasks:
        with _naming(new):
            if checked_id(new.id, "task") in ids or state.get(Task, new.id) is not None:
                raise IdTaken(f"there is a task {new.id} already", id=new.id)
        ids[new.id] = new.id
    for new in tasks:
        with _naming(new):
            if new.ref and ids.setdefault(new.ref, new.id) != new.id:
                raise IdTaken("another task of this call has the same name", id=new.ref)
    return ids


def _draft(
    new: NewTask, place: int, ids: Mapping[str, str], state: State, context: Context
) -> Task:
    depends_on = tuple(dict.fromkeys(ids.get(name, name) for name in new.depends_on))
    for name in depends_on:
        if name not in ids and state.get(Task, checked_id(name, "task")) is None:
            raise DependencyNotFound(f"it depends on {name}, which does not exist", id=name)
    parent = ids.get(new.parent, new.parent)
    if parent and parent not in ids and state.get(Task, checked_id(parent, "task")) is None:
        raise TaskNotFound(f"its parent {parent} does not exist", id=parent)
    keys = _keys(new.keys, state)
    feature = feature_of(state.settings, new.feature)
    if max(len(depends_on), len(keys)) > LIST_LIMIT:
        raise LimitReached(f"at most {LIST_LIMIT} dependencies and {LIST_LIMIT} keys")
    return Task(
        id=new.id,
        title=checked_title(new.title),
        description=new.description,
        type=checked_name(new.type, "task type"),
        priority=priority_of(new.priority),
        depends_on=depends_on,
        keys=keys,
        requires=checked_names(new.requires, "capability"),
        min_trust=checked_trust(new.min_trust),
        feature=feature and checked_name(feature, "feature"),
        deadline=checked_deadline(new.deadline, context.now),
        not_before=parse(new.not_before) if new.not_before else "",
        parent=parent,
        created_at=context.now,
        created_by=context.agent,
        place=place,
        max_attempts=checked_limit(new.max_attempts),
    )


def _keys(texts: tuple[str, ...], state: State) -> tuple[str, ...]:
    return tuple(dict.fromkeys(wanted(state.settings, text).text for text in texts))


def _linked(drafts: list[Task], state: State) -> list[Task]:
    added = {task.id: task for task in drafts}
    outside = {
        name: task
        for draft in drafts
        for name in draft.depends_on
        if name not in added and (task := state.get(Task, name)) is not None
    }
    every = outside | added
    family = {
        task.id: [name for name in task.depends_on if every[name].parent == task.parent]
        for task in drafts
    }
    found = waves(family, {name: task.wave for name, task in outside.items()})
    return [
        msgspec.structs.replace(
            task,
            wave=found[task.id],
            waiting_for=tuple(n for n in task.depends_on if every[n].status != "completed"),
        )
        for task in drafts
    ]
