"""What buttons do: kill, pause and resume a session, and choose light or dark.

A session is ended or stopped by an admin's key only, through the operation that every other door
runs. Not here: any rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from gitcoord.domain.departure import Ended, KillSession
from gitcoord.domain.pausing import Paused, PauseSession, ResumeSession
from gitcoord.errors import GitcoordError
from webhook.access import forbidden
from webhook.dashboard.forms import back, sent
from webhook.dashboard.pages import ROOT, THEME_COOKIE, THEMES, Dashboard, barred, failed
from webhook.dashboard.visitor import counted, visitor
from webhook.keys import allows
from webhook.problems import Problem

if TYPE_CHECKING:
    from gitcoord.domain.operation import Answer, Operation
    from webhook.access import Caller

#: Seconds for which a browser remembers light or dark.
YEAR = 365 * 86_400

#: Button -> the operation of a session's id and the form, and its answer.
ACTS: Mapping[str, tuple[Callable[[str, Mapping[str, str]], Operation], type[Answer]]] = {
    "kill": (lambda id, form: KillSession(id=id, reason=form.get("reason", "")), Ended),
    "pause": (lambda id, form: PauseSession(id=id, reason=form.get("reason", "")), Paused),
    "resume": (lambda id, form: ResumeSession(id=id), Paused),
}


def routes(dashboard: Dashboard) -> list[Route]:
    """Return the routes."""

    async def act(request: Request) -> Response:
        return await _act(dashboard, request)

    async def theme(request: Request) -> Response:
        return await _theme(dashboard, request)

    return [
        Route(f"{ROOT}/p/{{project}}/sessions/{{session}}/{{act}}", act, methods=["POST"]),
        Route(f"{ROOT}/theme", theme, methods=["POST"]),
    ]


async def _act(dashboard: Dashboard, request: Request) -> Response:
    found = visitor(dashboard.service, dashboard.cookies, request)
    if (refused := barred(dashboard, found, request)) is not None:
        return refused
    try:
        request.state.caller = counted(found, request)
        dashboard.service.rates.take(request.state.caller)
        fields = await sent(dashboard.cookies, found, request)
        caller = found.projects.get(request.path_params["project"])
        known = ACTS.get(request.path_params["act"])
        if caller is None or known is None:
            raise Problem(404, "not_found", "there is no such page")
        if not allows(caller.scope, "admin"):
            raise forbidden("only a key with scope admin may do this")
        make, answer = known
        operation = make(request.path_params["session"], fields)
        await caller.project.work(_done, caller, operation, answer)
        dashboard.streams.woken(caller.project)
    except (Problem, GitcoordError) as error:
        return failed(dashboard, found, request, error)
    return RedirectResponse(back(fields, "back"), 303)


def _done(caller: Caller, operation: Operation, answer: type[Any]) -> None:
    caller.project.house().coordinator.do(operation, answer, agent=caller.agent or caller.name)


async def _theme(dashboard: Dashboard, request: Request) -> Response:
    found = visitor(dashboard.service, dashboard.cookies, request)
    try:
        fields = await sent(dashboard.cookies, found, request)
    except Problem as problem:
        return failed(dashboard, found, request, problem)
    chosen = fields.get("theme", "")
    response = RedirectResponse(back(fields, "back"), 303)
    response.set_cookie(
        THEME_COOKIE,
        chosen if chosen in THEMES else THEMES[0],
        max_age=YEAR,
        path=ROOT,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return response
