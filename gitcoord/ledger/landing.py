"""Unlanded marks from what git shows: made when keys are released, ended when the work lands.

Joins the domain's keys with facts of the user's repository; the ledger itself changes by
operations only. A mark that cannot be judged here, because its commit or the target is
not in this clone, stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from gitcoord.domain.key_index import wanted
from gitcoord.domain.keys import FILE
from gitcoord.domain.overlap import matches
from gitcoord.domain.settings import Settings
from gitcoord.domain.unlanded import DropMarks, Dropped, Mark, MarkDraft
from gitcoord.errors import NotARepository
from gitcoord.ledger.coordinator import Coordinator
from gitcoord.storage.landing import Matcher, is_ancestor, remaining, unlanded
from gitcoord.storage.linked import linked
from gitcoord.storage.store import Oid
from gitcoord.storage.worktree import Checkout, Target, Worktree

#: A mark names so many paths; its key and branch say where the others are.
PATHS_KEPT = 100


def marks_for(
    checkout: Checkout,
    keys: Iterable[str],
    settings: Settings,
    *,
    worktree: Worktree | None = None,
) -> tuple[MarkDraft, ...]:
    """Return a draft for each key whose changes are not in the target branch yet.

    Logical keys have no files and get none. `worktree` saves asking git for it again.
    Raises `InvalidKey`, `UnknownNamespace`, `GitMissing` and `GitFailed`.
    """
    tests = {key: test for key in keys if (test := _matcher(settings, key)) is not None}
    if not tests:
        return ()
    target = checkout.target(settings.target_branch)
    here = worktree or checkout.worktree()
    return tuple(
        MarkDraft(
            key=found.key,
            branch=printable(found.branch),
            head=found.head,
            paths=tuple(printable(path) for path in found.paths[:PATHS_KEPT]),
        )
        for found in unlanded(checkout, here, tests, target)
    )


def settle(coordinator: Coordinator, checkout: Checkout, *, agent: str = "") -> list[str]:
    """Drop the marks whose changes have landed and return their names.

    A branch that has grown since is judged as it is now, with the dirty files of the
    worktree that has it checked out.
    """
    with coordinator.ledger.state() as state:
        settings = state.settings
        groups: dict[tuple[str, Oid], list[Mark]] = {}
        for mark in state.all(Mark):
            groups.setdefault((mark.branch, mark.head), []).append(mark)
    target = checkout.target(settings.target_branch) if groups else None
    if target is None:
        return []
    places = {one.branch: one.path for one in linked(checkout) if one.branch}
    names = [
        mark.name
        for (branch, head), marks in groups.items()
        for mark in _landed(checkout, target, settings, marks, places.get(branch))
    ]
    if not names:
        return []
    wish = DropMarks(names=tuple(names), why="landed")
    return list(coordinator.do(wish, Dropped, agent=agent).dropped)


def printable(text: str) -> str:
    """Return a path or name with bytes that are no UTF-8 written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _landed(
    checkout: Checkout,
    target: Target,
    settings: Settings,
    marks: Sequence[Mark],
    place: str | None,
) -> list[Mark]:
    """Return those of the marks of one branch and head whose changes have landed."""
    head = checkout.resolve(marks[0].head)
    if head is None:
        return []
    tip = checkout.resolve(f"refs/heads/{marks[0].branch}")
    if tip is not None and is_ancestor(checkout, head, tip):
        head = tip
    tests = {mark: _matcher(settings, mark.key) or _nothing for mark in marks}
    left = set(
        remaining(
            checkout, head, target.oid, lambda path: any(test(path) for test in tests.values())
        )
    )
    if place is not None:
        left.update(_dirty(checkout, place))
    return [mark for mark, test in tests.items() if not any(test(path) for path in left)]


def _dirty(checkout: Checkout, place: str) -> tuple[str, ...]:
    try:
        return checkout.elsewhere(place).dirty()
    except NotARepository:
        # The worktree was deleted by hand, and what was not committed with it.
        return ()


def _matcher(settings: Settings, text: str) -> Matcher | None:
    key = wanted(settings, text)
    if key.namespace != FILE:
        return None
    return partial(matches, key, fold_case=settings.case_folding)


def _nothing(path: str) -> bool:
    return False
