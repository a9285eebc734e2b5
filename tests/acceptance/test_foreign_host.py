"""A host that is not what it should be: said clearly, and nothing changes on either side."""

from __future__ import annotations

import os
import stat
import traceback
from pathlib import Path

import pytest

from gitcoord.bootstrap import House
from gitcoord.domain.configure import Begin
from gitcoord.domain.settings import remote_defaults
from gitcoord.errors import (
    AccessDenied,
    CorruptRecord,
    Damaged,
    GitcoordError,
    HostRefused,
    HostUnreachable,
    InvalidUrl,
    LedgerMissing,
    LedgerRewound,
    NotInitialised,
    Unavailable,
    UnreadableAnswer,
)
from gitcoord.ledger.checkup import checkup, worst
from gitcoord.ledger.ledger import STATE
from gitcoord.ledger.remedies import restore
from gitcoord.storage.worktree import Checkout
from tests.acceptance.hosts import Hub, holders, hub
from tests.gitrun import git
from tests.ledger.houses import acquire, opened, session
from tests.servers import faults
from tests.servers.fixtures import git_host

__all__ = ["git_host", "hub"]

SECRET = "k3ep-th1s"
WRONG = "wr0ng-w0rd"


def begin(house: House) -> None:
    house.coordinator.begin(Begin(settings=remote_defaults()))


def at(hub: Hub, remote: str, name: str = "one", patience: float = 0.3) -> House:
    """Return the house of a clone whose ledger is kept at that remote or URL."""
    path = hub.clone(name)
    git(path, "config", "coord.remote", remote)
    return opened(path, patience=patience)


def refused(
    hub: Hub, house: House, kind: type[GitcoordError], *, hinted: bool = True
) -> GitcoordError:
    """Return why the house can neither begin nor decide; prove that nothing was changed.

    No word of it, down to the causes of the causes, holds a secret.
    """
    name = Path(house.repository.worktree or "").name
    caught: list[GitcoordError] = []
    with hub.still(name):
        for attempt in (lambda: begin(house), lambda: session(house)):
            with pytest.raises(kind) as error:
                attempt()
            caught.append(error.value)
    for one in caught:
        assert type(one) is kind, one
        assert one.hint or not hinted, one
        told = "".join(traceback.format_exception(one)) + repr(one.as_dict())
        assert SECRET not in told
        assert WRONG not in told
    for file in Path(house.home).rglob("*"):
        assert file.is_dir() or SECRET.encode() not in file.read_bytes()
    return caught[0]


def test_a_repository_that_the_host_does_not_have(hub: Hub) -> None:
    error = refused(hub, at(hub, hub.host.url("nothing")), HostRefused)
    assert "no such repository, or no permission to see it" in error.message


def test_a_host_that_is_not_there(hub: Hub) -> None:
    house = at(hub, hub.host.url("hub"))
    hub.host.stop()
    refused(hub, house, HostUnreachable)
    hub.host.start()


@pytest.mark.parametrize("remote", ["nowhere", "ftp://127.0.0.1/hub.git", "http://", "-x"])
def test_a_remote_that_is_none(hub: Hub, remote: str) -> None:
    with hub.still("one"):
        path = hub.clone("one")
    git(path, "config", "coord.remote", remote)
    with hub.still("one"), pytest.raises(GitcoordError) as caught:
        begin(opened(path, patience=0.3))
    assert isinstance(caught.value, (InvalidUrl, Unavailable))
    assert caught.value.hint


def test_a_login_page_in_the_place_of_a_host(hub: Hub) -> None:
    hub.host.faults.extend(faults.page() for _ in range(99))
    error = refused(hub, at(hub, "origin"), UnreadableAnswer)
    assert "text/html" in error.message


def test_a_host_that_wants_credentials_where_there_are_none(hub: Hub) -> None:
    house = at(hub, "origin")
    hub.host.users["ada"] = SECRET
    assert "wants credentials" in refused(hub, house, AccessDenied).message


