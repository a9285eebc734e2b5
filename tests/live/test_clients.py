"""Real Claude Code, Codex and Gemini CLI with gitcoord, as `gitcoord setup` installs it.

One conversation of each client, played once, is looked at from all sides. Another session
holds `held.txt`; the model, a script, tries to change it, changes what is free, forces a push
and asks through MCP.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.gitrun import git
from tests.live.clients import Ran
from tests.live.kinds import EACH, installed
from tests.live.script import Edit, Read, Run, Use, Write, do, say
from tests.live.world import HELD, PROGRAM, World, make

#: Would leave two marks: a file here, and another `main` at the remote.
FORCED = "touch forced.txt; git push --force origin linked:main"


class Played(NamedTuple):
    """A conversation that is over."""

    world: World
    ran: Ran
    results: dict[str, str]


@pytest.fixture(scope="module", **EACH)
def played(request: pytest.FixtureRequest, folder: Callable[[], Path]) -> Played:
    world = make(installed(request.param), folder())
    world.set_up()
    held = str(world.path(HELD))
    steps = {
        "read": Read(held),
        "edit": Edit(held, "one", "two"),
        "redirect": Run(f"echo two > {HELD}"),
        "write": Write(str(world.path("free.txt")), "free\n"),
        "shell": Run("echo made > made.txt"),
        "force": Run(FORCED),
        "whoami": Run(f"{PROGRAM} whoami --json"),
        "check": Use("check_locks", {"file_paths": [HELD, "free.txt"]}),
        "acquire": Use("acquire_lock", {"file_path": "later.txt"}),
        "refused": Use("acquire_lock", {"file_path": HELD}),
    }
    ran = world.client.run(*(do(step) for step in steps.values()), say("All is done."))
    results = ran.stub.results()
    assert ran.code == 0, ran.err
    assert len(results) == len(steps), results
    return Played(world, ran, dict(zip(steps, results, strict=True)))


def test_a_held_file_is_not_written_and_the_model_hears_who_holds_it(played: Played) -> None:
    assert played.world.read(HELD) == "one\n"
    for refused in (played.results["edit"], played.results["redirect"]):
        assert HELD in refused
        assert "ada" in refused
        assert "rewriting it" in refused
        assert "gitcoord " in refused


def test_the_lock_of_the_holder_is_untouched(played: Played) -> None:
    (lock,) = played.world.ada("lock", "list")["locks"]
    assert (lock["key"], lock["agent"]) == (HELD, "ada")


def test_a_free_file_is_locked_and_written(played: Played) -> None:
    assert played.world.read("free.txt") == "free\n"
    (session,) = played.world.sessions(played.ran)
    assert "free.txt" in played.results["check"]
    assert session["id"] in played.results["check"]


def test_what_was_written_is_recorded(played: Played) -> None:
    (session,) = played.world.sessions(played.ran)
    changes = played.world.prompt("change", "list", "--session", session["id"])["changes"]
    kinds = {change["path"]: change["kind"] for change in changes}
    assert kinds == {"free.txt": "create", "made.txt": "create"}


def test_a_dangerous_command_does_not_run_and_the_model_hears_why(played: Played) -> None:
    world = played.world
    assert not world.path("forced.txt").exists()
    assert git(world.remote, "log", "-1", "--format=%s", "main") == "theirs"
    assert "gitcoord" in played.results["force"]
    assert "force" in played.results["force"]


def test_a_conversation_checks_in_and_out(played: Played) -> None:
    (session,) = played.world.sessions(played.ran)
    assert session["status"] == "ended"
    assert session["worktree"] == str(played.world.client.worktree)
    assert session["branch"] == "linked"


def test_a_command_that_the_agent_types_acts_for_the_conversation(played: Played) -> None:
    (session,) = played.world.sessions(played.ran)
    assert session["id"] in played.results["whoami"]


def test_tools_of_the_mcp_server_act_for_the_conversation(played: Played) -> None:
    (session,) = played.world.sessions(played.ran)
    assert "ada" in played.results["check"]
    assert "later.txt" in played.results["acquire"]
    diary = git(played.world.repo, "log", "--format=%B", "refs/coord/state")
    (taken,) = (line for line in diary.splitlines() if "takes later.txt" in line)
    assert session["agent"] in taken


def test_a_refusal_of_the_mcp_server_can_be_read_by_the_model(played: Played) -> None:
    assert "lock_held" in played.results["refused"]
    assert "ada" in played.results["refused"]


def test_the_ledger_knows_the_tokens_that_the_api_has_counted(played: Played) -> None:
    world, stub = played.world, played.ran.stub
    assert world.spent(played.ran) == world.client.counted(stub.usage)
    (session,) = world.sessions(played.ran)
    assert world.usage(session)["requests"] == stub.answers


def test_the_stop_lets_go_at_once(played: Played) -> None:
    stub = played.ran.stub
    assert len(stub.requests) == len(stub.script)


def test_the_client_reaches_for_nothing_but_its_api(played: Played) -> None:
    assert played.ran.stub.unknown == []
