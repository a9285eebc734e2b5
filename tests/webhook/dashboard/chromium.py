"""A real browser for the tests, where there is one: Debian's chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

#: Where screenshots are kept for people to look at; by default they go with the test's folder.
SCREENSHOTS = os.environ.get("TESTS_SCREENSHOTS", "")
#: Milliseconds that a page may take for anything.
PATIENCE = 10_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield a browser; skips the test where there is none."""
    place = shutil.which("chromium") or shutil.which("chromium-browser")
    if place is None:
        pytest.skip("there is no chromium (on Debian: apt-get install chromium)")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    # Nobody can sandbox what root runs.
    root = getattr(os, "geteuid", lambda: 1)() == 0
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=place, args=["--no-sandbox"] if root else []
        )
        yield browser
        browser.close()


class Tab:
    """One page in a browser of its own, and what it has complained about."""

    def __init__(self, browser: Browser, **settings: Any) -> None:
        settings.setdefault("viewport", {"width": 1400, "height": 900})
        self.context = browser.new_context(**settings)
        self.context.set_default_timeout(PATIENCE)
        self.page: Page = self.context.new_page()
        self._protocol = self.context.new_cdp_session(self.page)
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._heard)

    def enter(self, url: str, key: str) -> Tab:
        """Log in with a key, by the form."""
        self.page.goto(f"{url}/dashboard/login")
        self.page.fill("#key", key)
        self.page.click("main button")
        self.page.wait_for_selector(".shell")
        return self

    def photograph(self, path: Path) -> None:
        """Write a screenshot of the whole page.

        Asked of the browser itself, which does not have to lay the page out anew for it.
        """
        size = self._protocol.send("Page.getLayoutMetrics")["cssContentSize"]
        asked = {
            "captureBeyondViewport": True,
            "optimizeForSpeed": True,
            "clip": {**size, "scale": 1},
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b64decode(self._protocol.send("Page.captureScreenshot", asked)["data"]))

    def close(self) -> None:
        self.context.close()
        assert self.complaints == []

    def _heard(self, message: Any) -> None:
        # A page that says what is wrong is one with such a status.
        if message.type in ("error", "warning") and "status of 4" not in message.text:
            self.complaints.append(message.text)