def test_wrong_credentials_in_the_url(hub: Hub) -> None:
    hub.clone("one")
    hub.host.users["ada"] = SECRET
    error = refused(hub, at(hub, hub.host.url("hub", "ada", WRONG)), AccessDenied)
    assert "does not take our credentials" in error.message


def helper(hub: Hub, name: str, password: str) -> None:
    """Let git's own helper of a clone name a password."""
    words = f"!f() {{ test \"$1\" != get || printf 'username=ada\\npassword={password}\\n'; }}; f"
    git(hub.clone(name), "config", "credential.helper", words)


def test_wrong_credentials_from_a_helper(hub: Hub) -> None:
    helper(hub, "one", WRONG)
    hub.host.users["ada"] = SECRET
    assert "does not take our credentials" in refused(hub, at(hub, "origin"), AccessDenied).message


def test_credentials_that_expire_after_they_were_good(hub: Hub) -> None:
    helper(hub, "one", SECRET)
    hub.host.users["ada"] = SECRET
    house = at(hub, "origin")
    begin(house)
    ada = session(house)
    acquire(house, ada, "a.py")
    hub.host.users["ada"] = "another"
    for one in (house, opened(hub.clone("one"), patience=0.3)):
        with hub.still("one"), pytest.raises(AccessDenied) as caught:
            acquire(one, ada, "b.py")
        assert SECRET not in "".join(traceback.format_exception(caught.value))
        assert caught.value.hint
        one.follow()
        with one.ledger.state():
            assert one.wire is not None
            assert isinstance(one.wire.contact.error, AccessDenied)
    helper(hub, "one", "another")
    acquire(house, ada, "b.py")


def test_who_may_only_read_sees_everything_and_changes_nothing(hub: Hub) -> None:
    hub.clone("theirs")
    hers = hub.begun("hers")
    acquire(hers, session(hers), "a.py")
    hub.host.users["eve"] = SECRET
    hub.host.readers.add("eve")
    house = at(hub, hub.host.url("hub", "eve", SECRET), "theirs")
    with hub.still("theirs"), pytest.raises(AccessDenied) as caught:
        session(house)
    assert caught.value.hint
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert holders(house) == {"a.py": "ada"}


def test_a_host_that_hides_the_ledger_does_not_get_one(hub: Hub) -> None:
    hub.host.hide("hub", "refs/coord")
    house = at(hub, "origin")
    with hub.still("one"), pytest.raises(HostRefused) as caught:
        begin(house)
    assert "refs/coord" in (caught.value.hint or "")
    with hub.still("one"), pytest.raises(NotInitialised):
        session(house)


def test_a_ledger_that_is_hidden_later_is_missing_and_not_made_anew(hub: Hub) -> None:
    house = hub.begun("one")
    hub.host.hide("hub", "refs/coord")
    error = refused(hub, house, LedgerMissing)
    assert error.details["seen"]["epoch"] == 1
    assert "the host hides it" in (error.hint or "")


def test_a_ledger_that_may_only_be_read_is_read(hub: Hub) -> None:
    house = hub.begun("one")
    acquire(house, session(house), "a.py")
    hub.host.hide("hub", "refs/coord", of="receive")
    with hub.still("one"), pytest.raises(HostRefused) as caught:
        session(house)
    assert "refs/coord" in (caught.value.hint or "")
    assert holders(house) == {"a.py": "ada"}


def test_a_ledger_that_may_only_be_written_is_found_out(hub: Hub) -> None:
    hub.host.hide("hub", "refs/coord", of="uploadpack")
    house = at(hub, "origin")
    begin(house)
    for one in (house, opened(hub.clone("one"), patience=0.3)):
        assert "the host hides it" in (refused(hub, one, LedgerMissing).hint or "")
    other = at(hub, "origin", "two")
    with hub.still("two"), pytest.raises(HostRefused) as caught:
        begin(other)
    assert "already exists" in caught.value.message
    assert "uploadpack.hideRefs" in (caught.value.hint or "")


