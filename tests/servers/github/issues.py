"""Issues: opened, changed, closed, assigned; pull requests are issues too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.servers.github import accounts, events, labels, pulls, reactions, timeline
from tests.servers.github.ask import Ask, Refusal, Said, invalid, not_found
from tests.servers.github.records import Issue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.servers.github.actors import Actor
    from tests.servers.github.world import Repository

#: Characters of a title and of a body.
TITLE, BODY = 256, 65536


def shown(issue: Issue) -> dict[str, Any]:
    """Return an issue as lists and events show it."""
    repo, world = issue.repo, issue.repo.world
    url = f"{repo.api}/issues/{issue.number}"
    kind = "pull" if issue.pull else "issues"
    assignees = [accounts.shown(world, account) for account in issue.assignees]
    row = {
        "url": url,
        "repository_url": repo.api,
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "timeline_url": f"{url}/timeline",
        "html_url": f"{repo.web}/{kind}/{issue.number}",
        "id": issue.id,
        "node_id": f"I_{issue.id}",
        "number": issue.number,
        "title": issue.title,
        "user": accounts.shown(world, issue.user),
        "labels": [labels.shown(repo, label) for label in issue.labels],
        "state": issue.state,
        "state_reason": issue.state_reason,
        "locked": False,
        "active_lock_reason": None,
        "assignee": assignees[0] if assignees else None,
        "assignees": assignees,
        "milestone": None,
        "comments": len(issue.comments),
        "created_at": issue.created,
        "updated_at": issue.updated,
        "closed_at": issue.closed_at,
        "author_association": accounts.association(repo, issue.user),
        "reactions": reactions.summary(url, ()),
        "performed_via_github_app": None,
        "body": issue.body,
    }
    return row | (pulls.link(issue) if issue.pull else {})


def full(issue: Issue) -> dict[str, Any]:
    """Return an issue as its own page shows it."""
    by = issue.closed_by
    return shown(issue) | {"closed_by": accounts.shown(issue.repo.world, by) if by else None}


def found(ask: Ask) -> Issue:
    """Return the issue or pull request that the path names. Raises Refusal."""
    return ask.repo.issues.get(ask.number("issue_number")) or not_found()


def own(ask: Ask, issue: Issue) -> Issue:
    """Return it if it is the asker's, or the asker may sort issues here. Raises Refusal."""
    actor = ask.actor
    sorts = actor.permissions is not None or ask.repo.at_least(actor.account.login, "triage")
    if issue.user is not actor.account and not sorts:
        raise Refusal(403, "Must have triage rights to Repository.")
    return issue


def tell(issue: Issue, actor: Actor, action: str, **fields: Any) -> None:
    """Tell hooks what was done to an issue or pull request."""
    if issue.pull:
        pulls.tell(issue, actor, action, **fields)
    else:
        events.emit(issue.repo, actor, "issues", action, issue=shown(issue), **fields)


def make(repo: Repository, actor: Actor, title: str, body: str | None = None) -> Issue:
    """Return a new issue of which nobody has heard. Raises Refusal."""
    check(title, body)
    world = repo.world
    now, number = world.stamp(), len(repo.issues) + 1
    issue = Issue(repo, world.new_id(), number, title, body, actor.account, now, now)
    repo.issues[number] = issue
    return issue


def check(title: str, body: str | None) -> None:
    """Refuse a title or a body that is too long."""
    for field, text, most in (("title", title, TITLE), ("body", body or "", BODY)):
        if len(text) > most:
            words = f"{field} is too long (maximum is {most} characters)"
            invalid("Issue", field, "custom", words)


def open_one(
    repo: Repository,
    actor: Actor,
    title: str,
    body: str | None = None,
    names: Iterable[str] = (),
    people: Iterable[str] = (),
) -> Issue:
    """Open an issue: hooks hear of it, then of each label and assignee. Raises Refusal."""
    issue = make(repo, actor, title, body)
    wanted = list(names)
    for name in wanted:
        if not repo.label(name):
            labels.make(repo, actor, name)
    # The first event shows the labels already, as at GitHub.
    issue.labels = [label for name in wanted if (label := repo.label(name))]
    issue.assignees = [repo.world.account(login) for login in people]
    tell(issue, actor, "opened")
    for label in issue.labels:
        timeline.note(issue, actor, "labeled", label=label)
        tell(issue, actor, "labeled", label=labels.shown(repo, label))
    for account in issue.assignees:
        timeline.note(issue, actor, "assigned", assignee=account)
        tell(issue, actor, "assigned", assignee=accounts.shown(repo.world, account))
    return issue


