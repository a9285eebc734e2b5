"""What the real clients have sent, played against a ledger: each answer is one that they take."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.clients.formats import check, recorded
from tests.entrypoints.door import Door
from tests.entrypoints.hooks.talk import WORDS, Talk

CLIENTS = ("claude", "codex", "gemini")
#: How a conversation goes; what it does not name comes in the middle.
FIRST = ("start", "prompt", "sub_start", "before")
LAST = ("after", "failed", "sub_stop", "stop", "end")


def order(client: str, event: str) -> int:
    step = next((step for step, name in WORDS[client].items() if name == event), "")
    if step in FIRST:
        return FIRST.index(step)
    return 20 + LAST.index(step) if step in LAST else 10


@pytest.mark.parametrize("client", CLIENTS)
def test_a_recorded_conversation_is_answered_event_by_event(
    door: Door, talks: Callable[..., Talk], client: str
) -> None:
    ada = door.start("ada")
    door("lock", "acquire", "notes.txt", "--reason", "mine", "--session", ada)
    talk = talks(client)
    door("message", "send", "look here", "--priority", "urgent", "--session", ada)
    refused, heard = [], set()
    known = recorded(client)
    names = sorted(known, key=lambda name: order(client, known[name]["hook_event_name"]))
    for name in names:
        body = known[name]
        event = body["hook_event_name"]
        text = json.dumps(body).replace("/repo", door.place)
        answered = talk.raw(event, text.encode())
        check(client, event, answered)
        if talk.denied(answered):
            refused.append(name)
        if talk.told(answered):
            heard.add(event)
    before, start = WORDS[client]["before"], WORDS[client]["start"]
    held = {"claude": ["Edit"], "codex": ["apply_patch", "apply_patch-many"], "gemini": ["replace"]}
    assert sorted(refused) == sorted(f"{before}-{tool}" for tool in held[client])
    assert start in heard
    (mine,) = [x for x in door.json("session", "list", "--all")["sessions"] if x["client"]]
    assert (mine["client"], mine["status"]) == (client, "ended")
    assert [lock["agent"] for lock in door.json("lock", "list")["locks"]] == ["ada"]
    kinds = {one["path"] for one in door.json("change", "list")["changes"]}
    assert kinds >= ({"delegated.txt"} if client == "codex" else {"new.txt", "made.txt"})
