"""A real host that is away, busy, or somebody else: reads go on, nothing changes unseen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gitcoord.bootstrap import House
from gitcoord.domain.changes import Change, ChangeDraft, RecordChanges, Recorded
from gitcoord.domain.claiming import ClaimTask
from gitcoord.domain.handoffs import Handoff, WriteHandoff, Written
from gitcoord.domain.lock_operations import AcquireLocks, ReleaseLocks
from gitcoord.domain.messages import Message, SendMessage, Sent
from gitcoord.domain.new_tasks import Added, AddTasks, NewTask
from gitcoord.domain.operation import Answer, Operation
from gitcoord.domain.pausing import Heartbeat
from gitcoord.domain.sessions import Session
from gitcoord.domain.tasks import Note, Noted, NoteTask, Task
from gitcoord.entrypoints.cli.failures import EXIT_CODES
from gitcoord.errors import (
    GitcoordError,
    HostBusy,
    HostRefused,
    HostUnreachable,
    OutcomeUnknown,
    SessionEnded,
    SummaryRequired,
    TaskNotFound,
    Unavailable,
)
from gitcoord.ledger.ledger import STATE
from gitcoord.ledger.request import fresh_id
from tests.acceptance.hosts import (
    TTL,
    Clock,
    Hub,
    beat,
    beside,
    holders,
    hub,
    presence_of,
    record,
    refusal,
)
from tests.ledger.houses import acquire, session
from tests.servers import faults
from tests.servers.fixtures import git_host

__all__ = ["git_host", "hub"]

#: Seconds for which a command goes on trying, where a test wants it to give up.
SHORT = 0.3


class Office:
    """ada's clone: a.py is hers, there is a task."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.house = hub.begun("hers")
        self.ada = session(self.house, life="beat")
        self.house.coordinator.do(AddTasks(tasks=(NewTask(id="t-1", title="Do it"),)), Added)
        acquire(self.house, self.ada, "a.py")
        hub.host.clear()

    def hasty(self) -> House:
        """Return a process that gives up soon."""
        return self.hub.house("hers", patience=SHORT)

    def kept(self, wish: Operation, answer: type[Answer], house: House | None = None) -> bool:
        """Send what may wait; say whether it waits."""
        one = house or self.hasty()
        found = one.coordinator.do_or_keep(wish, answer, session=self.ada.id, agent="ada")
        return found is None


@pytest.fixture
def office(hub: Hub) -> Office:
    return Office(hub)


Made = Handoff | Note | Change | Message

#: What commutes, and how many records of which kind it makes.
WAITING: dict[str, tuple[Callable[[], Operation], type[Answer], type[Made]]] = {
    "handoff": (lambda: WriteHandoff(id=fresh_id("h-"), summary="half"), Written, Handoff),
    "note": (lambda: NoteTask(id="t-1", text="on it"), Noted, Note),
    # Of another file each time: edits of one file that follow one another are one change.
    "change": (lambda: RecordChanges(changes=(ChangeDraft(path=fresh_id()),)), Recorded, Change),
    "message": (lambda: SendMessage(id=fresh_id("m-"), text="hello"), Sent, Message),
}


def made(house: House, kind: type[Made]) -> int:
    """Return how many of those the ledger has at this moment."""
    house.store.refresh()
    with house.ledger.state() as state:
        return len(list(state.all(kind)))


def test_reads_go_on_from_the_last_known_head_and_say_what_went_wrong(office: Office) -> None:
    head = office.hub.head
    office.hub.host.stop()
    for house in (office.house, office.hasty()):
        house.follow()
        assert house.wire is not None
        assert isinstance(house.wire.contact.error, HostUnreachable)
        assert house.wire.contact.age is not None
        assert house.ledger.head() == head
        with house.ledger.state() as state:
            assert state.get(Task, "t-1") is not None
    office.hub.host.start()
    office.house.follow()
    assert office.house.wire is not None
    assert office.house.wire.contact.error is None


@pytest.mark.parametrize(
    "wish",
    [
        AcquireLocks(keys=("b.py",)),
        ReleaseLocks(keys=("a.py",)),
        ClaimTask(id="t-1"),
        # Nothing would change by them; whether that is so only the host knows.
        AcquireLocks(keys=("a.py",)),
        ClaimTask(id="t-9"),
    ],
    ids=["acquire", "release", "claim", "renew", "refused"],
)
def test_decisions_are_unavailable_while_the_host_is_away(office: Office, wish: Operation) -> None:
    house = office.hasty()
    office.hub.host.stop()
    with office.hub.still("hers"), pytest.raises(Unavailable) as caught:
        house.coordinator.run(wish, session=office.ada.id)
    assert EXIT_CODES[Unavailable] == 5
    assert caught.value.hint
    office.hub.host.start()
    assert holders(house) == {"a.py": "ada"}


