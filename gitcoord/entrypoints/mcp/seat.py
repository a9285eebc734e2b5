"""One participant of this server: its session in the ledger, from check-in to check-out.

Checks in at the first call that acts, continues what the client's hooks or commands have begun,
beats while the connection lasts, and checks out what it has checked in itself. A session that
others have begun is lived and ended by them. Not here: when to beat, and threads.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from gitcoord.entrypoints.cli import actor
from gitcoord.errors import GitcoordError, SessionEnded, SessionNotFound

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitcoord.domain.locks import LockView
    from gitcoord.domain.sessions import Session, Started
    from gitcoord.domain.state import State
    from gitcoord.domain.time import Time
    from gitcoord.entrypoints.mcp.call import Call
    from gitcoord.entrypoints.mcp.identity import Identity

#: Seconds between two looks for a session that the client's hooks may begin.
LOOK = 30.0


class Seat:
    """The place of one identity at this server. Safe between threads."""

    def __init__(self, who: Identity, agent: str = "") -> None:
        """`agent`: the name with which a new session checks in; "" for that of the settings."""
        self.who = who
        self.agent = agent
        #: The acting session, or the sub-agent of it that was named; None before check-in.
        self.holder: str | None = None
        #: Whether this server has begun the session, and will end it.
        self.ours = False
        #: Seconds between two beats.
        self.pulse = LOOK
        #: Calls and streams that are open, and when (monotonic) the last one ended.
        self.busy = 0
        self.used = time.monotonic()
        self._interval = LOOK
        self._since = ""
        self._told: set[str] = set()
        self._lock = threading.RLock()

    def find(self, call: Call) -> str | None:
        """Return the holder if its session is live, also one that others have begun."""
        with self._lock:
            if self.holder is None and self.who.shared:
                with call.state() as state:
                    found = self._live(state)
                    if found is not None:
                        self._sit(found, call.now(state))
            return self.holder

    def check_in(self, call: Call, **said: Any) -> Started | None:
        """See that the session is live; what is `said` becomes part of it.

        Returns the ledger's answer, None where there was nothing to ask. Raises what the
        check-in refuses.
        """
        with self._lock:
            if self.find(call) is not None and not said:
                return None
            return self._start(call, said)

    def hears(self, call: Call, answered: GitcoordError | None = None) -> None:
        """Add to the call's notes what happened to the session meanwhile, once.

        After `session_ended` the next call checks in anew, unless a person has ended it.
        """
        if isinstance(answered, (SessionEnded, SessionNotFound)):
            with self._lock:
                if answered.details.get("session") in (None, _root(self.holder or "")):
                    self._rise()
            return
        from gitcoord.domain.notices import told

        if (holder := self.holder) is None:
            return
        with call.state() as state:
            news = [one for one in told(state, holder, self._since) if one.id not in self._told]
        self._told.update(one.id for one in news)
        call.notes += [one.text for one in news]

    def beat(self, call: Call) -> GitcoordError | None:
        """Beat once for the session, if it is known; return what went wrong, if anything."""
        from gitcoord.domain.locks import holdings, view
        from gitcoord.entrypoints.cli.pulse import beat, pulse

        try:
            if self.find(call) is None:
                return None
            trouble = beat(call, self._since)
            if isinstance(trouble, SessionEnded) and self.who.shared and not self.ours:
                # Whoever has begun it may begin the next one; nothing of ours is lost.
                self._rise()
                return None
            with call.state() as state:
                own = [view(lock) for lock in holdings(state, self.holder or "")]
        except GitcoordError as error:
            return error
        self.pulse = pulse(self._interval, own)
        return trouble

    def hurry(self, locks: Iterable[LockView]) -> None:
        """Beat often enough for these locks too."""
        from gitcoord.entrypoints.cli.pulse import pulse

        self.pulse = pulse(self.pulse, locks)

    def leave(self, call: Call) -> GitcoordError | None:
        """Check out if this server has checked in; return what went wrong, if anything."""
        from gitcoord.domain.departure import Ended, EndSession
        from gitcoord.entrypoints.cli.facts import marks

        with self._lock:
            if not self.ours or self.holder is None:
                return None
            try:
                call.do(EndSession(marks=marks(call, (), everything=True)), Ended, acts=True)
            except SessionEnded:
                # Others were faster; there is nothing left to give back.
                return None
            except GitcoordError as error:
                return error
            finally:
                self._rise()
        return None

    def left(self) -> None:
        """Note that the session has ended by the client's own wish."""
        with self._lock:
            self._rise()

    def _live(self, state: State) -> Session | None:
        from gitcoord.domain.sessions import Session
        from gitcoord.entrypoints.cli.checkin import live

        if self.who.session:
            return state.get(Session, _root(self.who.session), archived=False)
        return live(state, None, self._client())

    def _start(self, call: Call, said: dict[str, Any]) -> Started:
        from gitcoord.domain.sessions import Session
        from gitcoord.entrypoints.cli.checkin import check_in
        from gitcoord.entrypoints.cli.facts import printable

        with call.state() as state:
            before, now = self._live(state), call.now(state)
            named = _root(self.who.session)
            # A session that has ended keeps its id; the next one gets another.
            over = bool(named) and before is None and state.get(Session, named) is not None
            if before is None:
                self._obey(call, state, named)
        started = check_in(
            call,
            id=None if over else named or None,
            name=said.pop("name", None) or (self.agent or None if before is None else None),
            client=self._client(),
            # How the life of a session is judged is for whoever has begun it to say.
            life="lease" if before is not None else "beat",
            branch=printable(call.checkout.branch()),
            **said,
        )
        self.ours = self.ours or not started.resumed
        self._sit(started.session, now)
        return started

    def _obey(self, call: Call, state: State, named: str) -> None:
        """Raise `SessionEnded` where a person has ended this conversation's last session."""
        from gitcoord.domain.sessions import Session, living

        if (client := self._client()) is not None:
            term = f"client:{client.name}:{client.session}"
            found = state.find(Session, term, archived=True)
        else:
            former = state.get(Session, named) if named else None
            found = [former] if former is not None else []
        last = max(found, key=lambda one: one.ended_at, default=None)
        if last is not None and last.status == "killed":
            living(state, last.id, call.context(state))

    def _sit(self, session: Session, now: Time) -> None:
        named = _root(self.who.session) == session.id
        self.holder = self.who.session if named else session.id
        self._interval = self.pulse = session.interval
        # What happened before is told by whoever lived for the session then.
        self._since = self._since or now

    def _rise(self) -> None:
        self.holder, self.ours = None, False
        self.pulse = LOOK

    def _client(self) -> actor.Client | None:
        who = self.who
        return actor.Client(who.client, who.conversation) if who.conversation else None


def _root(holder: str) -> str:
    return holder.partition("/")[0]
