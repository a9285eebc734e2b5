"""A repository as the API and the webhooks show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.servers.github import accounts
from tests.servers.github.ask import Ask, Said
from tests.servers.github.records import ROLES

if TYPE_CHECKING:
    from tests.servers.github.world import Repository

#: URLs of a repository, below its own in the API.
LINKS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}
#: What the fake has none of.
NOTHING: dict[str, Any] = {
    "description": None,
    "homepage": None,
    "language": None,
    "license": None,
    "mirror_url": None,
    "size": 1,
    "topics": [],
    "archived": False,
    "disabled": False,
    "is_template": False,
    "web_commit_signoff_required": False,
    "allow_forking": True,
    "has_issues": True,
    "has_projects": False,
    "has_wiki": False,
    "has_pages": False,
    "has_discussions": False,
    "has_downloads": True,
} | dict.fromkeys(("forks", "forks_count", "stargazers_count", "watchers", "watchers_count"), 0)
#: What only its own page shows.
COUNTS = dict.fromkeys(("subscribers_count", "network_count"), 0)
#: GitHub's names for the roles where it says what somebody may do.
PERMISSIONS = {"read": "pull", "triage": "triage", "write": "push"}


def shown(repo: Repository) -> dict[str, Any]:
    """Return a repository as it stands in other things."""
    open_ones = sum(issue.state == "open" for issue in repo.issues.values())
    clone = f"{repo.web}.git"
    return {
        "id": repo.id,
        "node_id": f"R_{repo.id}",
        "name": repo.name,
        "full_name": repo.full_name,
        "owner": accounts.shown(repo.world, repo.owner),
        "private": repo.private,
        "visibility": "private" if repo.private else "public",
        "html_url": repo.web,
        "fork": repo.parent is not None,
        "url": repo.api,
        **{name: repo.api + rest for name, rest in LINKS.items()},
        "git_url": clone.replace("http:", "git:", 1),
        "ssh_url": f"git@127.0.0.1:{repo.full_name}.git",
        "clone_url": clone,
        "svn_url": repo.web,
        "default_branch": repo.default_branch,
        "open_issues": open_ones,
        "open_issues_count": open_ones,
        "created_at": repo.created,
        "updated_at": repo.created,
        "pushed_at": repo.pushed,
        **NOTHING,
    }


def permissions(role: str) -> dict[str, bool]:
    """Return what a role may do, under GitHub's names."""
    rank = ROLES.index(role)
    return {PERMISSIONS.get(name, name): rank >= at for at, name in enumerate(ROLES) if at}


def one(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}."""
    role = ask.repo.role(ask.actor.account.login)
    return Said(200, shown(ask.repo) | COUNTS | {"permissions": permissions(role)})
