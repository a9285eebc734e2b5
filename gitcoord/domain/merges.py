"""Merges: the entries of the merge queue, each a branch that shall become part of its target.

Promises that a branch has at most one open entry for a target, and that an entry names exactly
the commit that was queued. Not here: legal moves (`merge_moves`), the order (`merge_order`), what
has to hold (`merge_rules`), and anything of git.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from gitcoord.domain.operation import Context, checked_id
from gitcoord.domain.record import Record
from gitcoord.domain.sessions import root
from gitcoord.domain.time import Time
from gitcoord.errors import MergeNotFound, MergeTaken

if TYPE_CHECKING:
    from gitcoord.domain.state import State

Status = Literal[
    "queued",
    "pre_merge_check",
    "ready",
    "merging",
    "landing",
    "blocked",
    "merged",
    "ejected",
    "removed",
]
Method = Literal["merge", "squash", "rebase"]
ENDED: tuple[Status, ...] = ("merged", "ejected", "removed")

#: Changed paths that an entry names; with more of them it counts as overlapping everything.
PATHS_LIMIT = 2_000
#: Entries and features that one entry may need.
NEEDS_LIMIT = 100
#: Results of checks that an entry keeps.
FINDINGS_LIMIT = 50
#: Open entries of a ledger.
OPEN_LIMIT = 1_000


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one check has found."""

    #: Short and stable, such as `feature_active` or `mergeable`.
    name: str
    passed: bool
    #: For people: what is in the way, who, until when; empty where there is nothing to say.
    text: str = ""


class Merge(Record, frozen=True, kw_only=True):
    """One entry of the queue, from when it is queued until it is merged or given up."""

    table = "merges"

    id: str
    branch: str
    #: The whole object id of the commit that was queued; it is what lands, nothing newer.
    head: str
    #: The name of the branch that it becomes part of.
    target: str
    status: Status = "queued"
    #: What is completed when it lands. A feature ends with the last open entry that names it.
    feature: str = ""
    task: str = ""
    method: Method = "merge"
    #: 1 is merged first.
    priority: Annotated[int, msgspec.Meta(ge=1, le=10)] = 5
    #: Ids of entries or features that have to be merged before.
    needs: tuple[str, ...] = ()
    #: Changed paths as the last check saw them, ordered; `wide`: they are too many to be named,
    #: or some of them cannot be, and it overlaps everything.
    paths: tuple[str, ...] = ()
    wide: bool = False
    #: Lines added and removed, as far as they were counted.
    lines: int = 0
    findings: tuple[Finding, ...] = ()
    checked_at: Time = ""
    #: The commit of the target against which it was checked, and the tree that this made.
    checked_target: str = ""
    checked_tree: str = ""
    #: While it is merging: what the target has to be, what it becomes, and the tree of that.
    expect: str = ""
    result: str = ""
    tree: str = ""
    #: Of a check or landing under way: which one (the operation that began it), until when it
    #: is nobody else's turn, and who makes it.
    run: str = ""
    lease_until: Time = ""
    runner: str = ""
    #: Landings that failed since it was queued, and how often it was ejected.
    attempts: int = 0
    ejections: int = 0
    #: Why it is blocked, handed over, back in the queue, ejected or removed.
    reason: str = ""
    pr_url: str = ""
    #: Who has queued it; the session is empty for a person.
    agent: str = ""
    session: str = ""
    queued_at: Time
    updated_at: Time
    ended_at: Time = ""
    ended_by: str = ""

    @property
    def name(self) -> str:
        """The entry's id."""
        return self.id

    @property
    def archived(self) -> bool:
        """Whether it was merged, ejected or removed. Only an ejected one can be queued again."""
        return self.status in ENDED

    @property
    def order(self) -> str:
        """Text by which entries sort before needs count: most urgent first, then oldest."""
        return f"{self.priority:02d}:{self.queued_at}:{self.id}"

    def terms(self) -> Iterable[str]:
        """Return what it is found by: its end, order, branch, feature, task and needs."""
        yield f"branch:{self.branch}"
        if self.archived:
            yield f"end:{self.ended_at}:{self.id}"
            return
        yield f"order:{self.order}"
        if self.feature:
            yield f"feature:{self.feature}"
        if self.task:
            yield f"task:{self.task}"
        yield from (f"need:{name}" for name in self.needs)


def merge_by(state: State, text: str) -> Merge:
    """Return the entry of that id, open or closed. Raises `InvalidId` and `MergeNotFound`."""
    found = state.get(Merge, checked_id(text, "merge"))
    if found is None:
        raise MergeNotFound(f"there is no entry {text} in the merge queue", id=text)
    return found


def listed(state: State, *, closed: bool = False) -> Iterator[Merge]:
    """Yield the open entries by priority, then age; with `closed` those that have ended, instead.

    `merge_order.ordered` also heeds what they need.
    """
    if closed:
        return state.scan(Merge, "end:", archived=True)
    return state.scan(Merge, "order:")


def of_branch(state: State, branch: str, target: str) -> Merge | None:
    """Return the entry with which that branch would go on: the open one, else the last ejected."""
    for entry in state.find(Merge, f"branch:{branch}"):
        if entry.target == target:
            return entry
    past = state.find(Merge, f"branch:{branch}", archived=True)
    found = [one for one in past if one.target == target]
    last = max(found, key=lambda one: (one.ended_at, one.id), default=None)
    return last if last is not None and last.status == "ejected" else None


def leased(context: Context, entry: Merge, tolerance: float) -> bool:
    """Say whether somebody's check or landing of the entry is under way."""
    return bool(entry.lease_until) and not context.over(entry.lease_until, tolerance)


def check_owner(entry: Merge, context: Context) -> None:
    """Raise `MergeTaken` unless the agent that queued it acts, or a person."""
    if context.session is None or context.agent == entry.agent:
        return
    raise MergeTaken(
        f"{entry.agent or 'a person'} has queued {entry.branch} as {entry.id}",
        hint=f"Ask {entry.agent or 'a person'} (`gitcoord message send`).",
        id=entry.id,
        agent=entry.agent,
        session=entry.session,
    )


def own(entry: Merge, holder: str) -> bool:
    """Say whether a holder belongs to the session that has queued the entry."""
    return bool(entry.session) and root(holder) == root(entry.session)
