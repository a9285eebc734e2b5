"""The pages in a real browser: they follow what happens, and can be used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gitcoord.domain.lock_operations import AcquireLocks
from gitcoord.domain.sessions import Session
from tests.conftest import first_commit
from tests.webhook.dashboard.chromium import Tab, chromium
from tests.webhook.dashboard.world import Ledger, Running, populate

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def busy(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Return a service for a busy ledger."""
    folder = tmp_path_factory.mktemp("busy")
    ledger = Ledger(first_commit(folder / "web")).begun()
    populate(ledger)
    ledger.close()
    running = Running({"web": ledger.place}, str(folder / "state" / "own.sqlite"))
    yield running
    running.close()


@pytest.fixture
def quiet(browser: Browser, tmp_path: Path) -> Iterator[tuple[Running, Ledger]]:
    """Return a service for an empty ledger, and the ledger for others to act on."""
    place = first_commit(tmp_path / "repo")
    ledger = Ledger(place).begun()
    running = Running({"web": place}, str(tmp_path / "state" / "own.sqlite"))
    yield running, ledger
    running.close()
    ledger.close()


def test_two_agents_come_collide_lock_and_are_killed_and_the_page_shows_each(
    browser: Browser, quiet: tuple[Running, Ledger]
) -> None:
    running, ledger = quiet
    tabs = [
        Tab(browser).enter(running.url, running.key(scope, "web"))  # type: ignore[arg-type]
        for scope in ("admin", "read")
    ]
    for tab in tabs:
        tab.page.wait_for_selector("#pulse[data-state=live]")
        tab.page.evaluate("window.before = 'the same page'")

    def shown(selector: str) -> None:
        for tab in tabs:
            tab.page.wait_for_selector(selector)
            assert tab.page.evaluate("window.before") == "the same page"

    ledger.enter("s-ada", "ada", area="auth", files=("src/auth/**",))
    shown("tr[data-key=s-ada] >> text=active")
    ledger.enter("s-bob", "bob", files=("src/auth/login.py",))
    shown("#clashes >> text=1 conflict")
    shown("#clashes >> text=src/auth/login.py")
    ledger.do(AcquireLocks(keys=("src/auth/**",)), "s-ada")
    shown("#locks li >> text=src/auth/**")
    admin, reader = (tab.page for tab in tabs)
    assert reader.query_selector("text=Kill") is None
    # The menu takes the focus, so that a reason can be typed at once.
    admin.click("tr[data-key=s-bob] >> summary:has-text('Pause')")
    admin.wait_for_selector("#pause-why-s-bob:focus")
    admin.keyboard.type("Wait for ada")
    admin.keyboard.press("Enter")
    shown("tr[data-key=s-bob] >> text=paused")
    shown("tr[data-key=s-bob] >> text=Wait for ada")
    for name in ("s-bob", "s-ada"):
        admin.click(f"tr[data-key={name}] summary.danger")
        admin.fill(f"#kill-why-{name}", "Works on the same")
        admin.click(f"tr[data-key={name}] .solid.danger")
        for tab in tabs:
            tab.page.wait_for_selector(f"tr[data-key={name}]", state="detached")
    shown("text=Nobody is checked in")
    shown("#locks >> text=Nothing is held")
    shown("#history >> text=lena kills s-ada")
    with ledger.house.ledger.state() as state:
        ended = [state.get(Session, name) for name in ("s-ada", "s-bob")]
    assert {one.status for one in ended if one} == {"killed"}
    for tab in tabs:
        tab.close()


def test_an_update_takes_nothing_away_from_who_is_typing(
    browser: Browser, quiet: tuple[Running, Ledger]
) -> None:
    running, ledger = quiet
    for number in range(30):
        ledger.enter(f"s-{number:02d}", f"agent-{number:02d}")
    tab = Tab(browser).enter(running.url, running.key("admin", "web"))
    page = tab.page
    page.wait_for_selector("#pulse[data-state=live]")
    page.click("tr[data-key=s-20] summary.danger")
    page.type("#kill-why-s-20", "half a rea")
    place = page.evaluate("scrollY")
    assert place > 0
    ledger.enter("s-aa", "aaron")
    page.wait_for_selector("tr[data-key=s-aa]")
    assert page.evaluate("document.activeElement.id") == "kill-why-s-20"
    page.keyboard.type("son")
    assert page.input_value("#kill-why-s-20") == "half a reason"
    assert page.is_visible("#kill-why-s-20")
    # One row more above: what is looked at stays where it is, give or take that row.
    assert abs(page.evaluate("scrollY") - place) < 100
    page.keyboard.press("Escape")
    assert not page.is_visible("#kill-why-s-20")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    tab.close()


