"""What a client's process leads is known to whatever that process starts, and to nobody else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from gitcoord.domain.sessions import Process
from gitcoord.entrypoints.announced import announce
from gitcoord.entrypoints.cli.actor import Client
from gitcoord.ledger import machine

ASK = "import sys; from gitcoord.entrypoints import announced as x; print(x.announced(sys.argv[1]))"


def asked(home: Path) -> str:
    """Return what a process finds that this one starts."""
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(home)], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_the_nearest_process_above_counts_with_what_it_leads_now(tmp_path: Path) -> None:
    me, above = machine.process(), machine.process(os.getppid())
    assert me is not None
    assert above is not None
    assert asked(tmp_path) == "None"
    announce(str(tmp_path), Client("gemini", "above"), above)
    assert asked(tmp_path) == str(Client("gemini", "above"))
    announce(str(tmp_path), Client("gemini", "first"), me)
    announce(str(tmp_path), Client("gemini", "second"), me)
    assert asked(tmp_path) == str(Client("gemini", "second"))


def test_a_former_process_of_the_same_number_and_a_torn_file_say_nothing(tmp_path: Path) -> None:
    me = machine.process()
    assert me is not None
    announce(str(tmp_path), Client("gemini", "g-1"), Process(me.host, me.pid, "1", me.boot))
    assert asked(tmp_path) == "None"
    (file,) = tmp_path.rglob("*.json")
    file.write_text('{"client": "gemini", "sess', encoding="utf-8")
    assert asked(tmp_path) == "None"
