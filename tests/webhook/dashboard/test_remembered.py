"""What pages remember between two looks never differs from what a first look finds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gitcoord.domain.lock_operations import AcquireLocks, ReleaseLocks
from tests.webhook.dashboard.conftest import Opener, Site
from tests.webhook.dashboard.world import Ledger, changed
from webhook.access import Caller
from webhook.api.asking import Asking
from webhook.dashboard import trail
from webhook.dashboard.past import sight


class Looking:
    """A service that looks again and again, and one that looks for the first time."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.ledger = Ledger(site.service.settings.projects["web"])
        self.project = site.service.projects["web"]

    def trail(self, key: str, *, first: bool, whole: bool = True) -> list[str]:
        if first:
            trail._KNOWN.clear()
        asking = Asking(Caller(self.project, "read", "test"))
        with sight(asking) as seen:
            return [one.oid for one in trail.trail(asking, seen, key, whole=whole)]


@pytest.fixture
def looking(opened: Opener) -> Iterator[Looking]:
    made = Looking(opened())
    yield made
    made.ledger.close()


def test_the_past_of_a_key_grows_by_what_has_come_since(looking: Looking) -> None:
    ledger = looking.ledger
    for name in ("s-1", "s-2"):
        ledger.enter(name, name)
    for _ in range(3):
        for key in ("src/a.py", "src/b.py"):
            ledger.do(AcquireLocks(keys=(key,)), "s-1")
            again = looking.trail("src/a.py", first=False)
            changed(ledger, "s-1", "src/a.py", "modify", "")
            ledger.do(ReleaseLocks(keys=(key,)), "s-1")
        again = looking.trail("src/a.py", first=False)
        assert looking.trail("src/a.py", first=True) == again
        assert looking.trail("src/a.py", first=False, whole=False) == again
    assert len(again) == 6
