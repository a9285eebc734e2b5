"""The guard where a git host decides: it asks, and says so when nobody answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.hosts import Hub, hub
from tests.acceptance.shell import Shell
from tests.acceptance.workshop import Seat, set_up
from tests.gitrun import git
from tests.servers import faults
from tests.servers.fixtures import git_host

__all__ = ["git_host", "hub"]


class Town:
    """ada and bob in clones of their own, with the hooks in hers."""

    def __init__(self, hub: Hub, **settings: str) -> None:
        self.hub = hub
        hers, his = hub.clone("hers"), hub.clone("his")
        person = Shell(hers)
        person("init", "--remote", "origin")
        for name, value in settings.items():
            person("config", "--shared", name, value)
        self.ada = Seat(hers, person.start("ada"))
        self.bob = Seat(his, Shell(his).start("bob"))
        set_up(hers, person.environ)


@pytest.fixture
def town(hub: Hub) -> Town:
    return Town(hub)


def test_what_has_just_been_taken_elsewhere_is_seen(town: Town) -> None:
    town.bob.acquire("src/")
    town.ada.stage("src/a.py")
    assert "src/a.py is held by bob" in town.ada.refused("commit", "-m", "x")
    town.bob.release()
    town.ada.git("commit", "-q", "-m", "x")
    town.bob.acquire("src/")
    assert "src/a.py is held by bob" in town.ada.refused("push", "origin", "HEAD:refs/heads/x")


def test_what_is_known_to_be_held_is_refused_when_the_host_is_away(town: Town) -> None:
    town.bob.acquire("src/")
    town.ada.shell("lock", "list")
    town.hub.host.stop()
    town.ada.stage("src/a.py")
    said = town.ada.refused("commit", "-m", "x")
    assert said.startswith("gitcoord: ")
    assert "checked by what was last known" in said.splitlines()[0]
    assert "src/a.py is held by bob" in said


def test_what_is_not_known_to_be_held_goes_with_a_warning_when_the_host_is_away(
    town: Town,
) -> None:
    town.hub.host.stop()
    town.ada.stage("src/a.py")
    done = town.ada.try_git("commit", "-q", "-m", "x")
    assert done.code == 0
    assert len([line for line in done.err.splitlines() if "last known" in line]) == 1
    assert town.ada.trailers() == [f"Coord-Session: {town.ada.session}"]


def test_where_the_settings_say_so_only_ones_own_goes_when_the_host_is_away(hub: Hub) -> None:
    town = Town(hub, when_unreachable="deny")
    town.ada.acquire("mine/")
    town.hub.host.stop()
    town.ada.stage("mine/a.py")
    town.ada.git("commit", "-q", "-m", "x")
    town.ada.stage("src/a.py")
    said = town.ada.refused("commit", "-m", "x")
    assert "denied: src/a.py is not known to be free" in said


def test_a_host_that_says_nothing_does_not_keep_anybody_waiting(town: Town) -> None:
    held = faults.hold()
    town.hub.host.faults.append(held)
    town.ada.stage("src/a.py")
    done = town.ada.try_git("commit", "-q", "-m", "x")
    held.release()
    assert done.code == 0
    assert "has not answered within 3 s" in done.err


def test_a_clone_that_has_never_heard_of_the_ledger_is_not_told_of_it(town: Town) -> None:
    place = str(Path(town.ada.place).parent / "third")
    git(str(Path(place).parent), "clone", "-q", town.hub.host.url(town.hub.name), place)
    set_up(place, town.ada.shell.environ)
    town.hub.host.clear()
    seat = Seat(place, Shell(place))
    seat.commit("a.py")
    assert town.hub.host.count() == 0
    assert git(place, "config", "--get-all", "remote.origin.url")
    assert "coord" not in git(place, "config", "--list", "--local")


def test_landing_with_a_task_is_checked_as_the_session_that_completes_it(town: Town) -> None:
    """Also where the shell is another's: the push that lands the branch knows who acts."""
    key = town.ada.shell("task", "add", "login", "--keys", "src/**")["task"]["id"]
    town.ada.shell("task", "claim", key)
    town.ada.stage("src/a.py")
    town.ada.git("-c", "core.hooksPath=/dev/null", "commit", "-q", "-m", "without trailers")
    other = Shell(town.ada.place).start("carl")
    done = other("task", "complete", key, "--push", "--session", town.ada.session)
    assert done["pushed"]["branch"] == "main"
    assert town.hub.host.git(town.hub.name, "show", "main:src/a.py") == "new"


def test_a_landing_of_the_queue_asks_for_its_locks_in_the_swap_and_not_in_the_hook(
    town: Town,
) -> None:
    his = town.bob
    his.git("checkout", "-q", "-b", "topic")
    his.commit("src/a.py")
    his.acquire("src/a.py")
    his.git("push", "-q", "origin", "topic")
    his.shell("merge", "enqueue")
    town.ada.git("fetch", "-q")
    said = town.ada.refused("push", "origin", "origin/topic:refs/heads/main")
    assert "src/a.py is held by bob" in said
    landed = town.ada.shell("merge", "land")["landed"]
    assert [entry["branch"] for batch in landed for entry in batch["merges"]] == ["topic"]
    assert town.hub.host.git(town.hub.name, "show", "main:src/a.py") == "new"
    assert town.ada.shell("lock", "list")["locks"] == []
