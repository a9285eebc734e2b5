"""The README's terminal session, run word for word: what it shows is what happens."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gitrun import git

README = Path(__file__).parents[2] / "README.md"
#: What differs from run to run, and what stands for it.
VARYING = (
    (re.compile(r"\b([a-z])-[0-9a-z]{10}\b"), r"\1-ID"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "TIME"),
    (re.compile(r"^[0-9a-f]{7,40}(?= )", re.MULTILINE), "OID"),
    (re.compile(r"\b\d+[smh]\b( ago)?"), "SPAN"),
    (re.compile(r"[ \t]+$", re.MULTILINE), ""),
    (re.compile(r"  +"), "  "),
)


def block(name: str) -> str:
    """Return the fenced block between two markers."""
    text = README.read_text(encoding="utf-8")
    found = re.search(
        rf"<!-- begin: {name} -->\n```\w+\n(.*?)```\n<!-- end: {name} -->", text, re.DOTALL
    )
    assert found, f"README has no block {name!r}"
    return found[1]


def steps(text: str) -> list[tuple[str, str]]:
    """Return (command, output) of each step of a console block."""
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]
    return [(part.partition("\n")[0], part.partition("\n")[2]) for part in parts]


def steady(text: str) -> str:
    """Return the text with what varies replaced."""
    for pattern, word in VARYING:
        text = pattern.sub(word, text)
    return text.strip()


@pytest.mark.skipif(shutil.which("sh") is None, reason="needs a POSIX shell")
def test_the_readme_session_does_what_it_shows(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    (shop / "src" / "auth").mkdir(parents=True)
    (shop / "src" / "auth" / "login.py").write_text("user = None\n")
    (shop / "README.md").write_text("# Shop\n")
    git(str(shop), "init", "-q")
    git(str(shop), "add", ".")
    git(str(shop), "commit", "-q", "-m", "first")
    programs = Path(sys.executable).parent
    environ = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "USER": "eve"}
    for command, shown in steps(block("session")):
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=shop,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        said = done.stdout.replace(str(shop), "~/shop")
        assert steady(said) == steady(shown), f"$ {command}"
