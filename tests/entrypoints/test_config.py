"""`gitcoord config`: every value with its source, and each place in its turn."""

from __future__ import annotations

import pytest

from gitcoord.domain.settings import Settings
from gitcoord.entrypoints.settings import LOCAL, git_key, variable
from tests.entrypoints.door import Door, refs
from tests.gitrun import git


def setting(door: Door, key: str) -> tuple[object, str]:
    found = door.json("config", key)["setting"]
    return found["value"], found["source"]


def test_every_setting_is_listed_with_its_value_and_source(door: Door) -> None:
    found = {one["key"]: one for one in door.json("config")["settings"]}
    assert set(found) == {*Settings.__struct_fields__, *LOCAL}
    assert found["lock_ttl"] == {
        "key": "lock_ttl", "value": 1800, "source": "default", "shared": True,
    }  # fmt: skip
    assert found["target_branch"]["source"] == "ledger"
    assert found["agent"]["shared"] is False
    assert "lock_ttl" in door("config")


def test_before_there_is_a_ledger_the_project_file_is_shown(bare_door: Door) -> None:
    assert setting(bare_door, "lock_ttl") == (1800, "default")
    bare_door.write(".gitcoord.yaml", "lock_ttl: 20m\n")
    assert setting(bare_door, "lock_ttl") == (1200, ".gitcoord.yaml")


def test_a_shared_setting_is_changed_for_everybody_by_a_transaction(door: Door) -> None:
    answer = door.json("config", "--shared", "lock_ttl", "45m")
    assert answer["changed"] == {"lock_ttl": {"before": 1800, "after": 2700}}
    assert setting(door, "lock_ttl") == (2700, "ledger")
    door("config", "--shared", "--unset", "lock_ttl")
    assert setting(door, "lock_ttl") == (1800, "default")


def test_what_the_ledger_agreed_on_is_not_changed_by_the_project_file(door: Door) -> None:
    door.write(".gitcoord.yaml", "lock_ttl: 20m\n")
    assert setting(door, "lock_ttl") == (1800, "default")


def test_lists_take_several_values_or_json(door: Door) -> None:
    door("config", "--shared", "ignore", "*.lock", "dist/{a,b}")
    assert setting(door, "ignore") == (["*.lock", "dist/{a,b}"], "ledger")
    door("config", "--shared", "areas", '[{"name": "web", "patterns": ["web/**"]}]')
    value, _ = setting(door, "areas")
    assert value == [{"name": "web", "patterns": ["web/**"], "description": ""}]
    door("config", "--shared", "--unset", "ignore")
    assert setting(door, "ignore") == ([], "default")


def test_the_plain_value_is_printed_for_scripts(door: Door) -> None:
    assert door("config", "lock_ttl") == "1800\n"
    assert door("config", "case_folding") == "false\n"


def test_taste_is_kept_in_the_git_configuration_of_this_clone(door: Door) -> None:
    before = refs(door.place)
    door("config", "agent_type", "reviewer")
    assert git(door.place, "config", "--local", "coord.agentType") == "reviewer"
    assert setting(door, "agent_type") == ("reviewer", "git config coord.agentType")
    door("config", "--unset", "agent_type")
    door("config", "--unset", "agent_type")
    assert setting(door, "agent_type") == ("", "default")
    assert refs(door.place) == before


