"""A feature with three packages and whoever works on them, for tests of plans and results."""

from __future__ import annotations

from typing import Any

from gitcoord.domain.claiming import Claimed, ClaimTask
from gitcoord.domain.new_tasks import NewTask
from gitcoord.domain.plans import AddPlan, Plan
from gitcoord.domain.results import ReportResult
from gitcoord.domain.side_by_side import Package
from tests.domain.world import World

PACKAGES = (
    Package(id="wp-contract", locks=("contract:login",), write=("openapi/**",)),
    Package(
        id="wp-api",
        depends_on=("wp-contract",),
        locks=("api:POST /login",),
        write=("src/api/**",),
        deny=("src/api/secret/**",),
    ),
    Package(id="wp-ui", depends_on=("wp-contract",), write=("src/ui/**",)),
)


def plan(
    revision: int = 1, contracts: int = 1, packages: tuple[Package, ...] = PACKAGES, **more: Any
) -> AddPlan:
    """Return the wish for a plan whose tasks are called `t-<revision>.<contracts>-<package>`."""
    said = {
        "feature": "login",
        "title": "Log in",
        "plan_revision": revision,
        "contracts_revision": contracts,
        "packages": packages,
        "tasks": tuple(
            NewTask(
                id=f"t-{revision}.{contracts}-{one.id}", ref=one.id, title=one.id, max_attempts=2
            )
            for one in packages
        ),
    }
    return AddPlan(**(said | more))


def crew(**settings: Any) -> World:
    """Return a world with two sessions, `s-ann` and `s-bob`."""
    world = World(**settings)
    world.session("s-ann")
    world.session("s-bob")
    return world


def claimed(world: World, package: str = "wp-contract", session: str = "s-ann") -> str:
    """Claim the task of a package of the plan that holds, and return its id."""
    held: Plan = world.get(Plan, "login")
    name = next(one.task for one in held.packages if one.id == package)
    found: Claimed = world.run(ClaimTask(id=name), session)
    assert found.task is not None
    return name


def result(
    task: str, package: str = "wp-contract", *, escalations: Any = (), **said: Any
) -> ReportResult:
    """Return the result of a package under plan 1.1, completed where nothing else is said."""
    payload = {
        "feature_id": "login",
        "package_id": package,
        "plan_revision": 1,
        "contracts_revision": 1,
        "status": "failed" if said.get("error_code") else "completed",
    }
    from gitcoord.domain.results import Result

    return ReportResult(id=task, payload=Result(**(payload | said)), escalations=tuple(escalations))
