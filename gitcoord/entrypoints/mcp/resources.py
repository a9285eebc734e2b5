"""What can be read without a tool: the state of the ledger as Markdown, for people and models.

Names are those of the original, and two of ours. Each says on which tables of the ledger it
depends, so that subscribers hear of changes that concern it. Not here: how they hear (following).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gitcoord.entrypoints.mcp.call import Call

#: Entries of each list.
TASKS, HANDOFFS, MESSAGES, MEMORIES, ENTRIES = 20, 5, 20, 10, 20
#: Stands for every table of the ledger.
EVERYTHING = "*"


class Resource(NamedTuple):
    """One resource."""

    uri: str
    name: str
    title: str
    description: str
    render: Callable[[Call], str]
    #: The tables of the ledger that it shows.
    tables: frozenset[str]


def _locks(call: Call) -> str:
    from gitcoord.domain.unlanded import Mark
    from gitcoord.domain.waiting import queue
    from gitcoord.entrypoints.cli.render import left
    from gitcoord.entrypoints.mcp.tools_holdings import live

    with call.state() as state:
        now = call.now(state)
        held = sorted(live(call, state), key=lambda lock: lock.key)
        waiting, marks = queue(state), list(state.all(Mark))
    lines = [
        f"- `{x.key}` ({x.mode}) held by {x.agent} (session {x.session}) "
        f"until {x.expires_at}, {left(now, x.expires_at)} left" + _why(x.reason)
        for x in held
    ]
    parts = ["# Locks", "", *(lines or ["Nothing is locked."])]
    parts += _list(
        "Waiting", [f"- {x.agent} for {_keys(x.keys)}" + _why(x.reason) for x in waiting]
    )
    parts += _list(
        "Not landed", [f"- `{x.key}` by {x.agent}: build on branch `{x.branch}`" for x in marks]
    )
    return "\n".join(parts)


def _work(call: Call) -> str:
    from gitcoord.domain.obstacles import obstacles
    from gitcoord.entrypoints.cli.task_text import selected

    with call.state() as state:
        context = call.context(state)
        found, more = selected(state, limit=TASKS, statuses=["pending"])
        ways = [obstacles(state, context, task) for task in found]
    parts = ["# Pending work"]
    for priority in sorted({task.priority for task in found}):
        lines = []
        for task, stands in zip(found, ways, strict=True):
            if task.priority == priority:
                keys = f", keys {_keys(task.keys)}" if task.keys else ""
                blocked = f" (not yet: {stands[0].detail})" if stands else ""
                lines.append(f"- `{task.id}` {task.title} ({task.type}{keys}){blocked}")
        parts += _list(f"Priority {priority}", lines)
    if not found:
        parts += ["", "There is no pending task."]
    return "\n".join(parts + ([f"\n... and {more} more"] if more else []))


def _handoffs(call: Call) -> str:
    from gitcoord.domain.handoffs import newest
    from gitcoord.entrypoints.cli.handoff import LISTS

    with call.state() as state:
        found = newest(state, limit=HANDOFFS)
    parts = ["# Handoffs"]
    for one in found:
        parts += ["", f"## {one.agent}, {one.at}", "", one.summary]
        for field, title in LISTS.items():
            items = getattr(one, field)
            parts += [f"- {title}: {item}" for item in items]
        if one.facts is not None and one.facts.branch:
            parts.append(f"- branch: `{one.facts.branch}`")
    return "\n".join(parts if found else [*parts, "", "There is none yet."])


def _memories(call: Call) -> str:
    from itertools import islice

    from gitcoord.domain.memories import Memory

    with call.state() as state:
        found = list(islice(state.scan(Memory, "all:"), MEMORIES))
    parts = ["# Memories"]
    for one in found:
        kind = f"{one.type}, {one.outcome}" if one.outcome else one.type
        parts += [
            "",
            f"## {' '.join(one.summary.split())}",
            "",
            f"{kind}, {one.agent}, {one.at}, `{one.id}`",
            "",
        ]
        parts += [f"- {lesson}" for lesson in one.lessons]
        parts += [f"- tags: {', '.join(one.tags)}"] if one.tags else []
    return "\n".join(parts if found else [*parts, "", "There is none yet."])


def _features(call: Call) -> str:
    from gitcoord.domain.features import open_features

    with call.state() as state:
        found = list(open_features(state))
    parts = ["# Active features"]
    for one in found:
        title = f": {one.title}" if one.title else ""
        parts += ["", f"## {one.id}{title}", "", f"- priority {one.priority}, {one.status}"]
        parts += [f"- registered by {one.agent or 'a person'} at {one.created_at}"]
        parts += [f"- branch `{one.branch}`"] if one.branch else []
        parts += [f"- claims {_keys(one.claims)}"] if one.claims else []
        parts += [f"- slots {_keys(one.slots)}"] if one.slots else []
        parts += [f"- paused by {one.paused_by}{_why(one.pause_reason)}"] if one.paused_at else []
    return "\n".join(parts if found else [*parts, "", "No feature is registered."])


def _merges(call: Call) -> str:
    from gitcoord.domain.merge_order import ordered
    from gitcoord.entrypoints.mcp.merges_shown import all_shown

    with call.state() as state:
        found = all_shown(state, ordered(state))
    parts = ["# Merge queue"]
    for target in sorted({one.target for one in found}):
        lines = [
            f"- {x.position}. `{x.branch_name}` {x.status.replace('_', ' ')}, `{x.merge_id}`, "
            f"priority {x.merge_priority}, by {x.queued_by or 'a person'}" + _why(x.reason)
            for x in found
            if x.target == target
        ]
        parts += _list(f"For {target}", lines)
    return "\n".join(parts if found else [*parts, "", "No branch is queued."])


def _audit(call: Call) -> str:
    from gitcoord.entrypoints.cli.audit import opened, wish

    with opened(call) as audit:
        found = audit.page(wish(call), limit=ENTRIES).entries
    lines = [
        f"- {x.time or 'not yet told'} {x.agent or 'somebody'}: `{x.operation or 'by hand'}` "
        + (x.result if x.outcome in ("done", "waiting", "") else f"{x.result} ({x.outcome})")
        for x in found
    ]
    return "\n".join(["# Audit", "", *lines])


def _context(call: Call) -> str:
    from gitcoord.entrypoints.cli.context import told

    return told(call, call.settings.context_budget)[1]


def _patterns(call: Call) -> str:
    from gitcoord.entrypoints.mcp.tools_guardrails import rules_here

    rules = rules_here(call)
    parts = ["# Guardrails"]
    for category in sorted({rule.category for rule in rules}):
        parts += _list(
            category.capitalize(),
            [
                f"- `{rule.name}` ({rule.severity}): {rule.message}"
                for rule in rules
                if rule.category == category
            ],
        )
    return "\n".join(parts)


def _profile(call: Call) -> str:
    from gitcoord.domain.permission import principal
    from gitcoord.entrypoints.cli.profile_text import found_by, limits
    from gitcoord.entrypoints.mcp.tools_profiles import session_here

    with call.state() as state:
        who = principal(state, session_here(call, state), call.now(state))
    found, profile = who.standing, who.standing.profile
    lines = [
        f"- trust level {found.trust} ({found.level})",
        f"- known {found_by(found)}",
    ]
    if profile.allowed:
        lines.append(f"- you may only: {_keys(profile.allowed)}")
    if profile.blocked:
        lines.append(f"- you may not: {_keys(profile.blocked)}")
    if limits(profile):
        used = f"{who.files} files, {who.seconds:.0f} seconds, {who.calls} calls used"
        lines.append(f"- limits: {limits(profile)}; {used}")
    return "\n".join([f"# Profile {profile.name}", "", *lines])


def _messages(call: Call) -> str:
    from gitcoord.entrypoints.cli.message import author, incoming

    if call.seat.holder is None:
        return "# Messages\n\nYou are not checked in yet, so that nobody could write to you."
    with call.state() as state:
        found = incoming(call, state, call.holder, everything=False)[:MESSAGES]
    lines = [
        f"- {x.at} {author(x)} ({x.priority} {x.type}"
        f"{', asks for an acknowledgement' if x.needs_ack else ''}) `{x.id}`: {x.text}"
        for x in found
    ]
    return "\n".join(["# Messages", "", *(lines or ["Nothing to read."])])


RESOURCES: dict[str, Resource] = {
    resource.uri: resource
    for resource in (
        Resource(
            "locks://current",
            "current-locks",
            "Current locks",
            "Who holds what until when, who waits, and what has not landed.",
            _locks,
            frozenset({"locks", "waiters", "unlanded"}),
        ),
        Resource(
            "work://pending",
            "pending-work",
            "Pending work",
            "Tasks that wait to be claimed, by priority, with what stands in their way.",
            _work,
            frozenset({"tasks", "locks", "waiters"}),
        ),
        Resource(
            "handoffs://recent",
            "recent-handoffs",
            "Recent handoffs",
            "What agents have left for whoever goes on.",
            _handoffs,
            frozenset({"handoffs"}),
        ),
        Resource(
            "memories://recent",
            "recent-memories",
            "Recent memories",
            "What agents have learned lately; the tool recall finds what fits.",
            _memories,
            frozenset({"memories"}),
        ),
        Resource(
            "guardrails://patterns",
            "guardrail-patterns",
            "Guardrails",
            "The rules by which commands and texts are judged here, by category.",
            _patterns,
            # They come from the worktree, not from the ledger.
            frozenset(),
        ),
        Resource(
            "features://active",
            "active-features",
            "Active features",
            "Features that are registered, with what they claim.",
            _features,
            frozenset({"features"}),
        ),
        Resource(
            "merge-queue://pending",
            "pending-merges",
            "Merge queue",
            "Branches that wait to land, in their order, and why they wait.",
            _merges,
            frozenset({"merges"}),
        ),
        Resource(
            "profiles://current",
            "current-profile",
            "What you may do",
            "Your trust level, what you may do, and what is used of your limits.",
            _profile,
            frozenset({"profiles", "assignments"}),
        ),
        Resource(
            "audit://recent",
            "recent-audit",
            "Recent operations",
            "Who asked for what lately and what came of it, also what was refused.",
            _audit,
            frozenset({EVERYTHING}),
        ),
        Resource(
            "gitcoord://context",
            "context",
            "What to know now",
            "What session_context tells.",
            _context,
            frozenset({EVERYTHING}),
        ),
        Resource(
            "gitcoord://messages",
            "messages",
            "Your messages",
            "What others wrote to you and you have not read; looking here does not read it.",
            _messages,
            frozenset({"messages"}),
        ),
    )
}


def concerned(tables: frozenset[str]) -> list[str]:
    """Return the resources that show something of these tables of the ledger."""
    return [
        resource.uri
        for resource in RESOURCES.values()
        if tables & resource.tables or (tables and EVERYTHING in resource.tables)
    ]


def _list(title: str, lines: list[str]) -> list[str]:
    return ["", f"## {title}", "", *lines] if lines else []


def _keys(keys: tuple[str, ...]) -> str:
    return ", ".join(f"`{key}`" for key in keys)


def _why(reason: str) -> str:
    return f": {reason}" if reason else ""
