"""How a clone comes to the ledger of a remote: whose it is, where it is followed, over what way.

Asks nobody: the host is met when something is wanted of it.
"""

from __future__ import annotations

import os
import re
import time

import msgspec

from gitcoord.errors import Unavailable, by_code
from gitcoord.storage.digest import sha256
from gitcoord.storage.durable import put
from gitcoord.storage.gitproc import Git
from gitcoord.storage.repository import Repository, home
from gitcoord.storage.wire.address import resolve
from gitcoord.storage.wire.host import Host, Observed
from gitcoord.storage.wire.memory import Keeper
from gitcoord.storage.wire.store import WireStore

#: Seconds for which a remote without a ledger is not asked again, and one that did not answer.
_AGAIN, _SOON = 60.0, 10.0
STATE = "refs/coord/state"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")


def place(repository: Repository, remote: str) -> str:
    """Return the folder of this clone's private files about the ledger of `remote`."""
    plain = _NAME.fullmatch(remote) and not remote.startswith("url-")
    name = remote if plain else "url-" + sha256(remote.encode()).hexdigest()[:12]
    return os.path.join(home(repository), "remote", name)


def reach(
    repository: Repository, remote: str, folder: str, observed: Observed, *, patience: float
) -> WireStore:
    """Return the store of the ledger at `remote`: the name of a git remote, a URL or a path.

    `observed` hears of the host's clock; `patience` is in seconds. Raises `InvalidUrl`,
    `GitMissing`, `GitFailed`.
    """
    git = Git(repository)
    address = resolve(remote, git, repository.worktree or repository.common_dir)
    keeper = Keeper(os.path.join(folder, "host.json"), address.shown)
    host = Host(address, git, keeper, observed, repository.object_format)
    return WireStore(host, os.path.join(folder, "ledger.git"), patience=patience)


def candidate(repository: Repository) -> str | None:
    """Return the git remote that would keep the ledger: origin, or the only one there is."""
    names = Git(repository).run("remote")[1].decode("utf-8", "surrogateescape").split()
    if "origin" in names:
        return "origin"
    return names[0] if len(names) == 1 else None


def found(repository: Repository, remote: str) -> bool:
    """Say whether the remote keeps a ledger, asking at most once a minute where it does not.

    Raises `Unavailable` where it does not answer, and is asked again after ten seconds.
    """
    note = os.path.join(home(repository), f"no-ledger-{sha256(remote.encode()).hexdigest()[:12]}")
    try:
        with open(note, "rb") as file:
            age, silent = time.time() - os.fstat(file.fileno()).st_mtime, file.read()
    except FileNotFoundError:
        age, silent = _AGAIN, b""
    if silent and 0 <= age < _SOON:
        raise by_code(msgspec.json.decode(silent))
    if not silent and 0 <= age < _AGAIN:
        return False
    wire = reach(repository, remote, place(repository, remote), _unheard, patience=0)
    try:
        if wire.host.has(STATE):
            return True
    except Unavailable as trouble:
        put(note, msgspec.json.encode(trouble.as_dict()))
        raise
    finally:
        wire.close()
    put(note, b"")
    return False


def _unheard(host: float, monotonic: float) -> dict[str, float | str]:
    return {}
