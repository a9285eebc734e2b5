"""The merge queue, as questions, and what is filled in where a branch is queued over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from gitcoord.domain.merges import Merge
from gitcoord.domain.risk import Risk
from gitcoord.domain.verification import Standing
from gitcoord.errors import InvalidValue
from webhook.api.pages import Asked, Paged, page

if TYPE_CHECKING:
    from gitcoord.domain.state import State
    from webhook.api.asking import Asking


class MergesAsked(Paged, frozen=True, kw_only=True):
    """Which entries: the open ones, or those that have ended; of one target, or all."""

    closed: Annotated[bool, Meta(description="Those that have ended, instead of the open.")] = False
    target: str = ""
    status: list[str] = []


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """An entry, and its place in the line of its target: 1 comes first, 0 is none."""

    merge: Merge
    position: int


class Merges(msgspec.Struct, frozen=True, kw_only=True):
    """Open entries by priority and age; those that have ended by their end."""

    merges: list[Placed]
    next: str = ""


def merges(asking: Asking, asked: MergesAsked) -> Merges:
    """Return the entries."""
    from gitcoord.domain.merges import listed
    from gitcoord.entrypoints.mcp.merges_shown import positions

    with asking.state() as state:
        wanted = (
            entry
            for entry in listed(state, closed=asked.closed)
            if asked.target in ("", entry.target)
            and (not asked.status or entry.status in asked.status)
        )
        found, more = page(wanted, _ended if asked.closed else _order, asked)
        places = positions(state)
        rows = [Placed(merge=entry, position=places.get(entry.id, 0)) for entry in found]
    return Merges(merges=rows, next=more)


class NextAsked(Asked, frozen=True, kw_only=True):
    """For which target; empty: where work lands by default."""

    target: str = ""


class NextMerges(msgspec.Struct, frozen=True, kw_only=True):
    """What would land now: entries that pass and can land together, in their order."""

    target: str
    merges: list[Merge]


def next_merges(asking: Asking, asked: NextAsked) -> NextMerges:
    """Return the next batch; whether git can merge it is seen when it lands.

    Raises as `landing.target`.
    """
    from gitcoord.domain.merge_order import batch
    from webhook import landing

    target = asked.target or landing.target(asking)
    with asking.state() as state:
        return NextMerges(target=target, merges=batch(state, target))


class MergeAsked(Asked, frozen=True, kw_only=True):
    """Which entry, by its id."""

    merge: str


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """Something that an entry needs and has not got; `comes`: it is open in the queue."""

    name: str
    detail: str
    comes: bool


class OneMerge(msgspec.Struct, frozen=True, kw_only=True):
    """An entry with its place, what it still needs, and how its checked tree stands."""

    merge: Merge
    position: int
    needs: list[Missing]
    #: Null while no check has made a tree.
    verification: Standing | None
    risk: Risk


def merge(asking: Asking, asked: MergeAsked) -> OneMerge:
    """Return one entry. Raises `MergeNotFound`, `InvalidId`."""
    from gitcoord.domain.merges import merge_by
    from gitcoord.entrypoints.mcp.merges_shown import positions

    with asking.state() as state:
        found = merge_by(state, asked.merge)
        place = positions(state).get(found.id, 0)
        return described(state, found, place, asking.now(state))


def described(state: State, found: Merge, place: int, now: str) -> OneMerge:
    """Return what is to be known of an entry at a time; `place` is its position."""
    from gitcoord.domain.merge_order import unmet
    from gitcoord.domain.merge_rules import verified
    from gitcoord.domain.verification import risk_of

    lacking = [] if found.archived else unmet(state, found)
    tree = found.tree or found.checked_tree
    return OneMerge(
        merge=found,
        position=place,
        needs=[Missing(name=name, detail=why, comes=comes) for name, why, comes in lacking],
        verification=verified(state, tree, [found]) if tree else None,
        risk=risk_of(
            state, found.paths, now=now, wide=found.wide, lines=found.lines,
            session=found.session, agent=found.agent, branch=found.branch,
        ),
    )  # fmt: skip


def prepared(asking: Asking, body: dict[str, Any], key: str | None) -> dict[str, Any]:
    """Return the body of `merge.enqueue` with an id, and the commit at which the branch stands.

    Whoever says the commit is believed; without it, branch, target and commit are looked up in
    the project's clone. Raises as `landing.enqueue.completed`, and `LandingRefused` without one.
    """
    from gitcoord.domain.merge_queueing import EnqueueMerge
    from gitcoord.landing.enqueue import completed
    from gitcoord.ledger.request import fresh_id
    from webhook.landing import site

    id = body.get("id") or (fresh_id("q-") if key is None else f"q-{key[2:14]}")
    found = body | {"id": id}
    if found.get("head"):
        return found
    try:
        wish = msgspec.convert(found | {"head": ""}, EnqueueMerge)
    except msgspec.ValidationError as wrong:
        raise InvalidValue(f"merge.enqueue: {wrong}") from None
    whole = completed(site(asking, asking.asker()), wish)
    return found | {"branch": whole.branch, "target": whole.target, "head": whole.head}


def _order(entry: Merge) -> str:
    return entry.order


def _ended(entry: Merge) -> str:
    return f"{entry.ended_at}\0{entry.id}"
