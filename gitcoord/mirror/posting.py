"""What GitHub shows of the whole ledger: an issue for each task, a page of how things stand.

Both only where the settings ask for it. Not here: what one thread shows (`status`).
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from gitcoord.domain.locks import Lock, over
from gitcoord.domain.sessions import Session
from gitcoord.domain.tasks import OPEN, Task
from gitcoord.mirror import issues, labels
from gitcoord.mirror.effects import NO_AGE, Effect, Open, Page, age_of
from gitcoord.mirror.markdown import as_of, clock, code, codes, table, why

if TYPE_CHECKING:
    from gitcoord.mirror.desk import Look

#: The file of the page, and most rows of one of its tables.
PATH = "README.md"
ROWS = 100
_AS_OF = re.compile(r"^As of ledger (\d{1,12}\.\d{1,15}),", re.MULTILINE)

#: Issues are opened for so many tasks in one look; the others come with the next.
BATCH = 20


def lacking(look: Look, there: Container[str]) -> list[Task]:
    """Return the open tasks that have no issue, the oldest first; `there` are those that have."""
    found = [
        task
        for status in sorted(OPEN)
        for task in look.state.scan(Task, f"status:{status}:")
        if task.id not in there and not issues.number_of(task.id)
    ]
    return sorted(found, key=lambda task: task.created_at)


def opened(look: Look, tasks: Iterable[Task]) -> Iterator[Effect]:
    """Yield the issues that the first of these tasks shall have."""
    for task in islice(tasks, BATCH):
        yield Open(
            f"{issues.POSTED}{task.id}",
            task.title,
            _body(look, task),
            (labels.OF_TASK[task.status],),
        )


def page(look: Look, branch: str) -> Page:
    """Return the page of how things stand now."""
    parts = [
        "# What is going on here",
        _as_of(look),
        *_section("Sessions", ["Agent", "Session", "Works on", "Since"], _sessions(look)),
        *_section("Locks", ["Key", "By", "Until", "Reason"], _locks(look)),
        *_section("Tasks", ["Task", "Title", "Status", "Priority", "By"], _tasks(look)),
    ]
    return Page(branch, PATH, "\n\n".join(parts) + "\n", look.stamp)


def page_age(text: str) -> tuple[int, int]:
    """Return the epoch and number of the ledger's state that a page shows."""
    match = _AS_OF.search(text)
    return age_of(match[1]) if match else NO_AGE


def _as_of(look: Look) -> str:
    return f"{_stamped(look)} This page is written by gitcoord; changes to it are lost."


def _stamped(look: Look) -> str:
    return f"{as_of(look.stamp)}, {clock(look.state.meta.time)}."


def _section(title: str, head: list[str], rows: list[list[str]]) -> list[str]:
    if not rows:
        return [f"## {title}", "None."]
    more = [f"And {len(rows) - ROWS} more."] if len(rows) > ROWS else []
    return [f"## {title}", table(head, rows[:ROWS]), *more]


def _sessions(look: Look) -> list[list[str]]:
    live = sorted(look.state.find(Session, "live"), key=lambda one: one.started_at)
    return [
        [code(x.agent), code(x.id), code(x.area or x.branch or "-"), clock(x.started_at)]
        for x in live
    ]


def _locks(look: Look) -> list[list[str]]:
    live = [lock for lock in look.state.all(Lock) if not over(look.state, look.context, lock)]
    return [
        [code(x.key), code(x.agent), clock(x.expires_at), why(x)]
        for x in sorted(live, key=lambda lock: lock.key)
    ]


def _tasks(look: Look) -> list[list[str]]:
    found = [x for status in sorted(OPEN) for x in look.state.scan(Task, f"status:{status}:")]
    return [
        [code(x.id), code(x.title), x.status, str(x.priority), code(x.agent) if x.agent else ""]
        for x in sorted(found, key=lambda task: task.order)
    ]


def _body(look: Look, task: Task) -> str:
    facts = [
        ["Task", code(task.id)],
        ["Priority", str(task.priority)],
        ["Keys", codes(task.keys, 20) if task.keys else ""],
        ["Depends on", codes(task.depends_on, 20) if task.depends_on else ""],
    ]
    described = f"\n\n{code(task.description, 2000)}" if task.description else ""
    rows = [row for row in facts if row[1]]
    ends = f"Closing this issue ends the task. {_stamped(look)}"
    return f"{table(['', ''], rows)}{described}\n\n{ends}"
