"""The web application, assembled: routes, what stands before them, and how errors are told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gitcoord.errors import GitcoordError
from gitcoord.mirror.hooks import PATH
from webhook import health, listening, logs, metrics
from webhook.access import PROJECT_HEADER, SESSION_HEADER, caller
from webhook.api import answering, landings, openapi, ports
from webhook.bugs import Caught
from webhook.compat import coordinator, document, golemxv, gozen, system
from webhook.dashboard import stream
from webhook.github import receiver
from webhook.github.office import Office
from webhook.limits import Bodies, Secured
from webhook.problems import Problem, told
from webhook.service import Service
from webhook.streams import Streams

#: The systems whose clients are served, too.
ORIGINALS = (gozen.SYSTEM, golemxv.SYSTEM, coordinator.SYSTEM)
#: What statuses of the framework are called.
_CODES: dict[int, tuple[str, str]] = {
    404: ("not_found", "there is no such route"),
    405: ("method_not_allowed", "this route does not take that method"),
}


def application(service: Service) -> Starlette:
    """Return the application of a service; it closes the service when it ends.

    Its `state.streams` can end the streams of events before that.
    """
    numbers, streams = metrics.Metrics(), Streams(service)
    office = Office(service, service.settings.forge)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        try:
            async with streams.open(), office.open(streams):
                yield
        finally:
            service.close()

    app = Starlette(
        routes=routes(service, numbers, streams, office),
        middleware=[
            Middleware(Secured),
            *_origins(service),
            Middleware(logs.Logged),
            Middleware(metrics.Counted, metrics=numbers),
            Middleware(Caught),
            Middleware(
                Bodies,
                limit=service.settings.body_limit,
                larger={PATH: receiver.BODY_LIMIT},
            ),
        ],
        exception_handlers={
            Problem: _told,
            GitcoordError: _told,
            HTTPException: _framework,
            ClientDisconnect: _gone,
        },
        lifespan=lifespan,
    )
    app.state.streams = streams
    app.state.tell = system.teller(*ORIGINALS)
    return app


def routes(
    service: Service, numbers: metrics.Metrics, streams: Streams, office: Office
) -> list[BaseRoute]:
    """Return all routes."""

    async def described(request: Request) -> Response:
        if service.settings.require_key_everywhere:
            await caller(service, request, "read")
        return Response(openapi.document(), media_type="application/json")

    # The first that matches is taken, one after the other is tried: what is asked most comes first.
    return [
        *answering.routes(service),
        *health.routes(service),
        metrics.route(service, numbers),
        Route("/api/v1/openapi.json", described),
        *listening.routes(service, streams),
        *receiver.routes(office),
        *ports.routes(service),
        *landings.routes(service),
        *stream.routes(service, streams),
        document.route(service, ORIGINALS),
        *system.routes(service, *ORIGINALS),
    ]


def _origins(service: Service) -> list[Middleware]:
    if not service.settings.origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=service.settings.origins,
            allow_methods=["GET", "POST", "PATCH", "DELETE", "PUT"],
            allow_headers=[
                "Authorization", "X-API-Key", "Content-Type", "Idempotency-Key", "If-None-Match",
                "Last-Event-ID", SESSION_HEADER, PROJECT_HEADER,
            ],
            expose_headers=["ETag", "Retry-After"],
        )
    ]  # fmt: skip


async def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, (Problem, GitcoordError))
    return told(request.scope, error)


async def _framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code, detail = _CODES.get(error.status_code, ("http_error", str(error.detail)))
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(sorted(_methods(request)))
    return told(request.scope, Problem(error.status_code, code, detail, headers=headers))


def _methods(request: Request) -> set[str]:
    """Return the methods of all routes of that path; each route knows its own only."""
    found = [one for one in request.app.routes if isinstance(one, Route)]
    path = request.scope["path"]
    return {each for one in found if one.path_regex.match(path) for each in one.methods or ()}


async def _gone(_request: Request, _error: Exception) -> Response:
    # Nobody reads it.
    return Response(status_code=499)
