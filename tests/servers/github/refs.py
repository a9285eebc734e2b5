"""Refs: those that the API moves, and what hooks and pull requests hear when one has moved.

Branches and tags are events; other refs are not, as at GitHub.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tests.servers.github import activity, commits, events, pulls, repositories
from tests.servers.github.ask import Ask, Refusal, Said
from tests.servers.github.gitreading import GitFailed
from tests.servers.github.gitrecords import ZERO

if TYPE_CHECKING:
    from tests.servers.github.actors import Actor
    from tests.servers.github.gitrecords import Commit
    from tests.servers.github.world import Repository

#: Commits that a push lists, and tags at once above which nobody hears of any.
COMMITS, TAGS = 2048, 3
REF = re.compile(r"refs/[^/]+/.+")
#: What the last part of a ref's name is of.
KINDS = {"refs/heads/": "branch", "refs/tags/": "tag"}


def notice(repo: Repository, actor: Actor) -> list[str]:
    """Look at the repository's refs and tell what has moved; return the names of those."""
    before, repo.known = repo.known, repo.git.refs()
    moved = [n for n in sorted(before.keys() | repo.known) if before.get(n) != repo.known.get(n)]
    tags = sum(name.startswith("refs/tags/") for name in moved)
    for name in moved:
        if name.startswith("refs/heads/") or (name.startswith("refs/tags/") and tags <= TAGS):
            _tell(repo, actor, name, before.get(name, ZERO), repo.known.get(name, ZERO), before)
    for name in moved:
        if name.startswith("refs/heads/"):
            pulls.branch_moved(repo, actor, name.removeprefix("refs/heads/"))
    return moved


def _tell(
    repo: Repository, actor: Actor, name: str, old: str, new: str, before: dict[str, str]
) -> None:
    prefix = next(start for start in KINDS if name.startswith(start))
    repo.pushed = repo.world.stamp()
    activity.note(repo, actor, name, old, new)
    about = {"ref": name.removeprefix(prefix), "ref_type": KINDS[prefix], "pusher_type": "user"}
    if old == ZERO:
        more = {"master_branch": repo.default_branch, "description": None}
        events.emit(repo, actor, "create", **about, **more)
    if new == ZERO:
        events.emit(repo, actor, "delete", **about)
    events.emit(repo, actor, "push", **_push(repo, actor, name, old, new, before))


def _push(
    repo: Repository, actor: Actor, name: str, old: str, new: str, before: dict[str, str]
) -> dict[str, Any]:
    git = repo.git
    fresh: list[Commit] = []
    head = None
    if new != ZERO:
        head = _listed(repo, git.commit(new))
        known = sorted({*before.values(), *([old] if old != ZERO else [])} - {new})
        if name.startswith("refs/heads/") and (old == ZERO or old != new):
            against = [old] if old != ZERO else known
            fresh = git.log(new, *(f"^{oid}" for oid in against))[:COMMITS]
    created, deleted = old == ZERO, new == ZERO
    forced = not created and not deleted and git.base(old, new) != old
    span = f"{old[:12]}...{new[:12]}" if not created and not deleted else name.split("/", 2)[2]
    return {
        "ref": name,
        "before": old,
        "after": new,
        "created": created,
        "deleted": deleted,
        "forced": forced,
        "base_ref": None,
        "compare": f"{repo.web}/compare/{quote(span)}",
        "commits": [_listed(repo, commit) for commit in reversed(fresh)],
        "head_commit": head,
        "pusher": events.mention(actor.account),
        "repository": _pushed(repo),
    }


def _pushed(repo: Repository) -> dict[str, Any]:
    """Return the repository as only a push shows it: some times are seconds since 1970."""

    def seconds(text: str) -> int:
        return int(datetime.fromisoformat(text).timestamp())

    more = {"master_branch": repo.default_branch, "stargazers": 0}
    times = {"created_at": seconds(repo.created), "pushed_at": seconds(repo.pushed)}
    return repositories.shown(repo) | times | more


def _listed(repo: Repository, commit: Commit) -> dict[str, Any]:
    old = commit.parents[0] if commit.parents else commits.EMPTY_TREE
    files: dict[str, list[str]] = {"added": [], "removed": [], "modified": []}
    for change in repo.git.changes(old, commit.oid):
        # A push knows no renames: the old name is removed and the new one added.
        if change.previous:
            files["removed"].append(change.previous)
            files["added"].append(change.path)
        else:
            files.get(change.status, files["modified"]).append(change.path)
    people = {
        side: commits.named(person)
        | ({"username": found.login} if (found := commits.account(repo.world, person)) else {})
        for side in ("author", "committer")
        for person in [getattr(commit, side)]
    }
    return {
        "id": commit.oid,
        "tree_id": commit.tree,
        "distinct": True,
        "message": commit.message,
        "timestamp": commits.utc(commit.committer.date),
        "url": f"{repo.web}/commit/{commit.oid}",
        **people,
        **files,
    }


