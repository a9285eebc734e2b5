"""Agent Coordinator's ports: allocate, release and status as its clients call them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import first_commit
from tests.webhook.compat.talking import COORDINATOR, Client
from tests.webhook.conftest import Maker
from tests.webhook.served import Served, begun, problem


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("GITCOORD_PORT_BASE", "25000")
    monkeypatch.setenv("GITCOORD_PORT_RANGE", "4")
    monkeypatch.setenv("GITCOORD_PORT_BLOCKS", "40")


@pytest.fixture
def ac(served: Served) -> Client:
    return Client(served, COORDINATOR)


FIELDS = {
    "session_id", "db_port", "rest_port", "realtime_port", "api_port", "compose_project_name",
}  # fmt: skip


def allocated(ac: Client, session: str) -> Any:
    found = ac.good("POST", "/ports/allocate", {"session_id": session})
    assert found["success"] is True
    return found["allocation"]


def test_requirement_28_ports_are_allocated_shown_and_released(ac: Client) -> None:
    found = ac.good("POST", "/ports/allocate", {"session_id": "wp-1"})
    assert (found["success"], found["error"]) == (True, None)
    lease = found["allocation"]
    assert lease.keys() >= FIELDS
    assert lease["session_id"] == "wp-1"
    assert lease["api_port"] == lease["db_port"] + 3
    assert f"export API_PORT={lease['api_port']}" in found["env_snippet"].splitlines()
    assert allocated(ac, "wp-1")["db_port"] == lease["db_port"]
    assert allocated(ac, "wp-2")["db_port"] != lease["db_port"]
    rows = ac.served.client.get("/ports/status").json()
    assert [one["session_id"] for one in rows] == ["wp-1", "wp-2"]
    assert rows[0].keys() >= FIELDS
    assert 119 < rows[0]["remaining_ttl_minutes"] <= 120
    for _ in range(2):
        assert ac.good("POST", "/ports/release", {"session_id": "wp-1"})["success"] is True
    assert [x["session_id"] for x in ac.served.client.get("/ports/status").json()] == ["wp-2"]


def test_requirement_28_a_key_and_a_session_are_wanted(ac: Client) -> None:
    for path in ("/ports/allocate", "/ports/release"):
        assert ac.served.client.post(path, json={"session_id": "a"}).status_code == 401
        for body in ({}, {"session_id": ""}, {"session_id": " "}, {"session_id": None}):
            answer = ac.post(path, body)
            assert answer.status_code == 422
            assert answer.json()["detail"][0]["loc"] == ["body", "session_id"]
    assert ac.served.client.get("/ports/status").json() == []


def test_requirement_24_where_none_is_left_it_is_told_as_the_original_does(
    ac: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = allocated(ac, "wp-1")
    monkeypatch.setenv("GITCOORD_PORT_BASE", str(lease["db_port"]))
    monkeypatch.setenv("GITCOORD_PORT_BLOCKS", "1")
    found = ac.good("POST", "/ports/allocate", {"session_id": "wp-2"})
    assert (found["success"], found["error"]) == (False, "no_ports_available")
    assert found["refusal"]["holders"][0]["session"] == "wp-1"
    assert [x["session_id"] for x in ac.served.client.get("/ports/status").json()] == ["wp-1"]


def test_ports_of_other_projects_are_not_told_and_not_given(
    serving: Maker, repo: str, tmp_path: Path
) -> None:
    other = begun(first_commit(tmp_path / "other"))
    served = serving({"one": begun(repo), "two": other})
    one = Client(served, COORDINATOR, key=served.key("agent", project="one"))
    two = Client(served, COORDINATOR, key=served.key("agent", project="two"))
    mine, theirs = allocated(one, "wp"), allocated(two, "wp")
    assert mine["db_port"] != theirs["db_port"]
    assert mine["compose_project_name"] != theirs["compose_project_name"]
    assert [x["db_port"] for x in one.good("GET", "/ports/status")] == [mine["db_port"]]
    one.good("POST", "/ports/release", {"session_id": "wp"})
    assert [x["db_port"] for x in two.good("GET", "/ports/status")] == [theirs["db_port"]]


def test_the_native_routes_lease_for_the_session_that_acts(served: Served) -> None:
    ada = served.agent("ada")
    found = ada.post("/ports", {"ttl": 600}).json()
    assert (found["port"]["session"], found["port"]["agent"]) == (ada.id, "ada")
    assert found["port"]["ports"]["db"] == found["port"]["first"]
    assert found["env_snippet"].startswith("export AGENT_COORDINATOR_DB_PORT=")
    assert ada.post("/ports", {}).json()["renewed"] is True
    assert not {"place", "worktree"} & found["port"].keys()
    rows = ada.get("/ports").json()["ports"]
    assert [one["session"] for one in rows] == [ada.id]
    problem(ada.post("/ports", {"tl": 5}), 400, "invalid_value")
    problem(ada.post("/ports", {"ttl": 0}), 400, "invalid_value")
    problem(served.call("POST", "/ports", {}, key=served.key("agent")), 400, "session_required")
    problem(served.call("POST", "/ports", {}, key=served.key("read")), 403, "forbidden")
    assert ada.post("/ports/release", {}).json()["released"] is True
    assert ada.post("/ports/release", {}).json() == {"released": False, "port": None}


def test_a_lease_over_http_ends_with_its_session(served: Served) -> None:
    ada = served.agent("ada")
    assert ada.post("/ports", {}).status_code == 200
    assert ada.post("/session/end", {"outcome": "completed"}).status_code == 200
    assert served.call("GET", "/ports", key=served.key("read")).json()["ports"] == []
