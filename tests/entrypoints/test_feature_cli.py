"""Features from the command line: register, conflicts, the matrix in narrow and wide, pauses."""

from __future__ import annotations

import pytest

from gitcoord.domain.features import Feature
from gitcoord.domain.forecast import Forecast, Matrix, Pair, Planned
from gitcoord.entrypoints.cli.feature_matrix import drawn, told
from tests.entrypoints.door import Door

AT = "2026-01-05T08:00:00.000Z"


def register(door: Door, id: str, *words: str) -> None:
    door("feature", "register", id, *words)


def starts(door: Door, name: str) -> None:
    door.become(None)
    door.become(door.start(name))


def test_a_feature_is_registered_updated_shown_and_ended(door: Door) -> None:
    ada = door.start("ada")
    first = door.json(
        "feature", "register", "login", "--claim", "src/auth/**", "api:POST /login",
        "--slot", "db:migration-slot", "--title", "Log in", "--branch", "feat/login",
        "--priority", "high",
    )  # fmt: skip
    feature = first["feature"]
    assert (first["action"], feature["session"], feature["priority"]) == ("registered", ada, 3)
    assert feature["claims"] == ["src/auth/**", "api:POST /login"]
    assert first["report"]["feasibility"] == "FULL"
    assert door("feature", "register", "login", "--claim", "src/a").startswith("updated login")
    task = door.json("task", "add", "One", "--feature", "login")["task"]["id"]
    door.become(None)
    assert door.json("feature", "list")["features"][0]["id"] == "login"
    text = door("feature", "show", "login")
    for line in ("login  active  P5  Log in", "branch feat/login", "claims src/a", task):
        assert line in text
    shown = door.json("feature", "show", "login")
    assert (shown["open_tasks"], shown["report"]["claims"]) == ([task], 1)
    ended = door.json("feature", "deregister", "login", "--reason", "landed")
    assert (ended["feature"]["status"], ended["open_tasks"]) == ("completed", [task])
    assert door("feature", "list") == "no features are registered\n"
    assert "completed" in door("feature", "list", "--all")
    assert "completed by " in door("feature", "show", "login")
    assert door.json("feature", "show", "login")["report"] is None
    again = door.refused("feature", "register", "login")
    assert again["code"] == "feature_not_active"
    assert door.refused("feature", "show", "nobody")["code"] == "feature_not_found"


def test_another_agents_feature_is_left_alone(door: Door) -> None:
    starts(door, "ada")
    register(door, "login", "--claim", "a")
    starts(door, "bob")
    for words in (("register", "login", "--claim", "b"), ("deregister", "login")):
        error = door.refused("feature", *words)
        assert (error["code"], error["agent"]) == ("feature_taken", "ada")
    assert door.json("feature", "show", "login")["feature"]["claims"] == ["a"]


def test_conflicts_of_one_of_a_candidate_and_of_all(door: Door) -> None:
    starts(door, "ada")
    register(door, "api", "--claim", "src/api/**", "docs/1", "docs/2")
    register(door, "login", "--claim", "src/*/auth.py", "q/1", "q/2")
    found = door.json("feature", "conflicts", "login")["report"]
    assert (found["feasibility"], found["overlapping"], found["claims"]) == ("PARTIAL", 1, 3)
    text = door("feature", "conflicts", "new", "--claim", "src/api/x", "y")
    assert text.splitlines() == [
        "PARTIAL: 1 of 2 claims overlap", "  PARTIAL  api (ada): src/api/x",
    ]  # fmt: skip
    assert [one["id"] for one in door.json("feature", "list")["features"]] == ["api", "login"]
    (pair,) = door.json("feature", "conflicts")["pairs"]
    assert pair["features"] == ["api", "login"]
    assert door("feature", "conflicts") == "P  api and login: src/api/**\n"
    door.refused("feature", "conflicts", "--claim", "a", code=2)
    door.refused("feature", "conflicts", "login", "--matrix", code=2)
    assert door.refused("feature", "conflicts", "nobody")["code"] == "feature_not_found"


