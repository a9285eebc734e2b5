"""What installs gitcoord for the actions; the other tests let it find what it would have made."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.actions.runner import ACTIONS

#: A Python that is what it says when it is asked, and does nothing else.
PYTHON = '#!/bin/sh\ncase "$1" in -c) exit {asked} ;; *) exit 1 ;; esac\n'


def install(place: Path, path: str) -> subprocess.CompletedProcess[str]:
    """Run it as a step does, with only these programs."""
    bash = shutil.which("bash")
    if sys.platform == "win32" or bash is None:
        pytest.skip("there is no bash of this system")
    temp = place / "temp"
    temp.mkdir(exist_ok=True)
    environ = {"PATH": path, "RUNNER_TEMP": str(temp), "GITHUB_PATH": str(place / "path")}
    kept = {name: text for name, text in os.environ.items() if name.startswith("PIP_")}
    return subprocess.run(
        [bash, str(ACTIONS / "install")], env=kept | environ, capture_output=True, text=True
    )


def programs(place: Path, asked: int) -> str:
    """Make a folder with a Python that answers so to the question for its version."""
    folder = place / "programs"
    folder.mkdir()
    for name in ("python3", "python"):
        (folder / name).write_text(PYTHON.format(asked=asked), encoding="utf-8")
        (folder / name).chmod(0o755)
    for name in ("dirname", "cat"):
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return str(folder)


def test_a_python_that_is_too_old_is_told_with_what_to_do(tmp_path: Path) -> None:
    done = install(tmp_path, programs(tmp_path, asked=1))
    assert done.returncode == 1
    assert "::error title=gitcoord::gitcoord needs Python 3.11 or newer" in done.stderr
    assert not (tmp_path / "path").exists()


def test_an_installation_that_fails_is_no_installation(tmp_path: Path) -> None:
    path = programs(tmp_path, asked=0)
    for _ in range(2):
        assert install(tmp_path, path).returncode == 1
        assert not (tmp_path / "path").exists()
        assert not (tmp_path / "temp" / "gitcoord" / "ready").exists()


def test_what_is_installed_is_found_again(tmp_path: Path) -> None:
    ready = tmp_path / "temp" / "gitcoord" / "ready"
    ready.parent.mkdir(parents=True)
    ready.write_text("/where/it/is\n", encoding="utf-8")
    for _ in range(2):
        assert install(tmp_path, os.environ["PATH"]).stdout == "/where/it/is\n"
    assert (tmp_path / "path").read_text() == "/where/it/is\n/where/it/is\n"


@pytest.mark.soak
def test_it_installs_gitcoord_and_what_that_needs(tmp_path: Path) -> None:
    done = install(tmp_path, os.environ["PATH"])
    assert done.returncode == 0, done.stderr
    inside = Path(done.stdout.strip())
    assert (tmp_path / "path").read_text() == done.stdout
    said = subprocess.run([inside / "gitcoord", "--version"], capture_output=True, text=True)
    assert said.stdout.startswith("gitcoord ")
    subprocess.run([inside / "python", "-c", "import github"], check=True)
