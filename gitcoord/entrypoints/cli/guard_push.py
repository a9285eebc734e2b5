"""`gitcoord guard push`: what a push would bring to a remote, against the locks and tokens.

Refuses paths that another session holds, unless only that session has made the commits;
commits whose `Coord-Token:` somebody else's grant has overtaken, unless work under a newer
token goes on from them; and what takes commits away from a protected branch.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from shlex import quote
from typing import NamedTuple

import click

from gitcoord.domain.sessions import root
from gitcoord.entrypoints.cli.checkpoint import SHOWN, Checkpoint, Group, counted, held, lenient
from gitcoord.entrypoints.cli.desk import Desk, acting, command
from gitcoord.entrypoints.cli.pushed import HEADS, Brought, Piece, Remote, Update, updates
from gitcoord.errors import Denied, Refused, StaleToken


class Work(NamedTuple):
    """A commit that names a token, and those of its paths that nobody holds anew."""

    piece: Piece
    group: Group
    paths: frozenset[str]
    brought: Brought


@click.command(epilog="Example: gitcoord guard push origin git@example.org:x.git")
@click.argument("remote", default="")
@click.argument("url", default="")
@acting
@command
def push(desk: Desk, remote: str, url: str) -> None:
    """Refuse a push of what others hold; the hook `pre-push` calls this.

    Reads the lines that git gives that hook: local ref, local object, remote ref, remote object.
    """
    paths: frozenset[str] = frozenset()
    checked = False
    with lenient(desk) as here:
        wanted = updates(sys.stdin.buffer.read())
        if wanted and here.present():
            there = Remote(desk, remote or url)
            refusal: Refused | None = _protected(there, wanted)
            if refusal is None:
                brought = [
                    there.brought(update)
                    for update in wanted
                    if update.local and not _lands(desk, update)
                ]
                paths = frozenset().union(*(one.paths() for one in brought))
                refusal = _held(here, brought) or _stale(here, brought)
                refusal = refusal or here.unvouched(sorted(paths))
            here.settle("push", refusal, sorted(paths))
            checked = True
    desk.show({"checked": checked, "paths": len(paths)}, "")


def _lands(desk: Desk, update: Update) -> bool:
    """Say whether a landing of the merge queue pushes it: the swap itself asks for its locks."""
    from gitcoord.domain.merges import listed

    with desk.state() as state:
        return any(
            entry.status == "merging"
            and entry.result == update.local
            and HEADS + entry.target == update.ref
            for entry in listed(state)
        )


def _protected(there: Remote, wanted: Iterable[Update]) -> Denied | None:
    """Return the refusal of what would take commits away from a protected branch."""
    from gitcoord.storage.landing import is_ancestor

    refs = there.protected()
    for update in wanted:
        if update.ref not in refs or not update.remote:
            continue
        known = there.checkout.resolve(update.remote)
        if update.local and known and is_ancestor(there.checkout, known, update.local):
            continue
        name = update.ref.removeprefix(HEADS)
        deed = "overwrite commits of" if update.local else "delete"
        return Denied(
            f"this push is refused: it would {deed} {name}, which is protected",
            hint=f"Fetch, and merge or rebase onto {name}, or push a revert.",
            ref=update.ref,
            branch=name,
        )
    return None


def _held(here: Checkpoint, brought: Sequence[Brought]) -> Refused | None:
    """Return the refusal of paths that others hold and that not only they have changed."""
    makers: dict[str, set[str]] = {}
    for piece in (piece for one in brought for piece in one.pieces):
        for path in piece.paths:
            maker = root(piece.made.session) if piece.made else ""
            makers.setdefault(path, set()).add(maker)
    found = []
    for one in here.obstructed(makers) if makers else ():
        paths = [path for path in one.paths if makers[path] != {root(one.lock.session)}]
        found += [one._replace(paths=paths)] if paths else []
    return held(found, "this push is refused", _without) if found else None


def _without(path: str) -> str:
    return (
        f"Wait for it with `gitcoord lock acquire {quote(path)} --wait 10m`, or push without"
        " the commits that change it."
    )


def _stale(here: Checkpoint, brought: Sequence[Brought]) -> StaleToken | None:
    """Return the refusal of commits that were made under a token which is overtaken."""
    works = [work for one in brought for work in _works(here, one)]
    groups: dict[Group, set[str]] = {}
    for work in works:
        groups.setdefault(work.group, set()).update(work.paths)
    known = here.overtaken({group: sorted(paths) for group, paths in groups.items()})
    found = []
    for work in works:
        for one in known:
            if work.group == (one["session"], one["epoch"], one["token"]):
                hit = work.paths.intersection(one["paths"])
                paths = sorted(path for path in hit if not _carried_on(here, work, path))
                found += [one | {"commit": work.piece.oid, "paths": paths}] if paths else []
    if not found:
        return None
    paths = list(dict.fromkeys(path for one in found for path in one["paths"]))
    return StaleToken(
        f"this push is refused: {counted(paths)} written under a token that is overtaken",
        hint=f"Take it again with `gitcoord lock acquire {quote(paths[0])}`, see that the work of"
        " others is in your branch, then push.",
        stale=found[:SHOWN],
    )


def _works(here: Checkpoint, brought: Brought) -> Iterator[Work]:
    """Yield the commits whose token may be overtaken."""
    from gitcoord.domain.guarding import tokens

    with here.desk.state() as state:
        for piece in brought.pieces:
            made = piece.made
            if made is None or made.token is None or not piece.paths:
                continue
            # Whoever holds a path again, under a token as high, answers for what is in it.
            held_now = tokens(state, piece.paths, here.acting[1] | {root(made.session)})
            left = {path for path in piece.paths if held_now.get(path, (0, 0)) < made.token}
            if left:
                yield Work(piece, (made.session, *made.token), frozenset(left), brought)


def _carried_on(here: Checkpoint, work: Work, path: str) -> bool:
    """Say whether work under a newer token goes on from this commit: then that one counts."""
    from gitcoord.storage.introduced import descendants

    own = work.group[1:]
    later = {
        piece.oid
        for piece in work.brought.pieces
        if path in piece.paths and piece.made and (piece.made.token or own) > own
    }
    if not later:
        return False
    on = descendants(here.desk.checkout, work.piece.oid, work.brought.tip)
    return not later.isdisjoint(on)
