"""Rules of unlanded marks: they are shown, refuse nobody, and end when work has landed."""

from __future__ import annotations

from typing import Any

import pytest

from gitcoord.domain.key_index import wanted
from gitcoord.domain.lock_operations import AcquireLocks, ReleaseLocks
from gitcoord.domain.locks import Lock
from gitcoord.domain.operation import packed, unpacked
from gitcoord.domain.takeover import TakeOverLocks
from gitcoord.domain.unlanded import DropMarks, Mark, MarkDraft, near
from gitcoord.errors import InvalidKey, InvalidValue, NotLockHolder, UnknownNamespace
from tests.domain.world import START, World


def draft(key: str, branch: str = "agent/a", head: str = "c0ffee", **more: object) -> MarkDraft:
    return MarkDraft(key=key, branch=branch, head=head, **more)  # type: ignore[arg-type]


def released(*drafts: MarkDraft) -> World:
    """Return a world in which s-a has released src/ with these marks."""
    w = World()
    w.session("s-a")
    w.session("s-b")
    w.run(AcquireLocks(keys=("src/",)), "s-a")
    w.run(ReleaseLocks(all=True, marks=drafts), "s-a")
    return w


def test_a_release_leaves_marks_and_says_so() -> None:
    w = World()
    w.session("s-a")
    w.run(AcquireLocks(keys=("src/",)), "s-a/x")
    answer = w.run(ReleaseLocks(all=True, marks=(draft("./src/", paths=("src/a",)),)), "s-a/x")
    (mark,) = w.all(Mark)
    assert answer.unlanded == [mark]
    assert mark == Mark(
        key="src/**",
        branch="agent/a",
        head="c0ffee",
        agent="a",
        session="s-a/x",
        paths=("src/a",),
        at=START,
    )
    assert mark.name == "src/**@agent/a"
    assert list(mark.terms()) == ["at:file:src/", "branch:agent/a"]
    w.check()


def test_a_mark_refuses_nobody_and_is_shown_by_every_overlapping_acquire() -> None:
    w = released(draft("src/"), draft("doc/a.md"), draft("api:x"))
    answer = w.run(AcquireLocks(keys=("src/a.py", "src/b.py")), "s-b")
    assert [(x.key, x.branch, x.head) for x in answer.unlanded] == [("src/**", "agent/a", "c0ffee")]
    assert w.run(AcquireLocks(keys=("doc/*.txt",)), "s-b").unlanded == []
    queued = w.run(AcquireLocks(keys=("src/a.py",), wait=9), "s-a")
    assert queued.queued is not None
    assert [x.key for x in queued.unlanded] == ["src/**"]
    taken = w.run(TakeOverLocks(keys=("**", "api:x"), reason="r"), "s-a")
    assert [x.key for x in taken.unlanded] == ["api:x", "doc/a.md", "src/**"]


def test_marks_of_one_key_on_two_branches_stand_oldest_first_and_a_later_head_replaces() -> None:
    w = released(draft("src/", "z"))
    w.pass_time(10)
    w.run(AcquireLocks(keys=("src/",)), "s-b")
    w.run(ReleaseLocks(keys=("src/",), marks=(draft("src/", "b"),)), "s-b")
    key = wanted(w.settings, "src/x")
    assert [x.branch for x in near(w.state(), key, key)] == ["z", "b"]
    w.pass_time(10)
    w.run(ReleaseLocks(all=True, marks=(draft("src/", "z", "beef"),)), "s-a")
    assert [(x.branch, x.head) for x in near(w.state(), key)] == [("b", "c0ffee"), ("z", "beef")]


def test_a_mark_near_a_key_that_does_not_overlap_it_is_not_shown() -> None:
    w = released(draft("src/*.py"))
    assert near(w.state(), wanted(w.settings, "src/a.txt")) == []
    assert near(w.state()) == []


@pytest.mark.parametrize("why", ["landed", "dropped"])
def test_marks_end_when_their_work_has_landed_or_is_dropped(why: Any) -> None:
    w = released(draft("src/"), draft("doc/"))
    wish = DropMarks(names=("src/**@agent/a", "no@where", "src/**@agent/a"), why=why)
    answer = w.run(wish)
    assert answer.dropped == ["src/**@agent/a"]
    assert answer.unknown == ["no@where"]
    assert [x.key for x in w.all(Mark)] == ["doc/**"]
    verb = {"landed": "sees landed", "dropped": "drops the marks of"}[why]
    assert wish.subject(answer, "amy") == f"lock: amy {verb} src/**@agent/a"
    again = w.unchanged(wish)
    assert again.dropped == []
    assert wish.subject(again, "") == f"lock: somebody {verb} nothing"


def test_a_wrong_mark_refuses_the_release() -> None:
    w = World()
    w.session("s-a")
    w.run(AcquireLocks(keys=("a",)), "s-a")
    for error, wrong in (
        (InvalidValue, draft("a", branch="")),
        (InvalidValue, draft("a", head="")),
        (InvalidKey, draft("/a")),
        (UnknownNamespace, draft("no:a")),
    ):
        w.refused(error, ReleaseLocks(all=True, marks=(draft("a"), wrong)), "s-a")
    w.refused(NotLockHolder, ReleaseLocks(keys=("b",), marks=(draft("b"),)), "s-a")
    assert len(w.all(Lock)) == 1


def test_drafts_survive_their_plain_form_and_unknown_fields_are_refused() -> None:
    wish = ReleaseLocks(all=True, marks=(draft("a", paths=("a",)),))
    assert unpacked(packed(wish)) == wish
    with pytest.raises(InvalidValue):
        unpacked({"op": "lock.release", "all": True, "marks": [{"key": "a", "size": 1}]})
    with pytest.raises(InvalidValue):
        unpacked({"op": "lock.landed", "names": ["a"], "why": "boredom"})
