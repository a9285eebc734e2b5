"""What is told of what is passed on: messages, notices, handoffs, changes, violations.

The text of a message for one session is for that session: others learn that it was sent, by
whom, to whom and how long it is, as in the diary.
"""

from __future__ import annotations

from collections.abc import Iterator

from gitcoord.domain.changes import Change
from gitcoord.domain.event import Event, Scene, plain, sessions_of
from gitcoord.domain.handoffs import Handoff
from gitcoord.domain.mailbox import Message, receipt_of, status_of
from gitcoord.domain.notices import Notice
from gitcoord.domain.record import shown
from gitcoord.domain.violations import Violation


def messages(scene: Scene) -> Iterator[Event]:
    """Yield new messages, and how far known ones have come."""
    for before, after in scene.pairs(Message):
        if after is None:
            continue
        if before is None:
            yield _sent(after)
        for receipt in after.receipts:
            known = "unknown" if before is None else status_of(before, receipt.session)
            status = status_of(after, receipt.session)
            if status != known:
                data = {"message_id": after.id, "status": status, "session_id": receipt.session}
                names = {"agent_name": receipt.agent, "from_session_id": after.sender}
                about = sessions_of(receipt.session, after.sender)
                yield Event("message.heard", data | names, about)


def notices(scene: Scene) -> Iterator[Event]:
    """Yield new notices."""
    for before, after in scene.pairs(Notice):
        if before is None and after is not None:
            data = plain(after, "kind", "text", "keys", "at", session_id="to")
            yield Event("agent.notice", data, sessions_of(after.to))


def handoffs(scene: Scene) -> Iterator[Event]:
    """Yield new handoffs with all that they say."""
    for before, after in scene.pairs(Handoff):
        if before is None and after is not None:
            fields = (name for name in after.__struct_fields__ if name not in _RENAMED.values())
            yield Event(
                "handoff.written", plain(after, *fields, **_RENAMED), sessions_of(after.session)
            )


_RENAMED = {
    "handoff_id": "id",
    "session_id": "session",
    "agent_name": "agent",
    "task_id": "task",
}


def changes(scene: Scene) -> Iterator[Event]:
    """Yield the files that were changed; edits that follow one another come each time."""
    for before, after in scene.pairs(Change):
        if before is None and after is not None:
            data = plain(
                after,
                "path",
                "kind",
                "old_path",
                "summary",
                "at",
                "commit",
                change_id="id",
                session_id="session",
                agent_name="agent",
            )
            yield Event("change.recorded", data, sessions_of(after.session))


def violations(scene: Scene) -> Iterator[Event]:
    """Yield what rules were met with."""
    for before, after in scene.pairs(Violation):
        if before is None and after is not None:
            fields = (n for n in after.__struct_fields__ if n not in ("id", "session", "agent"))
            data = plain(
                after, *fields, violation_id="id", session_id="session", agent_name="agent"
            )
            yield Event("guardrail.violation", data, sessions_of(after.session))


def _sent(message: Message) -> Event:
    data = plain(
        message,
        "type",
        "priority",
        "at",
        "needs_ack",
        message_id="id",
        session_id="sender",
        agent_name="agent",
    )
    if message.to:
        data["to"] = message.to
        data["to_agent"] = receipt_of(message, message.to).agent
        data["characters"] = len(message.text)
    else:
        data["to"] = None
        data["text"] = shown(message.text)
    return Event("agent.message", data, sessions_of(message.sender, message.to))
