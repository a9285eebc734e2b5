"""When branches were pushed to, as GitHub's own log of a repository's activity has it.

The dates of commits would tell the clock of whoever made them. One list tells of all branches.
https://docs.github.com/rest/repos/repos#list-repository-activities
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitcoord.domain.time import parse
from gitcoord.mirror.subjects import HEADS

if TYPE_CHECKING:
    from gitcoord.domain.time import Time
    from gitcoord.mirror.api import Api


def pushed_since(api: Api, root: str, since: Time) -> frozenset[str] | None:
    """Return the branches that were pushed to after that time; None where GitHub does not tell.

    A repository with branches has some activity: none at all means that it is not kept.
    """
    found: set[str] = set()
    told = False
    for one in api.pages(f"{root}/activity"):
        told = True
        if parse(str(one["timestamp"])) <= since:
            break
        found.add(str(one["ref"]).removeprefix(HEADS))
    return frozenset(found) if told else None