@pytest.mark.parametrize("width", [80, 120])
def test_the_matrix_shows_features_and_which_tasks_fit_together(
    door: Door, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    starts(door, "ada")
    register(door, "login", "--claim", "src/auth/**")
    register(door, "sessions", "--claim", "src/auth/x.py")
    register(door, "docs", "--claim", "docs/**")
    first = door.json("task", "add", "Passwords " * 12, "--keys", "src/auth/x.py")["task"]["id"]
    second = door.json("task", "add", "Sessions", "--keys", "src/auth/**")["task"]["id"]
    held = door.json("task", "add", "Held", "--keys", "docs/x")["task"]["id"]
    starts(door, "bob")
    door("lock", "acquire", "docs/x")
    door("change", "record", "--path", "src/auth/x.py")
    starts(door, "eve")
    text = door("feature", "conflicts", "--matrix")
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    assert lines[1].split() == ["1", "login", "-", "S", "."]
    assert "S  login and sessions: src/auth/**" in lines
    at = {name: n for n, line in enumerate(lines) for name in (first, second, held)
          if line.startswith(f"  {name}")}  # fmt: skip
    assert lines.index("round 1: ready tasks that fit together now") < at[first] < at[second]
    assert at[second] < lines.index("not to be had now") < at[held]
    assert "meets changed " in lines[at[first]]
    assert f"after {first}" in lines[at[second]]
    found = door.json("feature", "conflicts", "--matrix")
    assert [[one["id"] for one in each] for each in found["forecast"]["rounds"]] == [
        [first], [second],
    ]  # fmt: skip
    assert found["forecast"]["held"][0]["obstacles"][0]["code"] == "keys_held"
    assert found["pairs"][0]["feasibility"] == "SEQUENTIAL"


def test_many_features_stand_in_blocks_that_fit() -> None:
    names = [f"feature-with-quite-a-long-name-{n:02d}" for n in range(30)]
    features = [Feature(id=name, created_at=AT, updated_at=AT) for name in names]
    pair = Pair(
        features=(names[0], names[29]), feasibility="PARTIAL",
        overlapping_keys=("k" * 90,), their_keys=(), slots=("db:migration-slot",),
    )  # fmt: skip
    for width, blocks in ((80, 3), (120, 2), (1, 8)):
        lines = drawn(Matrix(features=features, pairs=[pair]), width)
        heads = [line for line in lines if line.split() and line.split()[0].isdigit()
                 and all(word.isdigit() for word in line.split())]  # fmt: skip
        assert len(heads) == blocks
        assert max(map(len, lines)) <= max(width, 70)
        marks = "".join(lines)
        assert marks.count("P") == 2 + (2 if width > 1 else 1)
    wide = drawn(Matrix(features=features[:2], pairs=[]), 80)
    assert wide[-1] == "no two features overlap"
    assert drawn(Matrix(features=[], pairs=[]), 80) == ["no features are registered"]


def test_a_forecast_of_nothing_and_of_too_much() -> None:
    assert told(Forecast(rounds=[], held=[]), 80) == ["no task is ready"]
    planned = Planned(id="t-1", title="One", priority=5, feature="", keys=())
    lines = told(Forecast(rounds=[], held=[planned], more=True), 80)
    assert lines == ["not to be had now", "  t-1  P5  One", "... and more that were not looked at"]


def test_a_pause_stops_claims_and_resume_says_what_still_stops_it(door: Door) -> None:
    starts(door, "ada")
    register(door, "login", "--claim", "a")
    task = door.json("task", "add", "One", "--feature", "login")["task"]["id"]
    door("feature", "pause", "login", "--reason", "the schema changes")
    assert "paused by ada" in door("feature", "show", "login")
    error = door.refused("task", "claim", task)
    assert error["code"] == "paused"
    assert "the schema changes" in error["message"]
    assert "login (paused)" in door("feature", "conflicts", "--matrix")
    door("lock", "acquire", "feature:login:pause", "--reason", "mine")
    still = door.json("feature", "resume", "login")
    assert (still["feature"]["status"], still["paused"]["code"]) == ("active", "paused")
    door("lock", "release", "feature:login:pause")
    assert door("feature", "resume", "login") == "feature login is active\n"
    door("task", "claim", task)
