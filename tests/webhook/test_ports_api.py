"""Ports over HTTP: nobody leases or frees for a session that is not theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.webhook.compat.talking import COORDINATOR, Client
from tests.webhook.served import Served, problem


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("GITCOORD_PORT_BASE", "25200")
    monkeypatch.setenv("GITCOORD_PORT_RANGE", "4")
    monkeypatch.setenv("GITCOORD_PORT_BLOCKS", "40")


def leased(served: Served) -> list[str]:
    rows = served.call("GET", "/ports", key=served.key("read")).json()["ports"]
    return [row["session"] for row in rows]


def test_another_session_is_named_only_by_who_has_proved_it(served: Served) -> None:
    ada, bob = served.agent("ada"), served.agent("bob")
    assert ada.post("/ports").status_code == 200
    for path in ("/ports", "/ports/release"):
        refused = bob.post(path, {"session": ada.id})
        assert "token" in problem(refused, 403, "forbidden")["detail"]
        problem(bob.post(path, {"session": f"{ada.id}/sub"}), 403, "forbidden")
        problem(served.call("POST", path, {"session": ada.id}, key=ada.key), 403, "forbidden")
    assert leased(served) == [ada.id]
    # Its own token, a key of its agent and an admin's are proofs.
    assert ada.post("/ports", {"session": f"{ada.id}/sub"}).json()["port"]["session"]
    own = served.key("agent", "ada")
    again = served.call("POST", "/ports", {"session": ada.id}, key=own).json()
    assert again["renewed"] is True
    for name in (f"{ada.id}/sub", ada.id):
        freed = served.call("POST", "/ports/release", {"session": name}, key=served.key("admin"))
        assert freed.json()["released"] is True
    assert leased(served) == []


def test_a_name_belongs_to_the_key_that_leases_under_it(served: Served) -> None:
    one, other = served.key("agent"), served.key("agent")
    assert served.call("POST", "/ports", {"session": "wp-1"}, key=one).status_code == 200
    for path in ("/ports", "/ports/release"):
        refused = served.call("POST", path, {"session": "wp-1"}, key=other)
        assert "another key" in problem(refused, 403, "forbidden")["detail"]
    assert served.call("POST", "/ports", {"session": "wp-1"}, key=one).json()["renewed"] is True
    freed = served.call("POST", "/ports/release", {"session": "wp-1"}, key=one)
    assert freed.json()["released"] is True


def test_agent_coordinators_routes_keep_sessions_apart_too(served: Served) -> None:
    ada, ac = served.agent("ada"), Client(served, COORDINATOR)
    assert ada.post("/ports").status_code == 200
    for path in ("/ports/allocate", "/ports/release"):
        assert ac.post(path, {"session_id": ada.id}).status_code == 403
    mine = ac.good("POST", "/discovery/register", {"agent_id": "cid"})["session_id"]
    assert ac.good("POST", "/ports/allocate", {"session_id": mine})["success"] is True
    assert leased(served) == [ada.id, mine]


def test_profiles_count_for_ports(served: Served) -> None:
    admin, ada = served.key("admin"), served.agent("ada")
    body = {"blocked": ["allocate_ports"]}
    assert served.call("POST", "/profiles/own", body, key=admin).status_code == 200
    assert served.call("POST", "/assignments/ada", {"profile": "own"}, key=admin).status_code == 200
    problem(ada.post("/ports"), 403, "operation_not_permitted")
    problem(
        served.call("POST", "/ports", {"session": "x"}, key=served.key("agent", "ada")),
        403,
        "operation_not_permitted",
    )
    assert leased(served) == []
