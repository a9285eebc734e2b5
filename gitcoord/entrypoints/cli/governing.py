"""Changing what agents may do: who a command does it for.

A shell of an agent acts as its session, and so does a terminal in a worktree where one session
is live. A person there says so, with `--person`; a shell in which an agent's client shows, or
that has no terminal, does not get away with it. Not here: the rules, which ask for trust level 4.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gitcoord.domain.operation import Answer, Operation
from gitcoord.entrypoints.cli import actor
from gitcoord.entrypoints.cli.desk import acting
from gitcoord.errors import NotPermitted, SessionAmbiguous, UsageError

if TYPE_CHECKING:
    from gitcoord.entrypoints.cli.desk import Desk

OUTSIDE = "Run it in a terminal outside of the agent."
ADD = "A person at this terminal adds --person."

A = TypeVar("A", bound=Answer)
F = TypeVar("F", bound=Callable[..., Any])


def governing(function: F) -> F:
    """Add `--session` and `--person`, for commands that change what agents may do."""
    found: F = click.option(
        "--person", is_flag=True, help="A person at this terminal does it, whoever is live here."
    )(acting(function))
    return found


def holder(desk: Desk, person: bool) -> str | None:
    """Return the session for which it is done; None for a person.

    The shell of an agent's client that has not checked in is nobody's who may do it. Raises
    `UsageError` where `--person` does not become this shell, `SessionAmbiguous`.
    """
    if not person:
        return desk.asker()
    if shows(desk) or not sys.stdin.isatty():
        raise UsageError("--person is for a person at a terminal of their own", hint=OUTSIDE)
    return None


def shows(desk: Desk) -> bool:
    """Say whether this is the shell of an agent beyond doubt: a session or a client shows in it."""
    named = desk.named or desk.environ.get("GITCOORD_SESSION")
    return bool(named or actor.sign(desk.environ))


def changed(desk: Desk, operation: Operation, answer: type[A], person: bool) -> A:
    """Run an operation that changes what agents may do, or raise its refusal."""
    with reminded(desk):
        session = holder(desk, person)
        return desk.house.coordinator.do(
            operation, answer, session=session, agent=desk.named_for(session)
        )


@contextmanager
def reminded(desk: Desk) -> Iterator[None]:
    """Remind whoever is refused as a session of `--person`, where it would help them."""
    try:
        yield
    except (NotPermitted, SessionAmbiguous) as refused:
        if not shows(desk) and sys.stdin.isatty():
            refused.hint = f"{refused.hint} {ADD}" if refused.hint else ADD
        raise
