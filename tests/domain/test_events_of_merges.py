"""What is told of the merge queue, from the records before and after."""

from __future__ import annotations

from typing import get_args

from gitcoord.domain.compact import DAY, Compact
from gitcoord.domain.event import TYPES, Event
from gitcoord.domain.events_of_merges import TOLD
from gitcoord.domain.merge_landing import LandMerges, SettleMerges
from gitcoord.domain.merge_setbacks import HandOver, TakeBack
from gitcoord.domain.merges import Status
from gitcoord.domain.merging import CheckMerges, EjectMerge, RemoveMerge
from gitcoord.domain.operation import Operation
from tests.domain.queueing import CLASH, RESULT, Queue, begin, oid, record, wish
from tests.domain.telling import Watch


class Told:
    """A queue whose every transaction is told."""

    def __init__(self) -> None:
        self.queue = Queue()
        self.watch = Watch(self.queue.world)

    def run(self, *wishes: Operation, session: str | None = "s-bob") -> list[Event]:
        """Return what is told of these operations as one transaction, but for notices."""
        self.queue.world.run_together(*((wish, session) for wish in wishes))
        return [one for one in self.watch.look() if one.type != "agent.notice"]

    def one(self, *wishes: Operation, session: str | None = "s-bob") -> Event:
        """Return the only thing that is told."""
        (event,) = self.run(*wishes, session=session)
        return event

    def check(self, **said: object) -> Event:
        """Return what a check comes to; that it has begun is not told."""
        assert self.run(CheckMerges(ids=("q-1",))) == []
        return self.one(record("q-1", self.queue.entry().run, **said))


def test_every_type_and_every_told_status_has_the_other() -> None:
    assert {f"merge.{status}" for status in TOLD} == {x for x in TYPES if x.startswith("merge.")}
    assert set(get_args(Status)) - set(TOLD) == {"pre_merge_check", "merging"}


def test_an_entry_is_told_from_its_queueing_to_its_merge() -> None:
    told = Told()
    event = told.one(wish(priority=2), session="s-ann")
    assert (event.type, event.about) == ("merge.queued", ("s-ann",))
    assert (event.data["merge_id"], event.data["branch"], event.data["target"]) == (
        "q-1", "feat/q-1", "main",
    )  # fmt: skip
    assert (event.data["head"], event.data["priority"], event.data["agent_name"]) == (
        oid(1), 2, "ann",
    )  # fmt: skip
    event = told.check(findings=CLASH)
    assert (event.type, event.data["reason"]) == ("merge.blocked", "src/a.py conflicts with main")
    assert told.check().type == "merge.ready"
    assert told.run(begin()) == []
    event = told.one(LandMerges(ids=("q-1",), result=RESULT))
    assert (event.type, event.data["result"], event.data["by"]) == ("merge.merged", RESULT, "bob")


def test_what_comes_back_is_told_with_the_reason() -> None:
    told = Told()
    told.run(wish(), session="s-ann")
    told.check()
    told.run(begin())
    event = told.one(TakeBack(ids=("q-1",), reason="main moved", run=told.queue.entry().run))
    assert (event.type, event.data["reason"], event.data["attempts"]) == (
        "merge.queued", "main moved", 1,
    )  # fmt: skip
    told.queue.world.pass_time(1)
    event = told.one(wish(head=oid(2)), session="s-ann")
    assert (event.type, event.data["head"]) == ("merge.queued", oid(2))


def test_other_ends_are_told() -> None:
    told = Told()
    told.run(wish(), session="s-ann")
    told.check()
    event = told.one(HandOver(ids=("q-1",), reason="protected", pr_url="https://host/1"))
    assert (event.type, event.data["pr_url"]) == ("merge.landing", "https://host/1")
    event = told.one(EjectMerge(id="q-1", reason="stuck"))
    assert (event.type, event.data["reason"], event.data["by"]) == ("merge.ejected", "stuck", "bob")
    told.queue.world.pass_time(1)
    assert told.one(wish(), session="s-ann").type == "merge.queued"
    assert told.one(RemoveMerge(id="q-1"), session="s-ann").type == "merge.removed"


def test_what_happens_in_one_transaction_is_told_in_order() -> None:
    told = Told()
    events = told.run(wish(), SettleMerges(ids=("q-1",), result=RESULT), session="s-ann")
    assert [event.type for event in events] == ["merge.queued", "merge.merged"]


def test_what_is_forgotten_is_told_as_a_compaction() -> None:
    told = Told()
    told.run(wish(), RemoveMerge(id="q-1"), session="s-ann")
    told.queue.world.pass_time(100 * DAY)
    event = told.one(Compact(), session=None)
    assert (event.type, event.data["removed"]) == ("ledger.compacted", {"merges": 1})
