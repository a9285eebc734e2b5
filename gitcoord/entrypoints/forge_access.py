"""Which repository at GitHub belongs to a ledger, and what lets us in there.

The repository: the setting `github_repository`, the workflow that runs this, or the URL of the
ledger's remote. What lets us in: `GITCOORD_GITHUB_TOKEN`, an app's `GITCOORD_GITHUB_APP_ID` and
`GITCOORD_GITHUB_APP_KEY`, or the token of the workflow; `GITHUB_API_URL` names an Enterprise
server. In a workflow its token lets git in as well, where nothing else does. Secrets are read
here, shown nowhere and written into no file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from gitcoord.errors import InvalidConfig
from gitcoord.mirror.access import API, PAUSE, Access

if TYPE_CHECKING:
    from gitcoord.bootstrap import House
    from gitcoord.storage.repository import Repository

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}")
_PATH = re.compile(r"(?:^|[/:])([^/:]+/[^/]+?)(?:\.git)?/?$")


def named(environ: Mapping[str, str]) -> bool:
    """Say whether something is named that is meant for us: a workflow's token is for anybody."""
    return bool(environ.get("GITCOORD_GITHUB_TOKEN") or environ.get("GITCOORD_GITHUB_APP_ID"))


def access(environ: Mapping[str, str]) -> Access:
    """Return what lets us in at GitHub. Raises `InvalidConfig` where nothing does."""
    url = environ.get("GITCOORD_GITHUB_API_URL") or environ.get("GITHUB_API_URL") or API
    pause = _number(environ, "GITCOORD_GITHUB_PAUSE", PAUSE)
    app = environ.get("GITCOORD_GITHUB_APP_ID", "")
    if app:
        number = int(_number(environ, "GITCOORD_GITHUB_INSTALLATION", 0))
        return Access(app=app, key=_key(environ), installation=number, url=url, pause=pause)
    token = environ.get("GITCOORD_GITHUB_TOKEN", "")
    if token:
        return Access(token, url=url, pause=pause)
    token = environ.get("GITHUB_TOKEN") or environ.get("GH_TOKEN") or ""
    if not token:
        raise InvalidConfig(
            "nothing lets us in at GitHub",
            hint="Set GITCOORD_GITHUB_TOKEN, or GITCOORD_GITHUB_APP_ID and _APP_KEY; "
            "in a workflow pass GITHUB_TOKEN.",
        )
    return Access(token, actions=environ.get("GITHUB_ACTIONS") == "true", url=url, pause=pause)


def with_git(repository: Repository, environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return the environment in which git, too, is let in by the token of a workflow.

    The same where no workflow runs, or where git's configuration has a header for that server
    already, as `actions/checkout` leaves it. https://git-scm.com/docs/git-config#ENVIRONMENT
    """
    token = environ.get("GITCOORD_GITHUB_TOKEN") or environ.get("GITHUB_TOKEN") or ""
    server = environ.get("GITHUB_SERVER_URL", "")
    if environ.get("GITHUB_ACTIONS") != "true" or not token or not server:
        return environ
    from gitcoord.storage.gitproc import Git
    from gitcoord.storage.wire.credentials import basic

    address = server.rstrip("/") + "/"
    asked = ("config", "--get-urlmatch", "http.extraHeader", address)
    if Git(repository, environ).run(*asked, accept=(0, 1))[1].strip():
        return environ
    header = f"Authorization: {basic('x-access-token', token).authorization}"
    count = int(_number(environ, "GIT_CONFIG_COUNT", 0))
    return {
        **environ,
        "GIT_CONFIG_COUNT": str(count + 1),
        f"GIT_CONFIG_KEY_{count}": f"http.{address}.extraHeader",
        f"GIT_CONFIG_VALUE_{count}": header,
    }


def repository(house: House, environ: Mapping[str, str]) -> str:
    """Return the "owner/name" at GitHub that a ledger belongs to. Raises `InvalidConfig`."""
    with house.ledger.state() as state:
        chosen = state.settings.github_repository
    name = chosen or environ.get("GITHUB_REPOSITORY", "") or _of_remote(house, environ)
    if not _NAME.fullmatch(name):
        raise InvalidConfig(
            f"not a repository at GitHub: {name!r}" if name else "no repository at GitHub is named",
            hint="Run `gitcoord config --shared github_repository OWNER/NAME`.",
        )
    return name


def _of_remote(house: House, environ: Mapping[str, str]) -> str:
    from gitcoord.storage.gitproc import Git
    from gitcoord.storage.wire.address import resolve

    remote = house.remote or "origin"
    git = Git(house.repository, environ)
    address = resolve(remote, git, house.repository.worktree or house.repository.common_dir)
    match = _PATH.search(address.path) if address.kind != "path" else None
    return match[1].lstrip("/") if match else ""


def _key(environ: Mapping[str, str]) -> str:
    said = environ.get("GITCOORD_GITHUB_APP_KEY", "")
    if said.lstrip().startswith("-----BEGIN"):
        # One line of a secret store often has its line ends written out.
        return said.replace("\\n", "\n")
    try:
        with open(os.path.expanduser(said), encoding="ascii") as source:
            return source.read()
    except (OSError, UnicodeDecodeError) as wrong:
        raise InvalidConfig(
            "the app's key cannot be read",
            hint="GITCOORD_GITHUB_APP_KEY holds the key itself, or the name of its file.",
        ) from wrong


def _number(environ: Mapping[str, str], name: str, default: float) -> float:
    try:
        return float(environ.get(name) or default)
    except ValueError:
        raise InvalidConfig(f"{name} is no number: {environ[name]!r}") from None
