"""Kill, pause and resume from a page: for an admin's key only, and only from a form of ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gitcoord.domain.lock_operations import AcquireLocks
from gitcoord.domain.sessions import Session
from tests.webhook.dashboard.conftest import Opener, Site
from tests.webhook.dashboard.markup import Markup
from tests.webhook.dashboard.world import Ledger


@pytest.fixture
def pair(opened: Opener) -> Iterator[tuple[Site, Ledger]]:
    site = opened()
    ledger = Ledger(site.service.settings.projects["web"])
    ledger.enter("s-1", "ada")
    ledger.do(AcquireLocks(keys=("src/**",)), "s-1")
    yield site, ledger
    ledger.close()


def session(ledger: Ledger) -> Session:
    with ledger.house.ledger.state() as state:
        found = state.get(Session, "s-1")
    assert found is not None
    return found


def test_an_admin_pauses_resumes_and_kills(pair: tuple[Site, Ledger]) -> None:
    site, ledger = pair
    site.enter("admin")
    at = f"{site.base}/sessions/s-1"
    answer = site.submit(site.base, f"{at}/pause", back=f"{site.base}/locks")
    assert answer.headers["Location"] == f"{site.base}/locks"
    assert session(ledger).status == "paused"
    assert f"{at}/resume" in [one.get("action") for one in site.page().forms()]
    assert session(ledger).pause_reason == ""
    site.submit(site.base, f"{at}/resume", back=site.base)
    assert session(ledger).status == "active"
    site.submit(site.base, f"{at}/pause", back=site.base, reason="Wait for the review")
    assert session(ledger).pause_reason == "Wait for the review"
    for path in ("", "/sessions", "/sessions/s-1"):
        assert "Wait for the review" in site.page(path).text
    site.submit(site.base, f"{at}/resume", back=site.base)
    site.submit(site.base, f"{at}/kill", back=site.base, reason="Edits the wrong branch")
    killed = session(ledger)
    assert (killed.status, killed.summary) == ("killed", "Edits the wrong branch")
    assert killed.lost_keys == ("src/**",)
    assert "lena kills s-1 of ada: Edits the wrong branch" in site.page("/log").text
    assert "killed" in site.page("/sessions").text


@pytest.mark.parametrize("scope", ["read", "agent"])
def test_others_see_no_button_and_are_refused_all_the_same(
    pair: tuple[Site, Ledger], scope: str
) -> None:
    site, ledger = pair
    site.enter(scope)  # type: ignore[arg-type]
    head = ledger.head()
    for path in ("", "/sessions", "/sessions/s-1"):
        actions = [one.get("action") for one in site.page(path).forms()]
        assert actions == ["/dashboard/theme", "/dashboard/logout"]
    for act in ("kill", "pause", "resume"):
        answer = site.submit(site.base, f"{site.base}/sessions/s-1/{act}", reason="x")
        assert answer.status_code == 403
        assert "scope admin" in Markup(answer.text).text
    assert ledger.head() == head


def test_a_button_of_another_site_or_without_its_token_does_nothing(
    pair: tuple[Site, Ledger],
) -> None:
    site, ledger = pair
    site.enter("admin")
    at, head = f"{site.base}/sessions/s-1/kill", ledger.head()
    token = site.page().token()
    for fields, headers in (
        ({"reason": "x"}, {}),
        ({"reason": "x", "token": token[::-1]}, {}),
        ({"reason": "x", "token": token}, {"Origin": "https://evil.example"}),
        ({"reason": "x", "token": token}, {"Origin": "null"}),
        ({"reason": "x", "token": token}, {"Sec-Fetch-Site": "cross-site"}),
    ):  # fmt: skip
        assert site.browser.post(at, data=fields, headers=headers).status_code == 403
    assert site.browser.get(at).status_code == 404
    assert ledger.head() == head


def test_a_refusal_of_the_rules_is_told_on_the_page(pair: tuple[Site, Ledger]) -> None:
    site, ledger = pair
    site.enter("admin")
    head = ledger.head()
    for id, act, fields, status in (
        ("s-1", "kill", {"reason": " "}, 400),
        ("s-2", "kill", {"reason": "x"}, 404),
        ("s-1", "raise", {}, 404),
    ):
        answer = site.submit(site.base, f"{site.base}/sessions/{id}/{act}", **fields)  # type: ignore[arg-type]
        assert answer.status_code == status, (id, act, answer.text)
        page = Markup(answer.text)
        assert [one for one in page.all("div") if one.get("data-problem")]
        # What is chosen there leads on to a page that there is.
        assert {one.get("value") for one in page.all("input", name="back")} == {site.base}
    assert ledger.head() == head


def test_light_and_dark_are_remembered(opened: Opener) -> None:
    site = opened().enter("read")
    assert site.page().one("html").get("data-theme") == "auto"
    back = f"{site.base}/tasks?view=graph"
    answer = site.submit(site.base, "/dashboard/theme", theme="dark", back=back)
    assert answer.headers["Location"] == back
    page = site.page()
    assert page.one("html").get("data-theme") == "dark"
    assert page.one("button", value="dark").get("aria-pressed") == "true"
    site.submit(site.base, "/dashboard/theme", theme='x" onload="', back="")
    assert site.page().one("html").get("data-theme") == "auto"
