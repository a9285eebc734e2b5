"""`gitcoord port`: leases that hold for the machine, and ports that are really free."""

from __future__ import annotations

import multiprocessing as mp
import os
import shutil
import socket
from collections.abc import Iterator
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest

from gitcoord.entrypoints import ports
from gitcoord.errors import GitcoordError
from gitcoord.ledger import loopback
from tests.conftest import first_commit
from tests.entrypoints.door import Door
from tests.gitrun import git


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the test a machine of its own: no leases, and ports that nobody else uses."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("GITCOORD_PORT_BASE", "23000")
    monkeypatch.setenv("GITCOORD_PORT_RANGE", "10")
    return str(tmp_path / "state" / "gitcoord" / "machine.git")


@pytest.fixture
def here(machine: str, door: Door) -> Door:
    """Stand in a repository on that machine."""
    return door


def listening(port: int, host: str = "127.0.0.1") -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    # As servers do.
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind((host, port))
    found.listen()
    return found


@pytest.fixture
def stranger() -> Iterator[list[socket.socket]]:
    """Keep programs without a lease, and end them."""
    found: list[socket.socket] = []
    yield found
    for one in found:
        one.close()


def head(machine: str) -> str:
    return git(machine, "rev-parse", "refs/coord/state")


def block(door: Door, *words: str) -> dict[str, Any]:
    found = door.json("port", "allocate", *words)["port"]
    assert isinstance(found, dict)
    return found


def test_requirement_30_and_31_the_variables_are_those_of_the_original(here: Door) -> None:
    here.start("ada")
    said = here("port", "allocate")
    lease = block(here)
    of = lease["ports"]
    assert said.splitlines() == [
        f"export AGENT_COORDINATOR_DB_PORT={of['db']}",
        f"export AGENT_COORDINATOR_REST_PORT={of['rest']}",
        f"export AGENT_COORDINATOR_REALTIME_PORT={of['realtime']}",
        f"export API_PORT={of['api']}",
        f"export COMPOSE_PROJECT_NAME={lease['project']}",
        f"export SUPABASE_URL=http://localhost:{of['rest']}",
    ]
    assert [of[name] - of["db"] for name in ("db", "rest", "realtime", "api")] == [0, 1, 2, 3]
    assert lease["first"] % 10 == 0
    assert lease["last"] == lease["first"] + 9


def test_two_repositories_of_a_machine_share_its_ports(here: Door, tmp_path: Path) -> None:
    here.start("ada")
    mine = block(here)
    other = first_commit(tmp_path / "other")
    here.go(other)
    here("init")
    here.start("bob")
    theirs = block(here)
    assert theirs["first"] != mine["first"]
    rows = here.json("port", "list")["ports"]
    assert [one["agent"] for one in sorted(rows, key=lambda x: x["allocated_at"])] == ["ada", "bob"]
    said = here("port", "list")
    assert "ada" in said
    assert other in said


def test_requirement_29_leases_need_no_server_and_can_be_read_with_git_alone(
    here: Door, machine: str
) -> None:
    here.start("ada")
    block(here)
    assert "port: ada takes" in git(machine, "log", "--format=%s", "refs/coord/state")
    assert git(machine, "ls-tree", "--name-only", "refs/coord/state", "ports/")
    assert "ports" not in git(here.place, "ls-tree", "--name-only", "refs/coord/state")


def test_a_lease_ends_with_its_session_and_with_its_repository(here: Door, tmp_path: Path) -> None:
    ada = here.start("ada")
    mine = block(here)
    here("session", "end", "--session", ada)
    assert here("port", "list").strip() == "no ports are leased"
    other = first_commit(tmp_path / "other")
    here.go(other)
    here("init")
    here.start("bob")
    assert block(here)["first"] == mine["first"]
    here.go(here.place)
    here.start("cid")
    assert block(here)["first"] != mine["first"]
    shutil.rmtree(other)
    assert [one["agent"] for one in here.json("port", "list")["ports"]] == ["cid"]


def test_a_ledger_that_cannot_be_read_ends_no_lease(here: Door, tmp_path: Path) -> None:
    other = first_commit(tmp_path / "other")
    here.go(other)
    here("init")
    here.start("bob")
    block(here)
    config = Path(other, ".git", "config")
    config.write_text("[core]\n\trepositoryformatversion = 7\n", encoding="utf-8")
    here.go(here.place)
    here.start("ada")
    assert len(here.json("port", "list")["ports"]) == 1
    config.write_text("[core]\n\trepositoryformatversion = 0\n", encoding="utf-8")
    git(other, "update-ref", "-d", "refs/coord/state")
    assert len(here.json("port", "list")["ports"]) == 1, "it is lost, and may come back"
    shutil.rmtree(os.path.join(other, ".git", "gitcoord"))
    assert here.json("port", "list")["ports"] == []


