"""Two whole conversations of Claude Code in two worktrees, event by event, each hook a process."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from tests.entrypoints.door import Door
from tests.entrypoints.hooks.talk import Talk
from tests.gitrun import git


def answer(talk: Talk, step: str, **fields: Any) -> dict[str, Any]:
    out = talk.process(step, **fields)
    found = json.loads(out) if out else {}
    assert isinstance(found, dict)
    return found


def write(place: str, path: str, text: str) -> None:
    with open(os.path.join(place, path), "w", encoding="utf-8") as file:
        file.write(text)


def sessions(door: Door, *words: str) -> dict[str, dict[str, Any]]:
    found = door.json("session", "list", *words)["sessions"]
    return {one["client_session"]: one for one in found if one["client"]}


def test_two_conversations_from_their_starts_to_their_ends(
    door: Door, talks: Callable[..., Talk]
) -> None:
    door.commit("greeting.py", "print('hello')\n")
    door.commit("parting.py", "print('bye')\n")
    git(door.place, "worktree", "add", "-q", "../bob", "-b", "bob")
    ann = talks("claude", "c-ann")
    bob = talks("claude", "c-bob", os.path.join(os.path.dirname(door.place), "bob"))

    # Both start; the second hears of the first.
    answer(ann, "start", source="startup")
    names = sessions(door)
    told = bob.told(answer(bob, "start", source="startup"))
    assert names["c-ann"]["agent"] in told

    # One takes a file and changes it.
    assert answer(ann, "prompt", prompt="a friendlier greeting") == {}
    assert answer(ann, "before", **ann.editing("greeting.py")) == {}
    write(ann.place, "greeting.py", "print('good morning')\n")
    assert answer(ann, "after", **ann.editing("greeting.py")) == {}
    assert answer(ann, "before", **ann.editing("greeting.py")) == {}

    # The other may not, hears why, and does something else.
    refused = bob.denied(answer(bob, "before", **bob.editing("greeting.py")))
    assert names["c-ann"]["agent"] in refused
    assert "a friendlier greeting" in refused
    assert git(bob.place, "status", "--porcelain") == ""
    assert answer(bob, "before", **bob.editing("parting.py")) == {}
    write(bob.place, "parting.py", "print('see you')\n")
    assert answer(bob, "after", **bob.editing("parting.py")) == {}

    # A dangerous command does not run, and a turn ends.
    force = {"tool_name": "Bash", "tool_input": {"command": "git push --force origin main"}}
    assert "git_force_push" in bob.denied(answer(bob, "before", **force))
    assert answer(bob, "stop", stop_hook_active=False) == {}
    assert sessions(door)["c-bob"]["status"] == "idle"

    # They write to each other, and hear it with the next prompt.
    to = sessions(door)["c-bob"]["id"]
    door("message", "send", "--to", to, "leave the greeting to me", "--session",
         sessions(door)["c-ann"]["id"])  # fmt: skip
    assert "leave the greeting to me" in bob.told(answer(bob, "prompt", prompt="what now?"))
    assert bob.told(answer(bob, "prompt", prompt="and now?")) == ""

    # The first leaves with work that has not landed; the second is told where it is.
    assert answer(ann, "stop", stop_hook_active=False) == {}
    git(ann.place, "commit", "-qam", "greeting")
    assert answer(ann, "end", reason="other") == {}
    assert set(sessions(door)) == {"c-bob"}
    assert "a friendlier greeting" in door.json("handoff", "read")["handoff"]["summary"]
    assert answer(bob, "before", **bob.editing("greeting.py")) == {}

    # And the second leaves, too: nothing is held, everything is in the ledger.
    assert answer(bob, "end", reason="other") == {}
    assert door.json("lock", "list")["locks"] == []
    ended = sessions(door, "--all")
    assert {one["status"] for one in ended.values()} == {"ended"}
    changed = {one["path"] for one in door.json("change", "list")["changes"]}
    assert changed == {"greeting.py", "parting.py"}
