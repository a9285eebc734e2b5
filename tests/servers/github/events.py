"""What happens, told to hooks and workflows: one payload, made when it happens.

Refs outside of heads and tags are no events; what a GITHUB_TOKEN does starts no workflows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.servers.github import accounts, apps, deliveries, repositories
from tests.servers.github.ask import encoded

if TYPE_CHECKING:
    from tests.servers.github.actors import Actor
    from tests.servers.github.records import Account
    from tests.servers.github.world import Repository

#: Events that start workflows whoever made them, and that only the hooks of Apps hear of.
ON_PURPOSE = {"workflow_dispatch", "repository_dispatch"}


@dataclass(frozen=True)
class Event:
    """One thing that happened. `body` is the payload as a hook gets it, but for `installation`."""

    name: str
    action: str | None
    payload: dict[str, Any]
    body: bytes
    repository: str
    actor: str
    #: Whether GitHub would start workflows that listen for it.
    starts_workflows: bool
    at: str


def emit(
    repo: Repository, actor: Actor, name: str, action: str | None = None, /, **fields: Any
) -> Event:
    """Record what `actor` did, and queue it for every hook that wants to hear of it."""
    world = repo.world
    event = record(repo, actor, name, action, **fields)
    for hook in repo.hooks.values():
        if hook.active and name not in ON_PURPOSE and wanted(name, hook.events):
            deliveries.queue(world, hook, event, repo)
    for app, installation in apps.installed(world, repo):
        if app.hook and app.hook.active and wanted(name, app.events):
            deliveries.queue(world, app.hook, event, repo, app=app, installation=installation.id)
    return event


def record(
    repo: Repository, actor: Actor, name: str, action: str | None = None, /, **fields: Any
) -> Event:
    """Record what `actor` did, and tell no hook."""
    world = repo.world
    payload: dict[str, Any] = {"action": action} if action else {}
    payload |= {"repository": repositories.shown(repo)} | fields
    payload["sender"] = accounts.shown(world, actor.account)
    starts = actor.starts_workflows or name in ON_PURPOSE
    login, now = actor.account.login, world.stamp()
    body = encoded(payload)
    event = Event(name, action, payload, body, repo.full_name, login, starts, now)
    world.events.append(event)
    return event


def wanted(name: str, events: list[str]) -> bool:
    """Return whether a hook with these events hears of this one."""
    return "*" in events or name in events


def mention(account: Account) -> dict[str, str]:
    """Return a person as a push names one."""
    email = f"{account.login}@users.noreply.example.invalid"
    return {"name": account.login, "email": email}
