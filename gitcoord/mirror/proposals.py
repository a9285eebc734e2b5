"""Queue entries that a pull request lands: opened, noted, and followed to its end.

An entry that was handed over gets a pull request where its branch is at GitHub as it was queued.
Merged by whoever, in whatever way, it is settled; closed without a merge it is ejected. What
is done follows from what is there, so that looking twice does nothing more. Forks are never
proposed. Not here: what a pull request shows of the queue (`entries`).
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import TYPE_CHECKING

from gitcoord.domain.features import Feature
from gitcoord.domain.merge_landing import SettleMerges
from gitcoord.domain.merge_pulls import NotePull
from gitcoord.domain.merges import Merge, listed
from gitcoord.domain.merging import EjectMerge
from gitcoord.domain.tasks import Task
from gitcoord.domain.time import parse
from gitcoord.mirror import effects
from gitcoord.mirror.entries import place_of, ripe
from gitcoord.mirror.following import has_landed
from gitcoord.mirror.issues import number_of
from gitcoord.mirror.markdown import code, table
from gitcoord.mirror.status import standing

if TYPE_CHECKING:
    from gitcoord.domain.state import State
    from gitcoord.mirror.desk import Desk
    from gitcoord.mirror.facts import Thread
    from gitcoord.mirror.forge import Forge

#: What GitHub says of pull requests that may be merged -> whether that is sure. It works out some
#: time after a push whether two branches merge, and says "unknown" until then.
MERGEABLE = {"clean": True, "unstable": True, "has_hooks": True, "unknown": False}
#: Longest title, and what is taken over of a task's description, in characters.
TITLE, DESCRIPTION = 250, 2000


def towards(state: State, targets: Container[str]) -> list[str]:
    """Return the branches of entries that were handed over to land on one of these targets."""
    return [x.branch for x in listed(state) if x.status == "landing" and x.target in targets]


def unsettled(state: State) -> list[str]:
    """Return the branches of open entries of which GitHub may have news."""
    return [x.branch for x in listed(state) if x.status == "landing" or x.pr_url]


def numbers(state: State, repository: str, branch: str) -> list[int]:
    """Return the pull requests that the branch's open entries have noted here."""
    found = (noted(one, repository) for one in state.find(Merge, f"branch:{branch}"))
    return [number for number in found if number]


def noted(entry: Merge, repository: str) -> int:
    """Return the number of the pull request that an entry has noted, 0 for none of ours."""
    before, found, after = entry.pr_url.lower().partition(f"/{repository.lower()}/pull/")
    number = after.partition("/")[0].partition("#")[0].partition("?")[0]
    ours = found and before.startswith("http") and number.isascii() and number.isdigit()
    return int(number) if ours and len(number) < 19 else 0


def follow(desk: Desk, forge: Forge, branch: str) -> list[effects.Effect]:
    """Bring the branch's open entries in line with GitHub; return what is to be proposed."""
    with desk.look() as look:
        entries = look.state.find(Merge, f"branch:{branch}")
    wished: list[effects.Effect] = []
    for entry in entries:
        wished += _follow(desk, forge, entry)
    return wished


def merging(desk: Desk, forge: Forge, thread: Thread) -> list[effects.Effect]:
    """Return the merge of a pull request that lands a handed over entry, if nothing is against it.

    Whoever asks sees to it that the settings want that.
    """
    if not _ripe(desk, thread):
        return []
    now = forge.thread(thread.number)
    if now is None or now.pull is None or not now.open or not _ripe(desk, now):
        return []
    pull = now.pull
    if pull.draft or pull.mergeable not in MERGEABLE or not standing(desk, forge, now)[0].ok:
        return []
    with desk.look() as look:
        place = place_of(look, now)
    method = place.entry.method if place else "merge"
    return [effects.Merge(now.number, pull.head, method, MERGEABLE[pull.mergeable])]


def _ripe(desk: Desk, thread: Thread) -> bool:
    with desk.look() as look:
        place = place_of(look, thread)
        return place is not None and place.same and bool(place.at) and ripe(look, place.entry)


def _follow(desk: Desk, forge: Forge, entry: Merge) -> list[effects.Effect]:
    own = noted(entry, desk.hosted.name)
    pulls = _pulls(forge, entry, own)
    proposed = next((one for one in pulls if one.open), None)
    if proposed is not None:
        if proposed.number != own:
            desk.run(NotePull(id=entry.id, pr_url=proposed.url))
        return []
    if not pulls and entry.status != "landing":
        # Whoever checks it next sees what others have merged.
        return []
    result = _result(forge, entry, pulls, own)
    closed = next((one for one in pulls if one.number == own), None)
    if result:
        desk.run(SettleMerges(ids=(entry.id,), result=result))
    elif closed is not None:
        _eject(desk, entry, _ended(entry, closed))
    elif entry.status == "landing":
        return _proposed(desk, forge, entry)
    return []


