"""Messages over a real ledger: receipts ride along, and are known here before they are decided."""

from __future__ import annotations

from gitcoord.bootstrap import House
from gitcoord.domain.changes import ChangeDraft, RecordChanges
from gitcoord.domain.departure import Ended, EndSession
from gitcoord.domain.mailbox import Message, status_of
from gitcoord.domain.messages import AckMessages, ReceiveMessages, SendMessage, Sent, unread
from gitcoord.domain.sessions import Session
from gitcoord.ledger.ledger import STATE
from gitcoord.ledger.receipts import pending
from tests.gitrun import git
from tests.ledger.houses import START, acquire, begun, opened, session


def send(house: House, by: Session, id: str, **fields: str) -> Message:
    wish = SendMessage(id=id, text="the text of it", **fields)  # type: ignore[arg-type]
    return house.coordinator.do(wish, Sent, session=by.id).message


def known(house: House, id: str, by: Session) -> str:
    with house.ledger.state() as state:
        found = state.get(Message, id)
        assert found is not None
        return status_of(found, by.id)


def test_a_receipt_costs_no_transaction_and_is_known_here_until_it_is_decided(repo: str) -> None:
    house = begun(repo)
    ada, bob = session(house), session(house, "bob")
    send(house, ada, "m-1", to="bob")
    send(house, ada, "m-2")
    head = git(repo, "rev-parse", STATE)
    for wish in (
        ReceiveMessages(ids=("m-1", "m-2"), state="delivered", at=START),
        ReceiveMessages(ids=("m-2",), state="read"),
        ReceiveMessages(ids=("m-2",), state="delivered"),
    ):
        house.coordinator.later(wish, session=f"{bob.id}/sub")
    assert git(repo, "rev-parse", STATE) == head
    assert pending(house.spool, bob.id) == {"m-1": "delivered", "m-2": "read"}
    assert pending(opened(repo).spool, bob.id) == pending(house.spool, f"{bob.id}/other")
    assert pending(house.spool, ada.id) == {}
    acquire(house, ada, "a.py")
    assert pending(house.spool, bob.id) == {}
    assert (known(house, "m-1", bob), known(house, "m-2", bob)) == ("delivered", "read")
    with house.ledger.state() as state:
        assert unread(state, bob.id, state.meta.time) == []


def test_an_acknowledgement_that_waits_is_a_receipt_too(repo: str) -> None:
    house = begun(repo)
    ada, bob = session(house), session(house, "bob")
    send(house, ada, "m-1", to="bob")
    house.coordinator.later(AckMessages(ids=("m-1",)), session=bob.id)
    house.coordinator.later(ReceiveMessages(ids=("m-9",)), session=None)
    edit = RecordChanges(changes=(ChangeDraft(path="a.py"),))
    house.coordinator.later(edit, session=bob.id)
    assert pending(house.spool, bob.id) == {"m-1": "read"}


def test_what_was_delivered_before_somebody_left_is_known(repo: str) -> None:
    house = begun(repo)
    ada, bob = session(house), session(house, "bob")
    send(house, ada, "m-1", to="bob")
    house.coordinator.later(ReceiveMessages(ids=("m-1",)), session=bob.id)
    house.coordinator.do(EndSession(), Ended, session=bob.id)
    assert known(house, "m-1", bob) == "read"
    with house.ledger.state() as state:
        # It was read, so nobody has to be told that it was not.
        assert unread(state, ada.id, state.meta.time) == []


def test_a_letter_stands_in_the_tree_and_not_in_the_diary(repo: str) -> None:
    house = begun(repo)
    ada = session(house)
    session(house, "bob")
    send(house, ada, "m-1", to="bob")
    assert "the text of it" not in git(repo, "log", "--format=%B", STATE)
    assert "(14 characters)" in git(repo, "log", "-1", "--format=%B", STATE)
    assert "the text of it" in git(repo, "show", f"{STATE}:messages/r.m-1.json")
    send(house, ada, "m-2")
    assert "the text of it" in git(repo, "log", "-1", "--format=%B", STATE)


def test_the_same_message_under_another_operation_is_sent_once(repo: str) -> None:
    house = begun(repo)
    ada = session(house)
    bob = session(house, "bob")
    first = send(house, ada, "m-1", to="bob")
    house.coordinator.do(ReceiveMessages(ids=("m-1",)), ReceiveMessages.answer, session=bob.id)
    again = send(house, ada, "m-1", to="bob")
    assert (again.id, again.text, again.at) == (first.id, first.text, first.at)
