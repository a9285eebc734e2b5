"""The ring of what guardrails and guards met."""

from __future__ import annotations

from typing import Any

import pytest

from gitcoord.domain.departure import EndSession
from gitcoord.domain.time import plus
from gitcoord.domain.violations import (
    CALL_LIMIT,
    PATHS,
    TEXT,
    RecordViolations,
    Violation,
    ViolationDraft,
    counted,
    recorded,
)
from gitcoord.errors import (
    GitcoordError,
    InvalidId,
    InvalidValue,
    LimitReached,
    SessionNotFound,
)
from gitcoord.ledger.coordinator import cleaned
from tests.domain.world import START, World


def world_with(**settings: int) -> World:
    world = World(**settings)
    world.session("s-ann")
    world.session("s-bob")
    return world


def draft(rule: str = "git.force-push", **fields: Any) -> ViolationDraft:
    return ViolationDraft(
        **({"rule": rule, "category": "git", "severity": "block", "action": "blocked"} | fields)
    )


def record(world: World, session: str | None, *drafts: ViolationDraft) -> None:
    world.pass_time(1)
    world.run(RecordViolations(violations=drafts), session)


def test_a_violation_is_kept_with_whose_it_was_and_what_came_of_it() -> None:
    world = world_with()
    wish = RecordViolations(
        violations=(
            draft(
                part="git push --force", tool="Bash", reason="main is protected", paths=("a", "b")
            ),
            draft("file.secret", category="file", severity="warn", action="warned"),
        )
    )
    answer = world.run(wish, "s-ann/sub", op_id="o-x")
    assert answer.ids == ["o-x.000", "o-x.001"]
    assert world.all(Violation) == [
        Violation(
            id="o-x.000",
            rule="git.force-push",
            category="git",
            severity="block",
            action="blocked",
            part="git push --force",
            tool="Bash",
            session="s-ann/sub",
            agent="ann",
            at=START,
            reason="main is protected",
            paths=("a", "b"),
        ),
        Violation(
            id="o-x.001",
            rule="file.secret",
            category="file",
            severity="warn",
            action="warned",
            session="s-ann/sub",
            agent="ann",
            at=START,
        ),
    ]
    expected = "guard: ann met git.force-push (blocked), file.secret (warned)"
    assert wish.subject(answer, "ann") == expected
    world.check()


def test_a_person_without_a_session_is_recorded_by_name() -> None:
    world = World()
    world.run(RecordViolations(violations=(draft(action="bypassed"),)), None, agent="Alice")
    (found,) = world.all(Violation)
    assert (found.session, found.agent, found.action) == ("", "Alice", "bypassed")
    world.check()


def test_what_happened_is_kept_whatever_became_of_the_session() -> None:
    world = world_with()
    world.run(EndSession(), "s-ann")
    record(world, "s-ann", draft(at=START))
    (found,) = recorded(world.state(), session="s-ann")
    assert (found.agent, found.at) == ("ann", START)


def test_long_texts_and_long_lists_are_cut_off() -> None:
    world = world_with()
    long = "x" * 1000
    record(world, "s-ann", draft(part=long, tool=long, reason=long, paths=(long,) * 30))
    (found,) = world.all(Violation)
    assert {len(found.part), len(found.tool), len(found.reason)} == {TEXT}
    assert [len(path) for path in found.paths] == [TEXT] * PATHS


def test_secrets_in_the_part_are_hidden_on_the_way() -> None:
    token = "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345"
    wish = RecordViolations(violations=(draft(part=f"curl -H {token} host"),))
    found = cleaned(wish)
    assert isinstance(found, RecordViolations)
    assert token not in found.violations[0].part


@pytest.mark.parametrize(
    ("error", "session", "drafts"),
    [
        (InvalidValue, "s-ann", (draft(), draft(""))),
        (InvalidValue, "s-ann", (draft("a\nb"),)),
        (InvalidValue, "s-ann", (draft(category=""),)),
        (InvalidValue, "s-ann", (draft(at="yesterday"),)),
        (LimitReached, "s-ann", (draft(),) * (CALL_LIMIT + 1)),
        (SessionNotFound, "s-eve", (draft(),)),
        (InvalidId, "s-ann/", (draft(),)),
    ],
)
def test_a_wrong_one_refuses_the_whole_call(
    error: type[GitcoordError], session: str, drafts: tuple[ViolationDraft, ...]
) -> None:
    world_with().refused(error, RecordViolations(violations=drafts), session)


def test_only_the_newest_are_kept() -> None:
    world = world_with(violations_kept=3)
    record(world, "s-ann", draft("a"), draft("b"))
    record(world, "s-bob", draft("c"), draft("d"))
    assert [each.rule for each in recorded(world.state())] == ["d", "c", "b"]
    none = world_with(violations_kept=0)
    record(none, "s-ann", draft())
    assert none.all(Violation) == []


def test_violations_are_found_by_session_rule_and_time_newest_first() -> None:
    world = world_with()
    record(world, "s-ann", draft("a"), draft("b"))
    record(world, "s-bob", draft("a"))
    record(world, "s-ann/sub", draft("c"))
    state = world.state()
    assert [each.rule for each in recorded(state)] == ["c", "a", "b", "a"]
    assert [each.session for each in recorded(state, rule="a")] == ["s-bob", "s-ann"]
    assert [each.rule for each in recorded(state, session="s-ann/x")] == ["c", "b", "a"]
    assert [each.rule for each in recorded(state, session="s-ann", rule="a")] == ["a"]
    assert [each.rule for each in recorded(state, since=plus(START, 2))] == ["c", "a"]
    assert [each.rule for each in recorded(state, limit=1)] == ["c"]


def test_they_are_counted_by_session_and_by_what_came_of_them() -> None:
    world = world_with()
    record(world, "s-ann", draft(), draft(action="bypassed"))
    record(world, "s-ann/sub", draft())
    record(world, "s-bob", draft(action="warned"))
    assert counted(world.state(), "s-ann/sub") == {"blocked": 2, "bypassed": 1}
    assert counted(world.state(), "s-eve") == {}


def test_recording_nothing_changes_nothing() -> None:
    world = world_with()
    wish = RecordViolations(violations=())
    answer = world.unchanged(wish, "s-ann")
    assert wish.subject(answer, "") == "guard: somebody met no rule"
