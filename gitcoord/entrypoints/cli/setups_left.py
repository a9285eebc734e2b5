"""What `gitcoord uninstall` does about set-ups: undo those of this repository, name the others.

Promises to go on where one cannot be undone, and to say so: a broken file of a client is no
reason to keep the ledger. Not here: `gitcoord setup --remove`, which a person asks for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from gitcoord.entrypoints.cli.desk import Desk
from gitcoord.errors import GitcoordError

if TYPE_CHECKING:
    from gitcoord.clients.plan import Plan


class Left(NamedTuple):
    """One set-up that is still there."""

    client: str
    scope: str
    #: What would be, or was, changed by undoing it; none for one of the user.
    files: list[str]
    #: Why it stays; "" where it does not.
    stays: str


def left(desk: Desk, *, undo: bool) -> list[Left]:
    """Return the set-ups that are there; with `undo` those of this repository are gone then."""
    return list(_left(desk, undo))


def lines(setups: list[Left], word: str) -> list[str]:
    """Return what there is to say about them; `word`: what becomes of what goes."""
    said = []
    for one in setups:
        name = f"the set-up of {one.client} ({one.scope})"
        said.append(f"{name} stays: {one.stays}" if one.stays else f"{word} {name}")
        said += [f"  {path}" for path in one.files]
    return said


def _left(desk: Desk, undo: bool) -> Iterator[Left]:
    from gitcoord.clients.git import setup as git
    from gitcoord.clients.plan import apply
    from gitcoord.clients.present import everywhere, taking_out
    from gitcoord.entrypoints.cli.setup_target import GIT, known, saved

    facts = known(desk)

    def undone(client: str, scope: str, plan: Plan) -> Left:
        steps = [step.path for step in plan.changes()]
        return Left(client, scope, apply(plan, saved(desk, client)) if undo else steps, "")

    for setup in everywhere(facts):
        if setup.scope == "user":
            how = f"it is yours everywhere; `gitcoord setup {setup.client} --scope user --remove`"
            yield Left(setup.client, setup.scope, [], how)
            continue
        try:
            plan = taking_out(setup, facts, saved(desk, setup.client))
            yield undone(setup.client, setup.scope, plan)
        except GitcoordError as trouble:
            yield Left(setup.client, setup.scope, [], trouble.message)
    try:
        plan = git.removal(facts)
        if plan.changes() and git.shared(facts):
            how = "other repositories use these hooks too; `gitcoord setup git --remove`"
            yield Left(GIT, "user", [], how)
        elif plan.changes():
            yield undone(GIT, "project", plan)
    except GitcoordError as trouble:
        yield Left(GIT, "project", [], trouble.message)
