"""The audit: every operation that was asked for, who asked, and what came of it, newest first.

What is accepted stands in the commit that did it; what was refused rides on a later one of the
same machine, and is shown from the spool until then. An index finds entries, the chain says
what they are. Not here: whether the chain can be trusted (`proof`), how it is shown or written
to files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from gitcoord.domain.key_index import places, term, wanted
from gitcoord.domain.sessions import root as root_of
from gitcoord.domain.time import Time
from gitcoord.errors import GitcoordError, InvalidValue
from gitcoord.ledger import journal, lines
from gitcoord.ledger.history import Filter, matches, overlaps
from gitcoord.storage.chainindex import Step, Told
from gitcoord.storage.node import Reader, load
from gitcoord.storage.pastsearch import Edge, Look, PastSearch, Places, Spot, Wish
from gitcoord.storage.store import Oid, Store
from gitcoord.storage.walk import subtrees

if TYPE_CHECKING:
    from gitcoord.ledger.ledger import Ledger
    from gitcoord.ledger.spool import Spool

#: What came of an operation, in one word: `guardrail` is one that a guardrail was met in, `denied`
#: one that a profile, policy or network rule forbids, `refused` any other refusal, `waiting` one
#: that is still in this clone's spool, `unknown` a commit that tells of no operation.
Result = Literal["done", "refused", "denied", "guardrail", "waiting", "unknown"]
RESULTS: tuple[str, ...] = get_args(Result)

#: Codes of refusals for want of permission.
DENIALS = frozenset(
    (
        "agent_suspended",
        "cedar_evaluation_error",
        "domain_blocked",
        "insufficient_trust_level",
        "operation_not_permitted",
        "policy_denied",
        "policy_load_error",
        "resource_limit_exceeded",
    )
)
#: The code with which guardrails refuse, and the operation that notes where they were met.
_STOPPED, _MET = "denied", "guard.record"

#: The file of the index, beside the index of records.
FILE = "audit.sqlite"
#: Raised whenever what an entry says changes, so that indexes made before are thrown away.
VERSION = "1"
# Entries that are looked up at once where all are wanted.
_PAGE = 2000


class Entry(NamedTuple):
    """One operation as somebody asked for it."""

    #: When it was decided; "" where that is not known, because it only waits to be.
    time: Time
    agent: str
    session: str
    operation: str
    #: The operation's id; several operations may share it as a batch.
    id: str
    #: "done", "waiting", or the code of the refusal.
    outcome: str
    result: Result
    arguments: Any
    #: The commit that tells of it, and its place therein; "" and -1 where none does yet.
    commit: Oid
    place: int

    @property
    def spooled(self) -> bool:
        """Whether it waits in this clone to ride on a later transaction."""
        return not self.commit


class Page(NamedTuple):
    """Entries, newest first."""

    entries: list[Entry]
    #: What to ask for behind them; "" where there is no more.
    next: str
    #: Where history is cut off in this clone; None where all of it is known.
    known_from: Edge | None


class Audit:
    """The audit of one clone's ledger. `home` is where this clone keeps its files."""

    def __init__(self, ledger: Ledger, home: str, spool: Spool) -> None:
        self._ledger = ledger
        self._spool = spool
        self._search = PastSearch(os.path.join(home, FILE), _tell, VERSION)

    def page(self, wish: Filter, outcome: str = "", *, limit: int, cursor: str = "") -> Page:
        """Return the newest `limit` entries that the filter admits, from `cursor` on.

        `outcome` is one of `RESULTS`, or the code of a refusal. Raises `InvalidValue` for a wrong
        cursor or outcome, `InvalidKey`, `UnknownNamespace`, `CorruptRecord`, `Unavailable`.
        """
        after = _spot(cursor) if cursor else None
        asked = self._wish(wish, outcome)
        waiting = [] if cursor else list(self._waiting(wish, asked))
        room = limit - len(waiting[:limit])

        def question(look: Look) -> tuple[list[Spot], Edge]:
            return look.find(asked, after, room + 1), look.edge

        spots, edge = self._search.ask(self._ledger.head(), self._ledger.store, question)
        found = [*waiting[:limit], *self._read(spots[:room])]
        more = len(spots) > room
        if more and not room:
            # A page that the spool fills: the next one begins with the newest of the chain.
            return Page(found, _ALL, edge if edge.cut else None)
        last = spots[room - 1] if more else None
        return Page(found, f"{last.oid}.{last.place}" if last else "", edge if edge.cut else None)

    def everything(self, wish: Filter, outcome: str = "") -> Iterator[Entry]:
        """Yield all entries that the filter admits, newest first, lazily. Raises as `page`."""
        asked = self._wish(wish, outcome)
        yield from self._waiting(wish, asked)
        head = self._ledger.head()
        after: Spot | None = None
        while True:
            question = partial(Look.find, wish=asked, after=after, limit=_PAGE)
            spots = self._search.ask(head, self._ledger.store, question)
            yield from self._read(spots)
            if len(spots) < _PAGE:
                return
            after = spots[-1]

    def edge(self) -> Edge:
        """Return where what is known of the chain ends. Raises as `page`."""
        return self._search.ask(self._ledger.head(), self._ledger.store, lambda look: look.edge)

    def close(self) -> None:
        """Let go of the index."""
        self._search.close()

    def _wish(self, wish: Filter, outcome: str) -> Wish:
        found = Wish(
            agent=wish.agent,
            session=root_of(wish.session),
            operations=wish.operation.split(",") if wish.operation else (),
            outcome="" if outcome in RESULTS else outcome,
            result=outcome if outcome in RESULTS else "",
            since=wish.since[:19],
            until=wish.until,
        )
        if not wish.key:
            return found
        with self._ledger.state() as state:
            key = wanted(state.settings, wish.key)
        return found._replace(
            places=Places(*places(key)), overlaps=lambda text: overlaps(text, key)
        )

    def _read(self, spots: Sequence[Spot]) -> Iterator[Entry]:
        oids = list(dict.fromkeys(spot.oid for spot in spots))
        commits = {
            oid: journal.read(oid, raw) for oid, _, raw in self._ledger.store.read_many(oids)
        }
        for oid, place in spots:
            yield entries(commits[oid])[place]

    def _waiting(self, wish: Filter, asked: Wish) -> Iterator[Entry]:
        """Yield what waits in the spool and is wanted, newest first."""
        found = list(self._spool.refusals())
        for request in self._spool.requests():
            told = journal.Entry(request, request.agent, (), "waiting")
            found += journal.diary_lines(told)
        for line in reversed(found):
            one = _entry(line, "", "", -1)
            if matches(line, wish) and _admits(asked, one, line):
                yield one