def test_release_gives_back_and_twice_is_no_error(here: Door, machine: str) -> None:
    here.start("ada")
    first = block(here)
    assert here.json("port", "release")["port"]["first"] == first["first"]
    before = head(machine)
    assert here.json("port", "release") == {"ok": True, "released": False, "port": None}
    assert here("port", "release").strip() == "no ports were leased"
    assert head(machine) == before
    assert block(here)["first"] == first["first"]
    assert "are free again" in here("port", "release")


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1"])
def test_ports_taken_by_strangers_are_passed_over(
    here: Door, stranger: list[socket.socket], host: str
) -> None:
    here.start("ada")
    first = block(here)["first"]
    here("port", "release")
    try:
        stranger.append(listening(first + 2, host))
    except OSError:
        pytest.skip(f"there is no {host} here")
    assert block(here)["first"] != first


def test_where_strangers_have_all_ports_the_refusal_says_so_and_nothing_changes(
    here: Door, machine: str, stranger: list[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    here.start("ada")
    first = block(here)["first"]
    here("port", "release")
    monkeypatch.setenv("GITCOORD_PORT_BASE", str(first))
    monkeypatch.setenv("GITCOORD_PORT_BLOCKS", "1")
    stranger.append(listening(first))
    before = head(machine)
    error = here.refused("port", "allocate")
    assert error["code"] == "no_ports_available"
    assert error["taken"] == [first]
    assert "programs without a lease" in error["message"]
    assert head(machine) == before


def test_what_a_server_has_just_closed_is_free() -> None:
    with listening(0) as server:
        port = server.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = server.accept()
        assert not loopback.free([port])
        # Who closes first is the one that waits.
        accepted.close()
        client.close()
    assert loopback.free([port])


def test_ports_are_looked_at_twice_before_they_are_strangers(
    here: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gitcoord.entrypoints.cli.desk import Desk

    session = here.start("ada")
    looked: list[int] = []

    def looks(found: range) -> bool:
        looked.append(found[0])
        return looked.count(found[0]) > 1

    desk = Desk(here.place, as_json=False, session=session)
    try:
        lease = ports.allocate(desk, session, looks=looks).lease
    finally:
        desk.house.close()
    assert looked.count(lease.first) == 2


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PORT_BASE", "1023", "1024"),
        ("PORT_RANGE", "3", "4"),
        ("PORT_BLOCKS", "0", "1"),
        ("PORT_TTL", "0", "1"),
        ("PORT_BLOCKS", "9000", "beyond 65535"),
    ],
)
def test_requirement_26_wrong_settings_are_refused_before_anything_is_made(
    here: Door, machine: str, monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    here.start("ada")
    monkeypatch.setenv(f"GITCOORD_{name}", value)
    error = here.refused("port", "allocate", code=2)
    assert error["code"] == "invalid_config"
    assert words in error["message"]
    assert not os.path.exists(machine)


def test_requirement_26_settings_come_from_the_repository_and_the_environment(
    here: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.start("ada")
    monkeypatch.delenv("GITCOORD_PORT_RANGE")
    git(here.place, "config", "coord.portRange", "7")
    monkeypatch.setenv("GITCOORD_PORT_BASE", "24000")
    lease = block(here, "--ttl", "10m")
    assert (lease["size"], lease["ttl"]) == (7, 600.0)
    assert 24_000 <= lease["first"] < 24_140


def test_only_a_session_that_lives_gets_ports(here: Door, machine: str) -> None:
    assert here.refused("port", "allocate", code=2)["code"] == "session_required"
    ada = here.start("ada")
    here("session", "end")
    here.become(ada)
    assert here.refused("port", "allocate")["code"] == "session_ended"
    assert here.json("port", "list")["ports"] == []
    assert not os.path.exists(machine)


def racer(place: str, session: str, gate: Barrier, answers: SimpleQueue[Any]) -> None:
    """Lease ports at the same moment as all others, in a process of its own."""
    from gitcoord.entrypoints.cli.desk import Desk

    desk = Desk(place, as_json=True, session=session)
    desk.house.ledger.head()
    gate.wait(60)
    try:
        lease = ports.allocate(desk, session).lease
        answers.put((lease.first, lease.size))
    except GitcoordError as error:
        answers.put(error.code)
    finally:
        desk.house.close()


def test_sixteen_processes_of_two_repositories_get_sixteen_blocks(
    here: Door, tmp_path: Path
) -> None:
    other = first_commit(tmp_path / "other")
    here.go(other)
    here("init")
    context = mp.get_context("spawn")
    gate, answers = context.Barrier(16), context.SimpleQueue()
    children = []
    for number, place in enumerate([here.place, other] * 8):
        here.go(place)
        session = here.start(f"agent-{number}")
        children.append(context.Process(target=racer, args=(place, session, gate, answers)))
    for child in children:
        child.start()
    got = [answers.get() for _ in children]
    for child in children:
        child.join(60)
    taken = [port for first, size in got for port in range(first, first + size)]
    assert len(taken) == len(set(taken)) == 160
    rows = here.json("port", "list")["ports"]
    assert sorted(one["first"] for one in rows) == sorted(first for first, _ in got)


def test_a_profile_that_blocks_it_lets_no_ports_be_leased(here: Door) -> None:
    here("profile", "set", "own", "--block", "allocate_ports")
    here("profile", "assign", "ada", "own")
    here.start("ada")
    error = here.refused("port", "allocate")
    assert (error["code"], error["operation"]) == ("operation_not_permitted", "allocate_ports")
    assert here("port", "list").strip() == "no ports are leased"
    assert here.json("port", "release")["released"] is False
