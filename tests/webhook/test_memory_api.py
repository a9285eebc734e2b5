"""Memory over HTTP: our routes."""

from __future__ import annotations

import pytest

from tests.webhook.served import Served, problem
from tests.webhook.test_api import head


def test_what_was_learned_is_united_recalled_and_forgotten(served: Served) -> None:
    ada, bob = served.agent("ada"), served.agent("bob")
    wish = {"id": "k-1", "summary": "uploads hang", "type": "error", "tags": ["s3"]}
    first = ada.post("/memories", wish)
    assert first.status_code == 201
    assert first.json()["memory"]["agent"] == "ada"
    again = ada.post("/memories", wish | {"id": "k-2", "tags": ["http"]}).json()
    assert (again["merged"], again["memory"]["tags"]) == (True, ["s3", "http"])
    bob.post("/memories", {"id": "k-3", "summary": "login needs redis", "outcome": "positive"})
    (found,) = bob.get("/memories?text=why+do+uploads+hang&tag=s3&tag=none").json()["memories"]
    assert (found["id"], found["relevance"], found["times"]) == ("k-1", 0.8, 2)
    assert [x["id"] for x in bob.get("/memories").json()["memories"]] == ["k-3", "k-1"]
    for query in ("type=success", "agent=cid", "min_relevance=1&agent=ada", "text=%22%2A%22",
                  "tag=s3&tag=none&all_tags=true"):  # fmt: skip
        assert bob.get(f"/memories?{query}").json()["memories"] == [], query
    task = {"tasks": [{"id": "t-1", "title": "Speed up uploads"}]}
    assert bob.post("/tasks", task).status_code == 201
    assert [x["id"] for x in bob.get("/memories?task=t-1").json()["memories"]] == ["k-1"]
    assert bob.post("/memories/used", {"ids": ["k-1"]}).json()["noted"] == ["k-1"]
    assert bob.get("/memories?text=upload").json()["memories"][0]["used_by"] == [bob.id]
    gone = bob.post("/memories/forget", {"ids": ["k-1"]}).json()["memories"]
    assert [one["id"] for one in gone] == ["k-1"]
    assert bob.get("/memories?text=upload").json()["memories"] == []


def test_a_memory_that_cannot_be_kept_is_refused_and_nothing_changes(served: Served) -> None:
    ada = served.agent("ada")
    before = head(served)
    big = {"id": "k-1", "summary": "x", "details": "y" * 40_000, "lessons": ["z" * 40_000]}
    problem(ada.post("/memories", big), 413, "text_too_long")
    problem(ada.post("/memories", {"id": "k-1", "summary": "x" * 10**6}), 413, "text_too_long")
    problem(ada.post("/memories", {"id": "k-1", "summary": "x" * 2**20}), 413, "body_too_large")
    problem(ada.post("/memories", {"id": "k-1", "summary": " "}), 400, "summary_required")
    dream = {"id": "k-1", "summary": "x", "type": "dream"}
    problem(ada.post("/memories", dream), 400, "invalid_value")
    problem(ada.post("/memories/forget", {"ids": ["k-1"]}), 404, "memory_not_found")
    problem(ada.get("/memories?min_relevance=2"), 400, "invalid_value")
    problem(ada.get("/memories?task=t-none"), 404, "task_not_found")
    problem(served.call("POST", "/memories", big, key=served.key("read")), 403, "forbidden")
    assert head(served) == before


def test_the_working_memory_is_the_acting_sessions(served: Served) -> None:
    ada, bob = served.agent("ada"), served.agent("bob")
    kept = ada.post("/session/memory", {"items": {"plan": "parser", "open": "tabs"}}).json()
    assert (kept["names"], kept["size"], kept["dropped"]) == (["open", "plan"], 18, [])
    found = ada.get("/session/memory").json()
    assert found == {"items": {"open": "tabs", "plan": "parser"}, "size": 18, "budget": 16_384}
    assert bob.get("/session/memory").json()["items"] == {}
    assert ada.post("/session/memory/clear", {"names": ["plan"]}).json()["names"] == ["open"]
    problem(ada.post("/session/memory", {"items": {"a": "x" * 20_000}}), 409, "limit_reached")
    problem(served.call("GET", "/session/memory", key=served.key("read")), 400, "session_required")
    ada.post("/session/end", {})
    assert "working" not in [
        one.get("table")
        for one in served.call("GET", "/export", key=served.key("admin")).json()["records"]
    ]


@pytest.mark.parametrize("name", ["memory_remember", "memory_use", "working_set", "memories"])
def test_the_document_describes_it(served: Served, name: str) -> None:
    described = served.client.get("/api/v1/openapi.json").text
    assert name in described
