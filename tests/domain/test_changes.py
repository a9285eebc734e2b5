"""The ring of changed files."""

from __future__ import annotations

from typing import Any

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


def edit(world: World, path: str, session: str = "s-ann", **fields: Any) -> None:
    world.run(RecordChanges(changes=(ChangeDraft(path=path, **fields),)), session)


def test_many_edits_of_one_file_are_one_change() -> None:
    world = world_with()
    for number in range(30):
        edit(world, "a", summary=f"step {number}" if number < 9 else "")
        world.pass_time(50)
    (found,) = world.all(Change)
    assert (found.at, found.summary) == (plus(START, 29 * 50), "step 8")
    world.pass_time(60)
    edit(world, "a")
    assert len(world.all(Change)) == 2
    world.check()


@pytest.mark.parametrize(
    ("session", "fields"),
    [
        ("s-bob", {}),
        ("s-ann/sub", {}),
        ("s-ann", {"kind": "delete"}),
        ("s-ann", {"path": "b"}),
        ("s-ann", {"commit": "0" * 40}),
        ("s-ann", {"at": plus(START, -61)}),
        ("s-ann", {"kind": "rename", "old_path": "c"}),
    ],
)
def test_what_differs_is_a_change_of_its_own(session: str, fields: dict[str, Any]) -> None:
    world = world_with()
    edit(world, "a")
    edit(world, fields.pop("path", "a"), session, **fields)
    assert len(world.all(Change)) == 2


def test_a_late_report_of_an_earlier_edit_takes_nothing_back() -> None:
    world = world_with()
    world.pass_time(30)
    edit(world, "a", summary="newer")
    late = RecordChanges(changes=(ChangeDraft(path="a", at=START, summary="older"),))
    (found,) = world.unchanged(late, "s-ann").changes
    assert (found.at, found.summary) == (world.now, "newer")
    assert world.all(Change) == [found]


def test_the_same_edit_twice_in_one_call_is_one() -> None:
    world = world_with()
    answer = world.run(
        RecordChanges(changes=(ChangeDraft(path="a"), ChangeDraft(path="./a"))), "s-ann"
    )
    assert world.all(Change) == answer.changes[-1:]
    assert len(answer.changes) == 1


def test_a_commit_is_recorded_once_and_beside_the_edits() -> None:
    world = world_with()
    edit(world, "a")
    for _ in range(2):
        edit(world, "a", commit="1" * 40)
        edit(world, "a", commit="2" * 64)
        world.pass_time(3600)
    assert [each.commit for each in recent(world.state(), path="a")] == ["2" * 64, "1" * 40, ""]


@pytest.mark.parametrize("oid", ["HEAD", "0" * 39, "A" * 40, "0" * 41])
def test_what_is_no_object_id_is_refused(oid: str) -> None:
    wish = RecordChanges(changes=(ChangeDraft(path="a", commit=oid),))
    world_with().refused(InvalidValue, wish, "s-ann")


def test_changes_are_kept_for_a_while_only() -> None:
    world = world_with(changes_age=3600)
    edit(world, "a")
    world.pass_time(1800)
    edit(world, "b")
    world.pass_time(1801)
    edit(world, "c")
    assert [each.path for each in recent(world.state())] == ["c", "b"]
    edit(world, "d", at=START)
    assert [each.path for each in recent(world.state())] == ["c", "b"]


def test_changes_are_found_by_directory_and_by_pattern() -> None:
    world = world_with()
    for path in ("src/a.py", "src/deep/b.py", "doc/a.md", "src2", "app/[id]/page.tsx", "app/i/x"):
        world.pass_time(1)
        edit(world, path)
    edit(world, "lib/new", kind="rename", old_path="src/gone.py")

    def found(path: str) -> list[str]:
        return [each.path for each in recent(world.state(), path=path)]

    assert found("src/**") == found("src/") == found("src") == found("./src")[:3]
    assert found("src/") == ["lib/new", "src/deep/b.py", "src/a.py"]
    assert found("**/*.py") == ["lib/new", "src/deep/b.py", "src/a.py"]
    assert found("{doc,src}/a.*") == ["doc/a.md", "src/a.py"]
    assert found("app/[id]/page.tsx") == ["app/[id]/page.tsx"]
    assert found("app/[id]/**") == ["app/i/x"]
    assert found("./src//a.py") == ["src/a.py"]
    assert found("nothing") == found("db:schema") == []
    with pytest.raises(InvalidKey):
        found("../x")


def test_what_is_looked_for_is_found_without_looking_at_the_others() -> None:
    world = world_with()
    for number in range(50):
        edit(world, f"f{number}")
    edit(world, "g/a")
    edit(world, "g/b")
    for path, count in (("f7", 1), ("no/such", 0), ("g/*", 2), ("g", 2)):
        world.shelf.loads.clear()
        assert len(recent(world.state(), path=path)) == count
        assert len(world.shelf.loads) == count


def test_recording_does_not_look_at_all_that_is_kept() -> None:
    world = world_with(changes_kept=40)
    for number in range(50):
        edit(world, f"f{number}")
    world.shelf.loads.clear()
    edit(world, "new")
    assert len([1 for table, _ in world.shelf.loads if table == "changes"]) < 10
    assert len(world.all(Change)) == 40


def test_case_is_folded_where_the_ledger_folds_it() -> None:
    world = world_with(case_folding=True)
    edit(world, "Src/A.py")
    assert [each.path for each in recent(world.state(), path="src/**")] == ["Src/A.py"]


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
