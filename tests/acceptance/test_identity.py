"""Who is who: a name is only what people call an agent, the session is what holds."""

from __future__ import annotations

import pytest

from gitcoord.bootstrap import House
from gitcoord.domain.lock_operations import RenewLocks
from gitcoord.domain.pausing import Beaten, Heartbeat
from gitcoord.domain.sessions import Session, Started, StartSession
from gitcoord.errors import LockHeld, NotLockHolder, SessionEnded
from tests.acceptance.world import World
from tests.ledger.houses import acquire, session

#: After how many seconds without a sign of life a beating session is dead.
TTL = 120.0


@pytest.fixture
def world(repo: str) -> World:
    return World(repo)


def test_two_agents_with_one_name_are_rivals_in_life_and_in_locks(world: World) -> None:
    first, second = session(world.house, life="beat"), session(world.other, life="beat")
    assert first.id != second.id
    assert first.agent == second.agent
    acquire(world.house, first, "src/")
    with pytest.raises(LockHeld) as refused:
        acquire(world.other, second, "src/a.py")
    assert refused.value.details["conflicts"][0]["session"] == first.id
    acquire(world.other, second, "docs/")
    world.refused(NotLockHolder, RenewLocks(keys=("src/",)), second, world.other)
    world.look()
    world.hands.pass_(TTL - 1)
    world.other.coordinator.do(Heartbeat(), Beaten, session=second.id)
    world.hands.pass_(1)
    assert world.look() == [first.id]
    assert world.keys(second) == ["docs/**"]
    assert acquire(world.other, second, "src/a.py").locks


def check_in(house: House, id: str, **fields: str) -> Started:
    wish = StartSession(
        id=id,
        agent="ada",
        machine=house.ledger.machine,
        client="claude",
        client_session="conversation-1",
        life="beat",
        **fields,  # type: ignore[arg-type]
    )
    return house.coordinator.do(wish, Started)


def test_the_resumed_conversation_of_a_client_is_the_same_session(world: World) -> None:
    first = check_in(world.house, "s-first")
    acquire(world.house, first.session, "src/")
    world.hands.pass_(TTL - 1)
    again = check_in(world.other, "s-second")
    assert again.resumed
    assert again.session.id == "s-first"
    assert again.session.started_at == first.session.started_at
    assert [lock.key for lock in acquire(world.other, again.session, "src/").locks] == ["src/**"]
    with world.house.ledger.state() as state:
        assert [one.id for one in state.all(Session)] == ["s-first"]
    # Checking in is a sign of life.
    world.look()
    world.hands.pass_(TTL - 1)
    assert world.look() == []


def test_a_conversation_resumed_after_its_session_was_swept_is_a_new_one_that_takes_back(
    world: World,
) -> None:
    first = check_in(world.house, "s-first").session
    acquire(world.house, first, "src/", "docs/")
    world.look()
    world.hands.pass_(TTL)
    assert world.look() == ["s-first"]
    bob = session(world.other, "bob")
    acquire(world.other, bob, "docs/")
    error = world.refused(SessionEnded, Heartbeat(), first)
    free = [each["key"] for each in error.details["lost"] if each["held_by"] is None]
    again = check_in(world.house, "s-second")
    assert (again.resumed, again.session.id) == (False, "s-second")
    assert free == ["src/**"]
    assert [lock.key for lock in acquire(world.house, again.session, *free).locks] == free
