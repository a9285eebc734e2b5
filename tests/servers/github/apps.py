"""GitHub Apps: their keys, their installations, and the tokens that they ask for."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.servers.github import accounts, repositories
from tests.servers.github.actors import LEVELS, Actor
from tests.servers.github.ask import Ask, Refusal, Said, not_found
from tests.servers.github.world import ACTIONS_APP, stamp

if TYPE_CHECKING:
    from tests.servers.github.records import Account, Hook
    from tests.servers.github.world import Repository, World


@dataclass
class Installation:
    """An App on the repositories of one account."""

    id: int
    account: Account
    repositories: list[str]
    permissions: dict[str, str]
    created: str


@dataclass
class App:
    """A GitHub App. `private_key` is what its owner downloads, a PEM."""

    id: int
    slug: str
    owner: Account
    permissions: dict[str, str]
    events: list[str]
    created: str
    private_key: str = field(repr=False)
    public_key: str = field(repr=False)
    hook: Hook | None = None
    installations: dict[int, Installation] = field(default_factory=dict)

    @property
    def client_id(self) -> str:
        """Return what may stand for the id in a JWT."""
        return f"Iv23{self.id:016d}"


@functools.cache
def key_pair() -> tuple[str, str]:
    """Return a private and a public key as PEM; the same in the whole process, as it takes time."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


def installed(world: World, repo: Repository) -> list[tuple[App, Installation]]:
    """Return the Apps that are installed on a repository."""
    return [
        (app, installation)
        for app in world.apps.values()
        for installation in app.installations.values()
        if repo.full_name in installation.repositories
    ]


def shown(world: World, slug: str) -> dict[str, Any]:
    """Return an App as checks and comments name it."""
    app = world.apps.get(slug)
    permissions = app.permissions if app else {"checks": "write", "metadata": "read"}
    created = app.created if app else "2018-07-30T09:30:17Z"
    owner = app.owner if app else world.account("github", "Organization")
    return {
        "id": app.id if app else ACTIONS_APP[1],
        "slug": slug,
        "node_id": f"A_{slug}",
        "client_id": app.client_id if app else "Iv1.actions",
        "owner": accounts.shown(world, owner),
        "name": slug,
        "description": None,
        "external_url": world.web,
        "html_url": f"{world.web}/apps/{slug}",
        "created_at": created,
        "updated_at": created,
        "permissions": permissions,
        "events": list(app.events) if app else [],
    }


def shown_installation(world: World, app: App, found: Installation) -> dict[str, Any]:
    """Return an installation."""
    return {
        "id": found.id,
        "account": accounts.shown(world, found.account),
        "access_tokens_url": f"{world.api}/app/installations/{found.id}/access_tokens",
        "repositories_url": f"{world.api}/installation/repositories",
        "html_url": f"{world.web}/settings/installations/{found.id}",
        "app_id": app.id,
        "client_id": app.client_id,
        "app_slug": app.slug,
        "target_id": found.account.id,
        "target_type": found.account.type,
        "permissions": found.permissions,
        "events": list(app.events),
        "created_at": found.created,
        "updated_at": found.created,
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "repository_selection": "selected",
        "suspended_by": None,
        "suspended_at": None,
    }


def of(ask: Ask) -> App:
    """Return the App that asks. Raises Refusal to everybody else."""
    if ask.actor.kind != "app" or ask.actor.app is None:
        raise Refusal(401, "A JSON web token could not be decoded")
    return ask.github.world.apps[ask.actor.app]


def me(ask: Ask) -> Said:
    """GET /app."""
    app = of(ask)
    count = {"installations_count": len(app.installations)}
    return Said(200, shown(ask.github.world, app.slug) | count)


def installations(ask: Ask) -> Said:
    """GET /app/installations."""
    app = of(ask)
    rows = [shown_installation(ask.github.world, app, one) for one in app.installations.values()]
    return ask.page(rows)


def _named(ask: Ask) -> tuple[App, Installation]:
    app = of(ask)
    found = app.installations.get(ask.number("installation_id"))
    return (app, found) if found else not_found()


def installation(ask: Ask) -> Said:
    """GET /app/installations/{installation_id}."""
    return Said(200, shown_installation(ask.github.world, *_named(ask)))


def on_repository(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/installation."""
    app = of(ask)
    for other, found in installed(ask.github.world, ask.repo):
        if other is app:
            return Said(200, shown_installation(ask.github.world, app, found))
    return not_found()


def access_token(ask: Ask) -> Said:
    """POST /app/installations/{installation_id}/access_tokens."""
    app, found = _named(ask)
    wanted = ask.data.get("permissions") or found.permissions
    for area, level in wanted.items():
        if LEVELS.index(found.permissions.get(area, "none")) < LEVELS.index(level):
            raise Refusal(422, "The permissions requested are not granted to this installation.")
    world = ask.github.world
    names = tuple(found.repositories)
    if ids := ask.data.get("repository_ids"):
        names = tuple(n for n in names if world.repositories[n].id in ids)
    if short := ask.data.get("repositories"):
        names = tuple(n for n in names if n.split("/")[1] in short)
    if not names:
        raise Refusal(
            422, "There is at least one repository that does not exist or is not accessible"
        )
    actor: Actor = ask.github.issued.installation(app, found, wanted, names)
    return Said(
        201,
        {
            "token": actor.token,
            "expires_at": stamp(actor.expires),
            "permissions": wanted,
            "repository_selection": "selected",
            "repositories": [repositories.shown(world.repositories[name]) for name in names],
        },
    )


def my_repositories(ask: Ask) -> Said:
    """GET /installation/repositories."""
    if ask.actor.kind != "installation":
        raise Refusal(403, "You must authenticate with an installation access token.")
    world = ask.github.world
    rows = [repositories.shown(world.repositories[n]) for n in ask.actor.repositories or ()]
    said = ask.page(rows, "repositories")
    return said._replace(data=said.data | {"repository_selection": "selected"})


def revoke(ask: Ask) -> Said:
    """DELETE /installation/token."""
    ask.github.issued.revoke(ask.actor.token)
    return Said(204)
