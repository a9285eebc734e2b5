"""`gitcoord change`: who changed which file lately."""

from __future__ import annotations

from collections.abc import Sequence

import click

from gitcoord.entrypoints.cli.desk import KEPT, Desk, acting, command, reading
from gitcoord.entrypoints.cli.words import Words


@click.group()
def change() -> None:
    """Keep a short list of who changed which file, so that others can look before they edit."""


@change.command("list", epilog="Example: gitcoord change list --path src/login.py --since 2h")
@click.option(
    "--path", default="", metavar="PATH", help="Only this file, or what a folder or pattern holds."
)
@click.option("--session", "by", default="", metavar="ID", help="Only changes of this session.")
@click.option("--agent", metavar="NAME", help="Only changes of this agent.")
@click.option("--since", metavar="TIME", help="From then on: a time, or how long ago (2h).")
@click.option("-n", "--limit", type=click.IntRange(1), default=20, show_default=True)
@reading
def list_(desk: Desk, path: str, by: str, agent: str | None, since: str | None, limit: int) -> None:
    """List recorded changes, newest first."""
    from gitcoord.domain.changes import recent
    from gitcoord.domain.time import EPOCH, moment
    from gitcoord.entrypoints.cli.facts import inside
    from gitcoord.entrypoints.cli.keys import typed
    from gitcoord.entrypoints.cli.render import ago, table

    with desk.state() as state:
        now = desk.now(state)
        if path:
            (path,) = typed([inside(desk, path)], desk.repository, desk.directory)
        kept = max(1, state.settings.changes_kept)
        found = recent(
            state,
            path=path,
            session=by,
            since=EPOCH if since is None else moment(since, now),
            limit=kept if agent else limit,
        )
    found = [one for one in found if agent in (None, one.agent)][:limit]

    def text() -> str:
        committed = any(one.commit for one in found)
        rows = [
            (
                ago(now, one.at),
                one.agent,
                one.kind,
                f"{one.old_path} -> {one.path}" if one.old_path else one.path,
                *((one.commit[:9],) if committed else ()),
                one.summary,
            )
            for one in found
        ]
        columns = ("when", "agent", "kind", "path", *(("commit",) if committed else ()), "summary")
        return table(columns, rows, "no changes are recorded")

    desk.show({"changes": found}, text)


@change.command(
    cls=Words,
    epilog="Example: gitcoord change record --path src/login.py --summary 'two-factor login'",
)
@click.option("--path", "paths", multiple=True, required=True, metavar="PATH...", help="The files.")
@click.option(
    "--kind",
    type=click.Choice(["create", "modify", "delete", "rename"]),
    default="modify",
    show_default=True,
)
@click.option("--old-path", default="", metavar="PATH", help="The name before a rename.")
@click.option("--summary", default="", help="What was changed, for others.")
@click.option("--commit", default="", metavar="OID", help="The commit that holds it.")
@click.option(
    "--later", is_flag=True, help="Let it ride on this machine's next decision; costs no commit."
)
@acting
@command
def record(
    desk: Desk,
    paths: Sequence[str],
    kind: str,
    old_path: str,
    summary: str,
    commit: str,
    later: bool,
) -> None:
    """Record that the acting session changed files."""
    from gitcoord.domain.changes import ChangeDraft, RecordChanges, Recorded
    from gitcoord.entrypoints.cli.facts import inside
    from gitcoord.errors import UsageError

    if bool(old_path) != (kind == "rename") or (old_path and len(paths) > 1):
        raise UsageError("a rename has one --path and one --old-path; nothing else has --old-path")
    wish = RecordChanges(
        changes=tuple(
            ChangeDraft(
                path=inside(desk, path),
                kind=kind,  # type: ignore[arg-type]
                old_path=old_path and inside(desk, old_path),
                summary=summary,
                commit=commit,
            )
            for path in paths
        )
    )
    if later:
        desk.house.coordinator.later(wish, session=desk.holder)
        desk.show({"changes": [], "spooled": len(paths)}, f"kept for later: {len(paths)}")
        return
    answer = desk.do_or_keep(wish, Recorded)
    if answer is None:
        desk.show({"changes": [], "spooled": True}, f"{len(paths)} changes are {KEPT}")
        return
    desk.show(
        {"changes": answer.changes},
        lambda: [f"recorded: {one.agent} {one.kind} {one.path}" for one in answer.changes],
    )
