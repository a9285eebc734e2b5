"""`gitcoord setup`: shown first, written on a yes, checked, undone; and what others say of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gitcoord.clients.program import installed
from tests.entrypoints.door import Door
from tests.entrypoints.program import COMMAND
from tests.gitrun import git

CLIENTS = ("claude", "codex", "gemini", "git")
each = pytest.mark.parametrize("client", CLIENTS)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the user a home of its own, and a PATH without any gitcoord."""
    own = tmp_path / "home"
    own.mkdir()
    kept = [
        folder
        for folder in os.environ["PATH"].split(os.pathsep)
        if shutil.which("gitcoord", path=folder) is None
        and shutil.which("codex", path=folder) is None
    ]
    monkeypatch.setenv("PATH", os.pathsep.join(kept))
    monkeypatch.setenv("HOME", str(own))
    monkeypatch.setenv("USERPROFILE", str(own))
    return own


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program of that name on PATH, outside of any virtual environment."""
    folder = tmp_path / "bin"
    folder.mkdir()
    name = "gitcoord.exe" if sys.platform == "win32" else "gitcoord"
    (folder / name).write_text("")
    (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def files(door: Door) -> dict[str, bytes]:
    """Return every file of the worktree, the hooks of git and the user's home."""
    found = {}
    for top in (door.place, os.environ["HOME"]):
        for folder, below, names in os.walk(top):
            if os.path.basename(folder) == ".git":
                below[:] = ["hooks", "info"]
                continue
            for name in names:
                path = os.path.join(folder, name)
                found[path] = Path(path).read_bytes()
    return found


def setting(door: Door, key: str) -> str:
    return git(door.place, "config", "--default", "", "--get", key).strip()


@each
def test_without_a_terminal_it_shows_the_changes_and_writes_nothing(
    door: Door, client: str
) -> None:
    before = files(door)
    said = door("setup", client, code=2)
    assert said.startswith("--- /dev/null\n+++ b/") or "new file mode" in said
    assert f"next: Run `gitcoord setup {client} --yes`." in door.err
    assert door.refused("setup", client, code=2)["diff"] == said
    assert files(door) == before


@pytest.mark.parametrize(
    "words",
    [
        ("claude", "--skills"),
        ("codex", "--mode", "warn"),
        ("gemini", "--scope", "project"),
        ("claude", "--scope", "local", "--mode", "off", "--skills"),
    ],
)
def test_what_is_said_to_be_run_next_does_what_was_asked_for(
    door: Door, words: tuple[str, ...]
) -> None:
    def next_command() -> list[str]:
        said = door.err.partition("next: Run `gitcoord ")[2]
        return said.partition("`")[0].split()

    door("setup", *words, code=2)
    again = next_command()
    assert sorted(again) == sorted(["setup", *words, "--yes"])
    door(*again)
    before = files(door)
    scope = words[1:3] if "--scope" in words else ()
    door("setup", words[0], *scope, "--remove", code=2)
    assert sorted(next_command()) == sorted(["setup", words[0], *scope, "--remove", "--yes"])
    assert files(door) == before
    missing = door("setup", words[0], "--scope", "user", "--check", code=3)
    assert f"Run `gitcoord setup {words[0]} --scope user`." in missing


@each
def test_with_a_yes_it_is_written_checked_and_undone(door: Door, client: str) -> None:
    before = files(door)
    assert door.json("setup", client, "--check", code=3)["missing"]
    done = door.json("setup", client, "--yes")
    assert done["changed"]
    assert done["diff"].count("+++ b/") == len(done["changed"])
    assert door.json("setup", client, "--check")["missing"] == []
    assert door("setup", client, "--check") == f"{client} is set up (project)\n"
    assert door.json("setup", client, "--yes")["changed"] == []
    assert "there is nothing to do" in door("setup", client)
    shown = files(door)
    assert "setup" in door("setup", client, "--remove", code=2) + door.err
    assert files(door) == shown
    undone = door.json("setup", client, "--remove", "--yes")
    assert sorted(undone["changed"]) == sorted(done["changed"])
    assert files(door) == before
    assert door("setup", client, "--remove", "--yes") == "there is nothing to undo\n"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo terminal")