def entries(found: journal.Transaction) -> list[Entry]:
    """Return the entries of a commit in its order; one without operation where it tells none."""
    told = [_entry(line, found.time, found.oid, at) for at, line in enumerate(found.lines)]
    nothing = Entry(
        found.time, found.agent, "", "", "", "", "unknown", {"subject": found.subject}, found.oid, 0
    )
    return told or [nothing]


def result_of(operation: str, outcome: str) -> Result:
    """Return in one word what came of an operation."""
    if outcome == _STOPPED or (operation == _MET and outcome in ("done", "waiting")):
        return "guardrail"
    if outcome in ("done", "waiting"):
        return "done" if outcome == "done" else "waiting"
    return "denied" if outcome in DENIALS else "refused"


def checked_outcome(text: str) -> str:
    """Return the outcome if it has the form of one. Raises `InvalidValue`."""
    if text and not text.replace("_", "").isalpha():
        raise InvalidValue(
            f"there is no outcome {text[:40]!r}",
            hint=f"Choose one of {', '.join(RESULTS)}, or the code of a refusal.",
        )
    return text


def _entry(line: lines.Line, time: Time, oid: Oid, place: int) -> Entry:
    operation, outcome = str(line.get("op", "")), str(line.get("outcome", ""))
    return Entry(
        # What was refused says when; it was told later.
        time=str(line.get("at") or time),
        agent=str(line.get("agent") or ""),
        session=str(line.get("session") or ""),
        operation=operation,
        id=str(line.get("id") or ""),
        outcome=outcome,
        result=result_of(operation, outcome),
        arguments=line.get("args"),
        commit=oid,
        place=place,
    )


