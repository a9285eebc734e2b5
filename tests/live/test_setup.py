"""What `gitcoord setup` writes, read by the real clients, offline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gitcoord.clients.claude import plugin_folder
from gitcoord.clients.codex import trust
from gitcoord.clients.plan import Facts
from gitcoord.clients.present import make
from gitcoord.clients.skills import GENERAL, WORKFLOW
from gitcoord.entrypoints.cli.root import COMMANDS
from gitcoord.storage.repository import find
from tests.acceptance.shell import Shell
from tests.gitrun import git
from tests.live.claude import Claude
from tests.live.clients import Client
from tests.live.codex import Codex
from tests.live.gemini import GeminiCli
from tests.live.kinds import EACH, installed
from tests.live.script import Write, do, say

PROGRAM = str(Path(sys.executable).with_name("gitcoord"))
#: Whether what the clients are told to start is there already.
SERVES = "mcp" in COMMANDS
needs_server = pytest.mark.skipif(not SERVES, reason="gitcoord has no MCP server yet")


def place(kind: type[Client], root: Path) -> tuple[Client, Shell]:
    """Make a repository with a ledger and a client in it, and return both."""
    repo = root / "repo"
    git(str(root), "init", "-q", str(repo))
    git(str(repo), "commit", "-q", "--allow-empty", "-m", "first")
    client = installed(kind)(root / "client", repo)
    shell = Shell(str(repo))
    shell("init")
    return client, shell


def set_up(client: Client, *words: str) -> None:
    """Run `gitcoord setup` in the client's own surroundings."""
    done = subprocess.run(
        [PROGRAM, "setup", client.name, *words, "--yes"],
        cwd=client.worktree,
        env=client.environ(""),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(**EACH)
def there(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Client, Shell]:
    return place(request.param, tmp_path)


#: What the others send to their model, below, has the server's tools; Codex looks for them later.
LISTED = [(Claude, "project"), (GeminiCli, "project"), (GeminiCli, "local")]


@pytest.mark.parametrize(
    ("there", "scope"),
    [*LISTED, *((Codex, scope) for scope in ("project", "local", "user"))],
    indirect=["there"],
    ids=lambda one: getattr(one, "name", one),
)
def test_the_client_lists_our_server(there: tuple[Client, Shell], scope: str) -> None:
    client, _ = there
    set_up(client, "--scope", scope)
    said = listing(client)
    if client.name == "codex":
        # It does not connect.
        (server,) = json.loads(said)
        assert (server["name"], server["enabled"]) == ("gitcoord", True)
        return
    assert "gitcoord mcp" in said
    (line,) = (line for line in said.splitlines() if "gitcoord" in line)
    if SERVES:
        assert line.endswith(" Connected")
        assert "✔" in line or "✓" in line


def listing(client: Client) -> str:
    """Return what the client says of its MCP servers."""
    said = client.ask(*client.listing)
    assert said.returncode == 0, said.stderr
    # Gemini CLI lists on standard error where standard output is no terminal.
    return said.stdout or said.stderr


@needs_server
@pytest.mark.parametrize("scope", ["project", "local", "user"])
def test_the_client_runs_our_hooks_and_reads_our_instructions(
    there: tuple[Client, Shell], scope: str
) -> None:
    client, shell = there
    if scope == "local" and client.name != "claude":
        pytest.skip("it reads the files of the project then")
    set_up(client, "--scope", scope)
    file = client.worktree / "made.txt"
    ran = client.run(do(Write(str(file), "made\n")), say("Done."))
    assert ran.code == 0, ran.err
    assert ran.stub.unknown == []
    assert file.read_text() == "made\n"
    (session,) = shell("session", "list", "--all")["sessions"]
    assert (session["client"], session["status"]) == (client.name, "ended")
    (change,) = shell("change", "list")["changes"]
    assert change["path"] == "made.txt"
    asked = json.dumps(ran.stub.requests[0])
    if client.name != "codex":
        assert "acquire_lock" in json.dumps(ran.stub.requests[0]["tools"])
    assert asked.count("Other agents work here too") == 1
    assert "Work beside other agents in one repository" in asked


def claude(root: Path) -> Client:
    return place(Claude, root)[0]


@pytest.mark.parametrize("scope", ["project", "local"])
def test_claude_still_reads_agents_md(tmp_path: Path, scope: str) -> None:
    client = claude(tmp_path)
    (client.worktree / "AGENTS.md").write_text("Rules of the house: whistle.\n")
    set_up(client, "--scope", scope)
    ran = client.run(say("Done."))
    asked = json.dumps(ran.stub.requests)
    assert asked.count("Rules of the house: whistle.") == 1
    assert asked.count("Other agents work here too") == 1


@pytest.mark.parametrize(
    "folder", [plugin_folder.FOLDER, os.path.dirname(plugin_folder.FOLDER), None]
)
def test_claude_accepts_the_plugin_and_the_marketplaces(tmp_path: Path, folder: str | None) -> None:
    client = claude(tmp_path)
    root = Path(__file__).resolve().parents[2]
    said = client.ask("plugin", "validate", "--strict", "--json", folder or str(root))
    assert said.returncode == 0, said.stdout


def test_claude_installs_the_plugin_with_all_that_is_in_it(tmp_path: Path) -> None:
    client = claude(tmp_path)
    market = os.path.dirname(plugin_folder.FOLDER)
    assert client.ask("plugin", "marketplace", "add", market).returncode == 0
    assert client.ask("plugin", "install", "gitcoord@gitcoord").returncode == 0
    said = client.ask("plugin", "list").stdout
    assert "enabled" in said
    details = client.ask("plugin", "details", "gitcoord").stdout
    assert all(name in details for name in (GENERAL, *WORKFLOW))
    assert f"Hooks ({len(plugin_folder.groups('x'))})" in details
    listed = client.ask("mcp", "list").stdout
    assert "plugin:gitcoord:gitcoord" in listed


@pytest.mark.parametrize("scope", ["project", "user"])
def test_codex_knows_every_word_of_its_configuration(tmp_path: Path, scope: str) -> None:
    client, _ = place(Codex, tmp_path)
    set_up(client, "--scope", scope)
    check = ("app-server", "--strict-config", "--print-startup-config")
    assert client.ask(*check).returncode == 0
    (server,) = json.loads(client.ask("mcp", "list", "--json").stdout)
    assert (server["name"], server["transport"]["args"]) == ("gitcoord", ["mcp"])
    assert server["startup_timeout_sec"] == 20
    # A word that it does not know is an error, so that the test above says something.
    name = ".codex/config.toml"
    config = client.worktree / name if scope == "project" else client.home / name
    config.write_text(config.read_text().replace("required =", "requires ="))
    said = client.ask(*check)
    assert said.returncode != 0
    assert "requires" in said.stdout


def test_codex_says_of_our_hooks_what_we_read_ourselves(tmp_path: Path) -> None:
    client, _ = place(Codex, tmp_path)
    set_up(client)
    environ = client.environ("")
    folder = Path(client.worktree)
    facts = Facts(find(str(folder), environ), PROGRAM, environ)
    hooks = folder / ".codex" / "hooks.json"
    path = str(Path(client.ask("--version").args[0]).parent)
    environ["PATH"] = f"{path}{os.pathsep}{environ['PATH']}"
    said = trust.asked(facts, str(hooks))
    assert said is not None
    assert set(said.states.values()) == {"untrusted"}
    config = Path(environ["CODEX_HOME"], "config.toml")
    groups = json.loads(hooks.read_text())["hooks"]
    with config.open("a") as file:
        for number, (event, (group,)) in enumerate(sorted(groups.items())):
            key = f"{hooks.resolve()}:{trust._snake(event)}:0:0"
            digest = trust.digest(event, group, group["hooks"][0])
            state = f'trusted_hash = "{digest}"' if number else 'trusted_hash = "sha256:0"'
            file.write(f"\n[hooks.state.{json.dumps(key)}]\n{state}\n")
    said = trust.asked(facts, str(hooks))
    assert said is not None
    assert sorted(said.states.values()) == ["modified"] + ["trusted"] * (len(groups) - 1)
    assert trust.recorded(trust._config(facts), str(hooks)).states == said.states
    (found,) = trust.findings(facts, make("codex", facts, "project"))
    assert found.message.startswith(f"Codex skips 1 of {len(groups)} hooks without a word")


def test_in_codexs_sandbox_skills_are_sent_to_the_server(tmp_path: Path) -> None:
    client, _ = place(Codex, tmp_path)
    writing = 'sandbox_mode="workspace-write"'
    told = ("sandbox", "--config", writing, "--", PROGRAM, "context", "--env")
    assert "COORDINATION_REASON=read_only" in client.ask(*told).stdout.splitlines()
    set_up(client)
    said = client.ask(*told)
    assert said.returncode == 0, said.stderr
    assert {"COORDINATION_TRANSPORT=mcp", "CAN_LOCK=true"} <= set(said.stdout.splitlines())
