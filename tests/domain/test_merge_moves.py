"""The table of moves: every status against every move, leases, and that what is final stays so."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gitcoord.domain.merge_landing import LandMerges, SettleMerges
from gitcoord.domain.merge_moves import GUARDED, MOVES, Move, check_turn, lease_end, step, target
from gitcoord.domain.merge_setbacks import HandOver, TakeBack
from gitcoord.domain.merges import ENDED, Merge, Status
from gitcoord.domain.merging import CheckMerges, EjectMerge, RemoveMerge
from gitcoord.errors import GitcoordError, InvalidTransition, InvalidValue, LandingBusy
from tests.domain.crew import crew
from tests.domain.queueing import CLASH, RESULT, TREE, Queue, begin, oid, record, wish
from tests.domain.world import START, World

STATUSES: tuple[Status, ...] = get_args(Status)
ALL_MOVES: tuple[Move, ...] = get_args(Move)

statuses = st.sampled_from(STATUSES)
moves = st.sampled_from(ALL_MOVES)


def entry(status: Status, **said: Any) -> Merge:
    fields: dict[str, Any] = {
        "id": "q-1", "branch": "b", "head": oid(1), "target": "main", "status": status,
        "agent": "ann", "session": "s-ann", "queued_at": START, "updated_at": START,
    }  # fmt: skip
    if status in ENDED:
        fields |= {"ended_at": START}
    return Merge(**fields | said)


def test_every_status_is_reached_and_only_merged_and_removed_are_final() -> None:
    assert {*MOVES.values(), "queued"} == set(STATUSES)
    assert set(STATUSES) - {status for status, _ in MOVES} == {"merged", "removed"}
    assert {move for _, move in MOVES} == set(ALL_MOVES)
    assert set(MOVES) >= GUARDED


def test_every_open_entry_can_be_settled_given_up_and_queued_again() -> None:
    for status in set(STATUSES) - set(ENDED):
        for move, to in (
            ("settle", "merged"), ("eject", "ejected"), ("remove", "removed"), ("requeue", "queued")
        ):  # fmt: skip
            assert MOVES[status, move] == to  # type: ignore[index]
    assert [move for status, move in MOVES if status == "ejected"] == ["requeue"]


def test_only_what_is_ready_lands_and_only_what_lands_goes_back() -> None:
    assert [status for status, move in MOVES if move == "begin"] == ["ready"]
    for move in ("land", "back"):
        assert [status for status, name in MOVES if name == move] == ["merging"]
    assert {status for status, move in MOVES if move == "hand_over"} == {"ready", "merging"}
    assert {status for status, move in MOVES if MOVES[status, move] == "ready"} == {
        "pre_merge_check"
    }


@given(statuses, moves)
def test_a_move_leads_where_the_table_says_or_changes_nothing(status: Status, move: Move) -> None:
    world = World()
    world.put(entry(status))
    state = world.state()
    found = state.get(Merge, "q-1")
    assert found is not None
    to = MOVES.get((status, move))
    if to is None:
        with pytest.raises(InvalidTransition) as refused:
            step(state, world.context(), found, move)
        allowed = [name for name in ALL_MOVES if (status, name) in MOVES]
        assert sorted(refused.value.details["allowed"]) == sorted(allowed)
        assert ("final" in (refused.value.hint or "")) == (not allowed)
        assert not list(state.changes())
        return
    assert target(found, move) == to
    after = step(state, world.context(), found, move, ended_at=START if to in ENDED else "")
    assert (after.status, after.updated_at) == (to, world.now)
    assert state.get(Merge, "q-1") == after


@given(statuses, moves, st.booleans(), st.sampled_from(["", "run", "other"]))
def test_a_lease_holds_up_only_guarded_moves_of_others(
    status: Status, move: Move, over: bool, run: str
) -> None:
    world = World()
    world.put(entry(status, run="run", lease_until="2026-01-05T08:02:00.000Z", runner="bob"))
    if over:
        world.pass_time(120)
    state, found = world.state(), world.get(Merge, "q-1")
    waits = (status, move) in GUARDED and not over and run != "run"
    if waits:
        with pytest.raises(LandingBusy, match="bob"):
            check_turn(state, world.context(), found, move, run)
    else:
        check_turn(state, world.context(), found, move, run)


def test_an_entry_that_is_not_leased_is_nobodys_turn() -> None:
    world = World()
    check_turn(world.state(), world.context(), entry("pre_merge_check"), "check")


@pytest.mark.parametrize("seconds", [0, -1, 0.5, 3601, float("inf"), float("nan")])
def test_a_lease_has_a_length_that_makes_sense(seconds: float) -> None:
    world = World()
    with pytest.raises(InvalidValue):
        lease_end(world.state(), world.context(), seconds)
    assert lease_end(world.state(), world.context(), 1) == "2026-01-05T08:00:01.000Z"
    assert lease_end(world.state(), world.context(), None) == "2026-01-05T08:02:00.000Z"


@pytest.mark.parametrize("status", ENDED)
def test_what_has_ended_is_refused_by_every_operation_but_queueing(status: Status) -> None:
    world = crew()
    world.put(entry(status, result=RESULT, run="o-1"))
    for operation in (
        CheckMerges(ids=("q-1",)),
        HandOver(ids=("q-1",), reason="x"),
        TakeBack(ids=("q-1",), reason="x"),
        EjectMerge(id="q-1", reason="x"),
        RemoveMerge(id="q-1"),
    ):
        world.refused(InvalidTransition, operation, "s-ann")
    settle = SettleMerges(ids=("q-1",), result=RESULT)
    if status == "merged":
        assert world.unchanged(settle, "s-bob").merges == []
    else:
        world.refused(InvalidTransition, settle, "s-bob")
    for late in (LandMerges(ids=("q-1",), result=RESULT), begin(), record("q-1", "o-1")):
        with pytest.raises(GitcoordError, match=status):
            world.run(late, "s-bob")


class Entries(RuleBasedStateMachine):
    """Three entries that anything is done with, and what must be true of them all the time."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = Queue(merge_attempts=2)
        self.runs: list[str] = ["nobody"]
        self.before: dict[str, Merge] = {}
        for name in ("q-1", "q-2", "q-3"):
            self.queue.add(name)

    def wish(self, operation: Any, session: str = "s-bob") -> Any:
        (outcome,) = self.queue.world.run_together((operation, session))
        if hasattr(outcome, "run"):
            self.runs.append(outcome.run)
        return outcome

    names = st.sampled_from(["q-1", "q-2", "q-3"])
    some = st.lists(names, min_size=1, max_size=3, unique=True).map(tuple)

    @rule(name=names, head=st.integers(1, 2))
    def enqueue(self, name: str, head: int) -> None:
        self.wish(wish(name, head=oid(head)), "s-ann")

    @rule(ids=some)
    def check(self, ids: tuple[str, ...]) -> None:
        self.wish(CheckMerges(ids=ids))

    @rule(name=names, back=st.integers(1, 3), clash=st.booleans())
    def checked(self, name: str, back: int, clash: bool) -> None:
        run = self.runs[-min(back, len(self.runs))]
        said = {"findings": CLASH} if clash else {}
        self.wish(record(name, run, (f"src/{name}",), **said))

    @rule(ids=some, number=st.integers(1, 3))
    def begin(self, ids: tuple[str, ...], number: int) -> None:
        self.wish(begin(*ids, result=oid(0xB0 + number), tree=TREE))

    @rule(ids=some, number=st.integers(1, 3))
    def land(self, ids: tuple[str, ...], number: int) -> None:
        self.wish(LandMerges(ids=ids, result=oid(0xB0 + number)))

    @rule(ids=some, back=st.integers(1, 3), over=st.booleans())
    def setback(self, ids: tuple[str, ...], back: int, over: bool) -> None:
        kind = HandOver if over else TakeBack
        self.wish(kind(ids=ids, reason="no", run=self.runs[-min(back, len(self.runs))]))

    @rule(name=names, way=st.sampled_from(["settle", "eject", "remove"]))
    def end(self, name: str, way: str) -> None:
        wishes = {
            "settle": SettleMerges(ids=(name,), result=RESULT),
            "eject": EjectMerge(id=name, reason="no"),
            "remove": RemoveMerge(id=name),
        }
        self.wish(wishes[way], "s-ann")

    @rule(seconds=st.sampled_from([1, 130]))
    def pass_time(self, seconds: int) -> None:
        self.queue.world.pass_time(seconds)

    @invariant()
    def holds(self) -> None:
        """Fail if an entry went where the table does not lead, or shows what it must not."""
        world = self.queue.world
        found = {one.id: one for one in (*world.all(Merge), *world.all(Merge, archived=True))}
        for name, after in found.items():
            before = self.before.get(name)
            if before is not None and before.status in ("merged", "removed"):
                assert after == before
            running = after.status in ("pre_merge_check", "merging")
            assert bool(after.run and after.lease_until) == running
            assert bool(after.expect and after.tree) == (
                after.status == "merging" or (after.status == "merged" and bool(after.expect))
            )
            assert bool(after.ended_at) == after.archived
            assert after.attempts <= 2
            if after.status in ("ready", "merging"):
                assert after.findings
                assert all(one.passed for one in after.findings)
        results: dict[str, set[str]] = {}
        for one in found.values():
            if one.status == "merging":
                results.setdefault(one.result, set()).add(one.lease_until)
        # What lands as one commit has begun as one.
        assert all(len(ends) == 1 for ends in results.values())
        branches = [(one.branch, one.target) for one in world.all(Merge)]
        assert len(branches) == len(set(branches))
        world.check()
        self.before = found


TestEntries = Entries.TestCase
