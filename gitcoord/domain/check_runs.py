"""Check runs at GitHub: what those of a commit say together.

Promises that a check which is missing, skipped by mistake or still under way never counts as
passed. Not here: how they are asked for (`mirror`), and what needs them (`verify_policies`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

Conclusion = Literal["", "passed", "failed", "skipped"]


class CheckRun(msgspec.Struct, frozen=True, kw_only=True):
    """A check run or commit status, the newest of its name."""

    name: str
    #: Empty while it is under way.
    conclusion: Conclusion = ""
    url: str = ""


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What the checks of a commit say together."""

    status: Literal["pending", "passed", "failed"]
    reason: str
    #: Of the check that decides, where there is one.
    url: str = ""


def judged(runs: Iterable[CheckRun], names: Sequence[str] = ()) -> Judgement:
    """Return what the runs say: all that are named have passed, or all that there are.

    A named one that was skipped has not passed; without names skipped ones say nothing, and one
    that has passed is needed.
    """
    known = {run.name: run for run in runs}
    if names:
        found = {name: known.get(name) for name in names}
    else:
        found = {name: run for name, run in known.items() if run.conclusion != "skipped"}
    for name, run in found.items():
        if run is not None and run.conclusion in ("failed", "skipped"):
            return Judgement(status="failed", reason=f"{name} {run.conclusion}", url=run.url)
    waits = [name for name, run in found.items() if run is None or not run.conclusion]
    if waits:
        first = found[waits[0]]
        url = first.url if first else ""
        return Judgement(status="pending", reason=f"waits for {', '.join(waits)}", url=url)
    if not found:
        return Judgement(status="pending", reason="no check has run")
    last = next(run for run in reversed(found.values()) if run)
    return Judgement(status="passed", reason=f"passed: {', '.join(found)}", url=last.url)
