"""Finds sessions that have died and asks the ledger to sweep them.

A judge believes only its own monotonic clock: a session is dead when its sign
of life did not change during a whole TTL of watching. What short commands have
watched is kept in a file of the git directory, so that many short looks add up.
The sweep itself is an operation and is decided under the leader's lock. Where a git
host decides, sessions of all machines are judged, others' by what they publish.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from gitcoord.domain.life import Observation, verdict
from gitcoord.domain.sessions import Session
from gitcoord.domain.sweep import LapseLeases, SuspectSession, SweepSession, due
from gitcoord.domain.time import to_epoch
from gitcoord.errors import Unavailable
from gitcoord.ledger import budget, machine, signs
from gitcoord.ledger.clock import reading
from gitcoord.ledger.coordinator import Coordinator
from gitcoord.ledger.presence import Presence
from gitcoord.storage.durable import put

if TYPE_CHECKING:
    from gitcoord.domain.state import State
    from gitcoord.domain.time import Time
    from gitcoord.ledger.budget import Delay

#: Seconds between two looks of commands that look on the side, where reading costs nothing.
EVERY = 5.0
#: The same where each look is a request to the host.
EVERY_REMOTE = 15.0

Wish = SweepSession | SuspectSession | LapseLeases


class Watched(msgspec.Struct, omit_defaults=True):
    """What this machine has seen of each session: `watch.json`."""

    looked: float = 0.0
    boot: str = ""
    sessions: dict[str, Observation] = {}
    #: Whether the host did not answer at the last look, so that nobody could publish.
    blind: bool = False
    #: Since when the push budget delays what was found; 0: it does not.
    delayed: float = 0.0


class Verdicts(NamedTuple):
    """What one look came to."""

    swept: list[str]
    suspects: list[str]
    lapsed: bool
    #: That sweeps and lapses wait for the push budget.
    delayed: Delay | None = None
    #: Machines whose presence cannot be read, and why.
    broken: tuple[tuple[str, str], ...] = ()
    #: Why the host could not be asked; then nobody was judged.
    unseen: str = ""


class _Look(NamedTuple):
    """One look: when it began and ended by our monotonic clock, and what there is to see."""

    began: float
    ended: float
    boot: str
    before: Watched
    seen: dict[str, signs.Sign]


class Judge:
    """Looks after the sessions of one ledger."""

    def __init__(self, coordinator: Coordinator, presence: Presence, home: str) -> None:
        self._coordinator = coordinator
        self._presence = presence
        self._path = os.path.join(home, "watch.json")
        self._store = coordinator.ledger.store

    def look_if_due(self) -> Verdicts:
        """Look, unless some process of this machine has looked in the last seconds."""
        clock = self._coordinator.ledger.clock
        watched, every = self._read(), EVERY_REMOTE if self._store.remote else EVERY
        if watched.boot == machine.boot() and 0 <= clock.monotonic() - watched.looked < every:
            return Verdicts([], [], False)
        return self.look()

    def look(self) -> Verdicts:
        """Judge every live session, sweep the dead, and end leases that are over.

        Where a git host decides it is asked first, once; if it does not answer nobody is
        judged. Our own presence is published on this occasion when that is due.
        """
        ledger = self._coordinator.ledger
        before, boot, began = self._read(), machine.boot(), ledger.clock.monotonic()
        try:
            self._store.refresh()
        except Unavailable as error:
            self._write(Watched(began, boot, before.sessions, blind=True))
            return Verdicts([], [], False, unseen=error.message)
        seen = signs.survey(self._store) if self._store.remote else {}
        look = _Look(began, ledger.clock.monotonic(), boot, before, seen)
        self._presence.beats()
        after = Watched(looked=began, boot=boot)
        wishes: list[Wish] = []
        suspects: list[str] = []
        with ledger.state() as state:
            time = reading(ledger.clock, state.meta.time)
            for session in state.find(Session, "live"):
                observed = self._observed(session, look)
                after.sessions[session.id] = observed
                found = verdict(session, observed, began, boot)
                if found == "dead":
                    wishes.append(self._wish(session, observed, state))
                elif found == "suspect":
                    suspects.append(session.id)
            if time.trusted and due(state, time.now):
                wishes.append(LapseLeases())
            left = self._presence.allowance(state, time.now)
            publish = self._presence.pending(state, time.now, left=left) is True
            delay = None if publish else _delay(state, wishes, look, left, time.now)
        if delay is not None:
            after.delayed = before.delayed or began
            suspects += [wish.id for wish in wishes if not isinstance(wish, LapseLeases)]
        self._write(after)
        broken = tuple((name, sign.broken) for name, sign in seen.items() if sign.broken)
        lapsed = LapseLeases() in wishes and delay is None
        swept = [] if delay is not None else self._run(wishes, suspects, publish=publish)
        return Verdicts(swept, suspects, lapsed, delay, broken)

    def _run(self, wishes: list[Wish], suspects: list[str], *, publish: bool) -> list[str]:
        """Have the wishes decided together; return who was swept and note who is suspect."""
        # Without any wish the leader still publishes the presence of this machine.
        if not wishes and not (publish and self._store.remote):
            return []
        swept: list[str] = []
        for wish, reply in zip(wishes, self._coordinator.run(*wishes), strict=True):
            if isinstance(wish, LapseLeases) or reply.error is not None:
                continue
            (swept if isinstance(wish, SweepSession) else suspects).append(wish.id)
        return swept

    def _wish(self, session: Session, observed: Observation, state: State) -> Wish:
        """Return what ends a dead session, or the first of the two steps to that."""
        beat, seen_at = observed.beat, observed.seen_at
        if self._in_two_steps(session, state.meta.time) and not observed.suspected:
            return SuspectSession(id=session.id, beat=beat, seen_at=seen_at)
        return SweepSession(
            id=session.id,
            beat=beat,
            seen_at=seen_at,
            why="process_gone" if observed.process_alive is False else "silent",
            suspected=observed.suspected,
        )

    def _ours(self, session: Session) -> bool:
        ledger = self._coordinator.ledger
        return not self._store.remote or session.machine == ledger.machine

    def _in_two_steps(self, session: Session, now: Time) -> bool:
        """Say whether no swap can verify that this session's machine is silent."""
        return not self._ours(session) and self._presence.guard(session, now) is None

    def _observed(self, session: Session, look: _Look) -> Observation:
        beat = self._presence.counted(session, look.seen)
        ours, living = self._ours(session), None
        # Two containers can share a name and a boot and see different processes.
        if ours and session.process is not None:
            living = machine.alive(session.process)
        suspected = "" if ours else session.suspect_since
        old = look.before.sessions.get(session.id)
        same = old is not None and (old.beat, old.seen_at, old.boot, old.suspected) == (
            beat,
            session.seen_at,
            look.boot,
            suspected,
        )
        if old is not None and same and (ours or not look.before.blind):
            return old._replace(process_alive=living)
        return Observation(beat, session.seen_at, look.ended, look.boot, living, suspected)

    def _read(self) -> Watched:
        try:
            with open(self._path, "rb") as file:
                return msgspec.json.decode(file.read(), type=Watched)
        except (FileNotFoundError, ValueError):
            # Without a memory the judge only watches for one more TTL.
            return Watched()

    def _write(self, watched: Watched) -> None:
        put(self._path, msgspec.json.encode(watched))


def _delay(
    state: State, wishes: list[Wish], look: _Look, left: budget.Allowance, now: Time
) -> Delay | None:
    """Return until when the wishes wait for the push budget, if they do."""
    if not wishes:
        return None
    at = to_epoch(now)
    waited = look.began - look.before.delayed if look.before.delayed else 0.0
    return budget.delay(left, at - max(0.0, waited), state.settings.beat_ttl / 3, at)
