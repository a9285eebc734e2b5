"""The Gemini API as Gemini CLI uses it, scripted.

https://ai.google.dev/api/generate-content: every chunk carries the usage so far, the last wins.
"""

from __future__ import annotations

from typing import Any

from tests.live.script import Act, Delegate, Edit, Raw, Read, Run, Turn, Use, Write, usage_of
from tests.live.stub import Answer, Asked, Stub, as_events, as_json

MODEL = "gemini-2.5-pro"


class Gemini(Stub):
    """`POST /v1beta/models/M:streamGenerateContent`, and what the client asks beside it."""

    def answer(self, asked: Asked) -> Answer | None:
        body = asked.body
        model, colon, verb = asked.path.removeprefix("/v1beta/models/").partition(":")
        if asked.method != "POST" or not colon or "/" in model:
            return None
        if verb == "streamGenerateContent" and body.get("tools"):
            # Sub-agents, one after the other here, are those who can complete a task.
            names = [
                each["name"] for tool in body["tools"] for each in tool["functionDeclarations"]
            ]
            ends = "complete_task" in names
            number, turn = self.take(body, f"{len(self.requests)}" if ends else "")
            return _stream(number, _parts(turn, ends=ends))
        # Classifications and checks are asked for without tools; what they cost is not counted.
        aside = {"candidates": [_candidate([{"text": "{}"}])], "usageMetadata": _spent(None)}
        answers = {
            "streamGenerateContent": as_events([("", aside)]),
            "generateContent": as_json(aside),
            "countTokens": as_json({"totalTokens": 42}),
        }
        if verb in answers:
            self.aside.append(verb)
        return answers.get(verb)

    def results(self) -> list[str]:
        return [
            str(part["functionResponse"]["response"])
            for content in self.requests[-1]["contents"]
            for part in content["parts"]
            if "functionResponse" in part
        ]


def _parts(turn: Turn, *, ends: bool) -> list[dict[str, Any]]:
    if ends and not turn.acts:
        # A sub-agent ends with a call, not with a text.
        given = {"result": {"response": turn.text}}
        return [{"functionCall": {"name": "complete_task", "args": given}}]
    return [{"functionCall": _call(act)} for act in turn.acts] or [{"text": turn.text}]


def _stream(number: int, parts: list[dict[str, Any]]) -> Answer:
    last = {
        "candidates": [_candidate(parts)],
        "usageMetadata": _spent(number),
        "modelVersion": MODEL,
        "responseId": f"resp_{number:04}",
    }
    return as_events([("", last)])


def _candidate(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}


def _spent(number: int | None) -> dict[str, int]:
    if number is None:
        return {"promptTokenCount": 0, "candidatesTokenCount": 0, "totalTokenCount": 0}
    usage = usage_of(number)
    # Here the input includes what came from the cache; there is no word for writing to it.
    read = usage.fresh + usage.cache_read + usage.cache_write
    return {
        "promptTokenCount": read,
        "cachedContentTokenCount": usage.cache_read,
        "candidatesTokenCount": usage.output,
        "totalTokenCount": read + usage.output,
    }


def _call(act: Act) -> dict[str, Any]:
    match act:
        case Read(path):
            return {"name": "read_file", "args": {"file_path": path}}
        case Write(path, content):
            return {"name": "write_file", "args": {"file_path": path, "content": content}}
        case Edit(path, old, new):
            given = {"file_path": path, "old_string": old, "new_string": new}
            return {"name": "replace", "args": given | {"instruction": "a scripted edit"}}
        case Run(command):
            given = {"command": command, "description": "a scripted command"}
            return {"name": "run_shell_command", "args": given}
        case Use(tool, arguments):
            return {"name": f"mcp_gitcoord_{tool}", "args": arguments}
        case Raw(name, arguments):
            return {"name": name, "args": arguments}
        case Delegate(prompt):
            return {"name": "invoke_agent", "args": {"agent_name": "generalist", "prompt": prompt}}
