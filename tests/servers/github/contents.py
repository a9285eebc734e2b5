"""Files through the API: read at any ref, written as one commit on a branch."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tests.servers.github import objects, refs
from tests.servers.github.ask import Ask, Refusal, Said, not_found
from tests.servers.github.gitreading import GitFailed
from tests.servers.github.gitrecords import Entry

if TYPE_CHECKING:
    from tests.servers.github.world import Repository

#: What the API calls what git has in a tree.
KINDS = {"blob": "file", "tree": "dir", "commit": "submodule"}
#: Where writing needs the `workflows` permission too.
WORKFLOWS = ".github/workflows/"


def shown(repo: Repository, entry: Entry, path: str, ref: str) -> dict[str, Any]:
    """Return a file or directory without what is in it."""
    where = quote(path)
    links = {
        "self": f"{repo.api}/contents/{where}?ref={quote(ref)}",
        "git": f"{repo.api}/git/{entry.type}s/{entry.oid}",
        "html": f"{repo.web}/{entry.type}/{quote(ref)}/{where}",
    }
    is_file = entry.type == "blob"
    return {
        "type": KINDS[entry.type],
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": entry.oid,
        "size": entry.size or 0,
        "url": links["self"],
        "git_url": links["git"],
        "html_url": links["html"],
        "download_url": f"{repo.web}/raw/{quote(ref)}/{where}" if is_file else None,
        "_links": links,
    }


def at(repo: Repository, commit: str, path: str) -> Entry | None:
    """Return what is at a path of a commit."""
    tree = repo.git.commit(commit).tree
    if not path:
        return Entry("040000", "tree", tree, "")
    return next((e for e in repo.git.tree(tree, "-r", "-t") if e.path == path), None)


def one(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/contents/{path}: a file, or the list of a directory."""
    repo, path = ask.repo, ask.parts["path"].strip("/")
    ref = ask.query.get("ref", repo.default_branch)
    commit = repo.git.resolve(ref)
    if commit is None:
        raise Refusal(404, f"No commit found for the ref {ref}")
    entry = at(repo, commit, path) or not_found()
    if entry.type == "tree":
        inside = repo.git.tree(entry.oid)
        start = f"{path}/" if path else ""
        return Said(200, [shown(repo, row, start + row.path, ref) for row in inside])
    content = repo.git.blob(entry.oid)
    more = {"content": base64.encodebytes(content).decode(), "encoding": "base64"}
    return Said(200, shown(repo, entry, path, ref) | more)


def _branch(ask: Ask) -> tuple[str, str | None]:
    """Return the branch to write to and its commit; None while the repository is empty."""
    name = ask.data.get("branch", ask.repo.default_branch)
    tip = ask.repo.known.get(f"refs/heads/{name}")
    if tip is None and ask.repo.known:
        raise Refusal(404, f"Branch {name} not found")
    return name, tip


def _write(ask: Ask, path: str, oid: str | None) -> tuple[str, dict[str, Any]]:
    """Commit one file (None: taken out) and return the commit."""
    repo, git = ask.repo, ask.repo.git
    if path.startswith(WORKFLOWS) and not ask.actor.granted("workflows", "write"):
        raise Refusal(403, "Resource not accessible by integration")
    name, tip = _branch(ask)
    author = objects.person(ask, ask.data.get("author") or ask.data.get("committer"))
    committer = objects.person(ask, ask.data.get("committer"))
    base = git.commit(tip).tree if tip else None
    tree = git.write_tree(base, [("100644", path, oid)])
    above = [tip] if tip else []
    commit = git.write_commit(tree, above, ask.text("message", "Commit"), author, committer)
    try:
        refs.move(repo, ask.actor, f"refs/heads/{name}", commit, tip)
    except GitFailed:
        raise Refusal(409, f"is at another commit but expected {tip}") from None
    return commit, objects.shown_commit(repo, git.commit(commit))


def _old(ask: Ask, path: str) -> Entry | None:
    """Return the file that is to be written over; 409 or 422 unless the request names it."""
    _, tip = _branch(ask)
    entry = at(ask.repo, tip, path) if tip else None
    given = ask.data.get("sha")
    if entry and given is None:
        raise Refusal(422, 'Invalid request.\n\n"sha" wasn\'t supplied.')
    if entry and given != entry.oid:
        raise Refusal(409, f"{path} does not match {given}")
    return entry


def put(ask: Ask) -> Said:
    """PUT /repos/{owner}/{repo}/contents/{path}: 201 for a new file, 200 for a changed one."""
    path = ask.parts["path"]
    old = _old(ask, path)
    oid = ask.repo.git.write_blob(objects.decoded(ask.data.get("content", "")))
    commit, row = _write(ask, path, oid)
    entry = at(ask.repo, commit, path)
    assert entry is not None
    name = _branch(ask)[0]
    content = shown(ask.repo, entry, path, name)
    return Said(200 if old else 201, {"content": content, "commit": row})


def delete(ask: Ask) -> Said:
    """DELETE /repos/{owner}/{repo}/contents/{path}."""
    path = ask.parts["path"]
    # PyGithub sends what DELETE takes in its body.
    if _old(ask, path) is None:
        not_found()
    _, row = _write(ask, path, None)
    return Said(200, {"content": None, "commit": row})
