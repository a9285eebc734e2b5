"""A world of its own for git in every test: no user, no system, one identity, fixed dates."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import hypothesis
import pytest

from tests.gitrun import git

CONFIG = """[user]
\tname = Test
\temail = test@example.invalid
[init]
\tdefaultBranch = main
[gc]
\tauto = 0
[commit]
\tgpgSign = false
"""


#: Bytes that the temporary repositories of a whole run stay well below.
ROOM = 2 * 1024**3


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return the workers of `-n auto`: most tests wait for processes that they have started."""
    return max(3, (os.cpu_count() or 1) * 2)


def pytest_configure(config: pytest.Config) -> None:
    # How fast the machine is decides nothing; the examples are others in every run.
    hypothesis.settings.register_profile(
        "gitcoord",
        max_examples=50,
        deadline=None,
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
    )
    hypothesis.settings.load_profile("gitcoord")
    # Thousands of processes that each compile the whole package anew would be most of the work.
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # Shells start what runs in the background with interrupts ignored, and children inherit it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Every transaction is synced to the disk; thousands of them are quicker in memory.
    memory = Path("/dev/shm")
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory))
    # Where `tests/npm.txt` is installed, in the user's own cache; worker processes inherit it.
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    os.environ.setdefault("TESTS_NPM_CACHE", os.path.join(cache, "gitcoord-tests", "npm"))
    # Where Node keeps what it has compiled of them.
    os.environ.setdefault("NODE_COMPILE_CACHE", os.path.join(cache, "gitcoord-tests", "node"))
    home = tempfile.mkdtemp(prefix="gitcoord-tests-")
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    for name in list(os.environ):
        if name.startswith(("GIT_", "GITCOORD_", "XDG_", "CLAUDE", "CODEX_", "GEMINI_")):
            del os.environ[name]
    settings = Path(home, "gitconfig")
    settings.write_text(CONFIG, encoding="utf-8")
    os.environ.update(
        HOME=home,
        USERPROFILE=home,
        GIT_CONFIG_NOSYSTEM="1",
        GIT_CONFIG_GLOBAL=str(settings),
        GIT_TERMINAL_PROMPT="0",
        GIT_AUTHOR_DATE="2026-01-02T03:04:05Z",
        GIT_COMMITTER_DATE="2026-01-02T03:04:05Z",
    )
    try:
        import pygit2
        from pygit2.enums import ConfigLevel
    except ImportError:
        return
    for level in (ConfigLevel.SYSTEM, ConfigLevel.XDG, ConfigLevel.GLOBAL):
        pygit2.settings.search_path[level] = home


def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile the tests once, where every worker would compile all of them for itself."""
    here = Path(__file__).parent
    compiled = any(here.glob("domain/__pycache__/test_*.pyc"))
    if compiled or not session.config.getoption("numprocesses", None):
        return
    files = [str(file) for file in sorted(here.rglob("test_*.py"))]
    collect = [sys.executable, "-m", "pytest", "--collect-only", "-qq", "-n0"]
    count = os.cpu_count() or 1
    parts = [
        subprocess.Popen([*collect, *files[part::count]], stdout=subprocess.DEVNULL)
        for part in range(count)
    ]
    for part in parts:
        part.wait()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Spare the collector the thousands of tests, which stay until the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def empty_repo(tmp_path: Path) -> str:
    """Make a repository without commits."""
    path = str(tmp_path / "empty")
    git(str(tmp_path), "init", "-q", path)
    return path


@pytest.fixture
def repo(tmp_path: Path) -> str:
    """Make a repository with one commit on main."""
    return first_commit(tmp_path / "repo")


@pytest.fixture
def bare_repo(tmp_path: Path) -> str:
    """Make a bare repository without commits."""
    path = str(tmp_path / "bare.git")
    git(str(tmp_path), "init", "-q", "--bare", path)
    return path


@pytest.fixture
def sha256_repo(tmp_path: Path) -> str:
    """Make a repository with SHA-256 objects and one commit."""
    return first_commit(tmp_path / "sha256", "--object-format=sha256")


@pytest.fixture
def linked_worktree(repo: str, tmp_path: Path) -> str:
    """Make a linked worktree, on branch `linked`, of `repo`."""
    path = str(tmp_path / "linked")
    git(repo, "worktree", "add", "-q", "-b", "linked", path)
    return path


def first_commit(path: Path, *options: str) -> str:
    """Make a repository with one commit of one file."""
    shutil.copytree(_prepared(*options), path, symlinks=True)
    # The index remembers which files it has seen.
    git(str(path), "update-index", "-q", "--refresh")
    return str(path)


@cache
def _prepared(*options: str) -> str:
    """Make what `first_commit` copies: one process for each repository instead of three."""
    folder = tempfile.mkdtemp(dir=os.environ.get("PYTEST_DEBUG_TEMPROOT"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    git(folder, "init", "-q", *options)
    Path(folder, "README").write_text("hello\n", encoding="utf-8")
    git(folder, "add", "README")
    git(folder, "commit", "-q", "-m", "first")
    return folder
