"""A ledger in memory for tests of rules: settable clock, dictionaries, no git.

`World.run` treats an operation as the ledger does (acting check, savepoint,
rollback, touch, one more seq when something changed) and sends it and its answer
through their plain form. `World.check` holds the invariants of every state.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import msgspec

from gitcoord.domain import rights, sessions
from gitcoord.domain.operation import Answer, Beat, Context, Operation, packed, unpacked
from gitcoord.domain.record import Meta, Record
from gitcoord.domain.settings import Settings
from gitcoord.domain.state import ARCHIVE, State
from gitcoord.domain.time import Time, plus
from gitcoord.errors import GitcoordError

START: Time = "2026-01-05T08:00:00.000Z"


def decode(data: bytes, kind: type[Any]) -> Any:
    """Return the record that the stored bytes hold."""
    return msgspec.json.decode(data, type=kind)


def kinds() -> dict[str, type[Record]]:
    """Return the record classes that are loaded, by table."""
    found: dict[str, type[Record]] = {}
    pending = list(Record.__subclasses__())
    while pending:
        kind = pending.pop()
        pending.extend(kind.__subclasses__())
        if hasattr(kind, "table"):
            found[kind.table] = kind
    return found


class Shelf:
    """A `Snapshot` of dictionaries that counts what is loaded from it."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, bytes]] = {}
        self.terms: dict[str, list[tuple[str, str]]] = {}
        self.loads: list[tuple[str, str]] = []

    def load(self, table: str, name: str) -> bytes | None:
        self.loads.append((table, name))
        return self.tables.get(table, {}).get(name)

    def find(self, table: str, term: str) -> list[str]:
        return [name for found, name in self.scan(table, term) if found == term]

    def scan(self, table: str, prefix: str, after: str = "") -> Iterator[tuple[str, str]]:
        terms = self.terms.get(table, [])
        for at in range(bisect_left(terms, (prefix, "")), len(terms)):
            if not terms[at][0].startswith(prefix):
                break
            if terms[at][0] > after:
                yield terms[at]

    def names(self, table: str) -> Iterator[str]:
        yield from sorted(self.tables.get(table, {}))

    def write(self, table: str, name: str, record: Record | None) -> None:
        """Put the record there, or take it away."""
        records = self.tables.setdefault(table, {})
        terms = self.terms.setdefault(table, [])
        if name in records:
            old = decode(records.pop(name), kinds()[table.removeprefix(ARCHIVE)])
            for term in set(old.terms()):
                del terms[bisect_left(terms, (term, name))]
        if record is not None:
            records[name] = msgspec.json.encode(record)
            for term in set(record.terms()):
                insort(terms, (term, name))

    def contents(self) -> dict[str, dict[str, bytes]]:
        """Return everything that is stored, to compare with later."""
        return {table: dict(records) for table, records in self.tables.items() if records}


