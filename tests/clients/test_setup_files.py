"""Set-ups of whole clients: which files, what stays, and undoing to the byte."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitcoord.clients import setup as setups
from gitcoord.clients.plan import apply, diff
from gitcoord.clients.present import everywhere, make, present
from gitcoord.clients.setup import Scope
from gitcoord.errors import InvalidFile, NotARepository, UsageError
from tests.clients.repositories import PROGRAM, Place
from tests.clients.settings import texts
from tests.gitrun import git

CLIENTS = ("claude", "codex", "gemini")
FILES = {
    ("claude", "project"): [
        ".claude/settings.json", ".mcp.json", "CLAUDE.md", ".claude/skills/gitcoord/SKILL.md",
    ],
    ("claude", "local"): [
        ".claude/settings.local.json", ".claude.json", "CLAUDE.local.md",
        ".claude/skills/gitcoord/SKILL.md", ".git/info/exclude",
    ],
    ("claude", "user"): [
        ".claude/settings.json", ".claude.json", ".claude/CLAUDE.md",
        ".claude/skills/gitcoord/SKILL.md",
    ],
    ("codex", "project"): [
        ".codex/hooks.json", ".codex/config.toml", "AGENTS.md", ".codex/skills/gitcoord/SKILL.md",
    ],
    ("codex", "local"): [
        ".codex/hooks.json", ".codex/config.toml", "AGENTS.md", ".codex/skills/gitcoord/SKILL.md",
        ".git/info/exclude",
    ],
    ("codex", "user"): [
        ".codex/hooks.json", ".codex/config.toml", ".codex/AGENTS.md",
        ".codex/skills/gitcoord/SKILL.md",
    ],
    ("gemini", "project"): [
        ".gemini/settings.json", "GEMINI.md", ".gemini/skills/gitcoord/SKILL.md",
    ],
    ("gemini", "local"): [
        ".gemini/settings.json", "GEMINI.md", ".gemini/skills/gitcoord/SKILL.md",
        ".git/info/exclude",
    ],
    ("gemini", "user"): [
        ".gemini/settings.json", ".gemini/GEMINI.md", ".gemini/skills/gitcoord/SKILL.md",
    ],
}  # fmt: skip
each = pytest.mark.parametrize(("client", "scope"), FILES, ids="-".join)
each_client = pytest.mark.parametrize("client", CLIENTS)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@each
def test_it_writes_these_files_once_and_undoing_leaves_nothing(
    place: Place, client: str, scope: Scope
) -> None:
    before = place.tree()
    assert place.install(client, scope) == [os.path.normpath(name) for name in FILES[client, scope]]
    assert place.install(client, scope) == []
    assert setups.lacks(make(client, place.facts(), scope)) == []
    assert [one.scope for one in present(place.facts(), client)] == [scope]
    place.remove(client, scope)
    assert place.tree() == before
    assert place.remove(client, scope) == []
    assert list(everywhere(place.facts())) == []


@each
def test_without_the_old_bytes_what_is_ours_is_taken_out(
    place: Place, client: str, scope: Scope
) -> None:
    place.install(client, scope)
    for path in place.backups(client).paths():
        place.backups(client).forget(path)
    place.remove(client, scope)
    left = {name for name, data in place.tree().items() if data}
    assert left <= {"repo/.git/info/exclude"}
    assert "gitcoord" not in (place.repo / ".git/info/exclude").read_text()


@each
def test_what_is_done_for_this_clone_alone_git_does_not_see(
    place: Place, client: str, scope: Scope
) -> None:
    place.install(client, scope)
    seen = git(str(place.repo), "status", "--porcelain")
    assert bool(seen) == (scope == "project")


@each_client
def test_files_that_git_tracks_are_not_changed_for_this_clone_alone(
    place: Place, client: str
) -> None:
    place.install(client)
    git(str(place.repo), "add", "-A")
    before = place.tree()
    if client == "claude":
        place.install(client, "local")
        place.remove(client, "local")
    else:
        with pytest.raises(UsageError, match="tracked by git"):
            place.install(client, "local")
    assert place.tree() == before


@each_client
def test_instructions_that_git_tracks_are_left_out_for_this_clone_alone(
    place: Place, client: str
) -> None:
    for name in ("AGENTS.md", "CLAUDE.md", "GEMINI.md"):
        (place.repo / name).write_text("# ours\n")
    git(str(place.repo), "add", "-A")
    place.install(client, "local")
    assert git(str(place.repo), "status", "--porcelain").replace("A  ", "").split() == [
        "AGENTS.md",
        "CLAUDE.md",
        "GEMINI.md",
    ]


def test_a_skill_of_the_project_stays_when_this_clones_own_set_up_goes(place: Place) -> None:
    place.install("claude")
    before = place.tree()
    place.install("claude", "local")
    place.remove("claude", "local")
    assert place.tree() == before


def test_two_clients_share_the_list_of_ignored_files(place: Place) -> None:
    before = place.tree()
    for client in CLIENTS:
        place.install(client, "local")
    for client in CLIENTS:
        place.remove(client, "local")
    assert place.tree() == before


@settings(max_examples=15)
@given(text=texts(), more=st.booleans())
@each_client
def test_any_settings_come_back_to_the_byte_or_in_substance(
    client: str, text: str, more: bool
) -> None:
    name = {"claude": ".claude/settings.json", "codex": ".codex/hooks.json"}.get(
        client, ".gemini/settings.json"
    )
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder))
        path = place.repo / name
        path.parent.mkdir()
        path.write_bytes(text.encode())
        before = place.tree()
        place.install(client)
        if more:
            # Somebody adds something of their own after us.
            now = json.loads(path.read_text("utf-8-sig"))
            path.write_text(json.dumps(now | {"later": True}))
        place.remove(client)
        if not more:
            assert place.tree() == before
            return
        found = json.loads(path.read_text())
        assert found == json.loads(text.removeprefix("\ufeff")) | {"later": True}


def test_codexs_own_additions_to_its_configuration_stay_when_ours_goes(place: Place) -> None:
    config = place.home / ".codex" / "config.toml"
    config.parent.mkdir()
    config.write_text('# mine\nmodel = "x" # good\n')
    place.install("codex", "user")
    trusted = '\n[hooks.state."a:b:0:0"]\ntrusted_hash = "sha256:1"\n'
    with config.open("a") as file:
        file.write(trusted)
    place.remove("codex", "user")
    assert config.read_text() == f'# mine\nmodel = "x" # good\n{trusted}'


@each_client
def test_a_program_that_has_moved_is_followed_and_what_its_owner_added_stays(
    place: Place, client: str
) -> None:
    place.install(client, program="/old/gitcoord")
    first = setups.programs(make(client, place.facts(), "project"))
    if client == "codex":
        with (place.repo / ".codex/config.toml").open("a") as file:
            file.write("tool_timeout_sec = 5\n")
    place.install(client, program="gitcoord")
    assert (first, setups.programs(make(client, place.facts(), "project"))) == (
        {"/old/gitcoord"},
        {"gitcoord"},
    )
    if client == "codex":
        config = tomllib.loads((place.repo / ".codex/config.toml").read_text())
        assert config["mcp_servers"]["gitcoord"]["tool_timeout_sec"] == 5


@each_client
@pytest.mark.parametrize("text", [b"{", b"[]", b'{"hooks": 1}', b"\xff", b'{"a": 1} // no'])
def test_a_file_that_cannot_be_changed_is_refused_and_nothing_is_written(
    place: Place, client: str, text: bytes
) -> None:
    name = {"claude": ".claude/settings.json", "codex": ".codex/hooks.json"}.get(
        client, ".gemini/settings.json"
    )
    (place.repo / name).parent.mkdir()
    (place.repo / name).write_bytes(text)
    before = place.tree()
    if client == "gemini" and b"//" in text:
        place.install(client)
        return
    with pytest.raises(InvalidFile) as refused:
        place.install(client)
    assert name.split("/")[1] in refused.value.message
    assert f"`gitcoord setup {client} --print`" in str(refused.value.hint)
    assert place.tree() == before


def test_comments_in_geminis_settings_stay(place: Place) -> None:
    path = place.repo / ".gemini" / "settings.json"
    path.parent.mkdir()
    path.write_text('{\n  // mine\n  "ui": {"theme": "x"} // good\n}\n')
    place.install("gemini")
    assert "// mine" in path.read_text()
    assert "// good\n" in path.read_text()
    path.write_text(path.read_text() + "// later\n")
    place.remove("gemini")
    assert path.read_text() == '{\n  // mine\n  "ui": {"theme": "x"} // good\n}\n// later\n'


@pytest.mark.parametrize("content", [b"", b"\n", b"{}", b"{ }\n"])
def test_empty_files_are_filled_and_are_empty_again(place: Place, content: bytes) -> None:
    (place.repo / ".mcp.json").write_bytes(content)
    place.install("claude")
    assert json.loads((place.repo / ".mcp.json").read_text())["mcpServers"]["gitcoord"]
    place.remove("claude")
    assert (place.repo / ".mcp.json").read_bytes() == content


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need a privilege")
def test_a_symbolic_link_stays_one_and_its_file_is_changed(place: Place) -> None:
    kept = place.home / "shared.json"
    kept.write_text('{"a": 1}\n')
    link = place.repo / ".mcp.json"
    link.symlink_to(kept)
    place.install("claude")
    assert link.is_symlink()
    assert json.loads(kept.read_text())["mcpServers"]["gitcoord"]["command"] == PROGRAM
    place.remove("claude")
    assert link.is_symlink()
    assert kept.read_text() == '{"a": 1}\n'


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="permissions do not stop this user"
)
def test_a_folder_that_cannot_be_written_is_refused(place: Place) -> None:
    folder = place.repo / ".claude"
    folder.mkdir(mode=0o500)
    with pytest.raises(Exception, match="cannot write"):
        place.install("claude")
    folder.chmod(0o700)
    assert list(folder.iterdir()) == []


def test_a_private_file_is_neither_copied_nor_shown_around_the_change(place: Place) -> None:
    private = place.home / ".claude.json"
    private.write_text('{\n  "token": "very-secret",\n  "projects": {}\n}\n')
    private.chmod(0o600)
    setup = make("claude", place.facts(), "user")
    plan = setups.plan(setup)
    assert "very-secret" not in diff(plan)
    apply(plan, place.backups("claude"))
    assert private.stat().st_mode & 0o777 == 0o600
    stored = place.repo / ".git" / "gitcoord" / "setup"
    assert str(private) not in place.backups("claude").paths()
    assert all(b"very-secret" not in file.read_bytes() for file in stored.iterdir())
    place.remove("claude", "user")
    assert private.read_text() == '{\n  "token": "very-secret",\n  "projects": {}\n}\n'


def test_a_status_line_of_the_user_is_not_replaced(place: Place) -> None:
    own = place.home / ".claude" / "settings.json"
    own.parent.mkdir()
    own.write_text('{"statusLine": {"type": "command", "command": "mine"}}')
    place.install("claude")
    assert "statusLine" not in json.loads((place.repo / ".claude/settings.json").read_text())
    place.remove("claude")
    own.unlink()
    place.install("claude")
    line = json.loads((place.repo / ".claude/settings.json").read_text())["statusLine"]
    assert line == {"type": "command", "command": f"{PROGRAM} status --oneline"}
    own.write_text('{"statusLine": {"type": "command", "command": "mine"}}')
    place.remove("claude")
    assert not (place.repo / ".claude").exists()


def test_claude_goes_on_reading_agents_md(place: Place) -> None:
    (place.repo / "AGENTS.md").write_text("# rules\n")
    place.install("claude")
    assert "\n@AGENTS.md\n" in (place.repo / "CLAUDE.md").read_text()
    assert place.install("claude") == []
    place.remove("claude")
    (place.repo / "CLAUDE.md").write_text("# mine\n")
    place.install("claude")
    assert "@AGENTS.md" not in (place.repo / "CLAUDE.md").read_text()


def test_a_linked_worktree_has_files_of_its_own_and_one_entry_with_the_main_one(
    place: Place,
) -> None:
    git(str(place.repo), "commit", "-q", "--allow-empty", "-m", "first")
    linked = place.repo.parent / "linked"
    git(str(place.repo), "worktree", "add", "-q", str(linked))
    main, place.repo = place.repo, linked
    place.install("claude", "local")
    assert (linked / ".claude" / "settings.local.json").exists()
    projects = json.loads((place.home / ".claude.json").read_text())["projects"]
    assert list(projects) == [os.path.realpath(main)]
    assert git(str(linked), "status", "--porcelain") == ""
    place.remove("claude", "local")
    assert sorted(path.name for path in linked.iterdir()) == [".git"]


def test_a_bare_repository_has_only_set_ups_of_the_user(tmp_path: Path) -> None:
    place = Place(tmp_path)
    git(str(place.repo), "config", "core.bare", "true")
    place.repo = place.repo / ".git"
    with pytest.raises(NotARepository, match="no worktree"):
        place.install("claude")
    assert place.install("claude", "user")
    place.remove("claude", "user")


@pytest.mark.parametrize(
    ("client", "variable", "file"),
    [
        ("claude", "CLAUDE_CONFIG_DIR", "settings.json"),
        ("claude", "CLAUDE_CONFIG_DIR", ".claude.json"),
        ("codex", "CODEX_HOME", "config.toml"),
        ("gemini", "GEMINI_CLI_HOME", ".gemini/settings.json"),
    ],
)
def test_a_home_that_the_client_has_elsewhere_is_honoured(
    place: Place, client: str, variable: str, file: str
) -> None:
    place.environ[variable] = str(place.home / "other")
    place.install(client, "user")
    assert (place.home / "other" / file).exists()
    assert [path.name for path in place.home.iterdir()] == ["other"]
