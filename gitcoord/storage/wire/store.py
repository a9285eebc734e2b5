"""The store whose arbiter is a git host: one push decides, a mirror remembers.

Reads answer from the mirror as of the last `refresh`; `commit` is one request while what
was read is still true at the host. An answer that gets lost is looked up, and the very
same push is sent again until the refs tell what became of it. Not here: re-deciding after a
lost swap.
"""

from __future__ import annotations

import time
from _thread import RLock
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import ClassVar, NamedTuple, TypeVar

from gitcoord.errors import CorruptRecord, GitcoordError, HostRefused, Unavailable
from gitcoord.storage.closure import named
from gitcoord.storage.packfile import Packed
from gitcoord.storage.packfile import pack as packed
from gitcoord.storage.repository import Repository
from gitcoord.storage.store import (
    ABSENT,
    OID_LENGTH,
    Expected,
    GitObject,
    Move,
    Oid,
    SwapLost,
    check_moves,
)
from gitcoord.storage.wire.attempt import Attempt, spread
from gitcoord.storage.wire.host import DEPTH, Host
from gitcoord.storage.wire.mirror import Copy, Mirror, opened, standing
from gitcoord.storage.wire.push import Command, Report
from gitcoord.storage.wire.transport import Interrupted
from gitcoord.storage.wire.verdict import by_refs, settled

#: What is followed: the ledger, and the signs of life of all machines.
FOLLOWED = ("refs/coord/state", "refs/coord/presence/")
#: Commits that are fetched at once when history further back is asked for.
_DEEPER = 1000
#: Times that a question is asked whose answer gets lost.
_READS = 4

T = TypeVar("T")


class Contact(NamedTuple):
    """The last word from the host: how many seconds ago (None: never), and what failed since."""

    age: float | None
    error: GitcoordError | None


