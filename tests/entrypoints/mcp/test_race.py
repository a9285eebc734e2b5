"""Two servers are two rivals: of two that want one lock at once, exactly one gets it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from tests.entrypoints.door import Door
from tests.entrypoints.mcp.agents import ERAS, Agents

ROUNDS = 10


def test_two_servers_race_for_a_lock_and_one_wins(door: Door, agents: Agents) -> None:
    rivals = [agents.stdio(era=era, name=f"client-{era}") for era in ERAS]
    names = [rival.call("register_session")["agent_name"] for rival in rivals]
    start = threading.Barrier(len(rivals))
    tokens = []
    with ThreadPoolExecutor(len(rivals)) as threads:
        for number in range(ROUNDS):
            key = f"src/{number}.py"

            def ask(who: int, key: str = key) -> bool:
                start.wait()
                return not rivals[who].raw("acquire_lock", file_path=key).is_error

            won = list(threads.map(ask, range(len(rivals))))
            assert sorted(won) == [False, True], f"round {number}"
            (lock,) = door.json("lock", "list")["locks"]
            winner = won.index(True)
            assert (lock["key"], lock["agent"]) == (key, names[winner])
            tokens.append(lock["token"])
            rivals[winner].call("release_lock", file_path=key)
    assert tokens == sorted(set(tokens))


def test_calls_at_once_through_one_connection_check_in_once(door: Door, agents: Agents) -> None:
    agent = agents.inside()
    futures = [agent.begin("acquire_lock", file_path=f"{number}.py") for number in range(12)]
    found = [future.result(60) for future in futures]
    assert not any(one.is_error for one in found)
    sessions = {one.structured_content["session"] for one in found}
    assert len(sessions) == 1
    assert [one["id"] for one in door.json("session", "list", "--all")["sessions"]] == list(
        sessions
    )
    assert len(door.json("lock", "list")["locks"]) == 12
