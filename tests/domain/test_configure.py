"""Settings that all share: changed together, whole or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from gitcoord.domain.configure import Begin, ChangeSettings
from gitcoord.domain.settings import Area, Settings, remote_defaults
from gitcoord.errors import (
    AlreadyInitialised,
    GitcoordError,
    InvalidKey,
    InvalidValue,
    UnknownNamespace,
    UnknownSetting,
)
from tests.domain.world import World


def test_a_ledger_begins_with_the_defaults_and_what_was_asked() -> None:
    world = World()
    wish = Begin(settings={"lock_ttl": 600, "namespaces": ["proto"]})
    answer = world.run(wish)
    assert world.settings == Settings(lock_ttl=600, namespaces=("proto",))
    assert answer.settings == world.settings
    assert wish.subject(answer, "ann") == "ledger: ann begins it"


def test_a_ledger_begins_once() -> None:
    world = World()
    world.session("s-ann")
    world.refused(AlreadyInitialised, Begin())


def test_a_change_says_what_was_before_and_after() -> None:
    world = World()
    wish = ChangeSettings(values={"lock_ttl": "600", "conflict_mode": "warn", "case_folding": True})
    answer = world.run(wish)
    assert answer.changed == {
        "case_folding": {"before": False, "after": True},
        "lock_ttl": {"before": 1800, "after": 600},
    }
    assert wish.subject(answer, "ann") == "config: ann sets case_folding, lock_ttl"


def test_nothing_new_changes_nothing() -> None:
    world = World()
    wish = ChangeSettings(values={"lock_ttl": 1800})
    answer = world.unchanged(wish)
    assert answer.changed == {}
    assert wish.subject(answer, "") == "config: somebody sets nothing"


def test_none_is_the_default_again() -> None:
    world = World(lock_ttl=600)
    world.run(ChangeSettings(values={"lock_ttl": None}))
    assert world.settings.lock_ttl == 1800


@pytest.mark.parametrize(
    "values",
    [
        {"lock_ttl": 50_000, "lock_ttl_max": 60_000},
        {"lock_ttl_min": 50_000, "lock_ttl": 55_000, "lock_ttl_max": 60_000},
        {"lock_ttl_max": 10, "lock_ttl": 10},
        {"beat_interval": 100, "beat_ttl": 300},
        {"beat_ttl": 20, "beat_interval": 10},
    ],
)
def test_settings_that_fit_together_are_taken_in_any_order(values: dict[str, Any]) -> None:
    for order in (list(values), list(reversed(values))):
        world = World()
        world.run(ChangeSettings(values={name: values[name] for name in order}))
        assert {name: getattr(world.settings, name) for name in values} == values


@pytest.mark.parametrize(
    ("error", "values"),
    [
        (UnknownSetting, {"lock_tll": 1}),
        (UnknownSetting, {"lock_ttl": 600, "nonsense": 1}),
        (InvalidValue, {"lock_ttl": "soon"}),
        (InvalidValue, {"lock_ttl": 100_000}),
        (InvalidValue, {"beat_interval": 100, "beat_ttl": 150}),
        (InvalidValue, {"conflict_mode": "shout"}),
        (InvalidValue, {"changes_kept": -1}),
        (InvalidValue, {"namespaces": ["api"]}),
        (InvalidValue, {"namespaces": ["file"]}),
        (InvalidValue, {"namespaces": ["Proto:"]}),
        (InvalidValue, {"areas": [{"name": "a"}, {"name": "a"}]}),
        (InvalidValue, {"areas": [{"name": ""}]}),
        (InvalidKey, {"ignore": ["../x"]}),
        (InvalidKey, {"shared": ["/abs"]}),
        (UnknownNamespace, {"areas": [{"name": "a", "patterns": ["abc:x"]}]}),
    ],
)
def test_a_wrong_setting_refuses_all_of_them(
    error: type[GitcoordError], values: dict[str, Any]
) -> None:
    World().refused(error, ChangeSettings(values={"max_attempts": 5} | values))


def test_a_new_namespace_may_be_used_in_patterns_of_the_same_change() -> None:
    world = World()
    areas = [{"name": "proto", "patterns": ["proto:user", "src/"]}]
    world.run(ChangeSettings(values={"areas": areas, "namespaces": ["proto"]}))
    assert world.settings.areas == (Area(name="proto", patterns=("proto:user", "src/")),)


@pytest.mark.parametrize(
    ("host", "budget"),
    [
        ("", 0),
        ("git.example.org", 0),
        ("github.com", 6),
        ("GitHub.com.", 6),
        ("ssh.github.com", 6),
        ("notgithub.com", 0),
        ("github.com.example.org", 0),
    ],
)
def test_a_ledger_at_a_git_host_begins_with_rarer_beats_and_the_budget_of_its_host(
    host: str, budget: int
) -> None:
    settings = World().run(Begin(settings=remote_defaults(host))).settings
    assert (settings.beat_interval, settings.beat_ttl, settings.clock_tolerance) == (60, 300, 30)
    assert settings.push_budget == budget


@pytest.mark.parametrize("value", [-1, 10_001, 1.5, "many"])
def test_a_push_budget_is_a_whole_number_of_pushes(value: object) -> None:
    with pytest.raises(InvalidValue):
        Settings().changed("push_budget", value)