def test_a_host_that_drops_the_ledger_after_taking_it_is_found_out(hub: Hub) -> None:
    hook = Path(hub.path, "hooks", "post-receive")
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ngit update-ref -d {STATE}\n", encoding="utf-8")
    hook.chmod(hook.stat().st_mode | stat.S_IXUSR)
    house = at(hub, "origin")
    begin(house)
    assert STATE not in hub.refs
    for one in (house, opened(hub.clone("one"), patience=0.3)):
        assert "doctor" in (refused(hub, one, LedgerMissing).hint or "")


FOREIGN = {"commit": "main", "tree": "main^{tree}", "blob": "main:README"}


@pytest.mark.parametrize("what", FOREIGN)
@pytest.mark.parametrize("seen", [False, True], ids=["fresh", "seen"])
def test_what_is_no_ledger_is_left_alone(hub: Hub, what: str, seen: bool) -> None:
    house = hub.begun("one") if seen else at(hub, "origin")
    oid = hub.host.git("hub", "rev-parse", FOREIGN[what])
    hub.host.git("hub", "update-ref", STATE, oid)
    for one in (house, opened(hub.clone("one"), patience=0.3)):
        refused(hub, one, CorruptRecord)
    assert hub.refs[STATE] == oid


@pytest.mark.parametrize("what", FOREIGN)
def test_doctor_examines_what_has_taken_the_place_of_a_ledger(hub: Hub, what: str) -> None:
    ada = session(hub.begun("one"))
    hub.host.git("hub", "update-ref", STATE, hub.host.git("hub", "rev-parse", FOREIGN[what]))
    house = hub.house("one")
    house.follow()
    with hub.still("one"):
        findings = checkup(house, Checkout(house.repository, os.environ))
    assert worst(findings) == "error"
    assert "corrupt_record" in {one.code for one in findings}
    # When somebody has taken it away by hand, the clone has the ledger still.
    hub.host.git("hub", "update-ref", "-d", STATE)
    house.follow()
    restore(house)
    acquire(hub.house("two"), ada, "a.py")


def test_a_ledger_of_somebody_else_is_not_believed(hub: Hub, repo: str) -> None:
    house = hub.begun("one")
    acquire(house, session(house), "a.py")
    elsewhere = hub.host.create("elsewhere")
    other = at(hub, hub.host.url("elsewhere"), "two")
    begin(other)
    for n in range(4):
        acquire(other, session(other), f"{n}.py")
    git(hub.path, "fetch", "-q", str(elsewhere), f"+{STATE}:{STATE}")
    error = refused(hub, house, LedgerRewound)
    assert error.details["found"]["head"] == hub.head


@pytest.mark.parametrize("file", ["meta.json", "settings.json", "sessions"])
def test_a_record_that_cannot_be_read_is_named_and_left(hub: Hub, file: str) -> None:
    house = hub.begun("one")
    session(house)
    listed = hub.host.git("hub", "ls-tree", "-r", "--name-only", STATE).splitlines()
    path = next(one for one in listed if one.startswith(file))
    if file == "meta.json":
        hub.forge(seq=[])
    else:
        hub.forge({path: b'{"format": 1, "id'})
    for one in (house, hub.house("one"), hub.house("fresh")):
        with hub.still("one", "fresh"), pytest.raises(Damaged) as caught:
            acquire(one, session(one), "a.py")
        assert type(caught.value) is CorruptRecord
        assert file in caught.value.message
        assert "doctor" in (caught.value.hint or "")


def test_objects_that_the_host_has_lost_are_no_ledger_either(hub: Hub) -> None:
    house = hub.begun("one")
    ada = session(house)
    acquire(house, ada, "a.py")
    blob = hub.host.git("hub", "rev-parse", f"{STATE}:meta.json")
    Path(hub.path, "objects", blob[:2], blob[2:]).unlink()
    before = hub.refs
    fresh = hub.house("fresh", patience=0.3)
    with pytest.raises((Unavailable, Damaged)) as caught:
        fresh.ledger.head()
    assert caught.value.hint
    assert hub.refs == before
