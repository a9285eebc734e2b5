"""What the ledger's own events mean for what GitHub shows."""

from __future__ import annotations

import msgspec
import pytest

from gitcoord.domain.event import TYPES
from gitcoord.mirror.subjects import Branch, Everything, Thread
from webhook.events.item import Item
from webhook.github.news import Heard, concerned


@pytest.mark.parametrize(
    ("kind", "data", "heard"),
    [
        ("merge.landing", {"branch": "feat/x"}, Heard((Branch("feat/x"),), pulls=True)),
        ("merge.ejected", {"branch": "feat/x"}, Heard((Branch("feat/x"),), pulls=True)),
        ("verification.passed", {}, Heard(pulls=True)),
        ("approval.approved", {}, Heard(pulls=True)),
        ("feature.paused", {}, Heard(pulls=True)),
        ("lock.released", {}, Heard(pulls=True)),
        ("task.completed", {"task_id": "issue-12"}, Heard((Thread(12),))),
        ("settings.changed", {}, Heard((Everything(),))),
        ("handoff.written", {}, Heard()),
    ],
)
def test_events_say_what_is_looked_at(kind: str, data: dict[str, str], heard: Heard) -> None:
    assert kind in TYPES
    # As streams carry it: what an event is about stands below what all events have.
    text = msgspec.json.encode({"id": "1.6.1", "type": kind, "data": data}).decode()
    assert concerned([Item(kind, text)]) == heard
