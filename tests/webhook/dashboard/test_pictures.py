"""Every page as it looks: it fits wide and narrow, can be read in light and dark, is photographed.

`TESTS_SCREENSHOTS` names a folder that keeps the screenshots.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from gitcoord.ledger.history import transactions
from tests.conftest import first_commit
from tests.webhook.dashboard.chromium import SCREENSHOTS, Tab, chromium
from tests.webhook.dashboard.crowd import ARABIC, DEEP, crowd
from tests.webhook.dashboard.world import Ledger, Running, planning, populate

if TYPE_CHECKING:
    from playwright.sync_api import Browser

#: Project -> its pages that are looked at.
PAGES = {
    "web": {
        "overview": "", "sessions": "/sessions", "session": "/sessions/s-ada4tz81x",
        "tasks": "/tasks", "graph": "/tasks?view=graph", "task": "/tasks/t-passkeys",
        "locks": "/locks", "file": "/file?key=src/auth/**", "messages": "/messages",
        "handoffs": "/handoffs", "log": "/log", "transaction": "/log/{old}", "past": "?at={old}",
        "missing": "/tasks/t-none", "features": "/features", "approvals": "/approvals",
        "merges": "/merges", "merge": "/merges/q-round", "landing": "/merges/q-docs",
        "verifications": "/verifications",
    },
    "empty": {
        "overview": "", "sessions": "/sessions", "tasks": "/tasks", "graph": "/tasks?view=graph",
        "locks": "/locks", "file": "/file?key=src/**", "messages": "/messages",
        "handoffs": "/handoffs", "log": "/log", "features": "/features",
        "approvals": "/approvals", "merges": "/merges", "verifications": "/verifications",
    },
    "crowd": {
        "overview": "", "sessions": "/sessions", "paused": "/sessions?status=paused",
        "session": "/sessions/s-001", "killed": "/sessions/s-007", "tasks": "/tasks",
        "graph": "/tasks?view=graph", "task": "/tasks/t-failed", "locks": "/locks",
        "file": f"/file?path={quote(DEEP)}", "messages": "/messages", "handoffs": "/handoffs",
        "log": "/log", "transaction": "/log/{old}", "past": "?at={old}",
        "features": "/features", "approvals": "/approvals", "merges": "/merges",
        "merge": "/merges/q-odd", "verifications": "/verifications",
    },
}  # fmt: skip
WIDTHS = (1400, 390)
SCHEMES = ("light", "dark")
#: Of the busy project every page is photographed in each way, of the others in these.
SPARE = ((1400, "light"), (390, "dark"))
#: Returns how many texts were measured, and those that cannot be read on what is behind them
#: (WCAG 2.2, 1.4.3). The pairs of tokens are in test_contrast.py; here is what they add up to.
WEAK = """() => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const pixel = (...colours) => {
        canvas.clearRect(0, 0, 1, 1);
        for (const one of colours) { canvas.fillStyle = one; canvas.fillRect(0, 0, 1, 1); }
        return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const luminance = (rgb) => rgb.map((part) => part / 255)
        .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
        .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
    const known = new Map(), weak = new Set();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    let looked = 0;
    while (walker.nextNode()) {
        const text = walker.currentNode.data.trim(), one = walker.currentNode.parentElement;
        if (!text || !one.checkVisibility() || one.closest("svg, .unseen, .skip")) continue;
        const style = getComputedStyle(one), grounds = [];
        for (let at = one; at; at = at.parentElement)
            grounds.unshift(getComputedStyle(at).backgroundColor);
        const pair = `${grounds} ${style.color}`;
        if (!known.has(pair)) {
            const ground = pixel(...grounds), ink = pixel(`rgb(${ground})`, style.color);
            const [low, high] = [luminance(ink), luminance(ground)].sort((a, b) => a - b);
            known.set(pair, (high + 0.05) / (low + 0.05));
        }
        looked += 1;
        const size = parseFloat(style.fontSize);
        const large = size >= 24 || (style.fontWeight >= 700 && size >= 18.66);
        if (known.get(pair) < (large ? 3 : 4.5))
            weak.add(`${one.className || one.tagName} ${known.get(pair).toFixed(2)}: ${text}`);
    }
    return [looked, [...weak]];
}"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Browser, Running]]:
    """Return a browser, and a service for a busy ledger, an empty one and a crowded one."""
    with chromium() as browser:
        folder = tmp_path_factory.mktemp("shown")
        places = {name: first_commit(folder / name) for name in PAGES}
        for name, place in places.items():
            ledger = Ledger(place).begun()
            if name == "web":
                populate(ledger)
                planning(ledger)
            elif name == "crowd":
                crowd(ledger, 14)
                planning(ledger, "feature-" + "x" * 50, ARABIC)
            ledger.close()
        running = Running(places, str(folder / "state" / "own.sqlite"))
        yield browser, running
        running.close()


def test_names_in_other_directions_turn_nothing_around(shown: tuple[Browser, Running]) -> None:
    browser, running = shown
    tab = Tab(browser).enter(running.url, running.key("read", "crowd"))
    # A path that ends in Arabic, and an Arabic summary behind it.
    tab.page.goto(f"{running.url}/dashboard/p/crowd/sessions/s-001")
    edges = """() => [...document.querySelectorAll(".rows .kind + .grow > *")].slice(0, 2)
        .map((one) => one.getBoundingClientRect()).map((box) => [box.left, box.right])"""
    (_, path), (summary, _) = tab.page.evaluate(edges)
    assert path <= summary
    # A whole text has its own direction, and a name that is too long its title.
    tab.page.goto(f"{running.url}/dashboard/p/crowd/messages")
    texts = tab.page.locator(".feed .text")
    starts = texts.evaluate_all("(all) => all.map((one) => getComputedStyle(one).unicodeBidi)")
    assert set(starts) == {"plaintext"}
    long = tab.page.locator(".agent", has_text="claude-code-worker").first
    assert long.evaluate("(one) => one.scrollWidth > one.clientWidth")
    assert (long.get_attribute("title") or "").startswith(long.text_content() or "-")
    tab.close()


@pytest.mark.parametrize("project", PAGES)
def test_every_page_fits_can_be_read_and_is_photographed(
    shown: tuple[Browser, Running], tmp_path: Path, project: str
) -> None:
    browser, running = shown
    folder = Path(SCREENSHOTS or tmp_path)
    tab = Tab(browser, viewport={"width": WIDTHS[0], "height": 900})
    page = tab.page

    def looked_at(name: str, every: bool = True) -> None:
        page.wait_for_selector("main h1")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            room = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert room <= 0, f"{name} is {room} px too wide for {width}"
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                looked, weak = page.evaluate(WEAK)
                assert looked >= 5
                assert weak == [], f"{name} in {scheme}"
                if every or (width, scheme) in SPARE:
                    tab.photograph(folder / f"{name}-{scheme}-{width}.png")

    page.goto(running.url)
    looked_at("login")
    tab.enter(running.url, running.key("admin", project))
    ledger = Ledger(running.settings.projects[project])
    old = list(transactions(ledger.house.ledger, limit=8))[-1].oid
    ledger.close()
    for name, path in PAGES[project].items():
        place = f"{running.url}/dashboard/p/{project}{path.format(old=old)}"
        page.goto(place, wait_until="domcontentloaded")
        looked_at(f"{project}-{name}", every=project == "web")
    tab.close()
    ways = len(WIDTHS) * len(SCHEMES) if project == "web" else len(SPARE)
    assert len(list(folder.glob(f"{project}-*.png"))) == len(PAGES[project]) * ways
