"""`gitcoord task`: add, choose, claim, move and look at tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
import msgspec

from gitcoord.domain.time import parse_duration
from gitcoord.entrypoints.cli.completion import task_ids
from gitcoord.entrypoints.cli.desk import KEPT, Desk, acting, command, reading
from gitcoord.entrypoints.cli.keys import typed
from gitcoord.entrypoints.cli.words import Words

if TYPE_CHECKING:
    from gitcoord.domain.claiming import Claimed
    from gitcoord.domain.tasks import Task


@click.group()
def task() -> None:
    """Work from a queue of tasks with priorities, dependencies and keys.

    A claim takes the task's keys with it, and both end together.
    """


@task.command(
    cls=Words,
    epilog="Example: gitcoord task add 'Fix login' --priority high --keys src/auth/ docs/",
)
@click.argument("title", required=False)
@click.option("--description", default="", help="What is to be done, at any length.")
@click.option("--type", "kind", default="task", show_default=True)
@click.option(
    "--priority", default="5", show_default=True, help="1 (most urgent) to 10, or a word."
)
@click.option(
    "--depends-on", multiple=True, metavar="ID...", help="Not before this one is completed."
)
@click.option("--keys", "--key", multiple=True, metavar="KEY...", help="Taken with the claim.")
@click.option(
    "--requires", multiple=True, metavar="CAP...", help="Only for who has this capability."
)
@click.option(
    "--min-trust", type=int, default=0, metavar="LEVEL", help="Only for who has this trust level."
)
@click.option("--feature", default="", metavar="F")
@click.option("--deadline", default="", metavar="TIME", help="When an unfinished attempt fails.")
@click.option("--not-before", default="", metavar="TIME")
@click.option("--parent", default="", metavar="ID")
@click.option("--max-attempts", type=int, default=0, help="Default: as the settings say.")
@click.option("--id", "name", metavar="ID", help="An id of your own (default: made).")
@click.option("--file", metavar="TASKS.yaml", help="Add all tasks of a YAML or JSON file, or none.")
@click.option("--check", is_flag=True, help="Only say what would be added, or what is wrong.")
@acting
@command
def add(
    desk: Desk,
    title: str | None,
    kind: str,
    name: str | None,
    file: str | None,
    check: bool,
    **said: Any,
) -> None:
    """Add a task, or all tasks of a file: of a list, or of work packages of a feature."""
    from gitcoord.domain.new_tasks import Added, AddTasks, NewTask
    from gitcoord.entrypoints.cli.marked import Marked
    from gitcoord.entrypoints.cli.task_plan import plan, tried
    from gitcoord.entrypoints.cli.task_source import read_tasks
    from gitcoord.errors import UsageError
    from gitcoord.ledger.request import fresh_id

    if (title is None) == (file is None):
        raise UsageError("give a title, or --file", hint="See `gitcoord task add --help`.")
    if file is not None:
        found = read_tasks(file, desk.directory, lambda: fresh_id("t-"))
        if isinstance(found, Marked):
            plan(desk, found, check=check)
            return
        new = found
    else:
        lists: dict[str, Any] = {
            field: tuple(said.pop(field)) for field in ("depends_on", "keys", "requires")
        }
        new = [NewTask(id=name or fresh_id("t-"), title=title or "", type=kind, **lists, **said)]
    new = [
        msgspec.structs.replace(
            one, keys=tuple(typed(one.keys, desk.house.repository, desk.directory))
        )
        for one in new
    ]
    wish = AddTasks(tasks=tuple(new))
    answer = tried(desk, wish, Added) if check else desk.do(wish, Added)
    document: dict[str, Any] = {"tasks": answer.tasks} | ({"checked": True} if check else {})
    if file is None:
        document["task"] = answer.tasks[0]
    word = "would add" if check else "added"
    desk.show(document, lambda: [f"{word} {one.id}  {one.title}" for one in answer.tasks])


@task.command("next", epilog="Example: gitcoord task next --type bug --json")
@click.option("--type", "kinds", multiple=True, metavar="T", help="Only tasks of this type.")
@click.option("--feature", default="", metavar="F", help="Only tasks of this feature.")
@click.option("--ttl", metavar="TIME", help="How long the claim lives without a sign of life.")
@click.option("--worktree", metavar="DIR", help="Make a worktree for it, on a branch of its own.")
@acting
@command
def next_(
    desk: Desk, kinds: Sequence[str], feature: str, ttl: str | None, worktree: str | None
) -> None:
    """Choose and claim the most urgent task that can be worked on now.

    With nothing ready the answer is no task, the reasons, and exit code 0.
    """
    from gitcoord.domain.claiming import Claimed, NextTask

    seconds = None if ttl is None else parse_duration(ttl)
    answer = desk.do(NextTask(types=tuple(kinds), feature=feature, ttl=seconds), Claimed)
    _show_claim(desk, answer, worktree)


@task.command(cls=Words, epilog="Example: gitcoord task claim t-4k2m8x7q1z --worktree ../login")
@click.argument("id", shell_complete=task_ids)
@click.option("--keys", "--key", multiple=True, metavar="KEY...", help="Take these keys as well.")
@click.option("--ttl", metavar="TIME", help="How long the claim lives without a sign of life.")
@click.option("--worktree", metavar="DIR", help="Make a worktree for it, on a branch of its own.")
@acting
@command
def claim(desk: Desk, id: str, keys: Sequence[str], ttl: str | None, worktree: str | None) -> None:
    """Claim one task with its keys; claiming it again renews the claim."""
    from gitcoord.domain.claiming import Claimed, ClaimTask

    seconds = None if ttl is None else parse_duration(ttl)
    more = tuple(typed(keys, desk.house.repository, desk.directory))
    answer = desk.do(ClaimTask(id=id, keys=more, ttl=seconds), Claimed)
    _show_claim(desk, answer, worktree)


@task.command(epilog="Example: gitcoord task show t-4k2m8x7q1z")
@click.argument("id", shell_complete=task_ids)
@click.option("--at", metavar="TIME", help="As it was at that time.")
@reading
def show(desk: Desk, id: str, at: str | None) -> None:
    """Show a task with its attempts, notes and what stands in its way."""
    from gitcoord.domain.obstacles import obstacles
    from gitcoord.domain.tasks import notes_of, task_of
    from gitcoord.entrypoints.cli.task_text import described

    with desk.state(at) as state:
        found = task_of(state, id)
        ways = obstacles(state, desk.context(state), found)
        notes = notes_of(state, found.id)
    desk.show(
        {"task": found, "obstacles": ways, "notes": notes}, lambda: described(found, ways, notes)
    )


@task.command("list", epilog="Example: gitcoord task list --status pending --json")
@click.option("--status", "statuses", multiple=True, metavar="S", help="Only tasks in this status.")
@click.option("--agent", metavar="NAME", help="Only tasks of this agent.")
@click.option("--type", "kind", metavar="T")
@click.option("--feature", metavar="F")
@click.option("--parent", metavar="ID")
@click.option("--all", "everything", is_flag=True, help="Also completed and cancelled tasks.")
@click.option("-n", "--limit", type=click.IntRange(1), default=100, show_default=True)
@click.option("--at", metavar="TIME", help="As it was at that time.")
@reading
def list_(desk: Desk, at: str | None, limit: int, **wanted: Any) -> None:
    """List tasks, most urgent first within each status."""
    from gitcoord.entrypoints.cli.task_text import listed, selected

    with desk.state(at) as state:
        found, more = selected(state, limit=limit, **wanted)
        desk.show(
            {"tasks": found, "more": more},
            lambda: (
                listed(state, desk.context(state), found)
                + (f"\n... and {more} more (--limit)" if more else "")
            ),
        )


@task.command(epilog="Example: gitcoord task graph --dot | dot -Tsvg > tasks.svg")
@click.option("--dot", "as_dot", is_flag=True, help="Write Graphviz instead of text.")
@click.option("--all", "everything", is_flag=True, help="Also completed and cancelled tasks.")
@reading
def graph(desk: Desk, as_dot: bool, everything: bool) -> None:
    """Draw how tasks depend on one another."""
    from gitcoord.domain.graph import dot, text_graph
    from gitcoord.domain.tasks import Task

    with desk.state() as state:
        found = list(state.all(Task))
        if everything:
            found += state.all(Task, archived=True)
    edges = [[name, one.id] for one in found for name in one.depends_on]
    drawn = dot(found) if as_dot else text_graph(found) or "there are no open tasks"
    document: dict[str, Any] = {"tasks": found, "edges": edges}
    desk.show(document | ({"dot": drawn} if as_dot else {}), drawn.rstrip("\n"))


@task.command(epilog="Example: gitcoord task note t-4k2m8x7q1z 'the test needs a clock'")
@click.argument("id", shell_complete=task_ids)
@click.argument("text")
@click.option("--kind", default="progress", show_default=True)
@acting
@command
def note(desk: Desk, id: str, text: str, kind: str) -> None:
    """Write a note on a task."""
    from gitcoord.domain.tasks import Noted, NoteTask

    answer = desk.do_or_keep(NoteTask(id=id, text=text, kind=kind), Noted)
    if answer is None:
        desk.show({"note": None, "spooled": True}, f"the note on {id} is {KEPT}")
        return
    desk.show({"note": answer.note}, f"noted on {id}")


def _show_claim(desk: Desk, answer: Claimed, worktree: str | None) -> None:
    from gitcoord.entrypoints.cli.task_text import passed_over

    found = answer.task
    if found is None:
        desk.show(
            {"task": None, "locks": [], "waiting": answer.waiting},
            lambda: ["nothing is ready", *passed_over(answer.waiting)],
        )
        return
    tree = None
    if worktree is not None:
        from gitcoord.entrypoints.cli.task_worktree import prepared

        found, tree = prepared(desk, found, worktree)
    desk.show(
        {
            "task": found,
            "locks": answer.locks,
            "renewed": answer.renewed,
            "waiting": answer.waiting,
            "unlanded": answer.unlanded,
            "worktree": tree,
        },
        lambda: _claimed_text(found, answer),
    )


def _claimed_text(found: Task, answer: Claimed) -> list[str]:
    word = "renewed" if answer.renewed else "claimed"
    lines = [f"{word} {found.id}  {found.title}  (until {found.lease_until[:19]}Z)"]
    lines += [f"  locked {one.key} (token {one.epoch}/{one.token})" for one in answer.locks]
    lines += [
        f"  unlanded: {one.key} was changed by {one.agent} on {one.branch}; build on that branch"
        for one in answer.unlanded
    ]
    if found.worktree:
        lines.append(f"  worktree {found.worktree} on {found.branch}")
    return lines


def _moves() -> None:
    """Add the commands that move a task, which differ in words and options only."""
    from gitcoord.entrypoints.cli import task_moving, task_report

    task_moving.add_to(task)
    task.add_command(task_report.report)


_moves()
