"""What pages remember between two looks never differs from what a first look finds."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from gitcoord.domain.conflicts import ChangeScope
from gitcoord.domain.departure import EndSession
from gitcoord.domain.lock_operations import AcquireLocks, ReleaseLocks
from gitcoord.domain.usage import ReportUsage, Usage
from tests.webhook.dashboard.conftest import Opener, Site
from tests.webhook.dashboard.world import Ledger, changed
from webhook.access import Caller
from webhook.api.asking import Asking
from webhook.dashboard import clashes, trail
from webhook.dashboard.past import sight


class Looking:
    """A service that looks again and again, and one that looks for the first time."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.ledger = Ledger(site.service.settings.projects["web"])
        self.project = site.service.projects["web"]

    def clashes(self, *, first: bool) -> list[tuple[object, ...]]:
        if first:
            clashes._KNOWN.clear()
        with sight(Asking(Caller(self.project, "read", "test"))) as seen:
            found = clashes.clashes(self.project, seen)
        return [(one.one.id, one.other.id, one.areas, one.files) for one in found]

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


def test_clashes_are_the_same_after_every_change_of_scopes(looking: Looking) -> None:
    dice = random.Random(7)
    scopes = ("src/**", "src/a.py", "docs/", "docs/*.md", "x/{a,b}.py", "x/a.py")
    live: list[str] = []
    for step in range(40):
        if live and dice.random() < 0.25:
            looking.ledger.do(EndSession(), live.pop(dice.randrange(len(live))))
        elif live and dice.random() < 0.4:
            files = tuple(dice.sample(scopes, dice.randrange(3)))
            looking.ledger.do(ChangeScope(files=files), dice.choice(live))
        else:
            files = tuple(dice.sample(scopes, dice.randrange(3)))
            area = dice.choice(("", "", "auth"))
            # Ids that do not grow, so that new ones come before and after the others.
            name = f"s-{dice.randrange(10**6):06d}-{step}"
            live.append(looking.ledger.enter(name, f"agent-{step}", files=files, area=area))
        before = dict(clashes._KNOWN)
        again = looking.clashes(first=False)
        assert looking.clashes(first=True) == again
        assert len(again) == len({pair[:2] for pair in again})
        assert before or step == 0
    assert again


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


def test_only_what_is_new_is_looked_at(looking: Looking, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = looking.ledger
    ledger.enter("s-1", "ada", files=("src/**",))
    ledger.enter("s-2", "bob", files=("src/a.py",))
    assert len(looking.clashes(first=True)) == 1
    looking.trail("src/a.py", first=True)
    asked: list[str] = []
    real = clashes.conflicts

    def counted(*arguments: object) -> object:
        asked.append(str(arguments[-1]))
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(clashes, "conflicts", counted)
    ledger.do(ReportUsage(usage=Usage(requests=1)), "s-1")
    assert len(looking.clashes(first=False)) == 1
    assert asked == []
    ledger.enter("s-3", "cyd", files=("docs/**",))
    assert len(looking.clashes(first=False)) == 1
    assert asked == ["s-3"]
