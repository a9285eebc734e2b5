"""Gemini CLI without a person, at the stub of the Gemini API.

`--skip-trust` alone leaves the hooks of the project's own settings off; the worktree is
written into `trustedFolders.json`, as its dialog does.
"""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.live.clients import Client, Ran
from tests.live.script import Usage
from tests.live.stub_gemini import MODEL, Gemini

SETTINGS = {
    "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
    "privacy": {"usageStatisticsEnabled": False},
    "security": {"auth": {"selectedType": "gemini-api-key"}},
    "telemetry": {"enabled": False},
}


class GeminiCli(Client):
    """`gemini -p`."""

    name = "gemini"
    package = "@google/gemini-cli"
    program = "gemini"
    api = Gemini
    events = (
        "SessionStart",
        "BeforeAgent",
        "BeforeTool",
        "AfterTool",
        "AfterAgent",
        "PreCompress",
        "SessionEnd",
    )
    before = "BeforeTool"
    listing = ("mcp", "list")

    def settle(self) -> None:
        folder = self.home / ".gemini"
        folder.mkdir(exist_ok=True)
        trusted = {str(self.worktree): "TRUST_FOLDER"}
        (folder / "settings.json").write_text(json.dumps(SETTINGS), encoding="utf-8")
        (folder / "trustedFolders.json").write_text(json.dumps(trusted), encoding="utf-8")

    def hook(self, commands: Mapping[str, list[str]]) -> None:
        hooks = {
            event: [{"hooks": [{"type": "command", "name": event, "command": shlex.join(words)}]}]
            for event, words in commands.items()
        }
        self._add("hooks", hooks)

    def serve(self, command: list[str]) -> None:
        server = {"command": command[0], "args": command[1:], "trust": True}
        self._add("mcpServers", {"gitcoord": server})

    def words(self, url: str, prompt: str, resumed: str) -> list[str]:
        resume = ["--resume", resumed] if resumed else []
        how = ["-m", MODEL, "-o", "json", "--approval-mode", "yolo", "--skip-trust"]
        return [*how, *resume, "-p", prompt]

    def surroundings(self, url: str) -> dict[str, str]:
        return {
            "GEMINI_API_KEY": "none",
            "GOOGLE_GEMINI_BASE_URL": url,
            "NO_COLOR": "1",
            # It would start itself again, with more memory than these conversations need.
            "GEMINI_CLI_NO_RELAUNCH": "true",
        }

    def remarks(self, ran: Ran) -> list[str]:
        mark = "Hook system message: "
        return [line.removeprefix(mark) for line in ran.err.splitlines() if line.startswith(mark)]

    def conversation(self, ran: Ran) -> str:
        return str(json.loads(ran.out)["session_id"])

    def counted(self, usage: Usage) -> Usage:
        # There is no word for what the cache took: it is part of what was read.
        fresh = usage.fresh + usage.cache_write
        return dataclasses.replace(usage, fresh=fresh, cache_write=0)

    def transcripts(self) -> list[Path]:
        chats = self.home / ".gemini" / "tmp"
        return [
            *sorted(chats.glob("*/chats/*.jsonl")),
            *sorted(chats.glob("*/chats/*/*.jsonl")),
        ]

    def _add(self, name: str, value: dict[str, Any]) -> None:
        path = self.worktree / ".gemini" / "settings.json"
        path.parent.mkdir(exist_ok=True)
        held = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        path.write_text(json.dumps(held | {name: value}), encoding="utf-8")
