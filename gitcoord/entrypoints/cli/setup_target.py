"""What `gitcoord setup` sets up: one door over the clients and over git's own hooks.

Promises to change nothing: here it is found out what would be done. Not here: asking and
showing (setup).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from gitcoord.clients.program import NAME, installed, on_path, program
from gitcoord.entrypoints.cli.desk import Desk

if TYPE_CHECKING:
    from gitcoord.clients.backups import Backups
    from gitcoord.clients.plan import Facts, Plan
    from gitcoord.clients.setup import Lack, Scope

GIT = "git"


class Target(NamedTuple):
    """What is set up, whichever it is."""

    client: str
    scope: str
    plan: Callable[[], Plan]
    removal: Callable[[], Plan]
    lacks: Callable[[], list[Lack]]
    snippets: Callable[[], list[tuple[str, str]]]


def target(desk: Desk, client: str, scope: Scope | None, skills: bool) -> Target:
    """Return what is set up. Raises what planning raises, and `ProgramMissing`."""
    from gitcoord.clients.setup import Lack

    backups = saved(desk, client)
    if client == GIT:
        from gitcoord.clients.git import setup as git

        facts = known(desk, installed())
        return Target(
            client,
            "project",
            lambda: git.plan(facts),
            lambda: git.removal(facts),
            lambda: [Lack("", what) for what in git.missing(facts)],
            lambda: _after(git.plan(facts)),
        )
    from gitcoord.clients import setup as setups
    from gitcoord.clients.present import make, taking_out

    facts = _with_program(desk, client, scope)
    made = make(client, facts, scope or "project", workflow=skills)
    return Target(
        client,
        made.scope,
        lambda: setups.plan(made),
        lambda: taking_out(made, facts, backups),
        lambda: setups.lacks(made),
        lambda: setups.snippets(made),
    )


def known(desk: Desk, program: str = NAME) -> Facts:
    """Return what set-ups are planned from; `program` is what clients shall start."""
    from gitcoord.clients.plan import Facts

    return Facts(desk.repository, program, desk.environ)


def saved(desk: Desk, client: str) -> Backups:
    """Return the backups of a client's set-up in this clone."""
    from gitcoord.clients.backups import Backups
    from gitcoord.storage.repository import home

    return Backups(home(desk.repository), client)


def _with_program(desk: Desk, client: str, scope: Scope | None) -> Facts:
    """Return the facts with the program that the client is told to start.

    Files that others get name it plainly: those of the project if that was asked for, or if
    they do so already.
    """
    from gitcoord.clients.present import make
    from gitcoord.clients.setup import programs

    facts = known(desk)
    shared = scope == "project" or (
        scope is None and programs(make(client, facts, "project")) == {NAME}
    )
    return facts._replace(program=program(desk.environ, shared=shared))


def about_program(desk: Desk, target: Target) -> Iterator[str]:
    """Yield what has to be said about the program that the files name now."""
    from gitcoord.clients.present import present
    from gitcoord.clients.setup import programs

    if target.client == GIT or on_path(desk.environ) is not None:
        return
    named = {
        found
        for setup in present(known(desk), target.client)
        if setup.scope == target.scope
        for found in programs(setup)
    }
    if NAME in named:
        yield (
            f"WARNING: the files name plain `{NAME}`, so that they hold on other machines. Here it "
            "is on PATH in a virtual environment at best: the client finds it only when started "
            f"there. Put it on PATH (`pipx install {NAME}`), or set up this clone alone: "
            f"`gitcoord setup {target.client} --scope local`."
        )
    elif target.scope == "project" and named:
        yield (
            f"WARNING: the files name {', '.join(sorted(named))}, a path of this machine, because "
            f"`{NAME}` is on PATH in a virtual environment at best. Before you commit them: "
            f"`pipx install {NAME}`, then `gitcoord setup {target.client} --scope project`."
        )


def _after(plan: Plan) -> list[tuple[str, str]]:
    from gitcoord.clients.plan import FileEdit

    return [
        (step.path, (step.after or b"").decode("utf-8", "replace"))
        for step in plan.steps
        if isinstance(step, FileEdit)
    ]
