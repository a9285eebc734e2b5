"""The pages, a line each, and how one is answered: who looks, what is shown, how it says no.

Each is a function from a request to what its template shows, run in a thread. With the header
`X-Fragment` only the middle of the page comes, for a script that puts it in place. Not here:
what changes something (`actions`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from gitcoord.errors import GitcoordError
from webhook.api.asking import Asking
from webhook.dashboard import (
    approvals,
    features,
    files,
    handoffs,
    log,
    merges,
    messages,
    overview,
    people,
    session,
    task,
    tasks,
    verifications,
)
from webhook.dashboard.contact import behind
from webhook.dashboard.cookie import Cookies
from webhook.dashboard.render import rendered
from webhook.dashboard.visitor import Visitor, counted, keep, visitor
from webhook.problems import Problem, status_of

if TYPE_CHECKING:
    from webhook.service import Service
    from webhook.streams import Streams

ROOT = "/dashboard"
LOGIN = f"{ROOT}/login"
FRAGMENT = "X-Fragment"
THEMES = ("auto", "light", "dark")
THEME_COOKIE = "gitcoord_theme"


@dataclass(frozen=True)
class Dashboard:
    """What the pages share."""

    service: Service
    cookies: Cookies
    streams: Streams


class Page(NamedTuple):
    """One page below /dashboard/p/PROJECT."""

    path: str
    template: str
    shown: Callable[[Asking, Mapping[str, str]], dict[str, Any]]
    #: Its place in the navigation.
    place: str
    #: Whether it can show the past (`at`).
    travels: bool = False


PAGES: tuple[Page, ...] = (
    Page("", "overview.html", overview.shown, "overview", travels=True),
    Page("/sessions", "people.html", people.shown, "sessions", travels=True),
    Page("/sessions/{session}", "session.html", session.shown, "sessions"),
    Page("/tasks", "tasks.html", tasks.shown, "tasks", travels=True),
    Page("/tasks/{task:path}", "task.html", task.shown, "tasks"),
    Page("/locks", "locks.html", files.locks, "locks", travels=True),
    Page("/file", "file.html", files.file, "locks"),
    Page("/messages", "messages.html", messages.shown, "messages"),
    Page("/handoffs", "handoffs.html", handoffs.shown, "handoffs"),
    Page("/features", "features.html", features.shown, "features"),
    Page("/approvals", "approvals.html", approvals.shown, "approvals"),
    Page("/merges", "merges.html", merges.shown, "merges"),
    Page("/merges/{merge}", "merge.html", merges.entry, "merges"),
    Page("/verifications", "verifications.html", verifications.shown, "verifications"),
    Page("/log", "log.html", log.shown, "log"),
    Page("/log/{oid}", "transaction.html", log.transaction, "log"),
)
#: The navigation: place, its path, what it is called.
PLACES = (
    ("overview", "", "Overview"),
    ("sessions", "/sessions", "Sessions"),
    ("tasks", "/tasks", "Tasks"),
    ("locks", "/locks", "Locks"),
    ("features", "/features", "Features"),
    ("approvals", "/approvals", "Approvals"),
    ("merges", "/merges", "Merge queue"),
    ("verifications", "/verifications", "Verification"),
    ("messages", "/messages", "Messages"),
    ("handoffs", "/handoffs", "Handoffs"),
    ("log", "/log", "Log"),
)


def routes(dashboard: Dashboard) -> list[Route]:
    """Return the routes of all pages."""
    made = [Route(f"{ROOT}/p/{{project}}{one.path}", _handler(dashboard, one)) for one in PAGES]
    nowhere = _nowhere(dashboard)
    return [
        Route("/", _home),
        Route(ROOT, _first(dashboard)),
        Route(f"{ROOT}/", _without_slash),
        Route(f"{ROOT}/{{rest:path}}/", _without_slash),
        *made,
        Route(f"{ROOT}/p/{{project}}/{{rest:path}}", nowhere),
        Route(f"{ROOT}/{{rest:path}}", nowhere),
    ]


def base(project: str) -> str:
    """Return the address below which a project's pages are."""
    return f"{ROOT}/p/{quote(project, safe='')}"


