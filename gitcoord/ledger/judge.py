"""Finds sessions that have died and asks the ledger to sweep them.

A judge believes only its own monotonic clock: a session is dead when its sign
of life did not change during a whole TTL of watching. What short commands have
watched is kept in a file of the git directory, so that many short looks add up.
The sweep itself is an operation and is decided under the leader's lock.
"""

from __future__ import annotations

import os
from typing import NamedTuple

import msgspec

from gitcoord.domain.life import Observation, verdict
from gitcoord.domain.operation import Beat
from gitcoord.domain.sessions import Session
from gitcoord.domain.sweep import LapseLeases, SweepSession, due
from gitcoord.ledger import machine
from gitcoord.ledger.clock import reading
from gitcoord.ledger.coordinator import Coordinator
from gitcoord.ledger.presence import Presence
from gitcoord.storage.durable import put

#: Seconds between two looks of commands that look on the side.
EVERY = 5.0


class Watched(msgspec.Struct, omit_defaults=True):
    """What this machine has seen of each session: `watch.json`."""

    looked: float = 0.0
    boot: str = ""
    sessions: dict[str, Observation] = {}


class Verdicts(NamedTuple):
    """What one look came to."""

    swept: list[str]
    suspects: list[str]
    lapsed: bool


class Judge:
    """Looks after the sessions of one ledger."""

    def __init__(self, coordinator: Coordinator, presence: Presence, home: str) -> None:
        self._coordinator = coordinator
        self._presence = presence
        self._path = os.path.join(home, "watch.json")

    def look_if_due(self) -> Verdicts:
        """Look, unless some process of this machine has looked in the last seconds."""
        clock = self._coordinator.ledger.clock
        watched = self._read()
        if watched.boot == machine.boot() and 0 <= clock.monotonic() - watched.looked < EVERY:
            return Verdicts([], [], False)
        return self.look()

    def look(self) -> Verdicts:
        """Judge every live session, sweep the dead, and end leases that are over."""
        ledger = self._coordinator.ledger
        before, boot = self._read(), machine.boot()
        beats = self._presence.beats()
        now = ledger.clock.monotonic()
        after = Watched(looked=now, boot=boot)
        dead: list[tuple[Session, Observation]] = []
        suspects: list[str] = []
        with ledger.state() as state:
            time = reading(ledger.clock, state.meta.time)
            for session in state.find(Session, "live"):
                seen = self._seen(session, beats, before.sessions.get(session.id), now, boot)
                after.sessions[session.id] = seen
                found = verdict(session, seen, now, boot)
                if found == "dead":
                    dead.append((session, seen))
                elif found == "suspect":
                    suspects.append(session.id)
            lapsed = time.trusted and due(state, time.now)
        self._write(after)
        swept = [session.id for session, seen in dead if self._sweep(session, seen)]
        if lapsed:
            self._coordinator.run(LapseLeases())
        return Verdicts(swept, suspects, lapsed)

    def _sweep(self, session: Session, seen: Observation) -> bool:
        wish = SweepSession(
            id=session.id,
            beat=seen.beat,
            seen_at=seen.seen_at,
            why="process_gone" if seen.process_alive is False else "silent",
        )
        return self._coordinator.run(wish)[0].error is None

    def _seen(
        self,
        session: Session,
        beats: dict[str, Beat],
        before: Observation | None,
        now: float,
        boot: str,
    ) -> Observation:
        beat = beats[session.id].count if session.id in beats else 0
        living = machine.alive(session.process) if session.process is not None else None
        if before is not None and (before.beat, before.seen_at, before.boot) == (
            beat,
            session.seen_at,
            boot,
        ):
            return before._replace(process_alive=living)
        return Observation(beat, session.seen_at, now, boot, living)

    def _read(self) -> Watched:
        try:
            with open(self._path, "rb") as file:
                return msgspec.json.decode(file.read(), type=Watched)
        except (FileNotFoundError, ValueError):
            # Without a memory the judge only watches for one more TTL.
            return Watched()

    def _write(self, watched: Watched) -> None:
        put(self._path, msgspec.json.encode(watched))
