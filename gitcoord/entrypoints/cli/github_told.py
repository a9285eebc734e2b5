"""What a look at GitHub came to, in words: lines for a log, Markdown for the summary of a run.

What stays as it was has no line. Not here: what is said at GitHub itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from gitcoord.entrypoints.workflow import harmless

if TYPE_CHECKING:
    from gitcoord.bootstrap import House
    from gitcoord.mirror.effects import Effect, Merge, Propose
    from gitcoord.mirror.entries import Place
    from gitcoord.mirror.mirror import Outcome
    from gitcoord.mirror.verdict import Verdict

#: Most transactions of the ledger that are told; the others are counted.
TRANSACTIONS = 20


def document(outcome: Outcome | None) -> dict[str, Any]:
    """Return what programs are told of a look; None: there was none."""
    return {
        "looked": outcome is not None,
        "threads": outcome.threads if outcome else (),
        "branches": outcome.branches if outcome else (),
        "comments": outcome.comments if outcome else (),
        "ledger": _ledger(outcome) if outcome else None,
        "effects": outcome.effects if outcome else 0,
        "refused": [error.as_dict() for error in outcome.refused] if outcome else [],
    }


def decided(house: House, outcome: Outcome) -> list[str]:
    """Return a line for each thing that the look has decided or found in the way.

    That is what the ledger has taken down since it began, in its order, and what GitHub is told.
    """
    lines = [f"ledger: {subject}" for subject in _transactions(house, outcome)]
    lines += dict.fromkeys(line for effect in outcome.wanted for line in _told(effect))
    lines += [f"GitHub would not: {error.message}" for error in outcome.refused]
    return [harmless(line) for line in lines]


def looked(outcome: Outcome) -> str:
    """Return what was looked at, and whether the ledger has changed."""
    found = (outcome.threads, outcome.branches, outcome.comments)
    threads, branches, comments = map(len, found)
    seen = f"looked at {threads} threads, {branches} branches, {comments} comments"
    if outcome.before == outcome.after:
        return f"{seen}; the ledger has not changed"
    moved = _ledger(outcome)
    return f"{seen}; ledger {moved['before']} -> {moved['after']}"


def summary(outcome: Outcome, lines: list[str]) -> str:
    """Return the same for the page of a run, in Markdown."""
    from gitcoord.mirror.markdown import code

    items = "\n".join(f"* {code(line, 300)}" for line in lines)
    return f"### gitcoord\n\n{looked(outcome)}\n\n{items}"


def standing(number: int, verdict: Verdict) -> dict[str, Any]:
    """Return what programs are told of a pull request."""
    blocked = [
        {
            "key": lock.key,
            "agent": lock.agent,
            "session": lock.session,
            "expires_at": lock.expires_at,
            "reason": lock.reason,
            "paths": list(paths),
        }
        for lock, paths in verdict.blocked
    ]
    return {
        "number": number,
        "free": verdict.ok,
        "paths": verdict.paths,
        "blocked": blocked,
        "queue": _queue(verdict.place) if verdict.place else None,
        "held": [lock.key for lock in verdict.held],
        "tasks": [task.id for task in verdict.tasks],
    }


def _queue(place: Place) -> dict[str, Any]:
    """Return what programs are told of a place in the merge queue."""
    entry = place.entry
    return {
        "id": entry.id,
        "status": entry.status,
        "at": place.at,
        "of": place.of,
        "head": entry.head,
        "against": place.against,
    }


def blockers(verdict: Verdict) -> list[str]:
    """Return a line for what the merge queue has against a pull request, and for each lock."""
    from gitcoord.domain.locks import several
    from gitcoord.mirror.entries import line_of
    from gitcoord.mirror.markdown import clock

    place = verdict.place
    queue = [] if place is None or place.ok else [harmless(line_of(place))]
    return queue + [
        harmless(
            f"{lock.agent} (session {lock.session}) holds {lock.key} until "
            f"{clock(lock.expires_at)}{f', {lock.reason}' if lock.reason else ''}: "
            f"{several(list(paths))} changed here"
        )
        for lock, paths in verdict.blocked
    ]


def _ledger(outcome: Outcome) -> dict[str, str]:
    before, after = outcome.before, outcome.after
    return {"before": f"{before[0]}.{before[1]}", "after": f"{after[0]}.{after[1]}"}


def _transactions(house: House, outcome: Outcome) -> list[str]:
    from gitcoord.ledger.history import transactions

    (epoch, first), (now, last) = outcome.before, outcome.after
    count = last - first if epoch == now else 0
    if count <= 0:
        return []
    found = [one.subject for one in transactions(house.ledger, limit=min(count, TRANSACTIONS))]
    earlier = [f"{count - TRANSACTIONS} more before that"] if count > TRANSACTIONS else []
    return earlier + found[::-1]


def _told(effect: Effect) -> Iterator[str]:
    from gitcoord.mirror import effects, labels

    match effect:
        case effects.Say(number, _, body):
            yield f"#{number}: {_first(body)}"
        case effects.Label(number, name):
            yield f"#{number}: label {name} goes on"
        case effects.Unlabel(number, name):
            if name not in labels.STYLES:
                yield f"#{number}: label {name} comes off"
        case effects.Check(head, ok, title):
            if not ok:
                yield f"check of {head[:12]} fails: {title}"
        case effects.Close(number, reason):
            yield f"#{number} is closed as {reason}"
        case effects.Open(_, title):
            yield f"an issue is opened: {title}"
        case effects.Propose() | effects.Merge():
            yield _landing(effect)


def _landing(effect: Propose | Merge) -> str:
    from gitcoord.mirror import effects

    if isinstance(effect, effects.Merge):
        return f"#{effect.number} is to be merged at {effect.head[:12]} ({effect.method})"
    return f"a pull request from {effect.branch} to {effect.base} is opened: {effect.title}"


def _first(body: str) -> str:
    """Return a comment's text on one line, without tables."""
    said = [line for line in body.splitlines() if line.strip() and not line.startswith("|")]
    return " ".join(said)
