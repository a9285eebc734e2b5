"""`gitcoord guard commit`: what the index would commit, held against the locks.

Refuses paths that another session holds, and paths that were written under a token which
somebody else's grant has overtaken. Costs no git where nobody else holds anything and no
write is on record. Changes nothing, neither in the index nor in the worktree.
"""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

import click

from gitcoord.entrypoints.cli.checkpoint import SHOWN, Checkpoint, counted, held, lenient
from gitcoord.entrypoints.cli.desk import Desk, acting, command
from gitcoord.errors import Refused, StaleToken
from gitcoord.ledger import written


@click.command(epilog="Example: gitcoord guard commit || echo not now")
@acting
@command
def commit(desk: Desk) -> None:
    """Refuse what the index would commit and others hold; the hook `pre-commit` calls this.

    Looks at what is staged against HEAD, in a merge at what differs from all parents.
    """
    paths: list[str] = []
    checked = False
    with lenient(desk) as here:
        if here.present():
            paths = _paths(desk, here)
            here.settle("commit", _refusal(here, paths), paths)
            checked = True
    desk.show({"checked": checked, "paths": len(paths)}, "")


def _paths(desk: Desk, here: Checkpoint) -> list[str]:
    """Return the paths of the commit; none where there is nothing to hold them against."""
    place = desk.repository
    if here.silent is None and not here.others() and not written.exists(place.git_dir):
        return []
    from gitcoord.storage.introduced import names, staged

    return names(staged(desk.checkout))


def _refusal(here: Checkpoint, paths: Sequence[str]) -> Refused | None:
    if not paths:
        return None
    found = here.obstructed(paths)
    if found:
        return held(found, "this commit is refused", _elsewhere)
    return _stale(here, paths) or here.unvouched(paths)


def _elsewhere(path: str) -> str:
    name = quote(path)
    return (
        f"Wait for it with `gitcoord lock acquire {name} --wait 10m`, or leave it out with"
        f" `git restore --staged -- {name}`."
    )


def _stale(here: Checkpoint, paths: Sequence[str]) -> StaleToken | None:
    """Return the refusal of paths that were written under a token which is overtaken."""
    desk = here.desk
    noted = written.of(desk.repository.git_dir, paths)
    if not noted:
        return None
    from gitcoord.domain.guarding import tokens

    with desk.state() as state:
        current = tokens(state, list(noted), here.acting[1])
    groups: dict[tuple[str, int, int], list[str]] = {}
    for path, one in noted.items():
        if current.get(path, (0, 0)) < (one.epoch, one.token):
            groups.setdefault((one.session, one.epoch, one.token), []).append(path)
    found = here.overtaken(groups)
    if not found:
        return None
    paths = [path for one in found for path in one["paths"]]
    return StaleToken(
        f"this commit is refused: {counted(paths)} written under a token that is overtaken",
        hint=f"Take it again with `gitcoord lock acquire {quote(paths[0])}`, look at what others"
        " have changed, then commit.",
        stale=found[:SHOWN],
    )
