"""A mirror that a power cut has spoilt is mended from the host."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitcoord.domain.lock_operations import AcquireLocks, Locked
from gitcoord.errors import CorruptRecord, HostUnreachable
from tests.conftest import first_commit
from tests.gitrun import git
from tests.ledger.houses import House, begun, opened, session
from tests.servers.git_http import serving


def spoilt(path: str, *, refs: bool) -> int:
    """Empty all loose objects, and the refs' files if asked, as a power cut may leave them."""
    count = 0
    for top in ("objects", *(["refs"] if refs else [])):
        for place, _, names in os.walk(os.path.join(path, top)):
            for name in names:
                if "pack" not in place:
                    os.chmod(os.path.join(place, name), 0o600)
                    Path(place, name).write_bytes(b"")
                    count += 1
    return count


def clone(tmp_path: Path, url: str) -> str:
    place = first_commit(tmp_path / "clone")
    git(place, "remote", "add", "origin", url)
    git(place, "config", "coord.remote", "origin")
    return place


def forget(house: House) -> None:
    """Drop the index, which has everything too."""
    house.close()
    for name in ("cache.sqlite", "cache.sqlite-wal", "cache.sqlite-shm"):
        Path(house.home, name).unlink(missing_ok=True)


@pytest.mark.parametrize("refs", [False, True])
def test_what_is_spoilt_is_fetched_again(tmp_path: Path, *, refs: bool) -> None:
    with serving(tmp_path / "host") as host:
        host.create("hub")
        place = clone(tmp_path, host.url("hub"))
        house = begun(place)
        ada = session(house)
        for n in range(40):
            house.coordinator.do(AcquireLocks(keys=(f"k{n}",)), Locked, session=ada.id)
        head = house.ledger.head()
        forget(house)
        assert house.wire is not None
        assert spoilt(house.wire.place.common_dir, refs=refs) > 40
        again = opened(place)
        assert again.ledger.head() == head
        found = again.coordinator.do(AcquireLocks(keys=("new",)), Locked, session=ada.id)
        assert found.locks[0].token == 41
        assert next(oid for oid, _ in again.store.chain(head)) == head
        assert again.wire is not None
        git(again.wire.place.common_dir, "fsck")


def test_without_the_host_what_is_spoilt_is_said_and_kept(tmp_path: Path) -> None:
    with serving(tmp_path / "host") as host:
        host.create("hub")
        place = clone(tmp_path, host.url("hub"))
        house = begun(place)
        forget(house)
        assert house.wire is not None
        spoilt(house.wire.place.common_dir, refs=False)
    again = opened(place)
    with pytest.raises((CorruptRecord, HostUnreachable)), again.ledger.state():
        pass
