"""Pages of a project that a git host decides: what others have done, and a host that is gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gitcoord.bootstrap import open_house
from gitcoord.domain.lock_operations import AcquireLocks
from tests.gitrun import git
from tests.servers import faults
from tests.servers.git_http import GitHost, serving
from tests.webhook.dashboard.chromium import SCREENSHOTS, Tab, chromium
from tests.webhook.dashboard.conftest import Opener, Site
from tests.webhook.dashboard.markup import Markup
from tests.webhook.dashboard.world import Ledger, Running
from webhook import projects
from webhook.dashboard import contact

GONE = "The git host does not answer."


@pytest.fixture
def host(tmp_path: Path) -> Iterator[GitHost]:
    with serving(tmp_path / "host") as made:
        made.create("web")
        yield made


@pytest.fixture
def theirs(host: GitHost, tmp_path: Path) -> Iterator[Ledger]:
    """Return somebody else's clone, who has begun the ledger at the host."""
    place = str(tmp_path / "theirs")
    git(str(tmp_path), "clone", "-q", host.url("web"), place)
    git(place, "config", "coord.remote", "origin")
    ledger = Ledger(place).begun()
    ledger.enter("s-ada", "ada")
    yield ledger
    ledger.close()


@pytest.fixture
def site(host: GitHost, theirs: Ledger, opened: Opener, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Return a service of the host's URL, which asks it for every page."""
    monkeypatch.setattr(projects, "FRESH", 0.0)
    return opened({"web": host.url("web")}).enter()


def test_a_page_shows_what_the_host_has_decided_and_a_button_decides_there(
    site: Site, host: GitHost, theirs: Ledger
) -> None:
    assert "ada" in site.page().text
    theirs.do(AcquireLocks(keys=("src/**",)), "s-ada")
    assert "src/**" in site.page("/locks").text
    assert GONE not in site.page("/locks").text
    site.submit(site.base, f"{site.base}/sessions/s-ada/pause", back=site.base, reason="Wait")
    subject = git(str(host.path("web")), "log", "-1", "--format=%s", "refs/coord/state")
    assert subject == "session: lena pauses s-ada of ada"
    assert "Resume" in site.page().text


def test_of_a_host_that_is_gone_pages_show_what_it_said_last_and_say_so(
    site: Site, host: GitHost, theirs: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = theirs.head()
    paths = ("", "/sessions", "/sessions/s-ada", "/tasks", "/locks", "/file?key=src/**",
             "/messages", "/handoffs", "/log", f"/log/{head}", f"?at={head}")  # fmt: skip
    site.page()
    host.stop()
    site.page()
    monkeypatch.setattr(projects, "FRESH", 60.0)
    for path in paths:
        page = site.page(path)
        assert page.text.count(GONE) == 1, path
        assert "cannot be reached" in page.text
        assert page.all("aside", **{"aria-label": "Git host"})
    assert "ada" in site.page().text
    monkeypatch.setattr(projects, "FRESH", 0.0)
    # Nothing can be changed; the page says why, and nothing was.
    answer = site.submit(site.base, f"{site.base}/sessions/s-ada/kill", reason="x")
    assert answer.status_code == 503
    assert "cannot be reached" in Markup(answer.text).text
    host.start()
    assert GONE not in site.page().text
    assert git(str(host.path("web")), "rev-parse", "refs/coord/state") == head
    assert site.submit(site.base, f"{site.base}/sessions/s-ada/pause").status_code == 303


def test_nobody_waits_for_a_host_that_is_silent(
    site: Site, host: GitHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.page()
    monkeypatch.setattr(projects, "PATIENCE", 0.1)
    monkeypatch.setattr(contact, "SILENT", 0.0)
    # Whoever did wait for this answer would have a page without a word about it.
    host.faults.append(held := faults.hold())
    for path in ("", "/tasks", ""):
        text = site.page(path).text
        assert GONE in text
        assert "has not answered yet" in text
    assert held.reached.is_set()
    held.release()
    site.service.projects["web"].house().follow()
    monkeypatch.setattr(projects, "PATIENCE", 10.0)
    monkeypatch.setattr(contact, "SILENT", 5.0)
    assert GONE not in site.page().text


def test_a_host_that_was_never_reached_is_a_page_that_says_so(
    host: GitHost, opened: Opener
) -> None:
    host.stop()
    answer = opened({"web": host.url("web")}).enter("read").get()
    assert answer.status_code == 503
    page = Markup(answer.text)
    assert page.faults() == []
    assert "cannot be reached" in page.text
    assert "Try again" in page.text


def test_an_open_page_follows_the_host_says_when_it_is_gone_and_goes_on_when_it_is_back(
    host: GitHost, theirs: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projects, "FRESH", 0.0)
    with chromium() as browser:
        running = Running({"web": host.url("web")}, str(tmp_path / "state" / "own.sqlite"))
        tab = Tab(browser).enter(running.url, running.key("admin", "web"))
        page = tab.page
        page.wait_for_selector("#pulse[data-state=live]")
        theirs.enter("s-bob", "bob")
        page.wait_for_selector("tr[data-key=s-bob]")
        host.stop()
        page.evaluate("refresh()")
        page.wait_for_selector(f"#host >> text={GONE}")
        page.wait_for_selector("#pulse[data-state=behind]")
        assert page.is_visible("tr[data-key=s-bob]")
        tab.photograph(Path(SCREENSHOTS or tmp_path) / "host-gone.png")
        host.start()
        page.evaluate("refresh()")
        page.wait_for_selector("#pulse[data-state=live]")
        assert not page.query_selector("#host aside")
        tab.close()
        running.close()


def test_somebody_elses_clone_has_its_own_word(theirs: Ledger) -> None:
    # A local ledger is never behind.
    assert contact.behind(theirs.house) is None
    local = open_house(theirs.place, {}, remote="local")
    assert contact.behind(local) is None
    local.close()
