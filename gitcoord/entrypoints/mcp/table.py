"""The tools, a line each. Adding a tool is a line here and its function.

The functions take a call and an input struct and return an output struct; they build operations
or ask a snapshot. `acts`: the caller is checked in first, and
`register_session` does that itself. Annotations as in
https://modelcontextprotocol.io/specification: destructive is what takes something from others or
ends something; idempotent what changes nothing when it is said twice.
"""

from __future__ import annotations

from typing import Literal

from gitcoord.entrypoints.mcp import golemxv
from gitcoord.entrypoints.mcp import tools_audit as audit
from gitcoord.entrypoints.mcp import tools_escalations as escalations
from gitcoord.entrypoints.mcp import tools_guardrails as guardrails
from gitcoord.entrypoints.mcp import tools_holdings as holdings
from gitcoord.entrypoints.mcp import tools_locks as locks
from gitcoord.entrypoints.mcp import tools_memory as memory
from gitcoord.entrypoints.mcp import tools_messages as messages
from gitcoord.entrypoints.mcp import tools_passed_on as passed_on
from gitcoord.entrypoints.mcp import tools_ports as ports
from gitcoord.entrypoints.mcp import tools_profiles as profiles
from gitcoord.entrypoints.mcp import tools_sessions as sessions
from gitcoord.entrypoints.mcp import tools_tasks as tasks
from gitcoord.entrypoints.mcp import tools_work as work
from gitcoord.entrypoints.mcp.table_landing import LANDING
from gitcoord.entrypoints.mcp.tool import Tool

Profile = Literal["core", "all", "golemxv"]
#: Most tools of the profile `core`.
CORE_LIMIT = 12


