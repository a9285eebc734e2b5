"""Everything that can be looked up about the health of a ledger and of this clone.

Promises to change nothing and to go on after a fault: each check says what it found
and the next begins. Remedies are in `remedies`, what state and chain must look like in
`inspection` and `invariants`.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator

import msgspec

from gitcoord.domain.sweep import due
from gitcoord.domain.time import Time, from_epoch, seconds_between
from gitcoord.errors import (
    CorruptRecord,
    GitcoordError,
    LedgerMissing,
    LedgerRewound,
    NotInitialised,
)
from gitcoord.ledger import inspection, invariants, presence, tables
from gitcoord.ledger.clock import AHEAD, reading
from gitcoord.ledger.finding import Finding, Premises, listed
from gitcoord.ledger.history import meta_at
from gitcoord.ledger.request import Request
from gitcoord.storage import codec, lockfiles, tree
from gitcoord.storage.cache import Cache, Snapshot
from gitcoord.storage.store import Oid
from gitcoord.storage.witness import Witness
from gitcoord.storage.worktree import Checkout

#: Oldest git that everything here works with.
GIT = (2, 36)
#: Loose objects and packs over which commands of git get slow.
LOOSE = 5000
PACKS = 50
#: Seconds after which a file in the queue belongs to nobody.
LITTER = 600.0

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
    with ledger.state(head) as state:
        broken = list(invariants.broken(state))
        over = reading(ledger.clock, state.meta.time)
        lapsed = over.trusted and due(state, over.now)
    yield from broken or [Finding("invariants", "ok", "no rule is broken")]
    if lapsed:
        message = "leases, waits or deadlines are over and not yet ended"
        yield Finding("leases_over", "note", message, repairable=True)
    yield from _cache(premises, head)
    yield from _clock(meta_at(ledger, head).time, now)


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


def _witness(premises: Premises, checkout: Checkout) -> Iterator[Finding]:
    seen = Witness(premises.home).seen()
    if seen is None:
        message = "this clone has noted no state of the ledger; it would not notice a lost one"
        yield Finding("witness_empty", "note", message, "The next change notes it.")
        return
    try:
        premises.store.read(seen.head)
    except CorruptRecord:
        message = (
            f"the state that this clone has seen last, {seen.head[:12]}, is not in it any more"
        )
        yield Finding("witness_stale", "warning", message, "The next change notes a newer one.")
    else:
        yield Finding("witness", "ok", f"this clone has seen epoch {seen.epoch}, seq {seen.seq}")


def _lock_files(premises: Premises, checkout: Checkout) -> Iterator[Finding]:
    for lock in lockfiles.everywhere(premises.repository):
        if lock.stale:
            said = lockfiles.explain(lock.path)
            yield Finding(said.code, "warning", said.message, said.hint or "")
        else:
            message = f"{lock.path} is {lock.age:.0f} s old: a git is at work, or just died"
            yield Finding("lock_file", "note", message)


def _queue(premises: Premises, checkout: Checkout) -> Iterator[Finding]:
    now = time.time()
    old = [age for _, age in _files(os.path.join(premises.home, "queue"), now) if age > LITTER]
    if old:
        message = f"{len(old)} files of processes that died waiting, the oldest {max(old):.0f} s"
        yield Finding("queue_litter", "note", message, repairable=True)


def _spool(premises: Premises, checkout: Checkout) -> Iterator[Finding]:
    folder = os.path.join(premises.home, "spool")
    waiting = 0
    for name, _ in _files(folder, time.time()):
        try:
            with open(os.path.join(folder, name), "rb") as file:
                Request.unpacked(msgspec.json.decode(file.read()))
        except FileNotFoundError:
            continue
        except (OSError, msgspec.DecodeError, KeyError, TypeError, GitcoordError) as error:
            path = os.path.join(folder, name)
            yield Finding(
                "spool_unreadable",
                "warning",
                f"{path} cannot be read: {error}",
                "Look at it, and delete it when nothing in it is wanted.",
            )
        else:
            waiting += 1
    if waiting:
        message = f"{waiting} operations wait to ride on this machine's next transaction"
        yield Finding("spool", "note", message)


def _growth(premises: Premises, checkout: Checkout) -> Iterator[Finding]:
    folder = os.path.join(premises.repository.common_dir, "objects")
    loose = sum(
        len(os.listdir(os.path.join(folder, name))) for name in os.listdir(folder) if len(name) == 2
    )
    packs = sum(name.endswith(".pack") for name, _ in _files(os.path.join(folder, "pack"), 0))
    text = f"{loose} loose objects, {packs} packs"
    if loose > LOOSE or packs > PACKS:
        hint = "`gitcoord compact` packs those of the ledger, `git gc` the others."
        yield Finding("growth", "warning", text, hint, repairable=True)
    else:
        yield Finding("growth", "ok", text)


def _presence(premises: Premises, checkout: Checkout) -> Iterator[Finding]:
    store = premises.store
    count = 0
    for ref, oid in store.list_refs(presence.PREFIX).items():
        count += 1
        try:
            root = premises.ledger.tree(oid)
            blob = tree.lookup(lambda one: store.read(one)[1], root, "", "presence.json")
            if blob is None:
                raise CorruptRecord(f"{ref} has no presence.json")
            codec.decode_record(store.read(blob)[1], presence.Beats, ref)
        except GitcoordError as error:
            hint = f"Delete it; its machine publishes it again: git update-ref -d {ref} {oid}"
            yield Finding("presence_unreadable", "warning", f"{ref}: {error.message}", hint)
    yield Finding("presence", "ok", f"{count} machines have published signs of life")


def _files(folder: str, now: float) -> Iterator[tuple[str, float]]:
    """Yield the name and age in seconds of every file in a folder that may not exist."""
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for entry in entries:
        try:
            yield entry.name, now - entry.stat(follow_symlinks=False).st_mtime
        except FileNotFoundError:
            continue


_CHECKS: tuple[Callable[[Premises, Checkout], Iterator[Finding]], ...] = (
    _git,
    _repository,
    _ledger,
    _witness,
    _lock_files,
    _queue,
    _spool,
    _presence,
    _growth,
)
