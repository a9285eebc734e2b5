"""A clone without a ledger finds that of its remote by itself, once, and remembers it.

Only remotes that this clone has configured are asked. A URL in `.gitcoord.yaml` came with
somebody's commit, and is followed only when a person says so with `gitcoord init`.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from gitcoord.bootstrap import LOCAL, House, discover, open_house
from gitcoord.errors import (
    AccessDenied,
    GitFailed,
    HostBusy,
    HostRefused,
    HostUnreachable,
    UnreadableAnswer,
)
from gitcoord.storage.gitproc import Git

if TYPE_CHECKING:
    from gitcoord.entrypoints.cli.desk import Desk
    from gitcoord.storage.repository import Repository

#: What a host says that does not say whether it has a ledger.
_SILENT = (AccessDenied, HostBusy, HostRefused, HostUnreachable, UnreadableAnswer)
#: Attempts to write the setting while another process has the file.
_ATTEMPTS = 50


def discovered(desk: Desk, house: House) -> House | None:
    """Return the house of the remote that keeps a ledger, chosen for this clone from now on.

    None where no remote has one. Raises what is wrong with that ledger, or with the settings;
    then nothing is chosen.
    """
    remote = sought(desk, house.repository)
    if remote is None:
        return None
    found = open_house(desk.directory, desk.environ, remote=remote)
    try:
        found.ledger.head()
        remember(found.repository, remote)
        assert found.wire is not None
        desk.note(
            f"using the ledger of {remote} ({found.wire.host.address.shown}); "
            f"`git config coord.remote` says so from now on"
        )
    except BaseException:
        found.close()
        raise
    return found


def sought(desk: Desk, repository: Repository) -> str | None:
    """Return the remote that keeps a ledger: the one that the settings name, else origin.

    None, with a remark, also where it does not answer: then nobody knows.
    """
    try:
        return _found(desk, repository)
    except _SILENT as silent:
        desk.note(f"whether the remote has a ledger is not known: {silent.message}")
        return None


def _found(desk: Desk, repository: Repository) -> str | None:
    from gitcoord.entrypoints.settings import resolve
    from gitcoord.storage.wire.reach import found

    wished = resolve(repository, desk.environ)
    remote = wished.values.remote
    if not remote:
        return discover(repository)
    if remote == LOCAL:
        return None
    if remote not in names(repository):
        from gitcoord.storage.wire.address import without_secrets

        desk.note(
            f"{wished.sources['remote']} names a ledger at {without_secrets(remote)}; "
            "run `gitcoord init` to use that one"
        )
        return None
    return remote if found(repository, remote) else None


def names(repository: Repository) -> list[str]:
    """Return the names of the git remotes of this clone."""
    return Git(repository).run("remote")[1].decode("utf-8", "surrogateescape").split()


def remember(repository: Repository, remote: str) -> None:
    """Set `coord.remote` of this clone. Raises `GitFailed` when git cannot write it."""
    git = Git(repository)
    for _ in range(_ATTEMPTS):
        child = git.start("config", "--local", "--replace-all", "coord.remote", remote)
        code, _, complaint = child.finish()
        if code == 0:
            repository.remote = remote
            return
        if "could not lock" not in complaint:
            break
        time.sleep(0.01 + os.urandom(1)[0] / 12750)
    raise GitFailed(f"git config coord.remote: {complaint}")