def test_nobody_is_judged_while_the_host_is_away_nor_at_once_afterwards(hub: Hub) -> None:
    clock = Clock()
    hers, mine = hub.begun("hers", clock), hub.house("mine", clock, patience=SHORT)
    ada = session(hers, life="beat")
    judge = mine.judge()
    judge.look()
    hub.host.stop()
    for _ in range(3):
        clock.pass_(TTL / 2)
        verdicts = judge.look()
        assert (verdicts.swept, bool(verdicts.unseen)) == ([], True)
    hub.host.start()
    assert judge.look().swept == []
    beat(hers, ada)
    clock.pass_(TTL - 1)
    assert judge.look().swept == []
    assert record(mine, Session, ada.id).status == "active"


def test_a_heartbeat_is_not_counted_as_published_while_the_host_is_away(hub: Hub) -> None:
    clock = Clock()
    hers = hub.begun("hers", clock)
    ada = session(hers, life="beat")
    before = hub.refs[presence_of(hers)]
    clock.pass_(100)
    hub.host.stop()
    with pytest.raises(Unavailable):
        hub.house("hers", clock, SHORT).coordinator.run(Heartbeat(), session=ada.id)
    hub.host.start()
    beat(hub.house("hers", clock), ada)
    assert hub.refs[presence_of(hers)] != before


@pytest.mark.parametrize("what", WAITING)
def test_what_may_wait_is_kept_and_sent_once(office: Office, what: str) -> None:
    wish, answer, kind = WAITING[what]
    before = office.hub.refs
    office.hub.host.stop()
    assert office.kept(wish(), answer)
    assert office.kept(wish(), answer)
    office.hub.host.start()
    assert office.hub.refs == before
    acquire(office.hub.house("hers"), office.ada, "b.py")
    assert made(office.house, kind) == 2
    acquire(office.hub.house("hers"), office.ada, "c.py")
    assert made(office.house, kind) == 2


@pytest.mark.parametrize("what", WAITING)
def test_what_may_wait_is_sent_once_although_the_answer_was_lost(office: Office, what: str) -> None:
    wish, answer, kind = WAITING[what]
    house = office.hasty()
    office.hub.host.faults.append(faults.cut_after(command="push"))
    office.hub.host.faults.extend(faults.cut_before(command="ls-refs") for _ in range(99))
    assert office.kept(wish(), answer, house)
    office.hub.host.faults.clear()
    assert made(office.hub.house("other"), kind) == 1
    acquire(office.hub.house("hers"), office.ada, "b.py")
    assert made(office.house, kind) == 1


def test_what_may_wait_survives_a_decision_whose_answer_was_lost(office: Office) -> None:
    wish, answer, kind = WAITING["note"]
    office.hub.host.stop()
    assert office.kept(wish(), answer)
    office.hub.host.start()
    office.hub.host.faults.append(faults.cut_after(command="push"))
    office.hub.host.faults.extend(faults.cut_before(command="ls-refs") for _ in range(99))
    with pytest.raises(OutcomeUnknown):
        acquire(office.hasty(), office.ada, "b.py")
    office.hub.host.faults.clear()
    assert made(office.house, kind) == 1
    acquire(office.house, office.ada, "c.py")
    assert made(office.house, kind) == 1


def test_what_may_not_wait_is_not_kept(office: Office) -> None:
    office.hub.host.stop()
    with pytest.raises(Unavailable):
        office.kept(AcquireLocks(keys=("b.py",)), Answer)
    assert office.house.spool.waiting() == []


def test_what_the_last_known_state_refuses_is_told_at_once(office: Office) -> None:
    office.hub.host.stop()
    with pytest.raises(TaskNotFound):
        office.kept(NoteTask(id="t-9", text="x"), Noted)
    with pytest.raises(SummaryRequired):
        office.kept(WriteHandoff(id=fresh_id("h-"), summary=" "), Written)
    assert office.house.spool.waiting() == []


def test_what_was_kept_and_is_refused_later_is_dropped_and_told_in_the_diary(hub: Hub) -> None:
    clock = Clock()
    hers, mine = hub.begun("hers", clock), hub.house("mine", clock)
    ada = session(hers, life="beat")
    mine.judge().look()
    hub.host.stop()
    wish = WriteHandoff(id=fresh_id("h-"), summary="half")
    hasty = hub.house("hers", clock, SHORT)
    assert hasty.coordinator.do_or_keep(wish, Written, session=ada.id) is None
    hub.host.start()
    clock.pass_(TTL)
    assert mine.judge().look().swept == [ada.id]
    refusal(hers, AcquireLocks(keys=("b.py",)), ada, SessionEnded)
    acquire(hers, session(hers, "eve"), "c.py")
    assert hers.spool.waiting() == []
    assert made(mine, Handoff) == 0
    assert "handoff.write" in hub.host.git("hub", "log", "--format=%B", "refs/coord/state")


