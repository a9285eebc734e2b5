"""Messages: for whom they are, what is known of each recipient, how they come to an end."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import msgspec
import pytest

from gitcoord.domain.departure import EndSession, KillSession
from gitcoord.domain.mailbox import Message, Receipt, past, post, receipt_of
from gitcoord.domain.messages import (
    CALL_LIMIT,
    AckMessages,
    ReceiveMessages,
    SendMessage,
    inbox,
    sent,
    status_of,
    unread,
)
from gitcoord.domain.operation import unpacked
from gitcoord.domain.pausing import PauseSession
from gitcoord.domain.recipients import BROADCASTS, OPEN_LIMIT
from gitcoord.domain.time import plus
from gitcoord.errors import (
    IdTaken,
    InvalidId,
    InvalidValue,
    LimitReached,
    MessageNotFound,
    RecipientAmbiguous,
    RecipientNotFound,
    SessionEnded,
    SessionNotFound,
    SessionPaused,
    SessionRequired,
)
from tests.domain.world import START, World

DAY = 86_400


@pytest.fixture
def world() -> World:
    """Return a ledger with three live sessions, of ann, bob and cyd."""
    found = World()
    for name in ("s-ann", "s-bob", "s-cyd"):
        found.session(name)
    return found


def send(world: World, id: str, session: str | None = "s-ann", **fields: Any) -> Message:
    """Send a message a second later and return it."""
    world.pass_time(1)
    wish = SendMessage(**({"id": id, "text": f"text of {id}"} | fields))
    found = world.run(wish, session).message
    assert isinstance(found, Message)
    return found


def names(messages: list[Message]) -> list[str]:
    return [message.id for message in messages]


def news(world: World, session: str) -> list[str]:
    return names(unread(world.state(), session, world.now))


def mail(world: World, session: str, *, read: bool = False) -> list[str]:
    return names(inbox(world.state(), session, include_read=read))


def hear(world: World, session: str, *ids: str, state: str = "read", at: str = "") -> list[str]:
    wish = ReceiveMessages(ids=ids, state=state, at=at)  # type: ignore[arg-type]
    found = world.run(wish, session).noted
    assert isinstance(found, list)
    return found


# For whom it is


def test_a_message_is_kept_with_who_wrote_it_to_whom_and_when(world: World) -> None:
    wish = SendMessage(
        id="m-1", text="may I?", to="bob", type="request", priority="high", needs_ack=True
    )
    answer = world.run(wish, "s-ann/sub")
    assert answer.message == Message(
        id="m-1",
        type="request",
        priority="high",
        text="may I?",
        sender="s-ann/sub",
        agent="ann",
        to="s-bob",
        at=START,
        needs_ack=True,
        receipts=(Receipt(session="s-bob", agent="bob"),),
    )
    assert world.all(Message) == [answer.message]
    world.check()


@pytest.mark.parametrize("to", ["bob", "s-bob", "s-bob/sub"])
def test_a_recipient_is_named_by_agent_session_or_sub_agent(world: World, to: str) -> None:
    assert send(world, "m-1", to=to).to == "s-bob"
    assert news(world, "s-bob") == news(world, "s-bob/sub") == ["m-1"]
    assert news(world, "s-cyd") == news(world, "s-ann") == []


def test_the_own_session_is_not_among_those_that_a_name_may_mean(world: World) -> None:
    world.session("s-bob2", agent="bob")
    assert send(world, "m-1", "s-bob", to="bob").to == "s-bob2"


def test_a_name_that_several_have_is_refused_with_their_sessions(world: World) -> None:
    world.session("s-bob2", agent="bob")
    error = world.refused(RecipientAmbiguous, SendMessage(id="m-1", text="x", to="bob"), "s-ann")
    assert [one["session"] for one in error.details["sessions"]] == ["s-bob", "s-bob2"]
    assert "s-bob (bob), s-bob2 (bob)" in error.message


def test_who_is_not_live_is_refused_with_those_who_are(world: World) -> None:
    world.run(EndSession(), "s-bob")
    for to in ("bob", "s-bob", "eve"):
        error = world.refused(RecipientNotFound, SendMessage(id="m-1", text="x", to=to), "s-ann")
        assert error.details["sessions"] == [{"session": "s-cyd", "agent": "cyd"}]
        assert "s-cyd (cyd)" in error.hint
    world.run(EndSession(), "s-cyd")
    error = world.refused(RecipientNotFound, SendMessage(id="m-1", text="x", to="bob"), "s-ann")
    assert "nobody else" in error.hint


@pytest.mark.parametrize("to", ["s-ann", "s-ann/sub"])
def test_nobody_writes_to_itself(world: World, to: str) -> None:
    world.refused(InvalidValue, SendMessage(id="m-1", text="x", to=to), "s-ann")


def test_a_message_to_all_is_for_everybody_else_and_for_who_comes_later(world: World) -> None:
    message = send(world, "m-1")
    assert [one.session for one in message.receipts] == ["s-bob", "s-cyd"]
    world.session("s-dan")
    for session in ("s-bob", "s-cyd", "s-dan"):
        assert news(world, session) == ["m-1"]
    assert news(world, "s-ann") == mail(world, "s-ann") == []
    hear(world, "s-dan", "m-1")
    (kept,) = world.all(Message)
    assert [one.session for one in kept.receipts] == ["s-bob", "s-cyd", "s-dan"]
    assert news(world, "s-dan") == mail(world, "s-dan") == []
    world.check()


def test_a_person_without_a_session_may_write(world: World) -> None:
    answer = world.run(SendMessage(id="m-1", text="stop", to="bob"), None, agent="Alice")
    assert (answer.message.sender, answer.message.agent) == ("", "Alice")
    assert news(world, "s-bob") == ["m-1"]
    answer = world.run(SendMessage(id="m-2", text="stop"))
    assert answer.message.agent == "somebody"
    assert len(answer.message.receipts) == 3
    error = world.refused(RecipientNotFound, SendMessage(id="m-3", text="x", to="/x"))
    assert len(error.details["sessions"]) == 3


@pytest.mark.parametrize("text", ["", " \n"])
def test_a_message_needs_a_text(world: World, text: str) -> None:
    world.refused(InvalidValue, SendMessage(id="m-1", text=text), "s-ann")


def test_only_who_is_live_and_not_paused_writes(world: World) -> None:
    wish = SendMessage(id="m-1", text="x")
    world.run(PauseSession(), "s-ann")
    world.refused(SessionPaused, wish, "s-ann")
    world.run(EndSession(), "s-bob")
    world.refused(SessionEnded, wish, "s-bob")
    world.refused(SessionNotFound, wish, "s-eve")
    world.refused(InvalidId, SendMessage(id="no id", text="x"), "s-cyd")


def test_the_same_message_is_sent_once(world: World) -> None:
    first = send(world, "m-1", to="bob", priority="high")
    for to in ("bob", "s-bob", "s-bob/sub"):
        again = SendMessage(id="m-1", text="text of m-1", to=to, priority="high")
        assert world.unchanged(again, "s-ann").message == first
    world.run(EndSession(), "s-bob")
    assert world.unchanged(again, "s-ann").message.to == "s-bob"
    everybody = send(world, "m-2")
    again = SendMessage(id="m-2", text="text of m-2")
    assert world.unchanged(again, "s-ann").message == everybody


@pytest.mark.parametrize(
    "fields",
    [{"text": "other"}, {"to": "cyd"}, {"to": ""}, {"type": "status"}, {"priority": "low"}],
)
def test_another_message_with_the_same_id_is_refused(world: World, fields: dict[str, Any]) -> None:
    send(world, "m-1", to="bob")
    same = {"id": "m-1", "text": "text of m-1", "to": "bob"}
    world.refused(IdTaken, SendMessage(**(same | fields)), "s-ann")
    world.refused(IdTaken, SendMessage(**same), "s-cyd")


# What is known


def test_unknown_delivered_read_and_acknowledged_are_told_apart(world: World) -> None:
    send(world, "m-1", to="bob", needs_ack=True)

    def now() -> Message:
        found = world.get(Message, "m-1")
        assert isinstance(found, Message)
        return found

    assert status_of(now(), "s-bob") == "unknown"
    hear(world, "s-bob", "m-1", state="delivered", at=START)
    assert (status_of(now(), "s-bob"), news(world, "s-bob")) == ("delivered", [])
    assert mail(world, "s-bob") == ["m-1"]
    world.pass_time(5)
    hear(world, "s-bob", "m-1")
    read = world.now
    assert (status_of(now(), "s-bob"), mail(world, "s-bob")) == ("read", ["m-1"])
    world.pass_time(5)
    answer = world.run(AckMessages(ids=("m-1",)), "s-bob")
    assert answer.messages == [now()]
    assert status_of(now(), "s-bob") == "acknowledged"
    assert receipt_of(now(), "s-bob") == Receipt(
        session="s-bob", agent="bob", delivered_at=START, read_at=read, acked_at=world.now
    )
    assert mail(world, "s-bob") == []
    assert status_of(now(), "s-cyd") == "unknown"
    world.check()


def test_what_has_been_read_is_archived_unless_an_answer_is_due(world: World) -> None:
    send(world, "m-1", to="bob")
    send(world, "m-2", to="bob", needs_ack=True)
    send(world, "m-3")
    hear(world, "s-bob", "m-1", "m-2", "m-3")
    assert names(world.all(Message, archived=True)) == ["m-1"]
    world.run(AckMessages(ids=("m-2", "m-3")), "s-bob/sub")
    assert names(world.all(Message, archived=True)) == ["m-1", "m-2"]
    assert names(world.all(Message)) == ["m-3"]
    assert mail(world, "s-bob") == []
    assert mail(world, "s-bob", read=True) == ["m-3", "m-2", "m-1"]
    world.check()


def test_who_acknowledges_has_read(world: World) -> None:
    send(world, "m-1", to="bob", needs_ack=True)
    world.run(AckMessages(ids=("m-1",)), "s-bob")
    receipt = receipt_of(world.get(Message, "m-1"), "s-bob")
    assert receipt.delivered_at == receipt.read_at == receipt.acked_at == world.now


def test_hearing_twice_changes_nothing(world: World) -> None:
    send(world, "m-1", to="bob")
    assert hear(world, "s-bob", "m-1", "m-1", state="delivered") == ["m-1"]
    world.pass_time(5)
    again = ReceiveMessages(ids=("m-1",), state="delivered")
    assert world.unchanged(again, "s-bob").noted == []
    world.run(AckMessages(ids=("m-1",)), "s-bob")
    world.pass_time(5)
    world.unchanged(AckMessages(ids=("m-1",)), "s-bob")


def test_receipts_in_any_order_give_the_same_state() -> None:
    ends = set()
    for order in permutations(range(5)):
        world = World()
        for name in ("s-ann", "s-bob", "s-cyd"):
            world.session(name)
        send(world, "m-1", needs_ack=True)
        send(world, "m-2", to="bob")
        world.now = plus(START, 60)
        wishes = [
            (ReceiveMessages(ids=("m-1", "m-2"), state="delivered", at=plus(START, 5)), "s-bob"),
            (ReceiveMessages(ids=("m-1",), state="read", at=plus(START, 7)), "s-bob/sub"),
            (ReceiveMessages(ids=("m-2",), state="read", at=plus(START, 4)), "s-bob"),
            (ReceiveMessages(ids=("m-1",), state="read", at=plus(START, 6)), "s-cyd"),
            (AckMessages(ids=("m-1",)), "s-bob"),
        ]
        for each in order:
            world.run(*wishes[each])
        ends.add(msgspec.json.encode([*world.all(Message), *world.all(Message, archived=True)]))
    assert len(ends) == 1


def test_a_time_that_is_not_there_yet_is_not_believed_and_nonsense_is_refused(world: World) -> None:
    send(world, "m-1", to="bob")
    hear(world, "s-bob", "m-1", state="delivered", at="2199-01-01T00:00:00.000Z")
    assert receipt_of(world.get(Message, "m-1"), "s-bob").delivered_at == world.now
    world.refused(InvalidValue, ReceiveMessages(ids=("m-1",), at="soon"), "s-bob")


def test_a_receipt_is_a_fact_whatever_became_of_the_session(world: World) -> None:
    send(world, "m-1", to="bob")
    world.run(KillSession(id="s-bob", reason="gone"))
    assert hear(world, "s-bob", "m-1", at=START) == ["m-1"]
    world.refused(SessionRequired, ReceiveMessages(ids=("m-1",)))
    world.refused(SessionNotFound, ReceiveMessages(ids=("m-1",)), "s-eve")
    world.refused(InvalidId, ReceiveMessages(ids=("m-1",)), "s-bob/")


def test_receipts_of_what_is_gone_or_for_others_are_passed_over(world: World) -> None:
    send(world, "m-1", to="bob")
    send(world, "m-2")
    for session in ("s-cyd", "s-ann"):
        assert world.unchanged(ReceiveMessages(ids=("m-1", "m-404")), session).noted == []
    assert world.unchanged(ReceiveMessages(ids=("m-2",)), "s-ann").noted == []


def test_only_who_got_a_message_acknowledges_it(world: World) -> None:
    send(world, "m-1", to="bob", needs_ack=True)
    send(world, "m-2", to="cyd", needs_ack=True)
    send(world, "m-3")
    world.refused(MessageNotFound, AckMessages(ids=("m-2", "m-1")), "s-cyd")
    world.refused(MessageNotFound, AckMessages(ids=("m-3",)), "s-ann")
    world.refused(MessageNotFound, AckMessages(ids=("m-404",)), "s-bob")
    world.refused(SessionRequired, AckMessages(ids=("m-1",)))


@pytest.mark.parametrize(
    "wish", [ReceiveMessages(ids=("m",) * 1001), AckMessages(ids=("m",) * (CALL_LIMIT + 1))]
)
def test_one_call_names_a_bounded_number(world: World, wish: Any) -> None:
    world.refused(LimitReached, wish, "s-bob")


# What is shown


def test_the_most_urgent_comes_first_and_then_the_oldest(world: World) -> None:
    for number, priority in enumerate(("low", "normal", "urgent", "high", "normal")):
        send(world, f"m-{number}", priority=priority, **({"to": "bob"} if number % 2 else {}))
    order = ["m-2", "m-3", "m-1", "m-4", "m-0"]
    assert news(world, "s-bob") == mail(world, "s-bob") == order
    assert mail(world, "s-bob", read=True) == ["m-4", "m-3", "m-2", "m-1", "m-0"]
    assert names(inbox(world.state(), "s-bob", limit=2)) == ["m-2", "m-3"]
    assert names(inbox(world.state(), "s-bob", include_read=True, limit=1)) == ["m-4"]


def test_a_session_sees_what_it_has_sent_and_nobody_else_does(world: World) -> None:
    world.session("s-ann:b", agent="other")
    send(world, "m-1", to="bob")
    send(world, "m-2", "s-ann/sub")
    send(world, "m-3", "s-bob", to="ann")
    send(world, "m-4", "s-ann:b", to="bob")
    hear(world, "s-bob", "m-1")
    state = world.state()
    assert names(sent(state, "s-ann")) == names(sent(state, "s-ann/sub")) == ["m-2", "m-1"]
    assert names(sent(state, "s-ann", limit=1)) == ["m-2"]
    assert names(sent(state, "s-cyd")) == []


def test_an_id_that_goes_on_after_a_colon_is_another_session(world: World) -> None:
    world.session("s-bob:x", agent="bax")
    send(world, "m-1", to="s-bob:x")
    assert news(world, "s-bob") == mail(world, "s-bob", read=True) == []
    assert news(world, "s-bob:x") == ["m-1"]


@pytest.mark.parametrize("ask", [inbox, sent])
def test_a_negative_number_to_show_is_refused(world: World, ask: Any) -> None:
    with pytest.raises(InvalidValue):
        ask(world.state(), "s-bob", limit=-1)
    with pytest.raises(InvalidValue):
        inbox(world.state(), "s-bob", include_read=True, limit=-1)


def test_the_diary_tells_what_is_for_all_and_keeps_letters_closed() -> None:
    letter = SendMessage(id="m-1", text="the door code", to="bob", priority="urgent")
    assert letter.diary()["text"] == "(13 characters)"
    assert (letter.diary()["to"], letter.diary()["id"]) == ("bob", "m-1")
    notice = SendMessage(id="m-2", text="main is frozen", type="status")
    assert notice.diary() == {"id": "m-2", "text": "main is frozen", "type": "status"}


def test_the_subjects_say_who_did_what(world: World) -> None:
    letter = SendMessage(id="m-1", text="secret", to="bob", priority="urgent", type="request")
    answer = world.run(letter, "s-ann")
    assert letter.subject(answer, "ann") == "message: ann to bob (urgent request)"
    notice = SendMessage(id="m-2", text="frozen")
    answer = world.run(notice, "s-ann")
    assert notice.subject(answer, "ann") == "message: ann to all (text): frozen"
    given = ReceiveMessages(ids=("m-1",), state="delivered")
    assert given.subject(world.run(given, "s-bob"), "bob") == "message: bob was given m-1"
    read = ReceiveMessages(ids=("m-1", "m-2"))
    assert read.subject(world.run(read, "s-bob"), "bob") == "message: bob has read m-1, m-2"
    ack = AckMessages(ids=("m-1",))
    assert ack.subject(world.run(ack, "s-bob"), "") == "message: somebody acknowledges m-1"


# How it ends


def test_a_message_is_trimmed_after_its_life_read_or_not() -> None:
    world = World(messages_kept=DAY)
    for name in ("s-ann", "s-bob"):
        world.session(name)
    for id, to in (("m-1", "bob"), ("m-2", "bob"), ("m-3", "")):
        send(world, id, to=to)
    hear(world, "s-bob", "m-1")
    world.now = plus(START, DAY + 2)
    assert news(world, "s-bob") == ["m-3"]
    send(world, "m-4", to="bob")
    assert names(world.all(Message)) == ["m-3", "m-4"]
    assert world.all(Message, archived=True) == []
    assert names(list(past(world.state(), world.now, world.now))) == ["m-3"]
    world.check()


def test_who_reads_nothing_is_written_to_a_bounded_number_of_times(world: World) -> None:
    for number in range(OPEN_LIMIT):
        send(world, f"m-{number}", to="bob")
    full = SendMessage(id="m-more", text="x", to="bob")
    assert world.refused(LimitReached, full, "s-ann").details["count"] == OPEN_LIMIT
    send(world, "m-cyd", to="cyd")
    send(world, "m-all")
    hear(world, "s-bob", "m-7")
    world.run(full, "s-ann")


def test_only_the_newest_messages_to_all_stay_open(world: World) -> None:
    for number in range(BROADCASTS + 2):
        send(world, f"m-{number:03d}")
    closed = world.all(Message, archived=True)
    assert (names(closed), [one.closed for one in closed]) == (["m-000", "m-001"], [True, True])
    assert news(world, "s-bob")[0] == "m-002"
    assert len(news(world, "s-bob")) == BROADCASTS
    everything = names(inbox(world.state(), "s-bob", include_read=True, limit=1000))
    assert everything[-1] == "m-000"
    world.check()


def test_senders_hear_that_a_recipient_has_left_without_reading(world: World) -> None:
    send(world, "m-1", to="bob")
    send(world, "m-2", "s-ann/sub", to="bob")
    send(world, "m-3", "s-cyd", to="bob")
    send(world, "m-4", "s-cyd", to="bob", needs_ack=True)
    send(world, "m-5", None, to="bob")
    hear(world, "s-bob", "m-4", state="delivered")
    world.run(EndSession(), "s-cyd")
    world.pass_time(1)
    world.run(KillSession(id="s-bob", reason="gone"), op_id="o-kill")
    told = [one for one in world.all(Message) if one.type == "system"]
    assert told == [
        Message(
            id="o-kill.1",
            type="system",
            text="bob (s-bob) has left and has not read m-1, m-2",
            to="s-ann",
            at=world.now,
            receipts=(Receipt(session="s-ann", agent="ann"),),
        )
    ]
    assert news(world, "s-ann") == ["o-kill.1"]
    world.check()


def test_of_what_was_read_nothing_is_told_at_the_end(world: World) -> None:
    send(world, "m-1", to="bob", needs_ack=True)
    hear(world, "s-bob", "m-1")
    world.run(EndSession(), "s-bob")
    assert names(world.all(Message)) == ["m-1"]


def test_what_rules_write_gets_ids_of_its_own(world: World) -> None:
    state = world.state()
    bob = world.session("s-bob")
    context = world.context()
    one = post(state, context, bob, "yours", "task_assignment")
    two = post(state, context, bob, "more")
    assert (two.id, one.type, two.type) == (f"{context.op_id}.2", "task_assignment", "system")
    assert names(unread(state, "s-bob", world.now)) == [one.id, two.id]


@pytest.mark.parametrize("kind", ["system", "task_assignment"])
def test_nobody_else_writes_like_a_rule(kind: str) -> None:
    with pytest.raises(InvalidValue):
        unpacked({"op": "message.send", "id": "m-1", "text": "x", "type": kind})
