"""What buttons do: to sessions, requests and queue entries, and that light or dark is chosen.

All but the last take an admin's key, and go through the operation that every other door runs. Who
decides is the person whose key it is. Not here: any rule.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Literal

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from gitcoord.domain.approving import DecideApproval, Decided
from gitcoord.domain.departure import Ended, KillSession
from gitcoord.domain.pausing import Paused, PauseSession, ResumeSession
from gitcoord.errors import GitcoordError
from webhook.access import forbidden
from webhook.dashboard import landing_acts
from webhook.dashboard.forms import back, sent
from webhook.dashboard.pages import ROOT, THEME_COOKIE, THEMES, Dashboard, barred, failed
from webhook.dashboard.visitor import counted, visitor
from webhook.keys import allows
from webhook.problems import Problem

if TYPE_CHECKING:
    from gitcoord.domain.operation import Answer, Operation
    from webhook.access import Caller
    from webhook.dashboard.landing_acts import Act

#: Seconds for which a browser remembers light or dark.
YEAR = 365 * 86_400


def _operation(make: Callable[[str, Mapping[str, str]], Operation], answer: type[Answer]) -> Act:
    """Return the act that is one operation, made of an id and the form."""

    def act(caller: Caller, id: str, form: Mapping[str, str]) -> None:
        coordinator = caller.project.house().coordinator
        coordinator.do(make(id, form), answer, agent=caller.agent or caller.name)

    return act


def _decision(id: str, decision: Literal["approve", "deny"], form: Mapping[str, str]) -> Operation:
    return DecideApproval(id=id, decision=decision, reason=form.get("reason", ""))


#: Button -> what it does to a session.
ACTS: Mapping[str, Act] = {
    "kill": _operation(lambda id, form: KillSession(id=id, reason=form.get("reason", "")), Ended),
    "pause": _operation(
        lambda id, form: PauseSession(id=id, reason=form.get("reason", "")), Paused
    ),
    "resume": _operation(lambda id, form: ResumeSession(id=id), Paused),
}
#: The same of a request for approval.
DECISIONS: Mapping[str, Act] = {
    "approve": _operation(lambda id, form: _decision(id, "approve", form), Decided),
    "deny": _operation(lambda id, form: _decision(id, "deny", form), Decided),
}
#: Path below a project -> its buttons.
PATHS: Mapping[str, Mapping[str, Act]] = {
    "sessions/{id}/{act}": ACTS,
    "approvals/{id}/{act}": DECISIONS,
    "merges/{id}/{act}": landing_acts.ENTRY,
    "merges/{act}": landing_acts.ALL,
}


def routes(dashboard: Dashboard) -> list[Route]:
    """Return the routes."""

    def acting(acts: Mapping[str, Act]) -> Callable[[Request], Awaitable[Response]]:
        async def act(request: Request) -> Response:
            return await _act(dashboard, request, acts)

        return act

    async def theme(request: Request) -> Response:
        return await _theme(dashboard, request)

    return [
        *(
            Route(f"{ROOT}/p/{{project}}/{path}", acting(acts), methods=["POST"])
            for path, acts in PATHS.items()
        ),
        Route(f"{ROOT}/theme", theme, methods=["POST"]),
    ]


async def _act(dashboard: Dashboard, request: Request, acts: Mapping[str, Act]) -> Response:
    found = visitor(dashboard.service, dashboard.cookies, request)
    if (refused := barred(dashboard, found, request)) is not None:
        return refused
    try:
        request.state.caller = counted(found, request)
        dashboard.service.rates.take(request.state.caller)
        fields = await sent(dashboard.cookies, found, request)
        caller = found.projects.get(request.path_params["project"])
        known = acts.get(request.path_params["act"])
        if caller is None or known is None:
            raise Problem(404, "not_found", "there is no such page")
        if not allows(caller.scope, "admin"):
            raise forbidden("only a key with scope admin may do this")
        try:
            await caller.project.wait(known, caller, request.path_params.get("id", ""), fields)
        finally:
            # Also what is refused in the end may have changed something on the way.
            dashboard.streams.woken(caller.project)
    except (Problem, GitcoordError) as error:
        return failed(dashboard, found, request, error)
    return RedirectResponse(back(fields, "back"), 303)


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