_LINES = (
    Tool(
        "session_context",
        sessions.session_context,
        sessions.SessionContext,
        sessions.Told,
        "What to know now",
        "Who you are, what you hold, who else works here, what was left for you. Call it first.",
        core=True,
        acts=False,
        read_only=True,
    ),
    Tool(
        "acquire_lock",
        locks.acquire_lock,
        locks.AcquireLock,
        locks.Acquired,
        "Lock before editing",
        "Lock a file or keys before you edit; asking again renews. A refusal says who holds it "
        "and until when: do not edit it then.",
        core=True,
        idempotent=True,
    ),
    Tool(
        "release_lock",
        locks.release_lock,
        locks.ReleaseLock,
        locks.Released,
        "Release locks",
        "Give locks back when the work is committed.",
        core=True,
        destructive=True,
        idempotent=True,
    ),
    Tool(
        "check_locks",
        holdings.check_locks,
        holdings.CheckLocks,
        holdings.Checked,
        "Who holds what",
        "Look who holds paths or logical keys, who waits, and what has not landed.",
        core=True,
        acts=False,
        read_only=True,
    ),
    Tool(
        "get_work",
        work.get_work,
        work.GetWork,
        work.Work,
        "Get a task",
        "Claim the most urgent task that can be worked on now, together with its keys.",
        core=True,
    ),
    Tool(
        "complete_work",
        work.complete_work,
        work.CompleteWork,
        work.Ended,
        "End a task",
        "Complete a claimed task, or say that it failed; its claim and locks end with it.",
        core=True,
        destructive=True,
    ),
    Tool(
        "submit_work",
        tasks.submit_work,
        tasks.SubmitWork,
        tasks.Submitted,
        "Add a task",
        "Add a task to the queue for any agent.",
        core=True,
    ),
    Tool(
        "get_task",
        tasks.get_task,
        tasks.GetTask,
        tasks.Found,
        "Show a task",
        "Read a task: status, result, attempts, notes, what stands in its way.",
        core=True,
        acts=False,
        read_only=True,
    ),
    Tool(
        "write_handoff",
        passed_on.write_handoff,
        passed_on.WriteHandoff,
        passed_on.Written,
        "Leave a handoff",
        "Tell whoever comes next what is done, decided and open. Do it before you stop.",
        core=True,
    ),
    Tool(
        "send_message",
        messages.send_message,
        messages.SendMessage,
        messages.Sent,
        "Send a message",
        "Write to another session or to all.",
        core=True,
    ),
    Tool(
        "read_messages",
        messages.read_messages,
        messages.ReadMessages,
        messages.Messages,
        "Read messages",
        "Read what others wrote to you.",
        core=True,
        idempotent=True,
    ),
    Tool(
        "check_guardrails",
        guardrails.check_guardrails,
        guardrails.CheckGuardrails,
        guardrails.Judged,
        "Check a command",
        "Ask whether a command, text or file is dangerous, before you do it. Nothing is run.",
        core=True,
        acts=False,
        idempotent=True,
    ),
    Tool(
        "renew_locks",
        locks.renew_locks,
        locks.RenewLocks,
        locks.Renewed,
        "Renew locks",
        "Extend locks; while connected this happens by itself.",
        idempotent=True,
    ),
    Tool(
        "claim_work",
        work.claim_work,
        work.ClaimWork,
        work.Work,
        "Claim a certain task",
        "Claim this task with its keys.",
        idempotent=True,
    ),
    Tool(
        "release_work",
        work.release_work,
        work.ReleaseWork,
        work.Ended,
        "Give a task back",
        "Return a claimed task to the queue.",
        destructive=True,
    ),
    Tool(
        "list_tasks",
        tasks.list_tasks,
        tasks.ListTasks,
        tasks.Listed,
        "List tasks",
        "List tasks by status, type, feature or agent.",
        acts=False,
        read_only=True,
    ),
    Tool(
        "read_handoff",
        passed_on.read_handoff,
        passed_on.ReadHandoff,
        passed_on.Handoffs,
        "Read handoffs",
        "Read the newest handoffs: of everybody, an agent or a task.",
        acts=False,
        read_only=True,
    ),
    Tool(
        "register_session",
        sessions.register_session,
        sessions.RegisterSession,
        sessions.Registered,
        "Check in",
        "Say what you can do and work on; shows whose work it touches.",
        acts=False,
        idempotent=True,
    ),
    Tool(
        "discover_agents",
        sessions.discover_agents,
        sessions.DiscoverAgents,
        sessions.Agents,
        "Who is here",
        "List the sessions with what they work on.",
        acts=False,
        read_only=True,
    ),
    Tool(
        "heartbeat",
        sessions.heartbeat,
        sessions.Nothing,
        sessions.Beaten,
        "Show life",
        "Heartbeat; while connected this happens by itself.",
        idempotent=True,
    ),
    Tool(
        "cleanup_dead_agents",
        sessions.cleanup_dead_agents,
        sessions.CleanupDeadAgents,
        sessions.Cleaned,
        "Sweep dead sessions",
        "End sessions that are known to be dead and free what they hold; name the silent ones.",
        acts=False,
        destructive=True,
        idempotent=True,
    ),
    Tool(
        "ack_message",
        messages.ack_message,
        messages.AckMessage,
        messages.Acked,
        "Acknowledge messages",
        "Tell the senders that you have taken note.",
        idempotent=True,
    ),
    Tool(
        "remember",
        memory.remember,
        memory.RememberThis,
        memory.Remembered,
        "Remember",
        "Keep what was learned for every later session.",
    ),
    Tool(
        "recall",
        memory.recall,
        memory.RecallThat,
        memory.Memories,
        "Recall",
        "Find what was learned, by words, task, tags, type or agent.",
        acts=False,
        read_only=True,
    ),
    Tool(
        "working_memory",
        memory.working_memory,
        memory.KeepForNow,
        memory.KeptForNow,
        "Working memory",
        "Keep texts until your session ends, or read them.",
    ),
    Tool(
        "query_audit",
        audit.query_audit,
        audit.QueryAudit,
        audit.Audited,
        "Query the audit",
        "Who asked for what and what came of it, newest first, also what was refused.",
        acts=False,
        read_only=True,
    ),
    Tool(
        "recent_changes",
        passed_on.recent_changes,
        passed_on.RecentChanges,
        passed_on.Changes,
        "Recent changes",
        "Who changed which file lately.",
        acts=False,
        read_only=True,
    ),
    Tool(
        "get_my_profile",
        profiles.get_my_profile,
        profiles.NoArguments,
        profiles.Mine,
        "What you may do",
        "Your trust level, what you may do, and what you have used of your limits.",
        acts=False,
        read_only=True,
    ),
    Tool(
        "check_policy",
        profiles.check_policy,
        profiles.CheckPolicy,
        profiles.Decided,
        "May I do this",
        "Ask whether you may do an operation with a path, task or domain. Nothing is done.",
        acts=False,
        read_only=True,
    ),
    Tool(
        "validate_cedar_policy",
        profiles.validate_cedar_policy,
        profiles.ValidateCedarPolicy,
        profiles.Validated,
        "Check a policy",
        "Say whether a Cedar policy fits the schema. Nothing is stored.",
        acts=False,
        read_only=True,
    ),
    Tool(
        "end_session",
        sessions.end_session,
        sessions.EndSession,
        sessions.Left,
        "Check out",
        "End your session and give back all locks and tasks.",
        destructive=True,
    ),
    Tool(
        "escalate",
        escalations.escalate,
        escalations.Escalate,
        escalations.Escalated,
        "Escalate",
        "Say what you cannot decide. BLOCKING, and a wrong plan or contract, pause the feature.",
    ),
    Tool(
        "allocate_ports",
        ports.allocate_ports,
        ports.AllocatePorts,
        ports.PortsAllocated,
        "Lease ports",
        "Lease a block of ports of this machine for servers that you start.",
        idempotent=True,
    ),
    Tool(
        "release_ports",
        ports.release_ports,
        ports.ReleasePorts,
        ports.PortsReleased,
        "Give ports back",
        "Give your block of ports back.",
        destructive=True,
        idempotent=True,
    ),
    Tool(
        "ports_status",
        ports.ports_status,
        ports.PortsStatus,
        ports.PortsShown,
        "Who has which ports",
        "List the leases of ports on this machine.",
        acts=False,
        read_only=True,
    ),
)
TOOLS: dict[str, Tool] = {tool.name: tool for tool in (*_LINES, *LANDING)}


def selected(profile: Profile) -> dict[str, Tool]:
    """Return the tools of a profile by name; `golemxv` has tools of its own."""
    if profile == "golemxv":
        return golemxv.TOOLS
    return {name: tool for name, tool in TOOLS.items() if tool.core or profile == "all"}