class WireStore:
    """The ledger of one host, followed in one mirror. Safe between threads.

    `patience`: seconds for which `commit` goes on trying while the host is busy or silent.
    """

    remote: ClassVar[bool] = True

    def __init__(self, host: Host, path: str, *, patience: float) -> None:
        self.host = host
        self._path = path
        self.patience = patience
        self._mirror: Mirror | None = None
        #: The same once it was followed.
        self._opened: Mirror | None = None
        self._lock = RLock()
        self._failed: GitcoordError | None = None
        self._tried_to_mend = False

    @property
    def object_format(self) -> str:
        """The host's object format; asks the host once in the life of a clone."""
        return self.mirror.repository.object_format

    @property
    def atomic(self) -> bool:
        """Whether the host moves several refs as one; asks it once in the life of a clone."""
        if self.host.memory.atomic is None:
            with self._lock, self._noting():
                self.host.meet()
        return bool(self.host.memory.atomic)

    @property
    def mirror(self) -> Mirror:
        """The mirror, made at the first contact with the host."""
        # Who reads what is known does not wait for who asks a host that is silent.
        if self._opened is not None:
            return self._opened
        with self._lock:
            if self._mirror is None:
                self._mirror = self._opened = self._open()
            return self._mirror

    @property
    def place(self) -> Repository:
        """Where the mirror stands, or will stand."""
        return standing(self._path, self.host.memory.object_format or "sha1", self.host.environ)

    @property
    def contact(self) -> Contact:
        """When the host last answered, and what went wrong since."""
        last = self.host.memory.contact
        return Contact(max(0.0, time.time() - last) if last else None, self._failed)

    def refresh(self) -> None:
        """Ask the host for its refs, and fetch what is new; see `Store.refresh`."""
        with self._lock, self._noting():
            self._again(self._follow)

    def look(self, refs: Sequence[str]) -> dict[str, Oid]:
        """Return which of these refs the host has at this moment; the mirror stays as it is.

        Raises as `Transport.ask`.
        """
        with self._lock:
            found = self._again(lambda: self.host.refs(refs))
        return {ref: oid for ref, oid in found.items() if ref in refs}

    def read_ref(self, ref: str) -> Expected:
        """Return the value that the mirror knows, or ABSENT."""
        return self._mended(lambda: self.mirror.inner.read_ref(ref))

    def list_refs(self, prefix: str) -> dict[str, Oid]:
        """Return the refs that the mirror knows below `prefix`, sorted."""
        return self._mended(lambda: self.mirror.inner.list_refs(prefix))

    def read(self, oid: Oid) -> tuple[bytes, bytes]:
        """Return (kind, data) or raise CorruptRecord."""
        return self._mended(lambda: self.mirror.inner.read(oid))

    def read_many(self, oids: Sequence[Oid]) -> Iterator[tuple[Oid, bytes, bytes]]:
        """Yield (oid, kind, data) in order."""
        done = 0
        try:
            for found in self.mirror.inner.read_many(oids):
                yield found
                done += 1
        except CorruptRecord:
            self._mended(lambda: self.mirror.inner.read(oids[done]))
            yield from self.mirror.inner.read_many(oids[done:])

    def commit(self, objects: Sequence[GitObject], moves: Sequence[Move]) -> None:
        """Push, then remember; see `Store.commit`.

        Raises also HostUnreachable, HostBusy, HostRefused, AccessDenied and UnreadableAnswer
        (nothing was changed), and OutcomeUnknown when no answer came and none can be had.
        """
        check_moves(moves)
        with self._lock:
            left = objects
            if moves:
                if len(moves) > 1 and not self.atomic:
                    raise HostRefused("this host cannot move several refs as one")
                pack = self._pack(objects, moves)
                copy = Copy(self.mirror, objects, pack)
                self._push(moves, pack[0], copy.make)
                left = copy.left
            try:
                self.mirror.keep(left, moves)
            except Unavailable:
                if not moves:
                    raise
                # It has landed, and its success must be told. The next refresh fetches it.
                return

    def retire(self, refs: Mapping[str, Oid]) -> list[str]:
        """Delete refs at the host that are still at these values; return those that are gone.

        The values are looked at just before, because a host carries out a deletion that names
        a value which it does not have. Not for the ledger itself. Raises as `commit`.
        """
        with self._lock, self._noting():
            self._follow()
            known = self._tracked()
            doomed = {ref: oid for ref, oid in refs.items() if known.get(ref) == oid}
            zeros = "0" * OID_LENGTH[self.object_format]
            if doomed:
                self.host.push([Command(ref, oid, zeros) for ref, oid in doomed.items()], ())
                self._follow()
            left = self._tracked()
            return [ref for ref in doomed if ref not in left]

    def is_ancestor(self, old: Oid, new: Oid) -> bool:
        """Return whether `old` is `new` or an ancestor, as far as the mirror knows history."""
        return self.mirror.inner.is_ancestor(old, new)

    def chain(self, start: Oid, limit: int | None = None) -> Iterator[tuple[Oid, bytes]]:
        """Yield first parents, newest first; history that the mirror lacks is fetched."""
        done, last = 0, ""
        while True:
            for at, (oid, raw) in enumerate(self.mirror.inner.chain(start, limit)):
                if at >= done:
                    done, last = at + 1, oid
                    yield oid, raw
            if done == limit or last not in self.mirror.cut() or not self._deepen(done):
                return

    def close(self) -> None:
        """Let go of connections and processes."""
        with self._lock:
            self.host.close()
            if self._mirror is not None:
                self._mirror.close()

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """Note that the host did not answer, or that it did; signals become errors."""
        try:
            yield
        except Interrupted as cut:
            self.host.reset()
            self._failed = cut.error
            raise cut.error from cut
        except Unavailable as error:
            self._failed = error
            raise
        self._failed = None

    def _open(self) -> Mirror:
        memory = self.host.memory
        found = None
        if not memory.object_format:
            with self._noting():
                found = self._again(lambda: self.host.refs(FOLLOWED))
        mirror = opened(self._path, memory.object_format, self.host.environ)
        if found is not None or not mirror.follows(FOLLOWED[0]):
            self._mirror = mirror
            try:
                with self._noting():
                    # What others have tracked since we asked is no reason to undo it.
                    if found is None or not self._again(partial(self._take, {}, found)):
                        self._again(self._follow)
            except BaseException:
                # What was never followed must not pass for a host without a ledger.
                self._mirror = None
                mirror.close()
                raise
        return mirror

    def _mended(self, read: Callable[[], T]) -> T:
        """Return what `read` finds in the mirror; once, what is spoilt there is fetched again."""
        try:
            return read()
        except CorruptRecord:
            with self._lock:
                if self._tried_to_mend:
                    raise
                self._tried_to_mend = True
                self.mirror.mend()
                with self._noting():
                    self._again(self._fetch_anew)
            return read()

    def _fetch_anew(self) -> None:
        before, found = self._tracked(), self.host.refs(FOLLOWED)
        if found:
            self.host.fetch(self.mirror, found, (), DEPTH)
        with suppress(SwapLost):
            self.mirror.track(before, found)

    def _again(self, ask: Callable[[], T]) -> T:
        """Return what `ask` reads from the host; tries again while only the answers are lost."""
        end = time.monotonic() + self.patience
        for attempt in range(_READS):
            try:
                return ask()
            except Interrupted as cut:
                self.host.reset()
                pause = spread(0.05 * 2**attempt, cut.retry_after)
                if attempt == _READS - 1 or time.monotonic() + pause > end:
                    raise
                time.sleep(pause)
        raise AssertionError(_READS)

    def _follow(self) -> None:
        """Make the mirror say what the host says now. Raises `Interrupted` too."""
        while True:
            before = self._tracked()
            if self._take(before, self.host.refs(FOLLOWED)):
                return

    def _tracked(self) -> dict[str, Oid]:
        inner = self.mirror.inner

        def read() -> dict[str, Oid]:
            return {ref: oid for name in FOLLOWED for ref, oid in inner.list_refs(name).items()}

        return self._mended(read)

    def _take(self, before: Mapping[str, Oid], found: Mapping[str, Oid]) -> bool:
        """Bring the mirror from what it tracked before the host was asked to what was found.

        False where another process of this clone has tracked something that does not go on
        from what was found: which of us asked later is unknown, the host has to be asked again.
        """
        now = {ref: oid for ref, oid in found.items() if ref.startswith(FOLLOWED)}
        news = {ref: oid for ref, oid in now.items() if not self._known(before.get(ref), oid)}
        if news:
            first = FOLLOWED[0] in news and FOLLOWED[0] not in before
            haves = [oid for oid in before.values() if self.mirror.whole(oid)]
            self.host.fetch(self.mirror, news, haves, DEPTH if first else None)
        try:
            self.mirror.track(before, now)
        except SwapLost:
            theirs = self.mirror.inner.read_ref(FOLLOWED[0])
            ours = now.get(FOLLOWED[0])
            return isinstance(theirs, str) and ours is not None and self.is_ancestor(ours, theirs)
        return True

    def _known(self, tracked: Oid | None, oid: Oid) -> bool:
        return tracked == oid and self.mirror.whole(oid)

    def _pack(self, objects: Sequence[GitObject], moves: Sequence[Move]) -> Packed:
        """Return the pack of the new objects and of those that the moves name as old.

        A host that has pruned an object which is named as old or verified would treat the
        move as broken apart from the others: docs/decisions/0007-the-wire.md.
        """
        unique = {item.oid: item for item in objects}
        for item in named(self.mirror.inner, moves):
            unique.setdefault(item.oid, item)
        return packed(list(unique.values()), self.object_format)

    def _push(
        self, moves: Sequence[Move], pack: Sequence[bytes], meanwhile: Callable[[], None]
    ) -> None:
        """Send the same push until the refs say what became of it."""
        commands = [Command(move.ref, move.expect, move.to) for move in moves]
        attempt = Attempt(moves, self.patience)
        while True:
            try:
                report, asked = self._sent(commands, pack, attempt, meanwhile)
                if report is not None and settled(report, moves):
                    return
                before = self._tracked()
                found = self.host.refs((*FOLLOWED, *(move.ref for move in moves)))
                verdict, ref = by_refs(moves, found)
                if verdict == "landed":
                    return
                if verdict == "lost":
                    if not self._take(before, found):
                        self._follow()
                    if attempt.unknown and self._holds(moves):
                        return
                    raise SwapLost(ref, found.get(ref, ABSENT))
            except Interrupted as interrupted:
                self.host.reset()
                attempt.interrupted(interrupted)
                attempt.wait(interrupted.retry_after)
                continue
            if report is not None:
                attempt.refused(report)
            attempt.wait(asked)

    def _sent(
        self,
        commands: Sequence[Command],
        pack: Sequence[bytes],
        attempt: Attempt,
        meanwhile: Callable[[], None],
    ) -> tuple[Report | None, float | None]:
        """Return what the host reports of the push, or None and the seconds that it asks to wait.

        Raises `Interrupted` while nothing can have changed: there is nothing to look up then,
        and a host that asks for time is left alone.
        """
        try:
            return self.host.push(commands, pack, meanwhile), None
        except Interrupted as cut:
            if not (cut.sent or attempt.unknown):
                raise
            self.host.reset()
            attempt.interrupted(cut)
            return None, cut.retry_after

    def _holds(self, moves: Sequence[Move]) -> bool:
        """Say whether the ledger's history has our commit: then others have built on it."""
        head = self.mirror.inner.read_ref(FOLLOWED[0])
        ours = next((move.to for move in moves if move.ref == FOLLOWED[0]), None)
        if ours is None or not isinstance(head, str):
            return False
        return self.mirror.inner.is_ancestor(ours, head)

    def _deepen(self, known: int) -> bool:
        """Fetch older history; False where the host does not answer or has no more."""
        before = self.mirror.cut()
        with self._lock:
            head = self.mirror.inner.read_ref(FOLLOWED[0])
            if not isinstance(head, str):
                return False
            with suppress(Unavailable), self._noting():
                self.host.fetch(self.mirror, {FOLLOWED[0]: head}, (), known + _DEEPER)
        return self.mirror.cut() != before
