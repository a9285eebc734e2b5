"""A ledger that is lost or put back in time at a real host: noticed, not remade, restored."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitcoord.bootstrap import House
from gitcoord.domain.configure import Begin
from gitcoord.domain.lock_operations import AcquireLocks
from gitcoord.domain.locks import Lock
from gitcoord.domain.sessions import Session
from gitcoord.domain.settings import remote_defaults
from gitcoord.errors import (
    AlreadyInitialised,
    Contended,
    Damaged,
    GitcoordError,
    LedgerMissing,
    LedgerRewound,
    LockHeld,
    NotInitialised,
)
from gitcoord.ledger.ledger import STATE
from gitcoord.ledger.remedies import Restored, restore
from gitcoord.storage.wire.host import DEPTH
from tests.acceptance.hosts import Hub, beat, beside, holders, hub, refusal, release
from tests.gitrun import git
from tests.ledger.houses import acquire, begun, session
from tests.servers import faults
from tests.servers.fixtures import git_host

__all__ = ["git_host", "hub"]


class Team:
    """ada in clone `hers` holds a.py; bob in clone `his` holds b.py."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.hers, self.his = hub.begun("hers"), hub.house("his")
        self.ada = session(self.hers, "ada", life="beat")
        self.bob = session(self.his, "bob", life="beat")
        self.token = acquire(self.hers, self.ada, "a.py").locks[0].token
        acquire(self.his, self.bob, "b.py")
        assert holders(self.hers) == {"a.py": "ada", "b.py": "bob"}

    def says(self, house: House, kind: type[Damaged]) -> GitcoordError:
        """Return what a clone says to reads, decisions and init alike; nothing may move."""
        name = Path(house.repository.worktree or "").name
        with self.hub.still(name):
            with pytest.raises(kind):
                acquire(house, self.ada, "new.py")
            with pytest.raises(kind):
                release(house, self.bob, "b.py")
            with pytest.raises(kind):
                house.coordinator.begin(Begin(settings=remote_defaults()))
            house.follow()
            with pytest.raises(kind) as caught:
                house.ledger.head()
        assert "doctor --restore" in (caught.value.hint or "")
        return caught.value

    def fresh(self, name: str) -> House:
        """Return a process of its own in that clone."""
        return self.hub.house(name)

    def works_on(self, restored: Restored) -> None:
        """See that every clone goes on with the restored ledger, newer grants above older ones."""
        assert self.hub.head == restored.head
        assert self.hub.meta["epoch"] == restored.epoch
        for house in (self.hers, self.his, self.fresh("hers"), self.fresh("his")):
            assert holders(house) == {"a.py": "ada", "b.py": "bob"}
        late = self.fresh("late")
        assert holders(late) == {"a.py": "ada", "b.py": "bob"}
        eve = session(late, "eve")
        refusal(late, AcquireLocks(keys=("a.py",)), eve, LockHeld)
        release(self.hers, self.ada, "a.py")
        granted = acquire(late, eve, "a.py").locks[0]
        assert (granted.epoch, granted.token > self.token) == (restored.epoch, True)
        beat(self.his, self.bob)
        with pytest.raises(AlreadyInitialised):
            restore(self.hers)


@pytest.fixture
def team(hub: Hub) -> Team:
    return Team(hub)


def mirrored(hub: Hub) -> None:
    """Do what deletes every ref at the host that an ordinary clone does not have."""
    assert STATE in hub.refs
    git(hub.clone("ordinary"), "push", "-q", "--mirror", "origin")
    assert [ref for ref in hub.refs if ref.startswith("refs/coord")] == []


def test_a_mirroring_push_deletes_the_ledger_and_nobody_makes_another(team: Team) -> None:
    mirrored(team.hub)
    for house in (team.hers, team.fresh("hers"), team.his):
        error = team.says(house, LedgerMissing)
        assert error.details["seen"]["epoch"] == 1
    assert STATE not in team.hub.refs


def test_a_heartbeat_does_not_bring_back_half_of_a_deleted_ledger(team: Team) -> None:
    mirrored(team.hub)
    with team.hub.still("hers"), pytest.raises(LedgerMissing):
        beat(team.hers, team.ada)
    with team.hub.still("hers"), pytest.raises(LedgerMissing):
        team.fresh("hers").judge().look()


@pytest.mark.parametrize("pruned", [False, True], ids=["kept", "pruned"])
def test_any_clone_publishes_a_deleted_ledger_again(team: Team, pruned: bool) -> None:
    head = team.hub.head
    mirrored(team.hub)
    if pruned:
        team.hub.host.prune("hub")
        with pytest.raises(AssertionError):
            team.hub.host.git("hub", "cat-file", "-e", head)
    house = team.fresh("his")
    house.follow()
    done = restore(house, agent="bob")
    assert (done.parent, done.epoch, done.replaced) == (head, 2, None)
    assert team.hub.host.git("hub", "rev-parse", f"{STATE}^") == head
    team.hub.host.git("hub", "fsck", "--strict")
    team.works_on(done)


