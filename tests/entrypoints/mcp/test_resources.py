"""Resources: what they say, and that subscribers hear of what the ledger decides."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import anyio
import pytest
from mcp.client.subscriptions import Subscription
from mcp.shared.exceptions import MCPError
from mcp_types import ResourceUpdatedNotification

from gitcoord.entrypoints.mcp.resources import RESOURCES, concerned
from tests.entrypoints.door import Door, refs
from tests.entrypoints.mcp.agents import ERAS, Agent, Agents
from tests.entrypoints.program import until


@pytest.mark.parametrize("era", ERAS)
def test_each_is_listed_and_can_be_read(door: Door, agents: Agents, era: str) -> None:
    agent = agents.inside(era=era)
    listed = agent.portal.call(agent.client.list_resources).resources
    assert [str(one.uri) for one in listed] == list(RESOURCES)
    for one in listed:
        assert one.mime_type == "text/markdown"
        assert one.description
    before = refs(door.place)
    for uri in RESOURCES:
        assert agent.read(uri)
    # Reading checks nobody in.
    assert refs(door.place) == before
    with pytest.raises(MCPError, match=r"no resource 'locks://none'; known: locks://current"):
        agent.read("locks://none")
    templates = agent.portal.call(agent.client.list_resource_templates)
    assert templates.resource_templates == []


def test_they_say_what_the_ledger_knows(door: Door, agents: Agents) -> None:
    ada = door.start("ada")
    door("lock", "acquire", "src/a.py", "--reason", "login", "--session", ada)
    first = door.json("task", "add", "Fix login", "--priority", "1")["task"]["id"]
    door("task", "add", "Ship it", "--depends-on", first)
    door("handoff", "write", "half done", "--next-step", "test it", "--session", ada)
    agent = agents.inside()
    locks = agent.read("locks://current")
    assert f"- `src/a.py` (exclusive) held by ada (session {ada}) until " in locks
    assert locks.endswith(": login")
    work = agent.read("work://pending")
    assert work.index("## Priority 1") < work.index("Fix login") < work.index("## Priority 5")
    assert "(not yet: " in work
    handoffs = agent.read("handoffs://recent")
    assert "half done" in handoffs
    assert "- next: test it" in handoffs
    assert "- `git_force_push` (block): " in agent.read("guardrails://patterns")
    assert "Last handoff, by ada" in agent.read("gitcoord://context")
    assert "not checked in" in agent.read("gitcoord://messages")


def test_a_change_concerns_the_resources_that_show_its_table() -> None:
    assert concerned(frozenset({"locks"})) == [
        "locks://current",
        "work://pending",
        "audit://recent",
        "gitcoord://context",
    ]
    every = ["audit://recent", "gitcoord://context"]
    assert concerned(frozenset({"handoffs"})) == ["handoffs://recent", *every]
    assert concerned(frozenset({"sessions"})) == every
    assert concerned(frozenset()) == []


class Ears:
    """Hears what a server says by itself in the older era."""

    def __init__(self) -> None:
        self.uris: list[str] = []

    async def __call__(self, message: Any) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            self.uris.append(str(message.params.uri))


@pytest.fixture(params=["pipes", "http"])
def connect(request: pytest.FixtureRequest, agents: Agents) -> Callable[..., Agent]:
    return agents.inside if request.param == "pipes" else partial(agents.http, agents.hosted())


@pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")
def test_subscribers_of_the_older_kind_hear_of_changes_until_they_unsubscribe(
    door: Door, connect: Callable[..., Agent]
) -> None:
    ears = Ears()
    agent = connect(era="legacy", heard=ears)
    session = agent.client.session
    for uri in ("locks://current", "handoffs://recent"):
        agent.portal.call(session.subscribe_resource, uri)
    with pytest.raises(MCPError, match="no resource"):
        agent.portal.call(session.subscribe_resource, "locks://none")
    ada = door.start("ada")
    door("lock", "acquire", "a.py", "--session", ada)
    until(lambda: "locks://current" in ears.uris)
    assert "handoffs://recent" not in ears.uris
    agent.portal.call(session.unsubscribe_resource, "locks://current")
    heard = ears.uris.count("locks://current")
    door("lock", "release", "a.py", "--session", ada)
    door("handoff", "write", "done", "--session", ada)
    # What comes last is heard last, so that what came before would have been heard.
    until(lambda: "handoffs://recent" in ears.uris)
    assert ears.uris.count("locks://current") == heard


def test_streams_of_the_newer_kind_carry_what_was_asked_for(
    door: Door, connect: Callable[..., Agent]
) -> None:
    agent = connect(era="2026-07-28")
    heard: list[Any] = []
    ready = agent.portal.call(anyio.Event)

    async def listen() -> None:
        stream = agent.client.listen(resource_subscriptions=["locks://current"])
        async with stream as events:
            assert isinstance(events, Subscription)
            ready.set()
            async for event in events:
                heard.append(event)  # noqa: PERF401 - as it comes

    future = agent.portal.start_task_soon(listen)
    agent.portal.call(ready.wait)
    ada = door.start("ada")
    door("handoff", "write", "done", "--session", ada)
    door("lock", "acquire", "a.py", "--session", ada)
    until(lambda: heard)
    assert {event.uri for event in heard} == {"locks://current"}
    future.cancel()
