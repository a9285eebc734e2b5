"""What the operator of the service has said: projects, address, limits.

The only place of the service that reads the environment. What is wrong is refused before
anything listens.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from gitcoord.entrypoints.cli.serve import HOST, PORT
from gitcoord.entrypoints.listener import LOOPBACK
from gitcoord.errors import InvalidConfig, InvalidUrl, NotARepository
from gitcoord.storage.repository import Repository, find, home
from gitcoord.storage.wire.address import parsed

if TYPE_CHECKING:
    from gitcoord.mirror.access import Access

#: The project of a service that was told of none.
DEFAULT = "default"

_NAMED = "Run it inside a repository, or name one: --project NAME=PATH_OR_URL."
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\sA-Z]+")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class Forge(NamedTuple):
    """What the service has to do with GitHub: nothing, unless the environment says so."""

    #: Secrets with which webhooks are signed, any of them; none: no webhooks are taken.
    secrets: tuple[str, ...] = ()
    #: What lets us in; None: nothing does.
    access: Access | None = None
    environ: Mapping[str, str] = {}


class Settings(NamedTuple):
    """What the service does; defaults are safe on a machine that others can reach."""

    #: Name of a project -> folder of a repository, or the URL of one at a git host.
    projects: Mapping[str, str]
    #: The service's own file.
    state: str
    host: str = HOST
    port: int = PORT
    #: Whether routes that the older systems left open want a key, too.
    require_key_everywhere: bool = False
    #: Whether the dashboard wants no log-in from this machine itself.
    loopback_dashboard: bool = False
    #: Origins whose pages may call the API; none by default.
    origins: tuple[str, ...] = ()
    #: Requests a minute for each key, and for each address without one.
    rate: int = 1200
    #: Bytes of one request's body.
    body_limit: int = 1 << 20
    #: Whether notifications may go to addresses of private networks.
    private_notifications: bool = False
    #: Whether requests come through a proxy on this machine, whose word on the client is believed.
    behind_proxy: bool = False
    #: Whether the commands of policies of verification run on this machine.
    run_checks: bool = False
    forge: Forge = Forge()

    @property
    def loopback(self) -> bool:
        """Whether only programs of this machine can reach the service."""
        return self.host in LOOPBACK


def projects(words: Sequence[str], directory: str) -> dict[str, str]:
    """Return the projects that `NAME=PATH_OR_URL` say; without any the repository around here.

    Raises `InvalidConfig`, and `NotARepository` where there is nothing to serve.
    """
    if not words:
        return {DEFAULT: directory}
    found: dict[str, str] = {}
    for word in words:
        name, equals, place = word.partition("=")
        if not (equals and place and _NAME.fullmatch(name)):
            raise InvalidConfig(
                f"not a project: {word!r}",
                hint="Write NAME=PATH_OR_URL; a name has lower-case letters, digits and '-'.",
            )
        if name in found:
            raise InvalidConfig(f"two projects are called {name!r}")
        found[name] = place if is_url(place) else os.path.join(directory, place)
    return found


def forge(environ: Mapping[str, str]) -> Forge:
    """Return what the environment says about GitHub.

    `GITCOORD_WEBHOOK_SECRET` holds secrets with blanks between them. Raises `InvalidConfig` for
    what lets us in but cannot be used.
    """
    from gitcoord.entrypoints.forge_access import access, named

    secrets = tuple((environ.get("GITCOORD_WEBHOOK_SECRET") or "").split())
    # The repository of a workflow's run is not that of every project.
    surroundings = {k: v for k, v in environ.items() if k != "GITHUB_REPOSITORY"}
    return Forge(secrets, access(environ) if named(environ) else None, surroundings)


def checked(places: Mapping[str, str], environ: Mapping[str, str]) -> None:
    """Raise for a place that cannot be served: `NotARepository`, `InvalidUrl`.

    Whether a git host answers is seen when it is asked.
    """
    for name, place in places.items():
        try:
            if is_url(place):
                parsed(place, "")
            elif os.path.isdir(place):
                _repository(place, environ)
            else:
                # Git would take a folder that is not there for the repository around it.
                raise NotARepository(f"there is no folder {place}", hint=_NAMED)
        except (NotARepository, InvalidUrl) as wrong:
            which = f"project {name}: " if len(places) > 1 else ""
            raise type(wrong)(which + wrong.message, hint=wrong.hint) from wrong


def origins(words: Sequence[str]) -> tuple[str, ...]:
    """Return the origins, as browsers send them. Raises `InvalidConfig` for what is none."""
    for word in words:
        if word != "*" and not _ORIGIN.fullmatch(word):
            raise InvalidConfig(
                f"not an origin: {word!r}",
                hint="Write SCHEME://HOST or SCHEME://HOST:PORT in lower case, with no path; "
                "* is every page.",
            )
    return tuple(words)


def is_url(place: str) -> bool:
    """Say whether a place is one at a git host rather than a folder here."""
    return "://" in place or (":" in place.partition("/")[0] and not os.path.isabs(place))


def state_file(given: str | None, places: Mapping[str, str], environ: Mapping[str, str]) -> str:
    """Return the service's own file.

    By default in the git directory of the only repository that is served; for several in
    XDG_STATE_HOME. Raises `NotARepository`.
    """
    if given:
        return os.path.abspath(given)
    if len(places) == 1:
        (place,) = places.values()
        if not is_url(place):
            return os.path.join(home(_repository(place, environ)), "service.sqlite")
    base = environ.get("XDG_STATE_HOME") or os.path.join(
        environ.get("HOME") or os.path.expanduser("~"), ".local", "state"
    )
    return os.path.join(base, "gitcoord", "service.sqlite")


def _repository(place: str, environ: Mapping[str, str]) -> Repository:
    try:
        return find(place, environ)
    except NotARepository as wrong:
        raise NotARepository(wrong.message, hint=_NAMED) from wrong
