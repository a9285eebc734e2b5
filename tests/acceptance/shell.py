"""The real command line in one place: a process for every command, JSON for every answer."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from gitcoord.entrypoints.cli.actor import CLIENTS
from tests import forked


class Shell:
    """Somebody at a prompt: a directory, an environment and, once checked in, a session."""

    def __init__(
        self, place: str, environ: Mapping[str, str] | None = None, session: str = ""
    ) -> None:
        self.place = place
        self.session = session
        self._own = dict(environ or {})
        kept = {name: value for name, value in os.environ.items() if name not in CLIENTS}
        self.environ = kept | self._own
        self.environ.pop("GITCOORD_SESSION", None)
        if session:
            self.environ["GITCOORD_SESSION"] = session

    def __call__(self, *words: str, code: int = 0) -> dict[str, Any]:
        """Run a command that ends with this exit code and return its document."""
        done = forked.run(*words, "--json", cwd=self.place, env=self.environ)
        said = f"gitcoord {' '.join(words)}: {done.returncode}\n{done.stderr.decode()}"
        assert done.returncode == code, said + done.stdout.decode()
        document = json.loads(done.stdout)
        assert isinstance(document, dict)
        assert document["ok"] is (code == 0)
        return document

    def start(self, name: str, *words: str) -> Shell:
        """Check in and return a prompt that acts as the new session."""
        found = self("session", "start", "--name", name, *words)["session"]
        return Shell(self.place, self._own, found["id"])

    def at(self, place: str) -> Shell:
        """Return a prompt in another place, without a session."""
        return Shell(place, self._own)
