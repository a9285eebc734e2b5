"""Limits, ETags and misfortunes of the fake GitHub."""

from __future__ import annotations

import pytest
import requests
from github import GithubException, RateLimitExceededException

from tests.servers import faults
from tests.servers.conftest import Connect
from tests.servers.github import GitHub, at
from tests.servers.github.people import Person
from tests.servers.github.world import Repository


def get(who: Person, url: str, **headers: str) -> requests.Response:
    return requests.get(url, headers={"Authorization": f"token {who.token}"} | headers, timeout=10)


def test_what_has_not_changed_is_304_and_costs_nothing(
    github: GitHub, project: Repository, ada: Person
) -> None:
    url = f"{project.api}/labels"
    first = get(ada, url)
    again = get(ada, url, **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    left = [answer.headers["X-RateLimit-Remaining"] for answer in (first, again)]
    assert left == ["4999", "4999"]
    ada.makes_label(project, "new")
    changed = get(ada, url, **{"If-None-Match": first.headers["ETag"]})
    assert (changed.status_code, changed.headers["X-RateLimit-Remaining"]) == (200, "4998")
    assert [call.counted for call in github.calls] == [True, False, True]


def test_the_primary_limit_ends_after_its_hour(
    github: GitHub, project: Repository, ada: Person, connect: Connect
) -> None:
    now = 1_800_000_000.0
    github.world.clock = lambda: now
    github.limits.hourly["user"] = 2
    repo = connect(ada).get_repo("octo/project")
    list(repo.get_labels())
    with pytest.raises(RateLimitExceededException) as failure:
        list(repo.get_labels())
    assert failure.value.headers["x-ratelimit-remaining"] == "0"
    assert failure.value.headers["x-ratelimit-reset"] == str(int(now) + 3600)
    asked = connect(ada).get_rate_limit().rate
    assert (asked.limit, asked.remaining, asked.used) == (2, 0, 2)
    now += 3601
    assert list(repo.get_labels()) == []


def test_a_limit_is_used_up_by_order_for_one_of_them(
    github: GitHub, project: Repository, ada: Person
) -> None:
    bob = github.person("bob", project)
    github.limits.exhaust(ada.actor, seconds=60)
    assert [get(who, project.api).status_code for who in (ada, bob)] == [403, 200]
    github.limits.exhaust()
    assert get(bob, project.api).status_code == 403


def test_each_kind_of_token_has_its_own_limit(
    github: GitHub, project: Repository, ada: Person
) -> None:
    bot = github.workflow(project)
    limits = [get(who, project.api).headers["X-RateLimit-Limit"] for who in (ada, bot)]
    anonymous = requests.get(project.api, timeout=10).headers["X-RateLimit-Limit"]
    assert [*limits, anonymous] == ["5000", "1000", "60"]


def test_a_secondary_limit_says_when_to_come_back(
    github: GitHub, project: Repository, ada: Person
) -> None:
    github.limits.secondary(retry_after=7)
    github.limits.secondary(status=429)
    first, second, third = (get(ada, project.api) for _ in range(3))
    assert (first.status_code, first.headers["Retry-After"]) == (403, "7")
    assert (second.status_code, second.headers["Retry-After"]) == (429, "60")
    assert "secondary rate limit" in first.json()["message"]
    assert third.status_code == 200


def test_secondary_limits_are_measured_and_enforced_when_strict(
    github: GitHub, project: Repository, ada: Person, connect: Connect
) -> None:
    github.world.clock = lambda: 1_800_000_000.0
    issue = ada.opens_issue(project, "Bug")
    asked = connect(ada).get_repo("octo/project").get_issue(issue.number)
    github.limits.strict = True
    for number in range(80):
        asked.create_comment(f"{number}")
    with pytest.raises(GithubException, match="secondary"):
        asked.create_comment("80")
    assert len(issue.comments) == 80
    assert github.limits.peaks["points_minute"] == 2 + 81 * 5
    github.world.clock = lambda: 1_800_000_061.0
    asked.create_comment("81")


@pytest.mark.parametrize("after", [False, True])
def test_a_fault_strikes_one_request_before_or_after_its_work(
    github: GitHub, project: Repository, ada: Person, connect: Connect, after: bool
) -> None:
    issue = ada.opens_issue(project, "Bug")
    asked = connect(ada).get_repo("octo/project").get_issue(issue.number)
    path = r"/repos/octo/project/issues/\d+/comments"
    github.faults.append(at(faults.status(502, after=after), "POST", path))
    assert list(asked.get_comments()) == []
    with pytest.raises(GithubException) as failure:
        asked.create_comment("one")
    assert failure.value.status == 502
    asked.create_comment("two")
    assert [c.body for c in issue.comments] == (["one", "two"] if after else ["two"])


def test_a_cut_connection_is_no_answer_though_the_work_is_done(
    github: GitHub, project: Repository, ada: Person, connect: Connect
) -> None:
    issue = ada.opens_issue(project, "Bug")
    asked = connect(ada).get_repo("octo/project").get_issue(issue.number)
    github.faults.append(at(faults.cut_after(), "POST"))
    with pytest.raises(requests.ConnectionError):
        asked.create_comment("one")
    assert [c.body for c in issue.comments] == ["one"]


def test_the_host_may_be_away_and_come_back(
    github: GitHub, project: Repository, ada: Person
) -> None:
    github.stop()
    with pytest.raises(requests.ConnectionError):
        get(ada, project.api)
    github.start()
    assert get(ada, project.api).json()["full_name"] == "octo/project"
