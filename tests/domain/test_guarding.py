"""What a change of files meets among the locks."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.domain import guarding
from gitcoord.domain.guarding import obstructions, tokens
from gitcoord.domain.key_index import wanted
from gitcoord.domain.keys import escape
from gitcoord.domain.lock_operations import AcquireLocks, ReleaseLocks
from gitcoord.domain.locks import rivals
from gitcoord.errors import InvalidKey
from tests.domain import glob_oracle as oracle
from tests.domain.test_locks import lock, world
from tests.domain.world import World

A, B = "s-a", "s-b"


def hit(made: World, paths: Collection[str], *sessions: str) -> list[tuple[str, list[str]]]:
    found = obstructions(made.state(), made.context(), paths, frozenset(sessions))
    return [(one.lock.key, one.paths) for one in found]


@pytest.fixture
def made() -> World:
    found = world()
    found.run(AcquireLocks(keys=("src/", "lib/x.py")), B)
    return found


def test_what_another_holds_obstructs_with_its_paths(made: World) -> None:
    paths = ["src/a.py", "lib/x.py", "docs/a.md", "src/b/c.py"]
    assert hit(made, paths, A) == [
        ("lib/x.py", ["lib/x.py"]),
        ("src/**", ["src/a.py", "src/b/c.py"]),
    ]


def test_ones_own_locks_and_those_of_ones_sub_agents_do_not(made: World) -> None:
    assert hit(made, ["src/a.py"], B) == []
    made.run(AcquireLocks(keys=("docs/a.md",)), f"{B}/tester")
    assert hit(made, ["docs/a.md"], B) == []
    assert hit(made, ["docs/a.md"], A) == [("docs/a.md", ["docs/a.md"])]


def test_who_has_no_session_meets_everybody(made: World) -> None:
    assert hit(made, ["src/a.py"]) == [("src/**", ["src/a.py"])]
    assert hit(made, ["src/a.py"], A, B) == []


def test_a_lease_that_is_over_obstructs_nobody_after_the_tolerance() -> None:
    made = world(clock_tolerance=30)
    made.run(AcquireLocks(keys=("src/",)), B)
    made.pass_time(1829)
    assert hit(made, ["src/a.py"], A) == [("src/**", ["src/a.py"])]
    made.pass_time(1)
    assert hit(made, ["src/a.py"], A) == []
    made.clock_trusted = False
    assert hit(made, ["src/a.py"], A) == [("src/**", ["src/a.py"])]


def test_a_shared_lock_obstructs_who_does_not_share_it() -> None:
    made = world()
    made.run(AcquireLocks(keys=("src/",), mode="shared"), B)
    assert hit(made, ["src/a.py", "src/b.py"], A) == [("src/**", ["src/a.py", "src/b.py"])]
    made.run(AcquireLocks(keys=("src/a.py",), mode="shared"), A)
    assert hit(made, ["src/a.py", "src/b.py"], A) == [("src/**", ["src/b.py"])]
    made.run(ReleaseLocks(keys=("src/a.py",)), A)
    assert hit(made, ["src/a.py"], A) == [("src/**", ["src/a.py"])]


def test_a_share_that_is_over_is_none() -> None:
    made = world()
    made.run(AcquireLocks(keys=("src/a.py",), mode="shared", ttl=60), A)
    made.run(AcquireLocks(keys=("src/",), mode="shared"), B)
    assert hit(made, ["src/a.py"], A) == []
    made.pass_time(61)
    assert hit(made, ["src/a.py"], A) == [("src/**", ["src/a.py"])]


def test_paths_that_the_settings_never_lock_or_only_share_are_free() -> None:
    made = world(ignore=("*.lock", "build/**"), shared=("**/package.json",))
    made.run(AcquireLocks(keys=("**",), mode="shared"), B)
    assert hit(made, ["uv.lock", "build/x", "web/package.json"], A) == []
    assert hit(made, ["a.py", "uv.lock"], A) == [("**", ["a.py"])]
    made.run(ReleaseLocks(all=True), B)
    made.run(AcquireLocks(keys=("web/",)), B)
    assert hit(made, ["web/package.json"], A) == [("web/**", ["web/package.json"])]


def test_many_paths_and_few_get_the_same_answer(made: World) -> None:
    paths = sorted(f"src/{number}.py" for number in range(guarding.FEW + 1))
    assert hit(made, paths, A) == [("src/**", paths)]
    assert hit(made, paths[:3], A) == [("src/**", paths[:3])]


@given(st.lists(oracle.patterns(), min_size=1, max_size=4), st.booleans())
def test_a_path_is_obstructed_where_taking_it_would_be(patterns: list[str], many: bool) -> None:
    made = world()
    state, context = made.state(), made.context()
    for pattern in patterns:
        try:
            state.put(lock(wanted(state.settings, pattern).text, B))
        except InvalidKey:
            continue
    paths = oracle.paths("ab", 3) if many else ["a", "a/b", "b"]
    found = {path for one in obstructions(state, context, paths, {A}) for path in one.paths}
    wished = {
        path
        for path in paths
        if rivals(state, context, wanted(state.settings, escape(path)), "exclusive", A)
    }
    assert found == wished


def test_a_folder_stands_for_all_below_it(made: World) -> None:
    made.run(AcquireLocks(keys=("sub/deep/x",)), B)
    assert hit(made, ["sub", "sub/"], A) == [("sub/deep/x", ["sub/"])]
    assert hit(made, ["odd\n/"], A) == []


def test_a_path_that_no_key_could_name_is_obstructed_by_a_pattern(made: World) -> None:
    odd = ["src/caf\udce9", "src/line\nfeed"]
    assert hit(made, odd, A) == [("src/**", sorted(odd))]


def test_case_is_folded_where_the_settings_say_so() -> None:
    made = world(case_folding=True)
    made.run(AcquireLocks(keys=("Src/A.py",)), B)
    assert [paths for _, paths in hit(made, ["SRC/a.PY"], A)] == [["SRC/a.PY"]]
    many = ["SRC/a.PY", *(f"x{number}" for number in range(guarding.FEW))]
    assert [paths for _, paths in hit(made, many, A)] == [["SRC/a.PY"]]


def test_the_tokens_are_the_highest_of_ones_own_locks(made: World) -> None:
    paths = ["src/a.py", "lib/x.py", "docs/a.md"]
    before = tokens(made.state(), paths, {B})
    assert set(before) == {"src/a.py", "lib/x.py"}
    made.run(AcquireLocks(keys=("src/a.py",)), B)
    after = tokens(made.state(), paths, {B})
    assert after["src/a.py"] == (1, made.meta.token)
    assert after["src/a.py"] > before["src/a.py"]
    assert tokens(made.state(), paths, {A}) == {}
    assert tokens(made.state(), paths, ()) == {}


def test_a_lock_that_has_ended_still_says_its_token(made: World) -> None:
    made.pass_time(1801)
    assert set(tokens(made.state(), ["src/a.py"], {B})) == {"src/a.py"}
    made.run(AcquireLocks(keys=("src/",)), A)
    assert tokens(made.state(), ["src/a.py"], {B}) == {}
