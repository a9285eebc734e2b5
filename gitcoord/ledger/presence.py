"""Signs of life of this machine's sessions.

Beats are counted in one small file in the git directory, written only by the
leader of the queue, so a sweep and a heartbeat can never both win. From time
to time the same facts are published (`signs`), for other machines and for people.
Where a git host decides, that costs a push, and the push budget has its say.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from gitcoord.domain.operation import Beat
from gitcoord.domain.time import EPOCH, Time, is_time, seconds_between, to_epoch
from gitcoord.ledger import budget, signs
from gitcoord.ledger.budget import Allowance, Delay
from gitcoord.ledger.signs import PREFIX, Beats, Extra, Sign
from gitcoord.storage.durable import put
from gitcoord.storage.store import Move, Store

if TYPE_CHECKING:
    from gitcoord.domain.sessions import Session
    from gitcoord.domain.state import State
    from gitcoord.ledger.request import Request

__all__ = ["PREFIX", "PUBLISH_EVERY", "Beats", "Extra", "Presence", "published"]

#: Seconds between two publications where they cost next to nothing.
PUBLISH_EVERY = 30.0
#: Parts of the interval after which presence goes along with a push, or causes one. A beat
#: that comes a moment early must not wait for the next.
_RIDES, _GOES = 0.5, 0.9
_NOTHING: Extra = ((), ())
#: What no judge has seen: it makes a sweep that nothing vouches for a refused one.
_UNSEEN = Beat(-1)


class _File(msgspec.Struct, kw_only=True, omit_defaults=True):
    sessions: dict[str, Beat] = {}
    published_at: Time = EPOCH
    #: Whether there were beats after that.
    news: bool = False
    #: When presence alone was pushed, within the last minute, in seconds since 1970.
    pushes: list[float] = []
    #: Objects of the published commit, and of the one before it, which may still be read.
    objects: list[str] = []
    stale: list[str] = []


class Presence:
    """The beats of the sessions on this machine.

    `objects` is the folder of git's objects in which the published ones stand; by default
    that of the repository, or of the mirror where a git host decides.
    """

    def __init__(self, home: str, store: Store, machine: str, objects: str | None = None) -> None:
        self._path = os.path.join(home, "presence.json")
        around = os.path.join(home, "ledger.git") if store.remote else os.path.dirname(home)
        self._objects = objects or os.path.join(around, "objects")
        self._store = store
        self._machine = machine
        self._now = _File()
        self._alone = False

    def beats(self) -> dict[str, Beat]:
        """Return the last beat of each session, freshly read."""
        found = _File()
        for _ in range(3):
            try:
                with open(self._path, "rb") as file:
                    found = msgspec.json.decode(file.read(), type=_File)
            except FileNotFoundError:
                # The leader of another process may be just replacing it.
                continue
            except ValueError:
                pass
            break
        # A torn or foreign file only costs the beats so far: every session then
        # shows a presence that changed, which delays a sweep and loses nothing.
        self._now = found if is_time(found.published_at) else _File()
        return self._now.sessions

    def everybody(self) -> dict[str, Beat]:
        """Return the last beat of each session of all machines, as far as it is published."""
        found = dict(self.beats())
        for sign in signs.survey(self._store).values():
            for name, beat in sign.sessions.items():
                if name not in found or found[name].at < beat.at:
                    found[name] = beat
        return found

    def count(self, alive: Iterable[str], now: Time) -> None:
        """Count one beat for each of the sessions. Only the leader may call this."""
        names = list(alive)
        if not names:
            return
        self._count(names, now)
        self._write()

    def _count(self, names: Iterable[str], now: Time) -> None:
        here = self._now
        for name in names:
            here.sessions[name] = Beat(here.sessions.get(name, Beat(0)).count + 1, now)
            here.news = True

    def allowance(self, state: State, now: Time) -> Allowance:
        """Return what the push budget leaves: without a limit where it costs no push."""
        at, limit = to_epoch(now), state.settings.push_budget
        if limit == 0 or not self._store.remote:
            return Allowance(None, at)
        from gitcoord.ledger.ledger import STATE

        head = self._store.read_ref(STATE)
        # Older ones than the limit's worth of the newest change nothing.
        chain = self._store.chain(head, limit) if isinstance(head, str) else ()
        return budget.allowance([*budget.recent(chain, now), *self._now.pushes], limit, at)

    def due(
        self, state: State, now: Time, *, riding: bool = False, left: Allowance | None = None
    ) -> Extra:
        """Return the objects and the move that publish the presence, or nothing to do.

        `riding`: a push is made anyway. `left`: what the push budget leaves; None for no
        limit. Sessions that have left are dropped from the file on this occasion, and
        those whose process lives have beaten. Only the leader may call this. Nothing is
        kept of it before `published`; after a lost swap `beats` has it due again.
        """
        if self.pending(state, now, riding=riding, left=left) is not True:
            return _NOTHING
        here = self._now
        if self._store.remote:
            self._count(self._running(state), now)
        from gitcoord.domain.sessions import Session

        for name in list(here.sessions):
            if state.get(Session, name, archived=False) is None:
                del here.sessions[name]
        if not here.sessions:
            return _NOTHING
        ref = PREFIX + self._machine
        made = signs.composed(self._machine, here.sessions, now, self._store.object_format)
        before = self._store.read_ref(ref)
        here.published_at = now
        self._alone = not riding
        return made, (Move(ref, before, made[2].oid),)

    def pending(
        self, state: State, now: Time, *, riding: bool = False, left: Allowance | None = None
    ) -> Delay | bool:
        """Say whether the presence is to be published, or until when the budget delays that.

        At a host that is every beat interval while there are beats; when the budget is spent
        it is a third of the shortest TTL that hangs on it, and no longer. Never, where nobody's
        life hangs on it.
        """
        here, age = self._now, seconds_between(self._now.published_at, now)
        if not self._store.remote:
            return bool(here.sessions) and not 0 <= age < PUBLISH_EVERY
        hanging = [one for one in self._own(state) if one.life != "lease"]
        if not hanging:
            # Nobody is judged by it. A container that comes and goes leaves no ref behind.
            return False
        interval = min([state.settings.beat_interval, *(one.interval for one in hanging)])
        if 0 <= age < interval * (_RIDES if riding else _GOES):
            return False
        if not (here.news or self._running(state)):
            return False
        if riding or left is None or age < 0:
            return True
        ttls = [min(one.ttl, state.settings.beat_ttl) for one in hanging]
        longest = min(ttls) / 3
        since = to_epoch(here.published_at)
        return budget.delay(left, since, longest, to_epoch(now)) or True

    def _own(self, state: State) -> list[Session]:
        from gitcoord.domain.sessions import Session

        found = state.find(Session, f"machine:{self._machine}")
        return [one for one in found if one.status == "active"]

    def _running(self, state: State) -> list[str]:
        """Return the sessions here that live by a process which lives."""
        from gitcoord.ledger.machine import alive

        return [
            one.id
            for one in self._own(state)
            if one.life == "process" and one.process is not None and alive(one.process)
        ]

    def published(self, extra: Extra) -> None:
        """Remember what was published, and drop what nobody can be reading any more.

        Nothing refers to a replaced presence, so that no packing would ever take it along.
        """
        here, now = self._now, [one.oid for one in extra[0]]
        gone = here.stale
        here.objects, here.stale, here.news = now, here.objects, False
        if self._alone and self._store.remote:
            at = to_epoch(here.published_at)
            here.pushes = [*(one for one in here.pushes if one > at - budget.WINDOW), at]
        self._write()
        for oid in gone:
            if oid not in here.objects and oid not in here.stale:
                _drop(os.path.join(self._objects, oid[:2], oid[2:]))

    def witnessed(self, state: State, requests: Sequence[Request]) -> tuple[dict[str, Beat], Extra]:
        """Return the beats by which other machines' sessions are swept, and their verification.

        The beats are the published ones; what comes with them makes the swap fail when one
        of those machines publishes meanwhile. A sweep that can neither be verified so nor
        rests on a suspicion gets beats that nobody has seen, and is refused. Nothing for the
        sessions of this machine, and where no host decides.
        """
        wishes = [
            wish
            for request in requests
            for wish in request.operations
            if wish.tag in ("session.sweep", "session.suspect")
        ]
        if not (wishes and self._store.remote):
            return {}, _NOTHING
        from gitcoord.domain.sessions import Session
        from gitcoord.domain.sweep import SuspectSession, SweepSession

        seen = signs.survey(self._store)
        beats: dict[str, Beat] = {}
        guards: dict[str, Extra | None] = {}
        for wish in wishes:
            assert isinstance(wish, (SuspectSession, SweepSession))
            session = state.get(Session, wish.id, archived=False)
            if session is None or session.machine == self._machine:
                continue
            beats[session.id] = Beat(self.counted(session, seen))
            if isinstance(wish, SuspectSession):
                continue
            if session.machine not in guards:
                guards[session.machine] = self.guard(session, state.meta.time)
            if guards[session.machine] is None and not wish.suspected:
                beats[session.id] = _UNSEEN
        found = [one for one in guards.values() if one is not None]
        objects = {item.oid: item for extra in found for item in extra[0]}
        return beats, (tuple(objects.values()), tuple(move for one in found for move in one[1]))

    def counted(self, session: Session, seen: Mapping[str, Sign]) -> int:
        """Return a number that changes with each known sign of life of a session.

        Of our own sessions it is their count of beats as last read; of others' what was
        published (`seen`), by every machine through which the session acts, ours included.
        """
        here = self._now.sessions.get(session.id, Beat(0)).count
        if not self._store.remote or session.machine == self._machine:
            return here
        return here + sum(
            sign.beats_of(session.id, at_home=name == session.machine)
            for name, sign in seen.items()
            if name != self._machine
        )

    def guard(self, session: Session, now: Time) -> Extra | None:
        """Return what verifies in a swap that the session's machine is silent; see `signs`."""
        return signs.guard(self._store, session.machine, now) if session.machine else None

    def _write(self) -> None:
        put(self._path, msgspec.json.encode(self._now))


def _drop(path: str) -> None:
    """Remove a loose object; one that cannot be removed is left to `git gc`."""
    try:
        if os.name == "nt":
            os.chmod(path, stat.S_IWRITE)
        os.remove(path)
    except (FileNotFoundError, PermissionError):
        return


def published(store: Store) -> dict[str, Beats]:
    """Return the published presence of every machine, by machine; what is broken is left out."""
    return {
        name: Beats(machine=name, sessions=dict(sign.sessions))
        for name, sign in signs.survey(store).items()
        if not sign.broken
    }