# A cursor before the newest entry of the chain.
_ALL = "chain"


def _spot(cursor: str) -> Spot | None:
    if cursor == _ALL:
        return None
    oid, _, place = cursor.partition(".")
    if not (oid.isalnum() and place.isdecimal() and len(place) < 10):
        raise InvalidValue("the cursor is not one of ours", hint="Take `next` as it is.")
    return Spot(oid, int(place))


def _admits(asked: Wish, one: Entry, line: lines.Line) -> bool:
    """Say whether an entry that is not in the index is wanted by time, outcome and key."""
    return (
        (not asked.outcome or asked.outcome == one.outcome)
        and (not asked.result or asked.result == one.result)
        and (not (one.time and asked.since) or one.time >= asked.since)
        and (not asked.until or (bool(one.time) and one.time <= asked.until))
        and (asked.overlaps is None or any(map(asked.overlaps, lines.named(line))))
    )


def _tell(store: Store, steps: Sequence[Step]) -> Iterator[list[Told]]:
    """Yield what each of the commits tells of."""
    found = [journal.read(step.oid, step.raw) for step in steps]
    olders = [None if x.older is None else journal.tree_of(x.oid, x.older) for x in steps]
    read = _Reader(store)
    read.ahead([*(one.tree for one in found), *filter(None, olders)])
    pairs = list(zip(steps, found, olders, strict=True))
    read.ahead(
        [oid for step, one, older in pairs if not step.cut for oid in _held(read, one.tree, older)]
    )
    changed = [
        [] if step.cut else lines.differing(read, older, one.tree) for step, one, older in pairs
    ]
    read.ahead([oid for each in changed for _, oid in each])
    for commit, differences in zip(found, changed, strict=True):
        about = lines.about(commit.lines, lines.changes(read, differences)) or [set()]
        yield [
            Told(
                time=entry.time,
                op=entry.operation,
                outcome=entry.outcome,
                result=entry.result,
                agents=lines.people(line, "agent"),
                sessions=[root_of(name) for name in lines.people(line, "session")],
                keys=[(text, place) for text in keys if (place := _place(text))],
            )
            for entry, line, keys in zip(
                entries(commit), commit.lines or [{"agent": commit.agent}], about, strict=True
            )
        ]


def _held(read: Reader, *roots: Oid | None) -> Iterator[Oid]:
    """Yield the trees of the tables that say who holds what, where those of two roots differ."""
    tables = [subtrees(load(read, bytes.fromhex(root))) for root in roots if root]
    for name in lines.HELD:
        found = {one.get(name.encode()) for one in tables}
        if len(found) > 1:
            yield from (raw.hex() for raw in found if raw)


def _place(text: str) -> str:
    """Return by what a key is found; "" for a text that is none."""
    try:
        return term(text)
    except GitcoordError:
        return ""


class _Reader:
    """Reads objects, those of one group of commits together."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[Oid, bytes] = {}

    def ahead(self, oids: Sequence[Oid]) -> None:
        """Read these at once."""
        wanted = [oid for oid in dict.fromkeys(oids) if oid not in self._known]
        self._known.update((oid, data) for oid, _, data in self._store.read_many(wanted))

    def __call__(self, oid: Oid) -> bytes:
        """Return an object's data."""
        found = self._known.get(oid)
        if found is None:
            found = self._known[oid] = self._store.read(oid)[1]
        return found
