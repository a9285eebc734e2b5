"""A conversation of an agent client, as its hooks see it: one call after the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from gitcoord.entrypoints.hooks.door import answer
from gitcoord.entrypoints.hooks.fast import Limit

#: What each client calls the steps, and its tools for a file and for a shell command.
WORDS: dict[str, dict[str, str]] = {
    "claude": {
        "start": "SessionStart", "prompt": "UserPromptSubmit", "before": "PreToolUse",
        "after": "PostToolUse", "failed": "PostToolUseFailure", "stop": "Stop",
        "sub_start": "SubagentStart", "sub_stop": "SubagentStop", "end": "SessionEnd",
        "editor": "Edit", "shell": "Bash",
    },
    "codex": {
        "start": "SessionStart", "prompt": "UserPromptSubmit", "before": "PreToolUse",
        "after": "PostToolUse", "stop": "Stop", "sub_start": "SubagentStart",
        "sub_stop": "SubagentStop", "end": "SessionEnd",
        "editor": "apply_patch", "shell": "Bash",
    },
    "gemini": {
        "start": "SessionStart", "prompt": "BeforeAgent", "before": "BeforeTool",
        "after": "AfterTool", "stop": "AfterAgent", "end": "SessionEnd",
        "editor": "write_file", "shell": "run_shell_command",
    },
}  # fmt: skip


class Talk:
    """One conversation; `place` is the worktree in which the agent works."""

    def __init__(
        self,
        place: str,
        capture: pytest.CaptureFixture[str],
        *,
        client: str = "claude",
        session: str = "c-1",
    ) -> None:
        self.place = place
        self.client = client
        self.session = session
        self.agent = ""
        self.err = ""
        #: Whether a bug is what the test is about.
        self.broken = False
        self._capture = capture

    def body(self, step: str, **fields: Any) -> dict[str, Any]:
        """Return what the client would write."""
        known = {
            "session_id": self.session,
            "cwd": self.place,
            "hook_event_name": WORDS[self.client][step],
            "transcript_path": os.path.join(self.place, "no-transcript.jsonl"),
        }
        return known | ({"agent_id": self.agent} if self.agent else {}) | fields

    def raw(self, name: str, data: bytes) -> dict[str, Any]:
        """Call the hook of that name with these bytes; it ends well and prints JSON or nothing."""
        self._capture.readouterr()
        code = answer(self.client, name, data, Limit(60))
        out, self.err = self._capture.readouterr()
        assert code == 0, out + self.err
        found = json.loads(out) if out else {}
        assert isinstance(found, dict)
        bug = os.path.join(self.place, ".git", "gitcoord", "hooks", "bug.txt")
        if not self.broken and os.path.exists(bug):
            with open(bug, encoding="utf-8") as file:
                pytest.fail(file.read())
        return found

    def __call__(self, step: str, **fields: Any) -> dict[str, Any]:
        """Call the hook of a step and return its answer."""
        body = self.body(step, **fields)
        return self.raw(WORDS[self.client][step], json.dumps(body).encode())

    def process(self, step: str, **fields: Any) -> str:
        """Call the hook of a step as a process of its own and return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "gitcoord", "hook", self.client, WORDS[self.client][step]],
            cwd=self.place,
            input=json.dumps(self.body(step, **fields)).encode(),
            capture_output=True,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == b""
        return done.stdout.decode()

    def track_gone(self) -> None:
        """Lose what was remembered for the fast way."""
        path = os.path.join(
            self.place, ".git", "gitcoord", "hooks", f"{self.client}-{self.session}.memo"
        )
        if os.path.exists(path):
            os.remove(path)

    def start(self, source: str = "startup") -> str:
        """Begin the conversation and return what its agent is told."""
        return self.told(self("start", source=source))

    def edit(self, path: str, step: str = "before") -> dict[str, Any]:
        """Say that a file is about to be edited (or was, `step` "after")."""
        return self(step, **self.editing(path))

    def editing(self, path: str) -> dict[str, Any]:
        """Return the fields of an edit of one file."""
        full = os.path.join(self.place, path)
        if self.client == "codex":
            patch = f"*** Begin Patch\n*** Update File: {path}\n@@\n-a\n+b\n*** End Patch\n"
            given = {"command": patch}
        else:
            given = {"file_path": full, "old_string": "a", "new_string": "b"}
        return {"tool_name": WORDS[self.client]["editor"], "tool_input": given}

    def shell(self, command: str, step: str = "before", **fields: Any) -> dict[str, Any]:
        """Say that a shell command is about to run (or has run)."""
        given = {"command": command}
        tool = WORDS[self.client]["shell"]
        return self(step, tool_name=tool, tool_input=given, **fields)

    def told(self, answered: dict[str, Any]) -> str:
        """Return what an answer puts before the model; "" for nothing."""
        found = answered.get("hookSpecificOutput", {}).get("additionalContext", "")
        assert isinstance(found, str)
        return found

    def denied(self, answered: dict[str, Any]) -> str:
        """Return why an answer stops the tool, in the form that this client obeys; "" if not."""
        if self.client == "gemini":
            return str(answered["reason"]) if answered.get("decision") == "deny" else ""
        specific = answered.get("hookSpecificOutput", {})
        if specific.get("permissionDecision") != "deny":
            return ""
        return str(specific["permissionDecisionReason"])
