"""The pages of the merge queue and of verification: what they show, and what buttons do."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from gitcoord.domain.merge_queueing import EnqueueMerge
from gitcoord.domain.merges import Merge
from gitcoord.domain.notices import told
from gitcoord.domain.verification import Outcome, Result, Verification
from gitcoord.domain.verify_policies import SetVerifyPolicy
from tests.gitrun import branch, git
from tests.webhook.dashboard.conftest import Opener, Site
from tests.webhook.dashboard.markup import Markup
from tests.webhook.dashboard.world import Ledger
from webhook.dashboard.verifications import standing


@pytest.fixture
def queued(opened: Opener) -> Iterator[tuple[Site, Ledger]]:
    """Return a site whose queue has a branch that can land, and one that conflicts with it."""
    site = opened()
    ledger = Ledger(site.service.settings.projects["web"])
    ledger.enter("s-1", "ada")
    for number, text in ((1, "one\n"), (2, "two\n")):
        head = branch(ledger.place, f"feat/{number}", "src/a", text)
        wish = EnqueueMerge(id=f"q-{number}", branch=f"feat/{number}", head=head, target="main")
        ledger.do(wish, "s-1")
    yield site, ledger
    ledger.close()


def entry(ledger: Ledger, id: str) -> Merge:
    with ledger.house.ledger.state() as state:
        found = state.get(Merge, id)
    assert found is not None
    return found


def test_the_line_shows_places_reasons_and_what_lands(site: Site) -> None:
    page = site.page("/merges")
    for said in (
        "To main 5", "1 docs/passkeys", "landing", "2 feat/mail", "ready",
        "conflicts with main: src/billing/invoice.py", "3 of 4", "at a pull request",
        "main takes only pull requests", "after", "passkeys t-passkeys", "Ended 3",
        "feat/cart is part of main at", "Part of the cart now", "That is done by ada",
        "This service runs no commands of verification",
    ):  # fmt: skip
        assert said in page.text, said
    lands = [x for x in page.forms() if x.get("action").endswith("/q-mail/land")]
    assert len(lands) == 1
    assert not [x for x in page.forms() if x.get("action").endswith("/q-docs/land")]


def test_an_entry_has_a_page_of_its_own(site: Site) -> None:
    page = site.page("/merges/q-round")
    for said in (
        "fix/rounding", "What stands in the way", "Checks 4", "mergeable", "Priority",
        "src/billing/invoice.py", "by merge", "of 100", "bob",
    ):  # fmt: skip
        assert said in page.text, said
    assert "number 3 to main" in page.text
    for id, said in (
        ("q-keys", "comes first q-mail"), ("q-docs", "main moves from"),
        ("q-old", "Why it waits for a pull request"), ("q-index", "Why it was ejected"),
        ("q-cart", "which is at"),
    ):  # fmt: skip
        assert said in site.page(f"/merges/{id}").text, id
    assert site.get("/merges/q-none").status_code == 404


def test_verification_shows_policies_results_and_the_end_of_what_was_written(site: Site) -> None:
    page = site.page("/verifications")
    for said in (
        "Policies 4", "ruff check .", "pytest -q && coverage report", "chrome, safari", "a person",
        "2 integration", "Checked commits 3", "ended with 1", "1 failed, 212 passed",
        "waits for safari", "risk 34 of 100", "7 paths",
    ):  # fmt: skip
        assert said in page.text, said


@pytest.mark.parametrize(
    ("outcomes", "word"),
    [
        (("passed", "failed", "running"), "failed"), (("timeout",), "failed"),
        (("passed", "running"), "running"), (("passed", "error"), "pending"),
        (("passed", "passed"), "passed"), ((), "not_needed"),
    ],
)  # fmt: skip
def test_the_results_of_a_commit_are_one_state(outcomes: tuple[Outcome, ...], word: str) -> None:
    results = tuple(Result(policy=str(at), digest="", status=x) for at, x in enumerate(outcomes))
    assert (
        standing(Verification(commit="c", tree="t", at="", updated_at="", results=results)) == word
    )


def test_the_overview_counts_the_queue(site: Site) -> None:
    assert "Merge queue 5 2 landing, 1 ready, 1 blocked, 1 waiting" in site.page().text


def test_an_admin_checks_and_lands_on_the_page(queued: tuple[Site, Ledger]) -> None:
    site, ledger = queued
    site.enter("admin")
    at = f"{site.base}/merges"
    answer = site.submit(at, f"{at}/check", back=at)
    assert answer.headers["Location"] == at
    assert (entry(ledger, "q-1").status, entry(ledger, "q-2").status) == ("ready", "ready")
    site.submit(at, f"{at}/q-1/land", back=at)
    assert entry(ledger, "q-1").ended_by == "lena"
    assert git(ledger.place, "rev-parse", "main") == entry(ledger, "q-1").result
    # The other no longer fits.
    before = git(ledger.place, "rev-parse", "main")
    answer = site.submit(at, f"{at}/q-2/land", back=at)
    assert answer.status_code == 409
    assert "conflicts with main" in Markup(answer.text).text
    assert git(ledger.place, "rev-parse", "main") == before
    assert "1 of 1" not in site.page("/merges").text
    site.submit(at, f"{at}/q-2/eject", back=at, reason="Merge main first")
    assert (entry(ledger, "q-2").status, entry(ledger, "q-2").reason) == (
        "ejected", "Merge main first",
    )  # fmt: skip
    with ledger.house.ledger.state() as state:
        assert any("Merge main first" in one.text for one in told(state, "s-1"))


def test_all_that_is_ready_lands_with_one_button_and_an_entry_is_given_up(
    queued: tuple[Site, Ledger],
) -> None:
    site, ledger = queued
    site.enter("admin")
    at = f"{site.base}/merges"
    site.submit(at, f"{at}/q-2/remove", back=at, reason="not wanted")
    site.submit(at, f"{at}/land", back=at)
    assert (entry(ledger, "q-1").status, entry(ledger, "q-2").status) == ("merged", "removed")


def test_what_needs_a_command_that_the_service_may_not_run_says_so(
    queued: tuple[Site, Ledger],
) -> None:
    site, ledger = queued
    wish = SetVerifyPolicy(name="unit", command=(sys.executable, "-c", "open('ran', 'w')"))
    ledger.do(wish, agent="lena")
    site.enter("admin")
    at, before = f"{site.base}/merges", git(ledger.place, "rev-parse", "main")
    for path in ("land", "q-1/land"):
        answer = site.submit(at, f"{at}/{path}", back=at)
        assert answer.status_code == 409
        page = Markup(answer.text)
        assert "unit has not run" in page.text
        assert "--run-checks" in page.text
    assert git(ledger.place, "rev-parse", "main") == before


@pytest.mark.parametrize("scope", ["read", "agent"])
def test_others_see_the_queue_and_move_nothing(queued: tuple[Site, Ledger], scope: str) -> None:
    site, ledger = queued
    site.enter(scope)  # type: ignore[arg-type]
    head, page = ledger.head(), site.page("/merges")
    assert "feat/1" in page.text
    assert [x.get("action") for x in page.forms()] == ["/dashboard/theme", "/dashboard/logout"]
    for path in ("land", "check", "q-1/land", "q-1/check", "q-1/eject", "q-1/remove"):
        answer = site.submit(site.base, f"{site.base}/merges/{path}", reason="x")
        assert answer.status_code == 403, path
    assert ledger.head() == head


def test_a_form_without_its_token_or_of_another_site_moves_nothing(
    queued: tuple[Site, Ledger],
) -> None:
    site, ledger = queued
    site.enter("admin")
    at, head, token = f"{site.base}/merges/q-1/land", ledger.head(), site.page().token()
    for fields, headers in (
        ({"reason": "x"}, {}),
        ({"token": token[::-1]}, {}),
        ({"token": token}, {"Origin": "https://evil.example"}),
        ({"token": token}, {"Sec-Fetch-Site": "cross-site"}),
    ):  # fmt: skip
        assert site.browser.post(at, data=fields, headers=headers).status_code == 403
    assert ledger.head() == head


def test_an_empty_queue_says_what_fills_it(opened: Opener) -> None:
    site = opened().enter()
    assert "gitcoord merge enqueue" in site.page("/merges").text
    page = site.page("/verifications")
    assert "gitcoord verify policy add" in page.text
    assert "gitcoord verify run" in page.text
