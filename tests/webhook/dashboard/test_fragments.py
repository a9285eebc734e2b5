"""What a live page asks for again, and the files that it is made with."""

from __future__ import annotations

import re

from tests.webhook.dashboard.conftest import Opener, Site
from tests.webhook.dashboard.markup import Markup
from tests.webhook.dashboard.test_pages import EVERY
from webhook.dashboard.assets import assets, link


def test_a_fragment_is_the_middle_of_the_same_page(site: Site) -> None:
    for path in EVERY:
        whole, part = site.page(path), Markup(site.get(path, X_Fragment="1").text)
        assert part.all("html") == part.all("header", **{"class": "shell"}) == []
        live = [one.get("id") for one in whole.elements if "data-live" in one.attributes]
        assert live, path
        # A piece is found again by its id.
        assert all(live)
        assert [one.get("id") for one in part.elements if "data-live" in one.attributes] == live
        assert part.one("main").get("data-now") >= whole.one("main").get("data-now")


def test_pieces_are_no_part_of_each_other(site: Site) -> None:
    # Else one would be put in place twice.
    for path in EVERY:
        text = site.get(path, X_Fragment="1").text
        assert not re.search(
            r"data-live[^>]*>(?:(?!</section>|</div>).)*data-live", text, re.DOTALL
        )


def test_rows_have_keys_by_which_they_are_found_again(site: Site) -> None:
    for path in ("", "/sessions", "/tasks", "/locks", "/messages", "/log"):
        page = site.page(path)
        keys = [one.get("data-key") for one in page.elements if "data-key" in one.attributes]
        assert len(keys) >= 3, path
        assert all(keys)


def test_files_are_kept_for_good_under_addresses_that_change_with_them(opened: Opener) -> None:
    site = opened()
    page = site.browser.get("/dashboard/login").text
    for name, asset in assets().items():
        assert link(name) in page
        answer = site.browser.get(link(name))
        assert answer.content == asset.data
        assert answer.headers["Content-Type"].startswith(asset.kind)
        assert "immutable" in answer.headers["Cache-Control"]
        etag = answer.headers["ETag"]
        again = site.browser.get(link(name), headers={"If-None-Match": etag})
        assert (again.status_code, again.content) == (304, b"")
        old = site.browser.get(f"/dashboard/static/{name}?v=0000")
        assert old.headers["Cache-Control"] == "public, no-cache"


def test_nothing_but_these_files_is_served(opened: Opener) -> None:
    site = opened()
    for name in ("none.css", "../cookie.py", "%2e%2e/cookie.py", "..%2fcookie.py", ""):
        answer = site.browser.get(f"/dashboard/static/{name}")
        assert answer.status_code in (303, 404), name
        assert "hmac" not in answer.text


def test_scripts_and_styles_load_nothing_and_run_no_text() -> None:
    for name, asset in assets().items():
        text = asset.data.decode()
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text), name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|\beval\b|new Function", text), (
            name
        )
        assert "@import" not in text
        assert "url(" not in text
