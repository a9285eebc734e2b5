"""What a decision costs at a git host: the requests that the host counts, and their bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gitcoord.bootstrap import House
from gitcoord.domain.lock_operations import AcquireLocks
from gitcoord.domain.sessions import Session
from gitcoord.errors import LockHeld
from gitcoord.ledger.ledger import STATE
from gitcoord.ledger.presence import PREFIX
from gitcoord.ledger.request import Batch
from tests.conftest import first_commit
from tests.gitrun import git
from tests.ledger.houses import acquire, begun, opened, session
from tests.servers import wires
from tests.servers.fixtures import git_host
from tests.servers.git_http import GitHost, Seen

__all__ = ["git_host"]


class Desk:
    """A host with a ledger, a clone that has decided there before, and what is asked."""

    def __init__(self, host: GitHost, folder: Path) -> None:
        self.host = host
        self.folder = folder
        self.hub = str(host.create("hub"))
        git(first_commit(folder / "seed"), "push", "-q", self.hub, "main")
        self.here = self.clone("here")
        self.house = begun(self.here)
        self.ada = session(self.house)

    def clone(self, name: str) -> str:
        """Make a clone whose ledger is at the host; gitcoord has not been there yet."""
        path = str(self.folder / name)
        git(str(self.folder), "clone", "-q", self.hub, path)
        git(path, "config", "coord.remote", self.host.url("hub"))
        return path

    @contextmanager
    def asked(self) -> Iterator[list[Seen]]:
        """Yield a list that holds, after the block, what was asked in it."""
        found: list[Seen] = []
        self.host.clear()
        yield found
        found += self.host.requests


@pytest.fixture
def desk(git_host: GitHost, tmp_path: Path) -> Desk:
    """Begin a ledger at a host."""
    return Desk(git_host, tmp_path)


def commands(asked: list[Seen]) -> list[str]:
    """Return what was asked, in order."""
    return [seen.command for seen in asked]


def elsewhere(desk: Desk, key: str) -> tuple[House, Session]:
    """Take a key in another clone, of which the first one does not hear."""
    house = opened(desk.clone("there"))
    bob = session(house, "bob")
    acquire(house, bob, key)
    return house, bob


def test_a_decision_on_a_known_head_is_one_push(desk: Desk) -> None:
    with desk.asked() as asked:
        acquire(desk.house, desk.ada, "a.py")
    assert commands(asked) == ["push"]


def test_a_new_process_decides_with_one_push_too(desk: Desk) -> None:
    desk.house.close()
    again = opened(desk.here)
    with desk.asked() as asked:
        acquire(again, desk.ada, "a.py")
    assert commands(asked) == ["push"]


def test_a_batch_is_one_push(desk: Desk) -> None:
    wishes = Batch(*(AcquireLocks(keys=(f"f{n}",)) for n in range(20)))
    with desk.asked() as asked:
        assert desk.house.coordinator.run(wishes, session=desk.ada.id)[0].error is None
    assert commands(asked) == ["push"]


def test_a_refusal_on_a_known_head_is_one_look(desk: Desk) -> None:
    acquire(desk.house, desk.ada, "a.py")
    bob = session(desk.house, "bob")
    with desk.asked() as asked, pytest.raises(LockHeld):
        acquire(desk.house, bob, "a.py")
    assert commands(asked) == ["ls-refs"]


def test_an_operation_that_is_sent_again_is_one_look(desk: Desk) -> None:
    wish = AcquireLocks(keys=("a.py",))
    desk.house.coordinator.run(wish, session=desk.ada.id, id="o-twice")
    with desk.asked() as asked:
        (reply,) = desk.house.coordinator.run(wish, session=desk.ada.id, id="o-twice")
    assert reply.repeated
    assert commands(asked) == ["ls-refs"]


def test_a_lost_swap_costs_a_look_a_fetch_and_another_push(desk: Desk) -> None:
    elsewhere(desk, "b.py")
    with desk.asked() as asked:
        acquire(desk.house, desk.ada, "a.py")
    assert commands(asked) == ["push", "ls-refs", "fetch", "push"]


def test_a_swap_lost_to_the_rival_for_the_same_key_needs_no_second_push(desk: Desk) -> None:
    elsewhere(desk, "a.py")
    with desk.asked() as asked, pytest.raises(LockHeld):
        acquire(desk.house, desk.ada, "a.py")
    assert commands(asked) == ["push", "ls-refs", "fetch"]


def test_a_fresh_clone_sees_the_ledger_in_two_requests_and_decides_in_one_more(
    desk: Desk,
) -> None:
    house = opened(desk.clone("fresh"))
    with desk.asked() as asked:
        house.ledger.head()
    assert commands(asked) == ["ls-refs", "fetch"]
    with desk.asked() as asked:
        session(house, "bob")
    assert commands(asked) == ["push"]
    assert asked[0].moved == (STATE,)


def test_presence_rides_along(desk: Desk) -> None:
    presence = PREFIX + desk.house.ledger.machine
    with desk.asked() as asked:
        bob = session(desk.house, "bob", life="beat")
    # Whether the host moves several refs as one is asked once in the life of a clone.
    assert commands(asked) == ["discover", "push"]
    assert asked[-1].moved == (STATE, presence)
    assert presence in desk.host.refs("hub")
    # It was told just now: the next decision has no need to.
    with desk.asked() as asked:
        acquire(desk.house, bob, "a.py")
    assert [seen.moved for seen in asked] == [(STATE,)]


def test_a_poll_costs_the_same_whatever_else_is_at_the_host(desk: Desk) -> None:
    with desk.asked() as before:
        desk.house.follow()
    listing = wires.connect(desk.host.port)
    few = len(wires.ls_refs(listing, "hub").body)
    tip = desk.host.refs("hub")["refs/heads/main"]
    made = "".join(f"create refs/heads/topic/{n} {tip}\n" for n in range(1000))
    git(desk.hub, "update-ref", "--stdin", stdin=made.encode())
    assert len(wires.ls_refs(listing, "hub").body) > few + 50_000
    listing.close()
    with desk.asked() as after:
        desk.house.follow()
    assert commands(after) == commands(before) == ["ls-refs"]
    assert [(x.bytes_in, x.bytes_out) for x in after] == [(x.bytes_in, x.bytes_out) for x in before]
    assert desk.house.wire is not None
    assert desk.house.wire.contact.error is None
