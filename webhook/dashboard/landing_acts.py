"""What the buttons of the merge queue do: check, land, eject, remove.

As all buttons they are for admins, and the person whose key it is acts. Checks and landings work
in the project's clone, as the routes do. Not here: who may, and how a form is held to be ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from gitcoord.domain.merging import EjectMerge, Ended, RemoveMerge
from gitcoord.errors import NotReady
from webhook import landing
from webhook.api.asking import Asking

if TYPE_CHECKING:
    from webhook.access import Caller

#: What a button does for the caller to an entry, with the fields of its form.
Act = Callable[["Caller", str, Mapping[str, str]], None]

#: Said where commands would have to run, and this service runs none.
ELSEWHERE = (
    "This service runs no commands of verification: run `gitcoord merge land` in a clone, or "
    "start the service with --run-checks."
)


def check(caller: Caller, id: str, form: Mapping[str, str]) -> None:
    """Check the entry, or all that can be, where none is named. Raises as `landing.check.check`."""
    from gitcoord.entrypoints.cli.merge_landing import checked

    asking = Asking(caller)
    checked(asking, landing.site(asking, None), [id] if id else [])


def land(caller: Caller, id: str, form: Mapping[str, str]) -> None:
    """Land the entry, or all that is ready, where none is named.

    Raises `NotReady` where nothing of that landed and something waits, and as `landing.line.land`.
    """
    from gitcoord.entrypoints.cli.merge_landing import refusal
    from gitcoord.landing.line import land as landed

    asking = Asking(caller)
    found = landed(landing.site(asking, None), [id] if id else [])
    missed = [id] if id else list(found.waiting)
    if missed and not found.merged:
        error = refusal(asking, found, missed)
        verifying = any("verification" in why for why in found.waiting.values())
        hint = ELSEWHERE if verifying and not caller.project.runs_checks else error.hint
        raise NotReady(error.message, hint=hint, **error.details)


def eject(caller: Caller, id: str, form: Mapping[str, str]) -> None:
    """Take an entry that cannot land out of the queue. Raises as the operation."""
    _decided(caller, EjectMerge(id=id, reason=form.get("reason", "")))


def remove(caller: Caller, id: str, form: Mapping[str, str]) -> None:
    """Give an entry up. Raises as the operation."""
    _decided(caller, RemoveMerge(id=id, reason=form.get("reason", "")))


def _decided(caller: Caller, operation: EjectMerge | RemoveMerge) -> None:
    caller.project.house().coordinator.do(operation, Ended, agent=caller.agent or caller.name)


#: Button -> what it does to an entry.
ENTRY: Mapping[str, Act] = {"check": check, "land": land, "eject": eject, "remove": remove}
#: The same for all entries.
ALL: Mapping[str, Act] = {"check": check, "land": land}