@pytest.mark.parametrize(("answer", "written"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_on_a_terminal_it_asks(door: Door, answer: str, written: bool) -> None:
    import pty

    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [*COMMAND, "setup", "gemini"], cwd=door.place, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    os.write(ours, answer.encode())
    said = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        if not part:
            break
        said += part
    os.close(ours)
    assert child.wait() == (0 if written else 2)
    assert b"Write this? [y/N]" in said
    assert os.path.exists(os.path.join(door.place, "GEMINI.md")) == written


def test_what_is_missing_is_listed_with_its_file(door: Door) -> None:
    door("setup", "claude", "--yes")
    path = Path(door.place, ".claude", "settings.json")
    said = json.loads(path.read_text())
    del said["hooks"]["Stop"]
    path.write_text(json.dumps(said))
    found = door.json("setup", "claude", "--check", code=3)["missing"]
    assert found == [{"path": str(path), "what": "hook Stop"}]
    assert "hook Stop" in door("setup", "claude", "--check", code=3)


def test_a_file_that_is_no_json_is_refused_and_nothing_is_written(door: Door) -> None:
    door.write(".mcp.json", "{")
    before = files(door)
    error = door.refused("setup", "claude", "--yes", code=2)
    assert error["code"] == "invalid_file"
    assert ".mcp.json is left as it is: line 1 is no JSON" in error["message"]
    assert door.refused("setup", "claude", "--check", code=2)["code"] == "invalid_file"
    assert files(door) == before


def command_of(door: Door, name: str = ".mcp.json") -> str:
    said = json.loads(Path(door.place, name).read_text())
    found = said["mcpServers"]["gitcoord"]["command"]
    assert isinstance(found, str)
    return found


def test_a_program_in_a_virtual_environment_is_named_with_its_folder(door: Door) -> None:
    done = door.json("setup", "claude", "--yes")
    assert command_of(door) == installed()
    assert any("a path of this machine" in note for note in done["notes"])
    hook = json.loads(Path(door.place, ".claude/settings.json").read_text())["hooks"]["Stop"]
    started = subprocess.run(
        ["sh", "-c", hook[0]["hooks"][0]["command"]],
        cwd=door.place,
        input="{}",
        text=True,
        env={"PATH": "/usr/bin:/bin", "HOME": os.environ["HOME"]},
        capture_output=True,
    )
    assert (started.returncode, started.stderr) == (0, "")


def test_files_that_are_asked_for_for_all_name_the_program_plainly(door: Door) -> None:
    done = door.json("setup", "claude", "--scope", "project", "--yes")
    assert command_of(door) == "gitcoord"
    assert any("name plain `gitcoord`" in note for note in done["notes"])
    # Somebody else's set-up, as it came with the repository, is not made one of this machine.
    assert door.json("setup", "claude", "--yes")["changed"] == []
    door("setup", "claude", "--scope", "local", "--yes")
    private = json.loads(Path(os.environ["HOME"], ".claude.json").read_text())
    (project,) = private["projects"].values()
    assert project["mcpServers"]["gitcoord"]["command"] == installed()


@pytest.mark.usefixtures("on_path")
@pytest.mark.parametrize("scope", [(), ("--scope", "local"), ("--scope", "user")])
def test_a_program_on_path_is_named_plainly(door: Door, scope: tuple[str, ...]) -> None:
    done = door.json("setup", "gemini", *scope, "--yes")
    assert not any("WARNING" in note for note in done["notes"])
    place = os.environ["HOME"] if "user" in scope else door.place
    assert command_of(door, os.path.join(place, ".gemini/settings.json")) == "gitcoord"


def test_the_mode_is_a_setting_of_this_clone(door: Door) -> None:
    shown = door("setup", "codex", "--mode", "warn", code=2)
    assert shown.endswith("git config coord.hookMode warn\n")
    assert setting(door, "coord.hookMode") == ""
    assert door.json("setup", "codex", "--mode", "warn", "--yes")["setting"] == (
        "coord.hookMode warn"
    )
    assert door.json("config", "hook_mode")["setting"]["value"] == "warn"
    assert door.json("setup", "codex", "--mode", "warn", "--yes")["setting"] is None
    door("setup", "codex", "--mode", "off", "--yes")
    assert setting(door, "coord.hookMode") == "off"


def test_the_skills_of_the_workflow_come_when_asked_for_and_go_with_the_rest(door: Door) -> None:
    before = files(door)
    door("setup", "codex", "--yes")
    door("setup", "codex", "--skills", "--yes")
    folder = Path(door.place, ".codex", "skills")
    assert len(list(folder.iterdir())) == 13
    door("setup", "codex", "--remove", "--yes")
    assert files(door) == before
    assert not Path(door.place, ".codex").exists()


@pytest.mark.parametrize("client", ["cursor", "copilot", "opencode"])
def test_clients_that_are_not_written_are_printed_as_not_tried(door: Door, client: str) -> None:
    before = files(door)
    said = door("setup", client, "--print")
    assert "we have not run gitcoord with it" in said
    found = door.json("setup", client, "--print")["files"]
    assert "gitcoord" in json.dumps(json.loads(found[0]["text"]))
    assert found[1]["path"] == "AGENTS.md"
    # No hook locks for them, so that they must not be told so.
    assert "Hooks lock" not in found[1]["text"]
    assert "`acquire_lock`" in found[1]["text"]
    for words in (("--scope", "user"), ("--skills",)):
        assert door.refused("setup", client, "--print", *words, code=2)["code"] == "usage"
    error = door.refused("setup", client, "--yes", code=2)
    assert error["hint"] == f"Run `gitcoord setup {client} --print` and enter it by hand."
    assert files(door) == before


@each
def test_what_would_be_written_can_be_printed(door: Door, client: str) -> None:
    before = files(door)
    found = door.json("setup", client, "--print")["files"]
    assert files(door) == before
    door("setup", client, "--yes")
    assert {one["path"]: one["text"] for one in found} == {
        path: data.decode() for path, data in files(door).items() if path not in before
    }


@pytest.mark.parametrize(
    "words",
    [
        ("claude", "--check", "--remove"),
        ("claude", "--check", "--mode", "warn"),
        ("git", "--scope", "local"),
        ("git", "--mode", "warn"),
        ("emacs",),
        ("claude", "--scope", "world"),
    ],
)
def test_what_does_not_go_together_is_refused(door: Door, words: tuple[str, ...]) -> None:
    before = files(door)
    assert door.refused("setup", *words, "--yes", code=2)["code"] == "usage"
    assert files(door) == before


def test_the_doctor_sees_what_is_set_up_and_what_keeps_it_from_working(door: Door) -> None:
    assert "client" not in door("doctor")
    for client in CLIENTS:
        door("setup", client, "--yes")
    found = findings(door)
    assert [one["message"] for one in found if one["code"] == "client_setup"] == [
        "Claude Code (project) is set up, and all of it is current",
        "Codex (project) is set up, and all of it is current",
        "Gemini CLI (project) is set up, and all of it is current",
        "the hooks of git are set up, and all are current",
    ]
    assert {one["code"] for one in found} >= {"codex_folder", "gemini_folder"}
    Path(door.place, ".mcp.json").unlink()
    os.unlink(os.path.join(door.place, ".git", "hooks", "pre-push"))
    wrong = [one for one in findings(door) if one["severity"] == "warning"]
    said = " ".join(one["message"] for one in wrong)
    assert f"missing or old: MCP server in {door.place}/.mcp.json" in said
    assert "the hook pre-push is not there" in said
    assert {one["hint"] for one in wrong} >= {
        "Run `gitcoord setup claude --scope project`.",
        "Run `gitcoord setup git`.",
    }


def test_the_doctor_misses_a_program_that_is_gone(door: Door) -> None:
    door("setup", "claude", "--scope", "project", "--yes")
    (plain,) = [one for one in findings(door) if one["code"] == "client_program"]
    assert "starts plain `gitcoord`" in plain["message"]
    assert "--scope local" in plain["hint"]
    path = Path(door.place, ".mcp.json")
    path.write_text(path.read_text().replace('"gitcoord",', '"/gone/gitcoord",'))
    said = " ".join(one["message"] for one in findings(door))
    assert "starts /gone/gitcoord, which is not there" in said


def test_the_doctor_says_when_a_client_has_all_hooks_off(door: Door) -> None:
    for client in ("claude", "gemini"):
        door("setup", client, "--yes")
    for name, member in (
        (".claude", '"disableAllHooks": true,'),
        (".gemini", '"hooksConfig": {"enabled": false},'),
    ):
        path = Path(door.place, name, "settings.json")
        path.write_text(path.read_text().replace("{", "{" + member, 1))
    assert {one["code"] for one in findings(door)} >= {"claude_hooks_off", "gemini_hooks_off"}


def findings(door: Door) -> list[dict[str, str]]:
    return [
        one
        for one in door.json("doctor")["findings"]
        if one["code"].startswith(("client_", "claude_", "codex_", "gemini_"))
    ]


def test_uninstalling_undoes_what_is_set_up_here_and_names_what_is_the_users(door: Door) -> None:
    before = files(door)
    door("setup", "gemini", "--scope", "user", "--yes")
    users = files(door)
    for client in CLIENTS:
        door("setup", client, "--yes")
    door("setup", "claude", "--scope", "local", "--yes")
    door("session", "end", code=2)
    there = files(door)
    planned = door.json("uninstall", "--dry-run")["setups"]
    assert files(door) == there
    assert {(one["client"], one["scope"], bool(one["stays"])) for one in planned} == {
        ("claude", "project", False), ("claude", "local", False), ("codex", "project", False),
        ("gemini", "project", False), ("gemini", "user", True), ("git", "project", False),
    }  # fmt: skip
    said = door("uninstall", "--yes")
    assert "removed the set-up of codex (project)" in said
    assert "the set-up of gemini (user) stays" in said
    assert files(door) == users
    door("setup", "gemini", "--scope", "user", "--remove", "--yes")
    assert files(door) == before


def test_uninstalling_goes_on_past_a_file_that_cannot_be_changed(door: Door) -> None:
    door("setup", "claude", "--yes")
    door.write("CLAUDE.md", "<!-- gitcoord: end -->\n")
    said = door("uninstall", "--yes")
    assert "the set-up of claude (project) stays:" in said
    assert git(door.place, "for-each-ref", "refs/coord") == ""
