"""Declared scopes that meet, and changes of scope."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.domain.conflicts import ChangeScope, among, conflicts, declared, pairs
from gitcoord.domain.key_index import stored
from gitcoord.domain.overlap import overlap
from gitcoord.domain.pausing import PauseSession
from gitcoord.domain.sessions import Conflict, Session, StartSession
from gitcoord.errors import InvalidKey, InvalidValue, ScopeConflict, UnknownNamespace
from tests.domain.world import World

AREAS = [{"name": "auth", "patterns": ["src/auth/"]}, {"name": "docs"}]


def declare(world: World, name: str, *files: str, area: str = "") -> None:
    world.run(StartSession(id=f"s-{name}", agent=name, area=area, files=files))


@pytest.mark.parametrize(
    ("mine", "theirs", "shared"),
    [
        (("src/a.py",), ("src/a.py",), ("src/a.py",)),
        (("src/a.py",), ("src/b.py",), ()),
        (("src/a.py",), ("src/",), ("src/**",)),
        (("src/",), ("src/a.py", "lib/a.py"), ("src/a.py",)),
        (("src/*.py",), ("src/a*",), ("src/a*",)),
        (("src/*.py",), ("src/*.js",), ()),
        (("api:GET /users",), ("api:GET /users",), ("api:GET /users",)),
        (("a", "b", "c/"), ("b", "c/d", "e", "{a,x}"), ("b", "c/d", "{a,x}")),
        (("src/[ab].py",), ("src/{b,c}.py", "src/d.py"), ("src/{b,c}.py",)),
        (("file:a:b",), ("a*", "b*"), ("a*",)),
        (("src/a\\*.py",), ("src/a*", "src/ab.py"), ("src/a*",)),
        (("*.py", "a/b/c.py"), ("a.py", "a/**/c.py", "b.js"), ("a.py", "a/**/c.py")),
        ((), ("src/",), ()),
    ],
)
def test_files_conflict_when_some_path_is_declared_by_both(
    mine: tuple[str, ...], theirs: tuple[str, ...], shared: tuple[str, ...]
) -> None:
    world = World()
    declare(world, "ann", *theirs)
    state = world.state()
    expected = [Conflict(agent="ann", session="s-ann", overlapping_files=shared)] if shared else []
    assert conflicts(state, "", declared(state, mine), "s-me") == expected


PARTS = ["a", "b", "ab", "*", "**", "?", "[ab]", "{a,b}", "\\*", "a*"]
PATHS = st.lists(st.sampled_from(PARTS), min_size=1, max_size=3).map("/".join)


@given(st.sets(PATHS, min_size=1, max_size=4), st.sets(PATHS, min_size=1, max_size=4))
def test_no_conflict_is_overlooked(mine: set[str], theirs: set[str]) -> None:
    world = World()
    state = world.state()
    ours, others = declared(state, mine), declared(state, theirs)
    state.put(Session(id="s", agent="ann", started_at="", seen_at="", files=others))
    found = [text for each in conflicts(state, "", ours, "") for text in each.overlapping_files]
    assert found == [
        text for text in others if any(overlap(stored(text), stored(own)) for own in ours)
    ]


SCOPES = st.lists(
    st.tuples(st.sampled_from(["", "", "auth", "docs"]), st.sets(PATHS, max_size=3)), max_size=6
)


@given(SCOPES, st.randoms(use_true_random=False))
def test_all_pairs_at_once_are_what_each_session_is_told(
    scopes: list[tuple[str, set[str]]], dice: Random
) -> None:
    state = World(areas=[{"name": "auth", "patterns": ["a/", "b"]}]).state()
    live = [
        Session(id=f"s{at}", agent=f"x{9 - at}", started_at="", seen_at="", area=area,
                files=declared(state, files))
        for at, (area, files) in enumerate(scopes)
    ]  # fmt: skip
    expected = {
        (one.id, found.session): found
        for one in live
        for found in among(live, state.settings, one.area, one.files, one.id)
        if one.id < found.session
    }
    dice.shuffle(live)
    assert pairs(live, state.settings) == expected
    assert list(pairs(live, state.settings)) == sorted(expected)


def test_the_same_area_conflicts_and_a_like_one_does_not() -> None:
    world = World()
    declare(world, "ann", area="auth")
    assert conflicts(world.state(), "auth", (), "s-me") == [
        Conflict(agent="ann", session="s-ann", overlapping_areas=("auth",))
    ]
    assert conflicts(world.state(), "auth/login", (), "s-me") == []
    assert conflicts(world.state(), "", (), "s-me") == []


def test_the_patterns_of_an_area_count_as_declared() -> None:
    world = World(areas=AREAS)
    declare(world, "ann", area="auth")
    declare(world, "bob", area="docs")
    assert [
        (each.agent, each.overlapping_areas, each.overlapping_files)
        for each in conflicts(world.state(), "", ("src/auth/login.py",), "s-me")
    ] == [("ann", (), ("src/auth/**",))]


def test_conflicts_come_in_the_order_of_agents_and_never_with_oneself() -> None:
    world = World()
    for name in ("cid", "ann", "bob"):
        declare(world, name, "src/")
    found = conflicts(world.state(), "", ("src/a.py",), "s-bob")
    assert [each.agent for each in found] == ["ann", "cid"]


def test_a_paused_session_still_conflicts_and_an_ended_one_does_not() -> None:
    world = World()
    declare(world, "ann", "src/")
    world.run(PauseSession(id="s-ann"))
    world.session("s-old", files=("src/**",), status="ended")
    found = conflicts(world.state(), "", ("src/a.py",), "s-me")
    assert [each.agent for each in found] == ["ann"]


def test_a_new_scope_replaces_what_is_given_and_keeps_the_rest() -> None:
    world = World()
    declare(world, "ann", "src/", area="auth")
    answer = world.run(ChangeScope(files=("lib/./b.py", "lib/a.py"), task="t-1"), "s-ann")
    assert answer.session == world.get(Session, "s-ann")
    assert (answer.session.area, answer.session.task) == ("auth", "t-1")
    assert answer.session.files == ("lib/a.py", "lib/b.py")
    assert world.run(ChangeScope(area="", files=()), "s-ann").session.files == ()
    assert world.get(Session, "s-ann").area == ""


def test_the_same_scope_again_changes_nothing_and_shows_the_conflicts() -> None:
    world = World()
    declare(world, "ann", "src/")
    declare(world, "bob", "src/a.py")
    answer = world.unchanged(ChangeScope(files=("src/a.py",)), "s-bob")
    assert [each.agent for each in answer.conflicts] == ["ann"]
    world.unchanged(ChangeScope(), "s-bob")


def test_a_scope_of_others_is_refused_where_conflicts_block() -> None:
    world = World(conflict_mode="block")
    declare(world, "ann", "src/")
    declare(world, "bob")
    refusal = world.refused(ScopeConflict, ChangeScope(files=("src/a.py",)), "s-bob")
    assert refusal.details["conflicts"][0]["session"] == "s-ann"
    world.run(ChangeScope(files=("lib/",), area="x"), "s-bob")
    world.run(ChangeScope(task="t-1"), "s-bob")


@pytest.mark.parametrize(
    ("error", "wish"),
    [
        (InvalidKey, ChangeScope(files=("/etc/passwd",))),
        (UnknownNamespace, ChangeScope(files=("abc:x",))),
        (InvalidValue, ChangeScope(area="x" * 101)),
    ],
)
def test_a_wrong_scope_is_refused(error: type[Exception], wish: ChangeScope) -> None:
    world = World()
    declare(world, "ann")
    world.refused(error, wish, "s-ann")


def test_the_diary_says_what_is_declared() -> None:
    world = World()
    declare(world, "ann")
    wish = ChangeScope(area="auth", files=("src/",))
    assert wish.subject(world.run(wish, "s-ann"), "") == "session: ann declares auth, src/**"
    nothing = ChangeScope(area="", files=())
    assert nothing.subject(world.run(nothing, "s-ann"), "x") == "session: x declares no scope"
