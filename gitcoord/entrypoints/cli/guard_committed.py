"""`gitcoord guard committed`: note what the last commit has changed, for others to see.

Only spools: it rides on this machine's next decision. What is on record about the token
under which a path was written has served with that and is forgotten. Prints nothing and
never fails a commit, which is made by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

import click

from gitcoord.entrypoints.cli.checkpoint import lenient
from gitcoord.entrypoints.cli.desk import Desk, acting, command
from gitcoord.ledger import written

if TYPE_CHECKING:
    from gitcoord.storage.introduced import Change

#: Characters of the commit's subject that become the summary.
SUMMARY = 120


@click.command(epilog="Example: gitcoord guard committed")
@acting
@command
def committed(desk: Desk) -> None:
    """Note the files of the last commit; the hook `post-commit` calls this."""
    count = 0
    with lenient(desk, quiet=True) as here:
        if here.present(ask=False):
            _forget(desk)
            if (holder := here.acting[0]) is not None:
                count = _record(desk, holder)
    desk.show({"changes": count}, "")


def _forget(desk: Desk) -> None:
    """Forget the tokens of what is committed now and has not been changed further."""
    place = desk.repository
    if not written.exists(place.git_dir):
        return
    from gitcoord.storage.introduced import committed as introduced
    from gitcoord.storage.introduced import names, unstaged

    noted = written.of(place.git_dir, names(introduced(desk.checkout)))
    written.forget(place.git_dir, noted.keys() - set(unstaged(desk.checkout, noted)))


def _record(desk: Desk, holder: str) -> int:
    """Spool the changes of the commit and return how many these are."""
    from gitcoord.domain.changes import CALL_LIMIT, ChangeDraft, RecordChanges
    from gitcoord.domain.time import from_epoch
    from gitcoord.storage.introduced import committed as introduced

    house = desk.house
    command = ("rev-list", "-1", "--no-commit-header", "--encoding=UTF-8", "--format=%H %s", "HEAD")
    said = desk.checkout.run(*command)[1].decode("utf-8", "replace")
    commit, _, subject = said.strip().partition(" ")
    now = from_epoch(house.ledger.clock.wall())
    drafts = tuple(
        ChangeDraft(
            path=one.path,
            kind=one.kind,
            old_path=one.old_path,
            summary=subject[:SUMMARY],
            at=now,
            commit=commit,
        )
        for one in islice(_nameable(introduced(desk.checkout, commit)), CALL_LIMIT)
    )
    if drafts:
        house.coordinator.later(RecordChanges(changes=drafts), session=holder)
    return len(drafts)


def _nameable(changes: Iterable[Change]) -> Iterator[Change]:
    """Yield the changes whose paths the ledger can name; another would spoil them all."""
    for one in changes:
        if _can_be_named(one.path) and (not one.old_path or _can_be_named(one.old_path)):
            yield one


def _can_be_named(path: str) -> bool:
    """Say whether the path is one that a key could be of."""
    from gitcoord.domain.keys import escape, parse
    from gitcoord.errors import InvalidKey

    try:
        parse(escape(path))
    except InvalidKey:
        return False
    return True
