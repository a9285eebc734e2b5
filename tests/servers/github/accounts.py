"""Accounts as the API shows them, and the routes that ask for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tests.servers.github.ask import Ask, Refusal, Said, not_found

if TYPE_CHECKING:
    from tests.servers.github.records import Account
    from tests.servers.github.world import Repository, World

#: URLs of an account, below its own in the API.
LINKS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}
#: What nobody asks the fake for.
EMPTY = dict.fromkeys(("company", "blog", "location", "hireable", "bio"))
COUNTS = ("public_repos", "public_gists", "followers", "following")
PRIVATE = (
    "private_gists",
    "total_private_repos",
    "owned_private_repos",
    "disk_usage",
    "collaborators",
)


def shown(world: World, account: Account) -> dict[str, Any]:
    """Return an account as it stands in other things."""
    url = f"{world.api}/users/{quote(account.login)}"
    login = account.login.removesuffix("[bot]")
    page = f"{world.web}/apps/{login}" if account.type == "Bot" else f"{world.web}/{login}"
    return {
        "login": account.login,
        "id": account.id,
        "node_id": f"U_{account.id}",
        "avatar_url": f"{world.web}/avatars/u/{account.id}",
        "gravatar_id": "",
        "url": url,
        "html_url": page,
        **{name: url + rest for name, rest in LINKS.items()},
        "type": account.type,
        "site_admin": False,
    }


def profile(world: World, account: Account) -> dict[str, Any]:
    """Return an account as its own page shows it."""
    dates = dict.fromkeys(("created_at", "updated_at"), "2020-01-01T00:00:00Z")
    numbers = dict.fromkeys(COUNTS, 0)
    return shown(world, account) | {"name": account.login, "email": None} | EMPTY | numbers | dates


def association(repo: Repository, account: Account) -> str:
    """Return how an account stands to a repository."""
    if account.login == repo.owner.login:
        return "OWNER"
    return "COLLABORATOR" if account.login in repo.roles else "NONE"


def me(ask: Ask) -> Said:
    """GET /user: who the token belongs to; no token of an App has one."""
    if ask.actor.permissions is not None:
        raise Refusal(403, "Resource not accessible by integration")
    world = ask.github.world
    more = dict.fromkeys(PRIVATE, 0) | {"two_factor_authentication": True}
    return Said(200, profile(world, ask.actor.account) | more)


def one(ask: Ask) -> Said:
    """GET /users/{username}."""
    world = ask.github.world
    found = world.accounts.get(ask.parts["username"])
    return Said(200, profile(world, found)) if found else not_found()
