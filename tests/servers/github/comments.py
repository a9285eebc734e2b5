"""Comments on issues and pull requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.servers.github import accounts, apps, events, issues, reactions
from tests.servers.github.ask import Ask, Refusal, Said, invalid, not_found
from tests.servers.github.records import Comment

if TYPE_CHECKING:
    from tests.servers.github.actors import Actor
    from tests.servers.github.records import Issue

#: Characters of a body.
MOST = 65536


def shown(comment: Comment) -> dict[str, Any]:
    """Return a comment."""
    repo, world, issue = comment.issue.repo, comment.issue.repo.world, comment.issue
    url = f"{repo.api}/issues/comments/{comment.id}"
    kind = "pull" if issue.pull else "issues"
    return {
        "url": url,
        "html_url": f"{repo.web}/{kind}/{issue.number}#issuecomment-{comment.id}",
        "issue_url": f"{repo.api}/issues/{issue.number}",
        "id": comment.id,
        "node_id": f"IC_{comment.id}",
        "user": accounts.shown(world, comment.user),
        "created_at": comment.created,
        "updated_at": comment.updated,
        "author_association": accounts.association(repo, comment.user),
        "body": comment.body,
        "reactions": reactions.summary(url, comment.reactions),
        "performed_via_github_app": apps.shown(world, comment.app) if comment.app else None,
    }


def _tell(comment: Comment, actor: Actor, action: str, **fields: Any) -> None:
    issue = comment.issue
    events.emit(
        issue.repo,
        actor,
        "issue_comment",
        action,
        issue=issues.shown(issue),
        comment=shown(comment),
        **fields,
    )


def _check(body: Any) -> None:
    if not isinstance(body, str) or not body.strip():
        raise Refusal(
            422,
            "Validation Failed",
            {
                "resource": "IssueComment",
                "code": "unprocessable",
                "field": "data",
                "message": "Body cannot be blank",
            },
        )
    if len(body) > MOST:
        words = f"Body is too long (maximum is {MOST} characters)"
        invalid("IssueComment", "data", "unprocessable", words)


def add(issue: Issue, actor: Actor, body: str) -> Comment:
    """Comment on an issue or pull request. Raises Refusal."""
    _check(body)
    repo, now = issue.repo, issue.repo.world.stamp()
    comment = Comment(repo.world.new_id(), issue, actor.account, body, now, now, actor.app)
    issue.comments.append(comment)
    issue.updated = now
    repo.comments[comment.id] = comment
    _tell(comment, actor, "created")
    return comment


def edit(comment: Comment, actor: Actor, body: str) -> Comment:
    """Change the words of a comment. Raises Refusal."""
    _check(body)
    changes = {"body": {"from": comment.body}}
    comment.body, comment.updated = body, comment.issue.repo.world.stamp()
    _tell(comment, actor, "edited", changes=changes)
    return comment


def delete(comment: Comment, actor: Actor) -> None:
    """Remove a comment."""
    comment.issue.comments.remove(comment)
    del comment.issue.repo.comments[comment.id]
    _tell(comment, actor, "deleted")


def found(ask: Ask) -> Comment:
    """Return the comment that the path names. Raises Refusal."""
    return ask.repo.comments.get(ask.number("comment_id")) or not_found()


def _own(ask: Ask) -> Comment:
    """Return the comment if it is the asker's own or the asker may write here."""
    comment = found(ask)
    mine = comment.user is ask.actor.account
    writes = ask.actor.permissions is not None or ask.repo.at_least(
        ask.actor.account.login, "write"
    )
    if not mine and not writes:
        raise Refusal(403, "Must have write access to the repository")
    return comment


def on_issue(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/issues/{issue_number}/comments, oldest first."""
    since = ask.query.get("since", "")
    rows = [shown(one) for one in issues.found(ask).comments if one.updated >= since]
    return ask.page(rows)


def in_repository(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/issues/comments."""
    since = ask.query.get("since", "")
    rows = [one for one in ask.repo.comments.values() if one.updated >= since]
    field = "updated" if ask.query.get("sort") == "updated" else "created"
    turned = ask.query.get("direction", "asc") == "desc"
    rows.sort(key=lambda one: (getattr(one, field), one.id), reverse=turned)
    return ask.page([shown(one) for one in rows])


def one(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/issues/comments/{comment_id}."""
    return Said(200, shown(found(ask)))


def create(ask: Ask) -> Said:
    """POST /repos/{owner}/{repo}/issues/{issue_number}/comments."""
    return Said(201, shown(add(issues.found(ask), ask.actor, ask.data.get("body"))))


def change(ask: Ask) -> Said:
    """PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}."""
    return Said(200, shown(edit(_own(ask), ask.actor, ask.data.get("body"))))


def remove(ask: Ask) -> Said:
    """DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}."""
    delete(_own(ask), ask.actor)
    return Said(204)
