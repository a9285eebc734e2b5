"""What a clone learns of its host is remembered by the next process, and only of that host."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gitcoord.errors import AccessDenied
from gitcoord.storage.wire.memory import HostMemory, Keeper
from tests.conftest import first_commit
from tests.gitrun import git
from tests.ledger.houses import acquire, begun, opened, session
from tests.servers.faults import status
from tests.servers.git_http import GitHost, serving


@pytest.fixture
def host(tmp_path: Path) -> Iterator[GitHost]:
    with serving(tmp_path / "host") as found:
        found.create("hub")
        yield found


@pytest.fixture
def place(tmp_path: Path, host: GitHost) -> str:
    path = first_commit(tmp_path / "clone")
    git(path, "config", "coord.remote", host.url("hub"))
    return path


def decided(place: str, host: GitHost, key: str) -> list[tuple[str, int]]:
    """Take a key in a new process's house; return what the host was asked, and its answers."""
    with closing(opened(place)) as house:
        ada = session(house, "ada")
        host.clear()
        acquire(house, ada, key)
        return [(seen.command, seen.status) for seen in host.requests]


def remembered(place: str) -> dict[str, Any]:
    (path,) = Path(place, ".git", "gitcoord", "remote").glob("*/host.json")
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


@pytest.mark.parametrize("code", [400, 403, 404])
def test_a_host_that_wants_to_be_asked_first_is_asked_from_then_on(
    place: str, host: GitHost, code: int
) -> None:
    begun(place).close()
    host.insist_on_advertisement = code
    host.clear()
    with closing(opened(place)) as house:
        session(house, "eve")
    assert [(seen.command, seen.status) for seen in host.requests] == [
        ("push", code),
        ("discover", 200),
        ("push", 200),
    ]
    assert remembered(place)["direct"] is False
    for key in ("a.py", "b.py"):
        assert decided(place, host, key) == [("discover", 200), ("push", 200)]


def test_a_ledger_is_begun_at_a_host_that_wants_to_be_asked_first(
    place: str, host: GitHost
) -> None:
    host.insist_on_advertisement = 403
    begun(place).close()
    # Looks are answered through git there, and that is remembered too.
    assert remembered(place)["v2"] is False
    decided(place, host, "a.py")
    assert decided(place, host, "b.py")[-2:] == [("discover", 200), ("push", 200)]


def test_a_host_that_does_not_insist_is_never_asked_first(place: str, host: GitHost) -> None:
    begun(place).close()
    assert host.count(command="discover") == 0
    assert decided(place, host, "a.py") == [("push", 200)]
    assert "direct" not in remembered(place)


def test_who_may_not_push_is_not_taken_for_who_should_have_asked(place: str, host: GitHost) -> None:
    begun(place).close()
    host.users["ada"] = "word"
    host.readers.add("ada")
    git(place, "config", f"url.{host.url('hub', 'ada', 'word')}.insteadOf", host.url("hub"))
    before = host.refs("hub")
    with closing(opened(place)) as house, pytest.raises(AccessDenied):
        session(house, "ada")
    assert remembered(place).get("direct", True)
    assert host.refs("hub") == before


def test_a_host_without_version_2_is_followed_through_git(place: str, host: GitHost) -> None:
    host.no_v2 = True
    begun(place).close()
    assert remembered(place)["v2"] is False
    host.clear()
    with closing(opened(place)) as house:
        ada = session(house, "ada")
        acquire(house, ada, "a.py")
        house.store.refresh()
    # The first version has no such commands; what it lists is asked for by git.
    assert host.count(command="ls-refs") == 0
    other = first_commit(Path(place).parent / "other")
    git(other, "config", "coord.remote", host.url("hub"))
    with closing(opened(other)) as house, house.ledger.state() as state:
        assert state.meta.token == 1


def test_one_refusal_does_not_turn_a_host_into_one_without_version_2(
    place: str, host: GitHost
) -> None:
    begun(place).close()
    assert remembered(place)["v2"] is True
    host.faults.append(status(403, command="ls-refs"))
    with closing(opened(place)) as house:
        house.store.refresh()
        head = house.ledger.head()
    # git was asked in its place, and the next process tries again.
    assert host.count(command="discover") > 0
    assert head == host.refs("hub")["refs/coord/state"]
    host.clear()
    for _ in range(2):
        with closing(opened(place)) as house:
            house.store.refresh()
    assert [seen.command for seen in host.requests] == ["ls-refs"] * 2
    assert remembered(place)["v2"] is True


def test_a_host_that_takes_no_version_2_any_more_is_followed_and_then_believed(
    place: str, host: GitHost
) -> None:
    begun(place).close()
    other = first_commit(Path(place).parent / "other")
    git(other, "config", "coord.remote", host.url("hub"))
    with closing(opened(place)) as late:
        late.store.refresh()
        decided(other, host, "a.py")
        host.insist_on_advertisement = 403
        # What is new has to be fetched, too.
        late.store.refresh()
        assert late.ledger.head() == host.refs("hub")["refs/coord/state"]
        late.store.refresh()
    assert remembered(place)["v2"] is False


def test_looking_costs_the_same_however_many_other_refs_there_are(
    place: str, host: GitHost
) -> None:
    begun(place).close()
    costs = []
    for branches in (0, 300):
        tip = host.refs("hub")["refs/coord/state"]
        lines = "".join(f"create refs/heads/b{n} {tip}\n" for n in range(branches))
        git(str(host.path("hub")), "update-ref", "--stdin", stdin=lines.encode())
        host.clear()
        with closing(opened(place)) as house:
            house.store.refresh()
        (look,) = host.requests
        costs.append((look.command, look.bytes_in, look.bytes_out))
    assert costs[0] == costs[1]


def test_what_is_known_of_one_host_is_not_believed_of_another(tmp_path: Path) -> None:
    path = str(tmp_path / "home" / "host.json")
    keeper = Keeper(path, "https://a/x")
    keeper.now.direct, keeper.now.object_format = False, "sha256"
    keeper.save()
    assert Keeper(path, "https://a/x").now == keeper.now
    assert Keeper(path, "https://b/x").now == HostMemory(url="https://b/x")


@pytest.mark.parametrize("spoilt", [b"", b"{", b"[]", b'{"url": 7}', b"\xff"])
def test_a_memory_that_is_spoilt_is_none(tmp_path: Path, spoilt: bytes) -> None:
    path = tmp_path / "host.json"
    path.write_bytes(spoilt)
    assert Keeper(str(path), "https://a/x").now == HostMemory(url="https://a/x")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_where_nothing_can_be_written_nothing_is_remembered(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o500)
    Keeper(str(home / "host.json"), "https://a/x").save()
    assert list(home.iterdir()) == []
