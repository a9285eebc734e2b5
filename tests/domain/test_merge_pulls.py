"""The pull request of an entry is noted, moves nothing, and is gone when it is said to be."""

from __future__ import annotations

import pytest

from gitcoord.domain.merge_pulls import NotePull
from gitcoord.domain.merge_setbacks import HandOver
from gitcoord.domain.merging import EjectMerge, RemoveMerge
from gitcoord.errors import InvalidTransition, MergeNotFound
from tests.domain.queueing import Queue

URL = "https://github.com/octo/project/pull/7"


def test_it_is_noted_by_anybody_and_the_entry_stays_as_it_is() -> None:
    queue = Queue()
    queue.ready()
    before = queue.world.run(HandOver(ids=("q-1",), reason="protected"), "s-bob").merges[0]
    answer = queue.world.run(NotePull(id="q-1", pr_url=f" {URL}\n"), None)
    assert answer.merge == queue.entry()
    assert queue.entry().pr_url == URL
    for field in ("status", "reason", "findings", "queued_at", "agent", "ended_at"):
        assert getattr(queue.entry(), field) == getattr(before, field)
    assert NotePull(id="q-1").subject(answer, "github") == f"merge: q-1 has {URL}"


def test_saying_it_again_changes_nothing() -> None:
    queue = Queue()
    queue.add()
    queue.world.run(NotePull(id="q-1", pr_url=URL), None)
    before = queue.entry()
    queue.world.pass_time(60)
    queue.world.run(NotePull(id="q-1", pr_url=URL), None)
    assert queue.entry() == before


def test_an_ejected_entry_forgets_its_own_and_stays_ejected() -> None:
    queue = Queue()
    queue.add(pr_url=URL)
    queue.world.run(EjectMerge(id="q-1", reason="closed"), None)
    queue.world.run(NotePull(id="q-1"), None)
    assert (queue.entry().status, queue.entry().pr_url) == ("ejected", "")


def test_what_was_given_up_has_none_any_more() -> None:
    queue = Queue()
    queue.add()
    queue.world.run(RemoveMerge(id="q-1"), "s-ann")
    before = queue.entry()
    with pytest.raises(InvalidTransition, match="was removed"):
        queue.world.run(NotePull(id="q-1", pr_url=URL), None)
    assert queue.entry() == before
    with pytest.raises(MergeNotFound):
        queue.world.run(NotePull(id="q-9", pr_url=URL), None)
