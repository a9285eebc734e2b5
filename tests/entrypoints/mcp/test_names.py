"""The names of Agent Coordinator: 23 tools, 7 resources, 2 prompts, with `--tools all`."""

from __future__ import annotations

from tests.entrypoints.mcp.agents import Agents

TOOLS = (
    "acquire_lock", "release_lock", "check_locks", "get_work", "complete_work", "submit_work",
    "get_task", "write_handoff", "read_handoff", "register_session", "discover_agents", "heartbeat",
    "cleanup_dead_agents", "remember", "recall", "check_guardrails", "get_my_profile",
    "query_audit", "check_policy", "validate_cedar_policy", "allocate_ports", "release_ports",
    "ports_status",
)  # fmt: skip
RESOURCES = (
    "locks://current", "work://pending", "handoffs://recent", "memories://recent",
    "guardrails://patterns", "profiles://current", "audit://recent",
)  # fmt: skip
PROMPTS = ("coordinate_file_edit", "start_work_session")


def test_the_twenty_three_tools_seven_resources_and_two_prompts_are_there(agents: Agents) -> None:
    assert (len(TOOLS), len(RESOURCES), len(PROMPTS)) == (23, 7, 2)
    agent = agents.inside("all")
    tools = set(agent.schemas)
    resources = {str(x.uri) for x in agent.portal.call(agent.client.list_resources).resources}
    prompts = {x.name for x in agent.portal.call(agent.client.list_prompts).prompts}
    assert {*TOOLS, *RESOURCES} <= tools | resources
    assert set(PROMPTS) <= prompts
    for uri in set(RESOURCES) & resources:
        assert agent.read(uri).startswith("# ")
