"""A system's routes: a table of lines, and how that system says yes and no.

A line is answered as one of our own routes is: who asks, decode, run in a thread, encode. All that
goes wrong below a system's prefixes is told in its envelope: no key, no JSON, no such route, the
wrong method. What is keyless acts for the only project. Not here: the words of any system.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, compile_path

from gitcoord.errors import GitcoordError
from webhook.access import Caller, address, caller, credentials
from webhook.api.asking import Asking
from webhook.compat.line import Ask, Keyless, Line, decoded
from webhook.dashboard.visitor import exempt
from webhook.problems import Problem, Teller, answered
from webhook.service import Service

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class System(NamedTuple):
    """One of the systems."""

    name: str
    #: What stands before all its paths.
    base: str
    #: At and below these it also says what there is not.
    prefixes: tuple[str, ...]
    lines: tuple[Line, ...]
    #: Tells an answer of a line.
    told: Callable[[Line, Any], Response]
    #: Tells what went wrong; the line is None where there is none.
    refused: Callable[[Line | None, GitcoordError | Problem], Response]
    #: The JSON schema of an answer of a line, and that of what went wrong.
    answer: Callable[[Line], dict[str, Any]]
    failure: Mapping[str, Any]
    #: With which statuses things go wrong.
    failures: tuple[int, ...]
    #: Whether no body at all is an empty object.
    bare: bool = False


def routes(service: Service, *systems: System) -> list[BaseRoute]:
    """Return the routes of systems; they come after all of ours, which win."""
    found: list[BaseRoute] = []
    for system in systems:
        lines = sorted(system.lines, key=lambda line: "{" in line.path)
        for line in lines:
            handler = _handler(service, system, line)
            # A slash at the end meant the same to all of them.
            ends = ("",) if line.path.endswith(":path}") else ("", "/")
            found += [
                Route(f"{system.base}{line.path}{end}", handler, methods=[line.method])
                for end in ends
            ]
        found += _nowhere(system)
    return found


def teller(*systems: System) -> Teller:
    """Return what tells an error in the words of the system whose path it is, or else in ours."""
    prefixes = [(prefix, system) for system in systems for prefix in system.prefixes]

    def tell(path: str, error: GitcoordError | Problem) -> Response:
        for prefix, system in prefixes:
            if path == prefix or path.startswith(f"{prefix}/"):
                return system.refused(None, error)
        return answered(error)

    return tell


def _handler(
    service: Service, system: System, line: Line
) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        known: Caller | None = None
        try:
            known = await _caller(service, request, line)
            body = None
            if line.body is not None:
                body = decoded(await request.body(), line.body, bare=system.bare)
            query = {x: request.query_params[x] for x in line.query if x in request.query_params}
            ask = Ask(service, Asking(known), body, query, request.path_params)
            return system.told(line, await known.project.work(_answer, line, ask))
        except GitcoordError as error:
            if known is not None:
                known.project.told(error)
            return system.refused(line, error)
        except Problem as problem:
            return system.refused(line, problem)

    return handle


def _answer(line: Line, ask: Ask) -> Any:
    # Also what changes something looks first: for the session that a client means, for a status.
    ask.caller.project.fresh()
    return line.answer(ask)


def _nowhere(system: System) -> list[BaseRoute]:
    """Return the routes that say in the system's words that there is no such route."""
    forms = [(compile_path(system.base + line.path)[0], line.method) for line in system.lines]

    async def nowhere(request: Request) -> Response:
        path = request.url.path.rstrip("/")
        allowed = sorted({method for form, method in forms if form.match(path)})
        if allowed:
            detail = f"this route takes {', '.join(allowed)}"
            headers = {"Allow": ", ".join(allowed)}
            return system.refused(None, Problem(405, "method_not_allowed", detail, headers=headers))
        return system.refused(None, Problem(404, "not_found", "there is no such route"))

    ends = [f"{prefix}{rest}" for prefix in system.prefixes for rest in _BELOW]
    return [Route(path, nowhere, methods=METHODS) for path in ends]


_BELOW = ("", "/{rest:path}")


async def _caller(service: Service, request: Request, line: Line) -> Caller:
    """Return who asks. Raises `Problem` like `access.caller`."""
    if line.keyless and not credentials(request) and _open(service, request, line.keyless):
        (project,) = service.projects.values()
        here = f"anybody at {address(request)}"
        service.rates.take(here)
        return Caller(project, line.scope, here)
    return await caller(service, request, line.scope)


def _open(service: Service, request: Request, keyless: Keyless) -> bool:
    settings = service.settings
    if settings.require_key_everywhere or len(service.projects) != 1:
        return False
    # The same rule as for the pages of the dashboard, and never behind a proxy.
    return keyless == "anybody" or (not settings.behind_proxy and exempt(service, request))