def _pulls(forge: Forge, entry: Merge, own: int) -> list[Thread]:
    """Return the pull requests from the entry's branch to its target, the newest first."""
    there = {one.number: one for one in forge.pulls(entry.branch)}
    if own and own not in there and (thread := forge.thread(own)) is not None:
        there[own] = thread
    return [there[number] for number in sorted(there, reverse=True) if _is_of(there[number], entry)]


def _is_of(thread: Thread, entry: Merge) -> bool:
    pull = thread.pull
    return (
        pull is not None and pull.own and (pull.branch, pull.base) == (entry.branch, entry.target)
    )


def _result(forge: Forge, entry: Merge, pulls: Iterable[Thread], own: int) -> str:
    """Return the commit of the target that has what was queued, "" while it has not."""
    for thread in pulls:
        pull = thread.pull
        assert pull is not None
        # One that was merged before has nothing to do with it: it may be reverted since.
        late = pull.merged and (
            thread.number == own or parse(pull.merged_at) > parse(entry.queued_at)
        )
        # A later push to the pull request is no reason: it has what was queued as well.
        if late and forge.relation(pull.head, entry.head) in ("identical", "ahead"):
            return pull.result or forge.head(entry.target)
    seen = forge.comparison(entry.target, entry.head)
    if seen is None:
        return ""
    # What was squashed or rebased is told by its content, as for branches that nobody queued.
    there = not seen.ahead or (seen.behind and has_landed(forge, seen, entry.target))
    return forge.head(entry.target) if there else ""


def _ended(entry: Merge, pull: Thread) -> str:
    assert pull.pull is not None
    if not pull.pull.merged:
        return f"pull request #{pull.number} was closed without a merge"
    return (
        f"pull request #{pull.number} was merged at {pull.pull.head[:12]}, "
        f"which has not got {entry.head[:12]}"
    )


def _eject(desk: Desk, entry: Merge, reason: str) -> None:
    (reply,) = desk.run(EjectMerge(id=entry.id, reason=reason))
    if reply.error is None and entry.pr_url:
        # What is queued again is not ejected for what was closed before.
        desk.run(NotePull(id=entry.id))


def _proposed(desk: Desk, forge: Forge, entry: Merge) -> list[effects.Effect]:
    """Return the pull request that a handed over entry shall have, if its branch is there."""
    head = forge.head(entry.branch)
    if head == entry.head:
        return [_wish(desk, entry)]
    relation = forge.relation(head, entry.head) if head else ""
    if relation == "ahead":
        _eject(desk, entry, f"{entry.branch} has moved on to {head[:12]}; queue it again")
    elif relation == "diverged":
        why = f"{entry.branch} was rewound: it no longer has {entry.head[:12]}; queue it again"
        _eject(desk, entry, why)
    # Else it was not pushed yet.
    return []


def _wish(desk: Desk, entry: Merge) -> effects.Propose:
    with desk.look() as look:
        task = look.state.get(Task, entry.task) if entry.task else None
        feature = look.state.get(Feature, entry.feature) if entry.feature else None
    about = (task.title if task else "", feature.title if feature else "", entry.branch)
    title = " ".join(next(filter(None, about)).split())[:TITLE]
    return effects.Propose(
        entry.branch, entry.target, f"merge {entry.id}", title, _body(entry, task, feature)
    )


def _body(entry: Merge, task: Task | None, feature: Feature | None) -> str:
    issue = number_of(task.id) if task else 0
    rows: Iterable[list[str]] = [
        ["Entry", code(entry.id)],
        ["Commit", code(entry.head)],
        ["Task", f"{code(task.id)} {code(task.title)}" if task else ""],
        ["Issue", f"#{issue}" if issue else ""],
        ["Feature", f"{code(feature.id)} {code(feature.title)}" if feature else ""],
        ["Queued by", code(entry.agent) if entry.agent else ""],
        ["Method", entry.method],
    ]
    about = f"\n\n{code(task.description, DESCRIPTION)}" if task and task.description else ""
    ends = (
        "Opened by gitcoord's merge queue, because the target takes only pull requests. "
        "Merged, it completes the entry with its task and feature; closed without a merge, "
        "the entry is ejected."
    )
    return f"{table(['', ''], (row for row in rows if row[1]))}{about}\n\n{ends}"