def test_a_busy_host_is_given_the_time_it_asks_for(office: Office) -> None:
    house = office.house
    for wait in ("0", "0.1"):
        office.hub.host.faults.append(faults.status(429, wait, command="push"))
    acquire(house, office.ada, "b.py")
    assert holders(office.hub.house("other")) == {"a.py": "ada", "b.py": "ada"}
    assert office.hub.host.faults == []
    assert len([one for one in office.hub.subjects() if "b.py" in one]) == 1


@pytest.mark.parametrize(
    ("command", "code", "kind"),
    [
        ("push", 429, HostBusy),
        ("ls-refs", 429, HostBusy),
        ("ls-refs", 503, HostBusy),
        # What answers so may have handed the push on before, and it may arrive yet.
        ("push", 503, OutcomeUnknown),
    ],
)
def test_a_busy_host_that_asks_for_more_than_we_have_is_left_alone_at_once(
    office: Office, command: str, code: int, kind: type[GitcoordError]
) -> None:
    house = office.hasty()
    # A refusal changes nothing, so that the host only has to confirm the head.
    wish = AcquireLocks(keys=("b.py",)) if command == "push" else ClaimTask(id="t-9")
    office.hub.host.faults.append(faults.status(code, 3600, command=command))
    with office.hub.still("hers"), pytest.raises(kind) as caught:
        house.coordinator.run(wish, session=office.ada.id)
    assert f"{code}: " in caught.value.message
    assert "asks to wait for 3600 s" in caught.value.message
    assert caught.value.hint
    assert office.hub.host.count(command=command) == 1
    # Only what may have been handed on is looked for.
    assert office.hub.host.count() == (1 if kind is HostBusy else 2)


@pytest.mark.parametrize("code", [500, 502, 504])
@pytest.mark.parametrize("after", [False, True], ids=["undone", "done"])
def test_an_error_of_the_host_is_looked_into_and_tried_again(
    office: Office, code: int, after: bool
) -> None:
    office.hub.host.faults.append(faults.status(code, after=after, command="push"))
    acquire(office.house, office.ada, "b.py")
    assert office.hub.host.count(command="push") == (1 if after else 2)
    assert len([one for one in office.hub.subjects() if "b.py" in one]) == 1


def test_a_host_that_goes_on_failing_is_unavailable(office: Office) -> None:
    for command in ("push", "ls-refs"):
        office.hub.host.faults.extend(faults.status(502, command=command) for _ in range(99))
    with pytest.raises(GitcoordError) as caught:
        acquire(office.hasty(), office.ada, "b.py")
    assert isinstance(caught.value, (Unavailable, OutcomeUnknown))
    assert caught.value.hint
    office.hub.host.faults.clear()
    assert holders(office.house) == {"a.py": "ada"}


def test_a_ref_that_is_locked_for_a_moment_moves_a_little_later(office: Office) -> None:
    lock = Path(office.hub.path, f"{STATE}.lock")
    lock.touch()
    # Nothing is looked up before the push has been refused.
    look = faults.hold(command="ls-refs")
    office.hub.host.faults.append(look)
    asking = beside(lambda: acquire(office.house, office.ada, "b.py"))
    assert look.reached.wait(10)
    lock.unlink()
    look.release()
    asking.result()
    assert office.hub.host.count(command="push") == 2
    assert holders(office.hub.house("other")) == {"a.py": "ada", "b.py": "ada"}


@pytest.mark.parametrize("patience", [SHORT, 5.0])
def test_a_ref_that_stays_locked_is_refused_in_the_words_of_the_host(
    office: Office, patience: float
) -> None:
    house = office.hub.house("hers", patience=patience)
    lock = Path(office.hub.path, f"{STATE}.lock")
    lock.touch()
    with office.hub.still("hers"), pytest.raises(HostRefused) as caught:
        acquire(house, office.ada, "b.py")
    assert "cannot lock ref" in caught.value.message
    assert caught.value.hint
    assert office.hub.host.count(command="push") > 1
    lock.unlink()
    acquire(house, office.ada, "b.py")


def test_a_connection_that_was_dropped_while_idle_costs_no_decision(office: Office) -> None:
    for n in range(3):
        office.hub.host.drop_connections()
        acquire(office.house, office.ada, f"{n}.py")
        office.hub.host.drop_connections()
        office.house.store.refresh()
    asked = [(one.command, one.status) for one in office.hub.host.requests]
    assert asked == [("push", 200), ("ls-refs", 200)] * 3


def test_a_host_that_starts_anew_is_found_again(office: Office) -> None:
    office.hub.host.stop()
    with pytest.raises(Unavailable):
        acquire(office.hasty(), office.ada, "b.py")
    office.hub.host.start()
    acquire(office.house, office.ada, "b.py")
    assert holders(office.house) == {"a.py": "ada", "b.py": "ada"}
