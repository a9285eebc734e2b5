"""Work-package files, read: what is true of the packages whatever the ledger says.

Promises that a refusal names every place that is wrong: fields, names, dependencies that form a
cycle, lock keys that have not the strict form of their namespace. Not here: reading the text.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec

from gitcoord.domain.file_problems import Problem, at, nearest, read, refuse
from gitcoord.domain.graph import cycle, reached
from gitcoord.domain.packages import (
    PACKAGES_LIMIT,
    Contracts,
    Defaults,
    Feature,
    WorkPackage,
    WorkPackages,
)

#: Forms of logical keys, of which two ways to write one thing would be two keys; an example each.
FORMS: dict[str, tuple[str, str]] = {
    "api": (r"api:[A-Z]+ /\S*", "api:GET /v1/users"),
    "db": (r"db:(migration-slot|schema:[a-z][a-z0-9_]*)", "db:schema:users, db:migration-slot"),
    "event": (r"event:[a-z][a-z0-9.]*", "event:user.created"),
    "flag": (r"flag:[a-z][a-z0-9/.*]*", "flag:billing/invoices"),
    "env": (r"env:[a-z][a-z0-9_-]*", "env:staging-db"),
    "contract": (r"contract:.+", "contract:openapi/v1.yaml"),
    "feature": (r"feature:[A-Za-z0-9._:-]+:[a-z]+", "feature:login:write"),
}


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    schema_version: Literal[1]
    feature: Feature
    contracts: Contracts
    defaults: Defaults = Defaults()
    packages: Annotated[list[Any], msgspec.Meta(min_length=1, max_length=PACKAGES_LIMIT)]


def packages_from(data: Any) -> WorkPackages:
    """Return the packages that a file describes, each with what it depends on.

    One that integrates depends on all that do not depend on it. Raises `InvalidFile` with
    `problems`: the place of each, such as `packages[0].locks.keys[1]`, and why.
    """
    problems: list[Problem] = []
    file = read(data, _File, "", problems)
    if file is None:
        refuse(problems)
    assert file is not None
    found: list[WorkPackage] = []
    for number, entry in enumerate(file.packages):
        package = read(entry, WorkPackage, at("packages", number), problems)
        if package is not None:
            found.append(package)
    refuse(problems)
    for number, package in enumerate(found):
        problems += _alone(at("packages", number), package)
    problems += _names(found)
    refuse(problems)
    edges = {one.package_id: one.depends_on for one in found}
    loop = cycle(edges)
    if loop:
        number = [one.package_id for one in found].index(loop[0])
        place = at(at("packages", number), "depends_on")
        words = f"the dependencies form a cycle: {' -> '.join(loop)}"
        refuse([Problem(place=place, reason=words)], cycle=loop)
    return WorkPackages(
        feature=file.feature,
        contracts=file.contracts,
        defaults=file.defaults,
        packages=_ordered(found),
    )


def malformed(key: str) -> str:
    """Return what form a logical key has to have, if it has another; else ""."""
    namespace = key.partition(":")[0]
    if namespace not in FORMS or re.fullmatch(FORMS[namespace][0], key):
        return ""
    return FORMS[namespace][1]


def _alone(place: str, package: WorkPackage) -> list[Problem]:
    """Return what is wrong with a package, without a look at others."""
    problems = []
    for number, key in enumerate(package.locks.keys):
        where = at(at(at(place, "locks"), "keys"), number)
        if ":" not in key:
            words = f"{key!r} is no logical key; paths are in locks.files"
            problems.append(Problem(place=where, reason=words))
        elif example := malformed(key):
            words = f"{key!r} has not the form of its namespace"
            problems.append(Problem(place=where, reason=words, hint=f"Write it as {example}."))
    for number, step in enumerate(package.verification.steps if package.verification else ()):
        field = {"manual": "manual_instructions"}.get(step.kind, step.kind)
        if not getattr(step, field):
            where = at(at(at(at(place, "verification"), "steps"), number), field)
            problems.append(Problem(place=where, reason=f"a step of kind {step.kind} needs it"))
    return problems


def _names(packages: list[WorkPackage]) -> list[Problem]:
    """Return what is wrong with names: given twice, or of packages that do not exist."""
    problems = []
    first: dict[str, int] = {}
    for number, package in enumerate(packages):
        if first.setdefault(package.package_id, number) != number:
            words = f"packages[{first[package.package_id]}] is {package.package_id!r} already"
            place = at(at("packages", number), "package_id")
            problems.append(Problem(place=place, reason=words))
    for number, package in enumerate(packages):
        for entry, name in enumerate(package.depends_on):
            if name not in first:
                place = at(at(at("packages", number), "depends_on"), entry)
                words = f"there is no package {name!r}"
                problems.append(Problem(place=place, reason=words, hint=nearest(name, first)))
    return problems


def _ordered(packages: list[WorkPackage]) -> tuple[WorkPackage, ...]:
    """Return the packages so that those that integrate come after all others."""
    found = {one.package_id: one for one in packages}
    for package in packages:
        if not package.integrates:
            continue
        # Anew for each: what one comes after may be what the next one must come before.
        far = reached({name: one.depends_on for name, one in found.items()})
        more = [
            name
            for name, one in found.items()
            if not one.integrates and package.package_id not in far[name]
        ]
        depends_on = tuple(dict.fromkeys((*package.depends_on, *more)))
        found[package.package_id] = msgspec.structs.replace(package, depends_on=depends_on)
    return tuple(found.values())
