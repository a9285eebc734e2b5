"""The table of what the fake can be asked, each row under its path in GitHub's description.

`role` is what a person needs in the repository ("": nothing is checked), `areas` are the
permissions of an App or workflow of which one is needed.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote

from tests.servers.github import (
    accounts,
    actions,
    activity,
    apps,
    checks,
    collaborators,
    comments,
    commits,
    contents,
    hooks,
    issues,
    labels,
    limits,
    meta,
    objects,
    pull_routes,
    reactions,
    refs,
    repositories,
    statuses,
    timeline,
)
from tests.servers.github.ask import Ask, Said

Handler = Callable[[Ask], Said]
R = "/repos/{owner}/{repo}"
ISSUE, COMMENT = f"{R}/issues/{{issue_number}}", f"{R}/issues/comments/{{comment_id}}"
PULL, HOOK = f"{R}/pulls/{{pull_number}}", f"{R}/hooks/{{hook_id}}"
RUN, COMMIT, FILE = f"{R}/check-runs/{{check_run_id}}", f"{R}/commits/{{ref}}", "{path}"
WORKFLOW = f"{R}/actions/workflows/{{workflow_id}}"
EITHER = "issues pull_requests"


class Route(NamedTuple):
    """One operation."""

    method: str
    path: str
    handler: Handler
    role: str = ""
    areas: str = "metadata"
    #: The path that the description has, where GitHub knows another one too.
    described: str = ""

    @property
    def name(self) -> str:
        """Return how the description and the log call it."""
        return f"{self.method} {self.described or self.path}"

    @property
    def level(self) -> str:
        """Return what it needs in one of its areas."""
        return "read" if self.method == "GET" else "write"


ROUTES = (
    Route("GET", "/meta", meta.overview),
    Route("GET", "/rate_limit", limits.overview),
    Route("GET", "/user", accounts.me),
    Route("GET", "/users/{username}", accounts.one),
    Route("GET", "/app", apps.me),
    Route("GET", "/app/installations", apps.installations),
    Route("GET", "/app/installations/{installation_id}", apps.installation),
    Route("POST", "/app/installations/{installation_id}/access_tokens", apps.access_token),
    Route("GET", "/app/hook/config", hooks.app_config),
    Route("GET", "/app/hook/deliveries", hooks.sent),
    Route("GET", "/app/hook/deliveries/{delivery_id}", hooks.delivery),
    Route("POST", "/app/hook/deliveries/{delivery_id}/attempts", hooks.redeliver),
    Route("GET", f"{R}/installation", apps.on_repository),
    Route("GET", "/installation/repositories", apps.my_repositories),
    Route("DELETE", "/installation/token", apps.revoke),
    Route("GET", R, repositories.one, "read"),
    Route("GET", f"{R}/labels", labels.listed, "read", EITHER),
    Route("POST", f"{R}/labels", labels.create, "write", EITHER),
    Route("GET", f"{R}/labels/{{name}}", labels.one, "read", EITHER),
    Route("PATCH", f"{R}/labels/{{name}}", labels.change, "write", EITHER),
    Route("DELETE", f"{R}/labels/{{name}}", labels.remove, "write", EITHER),
    Route("GET", f"{R}/issues", issues.listed, "read", EITHER),
    Route("POST", f"{R}/issues", issues.create, "read", "issues"),
    Route("GET", f"{R}/issues/comments", comments.in_repository, "read", EITHER),
    Route("GET", COMMENT, comments.one, "read", EITHER),
    Route("PATCH", COMMENT, comments.change, "read", EITHER),
    Route("DELETE", COMMENT, comments.remove, "read", EITHER),
    Route("GET", f"{COMMENT}/reactions", reactions.listed, "read", EITHER),
    Route("POST", f"{COMMENT}/reactions", reactions.create, "read", EITHER),
    Route("GET", f"{R}/issues/events", timeline.of_repository, "read", EITHER),
    Route("GET", ISSUE, issues.one, "read", EITHER),
    Route("PATCH", ISSUE, issues.change, "read", EITHER),
    Route("POST", f"{ISSUE}/assignees", issues.add_assignees, "triage", EITHER),
    Route("DELETE", f"{ISSUE}/assignees", issues.remove_assignees, "triage", EITHER),
    Route("GET", f"{ISSUE}/labels", labels.on_issue, "read", EITHER),
    Route("POST", f"{ISSUE}/labels", labels.add, "triage", EITHER),
    Route("PUT", f"{ISSUE}/labels", labels.replace, "triage", EITHER),
    Route("DELETE", f"{ISSUE}/labels", labels.clear, "triage", EITHER),
    Route("DELETE", f"{ISSUE}/labels/{{name}}", labels.drop, "triage", EITHER),
    Route("GET", f"{ISSUE}/comments", comments.on_issue, "read", EITHER),
    Route("POST", f"{ISSUE}/comments", comments.create, "read", EITHER),
    Route("GET", f"{ISSUE}/events", timeline.of_issue, "read", EITHER),
    Route("GET", f"{ISSUE}/timeline", timeline.with_comments, "read", EITHER),
    Route("GET", f"{R}/pulls", pull_routes.listed, "read", "pull_requests"),
    Route("POST", f"{R}/pulls", pull_routes.create, "read", "pull_requests"),
    Route("GET", PULL, pull_routes.one, "read", "pull_requests contents"),
    Route("PATCH", PULL, pull_routes.change, "read", "pull_requests"),
    Route("GET", f"{PULL}/files", pull_routes.files, "read", "pull_requests"),
    Route("GET", f"{PULL}/commits", pull_routes.of_commits, "read", "pull_requests"),
    Route("GET", f"{PULL}/merge", pull_routes.is_merged, "read", "contents"),
    Route("PUT", f"{PULL}/merge", pull_routes.merge, "write", "contents"),
    Route("GET", f"{R}/commits", commits.listed, "read", "contents"),
    Route("GET", f"{R}/commits/{{commit_sha}}/pulls", commits.in_pulls, "read", "pull_requests"),
    Route("GET", f"{COMMIT}/status", statuses.combined, "read", "statuses"),
    Route("GET", f"{COMMIT}/statuses", statuses.listed, "read", "statuses"),
    Route(
        "GET",
        f"{R}/statuses/{{ref}}",
        statuses.listed,
        "read",
        "statuses",
        f"{COMMIT}/statuses",
    ),
    Route("GET", f"{COMMIT}/check-runs", checks.of_commit, "read", "checks"),
    Route("GET", COMMIT, commits.one, "read", "contents"),
    Route("GET", f"{R}/compare/{{basehead}}", commits.compared, "read", "contents"),
    Route("POST", f"{R}/statuses/{{sha}}", statuses.create, "write", "statuses"),
    Route("POST", f"{R}/check-runs", checks.create, "write", "checks"),
    Route("GET", RUN, checks.one, "read", "checks"),
    Route("PATCH", RUN, checks.change, "write", "checks"),
    Route("GET", f"{RUN}/annotations", checks.annotated, "read", "checks"),
    Route("GET", f"{R}/activity", activity.listed, "read", "contents"),
    Route("GET", f"{R}/branches", refs.branches, "read", "contents"),
    Route("GET", f"{R}/branches/{{branch}}", refs.one_branch, "read", "contents"),
    Route("GET", f"{R}/git/ref/{{ref}}", refs.one, "read", "contents"),
    Route("GET", f"{R}/git/matching-refs/{{ref}}", refs.matching, "read", "contents"),
    Route("POST", f"{R}/git/refs", refs.create, "write", "contents"),
    Route("PATCH", f"{R}/git/refs/{{ref}}", refs.change, "write", "contents"),
    Route("DELETE", f"{R}/git/refs/{{ref}}", refs.remove, "write", "contents"),
    Route("POST", f"{R}/git/commits", objects.make_commit, "write", "contents"),
    Route("GET", f"{R}/git/commits/{{commit_sha}}", objects.commit, "read", "contents"),
    Route("POST", f"{R}/git/trees", objects.make_tree, "write", "contents"),
    Route("GET", f"{R}/git/trees/{{tree_sha}}", objects.tree, "read", "contents"),
    Route("POST", f"{R}/git/blobs", objects.make_blob, "write", "contents"),
    Route("GET", f"{R}/git/blobs/{{file_sha}}", objects.blob, "read", "contents"),
    Route("GET", f"{R}/contents/{FILE}", contents.one, "read", "contents"),
    Route("PUT", f"{R}/contents/{FILE}", contents.put, "write", "contents"),
    Route("DELETE", f"{R}/contents/{FILE}", contents.delete, "write", "contents"),
    Route("GET", f"{R}/collaborators", collaborators.listed, "write"),
    Route("GET", f"{R}/collaborators/{{username}}", collaborators.is_one, "read"),
    Route("GET", f"{R}/collaborators/{{username}}/permission", collaborators.permission, "read"),
    Route("GET", f"{R}/hooks", hooks.listed, "admin", "repository_hooks"),
    Route("POST", f"{R}/hooks", hooks.create, "admin", "repository_hooks"),
    Route("GET", HOOK, hooks.one, "admin", "repository_hooks"),
    Route("PATCH", HOOK, hooks.change, "admin", "repository_hooks"),
    Route("DELETE", HOOK, hooks.remove, "admin", "repository_hooks"),
    Route("GET", f"{HOOK}/config", hooks.settings, "admin", "repository_hooks"),
    Route("POST", f"{HOOK}/pings", hooks.ping, "admin", "repository_hooks"),
    Route("GET", f"{HOOK}/deliveries", hooks.sent, "admin", "repository_hooks"),
    Route("GET", f"{HOOK}/deliveries/{{delivery_id}}", hooks.delivery, "admin", "repository_hooks"),
    Route(
        "POST",
        f"{HOOK}/deliveries/{{delivery_id}}/attempts",
        hooks.redeliver,
        "admin",
        "repository_hooks",
    ),
    Route("GET", f"{R}/actions/workflows", actions.listed, "read", "actions"),
    Route("GET", WORKFLOW, actions.one, "read", "actions"),
    Route("POST", f"{WORKFLOW}/dispatches", actions.dispatch, "write", "actions"),
    Route("POST", f"{R}/dispatches", actions.doorbell, "write", "contents"),
)

#: Parts that may hold slashes, and what behind them is another operation.
LONG = {
    "ref": r"(?!.*/(?:comments|check-suites|branches-where-head|pulls)$).+",
    "branch": r"(?!.*/(?:protection(?:/.*)?|rename)$).+",
    "basehead": ".+",
    "name": ".+",
    "path": ".*",
}


@functools.cache
def patterns() -> tuple[tuple[Route, re.Pattern[str]], ...]:
    """Return the table with what each path looks like."""
    return tuple(
        (
            route,
            re.compile(
                re.sub(
                    r"\{(\w+)\}",
                    lambda part: f"(?P<{part[1]}>{LONG.get(part[1], '[^/]+')})",
                    re.escape(route.path).replace(r"\{", "{").replace(r"\}", "}"),
                )
            ),
        )
        for route in ROUTES
    )


def find(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """Return the route of a raw path, with its parts unquoted; None for the unknown."""
    for route, pattern in patterns():
        if route.method == method and (match := pattern.fullmatch(path)):
            return route, {name: unquote(part) for name, part in match.groupdict().items()}
    return None
