"""What only Codex has: patches of many files, a sandbox, hooks that want trust."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.live.codex import Codex
from tests.live.kinds import installed
from tests.live.script import Delegate, Raw, Run, Use, Write, do, say
from tests.live.world import HELD, PROGRAM, World, make

#: Adds a file, and changes one that another holds.
PATCH = f"""*** Begin Patch
*** Add File: fresh.txt
+fresh
*** Update File: {HELD}
@@
-one
+two
*** End Patch
"""

#: Moves a file that another holds away.
MOVE = f"""*** Begin Patch
*** Update File: {HELD}
*** Move to: moved.txt
@@
-one
+two
*** End Patch
"""


@pytest.fixture
def world(place: Path) -> World:
    made = make(installed(Codex), place)
    made.set_up()
    return made


def test_a_patch_of_which_one_file_is_held_changes_nothing(world: World) -> None:
    ran = world.client.run(
        do(Raw("apply_patch", PATCH)), do(Raw("apply_patch", MOVE)), say("Held.")
    )
    assert len(ran.stub.results()) == 2
    assert all("ada" in result for result in ran.stub.results())
    assert world.read(HELD) == "one\n"
    assert not world.path("fresh.txt").exists()
    assert not world.path("moved.txt").exists()
    (session,) = world.sessions(ran)
    changes = world.prompt("change", "list", "--session", session["id"])["changes"]
    assert changes == []


def test_hooks_and_the_server_write_the_ledger_where_the_shell_may_not(world: World) -> None:
    ran = world.client.run(
        do(Run(f"{PROGRAM} lock acquire typed.txt")),
        do(Use("acquire_lock", {"file_path": "asked.txt"})),
        do(Write(str(world.path("patched.txt")), "patched\n")),
        do(Use("check_locks")),
        say("Done."),
    )
    typed, _, _, held = ran.stub.results()
    assert "Read-only file system" in typed or "read-only" in typed
    assert "typed.txt" not in held
    assert "asked.txt" in held
    assert "patched.txt" in held


def test_a_sub_agent_holds_under_its_own_name(world: World) -> None:
    ran = world.client.run(
        do(
            Delegate(
                "Do a part of it.",
                (
                    do(Write(str(world.path("part.txt")), "part\n")),
                    do(Use("check_locks")),
                    say("The part is done."),
                ),
            )
        ),
        say("All is done."),
    )
    assert ran.code == 0, ran.err
    assert world.read("part.txt") == "part\n"
    (session,) = world.sessions(ran)
    agent = ran.stub.agents[0]
    assert f"{session['id']}/{agent}" in json.dumps(ran.stub.delegated[-1])
    assert world.spent(ran) == ran.stub.usage
