"""Reactions: a smile at a comment, and the count of them that everything carries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.servers.github import accounts, comments
from tests.servers.github.ask import Ask, Said
from tests.servers.github.records import Reaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.servers.github.world import World

CONTENTS = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")


def summary(url: str, found: Sequence[Reaction]) -> dict[str, Any]:
    """Return how many there are of each."""
    counts = {content: sum(one.content == content for one in found) for content in CONTENTS}
    return {"url": f"{url}/reactions", "total_count": len(found)} | counts


def shown(world: World, one: Reaction) -> dict[str, Any]:
    """Return one reaction."""
    return {
        "id": one.id,
        "node_id": f"REA_{one.id}",
        "user": accounts.shown(world, one.user),
        "content": one.content,
        "created_at": one.created,
    }


def listed(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions."""
    found = comments.found(ask).reactions
    return ask.page([shown(ask.github.world, one) for one in found])


def create(ask: Ask) -> Said:
    """POST ...: 200 when this account has reacted so before, 201 when it is new."""
    world, comment, content = ask.github.world, comments.found(ask), ask.data["content"]
    for one in comment.reactions:
        if one.user is ask.actor.account and one.content == content:
            return Said(200, shown(world, one))
    new = Reaction(world.new_id(), ask.actor.account, content, world.stamp())
    comment.reactions.append(new)
    return Said(201, shown(world, new))
