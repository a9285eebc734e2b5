"""How a branch joins the line: its head is looked up, and what can never land is told at once.

Promises that the commit that is queued is the one at which the branch stands now. Not here:
checks of what may change until it lands (`check`).
"""

from __future__ import annotations

from gitcoord.domain.features import Feature
from gitcoord.domain.merge_queueing import Enqueued, EnqueueMerge
from gitcoord.domain.merges import Merge
from gitcoord.domain.tasks import Task
from gitcoord.errors import (
    BranchMissing,
    InvalidValue,
    NothingToLand,
    UnrelatedHistories,
    UsageError,
)
from gitcoord.landing.facts import tried
from gitcoord.landing.site import Site, opened, stands, tip, tips
from gitcoord.storage.merging import Clash
from gitcoord.storage.store import Oid


def enqueue(site: Site, wish: EnqueueMerge) -> Enqueued:
    """Queue a branch at its present head; see `completed`.

    Raises also what the operation refuses.
    """
    return site.do(completed(site, wish), Enqueued)


def completed(site: Site, wish: EnqueueMerge) -> EnqueueMerge:
    """Return the wish with branch, target and present head; `wish.head` is not heeded.

    The branch is that of the wish, of its feature or task, else the current one; the target
    that of the wish, else the one on which work lands here. Raises `BranchMissing`,
    `NothingToLand`, `UnrelatedHistories`, `UsageError` where no branch or target is known, and
    what keeps us from git or the host.
    """
    opened(site)
    target = wish.target or target_of(site)
    branch = wish.branch or _branch(site, wish)
    if branch == target:
        raise UsageError(
            f"{branch} is the target itself", hint="Name the branch that shall be merged into it."
        )
    head = _head(site, branch)
    _check(site, branch, head, target)
    body = {name: getattr(wish, name) for name in wish.__struct_fields__}
    return EnqueueMerge(**body | {"branch": branch, "target": target, "head": head})


def only_here(site: Site, entry: Merge) -> bool:
    """Say whether no other clone can land the entry, because its branch is not at the host.

    Never where this repository keeps the ledger. Raises what keeps us from the host.
    """
    if site.wire is None:
        return False
    return tips(site, [entry.branch])[entry.branch].there != entry.head


def target_of(site: Site) -> str:
    """Return the branch on which work lands: that of the settings, else the repository's own.

    Raises `UsageError` where there is none yet.
    """
    with site.coordinator.ledger.state() as state:
        setting = state.settings.target_branch
    if setting:
        return setting
    found = site.checkout.target()
    if found is None:
        raise UsageError("no branch is known on which work lands", hint="Name it with --target.")
    return found.name.removeprefix("origin/")


def _branch(site: Site, wish: EnqueueMerge) -> str:
    with site.coordinator.ledger.state() as state:
        feature = state.get(Feature, wish.feature) if wish.feature else None
        task = state.get(Task, wish.task) if wish.task else None
    known = (feature.branch if feature else "", task.branch if task else "")
    found = next(filter(None, (*known, site.checkout.branch())), "")
    if not found:
        raise UsageError("which branch? None is checked out here", hint="Name it.")
    return found


def _head(site: Site, branch: str) -> Oid:
    """Return where the branch stands: here, unless others have pushed something else since."""
    try:
        branch.encode()
    except UnicodeEncodeError as wrong:
        shown = branch.encode("utf-8", "backslashreplace").decode()
        raise InvalidValue(
            f"the name of {shown} is no UTF-8",
            hint="Queue it under another name: git branch NAME COMMIT.",
        ) from wrong
    found = tips(site, [branch])[branch]
    head = found.here or found.there
    if head is not None and not stands(site, branch, head, found):
        head = found.there  # This clone has not pulled what others have made of it.
    if head is None:
        raise BranchMissing(
            f"there is no branch {branch}", hint="See `git branch --all`.", branch=branch
        )
    return head


def _check(site: Site, branch: str, head: Oid, target: str) -> None:
    """Raise where the branch brings nothing, or has nothing to do with its target."""
    found = tried(site, head, tip(site, target), "merge")
    if not isinstance(found, Clash):
        return
    if found.kind in ("nothing", "landed"):
        raise NothingToLand(
            f"{branch} has nothing to land: {found.text}",
            hint="Commit something to it first.",
            branch=branch,
            target=target,
        )
    if found.kind == "unrelated":
        raise UnrelatedHistories(
            f"{branch} and {target} do not belong together: {found.text}",
            hint="Run `git fetch --unshallow`, then try again."
            if "--unshallow" in found.text
            else f"Rebase {branch} onto {target}, or queue it for another target.",
            branch=branch,
            target=target,
        )
