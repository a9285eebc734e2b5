"""Where a door lands: the surroundings of checks and landings, and how GitHub is asked there.

Also at which commit a branch stands that somebody queues without saying one. Not here: landing.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from gitcoord.errors import BranchMissing, GitcoordError, InvalidConfig

if TYPE_CHECKING:
    from gitcoord.bootstrap import House
    from gitcoord.domain.state import State
    from gitcoord.landing.executors import CheckRuns
    from gitcoord.landing.site import Site
    from gitcoord.storage.worktree import Checkout


def site_of(  # noqa: PLR0913 - everything that a landing needs
    house: House,
    checkout: Checkout,
    *,
    session: str | None,
    agent: str,
    environ: Mapping[str, str],
    commands: bool = True,
) -> Site:
    """Return the surroundings of checks and landings.

    `commands`: whether the commands of policies may run here; without it what they have not
    passed elsewhere stays missing.
    """
    from gitcoord.domain.verify_policies import policies
    from gitcoord.landing.site import Site

    with house.ledger.state() as state:
        asks = any(one.executor == "github" and one.enabled for one in policies(state))
    return Site(
        coordinator=house.coordinator,
        checkout=checkout,
        session=session,
        agent=agent,
        environ=environ,
        wire=house.wire,
        remote=house.remote,
        check_runs=runs_at_github(house, environ) if asks else None,
        commands=commands,
    )


def runs_at_github(house: House, environ: Mapping[str, str]) -> CheckRuns | None:
    """Return how GitHub is asked for check runs; None where nobody may."""
    from gitcoord.entrypoints import forge_access

    with suppress(InvalidConfig):
        let_in = forge_access.access(environ)
        return house.forge(let_in, forge_access.repository(house, environ)).runs
    return None


def branch_of(state: State, branch: str, feature: str, task: str) -> str:
    """Return the branch that is meant: the one named, else the feature's or the task's, or ""."""
    from gitcoord.domain.features import Feature, named
    from gitcoord.domain.tasks import Task

    if branch:
        return branch
    known = state.get(Feature, named(state.settings, feature)) if feature else None
    if known is not None and known.branch:
        return known.branch
    found = None
    with suppress(GitcoordError):
        found = state.get(Task, task) if task else None
    return found.branch if found is not None else ""


def head_of(site: Site, branch: str) -> str:
    """Return the commit at which a branch stands, here or else at the host.

    Raises `BranchMissing`, and what keeps us from the host.
    """
    from gitcoord.landing.site import tips

    found = tips(site, [branch])[branch] if branch else None
    head = found and (found.here or found.there)
    if not head:
        raise BranchMissing(
            f"there is no branch {branch} here" if branch else "no branch is named",
            hint="Push or create the branch, and name it.",
            branch=branch,
        )
    return head
