"""GolemXV's tools under its names, a line each: for agents and skills that were written for it.

They do what ours do, by the same functions; their words are those of its routes. Not here: what
a tool does, and the tools of the other profiles (table).
"""

from __future__ import annotations

from typing import Any

from gitcoord.entrypoints.golemxv import CODES
from gitcoord.entrypoints.mcp import golemxv_memory as memory
from gitcoord.entrypoints.mcp import golemxv_sessions as sessions
from gitcoord.entrypoints.mcp import golemxv_work as work
from gitcoord.entrypoints.mcp.tool import Tool

#: What the model hears of this server at the start.
INSTRUCTIONS = """\
Several agents work on one repository. Call checkin first and say what you are going to change; \
if it names conflicts, talk to these agents with send_message before you edit. Take a task with \
list_tasks and claim_task: the files that it names are locked for you. Say what becomes of it with \
update_task and complete_task. Read get_messages now and then, and call checkout when you stop.

A refusal names who is in the way and until when. Your session is kept alive for as long as you \
are connected. Answers may carry notes: something that happened to you meanwhile."""

#: Code -> what to do next, with these tools.
NEXT: dict[str, str] = {
    "session_ended": "Call checkin. What was lost is named here.",
    "session_not_found": "Call checkin.",
    "session_required": "Call checkin.",
    "scope_conflict": "Declare another scope, or write to these agents with send_message.",
    "claim_failed": "Call list_tasks with status pending for another one.",
    "lock_held": "Somebody has locked what the task changes; call list_tasks for another one.",
    "task_not_found": "Call list_tasks.",
    "not_assigned": "Call claim_task, or list_tasks to see whose it is.",
    "recipient_not_found": "Call presence for those who are here.",
    "recipient_ambiguous": "Name the session, as presence shows it.",
}

_LINES = (
    Tool(
        "checkin",
        sessions.checkin,
        sessions.CheckIn,
        sessions.Said,
        "Check in",
        "Begin, and say what you are going to change. Call it first.",
        acts=False,
        idempotent=True,
    ),
    Tool(
        "heartbeat",
        sessions.heartbeat,
        sessions.Acting,
        sessions.Said,
        "Show life",
        "Heartbeat; while connected this happens by itself.",
        idempotent=True,
    ),
    Tool(
        "presence",
        sessions.presence,
        sessions.Nothing,
        sessions.Listed,
        "Who is here",
        "List the agents that work now, with what they declared.",
        acts=False,
        read_only=True,
    ),
    Tool(
        "conflict_check",
        sessions.conflict_check,
        sessions.Scope,
        sessions.Said,
        "Check a scope",
        "Ask who has declared the same, without declaring it.",
        acts=False,
        read_only=True,
    ),
    Tool(
        "scope_update",
        sessions.scope_update,
        sessions.Declare,
        sessions.Said,
        "Change the scope",
        "Say what you work on now; what is left out stays.",
        idempotent=True,
    ),
    Tool(
        "checkout",
        sessions.checkout,
        sessions.CheckOut,
        sessions.Said,
        "Check out",
        "End your session and give back what it holds.",
        destructive=True,
    ),
    Tool(
        "send_message",
        work.send_message,
        work.SendMessage,
        sessions.Said,
        "Send a message",
        "Write to an agent or to everybody.",
    ),
    Tool(
        "get_messages",
        work.get_messages,
        work.GetMessages,
        sessions.Listed,
        "Read messages",
        "Read what others wrote to you and to everybody.",
        idempotent=True,
    ),
    Tool(
        "list_tasks",
        work.list_tasks,
        work.ListTasks,
        sessions.Listed,
        "List tasks",
        "List tasks, the most urgent first.",
        acts=False,
        read_only=True,
    ),
    Tool(
        "claim_task",
        work.claim_task,
        work.ClaimTask,
        sessions.Said,
        "Claim a task",
        "Claim a task; the files that it names are locked for you.",
        idempotent=True,
    ),
    Tool(
        "update_task",
        work.update_task,
        work.UpdateTask,
        sessions.Said,
        "Update a task",
        "Say that work has begun, is blocked, or has failed.",
    ),
    Tool(
        "complete_task",
        work.complete_task,
        work.CompleteTask,
        sessions.Said,
        "Complete a task",
        "Say what came of your task; its locks end with it.",
        destructive=True,
    ),
    Tool(
        "activity_log",
        work.activity_log,
        work.HowMany,
        sessions.Listed,
        "What has happened",
        "List what agents did lately, also what was refused.",
        acts=False,
        read_only=True,
    ),
    Tool(
        "sessions",
        sessions.sessions,
        sessions.Which,
        sessions.Listed,
        "Sessions",
        "List sessions, also those that have left.",
        acts=False,
        read_only=True,
    ),
    Tool(
        "project_info",
        sessions.project_info,
        sessions.Nothing,
        sessions.Said,
        "The project",
        "What is agreed here: conflict mode, heartbeats, work areas.",
        acts=False,
        read_only=True,
    ),
    Tool(
        "memory_search",
        memory.memory_search,
        memory.Search,
        sessions.Listed,
        "Search memory",
        "Find what was learned, by words, category or tags.",
        acts=False,
        read_only=True,
    ),
    Tool(
        "memory_store",
        memory.memory_store,
        memory.Store,
        sessions.Said,
        "Store a memory",
        "Keep what was learned for everybody.",
    ),
)
TOOLS: dict[str, Tool] = {tool.name: tool for tool in _LINES}


def refused(body: dict[str, Any]) -> dict[str, Any]:
    """Return a refusal in GolemXV's words: its code as the reason, next steps with its tools."""
    error = body["error"]
    code = error["code"]
    told = body | {"reason": CODES.get(code, (code.upper(), 0))[0]}
    if code in NEXT and error.get("status") != "killed":
        told["error"] = error | {"hint": NEXT[code]}
    return told