def set_state(issue: Issue, actor: Actor, state: str, reason: str | None = None) -> None:
    """Close or reopen an issue; nothing happens when it is so already."""
    if issue.state == state:
        return
    if issue.pull and issue.pr.merged_at:
        raise Refusal(422, "Cannot change the state of a merged pull request")
    closing = state == "closed"
    issue.state = state
    issue.closed_at = issue.repo.world.stamp() if closing else None
    issue.closed_by = actor.account if closing else None
    if not issue.pull:
        issue.state_reason = (reason or "completed") if closing else "reopened"
    timeline.note(issue, actor, "closed" if closing else "reopened")
    tell(issue, actor, "closed" if closing else "reopened")


def assign(issue: Issue, actor: Actor, logins: Iterable[str], *, off: bool = False) -> None:
    """Assign people, or take them off."""
    for login in logins:
        account = issue.repo.world.account(login)
        if (account in issue.assignees) is not off:
            continue
        issue.assignees.remove(account) if off else issue.assignees.append(account)
        kind = "unassigned" if off else "assigned"
        timeline.note(issue, actor, kind, assignee=account)
        tell(issue, actor, kind, assignee=accounts.shown(issue.repo.world, account))


def edit(issue: Issue, actor: Actor, title: str, body: str | None) -> None:
    """Change the words of an issue. Raises Refusal."""
    check(title, body)
    new = {"title": title, "body": body}
    changes = {
        field: {"from": getattr(issue, field) or ""}
        for field, value in new.items()
        if getattr(issue, field) != value
    }
    issue.title, issue.body, issue.updated = title, body, issue.repo.world.stamp()
    if changes:
        tell(issue, actor, "edited", changes=changes)


def listed(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/issues: with pull requests, newest first."""
    state = ask.query.get("state", "open")
    names = {name.lower() for name in ask.query.get("labels", "").split(",") if name}
    since = ask.query.get("since", "")
    key = ask.query.get("sort", "created")
    rows = [
        issue
        for issue in ask.repo.issues.values()
        if state in {"all", issue.state} and issue.updated >= since
        if names <= {label.name.lower() for label in issue.labels}
        if ask.query.get("assignee", "") in {"", "*", *(a.login for a in issue.assignees)}
        if ask.query.get("creator", issue.user.login) == issue.user.login
    ]
    fields = {
        "created": lambda i: (i.created, i.number),
        "updated": lambda i: (i.updated, i.number),
        "comments": lambda i: (len(i.comments), i.number),
    }
    rows.sort(key=fields[key], reverse=ask.query.get("direction", "desc") == "desc")
    return ask.page([shown(issue) for issue in rows])


def one(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/issues/{issue_number}."""
    return Said(200, full(found(ask)))


def create(ask: Ask) -> Said:
    """POST /repos/{owner}/{repo}/issues."""
    title = ask.text("title", "Issue")
    may = ask.repo.at_least(ask.actor.account.login, "triage") or ask.actor.permissions is not None
    # From people who may not, labels and assignees are dropped without a word.
    names = [x if isinstance(x, str) else x["name"] for x in ask.data.get("labels") or ()]
    people = ask.data.get("assignees") or ()
    issue = open_one(
        ask.repo,
        ask.actor,
        title,
        ask.data.get("body"),
        names if may else (),
        people if may else (),
    )
    return Said(201, full(issue))


def change(ask: Ask) -> Said:
    """PATCH /repos/{owner}/{repo}/issues/{issue_number}."""
    issue, given = own(ask, found(ask)), ask.data
    edit(issue, ask.actor, given.get("title", issue.title), given.get("body", issue.body))
    if "labels" in given:
        names = [x if isinstance(x, str) else x["name"] for x in given["labels"]]
        labels.set_on(issue, ask.actor, names)
    if "assignees" in given:
        extra = [a.login for a in issue.assignees if a.login not in given["assignees"]]
        assign(issue, ask.actor, extra, off=True)
        assign(issue, ask.actor, given["assignees"])
    if "state" in given:
        set_state(issue, ask.actor, given["state"], given.get("state_reason"))
    return Said(200, full(issue))


def add_assignees(ask: Ask) -> Said:
    """POST /repos/{owner}/{repo}/issues/{issue_number}/assignees."""
    assign(found(ask), ask.actor, ask.data.get("assignees", ()))
    return Said(201, full(found(ask)))


def remove_assignees(ask: Ask) -> Said:
    """DELETE /repos/{owner}/{repo}/issues/{issue_number}/assignees."""
    assign(found(ask), ask.actor, ask.data.get("assignees", ()), off=True)
    return Said(200, full(found(ask)))
