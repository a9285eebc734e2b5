"""What a hook of any agent client says, in our words, and what we answer, in ours.

An adapter (`claude/hooks.py` and its neighbours) turns a client's JSON into an `Event` and a
`Reply` into exactly the bytes and the exit code that this client obeys. Nothing here
decides, reads files or knows a client.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import msgspec

#: What happens in a conversation, whatever the client calls it.
Step = Literal[
    "start", "prompt", "before", "after", "failed", "stop", "sub_start", "sub_stop", "end", "other"
]
Kind = Literal["create", "modify", "delete", "rename"]

#: What went wrong where the client says only that something did.
FAILED = "the tool failed"
#: Characters of an error that are read.
ERROR_LIMIT = 4096

#: Characters of a client's own ids that are kept: they become index terms and file names.
ID_LIMIT = 128


class Edit(NamedTuple):
    """One file that a tool is about to change, or has changed; the path as the client wrote it."""

    path: str
    kind: Kind = "modify"
    #: The other name of a renamed file.
    old_path: str = ""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a hook."""

    client: str
    #: The client's own word for it, repeated in some answers.
    name: str
    step: Step
    #: The client's own id of the conversation; empty when it did not say.
    session: str = ""
    #: The sub-agent that acts; empty for the main one.
    agent: str = ""
    cwd: str = ""
    tool: str = ""
    edits: tuple[Edit, ...] = ()
    #: The shell command that is about to run, or has run.
    command: str = ""
    #: The same for two calls of one tool with the same input; only after the tool has run.
    call: str = ""
    #: What went wrong with the tool; empty when nothing did, and when a person interrupted it.
    error: str = ""
    #: What the person typed, or the last words of the agent.
    text: str = ""
    #: How a conversation began (startup, resume, clear, compact, fork) or why it ends.
    reason: str = ""
    #: The agent is being kept from stopping already: it must be let go.
    stopping: bool = False
    #: Path of the file in which the client keeps the conversation.
    transcript: str = ""
    #: Path of the same for a sub-agent that stops.
    agent_transcript: str = ""
    #: Whether a person is there to be asked.
    attended: bool = True


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What we answer; the empty reply lets everything go on."""

    #: "deny" stops the tool call; "ask" lets a person decide, where one is there.
    verdict: Literal["", "deny", "ask"] = ""
    #: Why, and what to do instead: for the model.
    reason: str = ""
    #: What the model should know.
    context: str = ""
    #: What the person should know.
    remark: str = ""


class Said(NamedTuple):
    """What the hook's process prints and how it ends."""

    stdout: str = ""
    stderr: str = ""
    code: int = 0


NOTHING = Reply()


def text_of(body: dict[str, Any], *names: str, limit: int = 65_536) -> str:
    """Return the first of these fields that is a text, at most `limit` characters; else ""."""
    for name in names:
        value = body.get(name)
        if isinstance(value, str) and value:
            return value[:limit]
    return ""


def dict_of(body: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the field if it is an object, else an empty one."""
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def id_of(body: dict[str, Any], name: str) -> str:
    """Return a client's own id: printable and at most 128 characters, or ""."""
    value = text_of(body, name, limit=ID_LIMIT + 1)
    fit = len(value) <= ID_LIMIT and value.isprintable() and value.strip() == value
    return value if fit else ""


def call_of(tool: str, given: dict[str, Any]) -> str:
    """Return 16 hex digits that are the same for calls of one tool with the same input.

    What the agent says about the call is no part of it.
    """
    from gitcoord.storage.digest import sha256

    said = {name: value for name, value in given.items() if name != "description"}
    return str(sha256(msgspec.json.encode([tool, said], order="sorted")).hexdigest()[:16])


def agent_of(body: dict[str, Any], name: str) -> str:
    """Return a sub-agent's id in the form that holders' names have, or ""."""
    found = id_of(body, name)
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in found)
    return plain.strip("-_.")[:64]


def joined(one: Reply, other: Reply) -> Reply:
    """Return both as one; the graver verdict counts."""
    first = one if one.verdict == "deny" or not other.verdict else other
    return Reply(
        verdict=first.verdict,
        reason=first.reason,
        context="\n".join(x for x in (one.context, other.context) if x),
        remark="\n".join(x for x in (one.remark, other.remark) if x),
    )
