"""The conformance suite of the protocol, as far as it applies, against the server over HTTP."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.entrypoints.door import Door
from tests.npm import node, package

ROOT = Path(__file__).parents[3]
ROWS = re.findall(
    r"^\| `([a-z0-9-]+)` \| (passes|does not apply) \|(.*)\|$",
    (ROOT / "docs" / "mcp.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)
PASSES = [name for name, result, _ in ROWS if result == "passes"]


def program() -> list[str]:
    return [node(), str(package("@modelcontextprotocol/conformance") / "dist" / "index.js")]


@pytest.fixture
def url(door: Door, tmp_path: Path) -> Iterator[str]:
    """Serve the repository to a program that cannot send a token."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.entrypoints.mcp.open_server", door.place],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stderr is not None
        line = child.stderr.readline()
        assert " listening on " in line, line + child.stderr.read()
        yield line.split()[-1]
        child.kill()


def test_every_scenario_of_the_suite_stands_in_the_document() -> None:
    listed = subprocess.run(
        [*program(), "list", "--server"], capture_output=True, text=True, check=True
    )
    known = re.findall(r"^ +- ([a-z0-9-]+)", listed.stdout, re.MULTILINE)
    assert known
    assert sorted(name for name, _, _ in ROWS) == sorted(known)
    assert [name for name, result, why in ROWS if (result == "passes") == bool(why.strip())] == []


def test_what_applies_passes(url: str, tmp_path: Path) -> None:
    assert len(PASSES) >= 7
    for name in PASSES:
        done = subprocess.run(
            [*program(), "server", "--url", url, "--scenario", name],
            cwd=tmp_path,
            env=os.environ | {"NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=120,
        )
        said = done.stdout + done.stderr
        assert done.returncode == 0, f"{name}: {said}"
        assert re.search(r"Passed: [1-9]", said), f"{name}: {said}"
