"""The ring of changed files."""

from __future__ import annotations

import pytest

from gitcoord.domain.changes import Change, ChangeDraft, RecordChanges, recent
from gitcoord.domain.time import plus
from gitcoord.errors import (
    GitcoordError,
    InvalidKey,
    InvalidValue,
    LimitReached,
    SessionRequired,
)
from tests.domain.world import START, World


def world_with(**settings: int) -> World:
    world = World(**settings)
    world.session("s-ann")
    world.session("s-bob")
    return world


def record(world: World, session: str, *paths: str) -> None:
    world.pass_time(1)
    world.run(RecordChanges(changes=tuple(ChangeDraft(path=path) for path in paths)), session)


def test_changes_are_kept_with_who_made_them_and_when() -> None:
    world = world_with()
    wish = RecordChanges(
        changes=(
            ChangeDraft(path="./src//a[1].py", kind="create", summary="new"),
            ChangeDraft(path="b:c.py", kind="rename", old_path="old.py"),
        )
    )
    answer = world.run(wish, "s-ann/sub", op_id="o-x")
    assert answer.changes == [
        Change(
            id="o-x.000",
            path="src/a[1].py",
            kind="create",
            session="s-ann/sub",
            agent="ann",
            summary="new",
            at=START,
        ),
        Change(
            id="o-x.001",
            path="b:c.py",
            kind="rename",
            old_path="old.py",
            session="s-ann/sub",
            agent="ann",
            at=START,
        ),
    ]
    assert world.all(Change) == answer.changes
    assert wish.subject(answer, "ann") == "change: ann changed src/a[1].py, b:c.py"
    world.check()


def test_what_happened_before_keeps_its_time_and_the_future_is_not_believed() -> None:
    world = world_with()
    world.pass_time(60)
    drafts = (
        ChangeDraft(path="a", at=START),
        ChangeDraft(path="b", at="2199-01-01T00:00:00.000Z"),
    )
    answer = world.run(RecordChanges(changes=drafts), "s-ann")
    assert [each.at for each in answer.changes] == [START, world.now]


@pytest.mark.parametrize(
    ("error", "drafts"),
    [
        (InvalidKey, (ChangeDraft(path="ok"), ChangeDraft(path="../x"))),
        (InvalidKey, (ChangeDraft(path="/etc/passwd"),)),
        (InvalidKey, (ChangeDraft(path="a", old_path=".git/config"),)),
        (InvalidValue, (ChangeDraft(path="a", at="yesterday"),)),
        (LimitReached, tuple(ChangeDraft(path="a") for _ in range(1001))),
    ],
)
def test_a_wrong_change_refuses_the_whole_call(
    error: type[GitcoordError], drafts: tuple[ChangeDraft, ...]
) -> None:
    world_with().refused(error, RecordChanges(changes=drafts), "s-ann")


def test_only_a_session_records_changes() -> None:
    World().refused(SessionRequired, RecordChanges(changes=(ChangeDraft(path="a"),)))


def test_only_the_newest_are_kept() -> None:
    world = world_with(changes_kept=3)
    record(world, "s-ann", "a", "b")
    record(world, "s-bob", "c", "d")
    assert [each.path for each in recent(world.state())] == ["d", "c", "b"]


def test_no_change_is_kept_where_none_shall_be() -> None:
    world = world_with(changes_kept=0)
    record(world, "s-ann", "a")
    assert world.all(Change) == []


def test_recent_changes_are_found_by_file_session_and_time_newest_first() -> None:
    world = world_with()
    record(world, "s-ann", "a", "b")
    record(world, "s-bob", "a")
    record(world, "s-ann/sub", "c")
    state = world.state()
    assert [each.path for each in recent(state)] == ["c", "a", "b", "a"]
    assert [each.session for each in recent(state, path="a")] == ["s-bob", "s-ann"]
    assert [each.path for each in recent(state, session="s-ann")] == ["c", "b", "a"]
    assert [each.path for each in recent(state, session="s-ann", path="a")] == ["a"]
    assert [each.path for each in recent(state, since=plus(START, 2))] == ["c", "a"]
    assert [each.path for each in recent(state, limit=1)] == ["c"]


def test_a_renamed_file_is_found_by_both_names() -> None:
    world = world_with()
    draft = ChangeDraft(path="new", kind="rename", old_path="old")
    world.run(RecordChanges(changes=(draft,)), "s-ann")
    state = world.state()
    assert recent(state, path="old") == recent(state, path="new") != []


def test_recording_nothing_changes_nothing() -> None:
    world = world_with()
    wish = RecordChanges(changes=())
    assert wish.subject(world.unchanged(wish, "s-ann"), "") == "change: somebody changed nothing"
