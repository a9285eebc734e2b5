"""What goes wrong before a route is reached, or in it, is told in the words of its system."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2 as httpx
import pytest

from gitcoord.entrypoints import golemxv as words
from tests.webhook.compat.talking import Client
from tests.webhook.conftest import Maker
from tests.webhook.served import Served, problem
from webhook.compat import coordinator_locks, gozen_locks

LARGE = b'{"x": "' + b"y" * 5000 + b'"}'


def golemxv(answer: httpx.Response, status: int, code: str) -> str:
    found = answer.json()
    assert answer.status_code == status
    assert found.keys() == {"data", "errors"}
    ((error),) = found["errors"]
    assert (found["data"], error["code"]) == (None, code.upper())
    return str(error["message"])


def gozen(answer: httpx.Response, status: int, _code: str) -> str:
    found = answer.json()
    assert answer.status_code == status
    assert found.keys() == {"error"}
    return str(found["error"])


def coordinator(answer: httpx.Response, status: int, _code: str) -> str:
    found = answer.json()
    assert answer.status_code == status
    assert found.keys() == {"detail"}
    return str(found["detail"])


def ours(answer: httpx.Response, status: int, code: str) -> str:
    return str(problem(answer, status, code)["detail"])


Told = Callable[[httpx.Response, int, str], str]
#: A path, and who tells what is wrong there.
PLACES = [
    ("/_gxv/api/v1/checkin", golemxv),
    ("/_gxv", golemxv),
    ("/_gxv/dashboard/api/tasks", golemxv),
    ("/api/v1/agent/tasks", gozen),
    ("/api/v1/agent", gozen),
    ("/locks/acquire", coordinator),
    ("/guardrails/odd", coordinator),
    ("/issues/list", coordinator),
    ("/api/v1/agents", ours),
    ("/_gxvx", ours),
    ("/", ours),
]


@pytest.mark.parametrize("path, told", PLACES)
def test_a_body_that_is_too_large_is_told_in_the_words_of_its_path(
    serving: Maker, path: str, told: Told
) -> None:
    served = serving(body_limit=1000)
    key = {"X-API-Key": served.key("admin")}
    answer = served.client.post(path, content=LARGE, headers=key)
    assert "1000 bytes" in told(answer, 413, "body_too_large")


@pytest.mark.parametrize("path, told", [PLACES[0], PLACES[3], PLACES[5]])
def test_also_one_that_does_not_say_how_large_it_is(serving: Maker, path: str, told: Told) -> None:
    served = serving(body_limit=1000)
    key = {"X-API-Key": served.key("admin")}
    pieces = iter([LARGE])
    answer = served.client.post(path, content=pieces, headers=key)
    assert "content-length" not in answer.request.headers
    assert "1000 bytes" in told(answer, 413, "body_too_large")


@pytest.mark.parametrize("path, told", PLACES)
def test_an_odd_method_is_told_in_the_words_of_its_path(
    served: Served, path: str, told: Told
) -> None:
    answer = served.client.request("BREW", path)
    code = {404: "not_found", 405: "method_not_allowed"}[answer.status_code]
    assert told(answer, answer.status_code, code)


@pytest.mark.parametrize(
    "path, told, module, name",
    [
        ("/_gxv/api/v1/tasks", golemxv, words, "merge"),
        ("/api/v1/agent/locks", gozen, gozen_locks, "_lock"),
        ("/handoffs/latest", coordinator, coordinator_locks, "newest"),
    ],
)
def test_a_bug_is_told_in_the_words_of_its_path(
    served: Served,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    told: Told,
    module: Any,
    name: str,
) -> None:
    served.agent("ada").post("/locks", {"keys": ["a"]})

    def broken(*_given: Any, **_more: Any) -> Any:
        raise ZeroDivisionError("a secret detail")

    monkeypatch.setattr(module, name, broken)
    answer = Client(served, "").get(path)
    assert "bug" in told(answer, 500, "bug")
    assert "secret" not in answer.text


@pytest.mark.parametrize("path, told", [PLACES[0], PLACES[3], PLACES[5]])
def test_too_many_requests_and_a_wrong_key_too(serving: Maker, path: str, told: Told) -> None:
    served = serving(rate=4)
    key = {"X-API-Key": "gc_000000000000_" + "A" * 43}
    assert told(served.client.post(path, json={}, headers=key), 401, "unauthorized")
    answer = served.client.post(path, json={}, headers=key)
    assert told(answer, 429, "rate_limited")
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    "method, path, status",
    [
        ("GET", "/_gxv/api/v1/presence/", 200),
        ("GET", "/api/v1/agent/tasks/", 200),
        ("POST", "/locks/acquire/", 422),
        ("DELETE", "/_gxv/api/v1/presence/", 405),
    ],
)
def test_a_slash_at_the_end_changes_nothing(
    served: Served, method: str, path: str, status: int
) -> None:
    body = {} if method == "POST" else None
    assert Client(served, "").call(method, path, body).status_code == status
