"""Clones of one repository at a host, and what they say about their ledger."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.gitrun import git
from tests.servers.git_http import GitHost

STATE = "refs/coord/state"


class Clones:
    """Makes clones of the hub."""

    def __init__(self, hub: GitHost, folder: Path) -> None:
        self.hub = hub
        self._folder = folder

    def __call__(self, name: str, *options: str) -> str:
        """Return the path of a new clone."""
        path = str(self._folder / name)
        if not options:
            return self.hub.clone("hub", self.hub.url("hub"), path)
        git(str(self._folder), "clone", "-q", *options, self.hub.url("hub"), path)
        return path


def remote_of(place: str) -> str:
    """Return the clone's own `coord.remote`, empty when it has none."""
    asked = ["git", "-C", place, "config", "--local", "--get", "coord.remote"]
    return subprocess.run(asked, capture_output=True, text=True).stdout.strip()
