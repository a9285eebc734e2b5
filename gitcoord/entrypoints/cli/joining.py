"""A clone joins the ledger of a git host, or begins one there: whose records go on.

Promises that neither the local ledger nor the one at the host is ever overwritten, and
that this clone changes its mind only when all is done. Not here: how a chain is moved.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from gitcoord.bootstrap import LOCAL, House, open_house
from gitcoord.domain.settings import Settings, remote_defaults
from gitcoord.errors import (
    AlreadyInitialised,
    BothHaveContent,
    Damaged,
    NotInitialised,
    UsageError,
)
from gitcoord.storage.wire.address import without_secrets

if TYPE_CHECKING:
    from gitcoord.entrypoints.cli.desk import Desk
    from gitcoord.entrypoints.cli.init import First
    from gitcoord.storage.wire.address import Address

#: Brings the open records of a ledger that stays behind along.
_ALONG = "`gitcoord export --local | gitcoord import -`"


class Choice(NamedTuple):
    """What is to become of the local ledger, as the person says."""

    #: It goes to the host, with its whole history.
    move: bool
    #: It stays here and is not used any more.
    leave: bool
    #: This clone uses the host's already.
    settled: bool


class Joined(NamedTuple):
    """What was done; neither: the host had a ledger."""

    begun: bool
    moved: bool


def join(desk: Desk, remote: str, first: First, choice: Choice) -> Joined:
    """Let the ledger of `remote` be that of this clone; the desk's house is the new one.

    Raises `AlreadyInitialised` or `BothHaveContent` where the local ledger has open records
    and nobody has said what becomes of them; `Unavailable` when the host does not answer,
    `Damaged` for what is wrong with either ledger. Then nothing has changed.
    """
    from gitcoord.entrypoints.cli.discovery import remember
    from gitcoord.entrypoints.cli.init import begin

    remote = _lasting(desk, remote)
    here = open_house(desk.directory, desk.environ, remote=LOCAL)
    there = open_house(desk.directory, desk.environ, remote=remote)
    try:
        assert there.wire is not None
        _check_not_here(here, there)
        there.store.refresh()
        readers = _readers(desk, there)
        moved = _moves(here, there, remote, choice)
        before = _settings_before(here, there)
        if moved:
            from gitcoord.entrypoints.cli.moving import move

            if first.asked:
                raise UsageError("a ledger that is moved keeps its settings")
            move(desk, here, there, remote)
    except BaseException:
        there.close()
        raise
    finally:
        here.close()
    if (old := desk.__dict__.pop("house", None)) is not None:
        old.close()
    desk.__dict__["house"] = there
    desk.__dict__.pop("checkout", None)
    begun = not moved and begin(desk, first, before)
    if begun or moved:
        desk.note(readers)
    if not choice.settled:
        remember(there.repository, remote)
    return Joined(begun, moved)


def _moves(here: House, there: House, remote: str, choice: Choice) -> bool:
    """Say whether the local ledger goes to the host; raise where that is not decided."""
    present = there.ledger.exists()
    if present:
        # One that cannot be read is refused before anything points at it.
        with there.ledger.state():
            pass
    content = {} if choice.leave or (present and choice.settled) else _open_records(here)
    if present and (choice.move or (content and not _same(here, there))):
        raise _both(remote, content)
    if content and not present and not choice.move:
        raise _undecided(remote, content)
    return choice.move


def _lasting(desk: Desk, remote: str) -> str:
    """Return the remote as it means the same from everywhere: a path becomes absolute."""
    from gitcoord.entrypoints.cli.discovery import names
    from gitcoord.storage.repository import find

    if "://" in remote or os.path.isabs(remote):
        return remote
    path = os.path.join(desk.directory, remote)
    if os.path.isdir(path) and remote not in names(find(desk.directory, desk.environ)):
        return os.path.normpath(path)
    return remote


def _check_not_here(here: House, there: House) -> None:
    assert there.wire is not None
    address = there.wire.host.address
    if address.kind != "path":
        return
    places = (here.repository.common_dir, here.repository.worktree)
    if any(place and _same_place(place, address.path) for place in places):
        raise UsageError(
            "that is this repository itself",
            hint="Run `gitcoord init` without --remote: its ledger serves all its worktrees.",
        )


def _same_place(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def _open_records(here: House) -> dict[str, int]:
    """Return how many open records of each kind the local ledger has; nothing: it is empty."""
    from gitcoord.domain.time import from_epoch

    try:
        if not here.ledger.exists():
            return {}
    except Damaged:
        if _was_moved(here):
            return {}
        raise
    now = from_epoch(here.ledger.clock.wall())
    with here.ledger.snapshot() as snapshot:
        open_tasks = (
            sum(1 for _ in snapshot.scan("tasks", f"status:{status}:"))
            for status in ("pending", "assigned", "in_progress", "blocked", "failed")
        )
        found = {
            "live sessions": len(snapshot.find("sessions", "live")),
            "locks": sum(1 for _ in snapshot.scan("locks", "end:", f"end:{now}")),
            "unfinished tasks": sum(open_tasks),
            "handoffs": snapshot.count("handoffs"),
            "marks of unlanded work": snapshot.count("unlanded"),
        }
    return {kind: count for kind, count in found.items() if count}


def _was_moved(here: House) -> bool:
    from gitcoord.storage.witness import MOVED

    return bool(here.store.list_refs(MOVED))


def _same(here: House, there: House) -> bool:
    """Say whether the host's ledger goes on from the local one: a move that was cut short."""
    head = there.ledger.head()
    return there.store.is_ancestor(here.ledger.head(), head)


