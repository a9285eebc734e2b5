"""Which program clients are told to start, and how it is known again."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.clients import program
from gitcoord.errors import ProgramMissing

EXE = "gitcoord.exe" if sys.platform == "win32" else "gitcoord"


def put(folder: Path) -> Path:
    folder.mkdir(parents=True)
    path = folder / EXE
    path.write_text("")
    path.chmod(0o755)
    return path


def path_of(*folders: Path) -> dict[str, str]:
    return {"PATH": os.pathsep.join(map(str, folders))}


def test_on_path_outside_of_a_virtual_environment_the_name_is_enough(tmp_path: Path) -> None:
    outside, inside = put(tmp_path / "bin"), put(tmp_path / "venv" / "bin")
    (tmp_path / "venv" / "pyvenv.cfg").write_text("")
    both = path_of(inside.parent, outside.parent)
    assert program.on_path(both) == str(outside)
    assert program.program(both, shared=False) == "gitcoord"
    only = path_of(tmp_path / "none", inside.parent)
    assert program.on_path(only) is None
    assert program.program(only, shared=False) == program.installed()
    assert program.program(only, shared=True) == "gitcoord"


def test_what_cannot_be_started_is_not_on_path(tmp_path: Path) -> None:
    path = put(tmp_path / "bin")
    if sys.platform != "win32":
        path.chmod(0o644)
        assert program.on_path(path_of(path.parent)) is None
    assert program.on_path({"PATH": ""}) is None
    assert program.on_path({}) is None


def test_the_installed_program_is_the_one_beside_this_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert os.path.samefile(os.path.dirname(program.installed()), os.path.dirname(sys.executable))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(program.sysconfig, "get_path", lambda *_: str(tmp_path))
    with pytest.raises(ProgramMissing) as missing:
        program.installed()
    assert missing.value.code == "program_missing"
    assert put(tmp_path / "x")
    (tmp_path / "x" / EXE).rename(tmp_path / EXE)
    assert program.installed() == str(tmp_path / EXE)


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0\\"), min_size=1, max_size=8)


@pytest.mark.skipif(sys.platform == "win32", reason="sh is asked")
@given(st.lists(NAMES, max_size=3))
def test_a_hooks_line_is_one_that_sh_reads_and_that_we_know_again(folders: list[str]) -> None:
    command = "/".join(["", *folders, "gitcoord"])
    line = program.hook_line(command, "claude", "Stop")
    assert shlex.split(line) == [command, "hook", "claude", "Stop"]
    assert program.of_hook({"type": "command", "command": line}, "claude") == command
    assert program.of_hook({"type": "command", "command": line}, "codex") is None


@pytest.mark.parametrize(
    ("handler", "found"),
    [
        ({"command": "gitcoord hook claude Stop"}, "gitcoord"),
        ({"command": '"C:/a b/gitcoord.exe" hook claude Stop'}, "C:/a b/gitcoord.exe"),
        ({"command": r"C:\tools\gitcoord.exe hook claude Stop"}, "C:/tools/gitcoord.exe"),
        ({"command": "gitcoord", "args": ["hook", "claude", "Stop"]}, "gitcoord"),
        ({"command": "gitcoord hook claude"}, "gitcoord"),
        ({"command": "gitcoord hook claudette Stop"}, None),
        ({"command": "gitcoord status"}, None),
        ({"command": "mygitcoord hook claude Stop"}, None),
        ({"command": "echo gitcoord hook claude Stop"}, None),
        ({"command": "echo 'gitcoord"}, None),
        ({"command": ["gitcoord"]}, None),
        ({"prompt": "x"}, None),
        ("gitcoord hook claude Stop", None),
    ],
)  # fmt: skip
def test_hooks_of_ours_are_told_from_others(handler: object, found: str | None) -> None:
    assert program.of_hook(handler, "claude") == found


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ({"command": "gitcoord", "args": ["mcp"]}, "gitcoord"),
        ({"command": r"C:\x\gitcoord.exe", "args": ["mcp", "-v"]}, r"C:\x\gitcoord.exe"),
        ({"command": "gitcoord", "args": []}, None),
        ({"command": "gitcoord", "args": ["serve"]}, None),
        ({"command": "uvx", "args": ["gitcoord", "mcp"]}, None),
        ({"url": "https://example.org"}, None),
        (None, None),
    ],
)  # fmt: skip
def test_a_server_of_ours_is_told_from_others(entry: object, found: str | None) -> None:
    assert program.of_server(entry) == found
