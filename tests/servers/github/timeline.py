"""What happened to an issue, line by line: labeled, closed, merged, assigned, commented."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.servers.github import accounts, comments, issues
from tests.servers.github.ask import Ask, Said
from tests.servers.github.records import Happening

if TYPE_CHECKING:
    from tests.servers.github.actors import Actor
    from tests.servers.github.records import Account, Issue, Label


def note(
    issue: Issue,
    actor: Actor,
    kind: str,
    *,
    label: Label | None = None,
    assignee: Account | None = None,
    commit: str | None = None,
) -> None:
    """Write down that `actor` did this."""
    world = issue.repo.world
    issue.updated = world.stamp()
    issue.timeline.append(
        Happening(world.new_id(), kind, actor.account, issue.updated, label, assignee, commit)
    )


def shown(issue: Issue, line: Happening) -> dict[str, Any]:
    """Return one line."""
    world, repo = issue.repo.world, issue.repo
    row: dict[str, Any] = {
        "id": line.id,
        "node_id": f"E_{line.id}",
        "url": f"{repo.api}/issues/events/{line.id}",
        "actor": accounts.shown(world, line.actor),
        "event": line.kind,
        "commit_id": line.commit,
        "commit_url": f"{repo.api}/commits/{line.commit}" if line.commit else None,
        "created_at": line.created,
        "performed_via_github_app": None,
    }
    if line.label:
        row["label"] = {"name": line.label.name, "color": line.label.color}
    if line.assignee:
        row |= {
            "assignee": accounts.shown(world, line.assignee),
            "assigner": accounts.shown(world, line.actor),
        }
    if line.kind == "closed":
        row["state_reason"] = issue.state_reason
    return row


def of_issue(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/issues/{issue_number}/events."""
    issue = issues.found(ask)
    return ask.page([shown(issue, line) for line in issue.timeline])


def of_repository(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/issues/events, newest first."""
    lines = [(line, issue) for issue in ask.repo.issues.values() for line in issue.timeline]
    lines.sort(key=lambda pair: -pair[0].id)
    return ask.page([shown(i, line) | {"issue": issues.shown(i)} for line, i in lines])


def with_comments(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/issues/{issue_number}/timeline."""
    issue = issues.found(ask)
    rows = [(line.id, shown(issue, line)) for line in issue.timeline]
    for comment in issue.comments:
        user = accounts.shown(issue.repo.world, comment.user)
        more = {"event": "commented", "actor": user}
        rows.append((comment.id, comments.shown(comment) | more))
    return ask.page([row for _, row in sorted(rows, key=lambda pair: pair[0])])
