"""One call of a hook: the event, the repository around it, and the session that acts.

The session of a conversation is found by the client's own id, so that its hooks, its MCP
server and the commands that its agent types are one session. Checks in anew where it has
timed out, and obeys where a person has ended or paused it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from gitcoord.clients import adapters
from gitcoord.domain.sessions import Session, root
from gitcoord.domain.settings import Settings
from gitcoord.entrypoints.cli.actor import Client
from gitcoord.entrypoints.cli.desk import Desk
from gitcoord.entrypoints.hooks.track import Track
from gitcoord.errors import (
    Damaged,
    GitcoordError,
    NotARepository,
    NotInitialised,
    Unavailable,
)
from gitcoord.storage.durable import put
from gitcoord.storage.repository import home

if TYPE_CHECKING:
    from gitcoord.bootstrap import House
    from gitcoord.clients.event import Event, Reply
    from gitcoord.domain.sessions import Process, Started
    from gitcoord.domain.state import State
    from gitcoord.entrypoints.hooks.fast import Limit

#: Seconds that a decision may take, so that there is time left to say how it went.
PATIENCE = 1.4


class Visit:
    """The surroundings of one event; `limit` is the end of the hook's time."""

    def __init__(self, event: Event, environ: Mapping[str, str], limit: Limit) -> None:
        self.event = event
        self.environ = environ
        self.limit = limit
        self.desk = Desk(_folder(event, environ), as_json=True, session=None)
        self.desk.patience = PATIENCE
        # To look whether a remote has a ledger may take long, and is done once: at the start.
        self.desk.seeks = event.step == "start"

    @cached_property
    def track(self) -> Track:
        """What hooks remember of this conversation; a sub-agent has a track of its own."""
        event = self.event
        return Track(home(self.desk.repository), event.client, event.session, event.agent)

    @cached_property
    def conversation(self) -> Track:
        """The track of the whole conversation, also from inside a sub-agent."""
        event = self.event
        if not event.agent:
            return self.track
        return Track(home(self.desk.repository), event.client, event.session)

    def has_ledger(self) -> bool:
        """Say whether there can be a ledger here, without making any file.

        Hooks that are set up for all of a user's repositories meet many that have none. At
        the start of a conversation the repository's remote is asked as well.
        """
        here = self.desk.repository
        if here.remote or self.environ.get("GITCOORD_REMOTE") or here.ref_format != "files":
            return True
        if os.path.isdir(home(here)) or _has_ref(here.common_dir):
            return True
        if not self.desk.seeks:
            return False
        from gitcoord.entrypoints.cli.discovery import sought

        return sought(self.desk, here) is not None

    @cached_property
    def trust(self) -> int:
        """The trust level by which guardrails judge this session; 2 without a ledger."""
        from gitcoord.domain.rights import guard_trust

        try:
            with self.desk.state() as state:
                session = self.session(state)
                return guard_trust(state, session.id if session else None)
        except (NotInitialised, Damaged, Unavailable):
            return Settings().agent_trust

    @cached_property
    def target(self) -> str:
        """The branch on which work lands, as the settings say; "" without a ledger."""
        try:
            with self.desk.state() as state:
                return state.settings.target_branch
        except (NotInitialised, Damaged, Unavailable):
            return ""

    def heard(self, older: float) -> bool:
        """Say whether what is known was confirmed less than `older` seconds ago, asking if not."""
        house = self.desk.house
        if house.wire is None:
            return True
        age = house.wire.contact.age
        if age is None or age >= older:
            house.follow()
        return house.wire.contact.error is None

    def acted(self) -> None:
        """Remember that the session has shown life just now, so that the next sign is not due."""
        self.track.known.beat_at = time.time()
        self.track.keep()

    def fallback(self, reply: Reply) -> None:
        """Set what is answered when the time is over before the ledger has answered."""
        self.limit.said = adapters.hooks(self.event.client).write(self.event, reply).stdout

    def keep_bug(self, text: str) -> str:
        """Keep the traceback of a bug for whoever reports it; returns where, or what it says."""
        try:
            path = os.path.join(home(self.desk.repository), "hooks", "bug.txt")
            put(path, text.encode("utf-8", "backslashreplace"))
        except GitcoordError:
            return text[-500:]
        return path

    def close(self, *, upkeep: bool) -> None:
        """Let go of everything; with `upkeep` do before what is due on the side."""
        house: House | None = self.desk.__dict__.get("house")
        if house is None:
            return
        if upkeep:
            self.desk.close()
        else:
            house.close()

    @property
    def client(self) -> Client:
        """The client and its id of the conversation."""
        return Client(self.event.client, self.event.session)

    @property
    def about(self) -> str:
        """What the conversation is about, as others may read it; at most 200 characters."""
        return self.conversation.known.about[:200]

    def holder(self, session: Session) -> str:
        """Return who acts: the session, or the sub-agent in it."""
        return f"{session.id}/{self.event.agent}" if self.event.agent else session.id

    @cached_property
    def inherited(self) -> str:
        """The session that GITCOORD_SESSION names: somebody else's to begin and end; else ""."""
        return root(self.environ.get("GITCOORD_SESSION", ""))

    def session(self, state: State) -> Session | None:
        """Return the live session of this conversation."""
        if self.inherited:
            return state.get(Session, self.inherited, archived=False)
        term = f"client:{self.event.client}:{self.event.session}"
        return next(iter(state.find(Session, term)), None)

    def former(self, state: State) -> Session | None:
        """Return the last session of this conversation that has ended."""
        if self.inherited:
            found = state.get(Session, self.inherited)
            return found if found is not None and found.archived else None
        return max(self.formers(state), key=lambda one: one.ended_at, default=None)

    def formers(self, state: State) -> list[Session]:
        """Return the sessions of this conversation that have ended, in no order."""
        term = f"client:{self.event.client}:{self.event.session}"
        return list(state.find(Session, term, archived=True))

    def check_in(self, continued: Session | None = None) -> Started:
        """Begin the session of this conversation, or go on with `continued` under its new id."""
        from gitcoord.entrypoints.cli.checkin import check_in

        process = self.process
        return check_in(
            self.desk,
            id=continued.id if continued else None,
            life="process" if process is not None else "lease",
            client=self.client,
            process=process,
            branch=self.desk.checkout.branch() if continued is None else "",
        )

    @cached_property
    def process(self) -> Process | None:
        """The client's process, by which the session's life can be judged on this machine.

        None where a git host decides: between two hooks nothing of ours runs that could
        publish that it lives, so that its leases have to do.
        """
        return self.client_process if self.desk.house.wire is None else None

    @cached_property
    def client_process(self) -> Process | None:
        """The process of the client; None where it cannot be told."""
        from gitcoord.ledger import machine

        pid = self.environ.get("CLAUDE_PID", "")
        number = int(pid) if pid.isdigit() else _above(self.event.client)
        return machine.process(number) if number else None


