"""Landings by the service: where a project's branches are on its machine, and what may run there.

A project that is served by its URL has no branches here, and is refused. Commands of verification
run only if the service was started with `--run-checks`: they come from the ledger and run as the
user of the service. Not here: routes.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from gitcoord.errors import InvalidConfig, InvalidValue, LandingRefused
from webhook.settings import is_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitcoord.bootstrap import House
    from gitcoord.landing.executors import CheckRuns
    from gitcoord.landing.site import Site
    from webhook.api.asking import Asking


def site(asking: Asking, session: str | None) -> Site:
    """Return the surroundings in which a session, or whoever has the key, lands.

    `session`: as `Asking.asker` says; None is a person. Raises `LandingRefused` where the
    project has no branches here, and what keeps it closed.
    """
    from gitcoord.storage.worktree import Checkout

    project = asking.caller.project
    if is_url(project.place):
        raise LandingRefused(
            f"the service has no clone of {project.name} in which branches could be merged",
            hint="Land from a clone, or serve one: --project NAME=PATH.",
        )
    house = asking.house
    environ = house.repository.environ
    # The hooks that a push runs have to know who acts.
    known = {"GITCOORD_SESSION": session} if session else {}
    return house.site(
        Checkout(house.repository, {**environ, **known}),
        session=session,
        agent=asking.person,
        check_runs=_check_runs(house, environ),
        commands=project.runs_checks,
    )


def target(asking: Asking) -> str:
    """Return the branch on which work lands by default.

    Raises `InvalidValue` where only a clone could say it and there is none, `UsageError`.
    """
    from gitcoord.landing.enqueue import target_of

    with asking.state() as state:
        setting = state.settings.target_branch
    if setting:
        return setting
    if is_url(asking.caller.project.place):
        raise InvalidValue("which target? The settings name no target_branch", hint="Name it.")
    return target_of(site(asking, None))


def _check_runs(house: House, environ: Mapping[str, str]) -> CheckRuns | None:
    """Return how GitHub is asked for check runs; None where no policy asks, or nobody may."""
    from gitcoord.domain.verify_policies import policies
    from gitcoord.entrypoints import forge_access

    with house.ledger.state() as state:
        if not any(one.executor == "github" and one.enabled for one in policies(state)):
            return None
    with suppress(InvalidConfig):
        let_in = forge_access.access(environ)
        return house.forge(let_in, forge_access.repository(house, environ)).runs
    return None
