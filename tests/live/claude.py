"""Claude Code without a person, at the stub of the Messages API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tests.live.clients import Client, Ran
from tests.live.stub_anthropic import MODEL, Anthropic

#: Tools that need no leave; as root the client refuses the mode that gives leave to all.
ALLOWED = "Bash,Read,Edit,Write,NotebookEdit,Agent,mcp__gitcoord"


class Claude(Client):
    """`claude -p`."""

    name = "claude"
    package = "@anthropic-ai/claude-code"
    program = "claude"
    api = Anthropic
    events = (
        "SessionStart",
        "UserPromptSubmit",
        "PreToolUse",
        "PostToolUse",
        "PostToolUseFailure",
        "PostToolBatch",
        "SubagentStart",
        "SubagentStop",
        "Stop",
        "SessionEnd",
    )
    before = "PreToolUse"
    listing = ("--settings", '{"enableAllProjectMcpServers": true}', "mcp", "list")

    def settle(self) -> None:
        (self.home / ".claude").mkdir(exist_ok=True)

    def hook(self, commands: Mapping[str, list[str]]) -> None:
        hooks = {
            event: [{"hooks": [{"type": "command", "command": words[0], "args": words[1:]}]}]
            for event, words in commands.items()
        }
        folder = self.worktree / ".claude"
        folder.mkdir(exist_ok=True)
        (folder / "settings.json").write_text(json.dumps({"hooks": hooks}), encoding="utf-8")

    def serve(self, command: list[str]) -> None:
        server = {
            "type": "stdio",
            "command": command[0],
            "args": command[1:],
            "alwaysLoad": True,
        }
        document = {"mcpServers": {"gitcoord": server}}
        (self.worktree / ".mcp.json").write_text(json.dumps(document), encoding="utf-8")

    def words(self, url: str, prompt: str, resumed: str) -> list[str]:
        return [
            "-p",
            "--output-format",
            "stream-json",
            "--verbose",
            "--include-hook-events",
            "--model",
            MODEL,
            "--permission-mode",
            "acceptEdits",
            "--allowedTools",
            ALLOWED,
            *(["--resume", resumed] if resumed else []),
            "--",
            prompt,
        ]

    def surroundings(self, url: str) -> dict[str, str]:
        return {
            "ANTHROPIC_BASE_URL": url,
            "ANTHROPIC_API_KEY": "none",
            "CLAUDE_CONFIG_DIR": str(self.home / ".claude"),
            "CLAUDE_CODE_TMPDIR": str(self.temporary),
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_ERROR_REPORTING": "1",
            "DISABLE_TELEMETRY": "1",
        }

    def remarks(self, ran: Ran) -> list[str]:
        lines = [json.loads(line) for line in ran.out.splitlines()]
        outputs = [line["output"] for line in lines if line.get("subtype") == "hook_response"]
        answers = [json.loads(output) for output in outputs if output.startswith("{")]
        return [answer["systemMessage"] for answer in answers if "systemMessage" in answer]

    def conversation(self, ran: Ran) -> str:
        return str(json.loads(ran.out.splitlines()[0])["session_id"])

    def transcripts(self) -> list[Path]:
        projects = self.home / ".claude" / "projects"
        return [*sorted(projects.glob("*/*.jsonl")), *sorted(projects.glob("*/*/*/*.jsonl"))]
