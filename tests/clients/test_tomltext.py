"""One table comes into other people's TOML and goes; every other byte stays."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.clients import tomltext

PATH = ("mcp_servers", "gitcoord")
OURS = {"command": "gitcoord", "args": ["mcp"], "required": True, "startup_timeout_sec": 20}
BODY = (
    '[mcp_servers.gitcoord]\ncommand = "gitcoord"\nargs = ["mcp"]\nrequired = true\n'
    "startup_timeout_sec = 20\n"
)
FOREIGN = '''# mine
model = "gpt" # the good one
notes = """
[mcp_servers.gitcoord]
not a table
"""

[mcp_servers.other]
command = "x"
list = [
  "a", # first
  "b",
]

[hooks.state."/a.b/hooks.json:pre_tool_use:0:0"]
trusted_hash = "sha256:1"
'''

STATEMENTS = st.sampled_from([
    "# a remark", "", "  ", "a = 1", 'b = "x"', "c.d = true", "e = [\n 1,\n # two\n 2 ]",
    'f = """\n[mcp_servers.gitcoord]\n"""', "g = '''\n# no remark\n'''", "h = {x = 1, y = [2]}",
    "[t]", "i = nan", "[[u]]", "[u.v]", "[mcp_servers.z]", 'command = "z"', "[mcp_servers]",
    '["quoted.name"]', "j = 1979-05-27T07:32:00Z", "k = 'a\\b'", "[w]  # behind",
    "[mcp_servers.gitcoordinator]", "l = \"\x85\u2028\"",
])  # fmt: skip


@st.composite
def documents(draw: st.DrawFn) -> str:
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    lines = draw(st.lists(STATEMENTS, max_size=12))
    text = newline.join(line.replace("\n", newline) for line in lines)
    text += draw(st.sampled_from(["", newline]))
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        # A name that stands twice: only each line's first counts then.
        text = newline.join(dict.fromkeys(text.split(newline)))
    return text


@given(documents())
def test_every_byte_of_a_document_is_in_one_of_its_pieces(text: str) -> None:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert "".join(piece.text for piece in tomltext.pieces(text)) == text


@given(documents())
def test_a_table_comes_and_goes_and_the_rest_says_what_it_said(text: str) -> None:
    try:
        before = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        with pytest.raises(ValueError, match="no TOML"):
            tomltext.put(text, PATH, OURS)
        return
    after = tomltext.put(text, PATH, OURS)
    assert after.startswith(text)
    found = tomllib.loads(after)
    assert found["mcp_servers"].pop("gitcoord") == OURS
    if not found["mcp_servers"] and not before.get("mcp_servers"):
        found.pop("mcp_servers")
        before.pop("mcp_servers", None)
    assert repr(found) == repr(before)
    assert tomltext.put(after, PATH, OURS, always=("command", "args")) == after
    back = tomltext.drop(after, PATH)
    assert back.rstrip() == text.rstrip()


def test_a_table_is_added_at_the_end_behind_a_blank_line() -> None:
    assert tomltext.put("", PATH, OURS) == BODY
    assert tomltext.put(FOREIGN, PATH, OURS) == f"{FOREIGN}\n{BODY}"
    assert tomltext.drop(f"{FOREIGN}\n{BODY}", PATH) == FOREIGN


def test_what_others_added_behind_and_below_is_told_apart() -> None:
    text = f"{BODY}\n[mcp_servers.gitcoord.env]\nX = '1'\n\n# theirs\n[other]\na = 1\n"
    assert tomltext.drop(text, PATH) == "# theirs\n[other]\na = 1\n"
    assert tomltext.drop(f"a = 1\n\n{text}", PATH) == "a = 1\n\n# theirs\n[other]\na = 1\n"


def test_of_a_table_that_is_there_only_what_must_hold_is_set() -> None:
    mine = (
        '[mcp_servers.gitcoord]\nrequired = false # mine\nargs = [\n  "mcp",\n  "--tools", "all",\n'
        ']\ncommand = "/old/gitcoord" # where it was\n\n[x]\n'
    )
    after = tomltext.put(mine, PATH, OURS, always=("command",))
    assert after == mine.replace('"/old/gitcoord" # where it was', '"gitcoord"')
    assert tomltext.put(after, PATH, OURS, always=("command",)) == after
    bare = "[mcp_servers.gitcoord]\nrequired = false\n"
    assert tomltext.put(bare, PATH, OURS, always=("command",)) == (
        '[mcp_servers.gitcoord]\ncommand = "gitcoord"\nrequired = false\n'
    )


@pytest.mark.parametrize(
    "text",
    [
        'mcp_servers = { other = { command = "x" }, z = {} }\n',
        'mcp_servers = { gitcoord = { command = "x" }, z = {} }\n',
        '[mcp_servers]\ngitcoord = { command = "x", args = [] }\n',
        'mcp_servers.gitcoord = "text"\n',
        "[mcp_servers.gitcoord\n",
    ],
)
def test_what_cannot_be_done_line_by_line_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"without rewriting|no TOML|not a table"):
        tomltext.put(text, PATH, OURS, always=("command", "args"))


def test_tables_in_other_spellings_go_too_where_they_stand_alone() -> None:
    for ours in (
        '[mcp_servers]\ngitcoord = { command = "x", args = [] }\n',
        'mcp_servers.gitcoord.command = "x"\nmcp_servers.gitcoord.args = []\n',
        '[ mcp_servers . "gitcoord" ]\ncommand = "x"\n',
    ):
        left = tomllib.loads(tomltext.drop(f"a = 1\n{ours}[z]\n", PATH))
        assert left in ({"a": 1, "z": {}}, {"a": 1, "z": {}, "mcp_servers": {}})
    with pytest.raises(ValueError, match="without rewriting"):
        tomltext.drop('mcp_servers = { gitcoord = { command = "x" }, z = {} }\n', PATH)


def test_values_are_written_so_that_they_are_read_back() -> None:
    odd = {"command": 'C:\\a "b"\x7f\n\u00e9', "args": [], "env_vars": ["A", "B"], "on": False}
    assert tomllib.loads(tomltext.put("", ("x y", "z-1"), odd)) == {"x y": {"z-1": odd}}
