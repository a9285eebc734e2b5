"""Streams over HTTP, from a service that is a process and may be killed."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from gitcoord.bootstrap import House
from gitcoord.domain.lock_operations import ReleaseLocks
from tests.entrypoints.program import until
from tests.ledger.houses import acquire, begun, session
from tests.webhook.events.listening import ids
from tests.webhook.events.served import Line, Service, Stream, service


@pytest.fixture
def house(repo: str) -> House:
    return begun(repo)


@pytest.fixture
def served(house: House, repo: str) -> Iterator[Service]:
    with service(repo) as found:
        yield found


def said(line: Line) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(line.data)
    return found


def test_a_stream_begins_with_who_is_present_and_goes_on_with_what_happens(
    house: House, served: Service
) -> None:
    ada = session(house)
    stream = Stream(served.port)
    assert stream.response.status == 200
    assert stream.response.headers["Content-Type"].startswith("text/event-stream")
    assert stream.response.headers["Cache-Control"] == "no-store"
    lines = stream.lines()
    present = next(lines)
    assert (present.event, present.id) == ("presence", "")
    assert [each["agent_name"] for each in said(present)["sessions"]] == ["ada"]
    acquire(house, ada, "ä.py", reason="two\nlines\r\u2028")
    event = next(line for line in lines if line.id)
    assert (event.event, event.id) == ("lock.acquired", "1.3.1")
    assert said(event)["type"] == "lock.acquired"
    assert said(event)["data"]["key"] == "ä.py"
    assert said(event)["data"]["reason"] == "two\nlines\r\u2028"
    stream.close()


def test_a_stream_resumes_behind_the_last_event_id(house: House, served: Service) -> None:
    ada = session(house)
    for name in "abc":
        acquire(house, ada, name)
    everything = ids(house)
    for place, each in enumerate(everything[:-1]):
        stream = Stream(served.port, after=each)
        rest = everything[place + 1 :]
        assert [x.id for x in islice(stream.events(), len(rest))] == rest
        stream.close()


def test_a_stream_tells_only_the_types_and_the_session_that_are_asked_for(
    house: House, served: Service
) -> None:
    ada, bob = session(house), session(house, "bob")
    acquire(house, ada, "a.py")
    acquire(house, bob, "b.py")
    house.coordinator.run(ReleaseLocks(all=True), session=ada.id)
    stream = Stream(served.port, "?types=lock.*,agent.checkout", after="1.1.1")
    found = [x.event for x in islice(stream.lines(), 3)]
    assert found == ["lock.acquired", "lock.acquired", "lock.released"]
    stream.close()
    stream = Stream(served.port, f"?session={ada.id}", after="1.1.1")
    mine = [x.event for x in islice(stream.events(), 3)]
    assert mine == ["agent.checkin", "lock.acquired", "lock.released"]
    stream.close()


@pytest.mark.parametrize(
    ("query", "after", "code"),
    [
        ("", "rubbish", "invalid_id"),
        ("", "1.2", "invalid_id"),
        ("?types=lock.stolen", "", "invalid_value"),
        ("?types=foo.*", "", "invalid_value"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_the_stream(
    served: Service, query: str, after: str, code: str
) -> None:
    stream = Stream(served.port, query, after)
    assert stream.response.status == 400
    assert json.loads(stream.response.read())["code"] == code
    stream.close()


def test_an_id_that_is_not_of_this_chain_gets_a_gap_and_the_stream_goes_on(
    house: House, served: Service
) -> None:
    ada = session(house)
    stream = Stream(served.port, "?types=lock.*", after="7.1.1")
    events = stream.events()
    gap = next(events)
    assert (gap.event, said(gap)["after"]) == ("gap", "7.1.1")
    acquire(house, ada, "a.py")
    assert next(events).event == "lock.acquired"
    stream.close()


def test_comments_keep_the_connection_open(house: House, repo: str) -> None:
    with service(repo, keep_alive=0.1) as served:
        stream = Stream(served.port, "?types=lock.*")
        assert [each.comment for each in islice(stream.lines(), 3)] == ["yes"] * 3
        stream.close()


def test_a_client_that_hangs_up_is_forgotten(house: House, served: Service) -> None:
    streams = [Stream(served.port) for _ in range(3)]
    for stream in streams:
        next(stream.lines())
    assert served.readers() == 3
    for stream in streams:
        stream.close()
    until(lambda: not served.readers())


def _follow(ports: list[int], heard: list[str], over: threading.Event) -> None:
    """Follow as a browser does: whenever it is cut off, come back with the last id."""
    while not over.is_set():
        try:
            stream = Stream(ports[-1], after=heard[-1] if heard else "1.1.1")
        except OSError:
            continue
        for each in stream.events():
            assert each.event != "gap"
            heard.append(each.id)
            if over.is_set():
                break
        stream.close()


def test_a_stream_that_comes_back_after_the_service_was_killed_misses_and_repeats_nothing(
    house: House, repo: str
) -> None:
    ada = session(house)
    heard: list[str] = []
    over = threading.Event()
    ports: list[int] = []
    follower = threading.Thread(target=_follow, args=(ports, heard, over))
    count = iter(range(10_000))

    def act() -> None:
        acquire(house, ada, f"k{next(count)}")

    for life in range(3):
        with service(repo) as served:
            ports.append(served.port)
            if not life:
                follower.start()
            goal = len(heard) + 8
            while len(heard) < goal:
                act()
            # In the middle of things, and things go on while nobody serves.
            served.process.send_signal(signal.SIGKILL)
        for _ in range(5):
            act()
    with service(repo) as served:
        ports.append(served.port)
        everything = ids(house)[1:]
        until(lambda: heard[-1:] == everything[-1:])
        over.set()
        act()
        follower.join(60)
    assert heard[: len(everything)] == everything
    assert len(heard) <= len(everything) + 1


def test_a_service_that_is_told_to_end_ends_although_streams_are_open(
    house: House, served: Service
) -> None:
    stream = Stream(served.port)
    next(stream.lines())
    served.process.terminate()
    assert list(stream.lines()) == []
    served.process.wait(timeout=60)
    stream.close()


def test_many_streams_hear_the_same(house: House, served: Service) -> None:
    ada = session(house)
    streams = [Stream(served.port, after="1.2.1") for _ in range(50)]
    for name in "abc":
        acquire(house, ada, name)
    wanted = ids(house)[2:]
    for stream in streams:
        assert [x.id for x in islice(stream.events(), len(wanted))] == wanted
        stream.close()
