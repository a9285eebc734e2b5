"""What requests for approval are about, as the ledger knows it: queue entries, tasks, features.

Promises that who decides on a landing reads what its check has found, and not what is said of it
by who asks. Not here: requests and decisions (`approving`), and what needs an approval.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitcoord.errors import InvalidValue

if TYPE_CHECKING:
    from gitcoord.domain.approvals import Subject
    from gitcoord.domain.merges import Merge
    from gitcoord.domain.operation import Context
    from gitcoord.domain.state import State

#: Changed paths that a request names.
PATHS_TOLD = 20


def queued(state: State, about: Subject) -> Merge | None:
    """Return the entry of the queue that is asked about; None for what is no entry.

    Raises `InvalidValue` for one that was not checked: nobody knows what it changes.
    """
    from gitcoord.domain.merges import Merge

    entry = state.get(Merge, about.text) if about.kind == "merge" else None
    if entry is not None and not entry.checked_at:
        raise InvalidValue(
            f"it is not known yet what {entry.id} changes",
            hint=f"Run `gitcoord merge check {entry.id}`, which asks where that is needed.",
        )
    return entry


def told_of(state: State, context: Context, entry: Merge) -> tuple[str, str, dict[str, Any]]:
    """Return title, why, and details of a request for the landing of a checked entry."""
    from gitcoord.domain.merge_rules import consent

    details: dict[str, Any] = {"paths": list(entry.paths[:PATHS_TOLD]), "lines": entry.lines}
    rest = len(entry.paths) - PATHS_TOLD
    if entry.wide or rest > 0:
        details["more_paths"] = "more than can be named" if entry.wide else rest
    title = f"land {entry.branch} on {entry.target} ({entry.id})"
    return title, consent(state, context, entry), details


def makers(state: State, about: Subject) -> set[str]:
    """Return the agents whose work a thing is, as far as the ledger knows it."""
    from gitcoord.domain.features import Feature
    from gitcoord.domain.merges import Merge
    from gitcoord.domain.tasks import Task
    from gitcoord.domain.verification import Verification

    tables: dict[str, tuple[type[Merge | Verification | Task | Feature], ...]] = {
        "merge": (Merge, Verification),
        "task": (Task,),
        "feature": (Feature,),
    }
    found = (state.get(table, about.text) for table in tables.get(about.kind, ()))
    return {one.agent for one in found if one is not None}
