"""Work packages become tasks: `gitcoord task add --file work-packages.yaml`."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from gitcoord.domain.operation import Answer, Operation
from gitcoord.entrypoints.cli.desk import Desk

if TYPE_CHECKING:
    from gitcoord.domain.plans import Planned
    from gitcoord.entrypoints.cli.marked import Marked

A = TypeVar("A", bound=Answer)


def plan(desk: Desk, file: Marked, *, check: bool) -> None:
    """Make the packages of a file the plan of its feature, and show their tasks.

    `check`: nothing is added. Raises `InvalidFile` with the lines of what is wrong.
    """
    from gitcoord.domain.package_file import packages_from
    from gitcoord.domain.plans import Planned
    from gitcoord.entrypoints.plan_source import plan_from
    from gitcoord.ledger.request import fresh_id

    with file.named():
        wish = plan_from(packages_from(file.data), lambda: fresh_id("t-"))
        answer = tried(desk, wish, Planned) if check else desk.do(wish, Planned)
    document = {
        "plan": answer.plan,
        "tasks": answer.tasks,
        "superseded": answer.superseded,
        "resolved": answer.resolved,
    }
    desk.show(document | ({"checked": True} if check else {}), lambda: _lines(answer, check))


def tried(desk: Desk, wish: Operation, answer: type[A]) -> A:
    """Return what the operation would answer now, or raise its refusal. Nothing is changed."""
    from gitcoord.ledger.coordinator import cleaned

    session = desk.asker()
    with desk.state() as state:
        found = cleaned(wish).apply(state, desk.context(state, session))
    assert isinstance(found, answer)
    return found


def _lines(answer: Planned, check: bool) -> list[str]:
    plan = answer.plan
    word = "would add" if check else "added"
    revisions = f"plan {plan.plan_revision} with contracts {plan.contracts_revision}"
    lines = [f"feature {plan.feature}: {revisions}, {len(plan.packages)} packages"]
    for package, task in zip(plan.packages, answer.tasks, strict=True):
        after = f"  <- {', '.join(package.depends_on)}" if package.depends_on else ""
        lines.append(f"  wave {task.wave}  {word} {task.id}  {package.id}{after}")
    lines += [f"  superseded {name}" for name in answer.superseded]
    return lines + [f"  resolved {name}" for name in answer.resolved]
