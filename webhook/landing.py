"""Landings by the service: where a project's branches are on its machine, and what may run there.

A project that is served by its URL has no branches here, and is refused. The commands of
verification run only if the service was started with `--run-checks`: they are written into the
ledger by whoever may, and would run as the user of the service. Not here: routes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gitcoord.errors import LandingRefused
from webhook.settings import is_url

if TYPE_CHECKING:
    from gitcoord.landing.site import Site
    from webhook.api.asking import Asking


def site(asking: Asking, session: str | None = None) -> Site:
    """Return the surroundings in which the caller's session, or the key itself, lands.

    Raises `LandingRefused` where the project has no branches here, and what keeps it closed.
    """
    from gitcoord.entrypoints.landing_site import site_of
    from gitcoord.storage.worktree import Checkout

    project = asking.caller.project
    if is_url(project.place):
        raise LandingRefused(
            f"the service has no clone of {project.name} in which branches could be merged",
            hint="Run `gitcoord merge land` in a clone, or serve a clone: --project NAME=PATH.",
        )
    house = asking.house
    environ = house.repository.environ
    return site_of(
        house,
        Checkout(house.repository, environ),
        session=session,
        agent=asking.person,
        environ=environ,
        commands=project.runs_checks,
    )


def head_of(asking: Asking, said: Mapping[str, Any]) -> str:
    """Return the commit of the branch that the fields of `merge.enqueue` mean.

    Raises `BranchMissing`, and as `site`.
    """
    from gitcoord.entrypoints import landing_site

    words = [said.get(name) for name in ("branch", "feature", "task")]
    branch, feature, task = (word if isinstance(word, str) else "" for word in words)
    with asking.state() as state:
        found = landing_site.branch_of(state, branch, feature, task)
    return landing_site.head_of(site(asking), found)
