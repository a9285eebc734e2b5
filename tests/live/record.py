"""Record what each client really sends to hooks, and the transcript that it leaves.

    python -m tests.live.record [CLIENT...]

writes `tests/clients/payloads/<client>/<Event>[-<what>].json` and
`tests/clients/transcripts/<client>/`, from runs of the harness with invented content. Paths of
this machine become `/repo`, `/home/agent` and `/tmp`; long texts, which are the clients' own
instructions, are cut. `usage.json` beside a transcript is what the stub said the run cost.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.gitrun import git
from tests.live import plain_server
from tests.live.clients import Client, Ran
from tests.live.kinds import KINDS
from tests.live.script import Delegate, Edit, Raw, Read, Run, Turn, Use, Write, do, say

OUTPUT = Path(__file__).resolve().parent.parent / "clients"

#: What only one client can do.
SPECIAL: dict[str, Callable[[Path], list[Turn]]] = {
    "claude": lambda worktree: [
        do(Read(str(worktree / "book.ipynb"))),
        do(
            Raw(
                "NotebookEdit",
                {
                    "notebook_path": str(worktree / "book.ipynb"),
                    "cell_id": "first",
                    "new_source": "print(2)",
                },
            )
        ),
    ],
    "codex": lambda worktree: [
        do(
            Raw(
                "apply_patch",
                "*** Begin Patch\n*** Update File: notes.txt\n*** Move to: moved.txt\n"
                "@@\n-two\n+three\n*** Add File: sub/more.txt\n+more\n"
                "*** Delete File: made.txt\n*** End Patch\n",
            )
        )
    ],
    "gemini": lambda worktree: [],
}

NOTEBOOK = {
    "cells": [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": "first",
            "metadata": {},
            "outputs": [],
            "source": ["print(1)"],
        }
    ],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 5,
}

#: Keeps its input under the time and the event; the first pair of each kind is enough.
RECORDER = """#!/bin/sh
cat > "$1/$(date +%s%N)-$2.json"
"""

#: Characters of a text that are kept, and bytes of a line.
TEXT = 160
LINE = 6000


def main() -> None:
    """Record the clients that are named, or all."""
    named = sys.argv[1:]
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    os.environ.setdefault("TESTS_NPM_CACHE", os.path.join(cache, "gitcoord-tests", "npm"))
    for kind in KINDS:
        if named and kind.name not in named:
            continue
        if missing := kind.missing():
            print(missing)
            continue
        with tempfile.TemporaryDirectory() as root:
            record(kind, Path(root))


def record(kind: type[Client], root: Path) -> None:
    """Run one client through everything that has an event, and keep what it sent."""
    worktree = root / "repo"
    worktree.mkdir()
    git(str(worktree), "init", "-q", "-b", "main")
    git(str(worktree), "config", "user.name", "Agent")
    git(str(worktree), "config", "user.email", "agent@example.invalid")
    (worktree / "notes.txt").write_text("one\n", encoding="utf-8")
    (worktree / "book.ipynb").write_text(json.dumps(NOTEBOOK), encoding="utf-8")
    git(str(worktree), "add", ".")
    git(str(worktree), "commit", "-q", "-m", "first")
    client = kind(root, worktree)
    kept = root / "kept"
    kept.mkdir()
    recorder = root / "recorder"
    recorder.write_text(RECORDER, encoding="utf-8")
    recorder.chmod(0o755)
    client.hook({event: [str(recorder), str(kept), event] for event in client.events})
    client.serve([sys.executable, plain_server.__file__])
    ran = client.run(
        do(Read(str(worktree / "notes.txt"))),
        do(Edit(str(worktree / "notes.txt"), "one", "two")),
        do(Write(str(worktree / "new.txt"), "first\nsecond\n")),
        do(Run("echo shell > made.txt")),
        do(Run("ls nothing-here")),
        do(Use("check_locks", {"paths": ["notes.txt"]})),
        do(
            Delegate(
                "Write one file.",
                (
                    do(Write(str(worktree / "delegated.txt"), "by a sub-agent\n")),
                    say("The file is written."),
                ),
            )
        ),
        *SPECIAL[client.name](worktree),
        say("All is done."),
        prompt="Change the notes.",
    )
    assert ran.code == 0, ran.err
    assert ran.stub.unknown == []
    cleaner = Cleaner(client)
    write_payloads(client, kept, cleaner)
    write_transcripts(client, ran, cleaner)
    for result in ran.stub.results():
        print(f"{client.name}: {result[:100]!r}")


class Cleaner:
    """Takes the paths of this machine out of a text, and cuts what is long."""

    def __init__(self, client: Client) -> None:
        dashed = str(client.worktree).replace("/", "-").replace("_", "-")
        self._names = {
            dashed: "-repo",
            str(client.worktree): "/repo",
            str(client.home): "/home/agent",
            str(client.temporary): "/tmp",
            str(client.root): "/tmp",
            sys.executable: "python3",
            plain_server.__file__: "server.py",
        }

    def __call__(self, text: str) -> str:
        for name, other in self._names.items():
            text = text.replace(name, other)
        return text

    def cut(self, value: Any) -> Any:
        """Return a document with its long texts cut."""
        match value:
            case str():
                return value if len(value) <= TEXT else f"{value[:TEXT]} (cut)"
            case list():
                return [self.cut(each) for each in value]
            case dict():
                return {name: self.cut(each) for name, each in value.items()}
        return value


def write_payloads(client: Client, kept: Path, cleaner: Cleaner) -> None:
    """Keep the first of each event and tool, in the order in which they came."""
    folder = OUTPUT / "payloads" / client.name
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.json"):
        old.unlink()
    for path in sorted(kept.glob("*.json")):
        document = json.loads(cleaner(path.read_text(encoding="utf-8")))
        event = document["hook_event_name"]
        name = event
        if tool := document.get("tool_name"):
            name = f"{event}-{tool}"
            if document.get("agent_id"):
                name += "-subagent"
            if "nothing-here" in str(document) and not event.startswith(("Pre", "Before")):
                name += "-failed"
            if "*** Move to" in str(document):
                name += "-many"
        target = folder / f"{name}.json"
        if not target.exists():
            text = json.dumps(cleaner.cut(document), indent=2, ensure_ascii=False)
            target.write_text(f"{text}\n", encoding="utf-8")


def write_transcripts(client: Client, ran: Ran, cleaner: Cleaner) -> None:
    """Keep the files of the conversation under their own names, cut, and what it cost."""
    folder = OUTPUT / "transcripts" / client.name
    files = client.transcripts()
    for old in folder.rglob("*.json*"):
        old.unlink()
    for path in files:
        target = folder / path.relative_to(files[0].parent)
        target.parent.mkdir(parents=True, exist_ok=True)
        lines = [
            json.dumps(cleaner.cut(json.loads(cleaner(line))), ensure_ascii=False)
            for line in path.read_text(encoding="utf-8").splitlines()
        ]
        kept = [line for line in lines if len(line) <= LINE]
        target.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
    spent = json.dumps(dataclasses.asdict(ran.stub.usage), indent=2)
    (folder / "usage.json").write_text(f"{spent}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
