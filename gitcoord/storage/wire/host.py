"""One repository at a git host, as this clone meets it: refs, objects, pushes.

Promises to learn what the host can do, to remember it, and to fall back where it must: to
discovery before a push, to git itself for reading. A request is never repeated here once
the host may have acted on it. Not here: what a lost swap means, or when to try again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from gitcoord.errors import (
    AccessDenied,
    HostRefused,
    HostUnreachable,
    Unavailable,
    UnreadableAnswer,
)
from gitcoord.storage.gitproc import Git
from gitcoord.storage.wire import push as pushing
from gitcoord.storage.wire import read as reading
from gitcoord.storage.wire.connect import connect
from gitcoord.storage.wire.memory import HostMemory, Keeper
from gitcoord.storage.wire.read import NotVersion2
from gitcoord.storage.wire.transport import Interrupted

if TYPE_CHECKING:
    from gitcoord.storage.store import Oid
    from gitcoord.storage.wire.address import Address
    from gitcoord.storage.wire.mirror import Mirror
    from gitcoord.storage.wire.push import Command, Report
    from gitcoord.storage.wire.transport import Transport

#: Seconds without a word from the host after which a request is given up.
TIMEOUT = 20.0
#: Commits of history that a first fetch brings along.
DEPTH = 32
#: Seconds for which what is known of the host is not saved again, unless something was learnt.
_SAVED = 1.0

Observed = Callable[[float, float], Mapping[str, float | str]]


class Host:
    """For one thread at a time.

    `observed` is told each (host's seconds since 1970, monotonic seconds) and returns what
    is to be remembered of it.
    """

    def __init__(
        self, address: Address, git: Git, keeper: Keeper, observed: Observed, guess: str = "sha1"
    ) -> None:
        """`guess` is the object format to try first at a host that was never met."""
        self.address = address
        self._guess = guess
        self._git = git
        self._keeper = keeper
        self._observed = observed
        self._transport: Transport | None = None
        self._seen: tuple[float, float] | None = None
        self._saved = 0.0

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment that git children start from."""
        return self._git.inherited

    @property
    def memory(self) -> HostMemory:
        """What is known of the host."""
        return self._keeper.now

    def meet(self) -> HostMemory:
        """Ask what the host can do, and remember it. Raises as `Transport.discover`."""
        found = self._way().discover()
        words = found.capabilities
        named = [word[14:] for word in words if word.startswith("object-format=")]
        self.memory.object_format = named[0] if named else "sha1"
        self.memory.atomic = "atomic" in words
        self._answered()
        return self.memory

    def has(self, ref: str) -> bool:
        """Say whether the host has the ref. Raises `Unavailable` when it does not answer."""
        try:
            return ref in self.refs((ref,))
        except Interrupted as cut:
            self.reset()
            raise cut.error from cut

    def refs(self, prefixes: Sequence[str]) -> dict[str, Oid]:
        """Return the refs whose names start with one of the prefixes. Raises as `Transport.ask`."""
        by_git = self.memory.v2 is False
        found = self._refs_by_git(prefixes) if by_git else self._refs_v2(prefixes)
        self._answered()
        return {ref: oid for ref, oid in sorted(found.items()) if ref.startswith(tuple(prefixes))}

    def _refs_v2(self, prefixes: Sequence[str]) -> dict[str, Oid]:
        known = self.memory.object_format
        body = reading.ls_refs(prefixes, known or self._guess)
        try:
            found = reading.refs(self._way().ask(body))
        except (AccessDenied, HostRefused, UnreadableAnswer, NotVersion2) as refusal:
            return self._refs_otherwise(prefixes, refusal)
        except Interrupted as cut:
            if "object format" not in cut.error.message:
                raise
            return self._refs_otherwise(prefixes, cut)
        self.memory.object_format = known or self._guess
        self.memory.v2 = True
        return found

    def _refs_otherwise(self, prefixes: Sequence[str], refusal: Exception) -> dict[str, Oid]:
        """Return the refs of a host that does not say them in the usual way, or raise that."""
        failures = (AccessDenied, HostRefused, UnreadableAnswer)
        if self.memory.v2 and isinstance(refusal, NotVersion2):
            raise _hiccup() from refusal
        if not self.memory.object_format:
            # A repository of another object format says no in one of these ways.
            try:
                self.meet()
            except failures as worse:
                raise worse if isinstance(refusal, NotVersion2) else refusal from None
            if self.memory.object_format != self._guess:
                return self._refs_v2(prefixes)
        try:
            found = self._refs_by_git(prefixes)
        except (Interrupted, Unavailable) as worse:
            raise worse if isinstance(refusal, NotVersion2) else refusal from None
        # One that has answered before may only be in trouble: the second time it is believed.
        self.memory.v2 = None if self.memory.v2 else False
        return found

    def _refs_by_git(self, prefixes: Sequence[str]) -> dict[str, Oid]:
        from gitcoord.storage.wire import gitread

        found: dict[str, Oid] = {}
        for prefix in prefixes:
            found |= gitread.refs(self._git, self.address, prefix)
        return found

    def fetch(
        self,
        mirror: Mirror,
        wants: Mapping[str, Oid],
        haves: Sequence[Oid],
        depth: int | None = None,
    ) -> None:
        """Bring the objects of `wants` into the mirror; `haves` need not be sent.

        Raises as `Transport.ask`, and `UnreadableAnswer`.
        """
        if self.memory.v2 is not False:
            body = reading.fetch(
                sorted(set(wants.values())),
                haves,
                self.memory.object_format,
                depth=depth,
                shallow=mirror.cut(),
            )
            try:
                found = reading.fetched(self._way().ask(body))
            except (AccessDenied, HostRefused, UnreadableAnswer) as refusal:
                if any(words in refusal.message for words in reading.MOVED):
                    # Whoever lists the refs again learns what has taken its place.
                    raise Interrupted(refusal, sent=False) from refusal
                if self.memory.v2:
                    raise
            except NotVersion2 as silence:
                if self.memory.v2:
                    raise _hiccup() from silence
                self.memory.v2 = False
            else:
                self._answered()
                mirror.add(found)
                return
        from gitcoord.storage.wire import gitread

        gitread.fetch(self._git, mirror.repository, self.address, wants, depth)
        self._answered()

    def push(
        self,
        commands: Sequence[Command],
        pack: Sequence[bytes],
        meanwhile: Callable[[], None] | None = None,
    ) -> Report:
        """Send the commands with the pack, as one if there are several.

        `meanwhile` as for `Transport.push`.
        Raises as `Transport.push`; a refused command is in the report.
        """
        body = pushing.request(commands, pack, self.memory.object_format, atomic=len(commands) > 1)
        way = self._way()
        if not self.memory.direct:
            way.discover()
        try:
            answer = way.push(body, meanwhile)
        except (HostRefused, AccessDenied):
            if not self.memory.direct:
                raise
            # Nothing was taken, so that the other way may be tried: some want to be asked first.
            way.discover()
            answer = way.push(body, meanwhile)
            self.memory.direct = False
        try:
            found = pushing.report(answer)
        except (HostRefused, UnreadableAnswer) as broken:
            # The host was at work already; only the refs can tell how far it came.
            raise Interrupted(broken, sent=True) from broken
        self._answered()
        return found

    def _way(self) -> Transport:
        if self._transport is None:
            self._transport = connect(
                self.address,
                self._git,
                self._git.inherited,
                timeout=TIMEOUT,
                preemptive=self.memory.authenticated,
            )
        return self._transport

    def _answered(self) -> None:
        memory, way = self.memory, self._transport
        memory.contact = time.time()
        learnt = False
        if way is not None and way.date is not None and way.date != self._seen:
            self._seen = way.date
            memory.clock = dict(self._observed(*way.date))
        if getattr(way, "authenticated", False) and not memory.authenticated:
            memory.authenticated = learnt = True
        # Whoever asks the host all the time need not write it down each time.
        if learnt or not 0 <= memory.contact - self._saved < _SAVED:
            self._saved = memory.contact
            self._keeper.save()

    def reset(self) -> None:
        """Drop the connection, which may be in the middle of something."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def close(self) -> None:
        """Let go of the connection and keep what was learnt."""
        if self._transport is not None:
            self._keeper.save()
        self.reset()


def _hiccup() -> Interrupted:
    """Return what a host means that has spoken protocol v2 and answers nothing at all."""
    return Interrupted(HostUnreachable("the host's answer was empty"), sent=True)
