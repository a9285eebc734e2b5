"""Deliveries that wait: claimed, given back, left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitcoord.mirror.subjects import (
    Branch,
    Comment,
    Everything,
    Group,
    Head,
    Subject,
    Target,
    Thread,
)
from webhook.github.inbox import KEPT, TRIES, Inbox
from webhook.private import Private

ALL: tuple[Subject, ...] = (
    Thread(1), Branch("claude/x"), Comment(1, 2), Group("0" * 40, 3), Target(), Everything(),
    Head("1" * 40),
)  # fmt: skip


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(Private(str(tmp_path / "service.sqlite")))


def test_what_is_kept_comes_back_as_it_was(inbox: Inbox) -> None:
    assert inbox.put("p", "d-1", ALL, at=100.0)
    (found,) = inbox.claim("p", "me", at=100.0, until=200.0)
    assert (found.id, found.subjects, found.tries) == ("d-1", ALL, 0)
    assert inbox.claim("q", "me", at=100.0, until=200.0) == []


def test_what_somebody_works_on_is_nobody_elses_until_its_time_is_over(inbox: Inbox) -> None:
    inbox.put("p", "d-1", ALL, at=100.0)
    assert inbox.claim("p", "a", at=100.0, until=200.0)
    assert inbox.due("p") == 200.0
    assert inbox.claim("p", "b", at=150.0, until=250.0) == []
    assert inbox.claim("p", "b", at=200.0, until=300.0)
    # Who was too slow has no say any more.
    inbox.done("p", "a", ["d-1"])
    assert inbox.waiting("p") == 1
    inbox.done("p", "b", ["d-1"])
    assert (inbox.waiting("p"), inbox.due("p")) == (0, None)


def test_what_could_not_be_done_comes_again_and_what_never_can_is_left(inbox: Inbox) -> None:
    inbox.put("p", "d-1", ALL, at=0.0)
    for _ in range(20):
        assert inbox.claim("p", "me", at=1.0, until=2.0)
        inbox.again("p", "me", ["d-1"], due=1.0, error="GitHub does not answer", counts=False)
    for n in range(TRIES):
        (found,) = inbox.claim("p", "me", at=1.0, until=2.0)
        assert found.tries == n
        inbox.again("p", "me", ["d-1"], due=1.0, error="a bug", counts=True)
    assert inbox.claim("p", "me", at=1.0, until=2.0) == []
    assert inbox.waiting("p") == 0


def test_old_ones_are_forgotten(inbox: Inbox) -> None:
    inbox.put("p", "d-1", ALL, at=0.0)
    assert not inbox.put("p", "d-1", ALL, at=KEPT)
    assert inbox.put("p", "d-1", ALL, at=KEPT + 1)