def test_what_is_new_is_pointed_out_and_nothing_else(
    browser: Browser, quiet: tuple[Running, Ledger]
) -> None:
    running, ledger = quiet
    ledger.enter("s-ada", "ada")
    tab = Tab(browser).enter(running.url, running.key("read", "web"))
    page = tab.page
    page.wait_for_selector("#pulse[data-state=live]")
    page.evaluate(
        "window.seen = []; flash = (one) => {"
        " if (one.matches('tr, li')) seen.push(one.getAttribute('data-key')) }; 0"
    )
    ledger.enter("s-bob", "bob")
    page.wait_for_selector("tr[data-key=s-bob]")
    assert page.evaluate("seen") == ["s-bob", ledger.head()]
    tab.close()


def test_a_refusal_is_said_without_leaving_the_page(
    browser: Browser, quiet: tuple[Running, Ledger]
) -> None:
    running, ledger = quiet
    ledger.enter("s-ada", "ada")
    tab = Tab(browser).enter(running.url, running.key("admin", "web"))
    page = tab.page
    page.click("tr[data-key=s-ada] summary.danger")
    page.fill("#kill-why-s-ada", "   ")
    page.click("tr[data-key=s-ada] .solid.danger")
    page.wait_for_selector("#said >> text=needs a reason")
    assert page.is_visible("tr[data-key=s-ada]")
    tab.close()


def test_a_page_that_lost_the_service_says_so_and_goes_on_when_it_is_back(
    browser: Browser, quiet: tuple[Running, Ledger]
) -> None:
    running, ledger = quiet
    tab = Tab(browser).enter(running.url, running.key("read", "web"))
    tab.page.wait_for_selector("#pulse[data-state=live]")
    tab.context.set_offline(True)
    tab.page.evaluate("refresh()")
    tab.page.wait_for_selector("#pulse[data-state=lost] >> text=trying again")
    ledger.enter("s-ada", "ada")
    tab.context.set_offline(False)
    tab.page.evaluate("refresh()")
    tab.page.wait_for_selector("tr[data-key=s-ada]")
    tab.page.wait_for_selector("#pulse[data-state=live]")
    tab.complaints = [one for one in tab.complaints if "ERR_INTERNET_DISCONNECTED" not in one]
    tab.close()


def test_without_a_script_pages_can_be_read_and_buttons_work(
    browser: Browser, quiet: tuple[Running, Ledger]
) -> None:
    running, ledger = quiet
    ledger.enter("s-ada", "ada")
    tab = Tab(browser, java_script_enabled=False).enter(running.url, running.key("admin", "web"))
    page = tab.page
    page.click("text=Dark")
    assert page.get_attribute("html", "data-theme") == "dark"
    page.click("tr[data-key=s-ada] summary.danger")
    page.fill("#kill-why-s-ada", "Enough")
    page.click("tr[data-key=s-ada] .solid.danger")
    page.wait_for_selector("text=Nobody is checked in")
    page.click("text=Log out")
    page.wait_for_selector("#key")
    tab.close()


def test_light_and_dark_are_chosen_and_remembered(browser: Browser, busy: Running) -> None:
    tab = Tab(browser, color_scheme="light").enter(busy.url, busy.key("read", "web"))
    page = tab.page
    ground = "getComputedStyle(document.body).color"
    light = page.evaluate(ground)
    with page.expect_response("**/dashboard/theme"):
        page.click("text=Dark")
    assert page.evaluate(ground) != light
    page.goto(f"{busy.url}/dashboard/p/web/log")
    assert page.evaluate(ground) != light
    assert page.get_attribute("button[value=dark]", "aria-pressed") == "true"
    tab.close()
