"""How sessions fare, as the pages show it: stuck, stopped by a cap, at work on a task."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gitcoord.domain.claiming import ClaimTask
from gitcoord.domain.configure import ChangeSettings
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.sessions import Session
from gitcoord.domain.signals import ReportSignals, Signals
from gitcoord.domain.usage import ReportUsage, Usage
from tests.webhook.dashboard.conftest import Opener, Site
from tests.webhook.dashboard.world import Ledger

PAGES = ("", "/sessions", "/sessions/s-ada")


@pytest.fixture
def pair(opened: Opener) -> Iterator[tuple[Site, Ledger]]:
    site = opened().enter("admin")
    ledger = Ledger(site.service.settings.projects["web"])
    for name in ("bob", "ada"):
        ledger.enter(f"s-{name}", name)
    yield site, ledger
    ledger.close()


def first(site: Site) -> str:
    return next(one.get("data-key") for one in site.page().all("tr") if one.get("data-key"))


def test_who_is_stuck_stands_first_with_the_reason_until_it_gets_on(
    pair: tuple[Site, Ledger],
) -> None:
    site, ledger = pair
    failing = Signals(errors_in_row=5, error_text="no rule to make target")
    ledger.do(ReportSignals(signals=failing), "s-bob")
    assert first(site) == "s-bob"
    why = "the same error 5 times in a row: no rule to make target"
    for path in ("", "/sessions", "/sessions/s-bob"):
        assert "stuck" in site.page(path).text
        assert why in site.page(path).text
    assert "1 stuck, 1 active" in site.page().text
    ledger.do(ReportSignals(signals=Signals()), "s-bob")
    assert "stuck" not in site.page().text


def test_who_has_spent_too_much_is_stopped_and_let_go_by_an_admin(
    pair: tuple[Site, Ledger],
) -> None:
    site, ledger = pair
    cap = {"spending_action": "pause", "spending_cap": 2.0}
    ledger.do(ChangeSettings(values=cap), agent="lena")
    ledger.do(ReportUsage(usage=Usage(requests=9, cost_usd=2.5)), "s-ada")
    assert first(site) == "s-ada"
    for path in PAGES:
        text = site.page(path).text
        assert "paused" in text
        assert "$2.50" in text
        assert "Resume" in text
    site.submit(site.base, f"{site.base}/sessions/s-ada/resume", back=site.base)
    with ledger.house.ledger.state() as state:
        found = state.get(Session, "s-ada")
    assert found is not None
    assert found.status == "active"


def test_the_task_that_a_session_works_on_is_named(pair: tuple[Site, Ledger]) -> None:
    site, ledger = pair
    ledger.do(AddTasks(tasks=(NewTask(id="t-1", title="Write the parser"),)), agent="lena")
    ledger.do(ClaimTask(id="t-1"), "s-ada")
    for path in PAGES:
        links = site.page(path).all("a", href=f"{site.base}/tasks/t-1")
        assert "Write the parser" in [one.get("title") for one in links], path
