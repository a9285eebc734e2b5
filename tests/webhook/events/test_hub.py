"""The hub: no gap, no repetition, slow readers, other writers, a host, presence, trouble."""

from __future__ import annotations

import multiprocessing
import os
import random
import threading
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import anyio
import pytest

from gitcoord.bootstrap import House, open_house
from gitcoord.domain.configure import Begin
from gitcoord.domain.departure import EndSession
from gitcoord.domain.lock_operations import AcquireLocks, ReleaseLocks
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.pausing import PauseSession
from gitcoord.domain.sessions import StartSession
from gitcoord.errors import NotInitialised, Unavailable
from gitcoord.ledger import remedies
from gitcoord.ledger.feed import Position
from gitcoord.ledger.request import fresh_id
from tests.gitrun import git
from tests.ledger.houses import acquire, begun, opened, session
from tests.servers.git_http import GitHost
from tests.webhook.events.listening import LONG, Listener, body, ids, running, threaded, until
from webhook.events import hub as hubs
from webhook.events.hub import Hub
from webhook.events.item import Item
from webhook.events.watching import Watching

STATE = "refs/coord/state"


def test_a_listener_hears_what_happens_from_now_on(repo: str) -> None:
    house = begun(repo)
    ada = session(house)
    other = opened(repo)

    async def scene() -> None:
        async with running(house) as hub, anyio.create_task_group() as group:
            listener = Listener()
            group.start_soon(listener.listen, hub)
            await until(lambda: listener.heard)
            assert listener.heard[0].type == "presence"
            await threaded(acquire, other, ada, "a.py")
            await until(lambda: listener.events)
            assert (listener.kinds, listener.ids) == (["lock.acquired"], ["1.3.1"])
            assert body(listener.events[0])["data"]["agent_name"] == "ada"
            hub.close()
        assert [each.type for each in listener.heard[-1:]] == ["end"]
        assert body(listener.heard[-1]) == {"type": "end", "reason": "closing", "resume": "1.3.1"}
        assert hub.readers == 0

    anyio.run(scene)


def test_whoever_comes_with_an_id_is_told_what_came_after_it_and_then_what_happens(
    repo: str,
) -> None:
    house = begun(repo)
    ada = session(house)
    for name in "abcde":
        acquire(house, ada, name)
    everything = ids(house)

    async def scene() -> None:
        async with running(house) as hub, anyio.create_task_group() as group:
            listeners = [Listener() for _ in everything]
            for listener, each in zip(listeners, everything, strict=True):
                group.start_soon(listener.listen, hub, each)
            await threaded(acquire, house, ada, "z")
            total = await threaded(ids, house)
            for place, listener in enumerate(listeners):
                await until(lambda x=listener: x.ids[-1:] == total[-1:])
                assert listener.ids == total[place + 1 :]
            hub.close()

    anyio.run(scene)


def _write(place: str, name: str, count: int, gate: Any) -> None:
    house = open_house(place, os.environ)
    try:
        wish = StartSession(id=fresh_id("s-"), agent=name, machine=house.ledger.machine)
        own = house.coordinator.do(wish, StartSession.answer).session.id
        gate.wait()
        for number in range(count):
            house.coordinator.run(AcquireLocks(keys=(f"{name}/{number}",)), session=own)
            if number % 3 == 2:
                house.coordinator.run(ReleaseLocks(all=True), session=own)
    finally:
        house.close()


async def _impatient(hub: Hub, heard: list[str], after: str, seed: int) -> None:
    """Read a few events, leave, and come back with the last id, again and again."""
    chance = random.Random(seed)
    while True:
        listener = Listener()
        with anyio.move_on_after(chance.uniform(0.01, 0.3)):
            await listener.listen(hub, after)
        heard += listener.ids
        after = heard[-1] if heard else after


def test_readers_that_come_and_go_while_others_write_miss_and_repeat_nothing(repo: str) -> None:
    house = begun(repo)
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(3)
    writers = [context.Process(target=_write, args=(repo, f"w{n}", 20, gate)) for n in range(3)]

    async def scene() -> None:
        # A short ring, so that many are told from the chain again and again.
        async with running(house, backlog=5) as hub, anyio.create_task_group() as group:
            heard: list[list[str]] = [[] for _ in range(6)]
            for seed, mine in enumerate(heard):
                group.start_soon(_impatient, hub, mine, "1.1.1", seed)
            for writer in writers:
                writer.start()
            await until(lambda: not any(writer.is_alive() for writer in writers))
            total = (await threaded(ids, house))[1:]
            for mine in heard:
                await until(lambda x=mine: x[-1:] == total[-1:])
            group.cancel_scope.cancel()
        assert all(mine == total for mine in heard)
        assert len(total) > 60

    anyio.run(scene)
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0


