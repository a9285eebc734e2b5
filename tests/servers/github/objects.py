"""Git objects through the API: commits, trees and blobs, read and written; no ref moves."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from tests.servers.github import commits
from tests.servers.github.ask import Ask, Refusal, Said, not_found
from tests.servers.github.gitreading import GitFailed
from tests.servers.github.gitrecords import Entry, Person

if TYPE_CHECKING:
    from tests.servers.github.gitrecords import Commit
    from tests.servers.github.world import Repository


def shown_commit(repo: Repository, commit: Commit) -> dict[str, Any]:
    """Return a commit as git has it."""
    return {
        "sha": commit.oid,
        "node_id": f"C_{commit.oid}",
        "url": f"{repo.api}/git/commits/{commit.oid}",
        "html_url": f"{repo.web}/commit/{commit.oid}",
        "author": commits.named(commit.author),
        "committer": commits.named(commit.committer),
        "message": commit.message,
        "tree": {"sha": commit.tree, "url": f"{repo.api}/git/trees/{commit.tree}"},
        "parents": commits.parents(repo, commit),
        "verification": commits.UNSIGNED,
    }


def person(ask: Ask, given: dict[str, str] | None) -> Person:
    """Return who a request says made a commit; the asker when it says nothing."""
    account, now = ask.actor.account, ask.github.world.stamp()
    given = given or {}
    return Person(
        given.get("name", account.login),
        given.get("email", commits.email(account)),
        given.get("date") or now,
    )


def commit(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/git/commits/{commit_sha}."""
    oid = ask.parts["commit_sha"]
    if ask.repo.git.kind(oid) != "commit":
        not_found()
    return Said(200, shown_commit(ask.repo, ask.repo.git.commit(oid)))


def make_commit(ask: Ask) -> Said:
    """POST /repos/{owner}/{repo}/git/commits."""
    git, tree = ask.repo.git, ask.text("tree", "Commit")
    above = ask.data.get("parents", [])
    if git.kind(tree) != "tree" or any(git.kind(oid) != "commit" for oid in above):
        raise Refusal(422, "Tree SHA does not exist or a parent is not a commit object")
    author = person(ask, ask.data.get("author"))
    committer = person(ask, ask.data.get("committer") or ask.data.get("author"))
    oid = git.write_commit(tree, above, ask.text("message", "Commit"), author, committer)
    return Said(201, shown_commit(ask.repo, git.commit(oid)))


def shown_tree(repo: Repository, oid: str, entries: list[Entry]) -> dict[str, Any]:
    """Return a tree."""
    rows = []
    for entry in entries:
        row: dict[str, Any] = {
            "path": entry.path,
            "mode": entry.mode,
            "type": entry.type,
            "sha": entry.oid,
            "url": f"{repo.api}/git/{entry.type}s/{entry.oid}",
        }
        rows.append(row | ({"size": entry.size} if entry.size is not None else {}))
    return {"sha": oid, "url": f"{repo.api}/git/trees/{oid}", "tree": rows, "truncated": False}


def tree(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/git/trees/{tree_sha}; any `recursive` lists all below."""
    name = ask.parts["tree_sha"]
    oid = ask.repo.git.resolve(name) or name
    if ask.repo.git.kind(oid) is None:
        not_found()
    top = ask.repo.git.line("rev-parse", f"{oid}^{{tree}}")
    options = ("-r", "-t") if ask.query.get("recursive") else ()
    return Said(200, shown_tree(ask.repo, top, ask.repo.git.tree(top, *options)))


def make_tree(ask: Ask) -> Said:
    """POST /repos/{owner}/{repo}/git/trees."""
    git = ask.repo.git
    edits = []
    for row in ask.data.get("tree", ()):
        oid = row.get("sha")
        if "content" in row:
            oid = git.write_blob(row["content"].encode())
        edits.append((row.get("mode", "100644"), row["path"], oid))
    try:
        oid = git.write_tree(ask.data.get("base_tree"), edits)
    except GitFailed:
        raise Refusal(422, "tree.sha does not exist or a path is malformed") from None
    return Said(201, shown_tree(ask.repo, oid, git.tree(oid)))


def blob(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/git/blobs/{file_sha}."""
    oid = ask.parts["file_sha"]
    if ask.repo.git.kind(oid) != "blob":
        not_found()
    content = ask.repo.git.blob(oid)
    return Said(
        200,
        {
            "sha": oid,
            "node_id": f"B_{oid}",
            "size": len(content),
            "url": f"{ask.repo.api}/git/blobs/{oid}",
            "content": base64.encodebytes(content).decode(),
            "encoding": "base64",
        },
    )


def make_blob(ask: Ask) -> Said:
    """POST /repos/{owner}/{repo}/git/blobs."""
    text = ask.data.get("content", "")
    content = decoded(text) if ask.data.get("encoding") == "base64" else text.encode()
    oid = ask.repo.git.write_blob(content)
    return Said(201, {"sha": oid, "url": f"{ask.repo.api}/git/blobs/{oid}"})


def decoded(text: str) -> bytes:
    """Return what base64 means. Raises Refusal."""
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError):
        raise Refusal(422, "content is not valid Base64.") from None
