"""Start-up time is a feature: what the quick commands may not load.

Modules are counted, not milliseconds. What click and msgspec bring along
themselves is no fault of ours.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

HEAVY = {
    "asyncio", "dataclasses", "email", "getpass", "http", "inspect", "json", "logging",
    "multiprocessing", "pathlib", "psutil", "pygit2", "random", "rich", "shutil", "ssl",
    "statistics", "subprocess", "tempfile", "unittest", "urllib", "uuid", "yaml", "zipfile",
}  # fmt: skip

# Runs the statement in argv[1] as a command with the remaining arguments and leaves the names
# of all loaded modules in the file argv[2], also when the command ends by `os._exit`.
PROBE = """
import os, sys
statement, report = sys.argv[1:3]
def leave(code=0):
    raise SystemExit(code)
os._exit = leave
del sys.argv[1:3]
sys.argv[0] = "gitcoord"
try:
    exec(statement)
finally:
    loaded = "\\n".join(sys.modules)
    with open(report, "w") as out:
        out.write(loaded)
"""

ENTER = "from gitcoord.entrypoints.main import main"


def environment(home: Path) -> dict[str, str]:
    """Return the caller's environment with a home, identity and git configuration of its own."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("GIT", "GITCOORD_", "COV_", "COVERAGE_"))
    }
    return kept | {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@example.org",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@example.org",
    }


def loaded_by(statement: str, *arguments: str, at: Path, **extra: str) -> tuple[set[str], str]:
    """Run a statement in a new process; return the modules it loaded and what it printed."""
    report = at / "modules"
    done = subprocess.run(
        [sys.executable, "-c", PROBE, statement, str(report), *arguments],
        cwd=at,
        env=environment(at) | {"PYTHONPATH": str(Path(__file__).parent.parent)} | extra,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    modules = set(report.read_text().splitlines())
    report.unlink()
    return {name.split(".")[0] for name in modules}, done.stdout


def heavy(loaded: set[str], at: Path) -> set[str]:
    allowed, _ = loaded_by("import click, msgspec, sqlite3", at=at)
    return loaded & (HEAVY - allowed)


def test_the_probe_sees_what_a_command_loads(tmp_path: Path) -> None:
    loaded, _ = loaded_by("import yaml, os; import tempfile; os._exit(0)", at=tmp_path)
    assert heavy(loaded, tmp_path) >= {"yaml", "tempfile"}


def test_the_entry_point_loads_nothing_heavy(tmp_path: Path) -> None:
    loaded, _ = loaded_by(ENTER, at=tmp_path)
    assert "gitcoord" in loaded
    assert heavy(loaded, tmp_path) == set()


def test_taking_a_lock_loads_nothing_heavy(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, env=environment(tmp_path), check=True)
    run = f"{ENTER}; main()"
    loaded_by(run, "init", at=tmp_path)
    _, started = loaded_by(run, "session", "start", "--json", at=tmp_path)
    session = json.loads(started)["session"]["id"]
    acting = {"GITCOORD_SESSION": session}
    loaded, said = loaded_by(run, "lock", "acquire", "a.py", "--json", at=tmp_path, **acting)
    assert json.loads(said)["locks"][0]["key"] == "a.py"
    assert heavy(loaded, tmp_path) == set()


def test_guarding_a_commit_that_nobody_minds_loads_nothing_heavy(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, env=environment(tmp_path), check=True)
    run = f"{ENTER}; main()"
    loaded, _ = loaded_by(run, "guard", "commit", at=tmp_path)
    assert heavy(loaded, tmp_path) == set()
    loaded_by(run, "init", at=tmp_path)
    loaded_by(run, "session", "start", at=tmp_path)
    loaded_by(run, "lock", "acquire", "a.py", at=tmp_path)
    loaded, said = loaded_by(run, "guard", "commit", "--json", at=tmp_path)
    assert json.loads(said)["checked"] is True
    assert heavy(loaded, tmp_path) == set()


def test_no_command_but_its_own_loads_the_mcp_sdk(tmp_path: Path) -> None:
    # Some commands need a ledger or arguments; what they load shows in their help as well.
    everything = (
        "from gitcoord.entrypoints.cli.root import COMMANDS, cli\n"
        "import click\n"
        "for name in COMMANDS:\n"
        "    cli.get_command(click.Context(cli), name)\n"
    )
    loaded, _ = loaded_by(everything, at=tmp_path)
    assert "gitcoord" in loaded
    assert {"mcp", "mcp_types", "pydantic", "anyio", "starlette"} & loaded == set()
    listed, said = loaded_by(f"{ENTER}; main()", "mcp", "--print-tools", at=tmp_path)
    assert "acquire_lock" in said
    assert {"mcp", "mcp_types", "pydantic", "anyio", "starlette"} & listed == set()


# Names the modules of ours that a command has loaded, on standard error.
NAMING = (
    "import sys\n"
    "try:\n"
    f"    {ENTER}\n"
    "    main()\n"
    "finally:\n"
    "    print('LOADED', *(n for n in sys.modules if n.startswith('gitcoord.')))\n"
)
MEMORY = {
    "gitcoord.domain.memories", "gitcoord.domain.remembering", "gitcoord.domain.recall",
    "gitcoord.domain.relevance", "gitcoord.domain.working_memory", "gitcoord.storage.search",
    "gitcoord.storage.fulltext", "gitcoord.ledger.recalling",
}  # fmt: skip


def test_locks_and_hooks_load_and_open_nothing_of_memory(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, env=environment(tmp_path), check=True)

    def named(*words: str, statement: str = NAMING) -> set[str]:
        _, said = loaded_by(statement, *words, at=tmp_path)
        return set(said.split("LOADED")[1].split())

    named("init")
    named("session", "start")
    named("memory", "remember", "uploads hang")
    named("memory", "set", "plan", "x")
    index = tmp_path / ".git" / "gitcoord" / "memories.sqlite"
    assert not index.exists()
    others = {"gitcoord.domain.remembering", "gitcoord.domain.working_memory"}
    assert named("memory", "recall", "uploads") >= MEMORY - others
    before = index.stat().st_mtime_ns
    body = json.dumps(
        {
            "session_id": "c-1",
            "cwd": str(tmp_path),
            "tool_name": "Edit",
            "tool_input": {"file_path": str(tmp_path / "b.py")},
        }
    )
    typed = (
        f"import os\nr, w = os.pipe()\nos.write(w, {body.encode()!r})\nos.close(w)\nos.dup2(r, 0)\n"
    )
    for words in (
        ("lock", "acquire", "a.py"),
        ("lock", "check", "a.py"),
        ("lock", "release", "--all"),
        ("session", "heartbeat"),
        ("guard", "commit"),
    ):
        assert not named(*words) & MEMORY, words
    for event in ("SessionStart", "PreToolUse", "PostToolUse"):
        assert not named("hook", "claude", event, statement=typed + NAMING) & MEMORY, event
    assert index.stat().st_mtime_ns == before
