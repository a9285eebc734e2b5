"""Every tool, called by the SDK's own client, over both transports and in both eras."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitcoord.entrypoints.mcp.table import TOOLS, selected
from tests.entrypoints.door import Door
from tests.entrypoints.mcp.agents import ERAS, Agent, Agents, text
from tests.entrypoints.mcp.test_merges import QUEUE


@pytest.fixture
def agent(agents: Agents) -> Agent:
    return agents.inside()


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("way", ["stdio", "http"])
def test_a_day_with_every_tool(
    request: pytest.FixtureRequest, door: Door, agents: Agents, way: str, era: str
) -> None:
    # Both ways as a process.
    if way == "stdio":
        agent = agents.stdio(era=era)
    elif era == "legacy":
        agent = agents.http(request.getfixturevalue("served"), era=era)
    else:
        agent = agents.http(agents.hosted(), era=era)
    ada = door.start("ada")
    assert "not checked in" in agent.call("session_context")["text"]
    assert [one["agent"] for one in door.json("session", "list")["sessions"]] == ["ada"]

    me = agent.call(
        "register_session", capabilities=["python"], current_task="login", area="auth",
        agent_name="bob",
    )  # fmt: skip
    session = me["session_id"]
    assert (me["agent_name"], me["resumed"], me["neighbours"]) == ("bob", False, [ada])
    assert agent.call("heartbeat")["session_id"] == session
    found = {one["agent_id"]: one for one in agent.call("discover_agents")["agents"]}
    assert found["bob"]["mine"] is True
    assert (found["bob"]["capabilities"], found["bob"]["current_task"]) == (["python"], "login")
    assert [
        x["agent_id"] for x in agent.call("discover_agents", capability="python")["agents"]
    ] == ["bob"]

    locked = agent.call("acquire_lock", file_path="src/a.py", reason="login", ttl_minutes=2)
    assert (locked["action"], locked["locked_by"], locked["session"]) == (
        "acquired",
        "bob",
        session,
    )
    (lock,) = locked["locks"]
    assert door.json("lock", "list")["locks"] == [lock]
    assert agent.call("acquire_lock", file_path="src/a.py")["action"] == "refreshed"
    assert agent.call("renew_locks", ttl_minutes=60)["locks"][0]["token"] == lock["token"]
    (held,) = agent.call("check_locks", file_paths=["src/a.py", "src/b.py"])["locks"]
    assert (held["file_path"], held["locked_by"], held["mine"]) == ("src/a.py", "bob", True)
    more = agent.call("acquire_lock", keys=["db:schema", "docs/"], shared=True)
    assert [one["key"] for one in more["locks"]] == ["db:schema", "docs/**"]
    assert len(agent.call("check_locks")["locks"]) == 3
    assert agent.call("release_lock", file_path="src/a.py")["released"] == ["src/a.py"]
    assert len(agent.call("release_lock", all=True)["released"]) == 2

    first = agent.call(
        "submit_work", task_type="bug", description="Fix the login\n\nIt fails.", priority="high",
        input_data={"issue": 7}, keys=["src/login.py"],
    )  # fmt: skip
    task = first["task_id"]
    assert first["task"]["title"] == "Fix the login"
    after = agent.call("submit_work", description="Ship it", depends_on=[task])["task_id"]
    got = agent.call("get_work", task_types=["bug"])
    assert (got["task_id"], got["input_data"], got["priority"]) == (task, {"issue": 7}, 3)
    assert [one["key"] for one in got["locks"]] == ["src/login.py"]
    nothing = agent.call("get_work")
    assert (nothing["success"], nothing["reason"]) == (False, "no_tasks_available")
    assert nothing["waiting"][0]["reasons"][0]["code"] == "depends"
    shown = agent.call("get_task", task_id=task)["task"]
    assert (shown["status"], shown["original_status"]) == ("assigned", "claimed")
    (listed,) = agent.call("list_tasks", status=["claimed"])["tasks"]
    assert listed["task_id"] == task
    assert agent.call("release_work", task_id=task, reason="lunch")["status"] == "pending"
    assert agent.call("claim_work", task_id=task)["attempt"] == 2
    done = agent.call("complete_work", task_id=task, success=True, result={"commit": "abc"})
    assert (done["status"], done["released"], done["ready"]) == (
        "completed",
        ["src/login.py"],
        [after],
    )
    assert agent.call("get_task", task_id=task)["task"]["result"] == {"commit": "abc"}

    note = agent.call(
        "write_handoff", summary="login works", completed_work=["login"], decisions=["no cookies"],
        next_steps=["ship"], relevant_files=["src/login.py"], task_id=task,
    )  # fmt: skip
    (left,) = agent.call("read_handoff", agent_name="bob")["handoffs"]
    assert (left["handoff_id"], left["next_steps"]) == (note["handoff_id"], ["ship"])
    assert agent.call("read_handoff", task_id=after)["handoffs"] == []

    sent = agent.call("send_message", to="ada", text="done?", type="request", needs_ack=True)
    assert sent["recipients"] == ["ada"]
    (mine,) = agent.call("read_messages", sent=True)["messages"]
    assert [one["status"] for one in mine["receipts"]] == ["unknown"]
    assert agent.call("read_messages")["messages"] == []
    said = agent.call("send_message", text="hello all")
    assert said["recipients"] == ["ada"]

    door("change", "record", "--path", "src/a.py", "--summary", "typo", "--session", ada)
    (change,) = agent.call("recent_changes", file_path="src/a.py")["changes"]
    assert (change["agent_name"], change["kind"], change["summary"]) == ("ada", "modify", "typo")
    assert agent.call("recent_changes", agent_name="bob", since_minutes=5)["changes"] == []

    learned = agent.call(
        "remember", event_type="error", summary="uploads hang", details={"size": "2 GB"},
        outcome="negative", lessons=["split them"], tags=["s3"],
    )  # fmt: skip
    assert learned["action"] == "created"
    same = agent.call("remember", event_type="error", summary="uploads hang", tags=["http"])
    assert (same["memory_id"], same["action"]) == (learned["memory_id"], "deduplicated")
    (memory,) = agent.call("recall", query="why does an upload hang?", tags=["HTTP"])["memories"]
    assert (memory["id"], memory["details"]) == (learned["memory_id"], {"size": "2 GB"})
    assert (memory["relevance_score"], memory["tags"]) == (0.9, ["s3", "http"])
    assert agent.call("recall", min_relevance=0.95)["memories"] == []
    kept = agent.call("working_memory", set={"plan": "ship it"})
    assert (kept["items"], kept["dropped"]) == ({"plan": "ship it"}, [])
    assert agent.call("working_memory")["size"] == 11
    assert agent.call("working_memory", clear=["plan"])["items"] == {}

    fine = agent.call("check_guardrails", operation_text="git status", file_paths=["src/a.py"])
    assert (fine["safe"], fine["action"], fine["violations"]) == (True, "allow", [])

    profile = agent.call("get_my_profile")
    assert (profile["profile"]["trust_level"], profile["source"]) == (2, "default")
    assert profile["used"]["calls"] == 0
    door("-C", ".git", "profile", "assign", "bob", "claude_code_web_implementer")
    allowed = agent.call("check_policy", operation="acquire_lock", resource="src/a.py")
    assert (allowed["allowed"], allowed["reason"]) == (True, "write_permitted")
    claimed = agent.call("check_policy", operation="cleanup_agents", context={"trust_level": 4})
    assert (claimed["allowed"], claimed["reason"]) == (False, "operation_not_permitted")
    assert claimed["diagnostics"]["not_believed"] == ["trust_level"]
    right = agent.call("validate_cedar_policy", policy_text="permit(principal, action, resource);")
    assert (right["valid"], right["errors"]) == (True, [])
    assert not agent.call("validate_cedar_policy", policy_text="permit(")["valid"]
    leased = agent.call("allocate_ports", ttl_minutes=5)
    lease = leased["allocation"]
    assert (lease["session_id"], lease["agent"], leased["renewed"]) == (session, "bob", False)
    assert lease["api_port"] == lease["db_port"] + 3
    assert f"export API_PORT={lease['api_port']}" in leased["env_snippet"].splitlines()
    assert agent.call("allocate_ports")["renewed"] is True
    own = agent.call("allocate_ports", session_id="wp-1")["allocation"]
    assert own["db_port"] != lease["db_port"]
    held = agent.call("ports_status")["allocations"]
    assert {one["session_id"] for one in held} >= {session, "wp-1"}
    assert agent.call("release_ports")["released"] is True
    assert agent.call("release_ports", session_id="wp-1")["released"] is True
    assert agent.call("release_ports")["released"] is False

    raised = agent.call("escalate", kind="PLAN_REVISION_REQUIRED", summary="No.", feature="f")
    assert (raised["action"], raised["paused"]) == ("replan", True)
    assert agent.call("get_task", task_id=raised["task_id"])["task"]["task_type"] == "escalation"

    made = agent.call(
        "register_feature", feature_id="login", resource_claims=["src/auth/**", "a"],
        title="Log in", branch_name="feat/login", merge_priority=2, metadata={"epic": 7},
    )  # fmt: skip
    assert (made["action"], made["feasibility"], made["conflicts"]) == ("registered", "FULL", [])
    asked = agent.call(
        "analyze_feature_conflicts", candidate_feature_id="x", candidate_claims=["src/auth/x", "b"]
    )
    assert (asked["feasibility"], asked["total_conflicting_claims"]) == ("PARTIAL", 1)
    assert asked["conflicts"][0]["registered_by"] == "bob"
    mine = agent.call("analyze_feature_conflicts", candidate_feature_id="login")
    assert (mine["feasibility"], mine["total_candidate_claims"]) == ("FULL", 2)
    (shown_feature,) = agent.call("list_active_features")["features"]
    assert shown_feature == agent.call("get_feature", feature_id="login")["feature"]
    assert (shown_feature["merge_priority"], shown_feature["metadata"]) == (2, {"epic": 7})
    assert "## login: Log in" in agent.read("features://active")
    over = agent.call("deregister_feature", feature_id="login")
    assert (over["status"], over["open_tasks"]) == ("completed", [])

    request = agent.call(
        "request_approval", operation="make release", kind="command", resource="main",
        reason="it is Friday", context={"risk": 1}, timeout_seconds=60,
    )  # fmt: skip
    assert request["status"] == "pending"
    same = agent.call("request_approval", operation="make release", kind="command")
    assert same["request_id"] == request["request_id"]
    looked = agent.call("check_approval", request_id=request["request_id"])
    assert (looked["status"], looked["used"], "decided_by" in looked) == ("pending", False, False)
    shown_request = door.json("approval", "show", request["request_id"])["approval"]
    assert shown_request["details"] == {"risk": 1, "resource": "main"}
    assert (shown_request["session"], shown_request["reason"]) == (session, "it is Friday")

    swept = agent.call("cleanup_dead_agents", stale_threshold_minutes=0)
    assert (swept["agents_cleaned"], swept["locks_released"]) == (0, 0)
    assert {one["agent_id"] for one in swept["stale"]} == {"ada", "bob"}
    told = agent.call("session_context", budget=1000)
    assert told["session_id"] == session
    assert told["text"].startswith(f"You are bob, session {session}.")

    asked = agent.call("query_audit", operation="complete_task", agent_id="bob")["entries"]
    assert {(one["operation"], one["result"]) for one in asked} == {("task.move", "done")}

    gone = agent.call("end_session", outcome="success", summary="all done")
    assert gone["session_id"] == session
    ended = door.json("session", "show", session)["session"]
    assert (ended["status"], ended["outcome"], ended["summary"]) == (
        "ended",
        "completed",
        "all done",
    )
    # Whatever is called after that is another session.
    again = agent.call("register_session", agent_name="bob")["session_id"]
    assert again != session
    # Those of the queue have a test of their own.
    assert set(TOOLS) - agent.called == {"ack_message"} | QUEUE
    assert agent.log.count("\n") <= 1


def test_a_message_is_read_once_and_acknowledged(door: Door, agent: Agent) -> None:
    ada = door.start("ada")
    bob = agent.call("register_session", agent_name="bob")["session_id"]
    eve = door.start("eve")
    words = ("--to", "bob", "--ack", "--id", "m-1", "see src/a.py")
    door("message", "send", *words, "--session", ada)
    door("message", "send", "hi", "--id", "m-2", "--session", eve)
    assert "see src/a.py" in agent.read("gitcoord://messages")
    found = {one["message_id"]: one for one in agent.call("read_messages")["messages"]}
    assert set(found) == {"m-1", "m-2"}
    assert (found["m-1"]["sender"], found["m-1"]["to"]) == ("ada", bob)
    # What asks for an acknowledgement stays until it has got one.
    (left,) = agent.call("read_messages")["messages"]
    assert (left["message_id"], left["status"]) == ("m-1", "read")
    assert agent.call("ack_message", message_ids=["m-1"])["acknowledged"] == ["m-1"]
    assert agent.call("read_messages")["messages"] == []
    assert len(agent.call("read_messages", include_read=True)["messages"]) == 2
    assert agent.refused("ack_message", message_ids=["m-9"])["error"]["code"] == "message_not_found"


@pytest.mark.parametrize("era", ERAS)
def test_the_profile_core_has_few_tools_and_says_where_the_others_are(
    agents: Agents, era: str
) -> None:
    from mcp.shared.exceptions import MCPError

    agent = agents.inside("core", era=era)
    listed = agent.portal.call(agent.client.list_tools).tools
    assert [tool.name for tool in listed] == list(selected("core"))
    assert len(listed) <= 12
    assert all(tool.meta == {"anthropic/alwaysLoad": True} for tool in listed)
    with pytest.raises(MCPError, match=r"no tool 'list_tasks' in the profile core.*--tools all"):
        agent.portal.call(agent.client.call_tool, "list_tasks", {})
    with pytest.raises(MCPError, match="did you mean acquire_lock"):
        agent.portal.call(agent.client.call_tool, "aquire_lock", {})


def test_tools_say_what_they_may_do(agents: Agents) -> None:
    agent = agents.inside()
    listed = {tool.name: tool for tool in agent.portal.call(agent.client.list_tools).tools}
    assert list(listed) == list(TOOLS)
    for name, tool in listed.items():
        assert tool.title
        assert tool.description
        assert tool.input_schema["type"] == "object"
        assert tool.input_schema["additionalProperties"] is False
        assert tool.output_schema is not None
        assert tool.output_schema["type"] == "object"
        known = tool.annotations
        assert known is not None
        assert known.open_world_hint is False
        assert known.read_only_hint is TOOLS[name].read_only
        assert known.destructive_hint is TOOLS[name].destructive
        assert known.idempotent_hint is (TOOLS[name].idempotent or TOOLS[name].read_only)
        assert (tool.meta is not None) == TOOLS[name].core
    assert listed["release_lock"].annotations.destructive_hint is True  # type: ignore[union-attr]
    assert listed["acquire_lock"].annotations.idempotent_hint is True  # type: ignore[union-attr]


@pytest.mark.parametrize("era", ERAS)
def test_prompts_are_listed_and_written(agents: Agents, era: str) -> None:
    from mcp.shared.exceptions import MCPError

    agent = agents.inside(era=era)
    listed = agent.portal.call(agent.client.list_prompts).prompts
    assert [prompt.name for prompt in listed] == ["start_work_session", "coordinate_file_edit"]
    start = agent.portal.call(agent.client.get_prompt, "start_work_session", {})
    assert "session_context" in start.messages[0].content.text  # type: ignore[union-attr]
    given = {"file_path": "src/a.py", "task": "rename it"}
    edit = agent.portal.call(agent.client.get_prompt, "coordinate_file_edit", given)
    assert "acquire_lock for src/a.py" in edit.messages[0].content.text  # type: ignore[union-attr]
    with pytest.raises(MCPError, match="needs task"):
        agent.portal.call(agent.client.get_prompt, "coordinate_file_edit", {"file_path": "a"})
    with pytest.raises(MCPError, match="no prompt 'x'"):
        agent.portal.call(agent.client.get_prompt, "x", {})


@pytest.mark.parametrize("era", ERAS)
def test_instructions_come_with_the_first_answer_and_stand_for_themselves(
    agents: Agents, era: str
) -> None:
    agent = agents.inside(era="auto" if era != "legacy" else era)
    said = agent.client.instructions
    assert said is not None
    first = said[:512]
    for name in ("session_context", "acquire_lock", "get_work", "release_lock", "write_handoff"):
        assert name in first
    assert first.index("\n\n") < 512


def test_the_text_beside_an_answer_is_its_content(agents: Agents) -> None:
    agent = agents.inside()
    found = agent.raw("acquire_lock", file_path="ü.py")
    assert "ü.py" in text(found)


def test_the_result_of_a_package_is_held_against_its_plan(door: Door, agent: Agent) -> None:
    door.start("ada")
    package = (
        "{package_id: wp-a, task_type: t, description: Do it., scope: {write_allow: ['src/**']}}"
    )
    for revision in (1, 2):
        door.write(
            "wp.yaml",
            f"schema_version: 1\nfeature: {{id: f, plan_revision: {revision}}}\n"
            f"contracts: {{revision: 1}}\npackages: [{package}]\n",
        )
        door("task", "add", "--file", "wp.yaml")
    got = agent.call("get_work")
    assert got["input_data"]["package"]["scope"]["write_allow"] == ["src/**"]
    task = got["task_id"]
    result = {
        "feature_id": "f",
        "package_id": "wp-a",
        "plan_revision": 1,
        "contracts_revision": 1,
        "status": "completed",
    }
    stale = agent.raw("complete_work", task_id=task, result=result)
    assert stale.is_error
    assert stale.structured_content is not None
    assert stale.structured_content["reason"] == "revision_stale"
    result["plan_revision"] = 2
    wrong = agent.raw("complete_work", task_id=task, result=result, files=["docs/a.md"])
    assert wrong.structured_content is not None
    assert wrong.structured_content["reason"] == "scope_violation"
    odd = agent.raw("complete_work", task_id=task, success=False, result=result)
    assert odd.structured_content is not None
    assert "success is False" in odd.structured_content["error"]["message"]
    raised = [{"type": "SECURITY_ESCALATION", "summary": "A key is in it."}]
    done = agent.call(
        "complete_work", task_id=task, result=result | {"escalations": raised}, files=["src/a.py"]
    )
    assert done["status"] == "completed"
    (escalation,) = door.json("escalation", "list")["escalations"]
    assert [escalation["id"]] == done["escalations"]
    assert door.json("task", "show", task)["task"]["files_changed"] == ["src/a.py"]
    # What only looks like the result of a package is kept as it is.
    plain = agent.call("submit_work", description="Else")["task_id"]
    agent.call("claim_work", task_id=plain)
    assert agent.call("complete_work", task_id=plain, result=result)["status"] == "completed"


def test_requirement_27_ports_are_leased_released_and_told_by_three_tools(
    agents: Agents, tmp_path: Path
) -> None:
    alone = {"XDG_STATE_HOME": str(tmp_path / "state"), "GITCOORD_PORT_BLOCKS": "40"}
    agent = agents.inside(**alone, GITCOORD_PORT_BASE="26000", GITCOORD_PORT_RANGE="4")
    lease = agent.call("allocate_ports", session_id="wp-1")["allocation"]
    assert [x["session_id"] for x in agent.call("ports_status")["allocations"]] == ["wp-1"]
    agents.leave(agent)
    one = {"GITCOORD_PORT_BASE": str(lease["db_port"]), "GITCOORD_PORT_BLOCKS": "1"}
    agent = agents.inside(**(alone | one), GITCOORD_PORT_RANGE="4")
    refused = agent.raw("allocate_ports", session_id="wp-2")
    assert refused.is_error
    assert refused.structured_content is not None
    assert refused.structured_content["reason"] == "no_ports_available"
    assert [x["session_id"] for x in agent.call("ports_status")["allocations"]] == ["wp-1"]
    assert agent.call("release_ports", session_id="wp-1")["released"] is True
    assert agent.call("release_ports", session_id="wp-1")["released"] is False
    assert agent.call("allocate_ports", session_id="wp-2")["success"] is True
