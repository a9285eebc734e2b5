"""Webhooks: made, changed, pinged, removed, and the lists of what they were sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.servers.github import apps, deliveries, events
from tests.servers.github.ask import Ask, Refusal, Said, invalid, not_found
from tests.servers.github.records import Hook

if TYPE_CHECKING:
    from tests.servers.github.deliveries import Delivery
    from tests.servers.github.world import Repository

#: Most hooks of one event in a repository.
MOST = 20


def shown(repo: Repository, hook: Hook) -> dict[str, Any]:
    """Return a hook; nobody gets its secret back."""
    url = f"{repo.api}/hooks/{hook.id}"
    code, words = hook.last
    return {
        "type": "Repository",
        "id": hook.id,
        "name": "web",
        "active": hook.active,
        "events": hook.events,
        "config": config(hook),
        "created_at": hook.created,
        "updated_at": hook.updated,
        "url": url,
        "test_url": f"{url}/test",
        "ping_url": f"{url}/pings",
        "deliveries_url": f"{url}/deliveries",
        "last_response": {
            "code": code,
            "status": words,
            "message": None if code is None else words,
        },
    }


def config(hook: Hook) -> dict[str, str]:
    """Return the settings of a hook."""
    kept = {
        "url": hook.url,
        "content_type": hook.content_type,
        "insecure_ssl": hook.insecure_ssl,
    }
    return kept | ({"secret": "********"} if hook.secret else {})


def listed(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/hooks."""
    return ask.page([shown(ask.repo, hook) for hook in ask.repo.hooks.values()])


def found(ask: Ask) -> Hook:
    """Return the hook that the path names. Raises Refusal."""
    return ask.repo.hooks.get(ask.number("hook_id")) or not_found()


def one(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/hooks/{hook_id}."""
    return Said(200, shown(ask.repo, found(ask)))


def create(ask: Ask) -> Said:
    """POST /repos/{owner}/{repo}/hooks: it is pinged at once."""
    settings = ask.data.get("config") or {}
    url = settings.get("url") or invalid("Hook", "url", "missing_field", "Config must contain URL")
    names = ask.data.get("events") or ["push"]
    for hook in ask.repo.hooks.values():
        if hook.url == url and set(hook.events) == set(names):
            raise Refusal(
                422,
                "Validation Failed",
                {
                    "resource": "Hook",
                    "code": "custom",
                    "message": "Hook already exists on this repository",
                },
            )
    for name in names:
        if sum(name in hook.events for hook in ask.repo.hooks.values()) >= MOST:
            words = f'The "{name}" event cannot have more than {MOST} hooks'
            invalid("Hook", "events", "custom", words)
    now = ask.repo.world.stamp()
    hook = Hook(
        ask.repo.world.new_id(),
        url,
        settings.get("content_type", "form"),
        settings.get("secret", ""),
        str(settings.get("insecure_ssl", "0")),
        list(names),
        ask.data.get("active", True),
        now,
        now,
    )
    ask.repo.hooks[hook.id] = hook
    _ping(ask, hook)
    return Said(201, shown(ask.repo, hook))


def _ping(ask: Ask, hook: Hook) -> None:
    said = {"zen": "Keep it logically awesome.", "hook_id": hook.id}
    event = events.record(ask.repo, ask.actor, "ping", hook=shown(ask.repo, hook), **said)
    deliveries.queue(ask.github.world, hook, event, ask.repo)


def change(ask: Ask) -> Said:
    """PATCH /repos/{owner}/{repo}/hooks/{hook_id}."""
    hook = found(ask)
    settings = ask.data.get("config")
    if settings is not None:
        hook.url = settings.get("url", hook.url)
        hook.content_type = settings.get("content_type", hook.content_type)
        hook.insecure_ssl = str(settings.get("insecure_ssl", hook.insecure_ssl))
        # A config without a secret takes it away.
        hook.secret = settings.get("secret", "")
    hook.active = ask.data.get("active", hook.active)
    hook.events = list(ask.data.get("events", hook.events))
    hook.events += [n for n in ask.data.get("add_events", ()) if n not in hook.events]
    hook.events = [n for n in hook.events if n not in ask.data.get("remove_events", ())]
    hook.updated = ask.repo.world.stamp()
    return Said(200, shown(ask.repo, hook))


def remove(ask: Ask) -> Said:
    """DELETE /repos/{owner}/{repo}/hooks/{hook_id}."""
    del ask.repo.hooks[found(ask).id]
    return Said(204)


def ping(ask: Ask) -> Said:
    """POST /repos/{owner}/{repo}/hooks/{hook_id}/pings."""
    _ping(ask, found(ask))
    return Said(204)


def _of(ask: Ask) -> Hook:
    """Return the hook of the path, or of the App that asks."""
    if "hook_id" in ask.parts:
        return found(ask)
    return apps.of(ask).hook or not_found()


def _delivery(ask: Ask) -> Delivery:
    wanted = ask.number("delivery_id")
    found: list[Delivery] = [d for d in _of(ask).deliveries if d.id == wanted]
    return found[0] if found else not_found()


def sent(ask: Ask) -> Said:
    """GET .../deliveries, newest first, in pages by cursor."""
    return ask.cursor_page([deliveries.row(one) for one in _of(ask).deliveries])


def delivery(ask: Ask) -> Said:
    """GET .../deliveries/{delivery_id}."""
    return Said(200, deliveries.shown(_delivery(ask)))


def redeliver(ask: Ask) -> Said:
    """POST .../deliveries/{delivery_id}/attempts."""
    deliveries.again(ask.github.world, _delivery(ask))
    return Said(202, {})


def app_config(ask: Ask) -> Said:
    """GET /app/hook/config."""
    return Said(200, config(_of(ask)))


def settings(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/hooks/{hook_id}/config."""
    return Said(200, config(found(ask)))
