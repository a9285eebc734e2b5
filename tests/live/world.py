"""A repository with a ledger and two worktrees: `ada` holds a file, a client is in the other.

`main` at the remote has a commit that nobody here has, so that a push by force would be seen.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acceptance.shell import Shell
from tests.gitrun import git
from tests.live.clients import Client, Ran
from tests.live.script import Usage

HELD = "held.txt"

PROGRAM = str(Path(sys.executable).with_name("gitcoord"))

#: Where set-ups write hooks.
HOOKS = (".claude/settings.json", ".codex/hooks.json", ".gemini/settings.json")


@dataclass(frozen=True)
class World:
    """Where everything is, and who is there."""

    repo: str
    remote: str
    client: Client
    #: Holds `held.txt`, in the main worktree.
    ada: Shell
    #: A prompt in the client's worktree, without a session.
    prompt: Shell

    def set_up(self) -> None:
        """Have the client call gitcoord: its user commits the set-up, and everybody has it."""
        words = [PROGRAM, "setup", self.client.name, "--yes"]
        environ = self.client.environ("")
        done = subprocess.run(words, cwd=self.repo, env=environ, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        git(self.repo, "add", ".")
        git(self.repo, "commit", "-q", "-m", "set up")
        git(str(self.client.worktree), "merge", "-q", "main")

    def lose_hooks(self) -> None:
        """Let the hooks name a program that is no more; the MCP server stays."""
        gone = str(Path(PROGRAM).with_name("gone"))
        files = [Path(place, name) for place in (self.repo, self.client.worktree) for name in HOOKS]
        for file in filter(Path.exists, files):
            document = json.loads(file.read_text(encoding="utf-8"))
            hooks = json.loads(json.dumps(document["hooks"]).replace(PROGRAM, gone))
            file.write_text(json.dumps(document | {"hooks": hooks}), encoding="utf-8")

    def path(self, name: str) -> Path:
        """Return a file of the client's worktree."""
        return self.client.worktree / name

    def read(self, name: str) -> str:
        """Return the content of a file of the client's worktree."""
        return self.path(name).read_text(encoding="utf-8")

    def sessions(self, ran: Ran) -> list[dict[str, Any]]:
        """Return what the ledger knows of the conversation of a run, the newest first."""
        conversation = self.client.conversation(ran)
        return [
            session
            for session in self.prompt("session", "list", "--all")["sessions"]
            if session["client"] == self.client.name and session["client_session"] == conversation
        ]

    def usage(self, session: dict[str, Any]) -> dict[str, Any]:
        """Return what the ledger knows of a session's usage."""
        found = self.prompt("session", "show", session["id"])["session"].get("usage")
        return found or {}

    def spent(self, ran: Ran) -> Usage:
        """Return the tokens of all sessions of the conversation of a run."""
        total = Usage()
        for session in self.sessions(ran):
            usage = self.usage(session)
            total += Usage(
                fresh=usage.get("input_tokens", 0),
                cache_read=usage.get("cache_read_tokens", 0),
                cache_write=usage.get("cache_write_tokens", 0),
                output=usage.get("output_tokens", 0),
            )
        return total


def make(kind: type[Client], root: Path) -> World:
    """Make the repositories, the ledger, the two worktrees and what the client is to read."""
    repo, remote, linked = (str(root / name) for name in ("repo", "remote.git", "linked"))
    git(str(root), "init", "-q", repo)
    for name in (HELD, "other.txt"):
        Path(repo, name).write_text("one\n", encoding="utf-8")
    git(repo, "add", ".")
    git(repo, "commit", "-q", "-m", "first")
    git(str(root), "clone", "-q", "--bare", repo, remote)
    git(repo, "remote", "add", "origin", remote)
    theirs = git(remote, "commit-tree", "-p", "main", "-m", "theirs", "main^{tree}")
    git(remote, "update-ref", "refs/heads/main", theirs)
    git(repo, "worktree", "add", "-q", "-b", "linked", linked)
    prompt = Shell(repo)
    prompt("init")
    ada = prompt.start("ada")
    ada("lock", "acquire", HELD, "--reason", "rewriting it")
    client = kind(root / "client", Path(linked), Path(repo))
    return World(repo, remote, client, ada, Shell(linked))
