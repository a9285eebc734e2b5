"""From GitHub's JSON to our facts. Pure; what GitHub leaves out becomes what means nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gitcoord.mirror.facts import (
    Change,
    Comment,
    Happening,
    Label,
    Permission,
    Person,
    Pull,
    Thread,
)

Json = Mapping[str, Any]


def person(found: Json | None) -> Person:
    """Return an account; one that was deleted is GitHub's ghost."""
    if not found:
        return Person("ghost")
    return Person(str(found.get("login", "ghost")), found.get("type") == "Bot")


def thread(issue: Json, pull: Json | None = None, repository: str = "") -> Thread:
    """Return an issue, with what its pull request adds."""
    return Thread(
        number=int(issue["number"]),
        title=str(issue.get("title") or ""),
        url=str(issue.get("html_url") or ""),
        author=person(issue.get("user")),
        open=issue.get("state") == "open",
        reason=str(issue.get("state_reason") or ""),
        body=str(issue.get("body") or ""),
        labels=tuple(_label(each) for each in issue.get("labels") or ()),
        assignees=tuple(person(each).login for each in issue.get("assignees") or ()),
        pull=None if pull is None else _pull(pull, repository),
    )


def comment(found: Json) -> Comment:
    """Return a comment on an issue or pull request."""
    return Comment(
        id=int(found["id"]),
        # https://api.github.com/repos/OWNER/NAME/issues/12
        number=int(str(found["issue_url"]).rpartition("/")[2]),
        author=person(found.get("user")),
        body=str(found.get("body") or ""),
        created_at=str(found.get("created_at") or ""),
        url=str(found.get("html_url") or ""),
        edited=(found.get("updated_at") or found.get("created_at")) != found.get("created_at"),
    )


def happening(found: Json) -> Happening:
    """Return one event of a thread's history."""
    label = found.get("label") or {}
    return Happening(
        kind=str(found.get("event") or ""),
        actor=person(found.get("actor")),
        at=str(found.get("created_at") or ""),
        label=str(label.get("name") or ""),
    )


def changes(files: Iterable[Json]) -> tuple[Change, ...]:
    """Return the files of a comparison or pull request."""
    return tuple(_change(each) for each in files)


def compared_head(found: Json) -> str:
    """Return the oid of what a comparison was made with; "" where its commits go on.

    What has no commit of its own is where the two parted.
    """
    commits = list(found.get("commits") or ())
    ahead = int(found["ahead_by"])
    if not ahead:
        return str(found["merge_base_commit"]["sha"])
    return str(commits[-1]["sha"]) if len(commits) == ahead else ""


def between(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Change, ...]:
    """Return what differs between two trees, given as oid by path."""
    paths = sorted({*before, *after})
    return tuple(
        Change(path, after.get(path, "")) for path in paths if before.get(path) != after.get(path)
    )


def tree(found: Json) -> dict[str, str]:
    """Return the oid of each file and submodule of a tree by its path."""
    entries = found.get("tree") or ()
    return {str(x["path"]): str(x["sha"]) for x in entries if x.get("type") != "tree"}


def permission(found: Json | None) -> Permission:
    """Return what an account may do, by our five steps."""
    if not found:
        return "none"
    said = found.get("permission")
    if said in ("admin", "write"):
        return "admin" if said == "admin" else "write"
    # Roles between are told as the lower of the old four.
    may = (found.get("user") or {}).get("permissions") or {}
    if found.get("role_name") == "triage" or may.get("triage"):
        return "triage"
    return "read" if said == "read" else "none"


def _label(found: Any) -> Label:
    if isinstance(found, str):
        return Label(found)
    return Label(str(found.get("name") or ""), str(found.get("description") or ""))


def _pull(found: Json, repository: str) -> Pull:
    head, base = found["head"], found["base"]
    source = str((head.get("repo") or {}).get("full_name") or "")
    merged = bool(found.get("merged_at") or found.get("merged"))
    return Pull(
        branch=str(head["ref"]),
        head=str(head["sha"]),
        base=str(base["ref"]),
        own=source.lower() == repository.lower(),
        merged=merged,
        # Of one that is open it is the commit of a trial.
        result=str(found.get("merge_commit_sha") or "") if merged else "",
        merged_at=str(found.get("merged_at") or ""),
        draft=bool(found.get("draft")),
        mergeable=str(found.get("mergeable_state") or ""),
    )


def _change(found: Json) -> Change:
    removed = found.get("status") == "removed"
    before = str(found.get("previous_filename") or "")
    return Change(str(found["filename"]), "" if removed else str(found.get("sha") or ""), before)
