"""Pages of a ledger with many of everything: what is shown, what is left, how it is found."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gitcoord.domain.departure import EndSession
from gitcoord.domain.lock_operations import AcquireLocks
from gitcoord.domain.pausing import PauseSession
from gitcoord.ledger.history import transactions
from tests.conftest import first_commit
from tests.webhook.dashboard.conftest import Opener, Site
from tests.webhook.dashboard.markup import Markup
from tests.webhook.dashboard.world import Ledger
from webhook.dashboard import files, overview, people

#: Live sessions; all of them declare one area.
MANY = 17


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    ledger = Ledger(first_commit(tmp_path_factory.mktemp("many") / "repo")).begun()
    for at in range(MANY):
        ledger.enter(f"s-{at:02d}", "Fox" if at == 3 else f"agent-{at:02d}", area="auth")
    ledger.do(AcquireLocks(keys=tuple(f"src/f{at:02d}.py" for at in range(12))), "s-05")
    ledger.do(PauseSession(id="s-04", reason="Review"), agent="lena")
    for name in ("s-90", "s-91"):
        ledger.enter(name, "Gone")
        ledger.do(EndSession(), name)
    yield ledger
    ledger.close()


@pytest.fixture
def site(many: Ledger, opened: Opener, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Return a service whose pages are short."""
    monkeypatch.setattr(people, "ROWS", 5)
    monkeypatch.setattr(files, "ROWS", 5)
    monkeypatch.setattr(overview, "SESSIONS", 5)
    monkeypatch.setattr(overview, "FOLDED", 10)
    return opened({"web": many.place}).enter("read")


def rows(page: Markup) -> list[str]:
    return [name for one in page.all("tr") if (name := one.get("data-key")).startswith("s-")]


def test_the_list_of_sessions_is_turned_page_by_page(site: Site) -> None:
    path, seen = "/sessions", []
    for number in range(1, 5):
        page = site.page(path)
        assert f"Page {number} of 4" in page.text
        assert f"Here now {MANY}" in page.text
        found = [name for name in rows(page) if name < "s-90"]
        assert len(found) == (5 if number < 4 else 2)
        seen += found
        path = "/sessions" + next((one.get("href") for one in page.all("a", rel="next")), "")
    assert path == "/sessions"
    assert len(set(seen)) == MANY
    # What wants attention comes first.
    assert seen[0] == "s-04"
    assert "No session matches." in site.page("/sessions?page=9").text
    for wrong in ("0", "-1", "x", "²"):
        assert site.get(f"/sessions?page={wrong}").status_code == 400


def test_sessions_are_found_by_status_name_and_id(site: Site) -> None:
    page = site.page("/sessions?status=paused")
    assert rows(page) == ["s-04", "s-91", "s-90"]
    assert {"?", "?status=active", "?status=paused"} <= set(page.links())
    assert page.one("a", href="?status=paused").get("aria-current") == "true"
    assert rows(site.page("/sessions?find=fox")) == ["s-03"]
    assert rows(site.page("/sessions?find=S-1&status=active&page=2")) == ["s-15", "s-16"]
    assert "Without “ S-1 ”" in site.page("/sessions?find=S-1").text
    assert rows(site.page("/sessions?find=gone")) == ["s-91", "s-90"]
    nothing = site.page("/sessions?find=nobody")
    assert rows(nothing) == []
    assert nothing.text.count("No session matches.") == 2


def test_a_search_stays_in_the_past(site: Site, many: Ledger) -> None:
    old = list(transactions(many.house.ledger, limit=5))[-1].oid
    page = site.page(f"/sessions?at={old}&find=agent")
    assert page.one("input", name="at").get("value") == old
    (after,) = {one.get("href") for one in page.all("a", rel="next") if "page=" in one.get("href")}
    assert after == f"?page=2&find=agent&at={old}"
    assert f"?at={old}" in page.links()


def test_the_overview_has_the_first_sessions_and_leads_to_the_rest(site: Site) -> None:
    page = site.page()
    assert len(rows(page)) == 5
    assert f"All {MANY} sessions" in page.text


def test_conflicts_are_counted_shown_unfolded_and_then_only_counted(site: Site) -> None:
    page, pairs = site.page(), MANY * (MANY - 1) // 2
    assert f"{pairs} conflicts" in page.text
    assert page.text.count("both work on") == overview.CLASHES + 10
    assert f"{pairs - overview.CLASHES} more" in page.text
    assert f"and {pairs - overview.CLASHES - 10} more; the page of a session" in page.text
    assert site.page("/sessions/s-03").text.count("also works on") == MANY - 1


def test_a_pattern_that_many_locks_meet_shows_some_and_counts_the_rest(site: Site) -> None:
    for path in ("/file?key=src/**", "/locks"):
        text = site.page(path).text
        assert "Held now 12" in text
        assert "and 7 more: gitcoord lock list" in text


def test_a_command_that_names_a_file_can_be_copied_into_a_shell(site: Site) -> None:
    text = site.page("/file?path=docs/it's; echo.py").text
    assert """gitcoord lock acquire 'docs/it'"'"'s; echo.py'""" in text
    assert "gitcoord lock acquire docs/plain.py" in site.page("/file?path=docs/plain.py").text
