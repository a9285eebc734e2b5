"""`gitcoord handoff`: leave notes for whoever comes next, and read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from gitcoord.entrypoints.cli.desk import KEPT, Desk, acting, command, reading
from gitcoord.errors import InvalidFile, UsageError

if TYPE_CHECKING:
    from gitcoord.domain.handoffs import Handoff
    from gitcoord.domain.time import Time

#: Fields of a handoff that are lists of texts -> how they are titled for people.
LISTS = {
    "completed": "done",
    "in_progress": "in progress",
    "decisions": "decided",
    "next_steps": "next",
    "relevant_files": "see",
}
FIELDS = ("summary", "task", *LISTS)


@click.group()
def handoff() -> None:
    """Leave notes for whoever comes next, with the facts that git and the ledger know."""


@handoff.command(
    epilog="Example: gitcoord handoff write 'Login works' --next-step 'test on Windows' "
    "--decision 'sessions live in Redis'"
)
@click.argument("text", required=False, metavar="[SUMMARY]")
@click.option("--summary", default="", help="What whoever comes next must know. Required.")
@click.option("--completed", multiple=True, metavar="TEXT", help="What is done.")
@click.option("--in-progress", multiple=True, metavar="TEXT", help="What was begun.")
@click.option("--decision", "--decisions", "decisions", multiple=True, metavar="TEXT",
              help="What was decided, and why.")  # fmt: skip
@click.option("--next-step", "--next-steps", "next_steps", multiple=True, metavar="TEXT",
              help="What comes next.")  # fmt: skip
@click.option("--relevant-file", "--relevant-files", "relevant_files", multiple=True,
              metavar="PATH", help="What to look at.")  # fmt: skip
@click.option("--task", default="", metavar="ID", help="The task that it is about.")
@click.option("--file", metavar="FILE", help="Read the fields from YAML or JSON; - is stdin.")
@acting
@command
def write(desk: Desk, text: str | None, file: str | None, **said: Any) -> None:
    """Write a handoff. Options repeat, and add to what the file says.

    Branch, head, dirty files, open tasks, held locks and what has not landed are added.
    """
    from gitcoord.domain.handoffs import WriteHandoff, Written
    from gitcoord.entrypoints.cli.facts import facts, inside
    from gitcoord.ledger.request import fresh_id

    if text and said["summary"]:
        raise UsageError("the summary is given twice")
    fields = from_file(file) if file else {}
    for name in LISTS:
        fields[name] = (*fields.get(name, ()), *said[name])
    fields["relevant_files"] = tuple(inside(desk, path) for path in fields["relevant_files"])
    fields["summary"] = text or said["summary"] or fields.get("summary", "")
    fields["task"] = said["task"] or fields.get("task", "")
    wish = WriteHandoff(id=fresh_id("h-"), facts=facts(desk), **fields)
    answer = desk.do_or_keep(wish, Written)
    if answer is None:
        desk.show({"handoff": None, "spooled": True}, f"handoff {wish.id} is {KEPT}")
        return
    found = answer.handoff
    desk.show({"handoff": found}, f"handoff {found.id} is written")


@handoff.command(epilog="Example: gitcoord handoff read --task t-4k2m8x7q1z")
@click.argument("id", required=False, metavar="[ID]")
@click.option("--agent", metavar="NAME", help="The newest of this agent.")
@click.option("--task", metavar="ID", help="The newest about this task.")
@click.option("--all", "everything", is_flag=True, help="All of them, newest first.")
@click.option("-n", "--limit", type=click.IntRange(1), metavar="N", help="The newest N.")
@reading
def read(
    desk: Desk,
    id: str | None,
    agent: str | None,
    task: str | None,
    everything: bool,
    limit: int | None,
) -> None:
    """Read the newest handoff, or those that are asked for."""
    from gitcoord.domain.handoffs import Handoff, newest
    from gitcoord.errors import InvalidId

    with desk.state() as state:
        now = desk.now(state)
        if id is not None:
            one = state.get(Handoff, id)
            if one is None:
                raise InvalidId(f"there is no handoff {id!r}", hint="Run `gitcoord handoff read`.")
            found = [one]
        else:
            count = limit or (10**9 if everything else 1)
            found = newest(state, agent=agent, task=task, limit=count)
    lines = "\n\n".join(_text(one, now) for one in found)
    several = everything or limit is not None
    desk.show(
        {"handoffs": found} if several else {"handoff": found[0] if found else None},
        lines or "there is no handoff",
    )


def from_file(name: str) -> dict[str, Any]:
    """Return the fields of a handoff that a YAML or JSON file holds; "-" is stdin.

    A single text stands for a list of one. Raises `InvalidFile` for what cannot be read,
    for fields that do not exist and for what is no text.
    """
    import yaml

    try:
        with click.open_file(name, encoding="utf-8") as source:
            said = yaml.safe_load(source.read())
    except (OSError, UnicodeDecodeError) as wrong:
        raise InvalidFile(f"{name} cannot be read: {wrong}", path=name) from wrong
    except yaml.YAMLError as wrong:
        raise InvalidFile(f"{name} is neither YAML nor JSON: {wrong}", path=name) from wrong
    if not isinstance(said, dict):
        raise InvalidFile(f"{name} must hold fields: {', '.join(FIELDS)}", path=name)
    return {field: _value(name, field, value) for field, value in said.items()}


def _value(name: str, field: Any, value: Any) -> Any:
    if field not in FIELDS:
        from difflib import get_close_matches

        near = get_close_matches(str(field), FIELDS, 1)
        raise InvalidFile(
            f"{name}: there is no field {field!r}",
            hint=f"Did you mean {near[0]}?" if near else f"Known: {', '.join(FIELDS)}.",
            path=name,
            field=str(field),
        )
    if value is None:
        return () if field in LISTS else ""
    if field in LISTS:
        value = [value] if isinstance(value, str) else value
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise InvalidFile(f"{name}: {field} must be a list of texts", path=name, field=field)
    if not isinstance(value, str):
        raise InvalidFile(f"{name}: {field} must be a text", path=name, field=field)
    return value


def _text(one: Handoff, now: Time) -> str:
    from gitcoord.entrypoints.cli.render import ago

    about = f" about {one.task}" if one.task else ""
    lines = [f"{one.agent}{about}, {ago(now, one.at)} ({one.id})", one.summary]
    for field, title in LISTS.items():
        lines += _titled(title, getattr(one, field))
    if (facts := one.facts) is not None:
        if facts.branch or facts.head:
            head = facts.head[:12] or "no commit"
            lines.append(f"{'git':<12}  {facts.branch or 'detached'} at {head}")
        lines += _titled("dirty", facts.dirty[:20])
        if len(facts.dirty) > 20:
            lines.append(f"{'':<12}  ... and {len(facts.dirty) - 20} more")
        lines += _titled("open tasks", facts.open_tasks)
        lines += _titled("held", facts.held_keys)
        lines += _titled("not landed", facts.unlanded_keys)
    return "\n".join(lines)


def _titled(title: str, items: Sequence[str]) -> list[str]:
    return [f"{title if at == 0 else '':<12}  {item}" for at, item in enumerate(items)]