def test_a_hub_that_is_started_anew_goes_on_where_the_other_was_killed(repo: str) -> None:
    house = begun(repo)
    ada = session(house)
    first, second = Listener(), Listener()

    async def one(listener: Listener, after: str, name: str) -> None:
        async with running(house) as hub, anyio.create_task_group() as group:
            group.start_soon(listener.listen, hub, after)
            for number in range(3):
                await threaded(acquire, house, ada, f"{name}{number}")
            await until(lambda: len(listener.ids) >= 2)
            # Without a farewell, in the middle of what happens.
            group.cancel_scope.cancel()

    anyio.run(one, first, "1.1.1", "a")
    acquire(house, ada, "between")
    anyio.run(one, second, first.ids[-1], "b")
    heard = first.ids + second.ids
    assert heard == ids(house)[1 : len(heard) + 1]
    assert len(heard) >= 4


def test_a_reader_that_is_too_slow_is_sent_away_and_comes_back_with_its_id(repo: str) -> None:
    house = begun(repo)
    ada = session(house)

    async def scene() -> None:
        async with running(house, backlog=4) as hub, anyio.create_task_group() as group:
            quick = Listener()
            group.start_soon(quick.listen, hub)
            await until(lambda: quick.heard)
            slow = await hub.subscribe()
            assert (await anext(slow)).type == "presence"
            acquire(house, ada, "first")
            # Who is present may be told again in between.
            first = await anext(each async for each in slow if each.id)
            # It does not read while this happens.
            for number in range(10):
                await threaded(acquire, house, ada, f"k{number}")
                hub.wake()
                await until(lambda wanted=number + 2: len(quick.events) == wanted)
            assert quick.heard[-1].type != "end"
            with anyio.fail_after(LONG):
                rest = [each async for each in slow if each.type != "presence"]
            assert [each.type for each in rest] == ["end"]
            said = body(rest[0])
            assert (said["reason"], said["resume"]) == ("slow", first.id)
            back = Listener()
            group.start_soon(back.listen, hub, said["resume"])
            await until(lambda: len(back.events) == 10)
            assert [first.id, *back.ids] == quick.ids
            hub.close()

    anyio.run(scene)


