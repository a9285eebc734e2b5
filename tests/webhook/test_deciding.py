"""What several clients want at once: rounds, everybody's own answer, and what goes wrong."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator

import pytest

from gitcoord.bootstrap import House
from gitcoord.domain.lock_operations import AcquireLocks, Locked
from gitcoord.domain.locks import Lock
from gitcoord.domain.operation import Operation
from gitcoord.domain.sessions import Session
from gitcoord.errors import LockHeld, NotInitialised, TextTooLong
from gitcoord.ledger.request import Request
from gitcoord.storage import growth
from tests.gitrun import git
from tests.ledger.houses import OPENED, begun, opened, session
from webhook.deciding import Decided, Deciding

STATE = "refs/coord/state"


@pytest.fixture
def house(repo: str) -> Iterator[House]:
    yield begun(repo)
    while OPENED:
        OPENED.pop().close()


class Gate:
    """Holds up the first round until enough is waiting, and says how often it was passed."""

    def __init__(self, house: House, troubles: tuple[Exception, ...] = ()) -> None:
        self.opened = threading.Event()
        self.passed = 0
        self._house = house
        self._troubles = list(troubles)

    def house(self) -> House:
        assert self.opened.wait(20)
        self.passed += 1
        if self._troubles:
            raise self._troubles.pop(0)
        return self._house


def together(gate: Gate, wishes: list[Request]) -> list[Decided | BaseException]:
    """Have the first wish decided, and meanwhile all others wait."""
    deciding = Deciding(gate.house)

    async def asked() -> list[Decided | BaseException]:
        waiting: list[Awaitable[Decided]] = [
            asyncio.ensure_future(deciding.decided(wish)) for wish in wishes
        ]
        await asyncio.sleep(0)
        gate.opened.set()
        return await asyncio.gather(*waiting, return_exceptions=True)

    try:
        return asyncio.run(asyncio.wait_for(asked(), 60))
    finally:
        deciding.close()


def of(holder: Session) -> Callable[[Operation], Request]:
    return lambda wish: Request([wish], session=holder.id, agent=holder.agent)


def take(*keys: str, reason: str = "") -> AcquireLocks:
    return AcquireLocks(keys=keys, reason=reason)


def keys(found: Decided | BaseException) -> list[str]:
    assert isinstance(found, Decided), found
    assert found.reply.error is None
    (answer,) = found.reply.answers
    assert isinstance(answer, Locked)
    return [lock.key for lock in answer.locks]


def test_all_that_waits_while_a_round_is_under_way_goes_into_the_next_transaction(
    house: House, repo: str
) -> None:
    ada = session(house)
    before = int(git(repo, "rev-list", "--count", STATE))
    found = together(Gate(house), [of(ada)(take(f"f{n}.py")) for n in range(20)])
    assert [keys(one) for one in found] == [[f"f{n}.py"] for n in range(20)]
    assert int(git(repo, "rev-list", "--count", STATE)) == before + 2
    last = git(repo, "rev-parse", STATE)
    assert [one.head for one in found[1:] if isinstance(one, Decided)] == [last] * 19


def test_two_who_want_the_same_at_once_do_not_both_get_it(house: House) -> None:
    wishes = [of(session(house, name))(take("a.py")) for name in ("ada", "bob", "eve")]
    found = together(Gate(house), wishes)
    assert keys(found[0]) == ["a.py"]
    for one in found[1:]:
        assert isinstance(one, Decided)
        assert isinstance(one.reply.error, LockHeld)


def test_what_is_wrong_with_one_is_told_to_that_one_alone(house: House) -> None:
    ada = session(house)
    wishes = [take("a"), take("b", reason="x" * (64 * 1024 + 1)), take("c")]
    found = together(Gate(house), [of(ada)(wish) for wish in wishes])
    assert (keys(found[0]), keys(found[2])) == (["a"], ["c"])
    assert isinstance(found[1], Decided)
    assert isinstance(found[1].reply.error, TextTooLong)


@pytest.mark.parametrize("trouble", [NotInitialised(), RuntimeError("a bug")], ids=["no", "bug"])
def test_what_keeps_a_round_from_being_decided_is_told_to_all_in_it_and_the_next_goes_on(
    house: House, trouble: Exception
) -> None:
    ada = session(house)
    gate = Gate(house, (trouble,))
    found = together(gate, [of(ada)(take(f"f{n}")) for n in range(3)])
    assert found[0] is trouble
    assert [keys(one) for one in found[1:]] == [["f1"], ["f2"]]
    assert gate.passed == 2


def test_who_does_not_wait_any_more_is_no_hindrance(house: House) -> None:
    ada, gate = session(house), Gate(house)
    deciding = Deciding(gate.house)

    async def asked() -> Decided:
        some = [asyncio.ensure_future(deciding.decided(of(ada)(take(key)))) for key in "abc"]
        await asyncio.sleep(0)
        some[1].cancel()
        gate.opened.set()
        return await asyncio.wait_for(some[2], 20)

    assert keys(asyncio.run(asked())) == ["c"]
    deciding.close()
    with house.ledger.state() as state:
        assert len(list(state.all(Lock))) == 3


def test_what_has_piled_up_is_packed_beside_the_rounds(house: House, repo: str) -> None:
    ada = session(house)
    growth.noted(house.repository, growth.LOOSE_NOW)
    together(Gate(house), [of(ada)(take(f"f{n}.py")) for n in range(40)])
    assert growth.due(house.repository) == ""
    assert "in-pack: 0" not in git(repo, "count-objects", "-v")
    assert opened(repo).ledger.head() == git(repo, "rev-parse", STATE)
