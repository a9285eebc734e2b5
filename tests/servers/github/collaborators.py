"""Who may do what in a repository."""

from __future__ import annotations

from tests.servers.github import accounts, repositories
from tests.servers.github.ask import Ask, Said, not_found

#: The four levels that `permission` knows; `role_name` knows all roles.
OLD = {"triage": "read", "maintain": "write"}


def listed(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/collaborators."""
    repo = ask.repo
    logins = [repo.owner.login, *(login for login in repo.roles if login != repo.owner.login)]
    wanted = ask.query.get("permission")
    rows = []
    for login in logins:
        role = repo.role(login)
        may = repositories.permissions(role)
        if wanted and not may[wanted]:
            continue
        row = accounts.shown(repo.world, repo.world.account(login))
        rows.append(row | {"permissions": may, "role_name": role})
    return ask.page(rows)


def is_one(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/collaborators/{username}: 204, or 404."""
    login = ask.parts["username"]
    known = login == ask.repo.owner.login or login in ask.repo.roles
    return Said(204) if known else not_found()


def permission(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/collaborators/{username}/permission."""
    repo, login = ask.repo, ask.parts["username"]
    account = repo.world.accounts.get(login) or not_found()
    role = repo.role(login)
    user = accounts.shown(repo.world, account)
    more = {"permissions": repositories.permissions(role), "role_name": role}
    return Said(200, {"permission": OLD.get(role, role), "role_name": role, "user": user | more})
