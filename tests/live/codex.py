"""Codex without a person, at the stub of the Responses API.

Shell commands run in its sandbox `workspace-write`: `.git` is read-only there and there are no
sockets, while hooks and MCP servers run outside of it.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path

from tests.live.clients import Client, Ran
from tests.live.stub_openai import MODEL, OpenAI

#: Plugins and apps are fetched from elsewhere; sub-agents are off by default.
CONFIG = """
model = "{model}"
model_provider = "stub"
check_for_update_on_startup = false

[analytics]
enabled = false

[feedback]
enabled = false

[otel]
exporter = "none"

[features]
apps = false
plugins = false
multi_agent_v2 = true

[model_providers.stub]
name = "stub"
base_url = "http://127.0.0.1:9/v1"
wire_api = "responses"
env_key = "STUB_KEY"
requires_openai_auth = false
supports_websockets = false
request_max_retries = 0
stream_max_retries = 0

[projects.{worktree}]
trust_level = "trusted"
"""


class Codex(Client):
    """`codex exec`."""

    name = "codex"
    package = "@openai/codex"
    program = "codex"
    api = OpenAI
    events = (
        "SessionStart",
        "UserPromptSubmit",
        "PreToolUse",
        "PostToolUse",
        "SubagentStart",
        "SubagentStop",
        "Stop",
        "SessionEnd",
    )
    before = "PreToolUse"
    listing = ("mcp", "list", "--json")

    def settle(self) -> None:
        folder = self.home / ".codex"
        folder.mkdir(exist_ok=True)
        config = CONFIG.format(model=MODEL, worktree=json.dumps(str(self.worktree)))
        (folder / "config.toml").write_text(config, encoding="utf-8")

    def hook(self, commands: Mapping[str, list[str]]) -> None:
        hooks = {
            event: [{"hooks": [{"type": "command", "command": shlex.join(words)}]}]
            for event, words in commands.items()
        }
        # Also in a linked worktree it reads the hooks of the main one, and no others.
        folder = self.checkout / ".codex"
        folder.mkdir(exist_ok=True)
        (folder / "hooks.json").write_text(json.dumps({"hooks": hooks}), encoding="utf-8")

    def serve(self, command: list[str]) -> None:
        folder = self.worktree / ".codex"
        folder.mkdir(exist_ok=True)
        # Strings and lists of strings are written alike in JSON and TOML.
        (folder / "config.toml").write_text(
            "[mcp_servers.gitcoord]\n"
            f"command = {json.dumps(command[0])}\n"
            f"args = {json.dumps(command[1:])}\n"
            "required = true\n"
            'default_tools_approval_mode = "approve"\n',
            encoding="utf-8",
        )

    def words(self, url: str, prompt: str, resumed: str) -> list[str]:
        return [
            "exec",
            "--json",
            "--dangerously-bypass-hook-trust",
            "--sandbox",
            "workspace-write",
            "--config",
            f'model_providers.stub.base_url="{url}/v1"',
            *(["resume", resumed] if resumed else []),
            prompt,
        ]

    def surroundings(self, url: str) -> dict[str, str]:
        return {"CODEX_HOME": str(self.home / ".codex"), "STUB_KEY": "none"}

    def remarks(self, ran: Ran) -> list[str]:
        # Without a person, what hooks say to one is shown nowhere: the model has to hear it.
        texts = [
            part["text"]
            for item in ran.stub.requests[-1]["input"]
            if item["type"] == "message"
            for part in item["content"]
        ]
        return [text for text in texts if text.startswith("gitcoord")]

    def conversation(self, ran: Ran) -> str:
        return str(json.loads(ran.out.splitlines()[0])["thread_id"])

    def transcripts(self) -> list[Path]:
        return sorted((self.home / ".codex" / "sessions").rglob("rollout-*.jsonl"))
