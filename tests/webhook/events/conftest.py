"""What the tests of events share."""

from __future__ import annotations

from tests.ledger.conftest import closed_houses
from tests.servers.fixtures import git_host

__all__ = ["closed_houses", "git_host"]
