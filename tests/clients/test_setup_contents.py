"""What is put into files of others, and taken out: nothing else changes, whatever is there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitcoord.clients import claude, jsontext
from gitcoord.clients.claude import setup as claude_setup
from gitcoord.clients.codex import setup as codex_setup
from gitcoord.clients.contents import Block, Content, Entry, Table, Whole
from gitcoord.clients.gemini import setup as gemini_setup
from gitcoord.clients.hooktable import Hooks
from gitcoord.clients.program import of_server
from tests.clients.settings import texts

assert claude  # the folders are packages

OLD, NEW = "/old place/bin/gitcoord", "gitcoord"
GROUPS = {"claude": claude_setup.groups, "codex": codex_setup.groups, "gemini": gemini_setup.groups}


def hooks(client: str, program: str = NEW) -> Hooks:
    return Hooks(client, GROUPS[client](program))


def server(program: str = NEW) -> Entry:
    value = claude_setup.server(program)
    return Entry("MCP server", ("mcpServers", "gitcoord"), value, ("command",), of_server)


def block(body: str = "one\ntwo") -> Block:
    return Block("instructions", "<!-- begin -->", "<!-- end -->", body)


def table(program: str = NEW) -> Table:
    value = codex_setup.server(program)
    path = ("mcp_servers", "gitcoord")
    return Table("MCP server", path, value, ("command",), of_server)


JSON: list[Content] = [hooks("claude"), hooks("codex"), hooks("gemini"), server()]
#: Each example reads and writes some forty times.
few = settings(max_examples=40)
each = pytest.mark.parametrize("content", JSON, ids=["claude", "codex", "gemini", "server"])


def pruned(value: Any) -> Any:
    """Return a value without the empty lists and objects that taking out may take along."""
    if isinstance(value, dict):
        value = {name: pruned(inner) for name, inner in value.items()}
        for name in ("hooks", "mcpServers"):
            if value.get(name) in ({}, []):
                del value[name]
    return value


@each
@few
@given(text=texts())
def test_settings_keep_all_that_was_there(content: Content, text: str) -> None:
    before = jsontext.parse(text).value
    after = content.put(text)
    assert content.lacks(after) == []
    assert content.programs(after) == {"gitcoord"}
    assert content.put(after) == after
    found = jsontext.parse(after).value
    for name, value in before.items():
        if name in ("hooks", "mcpServers"):
            for inner, said in value.items():
                there = found[name][inner]
                assert there[: len(said)] == said if isinstance(said, list) else there == said
        else:
            assert jsontext.same(found[name], value)
    assert [name for name in found if name in before] == list(before)


@each
@few
@given(text=texts())
def test_what_was_put_is_taken_out_to_the_byte(content: Content, text: str) -> None:
    assert content.take(content.put(text)) == text


@each
@few
@given(text=texts())
def test_taking_out_what_is_not_there_changes_nothing(content: Content, text: str) -> None:
    assert content.take(text) == text


@few
@given(text=texts(), client=st.sampled_from(["claude", "codex", "gemini"]))
def test_hooks_that_name_another_place_are_replaced_where_they_stand(
    text: str, client: str
) -> None:
    old = hooks(client, OLD).put(text)
    new = hooks(client).put(old)
    assert new == hooks(client).put(text)
    assert hooks(client).programs(new) == {"gitcoord"}


def test_hooks_that_their_owner_put_beside_others_are_found_and_taken_alone() -> None:
    ours = {"type": "command", "command": "'/a b/gitcoord' hook claude PreToolUse"}
    exec_form = {"type": "command", "command": "gitcoord", "args": ["hook", "claude", "Stop"]}
    theirs = {"type": "command", "command": "lint"}
    text = json.dumps(
        {
            "hooks": {
                "PreToolUse": [{"matcher": "Bash", "hooks": [ours, theirs, ours]}],
                "Stop": [{"hooks": [exec_form]}, {"hooks": [theirs]}],
                "Gone": [{"hooks": [{"type": "command", "command": "gitcoord hook claude Gone"}]}],
            }
        }
    )
    assert json.loads(hooks("claude").take(text))["hooks"] == {
        "PreToolUse": [{"matcher": "Bash", "hooks": [theirs]}],
        "Stop": [{"hooks": [theirs]}],
    }
    found = json.loads(hooks("claude").put(text))["hooks"]
    wanted = claude_setup.groups("gitcoord")
    assert found["PreToolUse"] == [{"matcher": "Bash", "hooks": [theirs]}, wanted["PreToolUse"]]
    assert found["Stop"] == [wanted["Stop"], {"hooks": [theirs]}]
    assert "Gone" not in found


def test_what_is_missing_of_the_hooks_is_named() -> None:
    full = hooks("codex").put("")
    part = jsontext.drop(full, ("hooks", "Stop"))
    part = jsontext.replace(part, ("hooks", "PreToolUse", 0, "matcher"), "Bash")
    assert sorted(hooks("codex").lacks(part)) == ["hook PreToolUse", "hook Stop"]
    doubled = jsontext.append(full, ("hooks", "Stop"), GROUPS["codex"]("gitcoord")["Stop"])
    assert hooks("codex").lacks(doubled) == ["hook Stop"]
    assert json.loads(hooks("codex").put(doubled)) == json.loads(full)


def test_hooks_of_another_client_are_no_hooks_of_ours() -> None:
    text = hooks("claude").put("")
    assert hooks("codex").take(text) == text
    assert hooks("codex").programs(text) == set()


@pytest.mark.parametrize(
    "text", ['{"hooks": []}', '{"hooks": {"Stop": {}}}', '{"hooks": "no"}', "[]", "{"]
)
def test_hooks_in_the_wrong_form_are_refused_and_not_replaced(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not|no JSON"):
        hooks("claude").put(text)


def test_of_our_server_only_the_program_is_held_to() -> None:
    mine = {"mcpServers": {"gitcoord": {"command": OLD, "args": ["mcp"], "env": {"A": "1"}}}}
    text = json.dumps(mine, indent=1)
    after = server().put(text)
    assert after == text.replace(OLD, NEW)
    assert server(OLD).lacks(after) == ["MCP server"]
    assert server().lacks(after) == []
    more = json.dumps(
        {"mcpServers": {"gitcoord": {"command": NEW, "args": ["mcp", "--tools", "all"]}}}
    )
    assert server().lacks(more) == []
    assert server().put(more) == more


@pytest.mark.parametrize("theirs", [{"command": "uvx", "args": ["gitcoord", "mcp"]}, {"url": "x"}])
def test_another_server_of_our_name_is_left_alone(theirs: dict[str, Any]) -> None:
    text = json.dumps({"mcpServers": {"gitcoord": theirs}})
    assert server().put(text) == text
    assert server().take(text) == text
    assert server().others(text)
    assert not server().others(server().put(""))
    toml = "[mcp_servers.gitcoord]\n" + "\n".join(
        f"{k} = {json.dumps(v)}" for k, v in theirs.items()
    )
    assert table().put(toml) == table().take(toml) == toml
    assert table().others(toml)


@given(st.text(st.sampled_from("a#\n\r "), max_size=12).filter(lambda text: "\r" not in text))
def test_a_block_comes_and_goes_and_leaves_other_lines_as_they_are(text: str) -> None:
    after = block().put(text)
    assert "<!-- begin -->\none\ntwo\n<!-- end -->\n" in after
    assert block().put(after) == after
    assert block("three").put(after) == block("three").put(text)
    assert block().take(block("three").put(after)).rstrip() == text.rstrip()
    assert block("").put(after) == block().take(after)


def test_a_block_keeps_the_line_ends_and_what_follows_it() -> None:
    after = block().put("# a\r\n")
    assert after == "# a\r\n\r\n<!-- begin -->\r\none\r\ntwo\r\n<!-- end -->\r\n"
    assert block().take(after) == "# a\r\n"
    assert block().take(f"{after}\r\nmore\r\n") == "# a\r\n\r\nmore\r\n"


@pytest.mark.parametrize("text", ["<!-- begin -->\n", "x\n<!-- end -->\n<!-- begin -->\n"])
def test_a_mark_that_stands_alone_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="only one of the marks"):
        block().put(text)


def test_a_whole_file_of_somebody_else_is_left_alone() -> None:
    ours = Whole("skill", "<!-- ours -->\n", "<!-- ours")
    assert ours.put("") == ours.put("<!-- ours, old -->") == "<!-- ours -->\n"
    assert ours.put("theirs") == ours.take("theirs") == "theirs"
    assert ours.others("theirs")
    assert ours.take("<!-- ours, old -->") == ""