def _folder(event: Event, environ: Mapping[str, str]) -> str | None:
    """Return the folder in which the agent works; one that is gone does not count."""
    named = (event.cwd, environ.get("CLAUDE_PROJECT_DIR", ""), environ.get("GEMINI_CWD", ""))
    for folder in named:
        if folder and os.path.isabs(folder) and os.path.isdir(folder):
            return folder
    try:
        return os.getcwd()
    except OSError as gone:
        raise NotARepository("the working directory is gone") from gone


def _above(client: str) -> int:
    """Return the process of the client among those that started this one; 0 for none."""
    import psutil

    try:
        for parent in psutil.Process().parents()[:8]:
            words = [parent.name(), *parent.cmdline()[:2]]
            parts = [part for word in words for part in word.replace("\\", "/").split("/")[-4:]]
            if any(client in part.lower() for part in parts):
                return int(parent.pid)
    except psutil.Error:
        # It ends while we look, or may not be looked at: then nobody can judge by it.
        return 0
    return 0


def _has_ref(common: str) -> bool:
    from gitcoord.ledger.ledger import STATE

    if os.path.exists(os.path.join(common, *STATE.split("/"))):
        return True
    try:
        with open(os.path.join(common, "packed-refs"), "rb") as packed:
            return f" {STATE}\n".encode() in packed.read()
    except OSError:
        return False
