"""Logging in with an API key, and out again.

A log-in holds one key for each project; another key is added to those that were shown before.
Not here: the cookie (`cookie`), and what it opens (`visitor`).
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from webhook.access import address
from webhook.dashboard import cookie
from webhook.dashboard.forms import back, sent
from webhook.dashboard.pages import LOGIN, ROOT, Dashboard, answered, failed
from webhook.dashboard.visitor import keep, visitor
from webhook.problems import Problem

if TYPE_CHECKING:
    from webhook.keys import Key

LOG = logging.getLogger("gitcoord.service")
LOGOUT = f"{ROOT}/logout"


def routes(dashboard: Dashboard) -> list[Route]:
    """Return the routes."""

    async def shown(request: Request) -> Response:
        return _form(dashboard, request)

    async def entered(request: Request) -> Response:
        return await _entered(dashboard, request)

    async def left(request: Request) -> Response:
        return await _left(dashboard, request)

    return [
        Route(LOGIN, shown, methods=["GET"]),
        Route(LOGIN, entered, methods=["POST"]),
        Route(LOGOUT, left, methods=["POST"]),
    ]


def _form(dashboard: Dashboard, request: Request, wrong: str = "", status: int = 200) -> Response:
    found = visitor(dashboard.service, dashboard.cookies, request)
    place = back(request.query_params, "next")
    shown = {"wrong": wrong, "next": place}
    return answered(dashboard, found, request, "login.html", shown, status)


async def _entered(dashboard: Dashboard, request: Request) -> Response:
    found = visitor(dashboard.service, dashboard.cookies, request)
    try:
        dashboard.service.rates.take(f"login {address(request)}")
        fields = await sent(dashboard.cookies, found, request)
    except Problem as problem:
        return failed(dashboard, found, request, problem)
    key = dashboard.service.keys.find(fields.get("key", "").strip())
    if key is None or key.project not in dashboard.service.projects:
        LOG.warning("a log-in with a key that is not known, from %s", address(request))
        return _form(dashboard, request, "The key is unknown, or was revoked.", 403)
    LOG.info("key %s has logged in, from %s", key.id, address(request))
    response = RedirectResponse(back(fields, "next"), 303)
    # A new pass: what somebody may have planted before the log-in is good for nothing.
    keys = [*(one for one in found.shown.keys if one not in _same(dashboard, key)), key.id]
    now = time.time()
    keep(response, request, dashboard.cookies, cookie.fresh(keys, now))
    if found.shown.keys:
        # It goes on in the new one: who logs out of that is to be out of both.
        dashboard.cookies.end(found.shown, now)
    return response


async def _left(dashboard: Dashboard, request: Request) -> Response:
    found = visitor(dashboard.service, dashboard.cookies, request)
    try:
        await sent(dashboard.cookies, found, request)
    except Problem as problem:
        return failed(dashboard, found, request, problem)
    dashboard.cookies.end(found.shown, time.time())
    response = RedirectResponse(LOGIN, 303)
    response.delete_cookie(cookie.NAME, path=cookie.PATH, httponly=True, samesite="strict")
    return response


def _same(dashboard: Dashboard, key: Key) -> set[str]:
    """Return the ids of all keys of the key's project."""
    return {one.id for one in dashboard.service.keys.list(key.project)}
