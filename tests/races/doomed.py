"""A leader for the kill test that dies between its commit and its answers."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from gitcoord.bootstrap import open_house
from gitcoord.domain.configure import ChangeSettings
from gitcoord.ledger.committer import Carrier, Committer
from gitcoord.ledger.group import Group
from gitcoord.ledger.request import Reply, Request


class Doomed(Committer):
    """Waits for others to queue up, commits for them, and is killed."""

    marker: Path

    def commit(self, requests: Sequence[Request], carrier: Carrier | None = None) -> list[Reply]:
        """Commit; the second time nobody lives to hear of it."""
        if any(request.id.startswith("o-w") for request in requests):
            super().commit(requests, carrier)
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        (self.marker.parent / "leading").touch()
        while not (self.marker.parent / "go").exists():
            time.sleep(0.01)
        return super().commit(requests, carrier)


def main(repo: str, marker: str) -> None:
    """Lead a group and die."""
    house = open_house(repo, os.environ)
    committer = Doomed(house.ledger, house.presence, house.spool)
    committer.marker = Path(marker)
    wish = Request([ChangeSettings(values={"lock_ttl": 77})], id="o-leader")
    Group(house.home, committer).submit([wish], 20)


if __name__ == "__main__":
    main(*sys.argv[1:3])
