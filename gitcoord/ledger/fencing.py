"""Who was granted an overlapping key after a token: the question that a fence asks.

Answers from the chain itself: every lock that was ever granted stands in the tree of the
transaction that granted it, with a token above all before. Promises to be exact, or to
say that it does not know. Only exclusive grants count: what is shared excludes nobody
who wrote before. Not here: who may write, which the locks of today decide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from gitcoord.domain.key_index import stored
from gitcoord.domain.locks import Lock
from gitcoord.domain.overlap import overlap
from gitcoord.domain.sessions import root
from gitcoord.ledger.history import meta_at
from gitcoord.ledger.journal import tree_of
from gitcoord.storage import codec
from gitcoord.storage.node import load
from gitcoord.storage.walk import diff, subtrees

if TYPE_CHECKING:
    from gitcoord.domain.keys import Key
    from gitcoord.ledger.ledger import Ledger
    from gitcoord.storage.store import Oid

#: Transactions that one call looks at.
LIMIT = 5000
_LOCKS = Lock.table

#: (epoch, n); compared in that order.
Token = tuple[int, int]


class Question(NamedTuple):
    """A token, whose it was, and which keys would be in its way."""

    token: Token
    #: Sessions whose later grants do not count: the holder's, and whoever carries on.
    sessions: frozenset[str]
    #: Whether a lock on this key matters.
    touches: Callable[[Key], bool]


class Verdict(NamedTuple):
    """What is known of the time since a token."""

    #: Exclusive locks that others were granted since, the newest first.
    grants: tuple[Lock, ...]
    #: False where the chain that can be read does not reach back to the token: there may
    #: have been more grants then, and none is no proof.
    known: bool


def about(key: Key, session: str, epoch: int, token: int) -> Question:
    """Return the question about one key that a session, or its sub-agent, held."""
    return Question((epoch, token), frozenset((root(session),)), partial(overlap, key))


def granted_since(
    ledger: Ledger, questions: Sequence[Question], *, limit: int = LIMIT
) -> list[Verdict]:
    """Return the verdict on each question, from the head back by at most `limit` transactions.

    A grant that came and went within one transaction is not seen: its holder heard of it
    when it was over, so that nobody has written under it. A token that this chain never
    granted, because a part was lost or it is of another epoch, is not known. Raises
    `CorruptRecord` and what reading the head raises.
    """
    search = _Search(ledger, questions)
    for commit, raw in ledger.store.chain(ledger.head(), limit + 1):
        search.look(commit, tree_of(commit, raw))
        if not search.open:
            break
    else:
        search.give_up()
    return [
        Verdict(tuple(found[token] for token in sorted(found, reverse=True)), known)
        for found, known in zip(search.grants, search.known, strict=True)
    ]


class _Search:
    """One walk from the head back, for all questions whose token has not been reached."""

    def __init__(self, ledger: Ledger, questions: Sequence[Question]) -> None:
        self._ledger = ledger
        self._questions = questions
        self.open = set(range(len(questions)))
        self.known = [False] * len(questions)
        self.grants: list[dict[Token, Lock]] = [{} for _ in questions]
        self._newer: tuple[Oid, Oid] | None = None

    def look(self, commit: Oid, tree: Oid) -> None:
        """Go one transaction further back."""
        if self._newer is None:
            head = self._token(commit)
            self._close(head, head)
        elif self._table(tree) != self._table(self._newer[1]):
            self._collect(tree, self._newer[1])
            # Tokens grow only where locks change; elsewhere the counters need no look.
            self._close(self._token(commit), self._token(self._newer[0]))
        self._newer = commit, tree

    def give_up(self) -> None:
        """Take the oldest state that can be read for what happened before it."""
        if self._newer is not None:
            self._collect(None, self._newer[1])

    def _close(self, older: Token, newer: Token) -> None:
        """Close the questions whose token is not below `older`, the counters one back."""
        for at in [at for at in self.open if older <= self._questions[at].token]:
            token = self._questions[at].token
            self.known[at] = older == token or (newer[0] == token[0] and newer >= token)
            self.open.discard(at)

    def _collect(self, older: Oid | None, newer: Oid) -> None:
        for _, entry, _, blob in diff(self._read, older, newer, _LOCKS):
            if blob is not None:
                lock = codec.decode_record(self._read(blob), Lock, f"{_LOCKS}/{entry}")
                if lock.mode == "exclusive":
                    self._count(lock)

    def _count(self, lock: Lock) -> None:
        token, key = (lock.epoch, lock.token), stored(lock.key)
        for at in self.open:
            asked = self._questions[at]
            if (
                token > asked.token
                and root(lock.session) not in asked.sessions
                and asked.touches(key)
            ):
                # Renewals show the same grant again; the oldest look is nearest to the grant.
                self.grants[at][token] = lock

    def _table(self, tree: Oid) -> bytes | None:
        return subtrees(load(self._read, bytes.fromhex(tree))).get(_LOCKS.encode())

    def _token(self, commit: Oid) -> Token:
        meta = meta_at(self._ledger, commit)
        return meta.epoch, meta.token

    def _read(self, oid: Oid) -> bytes:
        return self._ledger.store.read(oid)[1]
