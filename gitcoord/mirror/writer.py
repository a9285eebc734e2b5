"""Carry out what is to be changed at GitHub, in such a way that twice is once.

What is there is read before anything is written: comments are known by their marks, labels by
their names. Of two writers that begin the same comment at once the older comment stays. What
shows a newer state of the ledger is never replaced by what shows an older one. Not here: what
is to be changed, and how GitHub is spoken to.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from gitcoord.errors import ForgeRefused, GitcoordError
from gitcoord.mirror import labels
from gitcoord.mirror.effects import (
    Check,
    Close,
    Effect,
    Keep,
    Label,
    Merge,
    Open,
    Page,
    Propose,
    React,
    Say,
    Unlabel,
    age_of,
)
from gitcoord.mirror.markdown import small
from gitcoord.mirror.posting import page_age
from gitcoord.mirror.texts import marked, ours

if TYPE_CHECKING:
    from gitcoord.mirror.facts import Comment
    from gitcoord.mirror.forge import Forge


#: How often a page is written that others write at the same time; the next look writes it, too.
TRIES = 3


class Written(NamedTuple):
    """How much was asked for, and what GitHub would not have."""

    effects: int
    refused: tuple[GitcoordError, ...] = ()


class _Kept(NamedTuple):
    """What the mark of a comment that is kept up to date says."""

    mark: str
    age: tuple[int, int]
    digest: str


class Writer:
    """Writes to one repository at GitHub."""

    def __init__(self, forge: Forge) -> None:
        self._forge = forge

    def carry_out(self, effects: Iterable[Effect]) -> Written:
        """Make it so, in this order; one that GitHub refuses does not keep the others back.

        Raises `Unavailable` when GitHub does not answer or wants time; what was not done by then
        comes again with the next look.
        """
        count, refused = 0, []
        for effect in dict.fromkeys(effects):
            count += 1
            try:
                self._do(effect)
            except ForgeRefused as error:
                refused.append(error)
        return Written(count, tuple(refused))

    def _do(self, effect: Effect) -> None:
        match effect:
            case Label() | Unlabel():
                self._label(effect)
            case Say():
                self._say(effect)
            case Keep():
                self._keep(effect)
            case React(comment, content):
                self._forge.react(comment, content)
            case Check(head, ok, title, summary, stamp):
                self._forge.check(head, ok=ok, title=title, summary=summary, stamp=stamp)
            case Close(number, reason):
                self._forge.close(number, reason)
            case Open():
                self._open(effect)
            case Propose() | Merge():
                self._pull(effect)
            case Page():
                self._page(effect)

    def _label(self, effect: Label | Unlabel) -> None:
        if isinstance(effect, Unlabel):
            self._forge.unlabel(*effect)
            return
        number, name, key = effect
        color, description = labels.style(name, key)
        if not self._forge.label(number, name, color, description, exact=bool(key)):
            self._forge.label(number, labels.otherwise(name, key), color, description)

    def _pull(self, effect: Propose | Merge) -> None:
        if isinstance(effect, Merge):
            number, head, method, sure = effect
            self._forge.merge(number, head, method, sure=sure)
            return
        branch, base, mark, title, body = effect
        self._forge.propose(branch, base, title, marked(body, mark))

    def _say(self, effect: Say) -> None:
        if self._mine(effect.number, effect.mark):
            return
        self._forge.say(effect.number, marked(effect.body, effect.mark))
        # Another writer may have been at it, too: the first comment stays.
        for comment in self._mine(effect.number, effect.mark)[1:]:
            self._forge.unsay(comment.id)

    def _keep(self, effect: Keep) -> None:
        digest = sha256(effect.body.encode()).hexdigest()[:16]
        mark = f"{effect.mark} {effect.stamp} {digest}"
        body = marked(f"{effect.body}\n\n{small(effect.stamp)}", mark)
        found = self._kept(effect)
        if not found:
            if effect.quiet:
                return
            self._forge.say(effect.number, body)
            # Another writer may have been at it, too: the first comment stays.
            found = self._kept(effect)
        elif (there := found[0][1]).digest != digest and there.age <= effect.stamp.age:
            self._forge.rewrite(found[0][0].id, body)
        for other, _ in found[1:]:
            self._forge.unsay(other.id)

    def _kept(self, effect: Keep) -> list[tuple[Comment, _Kept]]:
        """Return the comments that are kept under the effect's mark, the oldest first."""
        read = ((one, _kept(mark)) for one, mark in self._ours(effect.number))
        return [(one, kept) for one, kept in read if kept and kept.mark == effect.mark]

    def _open(self, effect: Open) -> None:
        if self._opened(effect.mark):
            return
        number = self._forge.open(effect.title, marked(effect.body, effect.mark), effect.labels)
        # Another writer may have been at it, too: the first issue stays. Without its mark the
        # other is no task's, so that closing it ends none.
        self._forge.afresh()
        first = min(self._opened(effect.mark), default=number)
        if first < number:
            self._forge.withdraw(number, f"Opened twice at once; see #{first}.")

    def _opened(self, mark: str) -> list[int]:
        me = self._forge.hosted().me
        found = self._forge.threads()
        return [one.number for one in found if ours(one.author, one.body, me) == mark]

    def _page(self, effect: Page) -> None:
        for _ in range(TRIES):
            there = self._forge.file(effect.branch, effect.path)
            if there.blob and page_age(there.text) >= effect.stamp.age:
                return
            said = (effect.branch, effect.path, effect.text, f"state {effect.stamp}")
            if self._forge.page(*said, there.blob):
                return

    def _ours(self, number: int) -> list[tuple[Comment, str]]:
        """Return our comments on a thread and their marks, the oldest first."""
        me = self._forge.hosted().me
        read = ((x, ours(x.author, x.body, me)) for x in self._forge.comments(number))
        return [(comment, mark) for comment, mark in read if mark]

    def _mine(self, number: int, mark: str) -> list[Comment]:
        return [one for one, found in self._ours(number) if found == mark]


def _kept(mark: str) -> _Kept | None:
    words = mark.split(" ")
    if len(words) != 3:
        return None
    age = age_of(words[1])
    return _Kept(words[0], age, words[2]) if words[1] == f"{age[0]}.{age[1]}" else None
