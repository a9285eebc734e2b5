"""The pages of approvals and features: what they show, and who decides how."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gitcoord.domain.approvals import Approval, Subject
from gitcoord.domain.approving import RequestApproval
from gitcoord.domain.notices import told
from tests.webhook.dashboard.conftest import Opener, Site
from tests.webhook.dashboard.markup import Markup
from tests.webhook.dashboard.world import Ledger


@pytest.fixture
def asked(opened: Opener) -> Iterator[tuple[Site, Ledger]]:
    site = opened()
    ledger = Ledger(site.service.settings.projects["web"])
    ledger.enter("s-1", "ada")
    for number in (1, 2):
        about = Subject(kind="command", text=f"make release{number}")
        wish = RequestApproval(id=f"a-{number}", about=about, why="a rule", details={"cwd": "web"})
        ledger.do(wish, "s-1")
    yield site, ledger
    ledger.close()


def test_who_approves_sees_the_command_as_it_would_run(asked: tuple[Site, Ledger]) -> None:
    """Neither tags nor characters that turn the direction of writing hide a part of it."""
    site, ledger = asked
    sly = "rm -rf a # \u202ekam\u2066 <script>x</script>\x1b[8m"
    about = Subject(kind="command", text=sly)
    said = {"why": "w\u202e", "reason": "r\x1b[2K", "details": {"cwd\u202e": "d\u2066", "n": 1}}
    ledger.do(RequestApproval(id="a-3", about=about, **said), "s-1")
    site.enter("admin")
    found = site.page("/approvals")
    assert "rm -rf a # \ufffdkam\ufffd <script>x</script>\ufffd[8m" in found.text
    assert not {"\u202e", "\u2066", "\x1b"} & set(found.text)


def approval(ledger: Ledger, id: str) -> Approval:
    with ledger.house.ledger.state() as state:
        found = state.get(Approval, id)
    assert found is not None
    return found


def test_requirement_approvals_an_admin_approves_and_denies_on_the_page(
    asked: tuple[Site, Ledger],
) -> None:
    site, ledger = asked
    site.enter("admin")
    page = site.page("/approvals")
    for said in ("Waiting for a decision 2", "make release1", "a rule", "cwd: web", "a-2"):
        assert said in page.text
    at = f"{site.base}/approvals"
    answer = site.submit(at, f"{at}/a-1/approve", back=at, reason="fine")
    assert answer.headers["Location"] == at
    site.submit(at, f"{at}/a-2/deny", back=at, reason="Name the version")
    first, second = approval(ledger, "a-1"), approval(ledger, "a-2")
    assert (first.status, first.decided_by, first.decided_session) == ("approved", "lena", "")
    assert (second.status, second.decision_reason) == ("denied", "Name the version")
    with ledger.house.ledger.state() as state:
        assert len(told(state, "s-1")) == 2
    page = site.page("/approvals")
    assert "Waiting for a decision 0" in page.text
    assert "Decided by lena" in page.text
    assert not [x for x in page.forms() if "/approvals/" in str(x.get("action"))]
    assert "lena denies a-2" in site.page("/log").text


@pytest.mark.parametrize("scope", ["read", "agent"])
def test_others_see_requests_and_cannot_decide_them(asked: tuple[Site, Ledger], scope: str) -> None:
    site, ledger = asked
    site.enter(scope)  # type: ignore[arg-type]
    head, page = ledger.head(), site.page("/approvals")
    assert "make release1" in page.text
    assert [x.get("action") for x in page.forms()] == ["/dashboard/theme", "/dashboard/logout"]
    answer = site.submit(site.base, f"{site.base}/approvals/a-1/approve")
    assert answer.status_code == 403
    assert ledger.head() == head


def test_a_form_without_its_token_or_of_another_site_decides_nothing(
    asked: tuple[Site, Ledger],
) -> None:
    site, ledger = asked
    site.enter("admin")
    at, head = f"{site.base}/approvals/a-1/approve", ledger.head()
    token = site.page().token()
    for fields, headers in (
        ({"reason": "x"}, {}),
        ({"token": token[::-1]}, {}),
        ({"token": token}, {"Origin": "https://evil.example"}),
        ({"token": token}, {"Sec-Fetch-Site": "cross-site"}),
    ):  # fmt: skip
        assert site.browser.post(at, data=fields, headers=headers).status_code == 403
    assert ledger.head() == head


def test_a_refusal_of_the_rules_is_told_on_the_page(asked: tuple[Site, Ledger]) -> None:
    site, ledger = asked
    site.enter("admin")
    head = ledger.head()
    for id, act, fields, status in (
        ("a-1", "deny", {"reason": " "}, 400),
        ("a-9", "approve", {}, 409),
        ("a-1", "raise", {}, 404),
        ("a-1", "kill", {"reason": "x"}, 404),
    ):
        answer = site.submit(site.base, f"{site.base}/approvals/{id}/{act}", **fields)  # type: ignore[arg-type]
        assert answer.status_code == status, (id, act)
        assert [one for one in Markup(answer.text).all("div") if one.get("data-problem")]
    assert ledger.head() == head


def test_the_page_of_features_shows_overlaps_and_what_fits_together(site: Site) -> None:
    page = site.page("/features")
    for said in (
        "Open 3", "Log in with passkeys", "feat/sessions", "paused", "The designs change",
        "passkeys and sessions: src/auth/**", "round 1 t-flaky", "partial",
    ):  # fmt: skip
        assert said in page.text, said


def test_the_page_of_approvals_shows_what_waits_and_what_was_decided(site: Site) -> None:
    page = site.page("/approvals")
    for said in (
        "Waiting for a decision 1", "git push origin main", "the release waits",
        "git_push_protected", "Decided 1", "denied", "Name the folder",
    ):  # fmt: skip
        assert said in page.text, said
