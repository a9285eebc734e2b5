"""The server over HTTP: who may come in, and that clients are told apart."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.conftest import first_commit
from tests.entrypoints.door import Door, refs
from tests.entrypoints.mcp.agents import ERAS, TOKEN, Agents, Served
from tests.entrypoints.program import until

CODEX = {"x-codex-turn-metadata": {"session_id": "c-1"}}
BEGIN = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "x", "version": "1"},
    },
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a repository to requests that change nothing."""
    room = tmp_path_factory.mktemp("shared")
    found = Served(first_commit(room / "repo"), room / "http.log")
    yield found
    found.close()


def post(url: str, body: bytes, **headers: str) -> tuple[int, dict[str, str], bytes]:
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.netloc, timeout=60)
    sent = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    connection.request("POST", place.path, body, sent | headers)
    answer = connection.getresponse()
    found = answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    connection.close()
    return found


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"},
     {"Authorization": "Bearer "}, {"Authorization": f"Bearer {TOKEN}x"},
     {"Authorization": "Bearer \xff\xfe"}],
)  # fmt: skip
def test_without_the_token_nothing_is_said(shared: Served, headers: dict[str, str]) -> None:
    status, answered, body = post(shared.url, json.dumps(BEGIN).encode(), **headers)
    assert status == 401
    assert answered["www-authenticate"].startswith("Bearer ")
    assert b"gitcoord" not in body
    assert TOKEN not in shared.log.read_text()


def test_with_the_token_it_answers(shared: Served) -> None:
    status, _, body = post(shared.url, json.dumps(BEGIN).encode(), Authorization=f"Bearer {TOKEN}")
    assert status == 200
    assert b'"gitcoord"' in body


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Host": "evil.example"}, 421), ({"Origin": "http://evil.example"}, 403)],
)
def test_pages_from_elsewhere_are_kept_out_even_with_the_token(
    shared: Served, headers: dict[str, str], status: int
) -> None:
    given = {"Authorization": f"Bearer {TOKEN}"} | headers
    assert post(shared.url, json.dumps(BEGIN).encode(), **given)[0] == status


def test_a_huge_body_is_not_read(shared: Served) -> None:
    given = {"Authorization": f"Bearer {TOKEN}"}
    assert post(shared.url, b" " * (5 * 1024 * 1024), **given)[0] == 413
    assert post(shared.url, b"{" * 1000, **given)[0] == 400


def test_it_does_not_start_without_a_token(door: Door, tmp_path: Path) -> None:
    before = refs(door.place)
    error = door.refused("mcp", "--http", code=2)
    assert error["code"] == "usage"
    door("mcp", "--http", code=2)
    assert "needs a bearer token" in door.err
    assert "GITCOORD_MCP_TOKEN" in door.err
    empty = tmp_path / "tokens"
    empty.write_text("# nothing\n\n")
    door("mcp", "--http", "--token-file", str(empty), code=2)
    assert "holds no token" in door.err
    door("mcp", "--http", "--token-file", str(tmp_path / "none"), code=2)
    assert "cannot be read" in door.err
    empty.write_text("a b c\n")
    door("mcp", "--http", "--token-file", str(empty), code=2)
    assert "line 1" in door.err
    assert "a b c" not in door.err
    door("mcp", "--token-file", str(empty), code=2)
    assert "--token-file goes with --http" in door.err
    assert refs(door.place) == before


