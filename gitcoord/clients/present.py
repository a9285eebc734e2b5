"""Which clients can be set up, and which set-ups are there.

Promises to tell scopes apart that share files, and never to take out what another set-up
of the same client still needs. Not here: what any client reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Protocol, cast

from gitcoord.clients.adapters import CLIENTS
from gitcoord.clients.backups import Backups
from gitcoord.clients.plan import Facts, Plan
from gitcoord.clients.setup import Scope, SetUp, programs, standing, undoing
from gitcoord.errors import NotARepository, UsageError

#: In this order, as a set-up for this clone alone may use files of the project.
_SCOPES: tuple[Scope, ...] = ("local", "project", "user")


class _Maker(Protocol):
    def __call__(self, facts: Facts, scope: Scope, *, workflow: bool = False) -> SetUp: ...


def make(client: str, facts: Facts, scope: Scope, *, workflow: bool = False) -> SetUp:
    """Return a client's set-up; `workflow`: also the skills of the workflow.

    Raises `NotARepository` where there are no files, `UsageError` where this scope cannot be.
    """
    module = import_module(f"gitcoord.clients.{client}.setup")
    return cast("_Maker", module.setup)(facts, scope, workflow=workflow)


def present(facts: Facts, client: str) -> list[SetUp]:
    """Return the set-ups of a client that are there, whole or in part."""
    found: list[SetUp] = []
    for scope in _SCOPES:
        try:
            setup = make(client, facts, scope)
        except (NotARepository, UsageError):
            continue
        if not programs(setup):
            continue
        # Of a set-up for this clone alone at least git's list of ignored files tells.
        if scope == "local" and client != "claude" and setup.files[-1].path not in standing(setup):
            continue
        if not any(_same_files(setup, other) for other in found):
            found.append(setup)
    return found


def everywhere(facts: Facts) -> Iterator[SetUp]:
    """Yield the set-ups of all clients that are there."""
    for client in CLIENTS:
        yield from present(facts, client)


def taking_out(setup: SetUp, facts: Facts, backups: Backups) -> Plan:
    """Return the plan that undoes a set-up; files that another one of this client needs stay."""
    needed = {
        file.path
        for other in present(facts, setup.client)
        if other.scope != setup.scope
        for file in other.files
    }
    kept = tuple(file for file in setup.files if file.path not in needed)
    return undoing(setup._replace(files=kept), backups)


def _same_files(setup: SetUp, other: SetUp) -> bool:
    return setup.files[0].path == other.files[0].path
