"""The local ledger goes to a git host as it is: its whole chain, then nothing decides here.

No process of this machine commits while it moves: the leader's lock is held. The host takes
it only where it has none. The local ref gets another name at last, so that the history
stays readable here too.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from gitcoord.domain.settings import Settings, remote_defaults
from gitcoord.errors import (
    BothHaveContent,
    Contended,
    HostRefused,
    NotInitialised,
    OutcomeUnknown,
    Unavailable,
)
from gitcoord.ledger.ledger import STATE
from gitcoord.ledger.presence import PREFIX
from gitcoord.storage.gitproc import Git
from gitcoord.storage.oslock import OsLock
from gitcoord.storage.wire.address import without_secrets
from gitcoord.storage.wire.pktline import plain
from gitcoord.storage.witness import MOVED

if TYPE_CHECKING:
    from gitcoord.bootstrap import House
    from gitcoord.entrypoints.cli.desk import Desk
    from gitcoord.storage.store import Oid

#: Seconds to wait for whoever decides at this moment.
_PATIENCE = 20.0


def move(desk: Desk, here: House, there: House, remote: str) -> None:
    """Publish the local ledger at the host, which has none, and retire the local ref.

    Raises `NotInitialised` when there is none here, `BothHaveContent` when the host has got
    one meanwhile, `HostRefused` with the host's words, `OutcomeUnknown` when no answer came.
    """
    from gitcoord.entrypoints.cli.discovery import remember

    with OsLock(os.path.join(here.home, "lead.lock")) as lead:
        end = time.monotonic() + _PATIENCE
        while not lead.try_acquire():
            if time.monotonic() > end:
                raise Contended("others decide here without a break; nothing was changed")
            time.sleep(0.02)
        head = here.ledger.head()
        _publish(desk, there, remote, head)
        remember(here.repository, remote)
        if not _retired(here, head):
            desk.note(f"the local {STATE} was moved by another program meanwhile; it stays")
    while waiting := here.spool.take():
        for request in waiting:
            there.spool.add(request)
        here.spool.settle(waiting)
    _adapt(desk, there)


def _publish(desk: Desk, there: House, remote: str, head: Oid) -> None:
    """Let git push the chain, which it does in one pack however long it is."""
    assert there.wire is not None
    code, output, complaint = desk.checkout.told(
        "-c", "push.followTags=false", "push", "--porcelain", "--no-verify",
        "--no-recurse-submodules", f"--force-with-lease={STATE}:", remote, f"{head}:{STATE}",
    )  # fmt: skip
    try:
        there.store.refresh()
        found = there.ledger.head()
    except NotInitialised:
        said = plain(b"; ".join([*_refused(output), *complaint.splitlines()]))
        raise HostRefused(f"the host does not take the ledger: {said}") from None
    except Unavailable as error:
        if code == 0:
            return
        raise OutcomeUnknown(
            "whether the ledger has got there is not known; nothing was changed here",
            hint=f"Run `gitcoord init --remote {without_secrets(remote)}` again. {error.message}",
        ) from error
    if code != 0 and found != head:
        shown = without_secrets(remote)
        raise BothHaveContent(
            f"{shown} has got a ledger meanwhile; nothing was changed here",
            hint=f"Run `gitcoord init --remote {shown}` to see the ways.",
        )


def _refused(output: bytes) -> list[bytes]:
    return [line for line in output.splitlines() if line.startswith(b"!")]


def _retired(here: House, head: Oid) -> bool:
    """Rename the local ref in one transaction; False when it has moved meanwhile.

    The signs of life go: they are published anew at the host.
    """
    name = f"{MOVED}state"
    if here.store.list_refs(name):
        name = f"{MOVED}{head}"
    signs = here.store.list_refs(PREFIX)
    child = Git(here.repository).start("-c", "core.fsync=reference", "update-ref", "--stdin")
    lines = [
        "start",
        f"create {name} {head}",
        f"delete {STATE} {head}",
        *(f"delete {ref} {oid}" for ref, oid in signs.items()),
        "prepare",
        "commit",
    ]
    child.send("".join(f"{line}\n" for line in lines).encode())
    return child.finish()[0] == 0


def _adapt(desk: Desk, there: House) -> None:
    """Give settings that nobody has chosen the defaults of a ledger at a host."""
    from gitcoord.domain.configure import ChangeSettings, Configured
    from gitcoord.entrypoints.cli.joining import host_name

    assert there.wire is not None
    plain_ones = Settings()
    with there.ledger.state() as state:
        own = state.settings
    values = {
        name: value
        for name, value in remote_defaults(host_name(there.wire.host.address)).items()
        if getattr(own, name) == getattr(plain_ones, name) != value
    }
    if values:
        there.coordinator.do(ChangeSettings(values=values), Configured, agent=desk.person)
