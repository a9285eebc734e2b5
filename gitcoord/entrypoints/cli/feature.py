"""`gitcoord feature`: what features claim, how they stand to each other, and what stops them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from gitcoord.entrypoints.cli.desk import Desk, acting, command, reading
from gitcoord.entrypoints.cli.keys import typed
from gitcoord.entrypoints.cli.words import Words
from gitcoord.errors import UsageError

if TYPE_CHECKING:
    from gitcoord.domain.features import Feature, Report


@click.group()
def feature() -> None:
    """Register features with the keys that they claim, and see which overlap.

    A claim holds nothing: locks do that. It shows early who will need the same.
    """


@feature.command(
    cls=Words,
    epilog="Example: gitcoord feature register login --claim 'src/auth/**' 'api:POST /login' "
    "--branch feat/login",
)
@click.argument("id")
@click.option("--claim", "claims", multiple=True, metavar="KEY...", help="What it will touch.")
@click.option("--slot", "slots", multiple=True, metavar="KEY...",
              help="Claims of which nobody else may want any part.")  # fmt: skip
@click.option("--title", metavar="TEXT", help="Default: as it is.")
@click.option("--branch", metavar="NAME", help="Default: as it is.")
@click.option("--priority", default="5", show_default=True, metavar="P",
              help="1 (merged first) to 10, or critical, high, medium, low.")  # fmt: skip
@acting
@command
def register(desk: Desk, id: str, claims: Sequence[str], slots: Sequence[str], **said: Any) -> None:
    """Register a feature, or update yours: its claims are replaced.

    People need no session. An overlap refuses nothing; the answer names it.
    """
    from gitcoord.domain.registering import Registered, RegisterFeature

    wish = RegisterFeature(id=id, claims=_keys(desk, claims), slots=_keys(desk, slots), **said)
    answer = desk.do(wish, Registered)
    desk.show(
        {"feature": answer.feature, "action": answer.action, "report": answer.report},
        lambda: [f"{answer.action} {answer.feature.id}", *_report(answer.report)],
    )


@feature.command(epilog="Example: gitcoord feature show login")
@click.argument("id")
@reading
def show(desk: Desk, id: str) -> None:
    """Show a feature with those that overlap it and its open tasks."""
    from gitcoord.domain.features import feature_by
    from gitcoord.domain.registering import report
    from gitcoord.domain.tasks import Task

    with desk.state() as state:
        found = feature_by(state, id)
        stands = None if found.archived else report(state, found)
        tasks = state.find(Task, f"feature:{found.id}")
    desk.show(
        {"feature": found, "report": stands, "open_tasks": [task.id for task in tasks]},
        lambda: [
            *_whole(found),
            *([] if stands is None else _report(stands)),
            *(f"task {task.id}  {task.status}  {task.title}" for task in tasks),
        ],
    )


@feature.command("list", epilog="Example: gitcoord feature list --all")
@click.option("--all", "everything", is_flag=True, help="Also those that have ended.")
@reading
def list_(desk: Desk, everything: bool) -> None:
    """List features: the open ones by priority and age."""
    from gitcoord.domain.features import Feature, open_features
    from gitcoord.entrypoints.cli.render import table

    with desk.state() as state:
        found = list(open_features(state))
        if everything:
            found += state.scan(Feature, "end:", archived=True)
    columns = ("feature", "status", "P", "agent", "branch", "claims", "title")
    rows = [
        (x.id, x.status, x.priority, x.agent, x.branch, len({*x.claims, *x.slots}), x.title)
        for x in found
    ]
    desk.show({"features": found}, lambda: table(columns, rows, "no features are registered"))


@feature.command(
    cls=Words,
    epilog="Examples: gitcoord feature conflicts login | gitcoord feature conflicts new "
    "--claim 'src/api/**' | gitcoord feature conflicts --matrix",
)
@click.argument("id", required=False)
@click.option("--claim", "claims", multiple=True, metavar="KEY...",
              help="What one that is not registered would claim.")  # fmt: skip
@click.option("--matrix", is_flag=True, help="All features, and which ready tasks fit together.")
@acting
@reading
def conflicts(desk: Desk, id: str | None, claims: Sequence[str], matrix: bool) -> None:
    """Show how features stand to each other: FULL, PARTIAL or SEQUENTIAL.

    FULL: side by side. PARTIAL: some claims overlap. SEQUENTIAL: one after the other. With an
    ID: of that feature to all; else every pair that overlaps.
    """
    from gitcoord.entrypoints.cli import feature_matrix

    if matrix and (id or claims):
        raise UsageError("--matrix shows all features: no ID, no --claim")
    if claims and not id:
        raise UsageError("--claim needs an ID for the feature")
    if id:
        found = _asked(desk, id, _keys(desk, claims))
        desk.show({"report": found}, lambda: _report(found))
    else:
        feature_matrix.show(desk, whole=matrix)


@feature.command(epilog="Example: gitcoord feature pause login --reason 'the schema changes'")
@click.argument("id")
@click.option("--reason", default="", metavar="TEXT", help="For those who would claim its tasks.")
@acting
@command
def pause(desk: Desk, id: str, reason: str) -> None:
    """Let no task of the feature be claimed until it is resumed, whatever becomes of you."""
    from gitcoord.domain.registering import Changed, PauseFeature

    found = desk.do(PauseFeature(id=id, reason=reason), Changed).feature
    desk.show({"feature": found}, f"feature {found.id} is paused")


@feature.command(epilog="Example: gitcoord feature resume login")
@click.argument("id")
@acting
@command
def resume(desk: Desk, id: str) -> None:
    """Let a paused feature go on; a lock on its pause key and escalations stay."""
    from gitcoord.domain.obstacles import pause_of
    from gitcoord.domain.registering import Changed, ResumeFeature

    found = desk.do(ResumeFeature(id=id), Changed).feature
    with desk.state() as state:
        still = pause_of(state, desk.context(state), found.id)
    rest = f"; {still.detail}" if still else ""
    desk.show({"feature": found, "paused": still}, f"feature {found.id} is {found.status}{rest}")


@feature.command(epilog="Example: gitcoord feature deregister login --status cancelled")
@click.argument("id")
@click.option("--status", type=click.Choice(["completed", "cancelled"]), default="completed",
              show_default=True)  # fmt: skip
@click.option("--reason", default="", metavar="TEXT")
@acting
@command
def deregister(desk: Desk, id: str, status: str, reason: str) -> None:
    """End a feature: it claims nothing any more. Its id is not used again."""
    from gitcoord.domain.registering import Deregistered, DeregisterFeature

    answer = desk.do(DeregisterFeature(id=id, status=status, reason=reason), Deregistered)
    desk.show(
        {"feature": answer.feature, "open_tasks": answer.open_tasks},
        lambda: [
            f"feature {answer.feature.id} is {answer.feature.status}",
            *(f"  still open: {name}" for name in answer.open_tasks),
        ],
    )


def _asked(desk: Desk, id: str, claims: tuple[str, ...]) -> Report:
    from gitcoord.domain.features import feature_by
    from gitcoord.domain.registering import candidate, report

    with desk.state() as state:
        if claims:
            return candidate(state, desk.context(state), id, claims)
        return report(state, feature_by(state, id))


def _keys(desk: Desk, words: Sequence[str]) -> tuple[str, ...]:
    return tuple(typed(words, desk.house.repository, desk.directory))


def _whole(found: Feature) -> list[str]:
    lines = [f"{found.id}  {found.status}  P{found.priority}  {found.title}".rstrip()]
    lines.append(f"  registered by {found.agent or 'a person'} at {found.created_at}")
    lines += [f"  branch {found.branch}"] if found.branch else []
    lines += [f"  claims {key}" for key in found.claims if key not in found.slots]
    lines += [f"  slot {key}" for key in found.slots]
    if found.status == "paused":
        why = f": {found.pause_reason}" if found.pause_reason else ""
        lines.append(f"  paused by {found.paused_by} at {found.paused_at}{why}")
    if found.archived:
        why = f": {found.end_reason}" if found.end_reason else ""
        lines.append(f"  {found.status} by {found.ended_by} at {found.ended_at}{why}")
    return lines


def _report(found: Report) -> list[str]:
    lines = [f"{found.feasibility}: {found.overlapping} of {found.claims} claims overlap"]
    for one in found.conflicts:
        keys = [*one.overlapping_keys, *(f"slot {slot}" for slot in one.slots)]
        who = f" ({one.agent})" if one.agent else ""
        lines.append(f"  {one.feasibility}  {one.feature}{who}: {', '.join(keys)}")
    return lines
