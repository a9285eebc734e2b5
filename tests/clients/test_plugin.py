"""The plugin for Claude Code is what the set-up's tables say, and is part of the package."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gitcoord import __version__
from gitcoord.clients import skills
from gitcoord.clients.claude import plugin_folder, setup

ROOT = Path(__file__).parents[2]
FOLDER = Path(plugin_folder.FOLDER)
#: What makes the files anew when the tables have changed.
AGAIN = "from gitcoord.clients.claude.plugin_folder import write; write()"


@pytest.mark.parametrize("name", plugin_folder.files(""))
def test_a_file_of_the_plugin_is_as_the_tables_say(name: str) -> None:
    said = (FOLDER / name).read_text(encoding="utf-8")
    assert said == plugin_folder.files(__version__)[name], f'run: python -c "{AGAIN}"'


def test_both_marketplaces_lead_to_the_plugin() -> None:
    for folder in (ROOT, FOLDER.parent):
        path = folder / ".claude-plugin" / "marketplace.json"
        (offered,) = json.loads(path.read_text(encoding="utf-8"))["plugins"]
        assert (folder / offered["source"]).resolve() == FOLDER.resolve()
        assert path.read_text(encoding="utf-8") == plugin_folder.marketplace(offered["source"])


def test_the_plugin_has_nothing_else() -> None:
    there = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()}
    wanted = {f"skills/{name}/SKILL.md" for name in (skills.GENERAL, *skills.WORKFLOW)}
    assert there == wanted | set(plugin_folder.files(""))


def test_making_it_anew_writes_the_same_files(tmp_path: Path) -> None:
    plugin_folder.write(str(tmp_path))
    for name, text in plugin_folder.files(__version__).items():
        assert (tmp_path / name).read_text(encoding="utf-8") == text


def test_the_readme_is_long_enough_for_the_catalogue() -> None:
    assert len(plugin_folder.README.split()) >= 40


@pytest.mark.parametrize("name", [skills.GENERAL, *skills.WORKFLOW])
def test_a_skill_is_short_and_says_when_it_is_for(name: str) -> None:
    said = skills.text(name)
    assert len(said.splitlines()) <= 40
    head, _, body = said.removeprefix("---\n").partition("---\n")
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    assert fields["name"] == name
    assert " Use " in fields["description"]
    assert skills.MARK in body
    assert "COORDINATOR_AVAILABLE=false" in body
    assert "leave that step out" in body


def test_a_skill_for_a_program_elsewhere_says_which_it_is() -> None:
    said = skills.text("gitcoord", "/a b/gitcoord")
    assert "\n'/a b/gitcoord' context --env 2>/dev/null || echo " in said
    assert "`gitcoord` below stands for `'/a b/gitcoord'`." in said
    assert len(said.splitlines()) <= 40


def test_there_are_twelve_skills_of_the_workflow() -> None:
    assert len(skills.WORKFLOW) == 12


def test_every_hook_of_the_adapter_is_set_up() -> None:
    said = json.loads((FOLDER / "hooks" / "hooks.json").read_text(encoding="utf-8"))
    assert list(said["hooks"]) == list(setup.hooks.STEPS)
