"""What the pages show, as HTML: good form, what is held and done, empty states, trouble."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import first_commit
from tests.webhook.dashboard.conftest import Opener, Site
from tests.webhook.dashboard.markup import Markup
from tests.webhook.dashboard.world import Ledger
from webhook.limits import HEADERS

EVERY = (
    "", "/sessions", "/sessions/s-ada4tz81x", "/sessions/s-dora7u1s8", "/tasks",
    "/tasks?view=graph", "/tasks/t-passkeys", "/tasks/t-recover", "/locks",
    "/file?key=src/auth/**", "/file?path=src/auth/login.py&all=1", "/messages", "/handoffs",
    "/handoffs?agent=ada", "/handoffs?task=t-passkeys", "/log", "/log?operation=lock.&agent=ada",
    "/features", "/approvals",
)  # fmt: skip


@pytest.mark.parametrize("path", EVERY)
def test_every_page_is_good_html_and_obeys_the_content_security_policy(
    site: Site, path: str
) -> None:
    answer = site.get(path)
    page = site.page(path)
    assert answer.headers["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert page.one("html").get("lang") == "en"
    assert page.one("main").get("id") == "main"
    assert len(page.all("h1")) == 1
    # The first thing on the page leads over the navigation.
    assert page.links()[0] == "#main"
    assert len([one for one in page.all("a") if one.get("aria-current") == "page"]) in (1, 2)


@pytest.mark.parametrize("path", EVERY)
def test_every_link_of_every_page_leads_somewhere(site: Site, path: str) -> None:
    for link in {one for one in site.page(path).links() if one.startswith("/")}:
        answer = site.browser.get(link)
        assert answer.status_code in (200, 303), link


def test_the_overview_shows_who_is_here_what_it_costs_and_where_work_collides(site: Site) -> None:
    text = site.page().text
    for said in (
        "Spend $23.13", "8.46M tokens, 1 price not known", "Requests 872", "24 errors",
        "1 conflict", "ada and cyd both work on src/auth/session.py", "paused", "active",
        "t-passkeys", "cyd waits for src/auth/session.py", "bob", "passkey log-in",
        "web/old/cart.ts",
    ):  # fmt: skip
        assert said in text, said
    # Who has left is not here any more.
    assert "s-dora7u1s8" not in [one.get("data-key") for one in site.page().all("tr")]


def test_times_are_relative_with_the_exact_one_beside(site: Site) -> None:
    for one in site.page().all("time"):
        assert one.get("datetime").endswith("Z")
        assert one.get("title").endswith("UTC")


def test_a_session_that_was_killed_says_why_and_what_it_lost(site: Site) -> None:
    text = site.page("/sessions/s-dora7u1s8").text
    assert "dora killed" in text
    assert "Pushes to main although told not to" in text
    assert "Pause" not in text


def test_the_board_has_every_task_in_its_lane_with_what_hinders_it(site: Site) -> None:
    page = site.page("/tasks")
    assert [one.get("data-key") for one in page.all("section")] == [
        "ready", "waiting", "in_progress", "blocked", "failed", "completed",
    ]  # fmt: skip
    assert "Ready 1" in page.text
    assert "Waiting 5" in page.text
    assert "Which languages?" in page.text
    assert "The registry refuses the push" in page.text


def test_a_ready_task_whose_keys_are_held_says_by_whom(opened: Opener) -> None:
    from gitcoord.domain.lock_operations import AcquireLocks
    from gitcoord.domain.new_tasks import AddTasks, NewTask

    site = opened().enter()
    ledger = Ledger(site.service.settings.projects["web"])
    ledger.do(AddTasks(tasks=(NewTask(id="t-1", title="Parser", keys=("src/**",)),)), agent="lena")
    ledger.enter("s-1", "ada")
    assert "ada" not in site.page("/tasks").text
    ledger.do(AcquireLocks(keys=("src/a.py",)), "s-1")
    assert "ada" in site.page("/tasks").text
    ledger.close()


def test_the_graph_draws_each_dependency_once_and_says_it_in_words_too(site: Site) -> None:
    page = site.page("/tasks?view=graph")
    arrows = [one for one in page.all("path") if one.get("class").startswith("arrow")]
    assert len(arrows) == 7
    assert "t-docs waits for t-recover" in page.text
    boxes = [one for one in page.all("a") if one.get("class").startswith("box")]
    assert len(boxes) == 8
    assert "t-flaky" not in page.text


def test_a_file_tells_who_held_and_changed_it(site: Site) -> None:
    text = site.page("/file?path=src/auth/session.py").text
    assert "Held now 1" in text
    assert "cyd waits for src/auth/session.py" in text
    assert "ada renews src/auth/**" in text
    assert "bob" not in text
    assert "Register and verify" in site.page("/file?key=src/auth/**").text


def test_of_a_message_to_one_session_nothing_but_its_existence_is_shown(site: Site) -> None:
    page = site.page("/messages")
    assert "The build is green again." in page.text
    assert "cyd to ada" in page.text
    for path in EVERY:
        assert "SECRET-FOR-ADA" not in site.get(path).text
    # Nor in the log, or in the transaction that carries it.
    links = [one for one in site.page("/log?operation=message.").links() if "/log/" in one]
    assert len(set(links)) == 3
    for link in links:
        assert "SECRET-FOR-ADA" not in site.browser.get(link).text


def test_a_handoff_has_its_parts(site: Site) -> None:
    text = site.page("/handoffs?task=t-passkeys").text
    for said in ("Handle a counter of 0", "No fallback to SMS", "src/auth/passkeys.py", "feat/"):
        assert said in text, said
    assert "tablets" not in text


def test_the_log_is_filtered_and_turned_page_by_page(site: Site) -> None:
    first = site.page("/log")
    (older,) = [one.get("href") for one in first.all("a", rel="next")]
    second = site.page(f"/log{older}")
    keys = [[one.get("data-key") for one in page.all("tr")] for page in (first, second)]
    assert len(keys[0]) == 52  # a heading, a day and fifty transactions
    assert len(set(keys[0][2:]) & set(keys[1][2:])) == 0
    assert "begins" in second.text
    refused = Markup(site.get("/log?since=yesterday-ish").text)
    assert "not a time" in refused.text


EMPTY = {
    "": ("gitcoord session start", "gitcoord lock acquire"),
    "/sessions": ("gitcoord session start",),
    "/tasks": ("gitcoord task add",),
    "/tasks?view=graph": ("--depends-on",),
    "/locks": ("gitcoord lock acquire",),
    "/file?key=src/**": ("gitcoord lock acquire",),
    "/messages": ("gitcoord message send",),
    "/handoffs": ("gitcoord handoff write",),
    "/features": ("gitcoord feature register", "gitcoord task add"),
    "/approvals": ("approvals on",),
    "/log?agent=nobody": ("No transaction matches",),
}


def test_what_is_empty_says_which_command_fills_it(opened: Opener) -> None:
    site = opened().enter("read")
    for path, said in EMPTY.items():
        text = site.page(path).text
        assert all(one in text for one in said), path


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/sessions/s-none", 404, "session_not_found"),
        ("/sessions/%2e%2e", 400, "invalid_id"),
        ("/tasks/t-none", 404, "task_not_found"),
        ("/nowhere", 404, "not_found"),
        ("/merges/q-none", 404, "merge_not_found"),
        ("/tasks/a/b/c", 404, "task_not_found"),
        ("/file", 400, "invalid_value"),
        ("/file?key=nothing:x", 400, "unknown_namespace"),
        ("/log/" + "0" * 40, 400, "invalid_value"),
        ("/log?key=../x", 400, "invalid_key"),
        ("?at=yesterday", 400, "invalid_value"),
        ("?at=" + "0" * 40, 400, "invalid_value"),
        ("?at=1999-01-01", 400, "invalid_value"),
    ],
)
def test_trouble_is_a_page_that_says_what_is_wrong(
    site: Site, path: str, status: int, code: str
) -> None:
    answer = site.get(path)
    page = Markup(answer.text)
    assert page.faults() == []
    assert answer.status_code == status
    assert code in page.text
    assert site.base in page.links()


def test_a_slash_too_many_is_forgiven(site: Site) -> None:
    assert site.browser.get("/dashboard/").headers["Location"] == "/dashboard"
    assert site.get("/tasks/").headers["Location"] == f"{site.base}/tasks"


def test_a_repository_without_a_ledger_says_so_and_is_seen_once_it_has_one(
    opened: Opener, tmp_path: Path
) -> None:
    place = first_commit(tmp_path / "bare")
    site = opened({"web": place}).enter("read")
    answer = site.get()
    assert answer.status_code == 503
    assert "gitcoord init" in Markup(answer.text).text
    Ledger(place).begun().close()
    assert "Nobody is checked in" in site.page().text


def test_requests_for_pages_are_counted_by_key(opened: Opener) -> None:
    site = opened(rate=40).enter("read")
    statuses = [site.get("/messages").status_code for _ in range(12)]
    assert statuses[:10] == [200] * 10
    assert statuses[-1] == 429
