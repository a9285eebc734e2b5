"""What an examination of the ledger says: one finding per fact, graded.

A finding is for people and programs: its code never changes its meaning, its hint is
the next command to run. Not here: how anything is found or repaired.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from gitcoord.ledger.coordinator import Coordinator
    from gitcoord.ledger.ledger import Ledger
    from gitcoord.ledger.presence import Presence
    from gitcoord.ledger.spool import Spool
    from gitcoord.storage.repository import Repository
    from gitcoord.storage.store import Store

Severity = Literal["ok", "note", "warning", "error"]

#: Findings of one code that are listed; the rest is counted.
LISTED = 20


class Finding(NamedTuple):
    """One fact about the ledger or this clone."""

    code: str
    severity: Severity
    message: str
    hint: str = ""
    #: Whether `repair` knows a safe remedy.
    repairable: bool = False


class Premises(Protocol):
    """What is examined: gitcoord, put together for one repository."""

    @property
    def repository(self) -> Repository:
        """Return the repository that was found."""
        ...

    @property
    def objects(self) -> Repository:
        """Return where the ledger's objects are."""
        ...

    @property
    def home(self) -> str:
        """Return the folder of this clone's private files."""
        ...

    @property
    def store(self) -> Store:
        """Return the engine."""
        ...

    @property
    def ledger(self) -> Ledger:
        """Return the ledger."""
        ...

    @property
    def coordinator(self) -> Coordinator:
        """Return the one write path."""
        ...

    @property
    def presence(self) -> Presence:
        """Return this machine's signs of life."""
        ...

    @property
    def spool(self) -> Spool:
        """Return what waits for the next decision."""
        ...


def listed(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield the first findings of each code, then how many more there are of it."""
    seen: Counter[str] = Counter()
    last: dict[str, Finding] = {}
    for finding in findings:
        seen[finding.code] += 1
        last[finding.code] = finding
        if seen[finding.code] <= LISTED:
            yield finding
    for code, count in seen.items():
        if count > LISTED:
            yield last[code]._replace(message=f"and {count - LISTED} more", hint="")
