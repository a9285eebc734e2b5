"""The documents say what the tables say: tools with their cost, and the words of the originals."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from gitcoord.entrypoints import originals
from gitcoord.entrypoints.cli.failures import exit_code
from gitcoord.entrypoints.mcp import refusal
from gitcoord.entrypoints.mcp.cost import costs
from gitcoord.entrypoints.mcp.prompts import PROMPTS
from gitcoord.entrypoints.mcp.resources import RESOURCES
from gitcoord.entrypoints.mcp.table import CORE_LIMIT, TOOLS, selected
from gitcoord.errors import GitcoordError, LockHeld, by_code
from tests.entrypoints.door import Door
from tests.test_house import family
from webhook.problems import status_of

DOCS = Path(__file__).parents[3] / "docs"
MCP = (DOCS / "mcp.md").read_text(encoding="utf-8")
WORDS = (DOCS / "compatibility.md").read_text(encoding="utf-8")


def test_the_table_of_tools_is_in_the_document() -> None:
    rows = ["| tool | profile | tokens | answer schema | what it does |", "| - | - | -: | -: | - |"]
    for cost in costs():
        profile = "core" if cost.core else "all"
        what = TOOLS[cost.name].description
        rows.append(f"| `{cost.name}` | {profile} | {cost.tokens} | {cost.output} | {what} |")
    core = [cost for cost in costs() if cost.core]
    totals = [sum(x.tokens for x in core), sum(x.tokens for x in costs())]
    few = f"Profile `core`: {len(core)} tools, about {totals[0]} tokens."
    every = f"Profile `all`: {len(costs())} tools, about {totals[1]} tokens."
    rows += ["", f"{few} {every}"]
    between = MCP.split("<!-- begin: tools -->\n")[1].split("<!-- end: tools -->")[0]
    assert between == "\n".join(rows) + "\n"


def test_resources_and_prompts_are_in_the_document() -> None:
    for name in [*RESOURCES, *PROMPTS]:
        assert f"`{name}`" in MCP


def test_the_core_profile_is_small_and_part_of_all() -> None:
    assert len(selected("core")) <= CORE_LIMIT
    assert set(selected("core")) < set(selected("all")) == set(TOOLS)


def test_the_words_of_the_originals_are_in_the_document() -> None:
    rows = re.findall(r"^\| ([a-z ]+) \| `(\w+)` \| `(\w+)` \|$", WORDS, re.MULTILINE)
    assert [tuple(word) for word in originals.WORDS] == rows
    named = set(re.findall(r"^\| `(\w+)` \|", WORDS, re.MULTILINE))
    mentioned = set(re.findall(r"`(\w+)`", WORDS.split("Ours without an")[1]))
    assert named | mentioned >= set(TOOLS)


def test_what_tools_take_is_in_the_document() -> None:
    for name, tool in TOOLS.items():
        found = re.search(rf"^\| `{name}` \| (.*) \|$", WORDS, re.MULTILINE)
        if found is not None:
            told = set(re.findall(r"`([\w.]+)`", found[1]))
            assert set(tool.input.__struct_fields__) <= told, name


def test_words_go_there_and_back() -> None:
    for word in originals.WORDS:
        assert originals.ours(word.of, word.original) == word.ours
        assert originals.original(word.of, word.ours) == word.original
        assert originals.ours(word.of, word.ours) == word.ours
    assert originals.ours("task status", "pending") == "pending"


@pytest.mark.parametrize("data", [{"a": 1}, {"a": {"b": ["```", "\n"]}}, {}])
def test_input_data_stands_in_the_description_and_comes_back(data: dict[str, Any]) -> None:
    text = originals.described("Do it.\n\nWell.", data)
    assert originals.input_data(text) == ("Do it.\n\nWell.", data or None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "\n\ninput_data:\n```json\n{\n```",
        "a\n\ninput_data:\n```json\n[1]\n```",
        "input_data",
    ],
)
def test_a_description_that_only_looks_like_it_stays(text: str) -> None:
    assert originals.input_data(text) == (text, None)


def test_results_come_back_as_they_were_given() -> None:
    assert originals.result('{"a": 1}') == {"a": 1}
    assert originals.result("{done}") == "{done}"
    assert originals.result("done") == "done"
    assert originals.result("") is None


def test_next_steps_are_those_of_codes_and_tools_that_exist() -> None:
    codes = {kind.code for kind in family(GitcoordError)}
    assert set(refusal.NEXT) <= codes
    for hint in refusal.NEXT.values():
        for word in re.findall(r"\b[a-z]+_[a-z_]+\b", hint):
            assert word in TOOLS or word == "wait_seconds", hint


def test_every_refusal_of_landing_has_its_words_at_each_door() -> None:
    kinds = [x for x in family(GitcoordError) if x.__module__ == "gitcoord.errors.landing"]
    assert kinds
    for kind in kinds:
        assert kind.code in refusal.NEXT
        assert exit_code(kind()) in (3, 4, 5)
        assert status_of(kind()) in (404, 409, 503)
        assert type(by_code(kind().as_dict())) is kind


def test_a_refusal_with_many_conflicts_names_a_few() -> None:
    many = [{"key": f"{n}.py", "agent": "ada", "session": "s-1"} for n in range(9)]
    body = refusal.structured(LockHeld("no", conflicts=many), [])
    assert refusal.text(body).count("held by ada") == refusal.NAMED
    assert "... and 4 more" in refusal.text(body)
    assert len(body["error"]["conflicts"]) == 9


def test_print_tools_shows_names_and_costs(bare_door: Door) -> None:
    said = bare_door("mcp", "--print-tools")
    assert re.search(r"^acquire_lock +core +\d+ +\d+$", said, re.MULTILINE)
    assert "4 characters" in said
    found = bare_door.json("mcp", "--print-tools")
    assert [tool["name"] for tool in found["tools"]] == list(TOOLS)
    assert found["profiles"]["core"]["tools"] <= CORE_LIMIT
    assert found["profiles"]["core"]["tokens"] < found["profiles"]["all"]["tokens"]
    error = bare_door.refused("mcp", code=2)
    assert "--json goes with --print-tools" in error["message"]


def test_the_tools_of_one_profile_are_shown_when_it_is_named(bare_door: Door) -> None:
    found = bare_door.json("mcp", "--print-tools", "--tools", "core")
    assert [tool["name"] for tool in found["tools"]] == list(selected("core"))
    assert list(found["profiles"]) == ["core"]
    assert "renew_locks" not in bare_door("mcp", "--print-tools", "--tools", "core")
    bare_door("mcp", "--print-tools", "--http", code=2)
    assert "exclude each other" in bare_door.err


@pytest.mark.parametrize("words", [("--port", "9"), ("--host", "127.0.0.1"), ("--token-file", "x")])
@pytest.mark.parametrize("more", [(), ("--print-tools",)])
def test_what_is_for_http_is_refused_without_it(
    bare_door: Door, words: tuple[str, ...], more: tuple[str, ...]
) -> None:
    bare_door("mcp", *words, *more, code=2)
    assert f"{words[0]} goes with --http" in bare_door.err


def test_without_the_extra_it_says_what_to_install(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "mcp"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mcp", None)  # type: ignore[arg-type]
    door("mcp", code=2)
    assert door.err.startswith("extra_missing: the MCP server needs a package")
    assert "pip install 'gitcoord[mcp]'" in door.err
    # The list of tools needs no SDK.
    assert json.loads(door("mcp", "--print-tools", "--json"))["ok"] is True


def test_the_setting_says_which_tools_when_nothing_else_does(door: Door) -> None:
    from gitcoord.entrypoints.settings import resolve
    from gitcoord.storage.repository import find

    door("config", "mcp_tools", "core")
    assert resolve(find(door.place, {}), {}).values.mcp_tools == "core"
    door.refused("config", "mcp_tools", "few", code=2)
