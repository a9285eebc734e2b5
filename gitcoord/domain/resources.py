"""What an operation is about, as policies see it: files, tasks, domains, or the ledger.

Pure questions about operations before they are decided. Attributes come from the ledger and
from the operation itself. Not here: policies.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from gitcoord.domain.key_index import wanted

if TYPE_CHECKING:
    from gitcoord.domain.operation import Operation
    from gitcoord.domain.state import State
    from gitcoord.domain.tasks import Task

ResourceType = Literal["Ledger", "File", "Task", "Domain"]


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that an operation is about."""

    type: ResourceType
    id: str
    attributes: dict[str, Any] = {}


#: What is about nothing in particular.
LEDGER = Resource(type="Ledger", id="state")

#: Operations that are about files or keys, and those about tasks.
OF_FILES = frozenset(
    {
        "acquire_lock",
        "takeover_lock",
        "release_lock",
        "check_locks",
        "check_guardrails",
        "force_push",
        "delete_branch",
    }
)
OF_TASKS = frozenset({"get_work", "submit_work", "complete_work", "release_work", "get_task"})


def file(path: str) -> Resource:
    """Return a path, or a logical key, as a resource."""
    return Resource(type="File", id=path, attributes={"path": path})


def task(id: str, task_type: str, priority: int) -> Resource:
    """Return a task as a resource."""
    return Resource(type="Task", id=id, attributes={"task_type": task_type, "priority": priority})


def of_task(found: Task) -> Resource:
    """Return a stored task as a resource."""
    return task(found.id, found.type, found.priority)


def domain(state: State, profile: str, text: str) -> Resource:
    """Return a domain as a resource, with what the network rules say of it for that profile.

    Raises `InvalidUrl` for what names none.
    """
    from gitcoord.domain.network import verdict

    found = verdict(state, profile, text)
    attributes = {"name": found.host, "allowed": found.allowed}
    return Resource(type="Domain", id=found.host, attributes=attributes)


def named(state: State, profile: str, name: str, resource: str) -> Resource:
    """Return what somebody who asks means by a resource of that operation.

    Raises `InvalidUrl` for a domain that is none.
    """
    if name == "network_access":
        return domain(state, profile, resource)
    if not resource:
        return LEDGER
    if name in OF_TASKS:
        from gitcoord.domain.tasks import Task

        found = state.get(Task, resource)
        # A type of tasks will do as well as a task.
        return of_task(found) if found is not None else task("", resource, 5)
    return file(resource) if name in OF_FILES else LEDGER


def demands(state: State, operation: Operation, name: str) -> Iterator[tuple[str, Resource]]:
    """Yield what an operation of that name asks for: names of operations, each with a resource.

    A claim with keys, and taking over, ask for locks on these as well. Which task is next is
    chosen by the rules, which ask for each: see `obstacles`. Raises what keys or priorities are
    wrong with.
    """
    tag = operation.tag
    if tag == "lock.track":
        # What has been pushed is held as far as it may be: the operation asks for each path.
        return
    if tag == "task.add":
        from gitcoord.domain.tasks import priority_of

        for new in getattr(operation, "tasks", ()):
            yield name, task(new.id, new.type, priority_of(new.priority))
        return
    keys = getattr(operation, "keys", ()) if tag in _LOCKING else ()
    if tag.startswith("task."):
        from gitcoord.domain.tasks import Task

        found = state.get(Task, getattr(operation, "id", ""))
        yield name, LEDGER if found is None else of_task(found)
    elif not keys:
        yield name, LEDGER
    for key in keys:
        thing = file(wanted(state.settings, key).text)
        if tag == "lock.takeover":
            yield name, thing
        yield "acquire_lock", thing


_LOCKING = ("lock.acquire", "lock.renew", "lock.takeover", "task.claim")
