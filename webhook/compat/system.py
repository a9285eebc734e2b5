"""A system's routes: a table of lines, and how that system says yes and no.

A line is answered as one of our own routes is: who asks, decode, run in a thread, encode. All that
goes wrong below a system's prefixes is told in its envelope: no key, no JSON, no such route, the
wrong method. What is keyless acts for the only project. Not here: the words of any system.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, compile_path

from gitcoord.domain.operation import Answer, Operation
from gitcoord.entrypoints.cli.keys import typed
from gitcoord.errors import GitcoordError
from webhook.access import Caller, address, caller, credentials
from webhook.api import waiting
from webhook.api.asking import Asking
from webhook.keys import Scope
from webhook.problems import Problem
from webhook.service import Service

A = TypeVar("A", bound=Answer)

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
#: Who may ask without a key: nobody, anybody, or whoever sits at this machine if it is configured.
Keyless = Literal["", "anybody", "here"]


class Line(NamedTuple):
    """One route."""

    method: str
    path: str
    scope: Scope
    answer: Callable[[Ask], Any]
    #: What the body is decoded as; None: it is not read.
    body: type[msgspec.Struct] | None = None
    status: int = 200
    keyless: Keyless = ""
    #: Fields that the system shows in every answer, also in a refusal.
    blank: Mapping[str, Any] = {}


class Misfit(Problem):
    """A body or parameter that is not what the route takes."""

    def __init__(self, field: str, detail: str, *, missing: bool = False) -> None:
        super().__init__(400, "invalid_value", f"{field}: {detail}" if field else detail)
        self.field = field
        self.words = detail
        self.missing = missing


class Absent(Problem):
    """Something that gitcoord does not have yet."""

    def __init__(self, what: str) -> None:
        super().__init__(501, "not_implemented", f"gitcoord does not have {what} yet")


def absent(what: str) -> Callable[[Ask], Any]:
    """Return the function of a route whose part of gitcoord is still to come."""

    def refuse(_ask: Ask) -> Any:
        raise Absent(what)

    return refuse


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


@dataclass(frozen=True)
class Ask:
    """One request to a line, as its function sees it, in a thread."""

    service: Service
    asking: Asking
    body: Any
    query: Mapping[str, str]
    path: Mapping[str, str]

    @property
    def caller(self) -> Caller:
        """Who asks."""
        return self.asking.caller

    @property
    def key(self) -> str:
        """What keeps the conversations of this caller apart from those of others."""
        return self.caller.name.rpartition(" ")[2]

    def do(self, operation: Operation, answer: type[A], session: str | None = None) -> A:
        """Run an operation and return its answer, or raise its refusal."""
        return waiting.decided(self.asking, operation, answer, session, None)

    def lock_key(self, word: str) -> str:
        """Return the key that a path means: what exists is taken as what it is."""
        (key,) = typed([word], self.asking.house.repository, self.asking.directory)
        return key

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """Return a number of the query. Raises `Misfit`."""
        text = self.query.get(name)
        if text is None:
            return default
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise Misfit(name, f"a number from {least} to {most}")
        return int(text)


def routes(service: Service, *systems: System) -> list[BaseRoute]:
    """Return the routes of systems; they come after all of ours, which win."""
    found: list[BaseRoute] = []
    for system in systems:
        lines = sorted(system.lines, key=lambda line: "{" in line.path)
        for line in lines:
            handler = _handler(service, system, line)
            found.append(Route(system.base + line.path, handler, methods=[line.method]))
        found += _nowhere(system)
    return found


def _handler(
    service: Service, system: System, line: Line
) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        known: Caller | None = None
        try:
            known = await _caller(service, request, line)
            body = None if line.body is None else decoded(await request.body(), line.body)
            ask = Ask(service, Asking(known), body, request.query_params, request.path_params)
            return system.told(line, await known.project.work(_answer, line, ask))
        except GitcoordError as error:
            if known is not None:
                known.project.told(error)
            return system.refused(line, error)
        except Problem as problem:
            return system.refused(line, problem)

    return handle


def _answer(line: Line, ask: Ask) -> Any:
    if line.method == "GET":
        ask.caller.project.fresh()
    return line.answer(ask)


def _nowhere(system: System) -> list[BaseRoute]:
    """Return the routes that say in the system's words that there is no such route."""
    forms = [(compile_path(system.base + line.path)[0], line.method) for line in system.lines]

    async def nowhere(request: Request) -> Response:
        allowed = sorted({method for form, method in forms if form.match(request.url.path)})
        if allowed:
            detail = f"this route takes {', '.join(allowed)}"
            headers = {"Allow": ", ".join(allowed)}
            return system.refused(None, Problem(405, "method_not_allowed", detail, headers=headers))
        return system.refused(None, Problem(404, "not_found", "there is no such route"))

    ends = [f"{prefix}{rest}" for prefix in system.prefixes for rest in _BELOW]
    return [Route(path, nowhere, methods=METHODS) for path in ends]


_BELOW = ("", "/{rest:path}")


def decoded(data: bytes, kind: type[msgspec.Struct]) -> Any:
    """Return the JSON body as the struct; nothing is an empty object. Raises `Problem` 400.

    Whatever the request says that it is: the systems did not look at that either.
    """
    try:
        found = msgspec.json.decode(data or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise Problem(400, "malformed_body", f"the body is no JSON: {wrong}") from None
    if not isinstance(found, dict):
        raise Problem(400, "malformed_body", "the body is no JSON object")
    # The systems take null for what is left out.
    said = {name: value for name, value in found.items() if value is not None}
    try:
        return msgspec.convert(said, kind)
    except msgspec.ValidationError as wrong:
        raise _misfit(str(wrong)) from None


def _misfit(text: str) -> Misfit:
    if named := re.search(r"missing required field `(\w+)`", text):
        return Misfit(named[1], "this field is required", missing=True)
    words, _, place = text.partition(" - at `$.")
    return Misfit(place.rstrip("`"), words)


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
    return keyless == "anybody" or (
        settings.loopback_dashboard and not settings.behind_proxy and _here(request)
    )


def _here(request: Request) -> bool:
    """Say whether a program of this machine asks, and not a page of elsewhere in its browser."""
    host = request.client.host if request.client else ""
    named = request.url.hostname or ""
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site", "none")
    return (
        _loopback(host)
        and (named == "localhost" or _loopback(named))
        and origin in (None, f"{request.url.scheme}://{request.url.netloc}")
        and site in ("none", "same-origin")
    )


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
