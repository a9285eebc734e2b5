"""Streams over HTTP, from a service that is a process and may be killed."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from functools import partial
from itertools import islice
from typing import Any

import anyio
import pytest
from sse_starlette import ServerSentEvent

from gitcoord.bootstrap import House
from gitcoord.domain.lock_operations import ReleaseLocks
from tests.entrypoints.program import until
from tests.ledger.houses import acquire, begun, session
from tests.webhook.events.listening import ids, running, threaded
from tests.webhook.events.listening import until as soon
from tests.webhook.events.served import Line, Service, Stream, service
from webhook.events import stream as streams
from webhook.events.hub import Hub


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


def test_whoever_has_heard_nothing_yet_comes_back_as_well_and_misses_nothing(
    house: House, repo: str
) -> None:
    ada = session(house)
    with service(repo) as served:
        stream = Stream(served.port, "?types=lock.released")
        first = dict(
            line.decode().strip().split(": ") for line in iter(stream.response.readline, b"\r\n")
        )
        assert first["retry"] == "2000"
        served.process.send_signal(signal.SIGKILL)
        stream.close()
    acquire(house, ada, "a.py")
    house.coordinator.run(ReleaseLocks(all=True), session=ada.id)
    with service(repo) as served:
        stream = Stream(served.port, "?types=lock.released", after=first["id"])
        assert next(stream.events()).event == "lock.released"
        stream.close()


async def blocks(hub: Hub, told: list[ServerSentEvent], **options: Any) -> None:
    """Keep what a stream says, to its end."""
    response = await streams.stream(hub, **options)
    async for each in response.body_iterator:
        assert isinstance(each, ServerSentEvent)
        told.append(each)


def test_whoever_wants_little_is_told_how_far_it_has_come(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "PASSED", 3)
    monkeypatch.setattr(streams, "CHECK", 0.05)
    ada = session(house)

    async def scene() -> None:
        told: list[ServerSentEvent] = []
        async with running(house) as hub, anyio.create_task_group() as group:
            group.start_soon(partial(blocks, hub, told, types="task.completed"))
            await soon(lambda: told)
            for number in range(4):
                await threaded(acquire, house, ada, f"k{number}")
            await soon(lambda: [x.id for x in told][-2:] == ["1.5.1", "1.6.1"])
            assert told[0].id == "1.2.999999999"
            # No more than an id: a reader is told of nothing that it does not want.
            assert all(x.event is None and x.data is None for x in told)
            group.cancel_scope.cancel()

    anyio.run(scene)


def test_whoever_may_not_listen_any_more_is_sent_away_also_while_nothing_happens(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "CHECK", 0.05)
    good = [True]

    async def still() -> bool:
        return good[0]

    async def scene() -> None:
        told: list[ServerSentEvent] = []
        async with running(house) as hub, anyio.create_task_group() as group:
            group.start_soon(partial(blocks, hub, told, still=still))
            await soon(lambda: [x for x in told if x.event == "presence"])
            good[0] = False
            await soon(lambda: told[-1].event == "end")
            await soon(lambda: not hub.readers)
            text = told[-1].data
            assert json.loads(str(text)) == {
                "type": "end",
                "reason": "revoked",
                "resume": "1.1.999999999",
            }
            group.cancel_scope.cancel()

    anyio.run(scene)


def test_a_client_that_takes_nothing_is_cut_off_without_an_alarm(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def events() -> AsyncIterator[ServerSentEvent]:
        while True:
            yield ServerSentEvent("x")

    async def receive() -> Any:
        await anyio.sleep_forever()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            await anyio.sleep_forever()

    async def scene() -> None:
        scope = {"type": "http", "method": "GET", "path": "/api/v1/events"}
        with anyio.fail_after(20):
            await streams.Streamed(events(), send_timeout=0.05)(scope, receive, send)

    anyio.run(scene)
    (line,) = caplog.records
    assert line.levelname == "WARNING"
    assert line.exc_info is None
    assert "/api/v1/events has taken nothing" in line.getMessage()


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
