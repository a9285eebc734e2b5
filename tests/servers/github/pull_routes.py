"""What the API can be asked of pull requests."""

from __future__ import annotations

from tests.servers.github import commits, issues, merges, pulls
from tests.servers.github.ask import Ask, Refusal, Said, not_found
from tests.servers.github.gitreading import GitFailed
from tests.servers.github.records import Issue

#: The most that is listed of one pull request.
FILES, COMMITS = 3000, 250


def found(ask: Ask) -> Issue:
    """Return the pull request that the path names. Raises Refusal."""
    issue = ask.repo.issues.get(ask.number("pull_number"))
    return issue if issue and issue.pull else not_found()


def listed(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/pulls, newest first."""
    head, base = ask.query.get("head"), ask.query.get("base")
    rows = [
        issue
        for issue in ask.repo.pulls(ask.query.get("state", "open"))
        if base in {None, issue.pr.base}
        if head in {None, f"{issue.pr.head_repo.owner.login}:{issue.pr.head}"}
    ]
    field = "updated" if ask.query.get("sort") == "updated" else "created"
    turned = ask.query.get("direction", "desc") == "desc"
    rows.sort(key=lambda issue: (getattr(issue, field), issue.number), reverse=turned)
    return ask.page([pulls.shown(issue) for issue in rows])


def one(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/pulls/{pull_number}."""
    return Said(200, pulls.full(found(ask)))


def create(ask: Ask) -> Said:
    """POST /repos/{owner}/{repo}/pulls; a head of a fork is `owner:branch`."""
    title, head = ask.text("title", "PullRequest"), ask.text("head", "PullRequest")
    owner, colon, branch = head.partition(":")
    source = ask.repo
    if colon and owner != ask.repo.owner.login:
        named = ask.github.world.repository(f"{owner}/{ask.repo.name}")
        source = named if named and named.parent is ask.repo else not_found()
    issue = pulls.open_one(
        ask.repo,
        ask.actor,
        title,
        branch if colon else head,
        ask.text("base", "PullRequest"),
        body=ask.data.get("body"),
        draft=ask.data.get("draft", False),
        source=source,
    )
    return Said(201, pulls.full(issue))


def change(ask: Ask) -> Said:
    """PATCH /repos/{owner}/{repo}/pulls/{pull_number}."""
    issue, given = issues.own(ask, found(ask)), ask.data
    if (base := given.get("base", issue.pr.base)) != issue.pr.base:
        onto = ask.repo.known.get(f"refs/heads/{base}") or not_found()
        changes = {"base": {"ref": {"from": issue.pr.base}, "sha": {"from": issue.pr.base_oid}}}
        issue.pr.base, issue.pr.base_oid = base, onto
        pulls.tell(issue, ask.actor, "edited", changes=changes)
    issues.edit(issue, ask.actor, given.get("title", issue.title), given.get("body", issue.body))
    if "state" in given:
        issues.set_state(issue, ask.actor, given["state"])
    return Said(200, pulls.full(issue))


def files(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/pulls/{pull_number}/files: at most 3,000."""
    issue = found(ask)
    changes = pulls.own_changes(issue)[:FILES]
    old, new = pulls.start(issue), issue.pr.head_oid
    said = ask.page(list(changes))
    rows = [commits.entry(ask.repo, change, old, new) for change in said.data]
    return said._replace(data=rows)


def of_commits(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/pulls/{pull_number}/commits: at most 250."""
    rows = pulls.own_commits(found(ask))[:COMMITS]
    return ask.page([commits.shown(ask.repo, commit) for commit in rows])


def is_merged(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/pulls/{pull_number}/merge: 204, or 404."""
    return Said(204) if found(ask).pr.merged_at else not_found()


def merge(ask: Ask) -> Said:
    """PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge."""
    issue, given = found(ask), ask.data or {}
    if given.get("sha", issue.pr.head_oid) != issue.pr.head_oid:
        raise Refusal(409, "Head branch was modified. Review and try the merge again.")
    words = (given.get("commit_title"), given.get("commit_message"))
    try:
        oid = merges.merge(issue, ask.actor, given.get("merge_method", "merge"), *words)
    except GitFailed:
        raise Refusal(405, "Pull Request is not mergeable") from None
    return Said(200, {"sha": oid, "merged": True, "message": "Pull Request successfully merged"})
