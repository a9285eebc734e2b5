"""What was pushed to a repository's branches and when, the newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tests.servers.github import accounts
from tests.servers.github.gitrecords import ZERO

if TYPE_CHECKING:
    from tests.servers.github.actors import Actor
    from tests.servers.github.ask import Ask, Said
    from tests.servers.github.records import Account
    from tests.servers.github.world import Repository

HEADS = "refs/heads/"


class Activity(NamedTuple):
    """One move of a branch."""

    id: int
    ref: str
    before: str
    after: str
    at: str
    by: Account


def note(repo: Repository, actor: Actor, ref: str, before: str, after: str) -> None:
    """Write down that a branch has moved."""
    world = repo.world
    if ref.startswith(HEADS):
        found = Activity(world.new_id(), ref, before, after, world.stamp(), actor.account)
        repo.activity.append(found)


def _kind(repo: Repository, one: Activity) -> str:
    if ZERO in (one.before, one.after):
        return "branch_creation" if one.before == ZERO else "branch_deletion"
    return "push" if repo.git.base(one.before, one.after) == one.before else "force_push"


def _shown(repo: Repository, one: Activity) -> dict[str, Any]:
    return {
        "id": one.id,
        "node_id": f"RA_{one.id}",
        "before": one.before,
        "after": one.after,
        "ref": one.ref,
        "timestamp": one.at,
        "activity_type": _kind(repo, one),
        "actor": accounts.shown(repo.world, one.by),
    }


def listed(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/activity."""
    wanted = ask.query.get("ref", "").removeprefix(HEADS)
    rows = [one for one in ask.repo.activity if wanted in ("", one.ref.removeprefix(HEADS))]
    return ask.cursor_page([_shown(ask.repo, one) for one in reversed(rows)], "after")
