"""What is held off early: floods, large bodies; and what browsers are told."""

from __future__ import annotations

import pytest

from tests.webhook.conftest import Maker
from tests.webhook.served import Served, problem
from webhook import limits
from webhook.limits import HEADERS, Rates
from webhook.problems import Problem


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_fourth_of_a_minutes_requests_may_come_at_once_and_the_rest_steadily() -> None:
    clock = Clock()
    rates = Rates(60, clock)
    for _ in range(15):
        rates.take("ada")
    with pytest.raises(Problem) as refused:
        rates.take("ada")
    assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "1"})
    rates.take("bob")
    clock.now += 1
    rates.take("ada")
    with pytest.raises(Problem):
        rates.take("ada")
    clock.now += 3600
    for _ in range(15):
        rates.take("ada")
    with pytest.raises(Problem):
        rates.take("ada")


def test_only_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REMEMBERED", 3)
    rates = Rates(4, Clock())
    for name in "abcd":
        rates.take(name)
    rates.take("a")
    with pytest.raises(Problem):
        rates.take("d")


def test_keys_are_counted_apart_and_guesses_by_address(serving: Maker) -> None:
    served = serving(rate=8)
    one, two = served.key("read"), served.key("read")
    for _ in range(2):
        assert served.call("GET", "/locks", key=one).status_code == 200
    refused = served.call("GET", "/locks", key=one)
    problem(refused, 429, "rate_limited")
    assert int(refused.headers["Retry-After"]) >= 1
    assert served.call("GET", "/locks", key=two).status_code == 200
    for _ in range(2):
        problem(served.call("GET", "/locks", key="gc_wrong"), 401, "unauthorized")
    problem(served.call("GET", "/locks", key="gc_wrong"), 429, "rate_limited")
    problem(served.call("GET", "/locks"), 429, "rate_limited")
    assert served.call("GET", "/locks", key=two).status_code == 200


def test_who_asks_whether_it_is_ready_is_counted_too(serving: Maker) -> None:
    served = serving(rate=8)
    statuses = [served.client.get("/ready").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert served.client.get("/health").status_code == 200


def test_a_body_that_is_too_large_is_refused_before_anything_else(serving: Maker) -> None:
    served = serving(body_limit=100)
    body, key = b"x" * 101, {"X-API-Key": served.key("admin")}
    answer = served.client.post("/api/v1/locks", content=body, headers=key)
    problem(answer, 413, "body_too_large")
    # Where nobody reads it, it is refused as well.
    for path in ("/health", "/api/v1/events"):
        answer = served.client.request("GET", path, content=body, headers=key)
        problem(answer, 413, "body_too_large")
    older = served.client.post("/_gxv/api/v1/messages", content=body, headers=key)
    assert older.status_code == 413
    assert older.headers["Content-Type"] == "application/json"


def test_every_answer_tells_browsers_not_to_guess(served: Served) -> None:
    for path in ("/health", "/nothing", "/api/v1/locks", "/api/v1/openapi.json"):
        found = served.client.get(path).headers
        assert {name: found[name] for name in HEADERS} == HEADERS


def test_pages_of_others_are_let_in_only_where_it_was_said(served: Served, serving: Maker) -> None:
    asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    refused = served.client.options("/api/v1/locks", headers=asked)
    assert "Access-Control-Allow-Origin" not in refused.headers
    open_to = serving(dict(served.settings.projects), origins=("https://a.example",))
    allowed = open_to.client.options("/api/v1/locks", headers=asked)
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert "Access-Control-Allow-Credentials" not in allowed.headers
    other = open_to.client.options("/api/v1/locks", headers=asked | {"Origin": "https://b.example"})
    assert "Access-Control-Allow-Origin" not in other.headers


@pytest.mark.parametrize(
    "name", ["Idempotency-Key", "Gitcoord-Session", "X-API-Key", "If-None-Match", "Authorization"]
)
@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: x=1", "\x00", "\xff" * 300, "a" * 8000])
def test_headers_of_any_kind_reach_no_answer(served: Served, name: str, value: str) -> None:
    key = served.key("agent")
    sent = [(b"authorization", f"Bearer {key}".encode())] if name != "Authorization" else []
    sent += [(name.lower().encode(), value.encode("latin-1")), (b"host", b"testserver")]
    answer = served.client.request("GET", "/api/v1/locks", headers=sent)
    assert answer.status_code in (200, 400, 401, 403)
    assert "Set-Cookie" not in answer.headers
    assert "x=1" not in str(answer.headers)
