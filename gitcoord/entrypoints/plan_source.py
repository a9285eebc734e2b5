"""From work packages to the plan that is asked for: a task for each, with what its worker needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from gitcoord.domain.new_tasks import NewTask
from gitcoord.domain.plans import AddPlan
from gitcoord.domain.side_by_side import Package
from gitcoord.entrypoints import originals

if TYPE_CHECKING:
    from gitcoord.domain.packages import WorkPackage, WorkPackages


def plan_from(file: WorkPackages, make_id: Callable[[], str]) -> AddPlan:
    """Return the operation that makes the packages tasks; `make_id` names these.

    Whole packages stand at the end of the descriptions, as `input_data`, with their defaults.
    """
    return AddPlan(
        feature=file.feature.id,
        title=file.feature.title,
        plan_revision=file.feature.plan_revision,
        contracts_revision=file.contracts.revision,
        packages=tuple(_package(one) for one in file.packages),
        tasks=tuple(_task(file, one, make_id()) for one in file.packages),
    )


def _package(one: WorkPackage) -> Package:
    return Package(
        id=one.package_id,
        depends_on=one.depends_on,
        locks=(*one.locks.files, *one.locks.keys),
        write=one.scope.write_allow,
        deny=one.scope.deny,
    )


def _task(file: WorkPackages, one: WorkPackage, name: str) -> NewTask:
    retries = file.defaults.retry_budget if one.retry_budget is None else one.retry_budget
    data: dict[str, Any] = {
        "feature_id": file.feature.id,
        "package_id": one.package_id,
        "plan_revision": file.feature.plan_revision,
        "contracts_revision": file.contracts.revision,
        "contracts": msgspec.to_builtins(file.contracts),
        "package": _whole(file, one),
    }
    trust = one.min_trust_level
    trust = file.defaults.min_trust_level if trust is None else trust
    return NewTask(
        id=name,
        ref=one.package_id,
        title=one.title or originals.titled(one.description, one.package_id),
        description=originals.described(one.description.strip(), data),
        type=one.task_type,
        priority=one.priority or file.defaults.priority,
        max_attempts=retries + 1,
        min_trust=trust,
    )


def _whole(file: WorkPackages, one: WorkPackage) -> dict[str, Any]:
    """Return the package as its worker reads it: defaults filled in, nothing that is not there."""
    defaults = file.defaults
    whole: dict[str, Any] = msgspec.to_builtins(one)
    filled = {
        "priority": defaults.priority,
        "timeout_minutes": defaults.timeout_minutes,
        "retry_budget": defaults.retry_budget,
        "min_trust_level": defaults.min_trust_level,
    }
    for field, value in filled.items():
        whole[field] = value if whole[field] is None else whole[field]
    if whole["locks"]["ttl_minutes"] is None:
        whole["locks"]["ttl_minutes"] = defaults.lock_ttl_minutes
    if whole["verification"] and not whole["verification"]["tier_required"]:
        whole["verification"]["tier_required"] = defaults.verification_tier_required
    del whole["description"]
    return {field: value for field, value in whole.items() if value not in (None, "", {}, [], ())}
