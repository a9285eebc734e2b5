"""Who is here: sessions with their live status, and what each of them holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from gitcoord.domain.observatory import observed
from gitcoord.domain.operation import checked_id
from gitcoord.domain.record import shown
from gitcoord.domain.rights import briefly
from gitcoord.domain.sessions import Session, root
from gitcoord.entrypoints.cli.completion import session_ids
from gitcoord.entrypoints.cli.desk import Desk, acting, reading
from gitcoord.entrypoints.cli.render import ago, left, span, table
from gitcoord.errors import SessionNotFound

if TYPE_CHECKING:
    from gitcoord.domain.operation import Beat
    from gitcoord.domain.state import State
    from gitcoord.domain.time import Time
    from gitcoord.storage.cache import Snapshot

#: Ended sessions that a list shows when it is not told how many.
ENDED = 50
#: Characters of what a session works on that a table shows.
WORDS = 50


@click.command("list", epilog="Example: gitcoord session list --all")
@click.option("--all", "everybody", is_flag=True, help="Show those who have left, too.")
@click.option("--agent", metavar="NAME", help="Only sessions of this agent.")
@click.option(
    "-n", "--limit", type=click.IntRange(1), default=ENDED, show_default=True,
    help="At most so many who have left.",
)  # fmt: skip
@reading
def list_(desk: Desk, everybody: bool, agent: str | None, limit: int) -> None:
    """List the sessions: active, idle, stuck, paused, timed_out, killed, ended."""
    with desk.snapshot() as snapshot:
        state = desk.house.ledger.state_of(snapshot)
        now = desk.now(state)
        wanted = [*live(state), *(gone(snapshot, state, limit) if everybody else ())]
        wanted = [one for one in wanted if agent in (None, one.agent)]
        rows = documents(desk.beats(), snapshot, state, wanted, now)
    desk.show({"sessions": rows}, lambda: sessions_table(rows, now))


@click.command(epilog="Example: gitcoord session show s-4tz81x20ap --json")
@click.argument("id", metavar="[ID]", default="", shell_complete=session_ids)
@acting
@reading
def show(desk: Desk, id: str) -> None:
    """Show a session (default: the acting one)."""
    from gitcoord.domain.locks import holdings
    from gitcoord.domain.locks import view as lock_view
    from gitcoord.domain.notices import told
    from gitcoord.domain.tasks import held_by

    with desk.snapshot() as snapshot:
        state = desk.house.ledger.state_of(snapshot)
        now = desk.now(state)
        name = root(checked_id(id or desk.holder, "session"))
        found = state.get(Session, name)
        if found is None:
            raise SessionNotFound(
                f"there is no session {name!r}", hint="Run `gitcoord session list --all`."
            )
        document = documents(desk.beats(), snapshot, state, [found], now)[0]
        locks = [lock_view(lock) for lock in holdings(state, name)]
        tasks = held_by(state, name)
        notices = told(state, name)

    def text() -> list[str]:
        lines = [f"{name}  {value}" for name, value in _facts(document, now)]
        lines += [f"holds {x.key} ({x.mode}) for {left(now, x.expires_at)}" for x in locks]
        lines += [f"task {task.id} ({task.status}) {task.title}" for task in tasks]
        return lines + [f"notice {ago(now, notice.at)}: {notice.text}" for notice in notices]

    desk.show({"session": document, "locks": locks, "tasks": tasks, "notices": notices}, text)


def live(state: State) -> list[Session]:
    """Return the sessions that have not ended, by agent."""
    return sorted(state.find(Session, "live"), key=lambda x: (x.agent, x.started_at, x.id))


def documents(
    beats: Mapping[str, Beat],
    snapshot: Snapshot,
    state: State,
    sessions: Iterable[Session],
    now: Time,
) -> list[dict[str, Any]]:
    """Return sessions as they are shown: with how they fare, last sign of life and holdings."""
    rows = []
    for one in sessions:
        beaten = beats[one.id].at if one.id in beats and not one.archived else ""
        row = shown(one)
        fares = observed(state, one, now, beaten)
        row |= {"status": fares.status, "cause": fares.cause, "why": fares.why}
        row |= {"duration": fares.duration, "rate": fares.rate}
        trust, profile = briefly(state, one)
        row |= {"trust": trust, "profile": profile}
        row["seen_at"] = max(one.seen_at, beaten)
        row["locks"] = len(snapshot.find("locks", f"by:{one.id}"))
        row["tasks"] = snapshot.find("tasks", f"by:{one.id}")
        rows.append(row)
    return rows


def sessions_table(rows: list[dict[str, Any]], now: Time) -> str:
    """Return the sessions for people."""
    counted = any(row["usage"] for row in rows)
    cells = [
        (
            row["agent"],
            row["id"],
            row["status"],
            ago(now, row["ended_at"] or row["seen_at"]),
            row["locks"] or "",
            *((_used(row["usage"]),) if counted else ()),
            _works_on(row),
        )
        for row in rows
    ]
    used = ("tokens",) if counted else ()
    columns = ("agent", "session", "status", "seen", "locks", *used, "works on")
    # Below and not in a column: a reason is the one thing here that must be read whole.
    reasons = [
        f"{row['agent']} ({row['id']}) is {row['status']}: {row['why']}"
        for row in rows
        if row["why"] and not row["ended_at"]
    ]
    return "\n".join([table(columns, cells, "nobody is checked in"), *reasons])


def _used(usage: dict[str, Any] | None) -> str:
    """Return tokens and money, short: `48k $0.42`."""
    if usage is None:
        return ""
    count = tokens_of(usage)
    cost = "" if usage["cost_usd"] is None else f" ${usage['cost_usd']:.2f}"
    return f"{_thousands(count)}{cost}"


def tokens_of(usage: Mapping[str, Any]) -> int:
    """Return all tokens together of a usage as it is shown."""
    return sum(number for name, number in usage.items() if name.endswith("_tokens"))


def _thousands(count: int) -> str:
    for limit, unit in ((1_000_000, "M"), (1000, "k")):
        if count >= limit:
            return f"{count / limit:.3g}{unit}"
    return str(count)


def _usage_line(usage: dict[str, Any] | None) -> str:
    if usage is None:
        return ""
    parts = [
        f"{_thousands(usage[name])} {word.removesuffix('s') if usage[name] == 1 else word}"
        for name, word in (
            ("requests", "requests"), ("errors", "errors"), ("input_tokens", "tokens in"),
            ("output_tokens", "out"), ("cache_read_tokens", "from cache"),
            ("cache_write_tokens", "to cache"),
        )
        if usage[name]
    ]  # fmt: skip
    cost = "cost not known" if usage["cost_usd"] is None else f"${usage['cost_usd']:.2f}"
    return ", ".join([*parts, cost, *filter(None, (usage["model"],))])


def scope_of(session: Session) -> str:
    """Return what the session has declared, in one line."""
    return _declared(session.area, session.files, session.task)


def _declared(area: str, files: Iterable[str], task: str) -> str:
    return ", ".join(part for part in (area, task, *files) if part)


def _works_on(row: dict[str, Any]) -> str:
    if row["ended_at"]:
        return f"{row['outcome']}: {row['summary']}" if row["summary"] else str(row["outcome"])
    declared = _declared(row["area"], row["files"], row["task"])
    text = ", ".join([*row["tasks"], *([declared] if declared else [])])
    return text if len(text) <= WORDS else text[: WORDS - 3] + "..."


def gone(snapshot: Snapshot, state: State, limit: int) -> list[Session]:
    """Return the sessions that ended last, the newest first."""
    from collections import deque

    names = deque((name for _, name in snapshot.scan("archive/sessions", "end:")), maxlen=limit)
    found = (state.get(Session, name) for name in reversed(names))
    return [session for session in found if session is not None]


def _facts(row: dict[str, Any], now: Time) -> list[tuple[str, str]]:
    """Return what is known of a session, what is empty left out."""
    lines = [
        ("session", f"{row['id']} of {row['agent']}"),
        ("status", row["status"] + (f" ({row['outcome']})" if row["outcome"] else "")),
        ("why", "" if row["ended_at"] else row["why"]),
        ("type", row["type"]),
        ("can", ", ".join(row["capabilities"])),
        ("trust", f"{row['trust']}, profile {row['profile']}"),
        ("works on", _declared(row["area"], row["files"], row["task"])),
        ("life", row["life"] + (f", process {row['process']['pid']}" if row["process"] else "")),
        ("client", " ".join(filter(None, (row["client"], row["client_session"])))),
        ("where", " ".join(filter(None, (row["machine"], row["worktree"], row["branch"])))),
        ("used", _usage_line(row["usage"])),
        ("rate", f"{row['rate']} requests a minute" if row["rate"] else ""),
        (
            "started",
            f"{ago(now, row['started_at'])}, for {span(row['duration'])}"
            if row["ended_at"]
            else ago(now, row["started_at"]),
        ),
        ("seen", ago(now, row["seen_at"])),
        ("ended", ago(now, row["ended_at"]) if row["ended_at"] else ""),
        ("summary", row["summary"]),
        ("changed", ", ".join(row["files_touched"])),
        ("lost", ", ".join([*row["lost_keys"], *row["lost_tasks"]])),
    ]
    width = max(len(name) for name, _ in lines)
    return [(name.ljust(width), value) for name, value in lines if value]
