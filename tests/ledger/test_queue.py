"""Tickets between processes: nobody loses an answer, nobody is waited on for ever."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec
import pytest

from gitcoord.domain.configure import ChangeSettings, Configured
from gitcoord.domain.settings import Settings
from gitcoord.ledger.queue import Queue, Ticket
from gitcoord.ledger.request import Reply, Request

WISH = ChangeSettings(values={"lock_ttl": 60})


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    return Queue(str(tmp_path))


def answered() -> Reply:
    return Reply([Configured(settings=Settings(), changed={"lock_ttl": {}})])


def test_a_ticket_is_taken_answered_and_leaves_nothing_behind(queue: Queue) -> None:
    ticket = queue.publish([Request([WISH], session="s-1", id="o-1")])
    taken = queue.take(time.time())
    assert [one.requests[0].id for one in taken] == ["o-1"]
    assert taken[0].requests[0].operations == (WISH,)
    assert ticket.answer() is None
    queue.answer(taken[0], [answered()])
    ticket.wait(1)
    replies = ticket.answer()
    assert replies is not None
    assert replies[0].answers == answered().answers
    ticket.close()
    assert os.listdir(queue.folder) == []


def test_tickets_are_taken_in_the_order_in_which_they_came(queue: Queue) -> None:
    tickets = [queue.publish([Request([WISH], id=f"o-{n}")]) for n in range(5)]
    assert [t.requests[0].id for t in queue.take(time.time())] == [f"o-{n}" for n in range(5)]
    for ticket in tickets:
        ticket.close()


def test_a_withdrawn_ticket_is_not_taken(queue: Queue) -> None:
    ticket = queue.publish([Request([WISH])])
    assert ticket.withdraw()
    assert queue.take(time.time()) == []
    ticket.close()


def test_a_taken_ticket_cannot_be_withdrawn_but_by_the_next_leader(queue: Queue) -> None:
    ticket = queue.publish([Request([WISH])])
    queue.take(time.time())
    assert not ticket.withdraw()
    assert ticket.withdraw(leading=True)
    ticket.close()


def test_what_a_dead_leader_had_taken_is_taken_again(queue: Queue) -> None:
    ticket = queue.publish([Request([WISH], id="o-1")])
    queue.take(time.time())
    assert [one.requests[0].id for one in queue.take(time.time())] == ["o-1"]
    ticket.close()


def test_the_ticket_of_a_dead_sender_is_dropped(queue: Queue) -> None:
    ticket = queue.publish([Request([WISH])])
    assert ticket._bell is not None
    os.close(ticket._bell)
    ticket._bell = None
    assert queue.take(time.time()) == []
    assert os.listdir(queue.folder) == []


def test_a_ticket_whose_time_is_over_is_left_to_its_sender(queue: Queue) -> None:
    ticket = queue.publish([Request([WISH], deadline=time.time() - 1)])
    assert queue.take(time.time()) == []
    assert ticket.withdraw()
    ticket.close()


def test_a_ticket_in_an_unknown_format_is_left_alone(queue: Queue) -> None:
    ticket = queue.publish([Request([WISH])])
    path = Path(ticket._base + ".req")
    body = msgspec.json.decode(path.read_bytes())
    path.write_bytes(msgspec.json.encode(body | {"format": 2}))
    assert queue.take(time.time()) == []
    assert path.exists()
    ticket.close()


def test_an_operation_that_this_gitcoord_does_not_know_is_left_to_its_sender(queue: Queue) -> None:
    ticket = queue.publish([Request([WISH])])
    path = Path(ticket._base + ".req")
    body = msgspec.json.decode(path.read_bytes())
    body["requests"][0]["operations"][0]["op"] = "future.thing"
    path.write_bytes(msgspec.json.encode(body))
    assert queue.take(time.time()) == []
    assert path.exists()
    ticket.close()


def test_leaving_wakes_the_oldest_waiter(queue: Queue) -> None:
    ticket = queue.publish([Request([WISH])])
    queue.wake_next()
    started = time.monotonic()
    ticket.wait(5)
    assert time.monotonic() - started < 4
    ticket.close()


def test_litter_of_the_dead_is_swept(queue: Queue) -> None:
    ticket = Ticket(queue.publish([Request([WISH])])._base.rpartition(os.sep)[0], [])
    old = time.time() - 3600
    for name in os.listdir(queue.folder):
        os.utime(os.path.join(queue.folder, name), (old, old))
    queue.sweep(time.time())
    assert os.listdir(queue.folder) == []
    ticket.close()
