"""Reading through git itself, for hosts that do not speak protocol v2.

Promises that objects come into the mirror alone, and that credentials, ssh command and
proxies are those of the user's repository, where they are set only there. Slower than our
own reading, since git lists every ref of the host each time. Not for pushes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from gitcoord.errors import HostBusy
from gitcoord.storage.gitproc import Git
from gitcoord.storage.wire import complaint
from gitcoord.storage.wire.child import Child
from gitcoord.storage.wire.pipe import foreign
from gitcoord.storage.wire.pktline import as_oid, as_ref
from gitcoord.storage.wire.read import MOVED
from gitcoord.storage.wire.transport import Interrupted

if TYPE_CHECKING:
    from gitcoord.storage.repository import Repository
    from gitcoord.storage.store import Oid
    from gitcoord.storage.wire.address import Address

#: Seconds of silence, progress included, after which git is ended.
TIMEOUT = 30.0
#: Settings that decide how a host is reached.
_SECTIONS = ("credential", "http", "protocol", "ssh", "url")
_CORE = ("core.askpass", "core.gitproxy", "core.sshcommand")
_SHARED = ("system", "global")
Setting = tuple[str, str, str]


def refs(git: Git, address: Address, prefix: str, *, timeout: float = TIMEOUT) -> dict[str, Oid]:
    """Return the host's refs whose names start with `prefix`; `timeout` in seconds of silence.

    Raises `Interrupted`, `AccessDenied`, `HostRefused`, `UnreadableAnswer`, as a transport.
    """
    _, place = git.run("rev-parse", "--absolute-git-dir")
    environ = foreign(git.inherited) | {"GIT_DIR": os.fsdecode(place.rstrip(b"\r\n"))}
    environ |= _given(address, (entry for entry in _listed(git) if entry[0] == "command"))
    command = ("ls-remote", "--refs", "--", address.url, f"{prefix}*")
    found: dict[str, Oid] = {}
    for line in _run(address, command, environ, timeout).splitlines():
        oid, _, name = line.partition(b"\t")
        if name.startswith(prefix.encode("utf-8", "surrogateescape")):
            found[as_ref(name)] = as_oid(oid)
    return found


def fetch(
    git: Git,
    mirror: Repository,
    address: Address,
    wants: Mapping[str, Oid],
    depth: int | None,
    *,
    timeout: float = TIMEOUT,
) -> None:
    """Bring the objects of `wants` into the mirror, at most `depth` commits of history each.

    Moves no ref. Raises as `refs`; `Interrupted` with `HostBusy` when the refs have moved on.
    """
    environ = foreign(git.inherited) | {
        "GIT_DIR": mirror.common_dir,
        "GIT_NO_REPLACE_OBJECTS": "1",
    }
    # What the mirror sees by itself is not given twice: some settings add up. It does not see
    # what the user's files include for certain repositories only.
    seen = set(_listed(Git(mirror, environ)))
    environ |= _given(
        address,
        (
            entry
            for entry in _listed(git)
            if _reaching(entry[1]) and not (entry[0] in _SHARED and entry in seen)
        ),
    )
    command = [
        *("fetch", "--progress", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"),
        *("--no-recurse-submodules", "--no-prune", "--no-write-commit-graph"),
    ]
    if depth is not None:
        command.append(f"--depth={depth}")
    command += ["--", address.url, *sorted(set(wants.values()))]
    _run(address, command, environ, timeout)


def _listed(git: Git) -> list[Setting]:
    """Return (scope, key, value) of all that git has set, in its order."""
    _, output = git.run("config", "--list", "-z", "--show-scope")
    words = output.decode("utf-8", "surrogateescape").split("\0")
    settings = []
    for scope, entry in zip(words[::2], words[1::2], strict=False):
        key, given, value = entry.partition("\n")
        settings.append((scope, key, value if given else "true"))
    return settings


def _reaching(key: str) -> bool:
    section = key.partition(".")[0]
    return section in _SECTIONS or key in _CORE


def _given(address: Address, settings: Iterable[Setting]) -> dict[str, str]:
    """Return the variables that give git these settings, where no other user sees them.

    The URL was rewritten once already; the longest rule counts, so that this one says that
    it stays. https://git-scm.com/docs/git-config#Documentation/git-config.txt-GITCONFIGCOUNT
    """
    pairs = [(key, value) for _, key, value in settings]
    pairs.append((f"url.{address.url}.insteadof", address.url))
    variables = {"GIT_CONFIG_COUNT": str(len(pairs))}
    for number, (key, value) in enumerate(pairs):
        variables[f"GIT_CONFIG_KEY_{number}"] = key
        variables[f"GIT_CONFIG_VALUE_{number}"] = value
    return variables


def _run(
    address: Address, command: Iterable[str], environ: Mapping[str, str], timeout: float
) -> bytes:
    child = Child(("git", *command), environ, timeout=timeout)
    child.end_input()
    output = bytearray()
    try:
        while piece := child.read(65536):
            output += piece
    except TimeoutError as error:
        raise complaint.silence(address.shown, error, sent=False) from error
    code, said = child.finish()
    if code != 0:
        text = complaint.words(said)
        if any(words in text for words in MOVED):
            moved = HostBusy(f"{address.shown} changed while it was read: {text}")
            raise Interrupted(moved, sent=False)
        raise complaint.failure(address.shown, code, said, sent=False)
    return bytes(output)