@pytest.mark.parametrize("pruned", [False, True], ids=["kept", "pruned"])
def test_a_clone_that_knows_only_the_end_of_the_chain_can_restore_it_too(
    hub: Hub, repo: str, pruned: bool
) -> None:
    local = begun(repo)
    ada = session(local)
    for n in range(DEPTH + 8):
        acquire(local, ada, f"{n}.py")
    git(repo, "push", "-q", hub.host.url("hub"), f"{STATE}:{STATE}")
    count = len(hub.subjects())
    assert count > DEPTH
    first, second = hub.house("first"), hub.house("second")
    for house in (first, second):
        assert len(holders(house)) == DEPTH + 8
        assert house.wire is not None
        assert house.wire.mirror.cut()
    head = hub.head
    mirrored(hub)
    if pruned:
        hub.host.prune("hub")
    first.follow()
    done = restore(first)
    assert (done.parent, done.epoch) == (head, 2)
    assert len(hub.subjects()) == (1 if pruned else count + 1)
    hub.host.git("hub", "fsck", "--strict")
    for n, house in enumerate((first, second, hub.house("second"), hub.house("third"))):
        assert len(holders(house)) == DEPTH + 8 + n
        acquire(house, session(house, "eve"), f"later-{n}.py")


def test_a_restored_backup_is_noticed_by_who_saw_more_and_by_nobody_else(team: Team) -> None:
    copy = team.hub.host.backup("hub")
    acquire(team.hers, team.ada, "more.py")
    team.his.follow()
    ahead = team.hub.head
    team.hub.host.restore("hub", copy)
    for house in (team.hers, team.fresh("hers")):
        error = team.says(house, LedgerRewound)
        assert error.details["seen"]["head"] == ahead
        assert error.details["found"]["head"] == team.hub.head
    fresh = team.fresh("late")
    eve = session(fresh, "eve")
    acquire(fresh, eve, "more.py")
    assert holders(fresh) == {"a.py": "ada", "b.py": "bob", "more.py": "eve"}
    # By now the number is as high as before, and still it is another history.
    acquire(fresh, eve, "and-more.py")
    replaced = team.hub.head
    team.says(team.hers, LedgerRewound)
    done = restore(team.hers, agent="ada")
    assert (done.parent, done.replaced, done.epoch) == (ahead, replaced, 2)
    for house in (team.hers, team.his, fresh, team.fresh("late"), team.fresh("hers")):
        assert holders(house) == {"a.py": "ada", "b.py": "bob", "more.py": "ada"}
    release(team.his, team.bob, "b.py")
    assert acquire(team.hers, team.ada, "b.py").locks[0].epoch == 2


def test_a_decision_on_its_way_is_refused_when_the_host_goes_back_meanwhile(
    team: Team,
) -> None:
    """The host is put back while a push waits in front of it."""
    copy = team.hub.host.backup("hub")
    acquire(team.his, team.bob, "more.py")
    team.hers.follow()
    held = faults.hold(command="push")
    team.hub.host.faults.append(held)
    trying = beside(lambda: acquire(team.hers, team.ada, "new.py"))
    assert held.reached.wait(10)
    team.hub.host.restore("hub", copy)
    before = team.hub.refs
    held.release()
    with pytest.raises(LedgerRewound):
        trying.result()
    assert team.hub.refs == before


def test_a_backup_from_before_the_ledger_leaves_it_missing(hub: Hub) -> None:
    copy = hub.host.backup("hub")
    team = Team(hub)
    hub.host.restore("hub", copy)
    team.says(team.hers, LedgerMissing)
    assert hub.refs.keys() == {"refs/heads/main"}
    team.hers.follow()
    team.works_on(restore(team.hers))


def test_a_backup_that_nobody_has_seen_beyond_is_simply_used(team: Team) -> None:
    copy = team.hub.host.backup("hub")
    team.hub.host.restore("hub", copy)
    assert holders(team.hers) == {"a.py": "ada", "b.py": "bob"}
    acquire(team.hers, team.ada, "c.py")
    with pytest.raises(AlreadyInitialised):
        restore(team.hers)


def test_a_clone_that_has_seen_nothing_has_nothing_to_restore(team: Team) -> None:
    mirrored(team.hub)
    late = team.fresh("late")
    late.follow()
    with team.hub.still("late"), pytest.raises(NotInitialised):
        restore(late)


def test_of_two_clones_that_restore_at_once_one_does(team: Team) -> None:
    mirrored(team.hub)
    held = faults.hold(command="push")
    team.hub.host.faults.append(held)
    team.hers.follow()
    team.his.follow()
    slow = beside(lambda: restore(team.hers))
    assert held.reached.wait(10)
    done = restore(team.his)
    held.release()
    with pytest.raises(Contended):
        slow.result()
    team.works_on(done)


def test_a_restore_whose_answer_is_lost_has_happened(team: Team) -> None:
    mirrored(team.hub)
    team.hers.follow()
    team.hub.host.faults.append(faults.cut_after(command="push"))
    team.works_on(restore(team.hers))


def test_records_of_a_lost_ledger_are_whole_again(team: Team) -> None:
    with team.his.ledger.state() as state:
        before = {kind: list(state.all(kind)) for kind in (Lock, Session)}
    mirrored(team.hub)
    team.hub.host.prune("hub")
    team.hers.follow()
    restore(team.hers)
    late = team.fresh("late")
    late.follow()
    with late.ledger.state() as state:
        assert {kind: list(state.all(kind)) for kind in (Lock, Session)} == before


def test_what_a_clone_has_fetched_and_not_yet_read_is_restored_too(team: Team) -> None:
    acquire(team.his, team.bob, "more.py")
    ahead = team.hub.head
    team.hers.follow()
    mirrored(team.hub)
    team.hub.host.prune("hub")
    team.hers.follow()
    assert restore(team.hers).parent == ahead
    assert holders(team.his) == {"a.py": "ada", "b.py": "bob", "more.py": "bob"}