def host_name(address: Address) -> str:
    """Return the name of the host in an address; nothing for a path."""
    if address.kind == "http":
        from urllib.parse import urlsplit

        return urlsplit(address.shown).hostname or ""
    return address.host.rpartition("@")[2]


def _settings_before(here: House, there: House) -> dict[str, Any]:
    """Return what a ledger at that host begins with: its defaults, and what was chosen here."""
    assert there.wire is not None
    before = remote_defaults(host_name(there.wire.host.address))
    try:
        with here.ledger.state() as state:
            own, plain = state.settings, Settings()
    except (NotInitialised, Damaged):
        # None, or one that has gone to another host: there is nothing to take over.
        return before
    chosen = {
        name: msgspec.to_builtins(getattr(own, name))
        for name in Settings.__struct_fields__
        if getattr(own, name) != getattr(plain, name)
    }
    return before | chosen


def _readers(desk: Desk, there: House) -> str:
    """Return who can read a ledger at that host, as far as that can be known without asking."""
    assert there.wire is not None
    host = there.wire.host
    shown = host.address.shown
    if host.address.kind == "http" and not host.memory.authenticated:
        asked = ("config", "--get-urlmatch", "http.extraheader", shown)
        signed = "@" in host.address.url.partition("://")[2].partition("/")[0]
        if not signed and desk.checkout.run(*asked, accept=(0, 1))[1] == b"":
            return (
                f"warning: {shown} can be read without signing in, and so can the ledger with "
                "its history; `gitcoord init --remote URL` can name a private repository"
            )
    return f"whoever can read {shown} can read the ledger with its history"


def _told(content: dict[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in content.items())


def _undecided(remote: str, content: dict[str, int]) -> AlreadyInitialised:
    remote = without_secrets(remote)
    return AlreadyInitialised(
        f"the local ledger has open records ({_told(content)}), and {remote} has no ledger",
        hint=f"`gitcoord init --remote {remote} --move` publishes it there as it is; "
        f"`gitcoord init --remote {remote} --leave` begins anew there, then {_ALONG} adds the "
        "open records (not sessions and locks).",
        local=content,
    )


def _both(remote: str, content: dict[str, int]) -> BothHaveContent:
    remote = without_secrets(remote)
    had = f" with open records ({_told(content)})" if content else ""
    return BothHaveContent(
        f"{remote} has a ledger, and there is a local one{had}; neither is overwritten",
        hint=f"Run `gitcoord init --remote {remote} --leave` to use that of {remote}, then "
        f"{_ALONG} to add the open records of the local one (not sessions and locks).",
        local=content,
    )
