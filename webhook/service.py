"""What the parts of one running service share: settings, projects, keys, secrets, rates.

Data, put together once by `app`. Not here: anything that is done with it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from webhook.keys import Keys
from webhook.limits import Rates
from webhook.private import Private
from webhook.projects import Project
from webhook.settings import Settings
from webhook.tokens import Tokens
from webhook.waits import Waits


@dataclass(frozen=True)
class Service:
    """One service."""

    settings: Settings
    private: Private
    projects: Mapping[str, Project]
    keys: Keys
    tokens: Tokens
    rates: Rates
    waits: Waits

    def close(self) -> None:
        """Let go of all repositories and of the service's own file."""
        for project in self.projects.values():
            project.close()
        self.private.close()


def assemble(settings: Settings, environ: Mapping[str, str]) -> Service:
    """Return a service of these settings. Raises `Unavailable` for an own file of no use."""
    private = Private(settings.state)
    folder = os.path.dirname(settings.state)
    return Service(
        settings=settings,
        private=private,
        projects={
            name: Project(name, place, folder, environ, runs_checks=settings.run_checks)
            for name, place in settings.projects.items()
        },
        keys=Keys(private),
        tokens=Tokens(private.secret("session tokens")),
        rates=Rates(settings.rate),
        waits=Waits(),
    )
