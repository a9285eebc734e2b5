"""Team files: what they say, and that every wrong field is named with its reason."""

from __future__ import annotations

from typing import Any

import pytest

from gitcoord.domain.teams import team_from
from gitcoord.errors import InvalidFile

ADA = {
    "name": "ada",
    "role": "worker",
    "capabilities": ["coding", "tests"],
    "description": "Codes.",
}
BOB = {"name": "bob", "role": "reviewer", "capabilities": ["review"], "description": "Reviews."}


def test_requirement_21_a_team_is_read_with_its_agents() -> None:
    team = team_from({"team": "crew", "agents": [ADA, BOB]})
    assert team.team == "crew"
    assert [one.name for one in team.agents] == ["ada", "bob"]
    bob = team.member("bob")
    assert bob is not None
    assert (bob.role, bob.capabilities, bob.description) == ("reviewer", ("review",), "Reviews.")
    assert team.member("cid") is None
    assert [one.name for one in team.able("coding")] == ["ada"]
    assert team.able("cooking") == []


@pytest.mark.parametrize("role", ["coordinator", "worker", "reviewer"])
def test_a48_every_role_of_the_original_is_one(role: str) -> None:
    assert team_from({"team": "t", "agents": [ADA | {"role": role}]}).agents[0].role == role


@pytest.mark.parametrize(
    ("data", "place", "reason", "hint"),
    [
        (None, "", "expected `object`, got `null`", ""),
        ([], "", "expected `object`, got `array`", ""),
        ({"agents": [ADA]}, "team", "it is missing", ""),
        ({"team": "", "agents": [ADA]}, "team", "expected `str` of length >= 1", ""),
        ({"team": "t"}, "agents", "it is missing", ""),
        ({"team": "t", "agents": []}, "agents", "expected `array` of length >= 1", ""),
        ({"team": "t", "agents": [ADA], "agent": 1}, "agent", "no such field", "mean agents?"),
        ({"team": "t", "agents": ["ada"]}, "agents[0]", "expected `object`, got `str`", ""),
        ({"team": "t", "agents": [ADA | {"role": "boss"}]}, "agents[0].role", "enum", ""),
        ({"team": "t", "agents": [ADA | {"rol": 1}]}, "agents[0].rol", "no such", "mean role?"),
        ({"team": "t", "agents": [ADA | {"zz": 1}]}, "agents[0].zz", "no such", "Known: cap"),
        ({"team": "t", "agents": [ADA | {"name": ""}]}, "agents[0].name", "length", ""),
        ({"team": "t", "agents": [ADA | {"name": "a\n"}]}, "agents[0].name", "not the name", ""),
        (
            {"team": "t", "agents": [ADA | {"capabilities": ["ok", " x"]}]},
            "agents[0].capabilities[1]",
            "not the name of a(n) capability",
            "",
        ),
        (
            {"team": "t", "agents": [ADA | {"capabilities": [1]}]},
            "agents[0].capabilities[0]",
            "expected `str`, got `int`",
            "",
        ),
        ({"team": "t", "agents": [ADA, ADA]}, "agents[1].name", "agents[0].name is 'ada'", ""),
    ],
)
def test_requirement_21_a_wrong_field_is_named_with_its_reason(
    data: Any, place: str, reason: str, hint: str
) -> None:
    with pytest.raises(InvalidFile) as caught:
        team_from(data)
    (problem,) = caught.value.details["problems"]
    assert problem["place"] == place
    assert reason in problem["reason"]
    assert hint in problem["hint"]
    assert problem["reason"] in caught.value.message


def test_all_that_is_wrong_is_told_at_once() -> None:
    agents = [{"name": "ada"} for _ in range(7)]
    with pytest.raises(InvalidFile) as caught:
        team_from({"team": "t", "agents": agents})
    assert [x["place"] for x in caught.value.details["problems"]] == [
        f"agents[{n}].role" for n in range(7)
    ]
    assert caught.value.message.endswith("agents[4].role: it is missing; and 2 more")
