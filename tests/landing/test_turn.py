"""One process of a clone lands on a target at a time; others wait, and see what it has landed."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest

from gitcoord.bootstrap import open_house
from gitcoord.errors import LandingBusy
from gitcoord.landing import line
from gitcoord.landing.check import recheck
from gitcoord.landing.line import land
from gitcoord.landing.turn import turn
from tests.gitrun import git
from tests.landing.yard import Yard, plain, yard
from tests.ledger import houses


@pytest.fixture
def here(repo: str) -> Yard:
    """Have a ledger, and stand on a branch beside main."""
    found = yard(repo)
    git(repo, "checkout", "-q", "-b", "elsewhere")
    return found


def never() -> bool:
    return False


def test_who_waits_in_vain_is_told_who_lands_and_since_when(here: Yard) -> None:
    here.ready("topic")
    start, head = here.main(), here.head()
    with turn(here.site(agent="ada"), "main", 0, never) as mine:
        assert mine
        with pytest.raises(LandingBusy) as refused:
            land(here.site(), wait=0)
    assert refused.value.message.startswith("ada has been landing on main since 20")
    assert "gitcoord merge list" in str(refused.value.hint)
    assert (here.main(), here.head()) == (start, head)
    assert plain(here.land()) == {"merged": ["topic"]}


def test_another_target_is_free(here: Yard) -> None:
    git(here.repo, "branch", "release", "main")
    here.ready("topic", target="release")
    with turn(here.site(), "main", 0, never):
        assert plain(land(here.site(), wait=0)) == {"merged": ["topic"]}


def test_a_turn_ends_with_an_error(here: Yard) -> None:
    with pytest.raises(ZeroDivisionError), turn(here.site(), "main", 0, never):
        raise ZeroDivisionError
    with turn(here.site(), "main", 0, never) as mine:
        assert mine


def test_who_waits_goes_on_when_others_have_landed_it(
    here: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = here.ready("topic")
    verified, waiting = line.verify, threading.Event()
    found: list[Any] = []

    def wait() -> None:
        found.append(land(later.site(agent="bob"), [entry.id]))

    other = open_house(here.repo, os.environ)
    houses.OPENED.append(other)
    later = Yard(here.repo, other)
    thread = threading.Thread(target=wait)

    def verify(*given: Any, **said: Any) -> Any:
        if not waiting.is_set():
            waiting.set()
            thread.start()
        return verified(*given, **said)

    monkeypatch.setattr(line, "verify", verify)
    assert plain(here.land()) == {"merged": ["topic"]}
    thread.join()
    (outcome,) = found
    assert plain(outcome) == {"merged": ["topic"]}
    assert [one.id for one in outcome.others] == [entry.id]


def test_an_entry_that_is_merged_already_is_no_failure(here: Yard) -> None:
    entry = here.ready("topic")
    here.land()
    start = here.main()
    found = here.land(entry.id)
    assert [one.id for one in found.others] == [entry.id]
    assert found.merged == found.others
    assert here.main() == start


def test_what_others_have_ended_meanwhile_is_not_checked(here: Yard) -> None:
    entry = here.ready("topic")
    here.land()
    assert recheck(here.site(), [entry.id]) == ([], [])
