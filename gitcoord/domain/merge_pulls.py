"""Pull requests of queue entries: which one lands an entry whose target takes nothing else.

Only the address is kept, for people and for whoever looks at GitHub next. Promises that noting it
moves no entry. Not here: handing an entry over (`merge_setbacks`) and anything of GitHub.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from gitcoord.domain.merges import Merge, merge_by
from gitcoord.domain.names import one_line
from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.errors import InvalidTransition

if TYPE_CHECKING:
    from gitcoord.domain.state import State

#: Entries of which nothing will land any more, whatever is proposed.
_FINAL = ("merged", "removed")


class PullNoted(Answer, frozen=True, kw_only=True):
    """The entry as it is now."""

    merge: Merge


class NotePull(Operation, frozen=True, kw_only=True):
    """Note the pull request of an entry; an empty address: it has none any more."""

    tag = "merge.note_pull"
    answer = PullNoted
    sessionless: ClassVar[bool] = True

    id: str
    pr_url: str = ""

    def apply(self, state: State, context: Context) -> PullNoted:
        """Store the address; the entry's status, reason and checks stay as they are.

        Raises `InvalidId`, `MergeNotFound`, and `InvalidTransition` for one that was merged or
        removed.
        """
        entry = merge_by(state, self.id)
        if entry.status in _FINAL:
            raise InvalidTransition(
                f"{entry.id} was {entry.status}; no pull request lands it any more",
                merge=entry.id,
                status=entry.status,
            )
        url = one_line(self.pr_url)
        if url != entry.pr_url:
            entry = msgspec.structs.replace(entry, pr_url=url, updated_at=context.now)
            state.put(entry)
        return PullNoted(merge=entry)

    def subject(self, answer: PullNoted, agent: str) -> str:
        """Return the diary line."""
        found = answer.merge
        return one_line(f"merge: {found.id} has {found.pr_url or 'no pull request any more'}")