def test_stronger_places_win_over_weaker_ones(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    door.write(".gitcoord.yaml", "wait: 10s\n")
    assert setting(door, "wait") == (10, ".gitcoord.yaml")
    git(door.place, "config", "coord.wait", "20s")
    assert setting(door, "wait") == (20, "git config coord.wait")
    monkeypatch.setenv("GITCOORD_WAIT", "30")
    assert setting(door, "wait") == (30, "GITCOORD_WAIT")


def test_a_list_of_taste_is_written_with_commas(door: Door) -> None:
    door("config", "capabilities", "python", "sql")
    assert setting(door, "capabilities") == (
        ["python", "sql"],
        "git config coord.capabilities",
    )


@pytest.mark.parametrize("name", LOCAL)
def test_every_taste_has_a_git_key_that_git_accepts_and_a_variable(
    door: Door, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"life": "beat", "wait": "5", "context_budget": "900", "trailers": "no"}
    values |= {"hook_mode": "warn", "share_prompts": "no", "mcp_tools": "core"}
    values |= {"port_base": "2000", "port_range": "8", "port_blocks": "3", "port_ttl": "1h"}
    value = values.get(name, "x")
    git(door.place, "config", git_key(name), value)
    assert setting(door, name)[1] == f"git config {git_key(name)}"
    monkeypatch.setenv(variable(name), value)
    assert setting(door, name)[1] == variable(name)


def test_an_unknown_setting_is_refused_with_the_nearest_one(door: Door) -> None:
    error = door.refused("config", "lock_tll", code=2)
    assert (error["code"], error["hint"]) == ("unknown_setting", "Did you mean lock_ttl?")


def test_an_unknown_key_in_the_git_configuration_is_refused_where_it_would_count(
    door: Door,
) -> None:
    git(door.place, "config", "coord.agnet", "ada")
    error = door.refused("session", "start", code=2)
    assert error["code"] == "unknown_setting"
    assert "coord.agnet" in error["message"]
    assert error["hint"] == "Did you mean agent?"


def test_an_unknown_key_in_the_project_file_is_refused_where_it_would_count(door: Door) -> None:
    door.write(".gitcoord.yaml", "agnet: ada\n")
    assert door.refused("session", "start", code=2)["code"] == "unknown_setting"


def test_a_shared_setting_in_the_git_configuration_is_refused(door: Door) -> None:
    git(door.place, "config", "coord.lockTtl", "5")
    error = door.refused("session", "start", code=2)
    assert error["code"] == "invalid_config"
    assert "--shared lock_ttl" in error["hint"]


def test_a_variable_that_means_nothing_is_mentioned(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITCOORD_AGNET", "ada")
    monkeypatch.setenv("GITCOORD_LOCK_TTL", "5")
    door("config")
    assert "GITCOORD_AGNET is no setting" in door.err
    assert "GITCOORD_LOCK_TTL is agreed in the ledger" in door.err


@pytest.mark.parametrize(
    "words",
    [
        ("lock_ttl", "5m"),
        ("--shared", "agent", "ada"),
        ("--shared", "lock_ttl", "99h"),
        ("--shared", "lock_ttl", "soon"),
        ("--shared", "lock_ttl", "1h", "2h"),
        ("--shared", "conflict_mode", "fight"),
        ("--shared", "max_attempts", "0"),
        ("--shared", "areas", "[1"),
        ("--shared", "case_folding", "perhaps"),
        ("--shared", "--unset", "lock_ttl", "5"),
        ("--unset",),
        ("life", "eternal"),
        ("wait", "soon"),
        ("context_budget", "12"),
    ],
)
def test_a_wrong_change_is_refused_and_changes_nothing(door: Door, words: tuple[str, ...]) -> None:
    door.refused("config", *words, code=2)
    assert git(door.place, "config", "--list", "--local").count("coord.") == 0


def test_a_new_session_gets_the_agent_the_type_and_the_capabilities_of_the_settings(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    door("config", "agent", "ada")
    door("config", "agent_type", "reviewer")
    door("config", "capabilities", "python", "sql")
    monkeypatch.setenv("GITCOORD_LIFE", "beat")
    session = door.json("session", "start")["session"]
    assert (session["agent"], session["type"], session["life"]) == ("ada", "reviewer", "beat")
    assert session["capabilities"] == ["python", "sql"]


def test_the_budget_of_the_settings_limits_the_context(door: Door) -> None:
    door.start("ada")
    door("lock", "acquire", *(f"a/very/long/path/to/file-{n}.py" for n in range(40)))
    door("config", "context_budget", "500")
    assert 200 < len(door("context")) <= 501
