"""Waiting for a lock: progress while it lasts, the lock when it is free, no place for the gone."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

from tests.entrypoints.door import Door
from tests.entrypoints.mcp.agents import ERAS, Agent, Agents
from tests.entrypoints.program import until

Told = list[tuple[float, float | None, str | None]]


@pytest.fixture(params=[(way, era) for way in ("pipes", "http") for era in ERAS], ids="-".join)
def agent(request: pytest.FixtureRequest, agents: Agents) -> Agent:
    way, era = request.param
    return agents.inside(era=era) if way == "pipes" else agents.http(agents.hosted(), era=era)


def waiting(door: Door) -> int:
    return len(door.json("lock", "list")["waiting"])


def test_who_waits_hears_of_it_and_gets_the_lock(door: Door, agent: Agent) -> None:
    ada = door.start("ada")
    door("lock", "acquire", "src/", "--session", ada)
    told: Told = []
    future = agent.begin(
        "acquire_lock", lambda *one: told.append(one), file_path="src/a.py", wait_seconds=60
    )
    until(lambda: waiting(door) == 1)
    until(lambda: told)
    # Other calls of the same connection do not wait behind it.
    assert agent.call("check_locks", file_paths=["src/a.py"])["free"] is False
    until(lambda: len(told) > 1)
    door("lock", "release", "src/", "--session", ada)
    found = future.result(60)
    assert not found.is_error
    assert found.structured_content["locks"][0]["key"] == "src/a.py"
    assert waiting(door) == 0
    done, total, words = told[0]
    assert total == 60
    assert 0 <= done < 60
    assert words is not None
    assert "held by ada" in words
    assert [one[0] for one in told] == sorted(one[0] for one in told)


def test_who_gives_up_loses_the_place(door: Door, agent: Agent) -> None:
    ada = door.start("ada")
    door("lock", "acquire", "a.py", "--session", ada)
    future = agent.begin("acquire_lock", file_path="a.py", wait_seconds=3600)
    until(lambda: waiting(door) == 1)
    future.cancel()
    with pytest.raises(CancelledError):
        future.result(60)
    until(lambda: waiting(door) == 0)
    # Nobody is granted anything afterwards.
    door("lock", "release", "a.py", "--session", ada)
    assert door.json("lock", "list")["locks"] == []
    assert agent.call("acquire_lock", file_path="a.py")["action"] == "acquired"


def test_a_wait_that_is_over_says_who_still_holds_it(door: Door, agents: Agents) -> None:
    ada = door.start("ada")
    door("lock", "acquire", "a.py", "--session", ada)
    agent = agents.inside()
    error = agent.refused("acquire_lock", file_path="a.py", wait_seconds=0.2)["error"]
    assert (error["code"], error["conflicts"][0]["agent"]) == ("wait_timed_out", "ada")
    assert waiting(door) == 0


def test_whose_connection_ends_while_waiting_is_gone_from_the_queue(
    door: Door, agents: Agents
) -> None:
    ada = door.start("ada")
    door("lock", "acquire", "a.py", "--session", ada)
    agent = agents.stdio()
    future = agent.begin("acquire_lock", file_path="a.py", wait_seconds=3600)
    until(lambda: waiting(door) == 1)
    agents.leave(agent)
    until(future.done)
    assert waiting(door) == 0
    assert [one["id"] for one in door.json("session", "list")["sessions"]] == [ada]


def test_what_is_granted_to_somebody_who_no_longer_asks_is_given_back(
    door: Door, tmp_path: Path
) -> None:
    from gitcoord.entrypoints.mcp.call import Withdrawn
    from gitcoord.entrypoints.mcp.identity import Caller
    from gitcoord.entrypoints.mcp.office import Office
    from gitcoord.entrypoints.mcp.tools_locks import AcquireLock, acquire_lock

    office = Office(door.place, {})
    try:
        seat, _ = office.seat(Caller())
        call = office.call(seat)
        seat.check_in(call)
        acquire_lock(call, AcquireLock(file_path="b.py"))
        # The client gives up before the answer is there.
        call.withdrawn.set()
        with pytest.raises(Withdrawn):
            acquire_lock(call, AcquireLock(keys=["a.py", "b.py"]))
        assert [one["key"] for one in door.json("lock", "list")["locks"]] == ["b.py"]
        office.leave(seat)
    finally:
        office.close()


def test_many_who_wait_keep_nobody_from_working(door: Door, agents: Agents) -> None:
    from gitcoord.entrypoints.mcp.threads import WORKING

    ada = door.start("ada")
    door("lock", "acquire", "src/", "--session", ada)
    agent = agents.inside()
    agent.call("register_session")
    crowd = [
        agent.begin("acquire_lock", file_path=f"src/{number}.py", wait_seconds=3600)
        for number in range(WORKING + 4)
    ]
    until(lambda: waiting(door) == len(crowd))
    free = threading.Event()
    agent.begin("check_locks").add_done_callback(lambda _: free.set())
    assert free.wait(60)
    door("lock", "release", "src/", "--session", ada)
    assert not any(one.result(60).is_error for one in crowd)
