"""Task files: what YAML or JSON has read, turned into new tasks.

Promises that a refusal says which entry and which field is wrong. A file is a
list of tasks or `{"tasks": [...], "defaults": {...}}`. Not here: reading the
text, and whether the tasks fit the ledger (`new_tasks` decides that).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, NoReturn

import msgspec

from gitcoord.domain.new_tasks import NewTask, checked_title, checked_trust
from gitcoord.domain.operation import checked_id
from gitcoord.domain.tasks import priority_of
from gitcoord.domain.time import parse
from gitcoord.errors import InvalidFile, UsageError

#: Fields that `defaults` may set for all tasks of the file.
SHARED = frozenset(NewTask.__struct_fields__) - {"id", "ref", "title", "depends_on"}


def tasks_from(data: Any, make_id: Callable[[], str]) -> list[NewTask]:
    """Return the tasks that a file describes, in its order; `make_id` names those without id.

    Raises `InvalidFile` with `entry` (from 1; 0: the file itself) and `field`.
    """
    defaults: dict[str, Any] = {}
    if isinstance(data, dict):
        unknown = [name for name in data if name not in ("tasks", "defaults")]
        if unknown or "tasks" not in data:
            _refuse(0, "tasks", "the file is a list of tasks, or has `tasks` and `defaults`")
        defaults = data.get("defaults") or {}
        data = data["tasks"]
        if not isinstance(defaults, dict):
            _refuse(0, "defaults", "`defaults` is a mapping of fields to values")
        for name in defaults:
            if name not in SHARED:
                _refuse(0, str(name), f"`defaults` cannot set {name!r}")
    if not isinstance(data, list) or not data:
        _refuse(0, "tasks", "there are no tasks in the file")
    tasks = [_task(n, entry, defaults, make_id) for n, entry in enumerate(data, 1)]
    _refuse_doubles(tasks)
    return tasks


def _task(n: int, entry: Any, defaults: dict[str, Any], make_id: Callable[[], str]) -> NewTask:
    if not isinstance(entry, dict):
        _refuse(n, "", "a task is a mapping of fields to values")
    for name in entry:
        if name not in NewTask.__struct_fields__:
            near = get_close_matches(str(name), NewTask.__struct_fields__, 1)
            hint = f"Did you mean {near[0]}?" if near else None
            _refuse(n, str(name), f"there is no field {name!r}", hint)
    given = {name: _plain(value) for name, value in (defaults | entry).items()}
    if "title" not in given:
        _refuse(n, "title", "it has no title")
    try:
        task = msgspec.convert({"id": ""} | given, NewTask)
    except msgspec.ValidationError as wrong:
        text, _, path = str(wrong).partition(" - at `$.")
        _refuse(n, path.rstrip("`").partition("[")[0], f"{text}")
    for field, check in _CHECKS.items():
        value = getattr(task, field)
        try:
            if value or field in ("title", "priority"):
                check(value)
        except UsageError as wrong:
            _refuse(n, field, wrong.message, wrong.hint)
    return task if task.id else msgspec.structs.replace(task, id=make_id())


#: Checks that need nothing but the value; all others are made by the ledger.
_CHECKS: dict[str, Callable[[Any], object]] = {
    "id": lambda text: checked_id(text, "task"),
    "title": checked_title,
    "priority": priority_of,
    "deadline": parse,
    "not_before": parse,
    "min_trust": checked_trust,
}


def _plain(value: Any) -> Any:
    """Return a time that YAML has recognised as the text that it was."""
    return value.isoformat() if isinstance(value, dt.date) else value


def _refuse_doubles(tasks: list[NewTask]) -> None:
    first: dict[str, int] = {}
    for n, task in enumerate(tasks, 1):
        for field, name in (("id", task.id), ("ref", task.ref)):
            if name and first.setdefault(name, n) != n:
                _refuse(n, field, f"entry {first[name]} is called {name!r} already")


def _refuse(n: int, field: str, what: str, hint: str | None = None) -> NoReturn:
    where = f"entry {n}, {field}: " if n and field else f"entry {n}: " if n else ""
    raise InvalidFile(f"{where}{what}", hint=hint, entry=n, field=field)
