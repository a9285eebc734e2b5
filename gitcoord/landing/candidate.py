"""The commit that a target would become: a batch of entries, merged one after the other.

Promises a chain on exactly the tip that is named, each link by the method of its entry and with
a message that says whose work it is. Nothing names the commit yet. Not here: which entries go
together (`domain.merge_order`), and moving the target (`line`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gitcoord.domain.features import Feature
from gitcoord.domain.merges import Merge
from gitcoord.domain.tasks import Task
from gitcoord.domain.trailers import Made, lines
from gitcoord.landing.site import Site
from gitcoord.storage.commits import identity
from gitcoord.storage.merging import Clash, combine, tree_of
from gitcoord.storage.store import Oid
from gitcoord.storage.worktree import path_of

#: Names the entry of the queue in the message of its commit.
TRAILER = "Coord-Merge"
#: Commits that the message of a squash names.
_NAMED = 50


class Candidate(NamedTuple):
    """What the target becomes if these entries land."""

    oid: Oid
    tree: Oid
    #: The tip of the target that it was built on.
    base: Oid
    entries: tuple[Merge, ...]
    #: All paths in which it differs from the target, as git stores them, sorted.
    paths: tuple[str, ...]
    #: Entries that change paths here which their checks have not seen: the target has moved.
    strayed: tuple[str, ...] = ()


class Stuck(NamedTuple):
    """The first entry of a batch that does not fit to those before it."""

    entry: Merge
    clash: Clash


def build(site: Site, entries: Sequence[Merge], tip: Oid) -> Candidate | Stuck:
    """Return the candidate of a batch on the tip of its target, or where it gets stuck.

    Raises `GitTooOld`, `GitMissing` and `GitFailed`.
    """
    who = identity(site.checkout, site.agent)
    at = tip
    paths: set[str] = set()
    strayed = []
    for entry in entries:
        text = _message(site, entry, at)
        found = combine(site.checkout, at, entry.head, entry.method, text, who)
        if isinstance(found, Clash):
            return Stuck(entry, found)
        at = found.oid
        paths.update(found.paths)
        if not entry.wide and not set(entry.paths).issuperset(found.paths):
            strayed.append(entry.id)
    tree = tree_of(site.checkout, at)
    return Candidate(at, tree, tip, tuple(entries), tuple(sorted(paths)), tuple(strayed))


def _message(site: Site, entry: Merge, base: Oid) -> str:
    """Return the message of an entry's commit, trailers last."""
    with site.coordinator.ledger.state() as state:
        task = state.get(Task, entry.task) if entry.task else None
        feature = state.get(Feature, entry.feature) if entry.feature else None
    about = task.title if task else feature.title if feature else ""
    trailers = [f"{TRAILER}: {entry.id}"]
    if entry.session:
        trailers += lines(Made(entry.session))
    if entry.method == "squash":
        subjects = _subjects(site, entry, base)
        single = subjects[0] if len(subjects) == 1 else ""
        body = [] if single else [f"* {one}" for one in subjects]
        head = single or about or f"Squash branch '{entry.branch}'"
    else:
        head, body = f"Merge branch '{entry.branch}' into {entry.target}", [about]
    parts = (head, "\n".join(filter(None, body)), "\n".join(trailers))
    return "\n\n".join(filter(None, parts)) + "\n"


def _subjects(site: Site, entry: Merge, base: Oid) -> list[str]:
    """Return the subjects of the commits that a squash puts together, oldest first."""
    command = ("log", "--no-merges", "--encoding=UTF-8", "--format=%s", f"--max-count={_NAMED}")
    found = site.checkout.run(*command, entry.head, f"^{base}")[1]
    return [line for line in path_of(found).split("\n") if line][::-1]
