"""Time travel: the state at any transaction or time, what stands beside it, and where it ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gitcoord.domain.claiming import ClaimTask
from gitcoord.domain.departure import EndSession
from gitcoord.domain.lock_operations import AcquireLocks, ReleaseLocks
from gitcoord.domain.new_tasks import AddTasks, NewTask
from tests.gitrun import git
from tests.webhook.dashboard.conftest import Opener, Site
from tests.webhook.dashboard.markup import Markup
from tests.webhook.dashboard.world import Ledger


class Story:
    """A ledger, and its head after each step."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.ledger = Ledger(site.service.settings.projects["web"])
        self.heads = [self.ledger.head()]

    def step(self, *arguments: object, **more: object) -> None:
        self.ledger.do(*arguments, **more)  # type: ignore[arg-type]
        self.heads.append(self.ledger.head())


@pytest.fixture
def story(opened: Opener) -> Iterator[Story]:
    made = Story(opened().enter("admin"))
    made.ledger.enter("s-1", "ada", area="auth")
    made.heads.append(made.ledger.head())
    made.step(AddTasks(tasks=(NewTask(id="t-1", title="Write the parser"),)), agent="lena")
    made.step(ClaimTask(id="t-1"), "s-1")
    made.step(AcquireLocks(keys=("src/parser.py",)), "s-1")
    made.step(ReleaseLocks(keys=("src/parser.py",)), "s-1")
    made.step(EndSession(summary="done"), "s-1")
    yield made
    made.ledger.close()


def test_each_transaction_shows_the_state_after_it(story: Story) -> None:
    site, heads = story.site, story.heads
    assert "Nobody is checked in" in site.page(f"?at={heads[0]}").text
    assert "ada" in site.page(f"?at={heads[1]}").text
    assert "Ready 1" in site.page(f"/tasks?at={heads[2]}").text
    assert "In progress 1" in site.page(f"/tasks?at={heads[3]}").text
    assert "src/parser.py" not in site.page(f"/locks?at={heads[3]}").text
    assert "src/parser.py" in site.page(f"/locks?at={heads[4]}").text
    assert "Held then 0" in site.page(f"/locks?at={heads[5]}").text
    assert "There 1" in site.page(f"/sessions?at={heads[5]}").text
    assert "Nobody is checked in" in site.page().text


def test_the_past_says_that_it_is_and_leads_to_its_neighbours_and_to_now(story: Story) -> None:
    page = story.site.page(f"?at={story.heads[3]}")
    assert "The past." in page.text
    assert page.one("a", rel="prev").get("href") == f"?at={story.heads[2]}"
    assert page.one("a", rel="next").get("href") == f"?at={story.heads[4]}"
    assert "Back to now" in page.text
    # The pages beside it are of that time, too; those that know no past are not.
    assert f"{story.site.base}/tasks?at={story.heads[3]}" in page.links()
    assert f"{story.site.base}/messages" in page.links()
    assert story.site.page(f"?at={story.heads[0]}").all("a", rel="prev") == []
    assert story.site.page(f"?at={story.heads[-1]}").all("a", rel="next") == []


def test_the_past_has_no_buttons_and_stands_still(story: Story) -> None:
    page = story.site.page(f"?at={story.heads[3]}")
    assert [one.get("action") for one in page.forms()] == ["/dashboard/theme", "/dashboard/logout"]
    assert [one for one in page.all("time") if "data-relative" in one.attributes] == []
    assert "data-refresh" not in page.one("main").attributes
    assert "data-refresh" in story.site.page().one("main").attributes


def test_the_past_is_judged_as_of_then(story: Story) -> None:
    with story.ledger.house.ledger.state(story.heads[3]) as state:
        then = state.meta.time
    assert story.site.page(f"?at={story.heads[3]}").one("main").get("data-now") == then


def test_a_time_shows_the_last_transaction_before_it(story: Story) -> None:
    now = story.site.page().one("main").get("data-now")
    assert "done" in story.site.page(f"/sessions?at={now}").text
    assert "ada" in story.site.page("?at=2100-01-01T00:00").text
    answer = story.site.get("?at=2001-01-01T00:00")
    assert "history begins" in Markup(answer.text).text


def test_a_commit_that_is_not_of_the_ledger_is_no_point_of_it(story: Story) -> None:
    foreign = git(story.ledger.place, "rev-parse", "HEAD")
    for path in (f"?at={foreign}", f"/log/{foreign}", f"/log?before={foreign}"):
        answer = story.site.get(path)
        assert answer.status_code == 400
        assert "not a transaction of the ledger" in Markup(answer.text).text


def test_a_transaction_shows_what_it_says_word_by_word(story: Story) -> None:
    page = story.site.page(f"/log/{story.heads[4]}")
    assert '"src/parser.py"' in page.text
    assert "lock.acquire" in page.text
    assert f"{story.site.base}?at={story.heads[4]}" in page.links()
    assert f"{story.site.base}/log/{story.heads[3]}" in page.links()
    assert f"{story.site.base}/log/{story.heads[5]}" in page.links()
