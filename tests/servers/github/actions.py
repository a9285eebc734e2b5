"""GitHub Actions: the workflow files of the default branch, and the two events sent on purpose.

Nothing runs here: a test starts what `World.events` says that GitHub would start.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import yaml

from tests.servers.github import contents, events
from tests.servers.github.ask import Ask, Refusal, Said, not_found

if TYPE_CHECKING:
    from tests.servers.github.world import Repository

FOLDER = ".github/workflows"
#: Most fields at the top of the payload of a `repository_dispatch`.
FIELDS = 10


def workflows(repo: Repository) -> dict[str, dict[str, Any]]:
    """Return the workflow files of the default branch, parsed, by path."""
    tip = repo.known.get(f"refs/heads/{repo.default_branch}")
    folder = contents.at(repo, tip, FOLDER) if tip else None
    found = {}
    for entry in repo.git.tree(folder.oid) if folder else ():
        if entry.path.endswith((".yml", ".yaml")):
            text = repo.git.blob(entry.oid).decode()
            found[f"{FOLDER}/{entry.path}"] = yaml.safe_load(text) or {}
    return found


def number(path: str) -> int:
    """Return the id of the workflow in this file."""
    return zlib.crc32(path.encode())


def shown(repo: Repository, path: str, parsed: dict[str, Any]) -> dict[str, Any]:
    """Return a workflow."""
    return {
        "id": number(path),
        "node_id": f"W_{number(path)}",
        "name": parsed.get("name", path),
        "path": path,
        "state": "active",
        "created_at": repo.created,
        "updated_at": repo.created,
        "url": f"{repo.api}/actions/workflows/{number(path)}",
        "html_url": f"{repo.web}/blob/{repo.default_branch}/{path}",
        "badge_url": f"{repo.web}/workflows/{number(path)}/badge.svg",
    }


def listed(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/actions/workflows."""
    rows = [shown(ask.repo, path, parsed) for path, parsed in workflows(ask.repo).items()]
    return ask.page(rows, "workflows")


def _found(ask: Ask) -> tuple[str, dict[str, Any]]:
    wanted = ask.parts["workflow_id"]
    for path, parsed in workflows(ask.repo).items():
        if wanted in {str(number(path)), path.rpartition("/")[2]}:
            return path, parsed
    return not_found()


def one(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}: by number or file name."""
    return Said(200, shown(ask.repo, *_found(ask)))


def triggers(parsed: dict[Any, Any]) -> dict[str, Any]:
    """Return what a workflow listens for; YAML reads the key `on` as true."""
    on = parsed.get("on", parsed.get(True)) or {}
    if isinstance(on, str):
        on = [on]
    return on if isinstance(on, dict) else dict.fromkeys(on)


def dispatch(ask: Ask) -> Said:
    """POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches."""
    path, parsed = _found(ask)
    if "workflow_dispatch" not in triggers(parsed):
        raise Refusal(422, "Workflow does not have 'workflow_dispatch' trigger")
    ref = ask.text("ref", "Workflow")
    if ask.repo.git.resolve(ref) is None:
        raise Refusal(422, f"No ref found for: {ref}")
    events.emit(
        ask.repo,
        ask.actor,
        "workflow_dispatch",
        inputs=ask.data.get("inputs") or {},
        ref=f"refs/heads/{ref.removeprefix('refs/heads/')}",
        workflow=path,
    )
    return Said(204)


def doorbell(ask: Ask) -> Said:
    """POST /repos/{owner}/{repo}/dispatches: a `repository_dispatch` of the asker's own name."""
    kind, payload = ask.text("event_type", "RepositoryDispatch"), ask.data.get("client_payload", {})
    if len(payload) > FIELDS:
        raise Refusal(422, f"No more than {FIELDS} properties are allowed")
    events.emit(
        ask.repo,
        ask.actor,
        "repository_dispatch",
        kind,
        branch=ask.repo.default_branch,
        client_payload=payload,
    )
    return Said(204)
