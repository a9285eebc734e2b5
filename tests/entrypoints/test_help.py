"""Every command has help, an example that parses, and its options in docs/cli.md."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from gitcoord.entrypoints.cli.root import COMMANDS, cli
from tests.entrypoints.door import Door

DOCS = Path(__file__).parents[2] / "docs" / "cli.md"
#: What every command has, or every one that acts for a session; said once in the document.
EVERYWHERE = {"--json", "--session", "--help"}


def leaves(
    command: click.Command, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from leaves(found, (*path, name))


LEAVES = dict(leaves(cli))
GROUPS = [
    "session", "lock", "task", "handoff", "message", "memory", "change", "guard", "port", "team",
    "escalation",
]  # fmt: skip
each = pytest.mark.parametrize("path", LEAVES, ids=" ".join)


def options(path: tuple[str, ...]) -> set[str]:
    """Return the long options of a command."""
    return {
        name
        for option in LEAVES[path].params
        if isinstance(option, click.Option) and not option.hidden
        for name in (*option.opts, *option.secondary_opts)
        if name.startswith("--")
    }


def examples(path: tuple[str, ...]) -> list[list[str]]:
    """Return the words of each example in a command's help."""
    epilog = LEAVES[path].epilog or ""
    assert epilog.startswith("Example")
    found = re.findall(r"gitcoord .*?(?= \| gitcoord |$)", epilog)
    return [shell_words(text) for text in found]


def shell_words(text: str) -> list[str]:
    """Return the words of a command line up to where the shell takes over."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|<>")
    lexer.whitespace_split = True
    words = []
    for word in lexer:
        if set(word) <= set("|<>"):
            break
        words.append(word)
    return words


@each
def test_its_help_says_what_it_is_for(door: Door, path: tuple[str, ...]) -> None:
    said = door(*path, "--help")
    command = LEAVES[path]
    assert said.startswith(f"Usage: gitcoord {' '.join(path)}")
    assert command.help is not None
    first = command.help.strip().splitlines()[0]
    assert first[0].isupper()
    assert first.rstrip().endswith(".")


@each
def test_its_examples_parse(path: tuple[str, ...]) -> None:
    found = examples(path)
    assert found
    for words in found:
        assert tuple(words[: 1 + len(path)]) == ("gitcoord", *path)
        context = LEAVES[path].make_context(path[-1], words[1 + len(path) :])
        assert context.args == []


@each
def test_it_answers_programs(path: tuple[str, ...]) -> None:
    # The output of these two is that of the command, and what the client obeys.
    assert ("--json" in options(path)) == (path not in (("run",), ("hook",)))


def entry(path: tuple[str, ...]) -> str:
    """Return what the document says about a command: its item of a list."""
    text = DOCS.read_text(encoding="utf-8")
    found = re.findall(
        rf"^- `gitcoord {' '.join(path)}[ `].*?(?=^- |^$|^\w)", text, re.MULTILINE | re.DOTALL
    )
    assert len(found) == 1, f"docs/cli.md has {len(found)} entries of {' '.join(path)}"
    first = found[0]
    assert isinstance(first, str)
    return first


@each
def test_it_stands_in_the_document_with_exactly_its_options(path: tuple[str, ...]) -> None:
    head = entry(path).partition(": ")[0]
    named = set(re.findall(r"`(--[a-z-]+)", head))
    assert named | EVERYWHERE == options(path) | EVERYWHERE


def test_the_document_is_short() -> None:
    assert len(DOCS.read_text(encoding="utf-8").splitlines()) <= 420


def test_the_document_names_no_command_that_does_not_exist() -> None:
    text = DOCS.read_text(encoding="utf-8")
    named = re.findall(r"^- `gitcoord ([a-z]+)(?: ([a-z]+))?(?: ([a-z]+))?[ `]", text, re.MULTILINE)
    # What a group does by itself is described as well.
    assert {tuple(filter(None, names)) for names in named} == {*LEAVES, ("serve",)}


def test_the_overview_has_every_command_without_importing_one(door: Door) -> None:
    said = door("--help")
    for name, (_, _, line) in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(line)}$", said, re.MULTILINE)
    script = (
        "import sys\n"
        "from gitcoord.entrypoints.main import run\n"
        "run(['--help'], as_json=False)\n"
        "print([name for name in sys.modules if name.startswith('gitcoord.entrypoints.cli.')])"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    own = [f"gitcoord.entrypoints.cli.{name}" for name in ("failures", "root")]
    assert loaded.stdout.splitlines()[-1] == str(own)


@pytest.mark.parametrize("group", GROUPS)
def test_a_noun_alone_shows_its_verbs(door: Door, group: str) -> None:
    said = door(group, code=2)
    assert said.startswith(f"Usage: gitcoord {group} [OPTIONS] COMMAND")
    for path in LEAVES:
        assert path[0] != group or path[-1] in said


def test_a_wrong_word_is_answered_with_the_nearest_right_one(door: Door) -> None:
    error = door.refused("locks", code=2)
    assert (error["code"], "Did you mean lock?" in error["message"]) == ("usage", True)
    assert error["hint"] == "See `gitcoord --help`."
    error = door.refused("lock", "acquire", "--sharde", "a", code=2)
    assert "--shared" in error["message"]
    assert error["hint"] == "See `gitcoord lock acquire --help`."
    door("lock", "acquire", "--sharde", "a", code=2)
    assert door.err.startswith("usage: ")


def test_the_version_is_that_of_the_package(door: Door) -> None:
    from gitcoord import __version__

    assert door("--version") == f"gitcoord {__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_its_completion(
    door: Door, monkeypatch: pytest.MonkeyPatch, shell: str
) -> None:
    if shell == "bash" and shutil.which("bash") is None:
        pytest.skip("click asks bash for its version")
    monkeypatch.setenv("_GITCOORD_COMPLETE", f"{shell}_source")
    with pytest.raises(SystemExit) as left:
        door()
    assert left.value.code in (0, None)
    assert "_GITCOORD_COMPLETE" in door.captured()
