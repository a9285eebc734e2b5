"""The pages without a mouse: all can be reached and seen to be, nothing keeps the focus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.conftest import first_commit
from tests.webhook.dashboard.chromium import Tab, chromium
from tests.webhook.dashboard.world import Ledger, Running, populate

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

#: Counts what can be reached in the middle of the page.
REACHABLE = """() => [...main.querySelectorAll("a, button, input, select, summary, pre")]
    .filter((one) => one.checkVisibility() && one.type !== "hidden").length"""
#: Returns what has the focus: false for nothing of the page, else whether it is seen to have it.
FOCUS = """() => {
    const at = document.activeElement;
    if (at === document.body) return null;
    (window.seen ??= new Set()).add(at);
    const style = getComputedStyle(at.matches(".box") ? at.querySelector("rect") : at);
    return style.outlineStyle === "solid" || style.strokeWidth === "3px" ? "" : at.outerHTML;
}"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Browser, Running]]:
    """Return a browser, and a service for a busy ledger."""
    with chromium() as browser:
        folder = tmp_path_factory.mktemp("busy")
        ledger = Ledger(first_commit(folder / "web")).begun()
        populate(ledger)
        ledger.close()
        running = Running({"web": ledger.place}, str(folder / "state" / "own.sqlite"))
        yield browser, running
        running.close()


@pytest.fixture
def tab(shown: tuple[Browser, Running]) -> Iterator[Tab]:
    """Return a tab in which an admin looks at the overview."""
    browser, running = shown
    made = Tab(browser).enter(running.url, running.key("admin", "web"))
    made.page.wait_for_selector("#pulse[data-state=live]")
    yield made
    made.close()


def skipped(page: Page) -> None:
    """Go over the navigation as the first link of a page says."""
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the page"
    assert page.evaluate("document.activeElement.getBoundingClientRect().top") >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


@pytest.mark.parametrize("path", ["", "/tasks?view=graph", "/file?key=src/auth/**"])
def test_the_keyboard_reaches_everything_is_seen_and_goes_on(tab: Tab, path: str) -> None:
    page = tab.page
    page.goto(page.url + path)
    skipped(page)
    wanted = page.evaluate(REACHABLE)
    assert wanted > 10
    for _ in range(wanted + 10):
        page.keyboard.press("Tab")
        hidden = page.evaluate(FOCUS)
        if hidden is None:
            break
        assert hidden == ""
    # It has left the page, for the browser's own buttons.
    assert page.evaluate("document.activeElement === document.body")
    assert page.evaluate("[...seen].filter((one) => main.contains(one)).length") >= wanted


def test_a_menu_is_opened_used_and_left(tab: Tab) -> None:
    page = tab.page
    summary = page.locator("tr[data-key=s-ada4tz81x] summary.danger")
    summary.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#kill-why-s-ada4tz81x:focus")
    page.keyboard.press("Shift+Tab")
    assert summary.evaluate("(one) => one === document.activeElement")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Kill session"
    page.keyboard.press("Escape")
    assert not page.is_visible("#kill-why-s-ada4tz81x")
    assert summary.evaluate("(one) => one === document.activeElement")


def test_a_live_update_keeps_focus_and_what_was_typed(
    tab: Tab, shown: tuple[Browser, Running]
) -> None:
    page = tab.page
    ledger = Ledger(shown[1].settings.projects["web"])
    page.goto(f"{page.url}/sessions")
    page.wait_for_selector("#pulse[data-state=live]")
    page.locator("tr[data-key=s-cyd33kfp0] summary.danger").focus()
    ledger.enter("s-aaa", "aaa")
    page.wait_for_selector("tr[data-key=s-aaa]")
    focused = "document.activeElement.closest('tr')?.dataset.key"
    assert page.evaluate(focused) == "s-cyd33kfp0"
    page.fill("#q", "half a wo")
    ledger.enter("s-aab", "aab")
    page.wait_for_selector("tr[data-key=s-aab]")
    assert page.evaluate("document.activeElement.id") == "q"
    assert page.input_value("#q") == "half a wo"
    ledger.close()


@pytest.mark.parametrize(("wish", "animation"), [("reduce", "none"), ("no-preference", "fresh")])
def test_who_wants_less_motion_gets_none(tab: Tab, wish: str, animation: str) -> None:
    tab.page.emulate_media(reduced_motion=wish)  # type: ignore[arg-type]
    flashed = "(flash(document.querySelector('tbody tr')), document.querySelector('.fresh'))"
    assert tab.page.evaluate(f"getComputedStyle({flashed}).animationName") == animation
