"""The routes of the merge queue that work with git: check entries, and land them.

They stand beside the table, as more than one operation comes of each. What is under way goes on
when the client has gone. Not here: rules, and which commands may run (`webhook.landing`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gitcoord.domain.merge_endings import Landed
from gitcoord.domain.merges import Merge
from gitcoord.domain.record import shown
from gitcoord.errors import GitcoordError, InvalidValue
from webhook import landing
from webhook.access import caller
from webhook.api import said
from webhook.api.answering import PREFIX
from webhook.api.asking import Asking

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitcoord.storage.checkedout import Left
    from webhook.service import Service

CHECK, LAND = PREFIX + "/merges/check", PREFIX + "/merges/land"


class Naming(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which entries; none: all that can be, of every target or of one."""

    ids: list[str] = []
    target: str = ""


class ChecksDone(msgspec.Struct, frozen=True, kw_only=True):
    """The checked entries as they are now, and what was found to be merged."""

    merges: list[Merge]
    settled: list[Landed]
    #: Back in the queue, as their landing was broken off.
    back: list[Merge]
    #: Why worktrees that have a target checked out could not follow it.
    worktrees: list[str]


class LandingsDone(msgspec.Struct, frozen=True, kw_only=True):
    """All that became of entries, in the order in which it happened."""

    landed: list[Landed]
    settled: list[Landed]
    #: Those that were named and that others have landed.
    others: list[Merge]
    blocked: list[Merge]
    ejected: list[Merge]
    handed_over: list[Merge]
    back: list[Merge]
    #: Entries that have to wait, and for what.
    waiting: dict[str, str]
    worktrees: list[str]


#: What the OpenAPI document has to describe.
STRUCTS: tuple[type[msgspec.Struct], ...] = (Naming, ChecksDone, LandingsDone)


def routes(service: Service) -> list[Route]:
    """Return the routes."""

    def route(path: str, answer: Callable[[Asking, Naming], Any]) -> Route:
        async def handle(request: Request) -> Response:
            known = await caller(service, request, "agent", living=True)
            body = await said.body_of(request)
            said.no_parameters(request)
            said.not_again(request)
            try:
                found = await known.project.wait(answer, Asking(known), _read(body))
            except GitcoordError as error:
                known.project.told(error)
                raise
            finally:
                request.app.state.streams.woken(known.project)
            return JSONResponse(shown(found), headers={"Cache-Control": "no-store"})

        return Route(path, handle, methods=["POST"])

    return [route(CHECK, check), route(LAND, land)]


def check(asking: Asking, wish: Naming) -> ChecksDone:
    """Check entries now. Raises as `landing.check.check`, and `LandingRefused` without a clone."""
    from gitcoord.entrypoints.cli.merge_landing import checked

    place = landing.site(asking, asking.asker())
    found = checked(asking, place, wish.ids, wish.target)
    return ChecksDone(**found._asdict() | {"worktrees": _told(found.worktrees)})


def land(asking: Asking, wish: Naming) -> LandingsDone:
    """Land what is ready, or what is named.

    Raises `NotReady` where something that was named does not land, as `landing.line.land`, and
    `LandingRefused` without a clone.
    """
    from gitcoord.entrypoints.cli.merge_landing import document, refusal
    from gitcoord.landing.line import land as landed

    found = landed(landing.site(asking, asking.asker()), wish.ids, wish.target)
    merged = {entry.id for entry in found.merged}
    missed = [id for id in wish.ids if id not in merged]
    if missed:
        raise refusal(asking, found, missed)
    return LandingsDone(**document(found) | {"worktrees": _told(found.left)})


def paths(
    reference: Callable[[type[msgspec.Struct]], Any], problems: dict[str, Any]
) -> dict[str, Any]:
    """Return what the OpenAPI document says of the routes.

    `reference`: how it names the schema of a struct; `problems`: answers that may come of all.
    """

    def way(name: str, summary: str, answer: type[msgspec.Struct]) -> dict[str, Any]:
        content = {"application/json": {"schema": reference(answer)}}
        body = {"application/json": {"schema": reference(Naming), "example": {"target": "main"}}}
        return {
            "post": {
                "operationId": name,
                "summary": summary,
                "description": "Needs a key with scope `agent`, and a clone with the branches.",
                "tags": ["merges"],
                "requestBody": {"required": False, "content": body},
                "responses": {"200": {"description": "done", "content": content}} | problems,
            }
        }

    return {
        CHECK: way("merge_check", "Check entries, and see what others have merged", ChecksDone),
        LAND: way("merge_land", "Land what is ready: target and ledger in one", LandingsDone),
    }


def _told(left: Iterable[Left]) -> list[str]:
    """Return what is in the way of worktrees; where they are is nobody's business elsewhere."""
    return [one.text for one in left]


def _read(body: dict[str, Any]) -> Naming:
    try:
        return msgspec.convert(body, Naming)
    except msgspec.ValidationError as wrong:
        raise InvalidValue(str(wrong)) from None