def move(repo: Repository, actor: Actor, name: str, new: str, old: str | None = None) -> None:
    """Set a ref (`ZERO`: delete it) if it still is `old`, and tell. Raises GitFailed."""
    words = ["-d", name] if new == ZERO else [name, new]
    repo.git.run("update-ref", *words, *([old] if old is not None else []))
    notice(repo, actor)


def shown(repo: Repository, name: str, oid: str) -> dict[str, Any]:
    """Return a ref."""
    kind = repo.git.kind(oid) or "commit"
    return {
        "ref": name,
        "node_id": f"REF_{name}",
        "url": f"{repo.api}/git/{quote(name)}",
        "object": {"type": kind, "sha": oid, "url": f"{repo.api}/git/{kind}s/{oid}"},
    }


def one(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/git/ref/{ref}."""
    name = f"refs/{ask.parts['ref']}"
    oid = ask.repo.known.get(name)
    if oid is None:
        raise Refusal(404, "Not Found")
    return Said(200, shown(ask.repo, name, oid))


def matching(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/git/matching-refs/{ref}: all that begin so, hidden ones too."""
    start = f"refs/{ask.parts['ref']}"
    rows = [shown(ask.repo, n, oid) for n, oid in ask.repo.known.items() if n.startswith(start)]
    return Said(200, rows)


def create(ask: Ask) -> Said:
    """POST /repos/{owner}/{repo}/git/refs."""
    name, oid = ask.text("ref", "Reference"), ask.text("sha", "Reference")
    if not REF.fullmatch(name):
        raise Refusal(422, "Reference name must start with 'refs/' and have at least two slashes.")
    if name in ask.repo.known:
        raise Refusal(422, "Reference already exists")
    if ask.repo.git.kind(oid) is None:
        raise Refusal(422, "Object does not exist")
    try:
        move(ask.repo, ask.actor, name, oid, ZERO)
    except GitFailed:
        raise Refusal(422, "Reference update failed") from None
    return Said(201, shown(ask.repo, name, oid))


def _known(ask: Ask) -> tuple[str, str]:
    name = f"refs/{ask.parts['ref']}"
    if name not in ask.repo.known:
        raise Refusal(422, "Reference does not exist")
    return name, ask.repo.known[name]


def change(ask: Ask) -> Said:
    """PATCH /repos/{owner}/{repo}/git/refs/{ref}: a fast-forward, unless `force`."""
    name, old = _known(ask)
    new = ask.text("sha", "Reference")
    if ask.repo.git.kind(new) is None:
        raise Refusal(422, "Object does not exist")
    if not ask.data.get("force") and ask.repo.git.base(old, new) != old:
        raise Refusal(422, "Update is not a fast forward")
    move(ask.repo, ask.actor, name, new)
    return Said(200, shown(ask.repo, name, new))


def remove(ask: Ask) -> Said:
    """DELETE /repos/{owner}/{repo}/git/refs/{ref}."""
    name, _ = _known(ask)
    move(ask.repo, ask.actor, name, ZERO)
    return Said(204)


def branch(repo: Repository, name: str, oid: str) -> dict[str, Any]:
    """Return a branch as lists show it."""
    url = f"{repo.api}/branches/{quote(name, safe='')}"
    return {
        "name": name,
        "commit": {"sha": oid, "url": f"{repo.api}/commits/{oid}"},
        "protected": False,
        "protection": {"enabled": False},
        "protection_url": f"{url}/protection",
    }


def _branches(repo: Repository) -> dict[str, str]:
    start = "refs/heads/"
    return {n.removeprefix(start): o for n, o in repo.known.items() if n.startswith(start)}


def branches(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/branches."""
    return ask.page([branch(ask.repo, name, oid) for name, oid in _branches(ask.repo).items()])


def one_branch(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/branches/{branch}."""
    name, repo = ask.parts["branch"], ask.repo
    oid = _branches(repo).get(name)
    if oid is None:
        raise Refusal(404, "Branch not found")
    row = branch(repo, name, oid) | {"commit": commits.shown(repo, repo.git.commit(oid))}
    url = f"{repo.api}/branches/{quote(name, safe='')}"
    return Said(200, row | {"_links": {"self": url, "html": f"{repo.web}/tree/{quote(name)}"}})
