"""Commit statuses: verdicts of outsiders, one for each commit and context."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.servers.github import accounts, commits, events, repositories
from tests.servers.github.ask import Ask, Said, invalid
from tests.servers.github.records import Status

if TYPE_CHECKING:
    from tests.servers.github.world import Repository

#: Characters of a description; statuses of one commit and context.
DESCRIPTION, MOST = 140, 1000
#: What a commit shows of all contexts: the first that one of them has.
ORDER = ("error", "failure", "pending", "success")


def row(repo: Repository, status: Status) -> dict[str, Any]:
    """Return a commit status without who made it."""
    return {
        "url": f"{repo.api}/statuses/{status.oid}",
        "avatar_url": f"{repo.world.web}/avatars/u/{status.creator.id}",
        "id": status.id,
        "node_id": f"SC_{status.id}",
        "state": status.state,
        "description": status.description,
        "target_url": status.target_url,
        "context": status.context,
        "created_at": status.created,
        "updated_at": status.created,
    }


def shown(repo: Repository, status: Status) -> dict[str, Any]:
    """Return a commit status."""
    return row(repo, status) | {"creator": accounts.shown(repo.world, status.creator)}


def create(ask: Ask) -> Said:
    """POST /repos/{owner}/{repo}/statuses/{sha}."""
    repo, world, given = ask.repo, ask.github.world, ask.data
    oid = commits.resolved(ask, ask.parts["sha"])
    if (state := ask.text("state", "Status")) not in ORDER:
        invalid("Status", "state", "custom", "state is not included in the list")
    description = given.get("description")
    if len(description or "") > DESCRIPTION:
        words = f"description is too long (maximum is {DESCRIPTION} characters)"
        invalid("Status", "description", "custom", words)
    context = given.get("context") or "default"
    same = [s for s in repo.statuses if (s.oid, s.context) == (oid, context)]
    if len(same) >= MOST:
        words = "This SHA and context has reached the maximum number of statuses."
        invalid("Status", "base", "custom", words)
    target, by = given.get("target_url"), ask.actor.account
    status = Status(world.new_id(), oid, state, context, description, target, by, world.stamp())
    repo.statuses.append(status)
    shape = row(repo, status)
    commit = commits.shown(repo, repo.git.commit(oid))
    branches = [
        {
            "name": name.removeprefix("refs/heads/"),
            "commit": {"sha": oid, "url": f"{repo.api}/commits/{oid}"},
            "protected": False,
        }
        for name, tip in repo.known.items()
        if tip == oid and name.startswith("refs/heads/")
    ]
    events.emit(
        repo,
        ask.actor,
        "status",
        **{k: shape[k] for k in ("id", "state", "description", "target_url", "context")},
        sha=oid,
        name=repo.full_name,
        avatar_url=shape["avatar_url"],
        commit=commit,
        branches=branches,
        created_at=shape["created_at"],
        updated_at=shape["updated_at"],
    )
    return Said(201, shown(repo, status))


def listed(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/commits/{ref}/statuses, newest first."""
    oid = commits.resolved(ask, ask.parts["ref"])
    rows = [s for s in reversed(ask.repo.statuses) if s.oid == oid]
    return ask.page([shown(ask.repo, status) for status in rows])


def latest(repo: Repository, oid: str) -> list[Status]:
    """Return the newest status of each context."""
    return list({s.context: s for s in repo.statuses if s.oid == oid}.values())


def combined(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/commits/{ref}/status."""
    repo, oid = ask.repo, commits.resolved(ask, ask.parts["ref"])
    rows = latest(repo, oid)
    states = {"failure" if s.state == "error" else s.state for s in rows}
    return Said(
        200,
        {
            "state": next((state for state in ORDER if state in states), "pending"),
            "statuses": [row(repo, status) for status in rows],
            "sha": oid,
            "total_count": len(rows),
            "repository": repositories.shown(repo),
            "commit_url": f"{repo.api}/commits/{oid}",
            "url": f"{repo.api}/commits/{oid}/status",
        },
    )
