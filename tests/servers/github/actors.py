"""Who asks: tokens of people, of installations and of workflows, and the App's own JWT.

A workflow's GITHUB_TOKEN acts as github-actions[bot], and what it does starts no workflows.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import jwt

from tests.servers.github.ask import Refusal
from tests.servers.github.records import Account
from tests.servers.github.world import ACTIONS, ACTIONS_APP

if TYPE_CHECKING:
    from jwt.types import Options

    from tests.servers.github.apps import App, Installation
    from tests.servers.github.world import Repository, World

#: Seconds that an App's JWT may be valid for, and that clocks may differ by.
JWT_LIFE, JWT_SKEW = 600, 60
#: Seconds that the token of an installation lives.
TOKEN_LIFE = 3600
LEVELS = ("none", "read", "write", "admin")


@dataclass(frozen=True)
class Actor:
    """An account with what its token may do. `permissions` None: all that the account may."""

    account: Account
    #: "nobody", "user", "installation", "actions" or "app".
    kind: str
    token: str = ""
    permissions: dict[str, str] | None = None
    #: Full names of the repositories that the token is for; None: all.
    repositories: tuple[str, ...] | None = None
    #: Slug of the App that acts.
    app: str | None = None
    expires: float = float("inf")

    @property
    def starts_workflows(self) -> bool:
        """Return whether workflows hear of what this one does."""
        return self.kind != "actions"

    def granted(self, areas: str, level: str) -> bool:
        """Return whether the token has `level` in one of these areas."""
        if self.permissions is None:
            return True
        wanted = LEVELS.index(level)
        had = self.permissions | {"metadata": "read"}
        return any(LEVELS.index(had.get(area, "none")) >= wanted for area in areas.split())

    def reaches(self, repo: Repository) -> bool:
        """Return whether the token is for this repository."""
        return self.repositories is None or repo.full_name in self.repositories


class Tokens:
    """All tokens that have been given out."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._actors: dict[str, Actor] = {}
        #: Who asks without a token.
        self.nobody = Actor(Account(0, "anonymous"), "nobody")

    def user(self, account: Account) -> Actor:
        """Return a person with a new token for all that the person may do."""
        return self._add(Actor(account, "user", f"ghp_{secrets.token_hex(18)}"))

    def actions(self, repo: Repository, permissions: dict[str, str]) -> Actor:
        """Return a workflow of `repo` with its GITHUB_TOKEN."""
        token = f"ghs_{secrets.token_hex(18)}"
        account = self._world.account(ACTIONS, "Bot")
        only = (repo.full_name,)
        return self._add(Actor(account, "actions", token, dict(permissions), only, ACTIONS_APP[0]))

    def installation(
        self,
        app: App,
        installation: Installation,
        permissions: dict[str, str],
        repositories: tuple[str, ...],
    ) -> Actor:
        """Return an installation with a new token that lives for an hour of the world's clock."""
        account = self._world.account(f"{app.slug}[bot]", "Bot")
        token = f"ghs_{secrets.token_hex(18)}"
        until = self._world.clock() + TOKEN_LIFE
        return self._add(
            Actor(account, "installation", token, dict(permissions), repositories, app.slug, until)
        )

    def revoke(self, token: str) -> None:
        """Forget a token."""
        self._actors.pop(token, None)

    def find(self, authorization: str) -> Actor:
        """Return who an Authorization header speaks for. Raises Refusal: 401, or 404 for an App."""
        scheme, _, given = authorization.partition(" ")
        if not given:
            return self.nobody
        if scheme.lower() == "basic":
            given = _password(given)
        if given.count(".") == 2:
            return self._app(given)
        actor = self._actors.get(given)
        if actor is None or actor.expires <= self._world.clock():
            raise Refusal(401, "Bad credentials")
        return actor

    def _app(self, token: str) -> Actor:
        """Return the App that signed this JWT."""
        undecodable = Refusal(401, "A JSON web token could not be decoded")
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
        except jwt.InvalidTokenError:
            raise undecodable from None
        issuer = str(claims.get("iss", ""))
        for app in self._world.apps.values():
            if issuer in {str(app.id), app.client_id}:
                break
        else:
            raise Refusal(404, "Integration not found")
        checks: Options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
        try:
            jwt.decode(token, app.public_key, algorithms=["RS256"], options=checks)
        except jwt.InvalidTokenError:
            raise undecodable from None
        self._timely(claims.get("iat"), claims.get("exp"))
        return Actor(self._world.account(f"{app.slug}[bot]", "Bot"), "app", token, {}, (), app.slug)

    def _timely(self, issued: object, until: object) -> None:
        now = self._world.clock()
        if not isinstance(issued, int | float) or issued > now + JWT_SKEW:
            raise Refusal(401, "'Issued at' claim ('iat') must be an Integer in the past")
        if not isinstance(until, int | float) or until <= now:
            raise Refusal(401, "'Expiration time' claim ('exp') must be a time in the future")
        if until > now + JWT_LIFE + JWT_SKEW:
            raise Refusal(401, "'Expiration time' claim ('exp') is too far in the future")

    def _add(self, actor: Actor) -> Actor:
        self._actors[actor.token] = actor
        return actor


def _password(given: str) -> str:
    try:
        return base64.b64decode(given).decode().partition(":")[2]
    except ValueError:
        raise Refusal(401, "Bad credentials") from None
