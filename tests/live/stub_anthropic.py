"""The Anthropic Messages API as Claude Code uses it, scripted.

https://docs.anthropic.com/en/api/messages-streaming: `message_start` carries the usage of the
input, each `message_delta` the cumulative usage of the output.
"""

from __future__ import annotations

import json
from typing import Any

from tests.live.script import Act, Delegate, Edit, Raw, Read, Run, Turn, Use, Write, usage_of
from tests.live.stub import Answer, Asked, Stub, as_events, as_json

MODEL = "claude-sonnet-5"


class Anthropic(Stub):
    """`POST /v1/messages`, `POST /v1/messages/count_tokens` and the probe `HEAD /api/hello`."""

    def answer(self, asked: Asked) -> Answer | None:
        path = asked.path
        match asked.method, path:
            case "POST", "/v1/messages":
                return self._message(asked)
            case "POST", "/v1/messages/count_tokens":
                self.aside.append(path)
                return as_json({"input_tokens": 42})
            case "HEAD", "/api/hello":
                self.aside.append(path)
                return Answer()
        return None

    def results(self) -> list[str]:
        return [
            _text(block.get("content", ""))
            for message in self.requests[-1]["messages"]
            if isinstance(message["content"], list)
            for block in message["content"]
            if block["type"] == "tool_result"
        ]

    def _message(self, asked: Asked) -> Answer:
        body = asked.body
        # Titles and summaries are asked for without tools.
        if not body.get("tools"):
            self.aside.append("/v1/messages")
            return _stream(body, 0, Turn(text="ok"), counted=False)
        number, turn = self.take(body, asked.headers.get("x-claude-code-agent-id", ""))
        return _stream(body, number, turn, counted=True)


def _text(content: str | list[dict[str, Any]]) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content)


def _stream(body: dict[str, Any], number: int, turn: Turn, *, counted: bool) -> Answer:
    usage = usage_of(number)
    spent = {
        "input_tokens": usage.fresh if counted else 0,
        "cache_read_input_tokens": usage.cache_read if counted else 0,
        "cache_creation_input_tokens": usage.cache_write if counted else 0,
    }
    message = {
        "id": f"msg_{number:04}" if counted else "msg_aside",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": spent | {"output_tokens": 1 if counted else 0},
    }
    events: list[dict[str, Any]] = [{"type": "message_start", "message": message}]
    for index, (block, delta) in enumerate(_blocks(number, turn)):
        events += [
            {"type": "content_block_start", "index": index, "content_block": block},
            {"type": "content_block_delta", "index": index, "delta": delta},
            {"type": "content_block_stop", "index": index},
        ]
    reason = "tool_use" if turn.acts else "end_turn"
    last = spent | {"output_tokens": usage.output if counted else 0}
    events += [
        {
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": None},
            "usage": last,
        },
        {"type": "message_stop"},
    ]
    return as_events([(event["type"], event) for event in events])


def _blocks(number: int, turn: Turn) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    if not turn.acts:
        return [({"type": "text", "text": ""}, {"type": "text_delta", "text": turn.text})]
    found = []
    for place, act in enumerate(turn.acts):
        name, given = _call(act)
        block = {"type": "tool_use", "id": f"toolu_{number:04}{place}", "name": name, "input": {}}
        found.append((block, {"type": "input_json_delta", "partial_json": json.dumps(given)}))
    return found


def _call(act: Act) -> tuple[str, dict[str, Any]]:
    match act:
        case Read(path):
            return "Read", {"file_path": path}
        case Write(path, content):
            return "Write", {"file_path": path, "content": content}
        case Edit(path, old, new):
            return "Edit", {"file_path": path, "old_string": old, "new_string": new}
        case Run(command):
            return "Bash", {"command": command, "description": "a scripted command"}
        case Use(tool, arguments):
            return f"mcp__gitcoord__{tool}", arguments
        case Raw(name, arguments):
            assert isinstance(arguments, dict)
            return name, arguments
        case Delegate(prompt):
            return "Agent", {
                "description": "scripted work",
                "prompt": prompt,
                "subagent_type": "general-purpose",
                "run_in_background": False,
            }