def _handler(dashboard: Dashboard, page: Page) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        found = visitor(dashboard.service, dashboard.cookies, request)
        if (refused := barred(dashboard, found, request)) is not None:
            return refused
        name = request.path_params["project"]
        try:
            request.state.caller = counted(found, request)
            dashboard.service.rates.take(request.state.caller)
            caller = found.projects.get(name)
            if caller is None:
                raise _unknown()
            given = dict(request.query_params) | request.path_params
            asking = Asking(caller)
            shown = await caller.project.work(_shown, page, asking, given)
        except (Problem, GitcoordError) as error:
            if isinstance(error, GitcoordError) and name in found.projects:
                found.projects[name].project.told(error)
            return failed(dashboard, found, request, error)
        return answered(dashboard, found, request, page.template, shown | {"place": page.place})

    return handle


def _shown(page: Page, asking: Asking, given: Mapping[str, str]) -> dict[str, Any]:
    asking.caller.project.fresh()
    return page.shown(asking, given) | {"behind": behind(asking.house)}


def barred(dashboard: Dashboard, found: Visitor, request: Request) -> Response | None:
    """Return where somebody goes who may see nothing yet; None for others.

    A page that is opened from another site comes without the cookie; it asks once more.
    """
    if found.projects:
        return None
    if FRAGMENT in request.headers:
        return HTMLResponse("", 401)
    if request.headers.get("Sec-Fetch-Site") == "cross-site" and found.new:
        return HTMLResponse(
            '<!doctype html><meta http-equiv="refresh" content="0"><title>gitcoord</title>',
            headers={"Cache-Control": "no-store"},
        )
    return RedirectResponse(f"{LOGIN}?{urlencode({'next': here(request)})}", 303)


def here(request: Request) -> str:
    """Return the address of the page itself, without the host; of a form's answer the form's."""
    if request.method == "POST":
        project = request.path_params.get("project")
        return base(project) if project else ROOT
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def answered(
    dashboard: Dashboard,
    found: Visitor,
    request: Request,
    template: str,
    shown: Mapping[str, Any],
    status: int = 200,
) -> Response:
    """Return the page, whole or its middle."""
    project = request.path_params.get("project", "")
    caller = found.projects.get(project)
    theme = request.cookies.get(THEME_COOKIE, "")
    frame: dict[str, Any] = {
        "project": project if caller else "",
        "base": base(project) if caller else "",
        "places": PLACES if caller else (),
        "place": "",
        "projects": {name: base(name) for name in found.projects},
        "scope": caller.scope if caller else "",
        "admin": caller is not None and caller.scope == "admin",
        "person": "" if caller is None or found.exempt else caller.agent,
        "exempt": found.exempt,
        "token": found.token,
        "theme": theme if theme in THEMES else "auto",
        "here": here(request),
        "fragment": FRAGMENT in request.headers,
        "now": "",
        "point": None,
        "behind": None,
        "live": False,
    }
    response = HTMLResponse(rendered(template, frame | dict(shown)), status)
    response.headers["Cache-Control"] = "no-store"
    # With "no-referrer" browsers send forms without saying from where, and `checked` asks that.
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Vary"] = f"Cookie, {FRAGMENT}"
    if found.new:
        keep(response, request, dashboard.cookies, found.shown)
    return response


def failed(
    dashboard: Dashboard, found: Visitor, request: Request, error: Problem | GitcoordError
) -> Response:
    """Return the page that says what is wrong, and what to do."""
    if isinstance(error, Problem):
        status, words = error.status, error.detail
    else:
        status, words = status_of(error), error.message
    shown = {"code": error.code, "message": words, "hint": error.hint, "status": status}
    shown["again"] = status == 503 and request.method == "GET"
    response = answered(dashboard, found, request, "problem.html", shown, status)
    if isinstance(error, Problem):
        response.headers.update(error.headers)
    return response


def _first(dashboard: Dashboard) -> Callable[[Request], Awaitable[Response]]:
    async def first(request: Request) -> Response:
        found = visitor(dashboard.service, dashboard.cookies, request)
        refused = barred(dashboard, found, request)
        return refused or RedirectResponse(base(next(iter(found.projects))), 303)

    return first


def _nowhere(dashboard: Dashboard) -> Callable[[Request], Awaitable[Response]]:
    async def nowhere(request: Request) -> Response:
        found = visitor(dashboard.service, dashboard.cookies, request)
        missing = Problem(404, "not_found", "there is no such page")
        return barred(dashboard, found, request) or failed(dashboard, found, request, missing)

    return nowhere


async def _without_slash(request: Request) -> Response:
    return RedirectResponse(request.url.path.rstrip("/"), 303)


async def _home(_request: Request) -> Response:
    return RedirectResponse(ROOT, 303)


def _unknown() -> Problem:
    return Problem(
        404,
        "project_not_found",
        "there is no such project, or your keys are not for it",
        hint="Log in with a key of that project.",
    )
