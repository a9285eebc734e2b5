"""The overview's lines about escalations and plans."""

from __future__ import annotations

from gitcoord.domain.escalations import ResolveEscalation
from gitcoord.domain.task_moves import MoveTask
from tests.webhook.dashboard.conftest import Site
from tests.webhook.dashboard.world import Ledger, planning


def test_open_escalations_and_plans_stand_on_the_overview(site: Site, busy: Ledger) -> None:
    ledger = busy
    assert "h-escalations" not in {x.get("aria-labelledby") for x in site.page().all("section")}
    planning(ledger, title="<b>Find</b>")
    page = site.page()
    for said in (
        "2 escalations", "plan revision required", "gil : <b>Find</b> needs a package of its own",
        "pauses feature search", "of feature search", "q-2",
        "Plans 1", "2.1 search <b>Find</b> : 1 of 3 packages done",
    ):  # fmt: skip
        assert said in page.text, said
    # What stops others stands first.
    keys = [str(one.get("data-key")) for one in page.all("li")]
    assert keys.index("e-2") < keys.index("e-1")
    then = ledger.head()
    for number in (1, 2):
        ledger.do(ResolveEscalation(id=f"e-{number}", resolution="decided"), agent="lena")
    for id in ("p-index", "p-page"):
        ledger.do(MoveTask(id=id, move="cancel", reason="given up"), agent="lena")
    page = site.page()
    shown = {one.get("aria-labelledby") for one in page.all("section")}
    assert "h-sessions" in shown
    assert not shown & {"h-escalations", "h-plans"}
    # As it was stands in the past.
    assert "2 escalations" in site.page(f"?at={then}").text
