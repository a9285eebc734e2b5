"""Words that the shell offers after TAB: ids of live sessions and of open tasks.

Never an error and never a change: where nothing can be read, nothing is offered.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gitcoord.errors import GitcoordError

if TYPE_CHECKING:
    from collections.abc import Callable

    import click
    from click.shell_completion import CompletionItem

    from gitcoord.domain.state import State

    Found = Callable[[State], list[tuple[str, str]]]


def session_ids(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the live sessions, each with its agent."""
    from gitcoord.domain.sessions import Session

    def found(state: State) -> list[tuple[str, str]]:
        return [(one.id, one.agent) for one in state.find(Session, "live")]

    return _offered(ctx, incomplete, found)


def task_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the open tasks, the most urgent first, each with its title."""
    from itertools import islice

    from gitcoord.domain.tasks import Task

    def found(state: State) -> list[tuple[str, str]]:
        return [(one.id, one.title) for one in islice(state.scan(Task, "status:"), 200)]

    return _offered(ctx, incomplete, found)


def _offered(ctx: click.Context, incomplete: str, found: Found) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    from gitcoord.bootstrap import open_house

    place = ctx.find_root().params.get("directory") or os.getcwd()
    try:
        house = open_house(os.path.abspath(place), os.environ)
        try:
            with house.ledger.state() as state:
                words = found(state)
        finally:
            house.close()
    except GitcoordError:
        # The command itself will say what is wrong; TAB must stay silent.
        return []
    return [CompletionItem(word, help=what) for word, what in words if word.startswith(incomplete)]
