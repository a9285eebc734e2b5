"""What git says of one queue entry at this moment, against the tip of its target.

Promises answers about exactly the commit that was queued, each with its own name, and changes
nothing but that objects are added. Not here: what the ledger says of the entry
(`domain.merge_rules`), and noting any of it (`check`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gitcoord.domain.merges import Finding, Merge, Method
from gitcoord.landing.site import Site, Tips, ahead, stands, tips
from gitcoord.storage.landing import changed_lines, remaining
from gitcoord.storage.merging import Clash, Combined, combine
from gitcoord.storage.store import Oid

#: Clashes of a branch of which its target has everything.
_LANDED = ("nothing", "landed")
#: Clashes in which both sides have changed the same.
_BOTH = ("conflict", "binary", "submodule")
#: Who makes the commits of a trial, and when.
_NOBODY = b"gitcoord <trial@gitcoord> 0 +0000"


#: What is said of a commit that only another clone has.
_NOWHERE = "not here; push the branch, or check where it is"


class Facts(NamedTuple):
    """What git has found of an entry."""

    #: At least one; all passed: it can become part of the target.
    findings: tuple[Finding, ...]
    #: Whether the target has all of it, whoever has merged it.
    landed: bool = False
    #: The tree that the merge makes; "" where it makes none.
    tree: Oid = ""
    #: What the target would be changed in, as git stores it.
    paths: tuple[str, ...] = ()
    #: Lines added and removed.
    lines: int = 0


def facts(site: Site, entry: Merge, target: Oid, tips: Tips) -> Facts:
    """Return what git says of an entry; `tips`: where its branch stands.

    Raises `GitTooOld`, `GitMissing` and `GitFailed`.
    """
    checkout = site.checkout
    known = checkout.resolve(entry.head) is not None
    found = tried(site, entry.head, target, entry.method) if known else None
    if isinstance(found, Clash) and found.kind in _LANDED:
        return Facts((_finding("mergeable", found.text),), landed=True)
    branch = _branch(site, entry, tips, known)
    if found is None:
        return Facts((branch,))
    if isinstance(found, Clash):
        return Facts((branch, _finding("mergeable", _told(entry, found))))
    lines = changed_lines(checkout, target, entry.head)
    mergeable = Finding(name="mergeable", passed=True)
    return Facts((branch, mergeable), False, found.tree, found.paths, lines)


def has(site: Site, entry: Merge, target: Oid) -> bool:
    """Say whether the target has, or once had, what an entry brings: others have merged it.

    For entries of which somebody else says, or has to see to it, that they are merged. Work on
    the same lines since then is no reason to doubt that. Raises as `facts`.
    """
    checkout = site.checkout
    if checkout.resolve(entry.head) is None:
        return False
    found = tried(site, entry.head, target, entry.method)
    if not isinstance(found, Clash):
        return False
    if found.kind in _LANDED:
        return True
    return found.kind in _BOTH and not remaining(checkout, entry.head, target, lambda _: True)


def moved(site: Site, entries: Sequence[Merge]) -> list[str]:
    """Return the ids of those whose branch is not at the queued commit. Raises as `tips`."""
    found = tips(site, (entry.branch for entry in entries))
    return [one.id for one in entries if not stands(site, one.branch, one.head, found[one.branch])]


def nameable(paths: tuple[str, ...]) -> tuple[tuple[str, ...], bool]:
    """Return the paths that the ledger can name, and whether there are others."""
    kept = tuple(path for path in paths if path.isascii() or _utf8(path))
    return kept, len(kept) < len(paths)


def no_target(entry: Merge) -> Facts:
    """Return what is said of an entry whose target is gone."""
    return Facts((_finding("target", f"there is no branch {entry.target}"),))


def tried(site: Site, head: Oid, target: Oid, method: Method) -> Combined | Clash:
    """Merge for trial: the same question again adds nothing to the objects. Raises as `facts`."""
    return combine(site.checkout, target, head, method, "trial\n", _NOBODY)


def _branch(site: Site, entry: Merge, tips: Tips, known: bool) -> Finding:
    """Return whether the branch is still what was queued."""
    short = entry.head[:12]
    if not known and (tips.all or site.wire is not None):
        text = f"commit {short} of {entry.branch} is {_NOWHERE}"
        return _finding("branch", text)
    if not tips.all:
        return _finding("branch", f"there is no branch {entry.branch} any more")
    if stands(site, entry.branch, entry.head, tips):
        return Finding(name="branch", passed=True)
    newer = ahead(site, entry.head, tips)
    if newer:
        text = f"{entry.branch} has moved on to {newer[0][:12]}; queue it again"
        return _finding("branch", text)
    text = f"{entry.branch} was rewound: it no longer has {short}; queue it again"
    return _finding("branch", text)


def _told(entry: Merge, clash: Clash) -> str:
    if clash.kind in _BOTH:
        return f"conflicts with {entry.target}: {clash.text}"
    return clash.text


def _finding(name: str, text: str) -> Finding:
    return Finding(name=name, passed=False, text=text)


def _utf8(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
