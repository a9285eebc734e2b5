"""Pull requests: opened, drafts, moved; files and commits come from the real repository."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.servers.github import accounts, events, issues, merges, repositories, timeline
from tests.servers.github.ask import Refusal
from tests.servers.github.records import Pull

if TYPE_CHECKING:
    from tests.servers.github.actors import Actor
    from tests.servers.github.gitrecords import Change, Commit
    from tests.servers.github.records import Issue
    from tests.servers.github.world import Repository


def link(issue: Issue) -> dict[str, Any]:
    """Return what an issue says that is a pull request."""
    repo, pull = issue.repo, issue.pr
    web = f"{repo.web}/pull/{issue.number}"
    return {
        "draft": pull.draft,
        "pull_request": {
            "url": f"{repo.api}/pulls/{issue.number}",
            "html_url": web,
            "diff_url": f"{web}.diff",
            "patch_url": f"{web}.patch",
            "merged_at": pull.merged_at,
        },
    }


def _end(repo: Repository, ref: str, oid: str) -> dict[str, Any]:
    owner = accounts.shown(repo.world, repo.owner)
    return {
        "label": f"{repo.owner.login}:{ref}",
        "ref": ref,
        "sha": oid,
        "user": owner,
        "repo": repositories.shown(repo),
    }


def shown(issue: Issue) -> dict[str, Any]:
    """Return a pull request as lists show it."""
    repo, pull = issue.repo, issue.pr
    url, web = f"{repo.api}/pulls/{issue.number}", f"{repo.web}/pull/{issue.number}"
    as_issue = issues.shown(issue)
    links = {
        "self": url,
        "html": web,
        "issue": as_issue["url"],
        "comments": as_issue["comments_url"],
        "review_comments": f"{url}/comments",
        "review_comment": f"{repo.api}/pulls/comments{{/number}}",
        "commits": f"{url}/commits",
        "statuses": f"{repo.api}/statuses/{pull.head_oid}",
    }
    same = (
        "number", "state", "locked", "active_lock_reason", "title", "user", "body", "labels",
        "milestone", "created_at", "updated_at", "closed_at", "assignee", "assignees",
        "author_association",
    )  # fmt: skip
    return {name: as_issue[name] for name in same} | {
        "url": url,
        "id": issue.id + 1_000_000,
        "node_id": f"PR_{issue.id}",
        "html_url": web,
        "diff_url": f"{web}.diff",
        "patch_url": f"{web}.patch",
        "issue_url": as_issue["url"],
        "commits_url": links["commits"],
        "review_comments_url": links["review_comments"],
        "review_comment_url": links["review_comment"],
        "comments_url": links["comments"],
        "statuses_url": links["statuses"],
        "merged_at": pull.merged_at,
        "merge_commit_sha": pull.merge_oid,
        "requested_reviewers": [],
        "requested_teams": [],
        "head": _end(pull.head_repo, pull.head, pull.head_oid),
        "base": _end(repo, pull.base, pull.base_oid),
        "_links": {name: {"href": href} for name, href in links.items()},
        "auto_merge": None,
        "draft": pull.draft,
    }


def full(issue: Issue) -> dict[str, Any]:
    """Return a pull request as its own page shows it."""
    pull, changes = issue.pr, own_changes(issue)
    clean = merges.mergeable(issue) if issue.state == "open" else None
    by = pull.merged_by
    return shown(issue) | {
        "merged": pull.merged_at is not None,
        "mergeable": clean,
        "rebaseable": clean,
        "mergeable_state": merges.state(issue, clean),
        "merged_by": accounts.shown(issue.repo.world, by) if by else None,
        "comments": len(issue.comments),
        "review_comments": 0,
        "maintainer_can_modify": False,
        "commits": len(own_commits(issue)),
        "additions": sum(change.additions for change in changes),
        "deletions": sum(change.deletions for change in changes),
        "changed_files": len(changes),
    }


def minimal(issue: Issue) -> dict[str, Any]:
    """Return a pull request as checks name it."""
    pull = issue.pr

    def end(repo: Repository, ref: str, oid: str) -> dict[str, Any]:
        return {"ref": ref, "sha": oid, "repo": {"id": repo.id, "url": repo.api, "name": repo.name}}

    return {
        "id": issue.id + 1_000_000,
        "number": issue.number,
        "url": f"{issue.repo.api}/pulls/{issue.number}",
        "head": end(pull.head_repo, pull.head, pull.head_oid),
        "base": end(issue.repo, pull.base, pull.base_oid),
    }


def start(issue: Issue) -> str:
    """Return the commit from which its changes are counted."""
    pull = issue.pr
    return issue.repo.git.base(pull.base_oid, pull.head_oid) or pull.base_oid


def own_changes(issue: Issue) -> list[Change]:
    """Return the files that it changes since it left its base."""
    return issue.repo.git.changes(start(issue), issue.pr.head_oid)


def own_commits(issue: Issue) -> list[Commit]:
    """Return its commits, oldest first."""
    pull = issue.pr
    return issue.repo.git.log("--reverse", f"{pull.base_oid}..{pull.head_oid}")


def tell(issue: Issue, actor: Actor, action: str, **fields: Any) -> None:
    """Tell hooks what was done to it."""
    about = {"number": issue.number, "pull_request": full(issue)}
    events.emit(issue.repo, actor, "pull_request", action, **about, **fields)


def open_one(
    repo: Repository,
    actor: Actor,
    title: str,
    head: str,
    base: str,
    *,
    body: str | None = None,
    draft: bool = False,
    source: Repository | None = None,
) -> Issue:
    """Open a pull request of branch `head` (of a fork: `source`). Raises Refusal."""
    source = source or repo
    tip, onto = source.known.get(f"refs/heads/{head}"), repo.known.get(f"refs/heads/{base}")
    for field, oid in (("head", tip), ("base", onto)):
        if oid is None:
            error = {"resource": "PullRequest", "field": field, "code": "invalid"}
            raise Refusal(422, "Validation Failed", error)
    assert tip is not None
    assert onto is not None
    for other in repo.pulls():
        if (other.pr.head_repo, other.pr.head, other.pr.base) == (source, head, base):
            words = f"A pull request already exists for {source.owner.login}:{head}."
            error = {"resource": "PullRequest", "code": "custom", "message": words}
            raise Refusal(422, "Validation Failed", error)
    if source is not repo:
        repo.git.run("fetch", "-q", str(source.git.path), f"refs/heads/{head}")
    if repo.git.base(onto, tip) == tip:
        words = f"No commits between {base} and {head}"
        error = {"resource": "PullRequest", "code": "custom", "message": words}
        raise Refusal(422, "Validation Failed", error)
    issue = issues.make(repo, actor, title, body)
    issue.pull = Pull(base, head, source, onto, tip, draft)
    _keep_head(issue)
    tell(issue, actor, "opened")
    return issue


def _keep_head(issue: Issue) -> None:
    name = f"refs/pull/{issue.number}/head"
    issue.repo.git.run("update-ref", name, issue.pr.head_oid)
    issue.repo.known[name] = issue.pr.head_oid


def branch_moved(repo: Repository, actor: Actor, name: str) -> None:
    """Let open pull requests know that a branch of `repo`, their head or their base, has moved."""
    tip = repo.known.get(f"refs/heads/{name}")
    everywhere = [i for other in repo.world.repositories.values() for i in other.pulls()]
    for issue in everywhere:
        if (issue.pr.head_repo, issue.pr.head) == (repo, name):
            _head_moved(issue, actor, tip)
    for issue in repo.pulls():
        if issue.pr.base == name and tip is not None:
            merges.base_moved(issue, actor, tip)


def _head_moved(issue: Issue, actor: Actor, tip: str | None) -> None:
    if tip is None:
        issues.set_state(issue, actor, "closed")
        return
    pull, repo = issue.pr, issue.repo
    if pull.head_oid == tip:
        return
    if pull.head_repo is not repo:
        repo.git.run("fetch", "-q", str(pull.head_repo.git.path), f"refs/heads/{pull.head}")
    before, pull.head_oid = pull.head_oid, tip
    pull.base_oid = repo.known.get(f"refs/heads/{pull.base}", pull.base_oid)
    issue.updated = repo.world.stamp()
    _keep_head(issue)
    tell(issue, actor, "synchronize", before=before, after=tip)


def set_draft(issue: Issue, actor: Actor, draft: bool) -> None:
    """Make it a draft, or ready for review."""
    if issue.pr.draft == draft:
        return
    issue.pr.draft = draft
    kind = "convert_to_draft" if draft else "ready_for_review"
    timeline.note(issue, actor, kind)
    tell(issue, actor, "converted_to_draft" if draft else kind)
