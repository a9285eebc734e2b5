"""Agent Coordinator's routes of memory: documented requests, answers and refusals."""

from __future__ import annotations

from typing import Any

import pytest

from gitcoord.domain.memories import Memory
from gitcoord.domain.sessions import Session
from tests.webhook.compat.talking import COORDINATOR, Client, head, records
from tests.webhook.compat.test_coordinator import refused
from tests.webhook.served import Served

STORE = {
    "agent_id": "ada",
    "session_id": "c-1",
    "event_type": "error",
    "summary": "uploads hang",
    "details": {"size": "2 GB"},
    "outcome": "negative",
    "lessons": ["split them"],
    "tags": ["s3"],
}


@pytest.fixture
def ac(served: Served) -> Client:
    return Client(served, COORDINATOR)


def stored(client: Client, **more: Any) -> Any:
    return client.good("POST", "/memory/store", STORE | more)


def queried(client: Client, **asked: Any) -> Any:
    return client.good("POST", "/memory/query", {"agent_id": "ada"} | asked)


def test_row_a50_a_memory_is_stored_with_all_that_was_said(ac: Client) -> None:
    found = stored(ac)
    assert (found["success"], found["action"]) == (True, "created")
    (memory,) = records(ac.served, Memory)
    (session,) = records(ac.served, Session)
    assert memory["id"] == found["memory_id"]
    assert (memory["agent"], memory["session"]) == ("ada", session["id"])
    (shown,) = queried(ac)["memories"]
    assert shown == {
        "id": found["memory_id"],
        "event_type": "error",
        "summary": "uploads hang",
        "details": {"size": "2 GB"},
        "outcome": "negative",
        "lessons": ["split them"],
        "tags": ["s3"],
        "relevance_score": 0.9,
        "created_at": memory["at"],
    }


def test_row_a52_the_same_within_an_hour_is_deduplicated_and_nothing_is_lost(ac: Client) -> None:
    first = stored(ac)
    again = stored(ac, session_id=None, lessons=["or wait"], tags=["http"], details=None)
    assert (again["action"], again["memory_id"]) == ("deduplicated", first["memory_id"])
    (shown,) = queried(ac)["memories"]
    assert (shown["lessons"], shown["tags"]) == (["split them", "or wait"], ["s3", "http"])
    assert shown["details"] == {"size": "2 GB"}


def test_row_a51_what_is_no_type_or_outcome_is_refused(ac: Client) -> None:
    before = head(ac.served)
    for wrong in ({"event_type": "dream"}, {"outcome": "good"}, {"details": "text"}):
        (said,) = refused(ac.post("/memory/store", STORE | wrong), 422)
        assert said["loc"] == ["body", next(iter(wrong))]
    (said,) = refused(ac.post("/memory/store", {"agent_id": "ada", "summary": "x"}), 422)
    assert (said["type"], said["loc"]) == ("missing", ["body", "event_type"])
    assert head(ac.served) == before


def test_a_memory_of_a_megabyte_is_refused_by_the_rules(ac: Client) -> None:
    assert refused(ac.post("/memory/store", STORE | {"summary": "x" * 2**20}), 413)
    found = stored(ac, details={"x": "y" * 10**6})
    assert (found["success"], found["memory_id"], found["error"]) == (False, None, "text_too_long")
    found = stored(ac, summary=" ")
    assert (found["success"], found["error"]) == (False, "summary_required")
    assert records(ac.served, Memory) == []


def test_row_a56_who_asks_sees_only_its_own(ac: Client) -> None:
    stored(ac)
    stored(ac, agent_id="bob", summary="by bob", outcome=None, details=None)
    assert [one["summary"] for one in queried(ac)["memories"]] == ["uploads hang"]
    (mine,) = queried(ac, agent_id="bob")["memories"]
    assert (mine["summary"], mine["outcome"], mine["details"]) == ("by bob", None, {})
    bound = Client(ac.served, COORDINATOR, agent="bob")
    answer = bound.post("/memory/query", {"agent_id": "ada"})
    assert "not permitted" in refused(answer, 403)


def test_memories_are_chosen_by_tags_type_words_and_relevance(ac: Client) -> None:
    stored(ac)
    stored(ac, event_type="decision", summary="login needs redis", outcome="positive", tags=["db"])
    every = queried(ac)
    assert [one["relevance_score"] for one in every["memories"]] == [1.0, 0.9]
    assert (every["limit"], every["truncated"]) == (10, False)

    def found(**asked: Any) -> list[str]:
        return [one["tags"][0] for one in queried(ac, **asked)["memories"]]

    assert found(tags=["S3", "db"]) == ["db", "s3"]
    assert found(tags=["S3", "db"], all_tags=True) == []
    assert found(event_type="error") == ["s3"]
    assert found(query="upload") == ["s3"]
    assert found(query='"* OR *') == []
    assert found(min_relevance=0.95) == ["db"]
    first = queried(ac, limit=1)
    assert (len(first["memories"]), first["truncated"]) == (1, True)
    assert refused(ac.post("/memory/query", {"agent_id": "ada", "limit": 0}), 422)
    assert refused(ac.post("/memory/query", {}), 422)
