"""What lies about in one clone: lock files, queue, spool, published presence, loose objects.

Each function is a check of its own and yields findings; nothing is changed and nothing
here depends on a ledger that can be read. Remedies are in `remedies`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping

import msgspec

from gitcoord.domain.sessions import Session
from gitcoord.domain.time import plus
from gitcoord.errors import CorruptRecord, GitcoordError
from gitcoord.ledger import signs
from gitcoord.ledger.clock import reading
from gitcoord.ledger.finding import Finding, Premises
from gitcoord.ledger.request import Request
from gitcoord.storage import lockfiles
from gitcoord.storage.durable import disk_error
from gitcoord.storage.store import Oid
from gitcoord.storage.witness import Witness
from gitcoord.storage.worktree import Checkout

#: Loose objects and packs over which commands of git get slow.
LOOSE = 5000
PACKS = 50
#: Seconds after which a file in the queue belongs to nobody.
LITTER = 600.0
#: Seconds without a sign of life after which the ref of a machine without sessions may go.
FORGOTTEN = 7 * 86400.0


def witness(premises: Premises, checkout: Checkout) -> Iterator[Finding]:
    """Say whether this clone would notice a lost ledger."""
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


def lock_files(premises: Premises, checkout: Checkout) -> Iterator[Finding]:
    """Name lock files of git that stand in the way, and how to remove the stale ones."""
    for lock in lockfiles.everywhere(premises.objects):
        if lock.stale:
            said = lockfiles.explain(lock.path)
            yield Finding(said.code, "warning", said.message, said.hint or "")
        else:
            message = f"{lock.path} is {lock.age:.0f} s old: a git is at work, or just died"
            yield Finding("lock_file", "note", message)


def queue(premises: Premises, checkout: Checkout) -> Iterator[Finding]:
    """Count what processes left behind that died waiting."""
    now = time.time()
    old = [age for _, age in _files(os.path.join(premises.home, "queue"), now) if age > LITTER]
    if old:
        message = f"{len(old)} files of processes that died waiting, the oldest {max(old):.0f} s"
        yield Finding("queue_litter", "note", message, repairable=True)


def spool(premises: Premises, checkout: Checkout) -> Iterator[Finding]:
    """Name what waits for the next transaction and what of it cannot be read."""
    folder = os.path.join(premises.home, "spool")
    waiting = 0
    for name, _ in _files(folder, time.time()):
        try:
            with open(os.path.join(folder, name), "rb") as file:
                Request.unpacked(msgspec.json.decode(file.read()))
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError, GitcoordError) as error:
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


def growth(premises: Premises, checkout: Checkout) -> Iterator[Finding]:
    """Count loose objects and packs of the repository."""
    folder = os.path.join(premises.objects.common_dir, "objects")
    loose = sum(
        len(os.listdir(os.path.join(folder, name))) for name in os.listdir(folder) if len(name) == 2
    )
    packs = sum(name.endswith(".pack") for name, _ in _files(os.path.join(folder, "pack"), 0))
    text = f"{loose} loose objects, {packs} packs"
    if loose > LOOSE or packs > PACKS:
        hint = "`gitcoord compact` packs those of the ledger, `git gc` the others."
        yield Finding("overgrown", "warning", text, hint, repairable=True)
    else:
        yield Finding("growth", "ok", text)


def presence(premises: Premises, checkout: Checkout) -> Iterator[Finding]:
    """Name published signs of life that cannot be read, and those of machines that are gone."""
    found = signs.survey(premises.store)
    for machine, sign in found.items():
        if sign.broken:
            ref = signs.PREFIX + machine
            delete = f"git update-ref -d {ref} {sign.oid}"
            if premises.store.remote:
                delete = f"git push --force-with-lease={ref}:{sign.oid} REMOTE :{ref}"
            hint = f"Delete it; its machine publishes it again: {delete}"
            yield Finding("presence_unreadable", "warning", f"{ref}: {sign.broken}", hint)
    gone = forgotten(premises, found)
    if gone:
        message = f"{len(gone)} machines without sessions have shown no life for a week"
        yield Finding("presence_forgotten", "note", message, repairable=True)
    yield Finding("presence", "ok", f"{len(found)} machines have published signs of life")


def forgotten(premises: Premises, found: Mapping[str, signs.Sign]) -> dict[str, Oid]:
    """Return the refs at a git host, with their values, of machines that nobody waits for.

    Containers come and go, and each ref is told to everybody who pushes. Raises what reading
    the ledger raises.
    """
    if not premises.store.remote or not found:
        return {}
    with premises.ledger.state() as state:
        needed = {session.machine for session in state.find(Session, "live")}
        long_ago = plus(reading(premises.ledger.clock, state.meta.time).now, -FORGOTTEN)
    return {
        signs.PREFIX + machine: sign.oid
        for machine, sign in found.items()
        if machine not in needed
        and not sign.broken
        and all(beat.at < long_ago for beat in sign.sessions.values())
    }


def _files(folder: str, now: float) -> Iterator[tuple[str, float]]:
    """Yield the name and age in seconds of every file in a folder that may not exist."""
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    except OSError as error:
        raise disk_error(error, f"read {folder}") from error
    for entry in entries:
        try:
            yield entry.name, now - entry.stat(follow_symlinks=False).st_mtime
        except FileNotFoundError:
            continue
