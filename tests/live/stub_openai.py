"""The OpenAI Responses API as Codex uses it, scripted.

https://platform.openai.com/docs/api-reference/responses-streaming: items arrive finished in
`response.output_item.done`, the usage once, in `response.completed`.
"""

from __future__ import annotations

import json
from typing import Any

from tests.live.script import Act, Delegate, Edit, Raw, Read, Run, Turn, Use, Write, usage_of
from tests.live.stub import Answer, Asked, Stub, as_events, as_json

MODEL = "gpt-5.5"


class OpenAI(Stub):
    """`POST /v1/responses`; every other thing is unknown."""

    def answer(self, asked: Asked) -> Answer | None:
        if (asked.method, asked.path) == ("GET", "/v1/models"):
            self.aside.append(asked.path)
            return as_json({"object": "list", "data": [], "models": []})
        if (asked.method, asked.path) != ("POST", "/v1/responses"):
            return None
        # A sub-agent is a thread of its own within the session.
        thread = asked.headers["thread-id"]
        main = thread == asked.headers["session-id"]
        if main and self.working:
            # Sub-agents work in the background.
            number = self.number()
            return _stream(number, [_function("wait_agent", {}, "collaboration") | _ids(number)])
        number, turn = self.take(asked.body, "" if main else thread)
        return _stream(number, _items(number, turn))

    def results(self) -> list[str]:
        return [
            item["output"] if isinstance(item["output"], str) else json.dumps(item["output"])
            for item in self.requests[-1]["input"]
            if item["type"] in {"function_call_output", "custom_tool_call_output"}
        ]


def _stream(number: int, items: list[dict[str, Any]]) -> Answer:
    usage = usage_of(number)
    response: dict[str, Any] = {"id": f"resp_{number:04}", "object": "response", "output": []}
    events: list[dict[str, Any]] = [{"type": "response.created", "response": response}]
    for index, item in enumerate(items):
        events.append({"type": "response.output_item.added", "output_index": index, "item": item})
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    # Here the input includes what came from the cache.
    read = usage.fresh + usage.cache_read + usage.cache_write
    spent = {
        "input_tokens": read,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write,
        },
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": read + usage.output,
    }
    done = response | {"status": "completed", "usage": spent}
    events.append({"type": "response.completed", "response": done})
    return as_events(
        [(event["type"], event | {"sequence_number": place}) for place, event in enumerate(events)]
    )


def _items(number: int, turn: Turn) -> list[dict[str, Any]]:
    if not turn.acts:
        content = [{"type": "output_text", "text": turn.text, "annotations": []}]
        return [
            {
                "type": "message",
                "role": "assistant",
                "id": f"msg_{number:04}",
                "status": "completed",
                "content": content,
            }
        ]
    return [_call(act) | _ids(number, place) for place, act in enumerate(turn.acts)]


def _ids(number: int, place: int = 0) -> dict[str, str]:
    return {"id": f"item_{number:04}{place}", "call_id": f"call_{number:04}{place}"}


def _call(act: Act) -> dict[str, Any]:
    match act:
        case Read(path):
            return _function("exec_command", {"cmd": f"cat '{path}'"})
        case Write(path, content):
            lines = "".join(f"+{line}\n" for line in content.splitlines())
            return _patch(f"*** Add File: {path}\n{lines}")
        case Edit(path, old, new):
            return _patch(f"*** Update File: {path}\n@@\n-{old}\n+{new}\n")
        case Run(command):
            return _function("exec_command", {"cmd": command})
        case Use(tool, arguments):
            return _function(tool, arguments, "mcp__gitcoord")
        case Raw(name, str(text)):
            return {"type": "custom_tool_call", "name": name, "input": text}
        case Raw(name, arguments):
            return _function(name, arguments)
        case Delegate(prompt):
            given = {"message": prompt, "task_name": "scripted", "fork_turns": "none"}
            return _function("spawn_agent", given, "collaboration")


def _function(name: str, arguments: dict[str, Any], namespace: str = "") -> dict[str, Any]:
    call = {"type": "function_call", "name": name, "arguments": json.dumps(arguments)}
    return call | ({"namespace": namespace} if namespace else {})


def _patch(body: str) -> dict[str, Any]:
    patch = f"*** Begin Patch\n{body}*** End Patch\n"
    return {"type": "custom_tool_call", "name": "apply_patch", "input": patch}
