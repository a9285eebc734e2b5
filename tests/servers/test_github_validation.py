"""What the fake GitHub does not know, and what does not fit GitHub's own description."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
import requests

from tests.servers.github import GitHub, labels, openapi, payloads, validation
from tests.servers.github.people import Person
from tests.servers.github.routes import find
from tests.servers.github.world import Repository


@pytest.fixture
def description() -> dict[str, Any]:
    """Return GitHub's description, or skip the test."""
    found = openapi.description()
    if found is None:
        pytest.skip(openapi.missing())
    return found


def ask(who: Person, method: str, url: str, body: object = None) -> requests.Response:
    headers = {"Authorization": f"Bearer {who.token}"}
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    return requests.request(method, url, headers=headers, data=data, timeout=10)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/graphql"),
        ("GET", "/search/issues?q=x"),
        ("GET", "/repos/octo/project/branches/main/protection"),
        ("GET", "/repos/octo/project/commits/main/comments"),
        ("DELETE", "/repos/octo/project"),
    ],
)
def test_what_it_does_not_know_is_501_and_fails_the_test(
    github: GitHub, project: Repository, ada: Person, method: str, path: str
) -> None:
    answer = ask(ada, method, github.api + path)
    assert answer.status_code == 501
    assert github.unknown == [f"{method} {path.partition('?')[0]}"]
    with pytest.raises(AssertionError, match="unknown to the fake GitHub"):
        github.check()
    github.unknown.clear()


def test_the_path_decides_which_operation_is_asked() -> None:
    asked = {
        "/repos/o/r/labels/a%2Fb": ("/repos/{owner}/{repo}/labels/{name}", "name", "a/b"),
        "/repos/o/r/commits/heads/x/status": (
            "/repos/{owner}/{repo}/commits/{ref}/status",
            "ref",
            "heads/x",
        ),
        "/repos/o/r/git/ref/heads/a/b": ("/repos/{owner}/{repo}/git/ref/{ref}", "ref", "heads/a/b"),
        "/repos/o/r/contents/a%20b/c.md": (
            "/repos/{owner}/{repo}/contents/{path}",
            "path",
            "a b/c.md",
        ),
        "/repos/o/r/issues/comments/7": (
            "/repos/{owner}/{repo}/issues/comments/{comment_id}",
            "comment_id",
            "7",
        ),
    }
    for path, (name, part, value) in asked.items():
        found = find("GET", path)
        assert found is not None
        assert (found[0].path, found[1][part]) == (name, value)


def test_a_reply_that_github_would_not_give_is_caught(
    github: GitHub,
    project: Repository,
    ada: Person,
    description: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ada.makes_label(project, "a")
    right = labels.shown
    wrong = {"color": None, "url": "not a URL"}
    monkeypatch.setattr(labels, "shown", lambda repo, label: right(repo, label) | wrong)
    assert ask(ada, "GET", f"{project.api}/labels").status_code == 200
    assert [problem.split(": ", 2)[2][:12] for problem in sorted(github.problems)] == [
        "0/color: nul",
        '0/url: "not ',
    ]
    with pytest.raises(AssertionError, match="not as GitHub has it"):
        github.check()
    github.problems.clear()


@pytest.mark.parametrize(
    ("method", "path", "body", "words"),
    [
        ("POST", "/issues", {"title": ["a"]}, "body: title"),
        ("POST", "/issues", {"title": "a", "label": "b"}, "'label' is not described"),
        ("POST", "/issues", None, "there is no body"),
        ("GET", "/issues?state=any", None, "query parameter 'state'"),
        ("GET", "/issues?page_size=1", None, "'page_size' is not described"),
        ("GET", "/issues?per_page=many", None, "query parameter 'per_page'"),
        ("GET", "/issues/one", None, "path parameter 'issue_number'"),
        ("GET", "/labels/a", {"name": "a"}, "it takes no body"),
    ],
)
def test_a_request_that_github_would_not_take_is_refused_and_kept(
    github: GitHub,
    project: Repository,
    ada: Person,
    description: dict[str, Any],
    method: str,
    path: str,
    body: object,
    words: str,
) -> None:
    answer = ask(ada, method, project.api + path, body)
    assert answer.status_code == 422
    assert words in "\n".join(github.problems)
    assert project.issues == {}
    github.problems.clear()


def test_a_delivery_that_github_would_not_make_is_caught(
    github: GitHub, project: Repository, ada: Person, description: dict[str, Any]
) -> None:
    github.post = lambda url, headers, body: (200, "")
    github.hook(project, "http://receiver.invalid/", events=["issues"])
    ada.opens_issue(project, "Bug")
    delivery = github.outbox[0]
    payload = delivery.payload
    del payload["issue"]["number"]
    delivery.content = json.dumps(payload).encode()
    github.deliver()
    assert github.problems == ['delivery issues-opened: issue: "number" is a required property']
    github.problems.clear()


def test_what_is_not_json_is_refused(github: GitHub, project: Repository, ada: Person) -> None:
    answers = [ask(ada, "POST", f"{project.api}/issues", body) for body in (b"{", b'"text"')]
    assert [answer.status_code for answer in answers] in ([400, 422], [400, 400])
    github.problems.clear()


def test_every_schema_that_is_named_has_come_along(description: dict[str, Any]) -> None:
    assert openapi._references(description) <= description["schemas"].keys()
    assert len(description["hooks"]) > 60
    for name in description["hooks"]:
        assert validation._validator("hooks", name) is not None


def test_nullable_values_may_be_null_and_no_others() -> None:
    turned = openapi.schema(
        {
            "type": "object",
            "properties": {
                "default": {"type": "string", "nullable": True, "enum": ["a"]},
                "title": {"nullable": True, "oneOf": [{"$ref": "#/components/schemas/x"}]},
                "name": {"type": "string", "description": "words"},
            },
        }
    )
    assert turned["properties"] == {
        "default": {"type": ["string", "null"], "enum": ["a", None]},
        "title": {"anyOf": [{"anyOf": [{"$ref": "urn:github#/x"}]}, {"type": "null"}]},
        "name": {"type": "string"},
    }


def test_the_published_examples_of_payloads_are_there() -> None:
    if reason := payloads.missing():
        pytest.skip(reason)
    found = list(payloads.examples())
    counts = Counter(example.name for example in found)
    assert (len(found), len(counts)) == (329, 58)
    assert (counts["push"], counts["issue_comment"], counts["pull_request"]) == (7, 9, 29)
    labeled = [e for e in payloads.examples("issues", "pull_request") if e.action == "labeled"]
    assert all(example.payload["label"]["name"] for example in labeled)
    assert {example.name for example in labeled} == {"issues", "pull_request"}
