"""How we are let in at GitHub: a token, an Actions token, or an app.

An app signs a JWT with its key and gets tokens of its installation, each good for an hour;
PyGithub renews them. Not here: where secrets come from.
https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from gitcoord.errors import InvalidConfig
from gitcoord.mirror.answers import InMemory
from gitcoord.mirror.api import Api

if TYPE_CHECKING:
    from github.Auth import Auth
    from github.Requester import Requester

API = "https://api.github.com"
#: Seconds that one answer may take.
TIMEOUT = 15
#: What GitHub asks for between two changes, in seconds:
#: https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api
PAUSE = 1.0
PER_PAGE = 100


class Access(NamedTuple):
    """Who we are; either a token, or an app's id and its key as PEM."""

    token: str = ""
    #: Whether the token is that of a workflow's run: it writes check runs, and is no account.
    actions: bool = False
    app: str = ""
    key: str = ""
    #: The app's installation; 0: the one on the repository.
    installation: int = 0
    #: The address of the API: of github.com, or "https://HOST/api/v3" of an Enterprise server.
    url: str = API
    #: Seconds between two changes.
    pause: float = PAUSE

    @property
    def kind(self) -> Literal["none", "token", "actions", "app"]:
        """What lets us in."""
        if self.app:
            return "app"
        if not self.token:
            return "none"
        return "actions" if self.actions else "token"


def let_in(access: Access, repository: str) -> tuple[Requester, str]:
    """Return what speaks to GitHub, and the login of our app, "" where there is none.

    Asks GitHub for the app's name and installation. Raises `InvalidConfig` for a key that is
    none and an app that is not installed, `AccessDenied` and `Unavailable`.
    """
    from github import Auth
    from jwt.exceptions import PyJWTError

    if access.kind != "app":
        return _speaking(access, Auth.Token(access.token) if access.token else None), ""
    app = Auth.AppAuth(access.app, access.key)
    asking = Api(_speaking(access, app), InMemory())
    try:
        described = asking.get("/app") or {}
    except (ValueError, PyJWTError) as wrong:
        raise InvalidConfig(
            "the app's key is not a private key in PEM",
            hint="GITCOORD_GITHUB_APP_KEY holds the key itself, or the name of its file.",
        ) from wrong
    number = access.installation
    if not number:
        found = asking.get(f"/repos/{repository}/installation")
        if found is None:
            raise InvalidConfig(f"the app {access.app} is not installed on {repository}")
        number = int(found["id"])
    return _speaking(access, app.get_installation_auth(number)), f"{described['slug']}[bot]"


def _speaking(access: Access, auth: Auth | None) -> Requester:
    from github.Requester import Requester

    from gitcoord import __version__

    return Requester(
        auth=auth,
        base_url=access.url.rstrip("/"),
        timeout=TIMEOUT,
        user_agent=f"gitcoord/{__version__}",
        per_page=PER_PAGE,
        verify=True,
        # Who waits, and for how long, is for the caller to decide.
        retry=0,
        pool_size=None,
        seconds_between_requests=0,
        seconds_between_writes=access.pause,
    )
