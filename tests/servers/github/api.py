"""One request of the API from its bytes to its answer: who, what, may they, and what it costs.

Every request is written down in `calls`; what no route knows is answered 501 and kept in
`unknown`; what does not fit GitHub's description is kept in `problems`.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

from tests.servers.backend import Reply
from tests.servers.github import openapi, validation
from tests.servers.github.ask import Ask, Refusal, Said, encoded, not_found
from tests.servers.github.routes import Route, find

if TYPE_CHECKING:
    from tests.servers.github.actors import Actor
    from tests.servers.github.host import GitHub
    from tests.servers.github.world import Repository
    from tests.servers.incoming import Incoming

ENTERPRISE = "/api/v3"
#: Asking for these costs nothing.
FREE = {"GET /rate_limit"}


class Call(NamedTuple):
    """One request of the API in the log."""

    #: The operation as GitHub's description has it: "GET /repos/{owner}/{repo}"; "" if unknown.
    name: str
    method: str
    #: Raw path, without base and query.
    path: str
    query: dict[str, str]
    #: The JSON that came; None without.
    data: Any
    status: int
    actor: str
    #: Whether it cost one request of the primary limit.
    counted: bool


class Api:
    """The API of one fake GitHub."""

    def __init__(self, github: GitHub) -> None:
        self._github = github
        self.calls: list[Call] = []
        self.unknown: list[str] = []
        self.problems: list[str] = []
        #: Old path -> new path, of renamed repositories and transferred issues: answered 301.
        self.moved: dict[str, str] = {}

    def answer(self, request: Incoming) -> Reply:
        """Return the answer, and write the call down."""
        base = ENTERPRISE if self._github.enterprise else ""
        path = request.raw.removeprefix(base)
        found = find(request.method, path) if request.raw.startswith(base) else None
        if found is None:
            words = f"{request.method} {request.raw}"
            self.unknown.append(words)
            self._note("", request, path, None, 501, "", counted=False)
            return _reply(Said(501, {"message": f"The fake GitHub knows no {words}"}), ())
        with self._github.world.lock:
            return self._known(request, path, *found)

    def _known(self, request: Incoming, path: str, route: Route, parts: dict[str, str]) -> Reply:
        github, data = self._github, None
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        actor: Actor = github.issued.nobody
        counted = False
        try:
            actor = github.issued.find(request.headers.get("authorization", ""))
            data = _parsed(request)
            self._taken(route, parts, query, data)
            ask = Ask(github, actor, request.method, path, parts, query, data or {})
            if route.name not in FREE:
                counted = True
                github.limits.admit(ask)
            self._lead_on(path, request.query)
            ask.repository = self._repository(ask)
            _permit(route, ask)
            said = route.handler(ask)
        except Refusal as refusal:
            said = refusal.said
        said = self._unchanged(request, said)
        if said.status == 304 and actor.kind != "nobody":
            github.limits.give_back(actor)
            counted = False
        self.problems += validation.of_reply(route, said)
        self._note(route.name, request, path, data, said.status, actor.account.login, counted)
        return _reply(said, github.limits.headers(actor))

    def _taken(self, route: Route, parts: dict[str, str], query: dict[str, str], data: Any) -> None:
        """Refuse what does not fit the description, and keep why. Raises Refusal."""
        if wrong := validation.of_request(route, parts, query, data):
            self.problems += wrong
            raise Refusal(422, "Invalid request.\n\n" + "\n".join(wrong))
        if not isinstance(data, dict | None) and route.name not in openapi.ALSO:
            raise Refusal(400, "Body should be a JSON object")

    def _note(
        self,
        name: str,
        request: Incoming,
        path: str,
        data: Any,
        status: int,
        actor: str,
        counted: bool,
    ) -> None:
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        self.calls.append(Call(name, request.method, path, query, data, status, actor, counted))

    def _lead_on(self, path: str, query: str) -> None:
        """Raise Refusal with the new address of what has moved."""
        for old, new in self.moved.items():
            if path == old or path.startswith(f"{old}/"):
                to = f"{self._github.api}{new}{path.removeprefix(old)}"
                headers = (("Location", f"{to}?{query}" if query else to),)
                raise Refusal(301, "Moved Permanently", headers=headers)

    def _repository(self, ask: Ask) -> Repository | None:
        """Return the repository of the path, its refs looked at anew. Raises Refusal."""
        if "owner" not in ask.parts:
            return None
        found = ask.github.world.repository(f"{ask.parts['owner']}/{ask.parts['repo']}")
        if found is None:
            not_found()
        ask.github.notice(found)
        return found

    def _unchanged(self, request: Incoming, said: Said) -> Said:
        """Give a good answer to a GET its ETag; 304 when the asker has it already."""
        if request.method != "GET" or said.status != 200:
            return said
        # Over the body alone: that there is a page after it by now changes no ETag.
        digest = hashlib.sha256(encoded(said.data)).hexdigest()[:40]
        headers = (*said.headers, ("ETag", f'W/"{digest}"'))
        wanted = request.headers.get("if-none-match", "")
        if digest in wanted:
            return Said(304, None, headers)
        return Said(200, said.data, headers)


def _parsed(request: Incoming) -> Any:
    if not request.body:
        return None
    try:
        return json.loads(request.body)
    except ValueError:
        raise Refusal(400, "Problems parsing JSON") from None


def _permit(route: Route, ask: Ask) -> None:
    """Refuse who may not. Raises Refusal."""
    repo, actor = ask.repository, ask.actor
    if repo is None or not route.role:
        return
    if actor.permissions is not None:
        if not actor.reaches(repo):
            not_found()
        if not actor.granted(route.areas, route.level):
            accepted = "; ".join(f"{area}={route.level}" for area in route.areas.split())
            raise Refusal(
                403,
                "Resource not accessible by integration",
                headers=(("X-Accepted-GitHub-Permissions", accepted),),
            )
        return
    login = actor.account.login
    if not repo.at_least(login, "read"):
        not_found()
    if actor.kind == "nobody" and (route.method != "GET" or route.role != "read"):
        raise Refusal(401, "Requires authentication")
    if not repo.at_least(login, route.role):
        raise Refusal(403, f"Must have {route.role} rights to Repository.")


def _reply(said: Said, limits: tuple[tuple[str, str], ...]) -> Reply:
    headers = [("X-GitHub-Media-Type", "github.v3; format=json"), *limits, *said.headers]
    content = b""
    if said.data is not None and said.status != 204:
        headers.append(("Content-Type", "application/json; charset=utf-8"))
        content = encoded(said.data)
    return Reply(said.status, tuple(headers), content)
