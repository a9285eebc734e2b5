"""What the state of the ledger says of a queue entry: the checks that need no git.

Asked at every check, when a landing begins, and once more in the very state with which the
target is swapped, so that what passed a minute ago and no longer holds does not land. Not
here: what git says of a branch, and what follows from a failed check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from gitcoord.domain.approvals import Subject, granted, live
from gitcoord.domain.feasibility import rated
from gitcoord.domain.features import Feature
from gitcoord.domain.key_index import wanted
from gitcoord.domain.keys import escape
from gitcoord.domain.locks import Lock, excluding, over, several
from gitcoord.domain.merge_order import ordered, unmet
from gitcoord.domain.merges import Finding, Merge, own
from gitcoord.domain.obstacles import pause_of
from gitcoord.domain.operation import Context
from gitcoord.domain.registering import report
from gitcoord.domain.tasks import Task
from gitcoord.domain.verification import Standing, need, risk_of, standing
from gitcoord.errors import InvalidKey, NotReady, VerificationFailed, VerificationMissing

if TYPE_CHECKING:
    from gitcoord.domain.state import State


def findings(
    state: State, context: Context, entry: Merge, together: Sequence[Merge] = ()
) -> tuple[Finding, ...]:
    """Return what the state says of an entry, each check with its own name.

    `together`: the entries of its batch that land before it. What is verified of its tree is
    asked apart (`verified`).
    """
    found = (rule(state, context, entry) for rule in RULES)
    return (*(one for one in found if one is not None), _needs(state, entry, together))


def failed(found: Sequence[Finding]) -> str:
    """Return in a line what has not passed, or ""."""
    return "; ".join(one.text or one.name for one in found if not one.passed)


def check_rules(
    state: State, context: Context, entry: Merge, together: Sequence[Merge] = ()
) -> None:
    """Raise `NotReady` where a check does not pass, or something needed comes later."""
    found = findings(state, context, entry, together)
    late = "; ".join(f"needs {why}" for _, why, _ in unmet(state, entry, together))
    why = failed(found) or late
    if why:
        raise NotReady(
            f"{entry.id} ({entry.branch}) cannot land: {why}",
            hint=f"Run `gitcoord merge show {entry.id}`.",
            merge=entry.id,
            status=entry.status,
            issues=[one.name for one in found if not one.passed] or ["needs"],
        )


def subject(entry: Merge) -> Subject:
    """Return what a person approves: the entry at the commit that was queued."""
    return Subject(kind="merge", text=entry.id, head=entry.head)


def crossing(state: State, context: Context, entry: Merge) -> list[Lock]:
    """Return the live exclusive locks of others on what the entry changes, by their end.

    Those of the session that queued it, and of its task, are its own.
    """
    found = {
        lock.name: lock
        for lock in _near(state, entry)
        if lock.mode == "exclusive"
        and not own(entry, lock.session)
        and not (entry.task and entry.task in (lock.task, *lock.also_for))
        and not over(state, context, lock)
    }
    return sorted(found.values(), key=lambda lock: (lock.expires_at, lock.name))


def _near(state: State, entry: Merge) -> Iterator[Lock]:
    """Yield exclusive locks of others on what it changes; a folder without any is asked once."""
    if not state.holds(Lock.table):
        return
    if entry.wide:
        yield from state.scan(Lock, "at:file:")
        return
    folders: dict[str, list[str]] = {}
    for path in entry.paths:
        folders.setdefault(path.rpartition("/")[0], []).append(path)
    for folder, paths in folders.items():
        many = folder and len(paths) > 1
        if many and next(_excluding(state, entry, folder + "/"), None) is None:
            continue
        for path in paths:
            yield from _excluding(state, entry, path)


def _excluding(state: State, entry: Merge, path: str) -> Iterator[Lock]:
    try:
        key = wanted(state.settings, escape(path))
    except InvalidKey:
        # What no key can name is locked by nobody.
        return
    yield from excluding(state, key, "shared", entry.session)


def _feature_active(state: State, _: Context, entry: Merge) -> Finding | None:
    if not entry.feature:
        return None
    feature = state.get(Feature, entry.feature)
    if feature is not None and not feature.archived:
        return Finding(name="feature_active", passed=True)
    status = "is not there any more" if feature is None else f"was {feature.status}"
    text = f"feature {entry.feature} {status}"
    return Finding(name="feature_active", passed=False, text=text)


def _task_wanted(state: State, _: Context, entry: Merge) -> Finding | None:
    """Return what stands against it where its task was cancelled: nobody wants that work."""
    task = state.get(Task, entry.task) if entry.task else None
    if task is None or task.status != "cancelled":
        return None
    text = f"task {task.id} was cancelled; queue it again without (--task '')"
    return Finding(name="task_wanted", passed=False, text=text)


def _no_resource_conflicts(state: State, _: Context, entry: Merge) -> Finding | None:
    """Of two features that overlap too much only the later one waits.

    Earlier is what has an entry before this one in the queue; of features without one, what
    sorts before this entry's. So the queue has no two that wait for each other.
    """
    feature = state.get(Feature, entry.feature) if entry.feature else None
    if feature is None or feature.archived:
        return None
    found = report(state, feature)
    queued: dict[str, bool] = {}
    reached = False
    for one in ordered(state) if found.conflicts else ():
        reached = reached or one.id == entry.id
        queued.setdefault(one.feature, not reached)
    first = []
    for conflict in found.conflicts:
        other = state.get(Feature, conflict.feature)
        assert other is not None
        if queued.get(other.id, other.order < feature.order):
            first.append(conflict)
    # Alone each may be PARTIAL, and all together too much.
    hit = {key for conflict in first for key in conflict.overlapping_keys}
    together = rated(len(hit), found.claims, state.settings.sequential_share)
    sequential = [one for one in first if one.feasibility == "SEQUENTIAL"]
    if not sequential and together != "SEQUENTIAL":
        return Finding(name="no_resource_conflicts", passed=True)
    names = [one.feature for one in sequential or first]
    text = f"comes after {several(names)}, which claims the same"
    return Finding(name="no_resource_conflicts", passed=False, text=text)


def _not_paused(state: State, context: Context, entry: Merge) -> Finding | None:
    task = state.get(Task, entry.task) if entry.task else None
    names = dict.fromkeys((entry.feature, task.feature if task else ""))
    for name in filter(None, names):
        pause = pause_of(state, context, name, but=entry.session or None)
        if pause is not None:
            until = f" until {pause.until}" if pause.until else ""
            return Finding(name="not_paused", passed=False, text=pause.detail + until)
    return Finding(name="not_paused", passed=True) if any(names) else None


def _locks(state: State, context: Context, entry: Merge) -> Finding:
    held = crossing(state, context, entry)
    told = [f"{lock.key} ({lock.agent} until {lock.expires_at})" for lock in held]
    text = f"others hold {several(told)}" if told else ""
    return Finding(name="locks", passed=not held, text=text)


def _approval(state: State, context: Context, entry: Merge) -> Finding | None:
    why = consent(state, context, entry)
    if not why:
        return None
    about = subject(entry)
    if granted(state, context, about) is not None:
        return Finding(name="approval", passed=True, text=why)
    asked = next(iter(live(state, context, about)), None)
    waits = f"{asked.id} waits for a decision" if asked else "nobody has asked for it"
    text = f"needs a person's approval ({why}); {waits}"
    return Finding(name="approval", passed=False, text=text)


def _needs(state: State, entry: Merge, together: Sequence[Merge]) -> Finding:
    """Return what it needs; what is queued too is no reason to block, as it comes first."""
    lacking = unmet(state, entry, together)
    text = "; ".join(f"needs {why}" for _, why, _ in lacking)
    return Finding(name="needs", passed=all(comes for _, _, comes in lacking), text=text)


#: What is asked of every entry; None where there is nothing to ask.
RULES: tuple[Callable[[State, Context, Merge], Finding | None], ...] = (
    _feature_active,
    _task_wanted,
    _no_resource_conflicts,
    _not_paused,
    _locks,
    _approval,
)


def consent(state: State, context: Context, entry: Merge) -> str:
    """Return why a person has to approve the entry, or "": a policy, or its risk."""
    if need(state, entry.paths, wide=entry.wide).person:
        return "by policy"
    if not state.settings.risk_approval:
        return ""
    risk = risk_of(
        state,
        entry.paths,
        now=context.now,
        wide=entry.wide,
        lines=entry.lines,
        session=entry.session,
        agent=entry.agent,
        branch=entry.branch,
    )
    return f"its risk is {risk.score}" if risk.person else ""


def verified(state: State, tree: str, entries: Sequence[Merge]) -> Standing:
    """Return how a tree (object id) stands to what the changes of these entries have to pass."""
    paths = tuple(dict.fromkeys(path for entry in entries for path in entry.paths))
    return standing(state, tree, paths, wide=any(entry.wide for entry in entries))


def check_verified(state: State, tree: str, entries: Sequence[Merge]) -> None:
    """Raise `VerificationFailed` or `VerificationMissing` unless the tree may become the target."""
    found = verified(state, tree, entries)
    if found.status == "failed":
        raise VerificationFailed(
            f"{_named(entries)} does not pass its verification: {found.text}",
            hint="Run `gitcoord verify show`.",
            tree=tree,
            merges=[entry.id for entry in entries],
        )
    if found.status == "pending":
        raise VerificationMissing(
            f"{_named(entries)} is not verified: {found.text}",
            tree=tree,
            merges=[entry.id for entry in entries],
            missing=list(found.missing),
        )


def _named(entries: Sequence[Merge]) -> str:
    return several([entry.id for entry in entries])
