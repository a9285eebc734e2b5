"""Tools for what is passed on: handoffs, and who has changed which file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gitcoord.domain.handoffs import Facts, Handoff
from gitcoord.entrypoints import originals
from gitcoord.entrypoints.mcp.call import Call
from gitcoord.entrypoints.mcp.shapes import FilePath, Input, Limit, Output, TaskId

if TYPE_CHECKING:
    from gitcoord.domain.changes import Change

#: Changes that are looked through for one agent's.
KEPT = 10_000


class WriteHandoff(Input, frozen=True, kw_only=True):
    """What whoever comes next has to know."""

    summary: Annotated[str, Meta(description="What was done, and where it stands.")]
    completed_work: list[str] = []
    in_progress: list[str] = []
    decisions: Annotated[list[str], Meta(description="What was decided, and why.")] = []
    next_steps: list[str] = []
    relevant_files: list[str] = []
    task_id: TaskId | UnsetType = UNSET


class Written(Output, frozen=True, kw_only=True):
    """The handoff's id."""

    handoff_id: str | UnsetType = UNSET
    #: Whether it is kept here and sent later, because the git host does not answer.
    spooled: bool | UnsetType = UNSET


def write_handoff(call: Call, asked: WriteHandoff) -> Written:
    """Leave a handoff, with the facts that git and the ledger know."""
    from gitcoord.domain.handoffs import WriteHandoff as Write
    from gitcoord.domain.handoffs import Written as Kept
    from gitcoord.entrypoints.cli.facts import facts
    from gitcoord.ledger.request import fresh_id

    wish = Write(
        id=fresh_id("h-"),
        summary=asked.summary,
        completed=tuple(asked.completed_work),
        in_progress=tuple(asked.in_progress),
        decisions=tuple(asked.decisions),
        next_steps=tuple(asked.next_steps),
        relevant_files=tuple(map(call.inside, asked.relevant_files)),
        task="" if asked.task_id is UNSET else asked.task_id,
        facts=facts(call),
    )
    answer = call.do_or_keep(wish, Kept)
    return Written(handoff_id=wish.id, spooled=True if answer is None else UNSET)


class ReadHandoff(Input, frozen=True, kw_only=True):
    """Which handoffs: of an agent, about a task, or of everybody."""

    agent_name: str = ""
    task_id: TaskId | UnsetType = UNSET
    limit: Limit = 1


class HandoffShown(msgspec.Struct, frozen=True, kw_only=True):
    """One handoff."""

    handoff_id: str
    agent_name: str
    session_id: str
    created_at: str
    summary: str
    completed_work: list[str]
    in_progress: list[str]
    decisions: list[str]
    next_steps: list[str]
    relevant_files: list[str]
    task_id: str | UnsetType = UNSET
    #: Branch, head, dirty files, open tasks, held keys and what had not landed.
    facts: Facts | UnsetType = UNSET


class Handoffs(Output, frozen=True, kw_only=True):
    """The handoffs, the newest first."""

    handoffs: list[HandoffShown] | UnsetType = UNSET


def read_handoff(call: Call, asked: ReadHandoff) -> Handoffs:
    """Read the newest handoffs."""
    from gitcoord.domain.handoffs import newest

    call.reading()
    with call.state() as state:
        found = newest(
            state,
            agent=asked.agent_name or None,
            task=None if asked.task_id is UNSET else asked.task_id,
            limit=asked.limit,
        )
    return Handoffs(handoffs=[_handoff(one) for one in found])


class RecentChanges(Input, frozen=True, kw_only=True):
    """Which changes: of a file, of an agent, since when."""

    file_path: FilePath | UnsetType = UNSET
    agent_name: str = ""
    since_minutes: Annotated[float, Meta(ge=0)] | UnsetType = UNSET
    limit: Limit = 20


class ChangeShown(msgspec.Struct, frozen=True, kw_only=True):
    """One file that somebody has changed."""

    file_path: str
    kind: str
    old_path: str | UnsetType = UNSET
    agent_name: str
    session_id: str
    summary: str
    changed_at: str
    commit: str | UnsetType = UNSET


class Changes(Output, frozen=True, kw_only=True):
    """The changes, the newest first."""

    changes: list[ChangeShown] | UnsetType = UNSET


def recent_changes(call: Call, asked: RecentChanges) -> Changes:
    """Say who changed which file lately."""
    from gitcoord.domain.changes import recent
    from gitcoord.domain.time import EPOCH, plus

    call.reading()
    path = "" if asked.file_path is UNSET else call.paths([asked.file_path])[0]
    with call.state() as state:
        since = EPOCH
        if asked.since_minutes is not UNSET:
            since = plus(call.now(state), -asked.since_minutes * originals.MINUTE)
        # Another agent's changes are found among all of them.
        limit = KEPT if asked.agent_name else asked.limit
        found = recent(state, path=path, since=since, limit=limit)
    mine = [one for one in found if asked.agent_name in ("", one.agent)]
    return Changes(changes=[_change(one) for one in mine[: asked.limit]])


def _handoff(one: Handoff) -> HandoffShown:
    return HandoffShown(
        handoff_id=one.id,
        agent_name=one.agent,
        session_id=one.session,
        created_at=one.at,
        summary=one.summary,
        completed_work=list(one.completed),
        in_progress=list(one.in_progress),
        decisions=list(one.decisions),
        next_steps=list(one.next_steps),
        relevant_files=list(one.relevant_files),
        task_id=one.task or UNSET,
        facts=one.facts or UNSET,
    )


def _change(one: Change) -> ChangeShown:
    return ChangeShown(
        file_path=one.path,
        kind=one.kind,
        old_path=one.old_path or UNSET,
        agent_name=one.agent,
        session_id=one.session,
        summary=one.summary,
        changed_at=one.at,
        commit=one.commit or UNSET,
    )
