"""Real clients when a conversation goes on, or when gitcoord itself is broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gitrun import git
from tests.live.kinds import EACH, installed
from tests.live.script import Edit, Read, Run, Write, do, say
from tests.live.world import HELD, World, make


@pytest.fixture(**EACH)
def world(request: pytest.FixtureRequest, place: Path) -> World:
    made = make(installed(request.param), place)
    made.set_up()
    return made


def test_a_ledger_that_cannot_be_read_disturbs_nobody_and_is_said_once(world: World) -> None:
    Path(world.repo, ".git", "refs", "coord", "state").write_text("spoilt\n", encoding="utf-8")
    ran = world.client.run(
        do(Write(str(world.path("one.txt")), "one\n")),
        do(Run("echo two > two.txt")),
        do(Write(str(world.path("three.txt")), "three\n")),
        say("All is done."),
    )
    assert ran.code == 0, ran.err
    assert [world.read(f"{name}.txt") for name in ("one", "two", "three")] == [
        "one\n",
        "two\n",
        "three\n",
    ]
    assert len(ran.stub.requests) == len(ran.stub.script)
    (remark,) = world.client.remarks(ran)
    assert "does not guard this conversation" in remark
    assert "gitcoord doctor" in remark


def test_a_program_that_is_gone_lets_the_client_work(world: World) -> None:
    world.lose_hooks()
    ran = world.client.run(
        do(Write(str(world.path("one.txt")), "one\n")),
        do(Run("echo two > two.txt")),
        say("All is done."),
    )
    assert ran.code == 0, ran.err
    assert world.read("one.txt") == "one\n"
    assert world.read("two.txt") == "two\n"


def test_a_conversation_that_is_resumed_checks_in_again_and_counts_on(world: World) -> None:
    held, other = str(world.path(HELD)), str(world.path("other.txt"))
    first = world.client.run(
        do(Write(str(world.path("one.txt")), "one\n")),
        do(Read(held)),
        do(Edit(held, "one", "two")),
        say("Held."),
    )
    assert "ada" in first.stub.results()[2]
    assert world.read(HELD) == "one\n"
    resumed = world.client.conversation(first)
    # A lock that is released in between lets the same edit through.
    world.ada("lock", "release", HELD)
    world.ada("lock", "acquire", "other.txt")
    second = world.client.run(
        do(Write(str(world.path("two.txt")), "two\n")),
        do(Read(held)),
        do(Edit(held, "one", "two")),
        do(Read(other)),
        do(Edit(other, "one", "two")),
        say("Done again."),
        prompt="Go on.",
        resumed=resumed,
    )
    assert (first.code, second.code) == (0, 0), second.err
    assert world.client.conversation(second) == resumed
    assert world.read(HELD) == "two\n"
    assert git(str(world.client.worktree), "status", "--porcelain", HELD) == f"M {HELD}"
    assert world.read("other.txt") == "one\n"
    assert "ada" in second.stub.results()[-1]
    assert len(second.stub.requests) == len(second.stub.script)
    assert {session["status"] for session in world.sessions(second)} == {"ended"}
    changed = {
        change["path"]
        for session in world.sessions(second)
        for change in world.prompt("change", "list", "--session", session["id"])["changes"]
    }
    assert changed == {"one.txt", "two.txt", HELD}
    counted = world.client.counted(first.stub.usage + second.stub.usage)
    assert world.spent(second) == counted
