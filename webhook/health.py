"""Whether the service lives, and whether it can decide: for whoever starts it and whoever looks.

Health needs no key and says nothing about anybody. Ready means that every project's ledger can be
read and its git host was reached. Not here: numbers, which are in `metrics`.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from gitcoord.errors import GitcoordError
from webhook.access import address, caller, credentials
from webhook.projects import Project
from webhook.service import Service


def routes(service: Service) -> list[Route]:
    """Return the routes."""

    async def health(_request: Request) -> JSONResponse:
        body = {"status": "ok", "version": version("gitcoord")}
        return JSONResponse(body, headers={"Cache-Control": "no-store"})

    async def ready(request: Request) -> JSONResponse:
        if service.settings.require_key_everywhere or credentials(request):
            await caller(service, request, "read")
        else:
            service.rates.take(address(request))
        found = {
            name: await project.work(_trouble, project)
            for name, project in service.projects.items()
        }
        good = not any(found.values())
        # What is wrong with which project is for those who have a key, at /api/v1/status.
        body: dict[str, Any] = {"ready": good, "projects": len(found)}
        return JSONResponse(body, 200 if good else 503, headers={"Cache-Control": "no-store"})

    return [Route("/health", health), Route("/ready", ready)]


def _trouble(project: Project) -> str:
    """Return why nothing can be decided; "" where all is well."""
    try:
        project.fresh()
        house = project.house()
        house.ledger.head()
    except GitcoordError as error:
        project.told(error)
        return error.code
    trouble = None if house.wire is None else house.wire.contact.error
    return "" if trouble is None else trouble.code