def test_whoever_comes_in_the_middle_of_a_large_transaction_hears_each_part_once(
    repo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = begun(repo)
    wish = AddTasks(tasks=tuple(NewTask(id=f"t-{n}", title="x") for n in range(10)))
    calls = iter(range(1000))
    reached, gate = threading.Event(), threading.Event()

    def piece(items: Iterator[Item]) -> list[Item]:
        if next(calls) == 1:
            # The follower has told the first part, and has not read on.
            reached.set()
            assert gate.wait(LONG)
        return list(islice(items, 3))

    monkeypatch.setattr(hubs, "PIECE", 3)
    monkeypatch.setattr(hubs, "piece", piece)

    async def scene() -> None:
        async with running(house) as hub, anyio.create_task_group() as group:
            early, late = Listener(), Listener()
            group.start_soon(early.listen, hub)
            await until(lambda: early.heard)
            await threaded(house.coordinator.run, wish)
            await until(lambda: reached.is_set() and len(early.events) == 3)
            group.start_soon(late.listen, hub, "1.1.1")
            await until(lambda: len(late.events) >= 3)
            await anyio.wait_all_tasks_blocked()
            gate.set()
            await until(lambda: len(early.events) == 10 and len(late.events) >= 10)
            assert late.ids == early.ids == [f"1.2.{n}" for n in range(1, 11)]
            hub.close()

    anyio.run(scene)


def test_what_goes_by_in_the_ring_during_a_long_replay_is_told_from_the_chain(repo: str) -> None:
    house = begun(repo)
    ada = session(house)
    for number in range(5):
        acquire(house, ada, f"old{number}")

    async def scene() -> None:
        async with running(house, backlog=2) as hub, anyio.create_task_group() as group:
            quick = Listener()
            group.start_soon(quick.listen, hub)
            await until(lambda: quick.heard)
            items = await hub.subscribe(Position(1, 1, 1))
            heard = [await anext(items), await anext(items)]
            # It is still being told of the past.
            for number in range(6):
                await threaded(acquire, house, ada, f"new{number}")
                hub.wake()
                await until(lambda wanted=number + 1: len(quick.events) == wanted)
            hub.close()
            with anyio.fail_after(LONG):
                heard += [each async for each in items]
        assert [each.id for each in heard if each.id] == ids(house)[1:]
        assert body(heard[-1])["reason"] == "closing"

    anyio.run(scene)


def test_more_than_the_ring_holds_at_once_reaches_those_who_read(repo: str) -> None:
    house = begun(repo)
    wish = AddTasks(tasks=tuple(NewTask(id=f"t-{n}", title="x") for n in range(900)))

    async def scene() -> None:
        async with running(house, backlog=600) as hub, anyio.create_task_group() as group:
            listener = Listener()
            group.start_soon(listener.listen, hub)
            await until(lambda: listener.heard)
            await threaded(house.coordinator.run, wish)
            await until(lambda: len(listener.events) == 900)
            assert listener.ids == [f"1.2.{n}" for n in range(1, 901)]
            hub.close()

    anyio.run(scene)


def test_what_cannot_be_told_is_a_gap_and_then_it_goes_on(repo: str) -> None:
    house = begun(repo)
    ada = session(house)

    async def scene() -> None:
        async with running(house) as hub, anyio.create_task_group() as group:
            listener = Listener()
            group.start_soon(listener.listen, hub, "1.99.1")
            await until(lambda: [x for x in listener.heard if x.type == "gap"])
            (gap,) = [x for x in listener.heard if x.type == "gap"]
            assert body(gap)["after"] == "1.99.1"
            await threaded(acquire, house, ada, "a.py")
            await until(lambda: listener.events)
            assert listener.kinds == ["lock.acquired"]
            # Its id is one to come back with.
            again = Listener()
            group.start_soon(again.listen, hub, gap.id)
            await until(lambda: again.events)
            assert again.ids == listener.ids
            hub.close()

    anyio.run(scene)


def test_a_restored_ledger_is_followed_and_what_was_lost_is_a_gap(repo: str) -> None:
    house = begun(repo)
    ada = session(house)

    async def scene() -> None:
        async with running(house) as hub, anyio.create_task_group() as group:
            listener = Listener()
            group.start_soon(listener.listen, hub)
            await until(lambda: listener.heard)
            kept = git(repo, "rev-parse", STATE).strip()
            await threaded(acquire, house, ada, "lost.py")
            await until(lambda: listener.events)
            # The ledger goes back to what it was, and is published anew without the last.
            git(repo, "update-ref", STATE, kept)
            await until(lambda: hub.trouble is not None)
            assert hub.trouble is not None
            assert hub.trouble.code == "ledger_rewound"
            await threaded(remedies.restore, house)
            await threaded(acquire, house, ada, "b.py")
            await until(lambda: listener.kinds[-2:] == ["ledger.restored", "lock.acquired"])
            assert hub.trouble is None
            hub.close()

    anyio.run(scene)


def test_presence_comes_at_the_start_and_when_it_changes(repo: str) -> None:
    house = begun(repo)
    ada = session(house, area="api")

    async def scene() -> None:
        async with running(house, presence_every=0.05) as hub, anyio.create_task_group() as group:
            listener = Listener()

            def present() -> list[Any]:
                return [body(x)["sessions"] for x in listener.heard if x.type == "presence"]

            group.start_soon(listener.listen, hub)
            await until(present)
            ((only,),) = present()
            assert (only["session_id"], only["area"], only["status"]) == (ada.id, "api", "active")
            assert listener.heard[0].id == ""
            await threaded(house.coordinator.run, PauseSession(id=ada.id))
            await until(lambda: present()[-1][0]["status"] == "paused")
            await threaded(house.coordinator.run, EndSession(), session=ada.id)
            await until(lambda: present()[-1] == [])
            told = len(present())
            bob = await threaded(session, house, "bob")
            await until(lambda: present()[-1])
            # Looked at again and again meanwhile, and told once.
            assert len(present()) == told + 1
            assert present()[-1][0]["session_id"] == bob.id
            hub.close()

    anyio.run(scene)


def test_nobody_looks_while_nobody_listens_and_whoever_comes_then_misses_nothing(
    repo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = begun(repo)
    ada = session(house)

    looks: list[bool] = []
    head = Watching.head

    def counted(self: Watching, *, asked: bool = False) -> str:
        looks.append(asked)
        return head(self, asked=asked)

    monkeypatch.setattr(Watching, "head", counted)

    async def scene() -> None:
        async with running(house) as hub:
            async with anyio.create_task_group() as group:
                listener = Listener()
                group.start_soon(listener.listen, hub)
                await until(lambda: listener.heard)
                group.cancel_scope.cancel()
            await until(lambda: not hub.readers and not hub.following)
            before = list(looks)
            await threaded(acquire, house, ada, "a.py")
            # Not even when it is woken.
            hub.wake()
            await anyio.wait_all_tasks_blocked()
            assert not hub.following
            assert looks == before
            async with anyio.create_task_group() as group:
                listener = Listener()
                group.start_soon(listener.listen, hub, "1.2.1")
                await until(lambda: listener.ids == ["1.3.1"])
                await threaded(acquire, house, ada, "b.py")
                await until(lambda: listener.ids == ["1.3.1", "1.4.1"])
                hub.close()

    anyio.run(scene)


def test_without_a_ledger_a_subscription_is_refused(repo: str) -> None:
    house = opened(repo)

    async def scene() -> None:
        async with running(house) as hub:
            with pytest.raises(NotInitialised):
                await hub.subscribe()
            assert hub.readers == 0

    anyio.run(scene)


def test_the_end_of_the_follower_is_the_end_of_the_streams(repo: str) -> None:
    house = begun(repo)

    async def scene() -> None:
        listener = Listener()
        async with anyio.create_task_group() as group, running(house) as hub:
            group.start_soon(listener.listen, hub)
            await until(lambda: listener.heard)
        assert body(listener.heard[-1])["reason"] == "closing"

    anyio.run(scene)


def _hosted(git_host: GitHost, repo: str, folder: Path) -> tuple[House, Callable[[str], House]]:
    git_host.create("hub")
    git(repo, "push", "-q", git_host.url("hub"), "main")

    def clone(name: str) -> House:
        place = str(folder / name)
        git(str(folder), "clone", "-q", git_host.url("hub"), place)
        return opened(place, remote="origin")

    one = clone("one")
    one.coordinator.begin(Begin())
    return one, clone


def test_a_change_that_another_clone_pushes_to_the_host_appears(
    git_host: GitHost, repo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gitcoord.entrypoints.cli import pace

    monkeypatch.setattr(pace, "FIRST", 0.1)
    monkeypatch.setattr(pace, "LAST", 0.3)
    here, clone = _hosted(git_host, repo, tmp_path)
    there = clone("two")

    async def scene() -> None:
        async with running(here) as hub, anyio.create_task_group() as group:
            listener = Listener()
            group.start_soon(listener.listen, hub, "1.1.1")
            await until(lambda: listener.heard)
            ada = await threaded(session, there, "ada")
            await threaded(acquire, there, ada, "a.py")
            await until(lambda: listener.kinds == ["agent.checkin", "lock.acquired"])
            # What this service pushes itself is heard without another question to the host.
            bob = await threaded(session, here, "bob")
            hub.wake()
            await until(lambda: listener.kinds[-1] == "agent.checkin")
            assert body(listener.events[-1])["data"]["session_id"] == bob.id
            hub.close()

    anyio.run(scene)


def test_an_id_that_another_service_has_told_is_looked_up_at_the_host_at_once(
    git_host: GitHost, repo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gitcoord.entrypoints.cli import pace

    # This one does not ask the host again by itself.
    monkeypatch.setattr(pace, "FIRST", 1000.0)
    monkeypatch.setattr(pace, "LAST", 1000.0)
    monkeypatch.setattr("webhook.events.watching.LONGEST", 1000.0)
    here, clone = _hosted(git_host, repo, tmp_path)
    there = clone("two")

    async def scene() -> None:
        async with running(here) as hub, anyio.create_task_group() as group:
            waits = Listener()
            group.start_soon(waits.listen, hub)
            await until(lambda: waits.heard)
            ada = await threaded(session, there, "ada")
            await threaded(acquire, there, ada, "a.py")
            listener = Listener()
            group.start_soon(listener.listen, hub, "1.2.1")
            await until(lambda: listener.events)
            assert listener.ids == ["1.3.1"]
            assert "gap" not in [each.type for each in listener.heard]
            hub.close()

    anyio.run(scene)


def test_an_id_of_another_service_is_no_gap_while_the_host_does_not_answer(
    git_host: GitHost, repo: str, tmp_path: Path
) -> None:
    here, clone = _hosted(git_host, repo, tmp_path)
    there = clone("two")

    async def scene() -> None:
        async with running(here) as hub, anyio.create_task_group() as group:
            waits = Listener()
            group.start_soon(waits.listen, hub)
            await until(lambda: waits.heard)
            ada = await threaded(session, there, "ada")
            await threaded(acquire, there, ada, "a.py")
            git_host.stop()
            with pytest.raises(Unavailable):
                await hub.subscribe(Position(1, 3, 1))
            git_host.start()
            listener = Listener()
            group.start_soon(listener.listen, hub, "1.2.1")
            await until(lambda: listener.ids == ["1.3.1"])
            hub.close()

    anyio.run(scene)
