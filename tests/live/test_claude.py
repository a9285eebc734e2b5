"""What only Claude Code has: sub-agents that say who they are, notebooks, a list of its tools."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.claude import Claude
from tests.live.clients import Ran
from tests.live.kinds import installed
from tests.live.script import Delegate, Edit, Raw, Read, Run, Use, Write, do, say
from tests.live.world import HELD, World, make


@pytest.fixture
def world(place: Path) -> World:
    made = make(installed(Claude), place)
    made.set_up()
    return made


def test_a_sub_agent_holds_under_its_own_name_and_is_held_off_like_anybody(world: World) -> None:
    held = str(world.path(HELD))
    ran = world.client.run(
        do(Write(str(world.path("main.txt")), "main\n")),
        do(
            Delegate(
                "Do a part of it.",
                (
                    do(Write(str(world.path("part.txt")), "part\n")),
                    do(Read(held)),
                    do(Edit(held, "one", "two")),
                    do(Use("check_locks")),
                    say("The part is done."),
                ),
            )
        ),
        say("All is done."),
    )
    assert ran.code == 0, ran.err
    assert world.read("part.txt") == "part\n"
    assert world.read(HELD) == "one\n"
    told = json.dumps(ran.stub.delegated[-1])
    assert "ada" in told
    (session,) = world.sessions(ran)
    agent = ran.stub.agents[0]
    assert f"{session['id']}/{agent}" in told
    changes = world.prompt("change", "list", "--session", session["id"])["changes"]
    assert {change["path"] for change in changes} >= {"main.txt"}
    assert world.spent(ran) == ran.stub.usage


def test_a_notebook_that_another_holds_is_not_written(world: World) -> None:
    book = world.path("book.ipynb")
    cell = {
        "cell_type": "code",
        "execution_count": None,
        "id": "first",
        "metadata": {},
        "outputs": [],
        "source": ["print(1)"],
    }
    document = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    before = json.dumps(document)
    book.write_text(before, encoding="utf-8")
    world.ada("lock", "acquire", "*.ipynb")
    new = {"notebook_path": str(book), "cell_id": "first", "new_source": "print(2)"}
    ran = world.client.run(do(Read(str(book))), do(Raw("NotebookEdit", new)), say("Held."))
    assert book.read_text(encoding="utf-8") == before
    assert "ada" in ran.stub.results()[1]


@pytest.fixture(scope="module")
def quiet(folder: Callable[[], Path]) -> tuple[World, Ran]:
    """Return a conversation with one command, which is over."""
    world = make(installed(Claude), folder())
    world.set_up()
    return world, world.client.run(do(Run("true")), say("Done."))


def test_the_tools_of_the_server_are_there_from_the_first_turn(quiet: tuple[World, Ran]) -> None:
    _, ran = quiet
    names = {tool["name"] for tool in ran.stub.requests[0]["tools"]}
    assert {"mcp__gitcoord__acquire_lock", "mcp__gitcoord__check_locks"} <= names


def test_what_others_hold_is_told_at_the_start(quiet: tuple[World, Ran]) -> None:
    _, ran = quiet
    assert HELD in json.dumps(ran.stub.requests[0]["messages"])


def test_what_it_says_that_it_cost_is_in_the_ledger(quiet: tuple[World, Ran]) -> None:
    world, ran = quiet
    (session,) = world.sessions(ran)
    lines = world.client.transcripts()[0].read_text(encoding="utf-8").splitlines()
    said = [x["totalCostUSD"] for x in map(json.loads, lines) if x["type"] == "cost-state"]
    assert said[-1] > 0
    assert world.usage(session)["cost_usd"] == said[-1]
