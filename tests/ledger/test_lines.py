"""What a line of the diary is about: whom it names, and which keys it touches."""

from __future__ import annotations

from typing import Any

import pytest

from gitcoord.ledger.lines import about, named, people


def line(session: str = "", **args: Any) -> dict[str, Any]:
    return {"op": "x", "session": session, "args": args}


def test_a_line_touches_what_it_names_and_what_its_session_got_or_lost() -> None:
    found = about([line("a", keys=["k1"]), line("b/sub", path="p")], {"b": {"k2"}, "a": {"k3"}})
    assert found == [{"k1", "k3"}, {"p", "k2"}]


def test_a_grant_to_who_waited_belongs_to_who_names_the_key() -> None:
    assert about([line("a", keys=["k"]), line("b", keys=["x"])], {"w": {"k"}}) == [{"k"}, {"x"}]


def test_what_nobody_names_belongs_to_who_acts_for_nobody() -> None:
    """A lapse or a sweep that shares a commit with others."""
    assert about([line("a", keys=["x"]), line()], {"gone": {"k"}}) == [{"x"}, {"k"}]


def test_where_all_act_for_somebody_it_belongs_to_all() -> None:
    assert about([line("a"), line("b")], {"w": {"k"}}) == [{"k"}, {"k"}]
    assert about([], {"w": {"k"}}) == []


@pytest.mark.parametrize(
    ("args", "keys"),
    [
        ({"keys": ["a", "b"], "reason": "c"}, ["a", "b"]),
        ({"changes": ({"path": "a", "kind": "modify"},)}, ["a"]),
        ({"tasks": [{"keys": ["a"], "title": "t"}], "files": ["b"]}, ["a", "b"]),
        ({"key": 7, "paths": [None, ["a"]]}, ["a"]),
        (None, []),
    ],
)
def test_arguments_name_keys_wherever_they_stand(args: Any, keys: list[str]) -> None:
    assert list(named(args)) == keys


def test_who_starts_or_is_ended_is_named_too() -> None:
    ended = {"op": "session.kill", "agent": "ada", "session": "s-1", "args": {"id": "s-2"}}
    assert (people(ended, "agent"), people(ended, "session")) == (["ada"], ["s-1", "s-2"])
    other = ended | {"op": "task.claim"}
    assert people(other, "session") == ["s-1"]
    assert people({"op": "session.start", "args": {"agent": "bob", "id": 7}}, "agent") == ["bob"]
