"""Refs of machines that are gone: containers come and go, and the host keeps what they left."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitcoord.domain.lock_operations import AcquireLocks, Locked
from gitcoord.ledger.checkup import checkup
from gitcoord.ledger.clone import FORGOTTEN
from gitcoord.ledger.remedies import repair
from gitcoord.ledger.signs import PREFIX
from gitcoord.storage.worktree import Checkout
from tests.conftest import first_commit
from tests.gitrun import git
from tests.ledger.houses import Hands, House, begun, opened, session
from tests.servers.git_http import GitHost, serving


@pytest.fixture
def host(tmp_path: Path) -> Iterator[GitHost]:
    with serving(tmp_path / "host") as host:
        host.create("hub")
        # The clocks of this test stand still; the host's date would put them right.
        host.date_offset = None
        yield host


def clone(host: GitHost, path: Path) -> str:
    place = first_commit(path)
    git(place, "remote", "add", "origin", host.url("hub"))
    git(place, "config", "coord.remote", "origin")
    return place


def codes(house: House) -> set[str]:
    return {one.code for one in checkup(house, Checkout(house.repository, os.environ))}


def refs(host: GitHost) -> list[str]:
    return sorted(ref for ref in host.refs("hub") if ref.startswith(PREFIX))


def test_refs_of_machines_that_are_gone_are_found_and_deleted(
    host: GitHost, tmp_path: Path
) -> None:
    hands = Hands()
    here = begun(clone(host, tmp_path / "here"), hands)
    there = opened(clone(host, tmp_path / "there"), hands)
    ada, bob = session(here, life="beat"), session(there, "bob", life="beat")
    assert len(refs(host)) == 2
    hands.pass_(FORGOTTEN + 60)
    here.follow()
    assert "presence_forgotten" not in codes(here)

    from gitcoord.domain.departure import Ended, EndSession

    there.follow()
    there.coordinator.do(EndSession(summary="done"), Ended, session=bob.id)
    here.follow()
    found = checkup(here, Checkout(here.repository, os.environ))
    assert [one.severity for one in found if one.code == "presence_forgotten"] == ["note"]
    mine = PREFIX + here.ledger.machine
    done = repair(here, found)
    assert any("1 machines" in line for line in done)
    assert refs(host) == [mine]
    assert "presence_forgotten" not in codes(here)
    assert here.coordinator.do(AcquireLocks(keys=("a",)), Locked, session=ada.id).locks

    late = session(there, "eve", life="beat")
    assert len(refs(host)) == 2
    assert late.machine == there.ledger.machine


def test_a_presence_that_has_moved_meanwhile_is_not_deleted(host: GitHost, tmp_path: Path) -> None:
    here = begun(clone(host, tmp_path / "here"))
    session(here, life="beat")
    (ref,) = refs(host)
    assert here.wire is not None
    seen = {ref: host.refs("hub")[ref]}
    git(str(host.path("hub")), "update-ref", ref, host.refs("hub")["refs/coord/state"])
    assert here.wire.retire(seen) == []
    assert refs(host) == [ref]