class World:
    """One ledger, its clock and the signs of life of its sessions.

    Sessions are named by id, sub-agents as "<session>/<agent>". Settings are
    given by name: `World(lock_ttl_max=60)`.
    """

    def __init__(self, **settings: Any) -> None:
        self.shelf = Shelf()
        self.meta = Meta(time=START)
        self.settings = msgspec.convert(msgspec.to_builtins(Settings()) | settings, Settings)
        self.now: Time = START
        self.presence: dict[str, Beat] = {}
        self.clock_trusted = True
        self.operations = 0
        #: Every fencing token that was ever seen, with the lock it was granted to.
        self.tokens: dict[tuple[int, int], str] = {}

    def pass_time(self, seconds: float) -> Time:
        """Let time go by and return the new now."""
        self.now = plus(self.now, seconds)
        return self.now

    def state(self) -> State:
        """Return the state as it is, to look at or to change in vain."""
        meta = msgspec.convert(msgspec.to_builtins(self.meta), Meta)
        return State(self.shelf, decode, meta, self.settings)

    def context(self, session: str | None = None, **fields: Any) -> Context:
        """Return a context with the next operation id."""
        self.operations += 1
        owner = session and self.state().get(sessions.Session, session.split("/")[0])
        fields = {
            "now": self.now,
            "op_id": f"o-{self.operations:06d}",
            "session": session,
            "agent": owner.agent if owner else "",
            "presence": dict(self.presence),
            "clock_trusted": self.clock_trusted,
        } | fields
        return Context(**fields)

    def session(self, id: str, **fields: Any) -> sessions.Session:
        """Store a live session and return it; its agent is named as its id without "s-"."""
        fields = {"agent": id.removeprefix("s-"), "started_at": self.now, "seen_at": self.now} | (
            fields
        )
        session = sessions.Session(id=id, **fields)
        self.put(session)
        return session

    def put(self, *records: Record) -> None:
        """Store the records as they are, without asking any rule."""
        state = self.state()
        for record in records:
            state.put(record)
        self._commit(state)

    def remove(self, *records: Record) -> None:
        """Take the records away, without asking any rule."""
        state = self.state()
        for record in records:
            state.remove(record)
        self._commit(state)

    def get(self, kind: type[Any], name: str) -> Any:
        """Return the record of that name or None."""
        return self.state().get(kind, name)

    def all(self, kind: type[Any], *, archived: bool = False) -> list[Any]:
        """Return every record of the kind, ordered by name."""
        return list(self.state().all(kind, archived=archived))

    def run(self, operation: Operation, session: str | None = None, **fields: Any) -> Any:
        """Apply one operation as its own transaction and return the answer, or raise.

        `fields` replace those of the context, for example `op_id`.
        """
        (outcome,) = self.run_together((operation, session), **fields)
        if isinstance(outcome, GitcoordError):
            raise outcome
        return outcome

    def run_together(
        self, *wishes: tuple[Operation, str | None], **fields: Any
    ) -> list[Answer | GitcoordError]:
        """Apply operations one after the other in one transaction; each can fail alone."""
        state = self.state()
        outcomes: list[Answer | GitcoordError] = []
        for operation, session in wishes:
            context = self.context(session, **fields)
            mark, before = state.savepoint(), dict(state.changes())
            try:
                outcomes.append(_apply(unpacked(packed(operation)), state, context))
            except GitcoordError as refusal:
                msgspec.json.encode(refusal.as_dict())
                state.rollback(mark)
                assert not state.changed_since(mark)
                assert dict(state.changes()) == before
                outcomes.append(refusal)
        self._commit(state)
        return outcomes

    def refused(
        self, error: type[GitcoordError], operation: Operation, session: str | None = None
    ) -> Any:
        """Return the refusal of an operation; fail if it is accepted or changes anything."""
        contents, meta, settings = self.shelf.contents(), self.meta, self.settings
        (outcome,) = self.run_together((operation, session))
        assert type(outcome) is error, f"{operation}: {outcome!r}"
        assert self.shelf.contents() == contents
        assert (self.meta, self.settings) == (meta, settings)
        return outcome

    def unchanged(self, operation: Operation, session: str | None = None) -> Any:
        """Return the answer of an operation that is accepted and has nothing to write."""
        seq = self.meta.seq
        answer = self.run(operation, session)
        assert self.meta.seq == seq, f"{operation} wrote something"
        return answer

    def _commit(self, state: State) -> None:
        changes = list(state.changes())
        changed = False
        for (table, name), record in changes:
            data = None if record is None else msgspec.json.encode(record)
            if self.shelf.tables.get(table, {}).get(name) != data:
                changed = True
                self.shelf.write(table, name, record)
        if changed or state.meta.token != self.meta.token or state.settings != self.settings:
            state.meta.seq += 1
            state.meta.time = max(self.now, self.meta.time)
            self.meta, self.settings = state.meta, state.settings
        self._note_tokens(record for _, record in changes)

    def _note_tokens(self, records: Iterator[Record | None]) -> None:
        highest = max(self.tokens, default=(0, 0))
        for record in records:
            if record is None or record.table != "locks":
                continue
            pair = (record.epoch, record.token)  # type: ignore[attr-defined]
            if pair in self.tokens:
                assert self.tokens[pair] == record.name, "a token was granted twice"
            else:
                assert pair > highest, "a token went back"
                assert pair <= (self.meta.epoch, self.meta.token), "a token was made up"
                self.tokens[pair] = record.name

    def check(self) -> None:
        """Fail if the state breaks an invariant."""
        for table, records in self.shelf.tables.items():
            kind = kinds()[table.removeprefix(ARCHIVE)]
            for name, data in records.items():
                record = decode(data, kind)
                assert record.name == name
                assert record.archived == table.startswith(ARCHIVE)
                assert msgspec.json.encode(record) == data
                for term in record.terms():
                    assert (term, name) in self.shelf.terms[table]
        live = {session.id for session in self.all(sessions.Session)}
        if self.shelf.tables.get("locks"):
            self._check_locks(live)
        for waiter in self._stored("waiters"):
            assert waiter.session.split("/")[0] in live, "a waiter without a live session"

    def _check_locks(self, live: set[str]) -> None:
        from gitcoord.domain.key_index import stored
        from gitcoord.domain.overlap import overlap

        locks = self._stored("locks")
        for lock in locks:
            assert lock.session.split("/")[0] in live, "a lock without a live session"
            assert (lock.epoch, lock.token) <= (self.meta.epoch, self.meta.token)
        assert len({(lock.epoch, lock.token) for lock in locks}) == len(locks)
        for one, other in combinations(locks, 2):
            if one.session.split("/")[0] == other.session.split("/")[0]:
                continue
            if "exclusive" in (one.mode, other.mode):
                assert not overlap(stored(one.key), stored(other.key)), (one, other)

    def _stored(self, table: str) -> list[Any]:
        kind = kinds().get(table)
        return self.all(kind) if kind else []


def _apply(operation: Operation, state: State, context: Context) -> Answer:
    needed = operation.acting and (context.session or not operation.sessionless)
    session = sessions.acting(state, context) if needed else None
    answer = rights.apply(state, context, operation, session)
    if session is not None:
        sessions.touch(state, context, session)
    kind = type(operation).answer
    assert msgspec.convert(msgspec.to_builtins(answer), kind) == answer
    line = operation.subject(answer, context.agent)
    assert line
    assert len(line) <= 100
    assert line.isprintable()
    return answer
