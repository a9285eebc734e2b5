"""Who looks at a page: what the keys of the log-in allow, or a person at this very machine.

The log-in may be spared on loopback if the operator said so. Then the name by which the browser
asked has to be one of this machine, too: a foreign page can make its own name point here, but
cannot make browsers ask by ours. Not here: logging in.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from webhook.access import Caller, address, forbidden
from webhook.dashboard import cookie
from webhook.dashboard.cookie import Cookies, Pass
from webhook.keys import SCOPES, Key

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from webhook.service import Service

#: Whoever needs no log-in, as the ledger's diary calls them.
ANYBODY = "dashboard"
#: Headers with which proxies say that a request comes from somewhere else.
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")


class Visitor(NamedTuple):
    """Who looks, and at what."""

    #: Project -> in whose name it is looked at.
    projects: Mapping[str, Caller]
    shown: Pass
    #: Whether the browser has to be given the pass.
    new: bool
    #: The token of its forms.
    token: str
    #: Whether no log-in was needed.
    exempt: bool = False


def visitor(service: Service, cookies: Cookies, request: Request) -> Visitor:
    """Return who looks; without a log-in one who may see no project."""
    now = time.time()
    shown = cookies.opened(request.cookies.get(cookie.NAME, ""), now)
    new = shown is None
    shown = shown or cookie.fresh((), now)
    if exempt(service, request):
        projects = {
            name: Caller(project, "admin", ANYBODY) for name, project in service.projects.items()
        }
        return Visitor(projects, shown, new, cookies.token(shown), exempt=True)
    return Visitor(_allowed(service, shown), shown, new, cookies.token(shown))


def exempt(service: Service, request: Request) -> bool:
    """Say whether this request needs no log-in: it comes from this machine, and means it."""
    return (
        service.settings.loopback_dashboard
        and not any(name in request.headers for name in FORWARDED)
        and _is_loopback(request.client.host if request.client else "")
        and _is_loopback(_host(request))
        and request.headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin")
        and _is_own(request, request.headers.get("Origin"))
    )


def checked(cookies: Cookies, found: Visitor, request: Request, token: str) -> None:
    """Raise `Problem` 403 unless the form is one that was shown to this visitor here."""
    if not _is_own(request, request.headers.get("Origin")) or request.headers.get(
        "Sec-Fetch-Site", "same-origin"
    ) not in ("same-origin", "none"):
        raise forbidden("the form was sent from another site")
    if found.new or not cookies.matches(found.shown, token):
        raise forbidden("the form is too old; open the page again")


def keep(response: Response, request: Request, cookies: Cookies, shown: Pass) -> None:
    """Let the browser keep the pass, out of reach of scripts and of other sites."""
    response.set_cookie(
        cookie.NAME,
        cookies.sealed(shown),
        max_age=max(0, shown.until - int(time.time())),
        path=cookie.PATH,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )


def counted(found: Visitor, request: Request) -> str:
    """Return the name under which the visitor's requests are counted."""
    names = sorted(caller.name for caller in found.projects.values())
    return names[0] if names and not found.exempt else f"page {address(request)}"


def _allowed(service: Service, shown: Pass) -> dict[str, Caller]:
    if not shown.keys:
        return {}
    good: dict[str, Key] = {}
    for key in service.keys.list():
        if key.id not in shown.keys or key.revoked_at or key.project not in service.projects:
            continue
        other = good.get(key.project)
        if other is None or SCOPES.index(other.scope) < SCOPES.index(key.scope):
            good[key.project] = key
    return {
        name: Caller(service.projects[name], good[name].scope, f"key {good[name].id}",
                     good[name].agent or good[name].name)
        for name in service.projects
        if name in good
    }  # fmt: skip


def _host(request: Request) -> str:
    try:
        return urlsplit(f"//{request.headers.get('Host', '')}").hostname or ""
    except ValueError:
        return ""


def _is_own(request: Request, origin: str | None) -> bool:
    """Say whether an Origin is that of the request itself; where there is none, nothing is wrong.

    "null" and whatever cannot be read is another one.
    """
    if origin is None:
        return True
    return origin.lower() == f"{request.url.scheme}://{request.headers.get('Host', '')}".lower()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
