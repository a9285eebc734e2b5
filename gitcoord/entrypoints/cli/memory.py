"""`gitcoord memory`: what was learned, for all who come later, and how it is found again.

Not here: the working memory of a session (memory_working).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from gitcoord.entrypoints.cli.completion import task_ids
from gitcoord.entrypoints.cli.desk import KEPT, Desk, acting, command, reading
from gitcoord.entrypoints.cli.memory_working import clear, get, set_
from gitcoord.entrypoints.cli.words import Words
from gitcoord.errors import UsageError

if TYPE_CHECKING:
    from gitcoord.domain.recall import Query, Recalled
    from gitcoord.domain.time import Time

TYPES = ("error", "success", "decision", "discovery", "optimization")


@click.group()
def memory() -> None:
    """Remember what was learned for all who come later, and keep what is only for now.

    Whoever can read the repository can read the ledger, and so every memory.
    """


@memory.command(
    cls=Words,
    epilog="Example: gitcoord memory remember 'uploads over 2 GB hang' --type error "
    "--outcome negative --lesson 'split them' --tag uploads s3",
)
@click.argument("summary", metavar="SUMMARY")
@click.option("--type", "type_", type=click.Choice(TYPES), default="discovery", show_default=True,
              help="What kind of thing happened.")  # fmt: skip
@click.option("--outcome", type=click.Choice(["positive", "negative", "neutral"]), default=None,
              help="How it ended.")  # fmt: skip
@click.option("--details", default="", metavar="TEXT", help="The rest of it; - is stdin.")
@click.option("--lesson", "lessons", multiple=True, metavar="TEXT", help="What follows from it.")
@click.option("--tag", "tags", multiple=True, metavar="TAG...", help="What it is about.")
@click.option("--used", multiple=True, metavar="ID...", help="Memories that have helped here.")
@acting
@command
def remember(desk: Desk, summary: str, type_: str, outcome: str | None, **said: Any) -> None:
    """Remember something. The same within an hour is one memory, with all lessons and tags.

    People need no session. What is over 64 KiB in all is refused.
    """
    from gitcoord.domain.remembering import Remember, Remembered
    from gitcoord.ledger.request import fresh_id

    if said["details"] == "-":
        from gitcoord.entrypoints.cli.message import from_stdin

        said["details"] = from_stdin("the details")
    wish = Remember(
        id=fresh_id("k-"),
        summary=summary,
        type=type_,  # type: ignore[arg-type]
        outcome=outcome or "",  # type: ignore[arg-type]
        **said,
    )
    answer = desk.do_or_keep(wish, Remembered)
    if answer is None:
        desk.show({"memory": None, "spooled": True}, f"memory {wish.id} is {KEPT}")
        return
    word = "known, and holds what is new" if answer.merged else "remembered"
    desk.show(
        {"memory": answer.memory, "merged": answer.merged}, f"memory {answer.memory.id} is {word}"
    )


@memory.command(
    cls=Words, epilog="Example: gitcoord memory recall 'upload hangs' --tag s3 --min-relevance 0.2"
)
@click.argument("text", required=False, metavar="[TEXT]")
@click.option("--task", metavar="ID", help="What fits this task's title and description.",
              shell_complete=task_ids)  # fmt: skip
@click.option("--tag", "tags", multiple=True, metavar="TAG...", help="About any of these.")
@click.option("--all-tags", is_flag=True, help="About all of them.")
@click.option("--type", "type_", type=click.Choice(TYPES), help="Only this kind.")
@click.option("--agent", metavar="NAME", help="Only what this agent has learned.")
@click.option("--min-relevance", type=float, default=0.0, show_default=True, metavar="N",
              help="Least relevance, 0 to 1.")  # fmt: skip
@click.option("-n", "--limit", type=click.IntRange(1), default=10, show_default=True)
@reading
def recall(
    desk: Desk,
    text: str | None,
    task: str | None,
    tags: Sequence[str],
    all_tags: bool,
    type_: str | None,
    agent: str | None,
    min_relevance: float,
    limit: int,
) -> None:
    """Recall what was learned, the most relevant first: by words, tags, kind or agent.

    Any of the words is enough, more are better. Relevance is from 0 to 1: how well the words
    fit, how old it is, how it ended and whom it has helped.
    """
    from gitcoord.domain.recall import Query

    if all_tags and not tags:
        raise UsageError("--all-tags needs --tag")
    query = Query(
        text=text or "",
        tags=tuple(tags),
        all_tags=all_tags,
        type=type_,  # type: ignore[arg-type]
        agent=agent,
        limit=limit,
        min_relevance=min_relevance,
    )
    found = answers(desk, query, task or "")
    with desk.state() as state:
        now = desk.now(state)
    desk.show(
        {"memories": [row(one) for one in found]},
        lambda: "\n\n".join(_text(one, now) for one in found) or "nothing comes to mind",
    )


@memory.command(epilog="Example: gitcoord memory used k-4k2m8x7q1z")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@acting
@command
def used(desk: Desk, ids: Sequence[str]) -> None:
    """Say that memories have helped: they last longer for it. A session counts once.

    Costs no decision of its own, and goes with the next one of this clone.
    """
    note_use(desk, ids)
    desk.show({"used": list(ids), "spooled": True}, f"noted; {KEPT}")


@memory.command(epilog="Example: gitcoord memory forget k-4k2m8x7q1z")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@acting
@command
def forget(desk: Desk, ids: Sequence[str]) -> None:
    """Recall memories no more, because they are wrong or over; all of them or none.

    The history keeps them.
    """
    from gitcoord.domain.remembering import ForgetMemories, Forgotten

    answer = desk.do(ForgetMemories(ids=tuple(ids)), Forgotten)
    desk.show(
        {"memories": list(answer.memories)},
        lambda: [f"forgot {one.id}: {one.summary}" for one in answer.memories],
    )


def answers(desk: Desk, query: Query, task: str) -> list[Recalled]:
    """Return the memories that answer the query; the words of a task are added to its own.

    Raises `TaskNotFound`, `InvalidValue`.
    """
    import msgspec

    from gitcoord.ledger.recalling import recalled

    if task:
        from gitcoord.domain.tasks import task_of

        with desk.state() as state:
            found = task_of(state, task)
        text = f"{query.text}\n{found.title}\n{found.description}"
        query = msgspec.structs.replace(query, text=text)
    return recalled(desk.house.ledger, desk.house.home, query)


def note_use(desk: Desk, ids: Sequence[str]) -> None:
    """Let it ride on the next decision that memories have helped whoever acts.

    Raises `MemoryNotFound`, `LimitReached`, and what a session that cannot act is told.
    """
    from gitcoord.domain import sessions
    from gitcoord.domain.memories import found
    from gitcoord.domain.remembering import UseMemories

    holder = desk.asker()
    with desk.state() as state:
        if holder:
            sessions.acting(state, desk.context(state, holder))
        found(state, ids)
    wish = UseMemories(ids=tuple(dict.fromkeys(ids)))
    desk.house.coordinator.later(wish, session=holder, agent=desk.named_for(holder))


def row(one: Recalled) -> dict[str, Any]:
    """Return a memory with its relevance, as doors show it."""
    from gitcoord.domain.record import shown

    found: dict[str, Any] = shown(one.memory)
    return found | {"relevance": one.relevance}


def _text(one: Recalled, now: Time) -> str:
    from gitcoord.entrypoints.cli.render import ago

    known = one.memory
    kind = f"{known.type}, {known.outcome}" if known.outcome else known.type
    lines = [
        f"{one.relevance:.2f}  {known.summary}",
        f"      {kind}, {known.agent}, {ago(now, known.at)} ({known.id})",
    ]
    lines += [f"      lesson: {lesson}" for lesson in known.lessons]
    if known.tags:
        lines.append(f"      tags: {', '.join(known.tags)}")
    if known.used:
        lines.append(f"      has helped {known.used} session(s)")
    lines += [f"      {line}" for line in known.details.splitlines()]
    return "\n".join(lines)


for each in (set_, get, clear):
    memory.add_command(each)
