"""Labels: of a repository, and on its issues. Names are one whatever the case of their letters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tests.servers.github import events, issues, timeline
from tests.servers.github.ask import Ask, Refusal, Said, invalid, not_found
from tests.servers.github.records import Label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.servers.github.actors import Actor
    from tests.servers.github.records import Issue
    from tests.servers.github.world import Repository

#: Characters of a name and of a description; labels on one issue.
NAME, DESCRIPTION, MOST = 50, 100, 100
COLOR = re.compile(r"[0-9a-fA-F]{6}")


def shown(repo: Repository, label: Label) -> dict[str, Any]:
    """Return a label."""
    return {
        "id": label.id,
        "node_id": f"LA_{label.id}",
        "url": f"{repo.api}/labels/{quote(label.name, safe='')}",
        "name": label.name,
        "color": label.color,
        "default": False,
        "description": label.description,
    }


def make(
    repo: Repository,
    actor: Actor,
    name: str,
    color: str = "ededed",
    description: str | None = None,
) -> Label:
    """Make a label; hooks hear of it. Raises Refusal."""
    _check(name, color, description, repo.labels)
    label = Label(repo.world.new_id(), name, color.lower(), description)
    repo.labels[name.lower()] = label
    events.emit(repo, actor, "label", "created", label=shown(repo, label))
    return label


def _check(name: str, color: str, description: str | None, others: dict[str, Label]) -> None:
    if len(name) > NAME:
        words = f"name is too long (maximum is {NAME} characters)"
        invalid("Label", "name", "custom", words)
    if not COLOR.fullmatch(color):
        invalid("Label", "color", "invalid")
    if len(description or "") > DESCRIPTION:
        words = f"description is too long (maximum is {DESCRIPTION} characters)"
        invalid("Label", "description", "custom", words)
    if name.lower() in others:
        invalid("Label", "name", "already_exists")


def edit(
    repo: Repository, actor: Actor, label: Label, name: str, color: str, description: str | None
) -> None:
    """Change a label wherever it is. Raises Refusal."""
    others = {key: kept for key, kept in repo.labels.items() if kept is not label}
    _check(name, color, description, others)
    new = {"name": name, "color": color.lower(), "description": description}
    changes = {
        field: {"from": getattr(label, field) or ""}
        for field, value in new.items()
        if getattr(label, field) != value
    }
    label.name, label.color, label.description = name, color.lower(), description
    repo.labels = others | {name.lower(): label}
    fields = {"label": shown(repo, label), "changes": changes}
    events.emit(repo, actor, "label", "edited", **fields)


def delete(repo: Repository, actor: Actor, label: Label) -> None:
    """Delete a label: it leaves its issues, and their events do not say which label that was."""
    del repo.labels[label.name.lower()]
    events.emit(repo, actor, "label", "deleted", label=shown(repo, label))
    for issue in repo.issues.values():
        if label in issue.labels:
            issue.labels.remove(label)
            timeline.note(issue, actor, "unlabeled", label=label)
            issues.tell(issue, actor, "unlabeled")


def put_on(issue: Issue, actor: Actor, *names: str) -> list[Label]:
    """Put labels on an issue, made when they are new; what is there stays. Raises Refusal."""
    for name in names:
        if not 0 < len(name) <= NAME:
            error = {"value": name, "resource": "Label", "field": "name", "code": "invalid"}
            raise Refusal(422, "Validation Failed", error)
    if len({label.name for label in issue.labels} | set(names)) > MOST:
        invalid("Issue", "labels", "custom", f"An issue has at most {MOST} labels")
    for name in names:
        label = issue.repo.label(name) or make(issue.repo, actor, name)
        if label not in issue.labels:
            issue.labels.append(label)
            _tell(issue, actor, "labeled", label)
    return issue.labels


def take_off(issue: Issue, actor: Actor, *names: str) -> list[Label]:
    """Take labels off an issue. Raises Refusal when one is not on it."""
    for name in names:
        label = issue.repo.label(name)
        if label is None or label not in issue.labels:
            raise Refusal(404, "Label does not exist")
        issue.labels.remove(label)
        _tell(issue, actor, "unlabeled", label)
    return issue.labels


def _tell(issue: Issue, actor: Actor, action: str, label: Label) -> None:
    timeline.note(issue, actor, action, label=label)
    issues.tell(issue, actor, action, label=shown(issue.repo, label))


def _all(ask: Ask, found: Sequence[Label]) -> list[dict[str, Any]]:
    return [shown(ask.repo, label) for label in found]


def _found(ask: Ask) -> Label:
    return ask.repo.label(ask.parts["name"]) or not_found()


def listed(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/labels."""
    return ask.page(_all(ask, list(ask.repo.labels.values())))


def create(ask: Ask) -> Said:
    """POST /repos/{owner}/{repo}/labels."""
    name = ask.text("name", "Label")
    color = ask.data.get("color") or "ededed"
    return Said(
        201, shown(ask.repo, make(ask.repo, ask.actor, name, color, ask.data.get("description")))
    )


def one(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/labels/{name}."""
    return Said(200, shown(ask.repo, _found(ask)))


def change(ask: Ask) -> Said:
    """PATCH /repos/{owner}/{repo}/labels/{name}."""
    label = _found(ask)
    name = ask.data.get("new_name", label.name)
    color = ask.data.get("color", label.color)
    edit(ask.repo, ask.actor, label, name, color, ask.data.get("description", label.description))
    return Said(200, shown(ask.repo, label))


def remove(ask: Ask) -> Said:
    """DELETE /repos/{owner}/{repo}/labels/{name}."""
    delete(ask.repo, ask.actor, _found(ask))
    return Said(204)


def on_issue(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/issues/{issue_number}/labels."""
    return ask.page(_all(ask, issues.found(ask).labels))


def _names(ask: Ask) -> list[str]:
    given = ask.data.get("labels", []) if isinstance(ask.data, dict) else ask.data
    return [one if isinstance(one, str) else one["name"] for one in given]


def add(ask: Ask) -> Said:
    """POST /repos/{owner}/{repo}/issues/{issue_number}/labels."""
    return Said(200, _all(ask, put_on(issues.found(ask), ask.actor, *_names(ask))))


def replace(ask: Ask) -> Said:
    """PUT /repos/{owner}/{repo}/issues/{issue_number}/labels."""
    return Said(200, _all(ask, set_on(issues.found(ask), ask.actor, _names(ask))))


def set_on(issue: Issue, actor: Actor, names: list[str]) -> list[Label]:
    """Let an issue have these labels and no others. Raises Refusal."""
    kept = {name.lower() for name in names}
    put_on(issue, actor, *names)
    take_off(issue, actor, *(x.name for x in issue.labels if x.name.lower() not in kept))
    return issue.labels


def drop(ask: Ask) -> Said:
    """DELETE /repos/{owner}/{repo}/issues/{issue_number}/labels/{name}."""
    issue = issues.found(ask)
    return Said(200, _all(ask, take_off(issue, ask.actor, ask.parts["name"])))


def clear(ask: Ask) -> Said:
    """DELETE /repos/{owner}/{repo}/issues/{issue_number}/labels."""
    issue = issues.found(ask)
    take_off(issue, ask.actor, *(label.name for label in issue.labels))
    return Said(204)
