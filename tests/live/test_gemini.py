"""What only Gemini CLI has: hooks before every model call, folders that want trust."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.live.gemini import GeminiCli
from tests.live.kinds import installed
from tests.live.script import Delegate, Run, Write, do, say
from tests.live.world import HELD, World, make


@pytest.fixture
def world(place: Path) -> World:
    made = make(installed(GeminiCli), place)
    made.set_up()
    return made


def test_tokens_of_a_sub_agent_count_for_the_session(world: World) -> None:
    ran = world.client.run(
        do(
            Delegate(
                "Do a part of it.",
                (
                    do(Write(str(world.path("part.txt")), "part\n")),
                    say("The part is done."),
                ),
            )
        ),
        say("All is done."),
    )
    assert ran.code == 0, ran.err
    assert len(ran.stub.delegated) == 2
    assert world.read("part.txt") == "part\n"
    assert world.spent(ran) == world.client.counted(ran.stub.usage)


def test_a_sub_agent_is_held_off_like_anybody_and_the_start_tells_what_others_hold(
    world: World,
) -> None:
    ran = world.client.run(
        do(Delegate("Do it.", (do(Run(f"echo two > {HELD}")), say("Held.")))),
        say("Held."),
    )
    assert world.read(HELD) == "one\n"
    assert "ada" in json.dumps(ran.stub.delegated[-1])
    assert HELD in json.dumps(ran.stub.requests[0]["contents"])
