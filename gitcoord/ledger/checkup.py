"""Everything that can be looked up about the health of a ledger and of this clone.

Promises to change nothing and to go on after a fault: each check says what it found
and the next begins. Remedies are in `remedies`, what state and chain must look like in
`inspection` and `invariants`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator

from gitcoord.domain.sweep import due
from gitcoord.domain.time import Time, from_epoch, seconds_between
from gitcoord.errors import (
    GitcoordError,
    LedgerMissing,
    LedgerRewound,
    NotInitialised,
)
from gitcoord.ledger import clone, inspection, invariants, tables
from gitcoord.ledger.clock import AHEAD, Clock, HostClock, reading
from gitcoord.ledger.finding import Finding, Premises, listed
from gitcoord.ledger.history import meta_at
from gitcoord.ledger.ledger import Ledger
from gitcoord.storage.cache import Cache, Snapshot
from gitcoord.storage.store import Oid
from gitcoord.storage.worktree import Checkout

#: Seconds by which our clock and the host's may differ without harm: the tolerance of leases.
APART = 30.0
#: Oldest git that everything here works with.
GIT = (2, 36)

_VERSION = re.compile(rb"(\d+)\.(\d+)")


def checkup(premises: Premises, checkout: Checkout) -> list[Finding]:
    """Return what was found, in the order of looking; nothing is changed."""
    found: list[Finding] = []
    for check in _CHECKS:
        try:
            for finding in listed(check(premises, checkout)):
                found.append(finding)  # noqa: PERF402 - keeps what was found before an error
        except GitcoordError as error:
            found.append(Finding(error.code, "error", error.message, error.hint or ""))
    return found


def worst(findings: list[Finding]) -> str:
    """Return the gravest severity among the findings, "ok" for none."""
    grades = ("ok", "note", "warning", "error")
    return grades[max((grades.index(one.severity) for one in findings), default=0)]


def _git(premises: Premises, checkout: Checkout) -> Iterator[Finding]:
    text = checkout.run("version")[1]
    found = _VERSION.search(text)
    shown = text.decode("utf-8", "replace").strip().removeprefix("git version ")
    if found is None or (int(found[1]), int(found[2])) < GIT:
        wanted = ".".join(map(str, GIT))
        yield Finding("git_old", "warning", f"git is {shown}", f"Install git {wanted} or newer.")
    else:
        yield Finding("git", "ok", f"git is {shown}")


def _repository(premises: Premises, checkout: Checkout) -> Iterator[Finding]:
    here = premises.repository
    kind = "bare" if here.bare else "linked" if here.git_dir != here.common_dir else "ordinary"
    engine = type(premises.store).__name__.removesuffix("Store").lower()
    yield Finding(
        "repository",
        "ok",
        f"{kind}, {here.object_format} objects, {here.ref_format} refs in {here.common_dir}; "
        f"engine {engine}",
    )


def _ledger(premises: Premises, checkout: Checkout) -> Iterator[Finding]:
    ledger = premises.ledger
    try:
        head = ledger.head()
    except NotInitialised as absent:
        yield Finding("not_initialised", "note", absent.message, absent.hint or "")
        return
    except (LedgerMissing, LedgerRewound) as lost:
        hint = "Run `gitcoord doctor --restore` to publish the newest state that this clone has."
        yield Finding(lost.code, "error", lost.message, hint)
        return
    found = inspection.records(ledger, head)
    yield from found.findings
    now = from_epoch(ledger.clock.wall())
    yield from inspection.chain(ledger, head, now)
    if not found.readable:
        return
    yield Finding("records", "ok", f"{found.read} records can be read and stand in their places")
    cache = list(_cache(premises, head))
    yield from cache
    # What is read through an index that differs says nothing about the ledger.
    if all(one.code != "cache_differs" for one in cache):
        yield from _rules(ledger, head)
    yield from _clock(meta_at(ledger, head).time, now)
    yield from _host_clock(ledger.clock)


def _rules(ledger: Ledger, head: Oid) -> Iterator[Finding]:
    with ledger.state(head) as state:
        broken = list(invariants.broken(state))
        over = reading(ledger.clock, state.meta.time)
        lapsed = over.trusted and due(state, over.now)
    yield from broken or [Finding("invariants", "ok", "no rule is broken")]
    if lapsed:
        message = "leases, waits or deadlines are over and not yet ended"
        yield Finding("leases_over", "note", message, repairable=True)


def _clock(written: Time, now: Time) -> Iterator[Finding]:
    ahead = seconds_between(now, written)
    if ahead > AHEAD:
        yield Finding(
            "clock_behind",
            "warning",
            f"the ledger was last written {ahead:.0f} s in the future of this machine's clock",
            "Compare this machine's clock with the others; leases are not ended by it meanwhile.",
        )
    else:
        yield Finding("clock", "ok", f"the ledger was last written {max(0.0, -ahead):.0f} s ago")


def _host_clock(clock: Clock) -> Iterator[Finding]:
    """Say how far the host's clock is from ours, where it tells its time."""
    offset = clock.offset if isinstance(clock, HostClock) else None
    if offset is None:
        return
    message = f"the host's clock is {offset:+.0f} s from this machine's; the host's counts"
    if abs(offset) <= APART:
        yield Finding("host_clock", "ok", message)
    else:
        yield Finding("host_clock", "warning", message, "Set this machine's clock (NTP).")


def _cache(premises: Premises, head: Oid) -> Iterator[Finding]:
    """Compare the index on disk with one that is made anew."""
    path = os.path.join(premises.home, "cache.sqlite")
    root = premises.ledger.tree(head)
    fresh = Cache(None, tables.describe, tables.VERSION)
    kept = Cache(path, tables.describe, tables.VERSION)
    try:
        with fresh.at(root, premises.store) as right, kept.at(root, premises.store) as found:
            if kept.in_memory:
                message = f"{path} cannot be used; every command reads the whole ledger"
                yield Finding("cache_unusable", "warning", message, repairable=True)
            elif _contents(right) != _contents(found):
                message = "the index of records differs from the records"
                yield Finding("cache_differs", "error", message, repairable=True)
            else:
                yield Finding("cache", "ok", "the index of records is right")
    finally:
        fresh.close()
        kept.close()


def _contents(snapshot: Snapshot) -> dict[str, tuple[dict[str, bytes | None], list[object]]]:
    return {
        table: (
            {name: snapshot.load(table, name) for name in snapshot.names(table)},
            list(snapshot.scan(table, "")),
        )
        for table in ("", *snapshot.tables())
    }


_CHECKS: tuple[Callable[[Premises, Checkout], Iterator[Finding]], ...] = (
    _git,
    _repository,
    _ledger,
    clone.witness,
    clone.lock_files,
    clone.queue,
    clone.spool,
    clone.presence,
    clone.growth,
)
