"""Commits as the API shows them: one, a history, a comparison, and the files that they change."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tests.servers.github import accounts, pulls
from tests.servers.github.ask import Ask, Refusal, Said, not_found

if TYPE_CHECKING:
    from tests.servers.github.gitrecords import Change, Commit, Person
    from tests.servers.github.records import Account
    from tests.servers.github.world import Repository, World

#: By this a commit's author is known as an account.
DOMAIN = "users.noreply.example.invalid"
#: Most files of one commit or comparison, and most commits of a comparison.
FILES, COMMITS = 300, 250
UNSIGNED = {
    "verified": False,
    "reason": "unsigned",
    "signature": None,
    "payload": None,
    "verified_at": None,
}
#: The tree of no files, to which a first commit is compared.
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


def utc(date: str) -> str:
    """Return git's ISO date as GitHub writes it."""
    return datetime.fromisoformat(date).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def email(account: Account) -> str:
    """Return the address that an account commits with."""
    return f"{account.login}@{DOMAIN}"


def account(world: World, person: Person) -> Account | None:
    """Return whose address this is."""
    login, _, domain = person.email.partition("@")
    return world.accounts.get(login) if domain == DOMAIN else None


def named(person: Person) -> dict[str, str]:
    """Return who made a commit."""
    return {"name": person.name, "email": person.email, "date": utc(person.date)}


def parents(repo: Repository, commit: Commit) -> list[dict[str, str]]:
    """Return the parents of a commit."""
    return [
        {
            "sha": oid,
            "url": f"{repo.api}/commits/{oid}",
            "html_url": f"{repo.web}/commit/{oid}",
        }
        for oid in commit.parents
    ]


def shown(repo: Repository, commit: Commit) -> dict[str, Any]:
    """Return a commit as lists show it."""
    url = f"{repo.api}/commits/{commit.oid}"
    people = {
        side: accounts.shown(repo.world, found) if found else None
        for side in ("author", "committer")
        for found in [account(repo.world, getattr(commit, side))]
    }
    return {
        "url": url,
        "sha": commit.oid,
        "node_id": f"C_{commit.oid}",
        "html_url": f"{repo.web}/commit/{commit.oid}",
        "comments_url": f"{url}/comments",
        "commit": {
            "url": f"{repo.api}/git/commits/{commit.oid}",
            "author": named(commit.author),
            "committer": named(commit.committer),
            "message": commit.message,
            "tree": {"sha": commit.tree, "url": f"{repo.api}/git/trees/{commit.tree}"},
            "comment_count": 0,
            "verification": UNSIGNED,
        },
        **people,
        "parents": parents(repo, commit),
    }


def entry(repo: Repository, change: Change, old: str, new: str) -> dict[str, Any]:
    """Return one changed file, between two commits."""
    path = quote(change.path)
    row: dict[str, Any] = {
        "sha": change.oid,
        "filename": change.path,
        "status": change.status,
        "additions": change.additions,
        "deletions": change.deletions,
        "changes": change.additions + change.deletions,
        "blob_url": f"{repo.web}/blob/{new}/{path}",
        "raw_url": f"{repo.web}/raw/{new}/{path}",
        "contents_url": f"{repo.api}/contents/{path}?ref={new}",
    }
    if change.previous:
        row["previous_filename"] = change.previous
    if hunks := repo.git.patches(old, new).get(change.path):
        row["patch"] = hunks
    return row


def resolved(ask: Ask, name: str) -> str:
    """Return the commit that a name in the path means. Raises Refusal."""
    oid = ask.repo.git.resolve(name)
    if oid is None:
        raise Refusal(422, f"No commit found for SHA: {name}")
    return oid


def full(repo: Repository, oid: str) -> dict[str, Any]:
    """Return a commit with the files that it changes against its first parent."""
    commit = repo.git.commit(oid)
    old = commit.parents[0] if commit.parents else EMPTY_TREE
    changes = repo.git.changes(old, oid)
    added, gone = sum(c.additions for c in changes), sum(c.deletions for c in changes)
    return shown(repo, commit) | {
        "stats": {"additions": added, "deletions": gone, "total": added + gone},
        "files": [entry(repo, change, old, oid) for change in changes[:FILES]],
    }


def one(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/commits/{ref}."""
    return Said(200, full(ask.repo, resolved(ask, ask.parts["ref"])))


def listed(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/commits, newest first."""
    name = ask.query.get("sha", ask.repo.default_branch)
    oid = ask.repo.git.resolve(name)
    if oid is None:
        raise (
            Refusal(409, "Git Repository is empty.")
            if not ask.repo.known
            else Refusal(404, "Not Found")
        )
    paths = ["--", ask.query["path"]] if ask.query.get("path") else []
    found = ask.repo.git.log(oid, *paths)
    return ask.page([shown(ask.repo, commit) for commit in found])


def compared(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/compare/{base}...{head}: the files since the merge base."""
    repo = ask.repo
    left, dots, right = ask.parts["basehead"].partition("...")
    base, head = repo.git.resolve(left), repo.git.resolve(right)
    if not dots or base is None or head is None:
        not_found()
    middle = repo.git.base(base, head) or not_found()
    ahead, behind = repo.git.log(f"{base}..{head}"), repo.git.log(f"{head}..{base}")
    words = {(False, False): "identical", (True, False): "ahead", (False, True): "behind"}
    ahead.reverse()
    size = min(int(ask.query.get("per_page", COMMITS)), COMMITS)
    url = f"{repo.web}/compare/{left}...{right}"
    changes = repo.git.changes(middle, head)
    return Said(
        200,
        {
            "url": f"{repo.api}/compare/{left}...{right}",
            "html_url": url,
            "permalink_url": url,
            "diff_url": f"{url}.diff",
            "patch_url": f"{url}.patch",
            "base_commit": shown(repo, repo.git.commit(base)),
            "merge_base_commit": shown(repo, repo.git.commit(middle)),
            "status": words.get((bool(ahead), bool(behind)), "diverged"),
            "ahead_by": len(ahead),
            "behind_by": len(behind),
            "total_commits": len(ahead),
            "commits": [shown(repo, commit) for commit in ahead[:size]],
            "files": [entry(repo, c, middle, head) for c in changes[:FILES]],
        },
    )


def in_pulls(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls."""
    oid = resolved(ask, ask.parts["commit_sha"])
    rows = [
        pulls.shown(issue)
        for issue in ask.repo.pulls("all")
        if oid == issue.pr.merge_oid or oid in {c.oid for c in pulls.own_commits(issue)}
    ]
    return ask.page(rows)
