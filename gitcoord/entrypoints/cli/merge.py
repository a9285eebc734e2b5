"""`gitcoord merge`: the queue of branches that shall become part of their target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from gitcoord.entrypoints.cli.desk import Desk, acting, command, reading
from gitcoord.entrypoints.cli.merge_landing import check, land, next_
from gitcoord.entrypoints.cli.merge_text import cells, columns_of, shown_of, site_of, whole
from gitcoord.entrypoints.cli.words import Words

if TYPE_CHECKING:
    from gitcoord.domain.merges import Merge

METHODS = ("merge", "squash", "rebase")


@click.group()
def merge() -> None:
    """Queue branches, check them against their target, and land them.

    What lands moves the target and the ledger in one: task, feature and locks end with it.
    """


@merge.command(
    cls=Words,
    epilog="Examples: gitcoord merge enqueue | gitcoord merge enqueue feat/login "
    "--task t-4k2m8x7q1z --method squash",
)
@click.argument("branch", required=False)
@click.option("--target", default="", metavar="NAME", help="Default: where work lands here.")
@click.option("--task", metavar="ID", help="Completed when it lands.")
@click.option("--feature", metavar="ID", help="Completed with the last branch that names it.")
@click.option("--method", type=click.Choice(METHODS), help="Default: as the settings say.")
@click.option("--priority", metavar="P", help="1 (merged first) to 10, or critical, high …")
@click.option("--need", "needs", multiple=True, metavar="ID...",
              help="Entries or features that have to land before; '' for none.")  # fmt: skip
@click.option("--pr-url", metavar="URL", help="Its pull request, where there is one.")
@acting
@command
def enqueue(desk: Desk, branch: str | None, needs: Sequence[str], **said: Any) -> None:
    """Queue a branch (default: that of the task, the feature, or the current one) as it is now.

    Again: its new commits count, and it is checked anew. People need no session.
    """
    from gitcoord.domain.merge_queueing import EnqueueMerge
    from gitcoord.landing.enqueue import enqueue as queued
    from gitcoord.landing.enqueue import only_here
    from gitcoord.ledger.request import fresh_id

    wish = EnqueueMerge(
        id=fresh_id("q-"), head="", branch=branch or "", needs=tuple(needs) or None, **said
    )
    site = site_of(desk)
    answer = queued(site, wish)
    found = answer.merge
    if only_here(site, found):
        push = f"git push {site.remote} {found.branch}"
        desk.note(f"only this clone can land it until its branch is pushed: {push}")
    desk.show(
        {"merge": found, "action": answer.action},
        f"{found.id} {answer.action}: {found.branch} ({found.head[:10]}) for {found.target}",
    )


@merge.command("list", epilog="Example: gitcoord merge list --all")
@click.option("--target", default="", metavar="NAME", help="For this branch only.")
@click.option("--all", "everything", is_flag=True, help="Also what was merged or given up.")
@reading
def list_(desk: Desk, target: str, everything: bool) -> None:
    """List the queue in the order in which it lands."""
    from gitcoord.domain.merge_order import ordered
    from gitcoord.domain.merges import listed
    from gitcoord.entrypoints.cli.render import table

    with desk.state() as state:
        found = ordered(state)
        if everything:
            found += listed(state, closed=True)
    rows = [one for one in found if not target or one.target == target]
    columns = columns_of(rows)
    desk.show(
        {"merges": rows},
        lambda: table(columns, [cells(one, columns) for one in rows], "no branch is queued"),
    )


@merge.command(epilog="Example: gitcoord merge show q-4k2m8x7q1z")
@click.argument("id")
@reading
def show(desk: Desk, id: str) -> None:
    """Show an entry whole: what was checked, and what it waits for."""
    from gitcoord.domain.merge_order import unmet
    from gitcoord.domain.merges import merge_by

    with desk.state() as state:
        found = merge_by(state, id)
        waits = [] if found.archived else [why for _, why, _ in unmet(state, found)]
    desk.show({"merge": found, "waits_for": waits}, lambda: whole(found, waits))


@merge.command(epilog="Example: gitcoord merge remove q-4k2m8x7q1z --reason 'not needed'")
@click.argument("id")
@click.option("--reason", default="", metavar="TEXT", help="Why; it stays with the entry.")
@acting
@command
def remove(desk: Desk, id: str, reason: str) -> None:
    """Give an entry up. Branch, task and feature stay as they are."""
    from gitcoord.domain.merging import Ended, RemoveMerge

    _ended(desk, desk.do(RemoveMerge(id=id, reason=reason), Ended).merge)


@merge.command(epilog="Example: gitcoord merge eject q-4k2m8x7q1z --reason 'breaks the build'")
@click.argument("id")
@click.option("--reason", default="", metavar="TEXT", help="Whoever queued it reads it.")
@acting
@command
def eject(desk: Desk, id: str, reason: str) -> None:
    """Take an entry that cannot land out of the queue. It can be queued again."""
    from gitcoord.domain.merging import EjectMerge, Ended

    _ended(desk, desk.do(EjectMerge(id=id, reason=reason), Ended).merge)


def _ended(desk: Desk, found: Merge) -> None:
    desk.show({"merge": found}, shown_of(found))


for one in (check, next_, land):
    merge.add_command(one)