def test_an_address_that_is_taken_is_said(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITCOORD_MCP_TOKEN", TOKEN)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        door("mcp", "--http", "--port", port, code=2)
    assert f"cannot listen on 127.0.0.1:{port}" in door.err


def test_each_token_of_a_file_has_a_bearer_whose_name_its_sessions_get(
    door: Door, agents: Agents, tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("# who\nada first-token-of-ada\nbob the-token-of-bob\nanybodys-token\n")
    tokens.chmod(0o644)
    served = Served(door.place, tmp_path / "named.log", "--token-file", str(tokens))
    try:
        assert "chmod 600" in served.log.read_text()
        found = {}
        for token in ("first-token-of-ada", "the-token-of-bob", "anybodys-token"):
            agent = agents.http(served, era="2026-07-28", token=token)
            found[token] = agent.call("register_session")
        names = [one["agent_name"] for one in found.values()]
        assert names[:2] == ["ada", "bob"]
        assert len({one["session_id"] for one in found.values()}) == 3
        log = served.log.read_text()
        assert all(token not in log for token in found)
    finally:
        served.close()


@pytest.mark.parametrize("era", ERAS)
def test_clients_are_told_apart_by_their_connection_or_name(
    door: Door, agents: Agents, era: str
) -> None:
    served = agents.hosted()
    one = agents.http(served, era=era, name="claude-code")
    two = agents.http(served, era=era, name="opencode")
    first = one.call("acquire_lock", file_path="a.py")["session"]
    assert two.refused("acquire_lock", file_path="a.py")["locked_by"]
    second = two.call("acquire_lock", file_path="b.py")["session"]
    assert first != second
    assert one.call("acquire_lock", file_path="c.py")["session"] == first
    types = {row["id"]: row["type"] for row in door.json("session", "list")["sessions"]}
    assert types == {first: "claude-code", second: "opencode"}


def test_two_connections_of_one_program_are_two_in_the_older_era(agents: Agents) -> None:
    served = agents.hosted()
    one, two = agents.http(served), agents.http(served)
    assert one.call("register_session")["session_id"] != two.call("register_session")["session_id"]


def test_codex_and_a_header_say_who_it_is_whatever_the_connection(
    door: Door, agents: Agents
) -> None:
    served = agents.hosted()
    one, two = agents.http(served), agents.http(served, era="2026-07-28")
    session = one.call("register_session", meta=CODEX)["session_id"]
    assert two.call("acquire_lock", file_path="a.py", meta=CODEX)["session"] == session
    ada = door.start("ada")
    named = agents.http(served, **{"Gitcoord-Session": ada})
    assert named.call("acquire_lock", file_path="b.py")["session"] == ada


def test_the_servers_own_surroundings_are_nobodys_session(
    door: Door, agents: Agents, tmp_path: Path
) -> None:
    ada = door.start("ada")
    served = Served(
        door.place, tmp_path / "own.log", GITCOORD_SESSION=ada, CLAUDE_CODE_SESSION_ID="u-1"
    )
    try:
        agent = agents.http(served)
        assert agent.call("acquire_lock", file_path="a.py")["session"] != ada
    finally:
        served.close()


def test_a_connection_that_ends_checks_its_session_out_and_no_other(
    door: Door, agents: Agents
) -> None:
    served = agents.hosted()
    one, two = agents.http(served), agents.http(served)
    first = one.call("acquire_lock", file_path="a.py")["session"]
    second = two.call("acquire_lock", file_path="b.py")["session"]
    agents.leave(one)

    def sessions() -> list[Any]:
        return [row["id"] for row in door.json("session", "list")["sessions"]]

    until(lambda: sessions() == [second])
    assert door.json("session", "show", first)["session"]["status"] == "ended"
    assert [lock["key"] for lock in door.json("lock", "list")["locks"]] == ["b.py"]


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_at_its_end_everybody_is_checked_out(door: Door, agents: Agents, served: Served) -> None:
    for era in ERAS:
        agents.http(served, era=era).call("acquire_lock", file_path=f"{era}.py")
    assert len(door.json("session", "list")["sessions"]) == 2
    served.child.send_signal(signal.SIGTERM)
    served.child.wait(timeout=60)
    assert door.json("session", "list")["sessions"] == []
    assert door.json("lock", "list")["locks"] == []
    assert "Traceback" not in served.log.read_text()


def test_who_is_not_heard_of_for_long_is_checked_out(door: Door) -> None:
    from gitcoord.entrypoints.mcp.identity import Caller
    from gitcoord.entrypoints.mcp.office import IDLE, Office

    now = [0.0]
    office = Office(door.place, {}, several=True, clock=lambda: now[0])
    try:
        seat, _ = office.seat(Caller(connection="1"))
        office.used(seat, 1)
        seat.check_in(office.call(seat))
        now[0] = IDLE + 1
        # An open stream is a sign of life, however long it says nothing.
        assert office.idle() == []
        office.used(seat, -1)
        assert office.idle() == []
        now[0] += IDLE + 1
        assert office.idle() == [seat]
        office.leave(seat)
        assert office.seats == {}
        assert door.json("session", "list")["sessions"] == []
    finally:
        office.close()
