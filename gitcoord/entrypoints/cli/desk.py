"""What one command works with: the house around it, who acts, and how to answer.

A command parses its words, asks its desk to run operations, and shows what came
back. The desk is also where the environment is read.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from gitcoord.bootstrap import House, open_house
from gitcoord.domain.operation import UNKNOWN, Answer, Context, Operation
from gitcoord.domain.record import shown
from gitcoord.entrypoints.cli import actor
from gitcoord.entrypoints.cli.failures import encoded
from gitcoord.errors import (
    Contended,
    Damaged,
    InvalidUrl,
    SessionAmbiguous,
    SessionRequired,
    Unavailable,
)
from gitcoord.ledger.coordinator import PATIENCE
from gitcoord.storage.repository import Repository, find

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import click

    from gitcoord.domain.operation import Beat
    from gitcoord.domain.state import State
    from gitcoord.domain.time import Time
    from gitcoord.entrypoints.settings import Local
    from gitcoord.storage.cache import Snapshot
    from gitcoord.storage.worktree import Checkout

#: What becomes of what may wait, while the git host cannot be reached.
KEPT = "kept here, sent with the next decision"

A = TypeVar("A", bound=Answer)
F = TypeVar("F", bound=Callable[..., Any])


class Desk:
    """The surroundings of one command."""

    #: Seconds that a decision may take.
    patience = PATIENCE

    def __init__(self, directory: str | None, *, as_json: bool, session: str | None) -> None:
        self.directory = os.path.abspath(directory or os.getcwd())
        self.json = as_json
        self.environ: Mapping[str, str] = os.environ
        #: Whether a clone without a ledger may look whether its remote has one.
        self.seeks = True
        #: Whether what is due on the side is done when the command ends.
        self.tends = True
        self._session = session
        self._followed = False

    @cached_property
    def house(self) -> House:
        """Gitcoord for the repository around the working directory."""
        try:
            found = open_house(self.directory, self.environ, patience=self.patience)
        except InvalidUrl as wrong:
            variable = "GITCOORD_REMOTE" in self.environ
            place = "GITCOORD_REMOTE" if variable else "git config coord.remote"
            hint = wrong.hint or "Run `gitcoord config remote NAME`."
            raise InvalidUrl(f"{place}: {wrong.message}", hint=hint) from wrong
        if self.seeks and not self.chosen(found) and not _begun(found):
            from gitcoord.entrypoints.cli.discovery import discovered

            if (remote := discovered(self, found)) is not None:
                found.close()
                return remote
        return found

    @property
    def repository(self) -> Repository:
        """The repository around the working directory, wherever its ledger is."""
        house: House | None = self.__dict__.get("house")
        return find(self.directory, self.environ) if house is None else house.repository

    def chosen(self, house: House) -> bool:
        """Say whether it is settled, for this command or this clone, where the ledger is."""
        return bool(self.environ.get("GITCOORD_REMOTE") or house.repository.remote)

    def follow(self, older: float = 0.0) -> None:
        """See what a git host has decided, unless it was heard less than `older` seconds ago.

        Where it does not answer, what is shown is what was last known, and that is said.
        """
        wire = self.house.wire
        if wire is None:
            return
        age = wire.contact.age
        if age is None or age >= older:
            self.house.follow()
        self._followed = True
        if wire.contact.error is not None:
            from gitcoord.entrypoints.cli.arbiter import remark

            if said := remark(self.house):
                self.note(said)

    @cached_property
    def holder(self) -> str:
        """The acting session, or a sub-agent of it; raises when it is not certain."""
        return actor.find(self.house, self.environ, self._session)

    @property
    def named(self) -> str | None:
        """The session that `--session` names."""
        return self._session

    @cached_property
    def settings(self) -> Local:
        """The taste of this clone and shell; raises for a configuration that is wrong."""
        from gitcoord.entrypoints.settings import resolve

        return resolve(self.repository, self.environ).values

    @contextmanager
    def snapshot(self, at: str | None = None) -> Iterator[Snapshot]:
        """Yield the ledger's stored records now, or as they were at a time (`--at`)."""
        commit = None
        if at is not None:
            from gitcoord.domain.time import parse
            from gitcoord.ledger.history import at as commit_at

            commit = commit_at(self.house.ledger, parse(at))
        with self.house.ledger.snapshot(commit) as snapshot:
            yield snapshot

    @contextmanager
    def state(self, at: str | None = None) -> Iterator[State]:
        """Yield the ledger's state now, or as it was at a time (`--at`)."""
        with self.snapshot(at) as snapshot:
            yield self.house.ledger.state_of(snapshot)

    def now(self, state: State) -> Time:
        """Return the time at which the state is to be judged."""
        return self.context(state).now

    def context(self, state: State, holder: str | None = None) -> Context:
        """Return the surroundings in which rules answer a question now."""
        from gitcoord.ledger.clock import reading

        now = reading(self.house.ledger.clock, state.meta.time)
        return Context(now=now.now, op_id="", session=holder, clock_trusted=now.trusted)

    def beats(self) -> Mapping[str, Beat]:
        """Return the last beat of each session, of all machines where a git host decides."""
        presence = self.house.presence
        return presence.beats() if self.house.wire is None else presence.everybody()

    @cached_property
    def checkout(self) -> Checkout:
        """What git knows about the worktree around the working directory."""
        from gitcoord.storage.worktree import Checkout

        return Checkout(self.repository, self.environ)

    def do(
        self,
        operation: Operation,
        answer: type[A],
        *,
        acts: bool | None = None,
        agent: str = "",
        id: str | None = None,
    ) -> A:
        """Run one operation and return its answer, or raise its refusal.

        `acts`: whether it is done in the name of the acting session; by default when
        only a live session may do it. What needs more trust than sessions usually have is
        never done for a person by the shell of an agent.
        """
        from gitcoord.domain.rights import HIGH

        session = None
        if operation.acting if acts is None else acts:
            session = self.asker() if operation.sessionless else self.holder
        elif operation.tag in HIGH:
            session = self.typist()
        agent = agent if agent and session != UNKNOWN else self.named_for(session)
        return self.house.coordinator.do(operation, answer, session=session, agent=agent, id=id)

    def do_or_keep(self, operation: Operation, answer: type[A]) -> A | None:
        """Run an operation that may wait; None when it does.

        It waits while the git host cannot be reached, and goes with the next decision. It is
        done in the name of the acting session, or of a person where that is enough.
        """
        session = self.asker() if operation.sessionless else self.holder
        return self.house.coordinator.do_or_keep(
            operation, answer, session=session, agent=self.named_for(session)
        )

    def anybody(self) -> str | None:
        """Return the acting session where there is one, else None; for questions.

        A session that was named has to be right, and several live ones are no excuse.
        """
        try:
            return self.holder
        except SessionRequired:
            if self._session or self.environ.get("GITCOORD_SESSION"):
                raise
            return None

    def asker(self) -> str | None:
        """Return who asks for a change that needs no session: the acting one where there is one.

        None is a person; in the shell of an agent's client that has not checked in it is
        `UNKNOWN`. Raises as `anybody`.
        """
        found = self.anybody()
        return self.nobody() if found is None else found

    def nobody(self) -> str | None:
        """Return who asks where no session does: a person (None), or an agent (`UNKNOWN`)."""
        return UNKNOWN if actor.sign(self.environ) else None

    def typist(self) -> str | None:
        """Return who types: the session that this shell is an agent's for, `UNKNOWN`, or None.

        Unlike `asker`, a plain terminal is a person's, whoever is live in its worktree.
        """
        environ = self.environ
        shows = self._session or environ.get("GITCOORD_SESSION") or actor.sign(environ)
        return self.asker() if shows else None

    def named_for(self, session: str | None) -> str:
        """Return the name under which whoever asks without a session enters the diary."""
        if session != UNKNOWN:
            return self.person
        return f"{actor.sign(self.environ) or 'agent'}, not checked in"

    @property
    def perhaps(self) -> str | None:
        """The acting session where there is one beyond doubt, for questions; else None."""
        try:
            return self.holder
        except (SessionRequired, SessionAmbiguous):
            return None

    @property
    def person(self) -> str:
        """The name of whoever types, for what is done without a session."""
        return self.environ.get("USER") or self.environ.get("USERNAME") or "somebody"

    def show(self, document: dict[str, Any], text: Callable[[], str | Iterable[str]] | str) -> None:
        """Print the answer: one JSON document, or the text for people."""
        if self.json:
            if self._followed:
                from gitcoord.entrypoints.cli.arbiter import as_of

                document = document | {"as_of": as_of(self.house)}
            body = {"ok": True} | {key: shown(value) for key, value in document.items()}
            _say(encoded(body))
            return
        said = text if isinstance(text, str) else text()
        said = said if isinstance(said, str) else "\n".join(said)
        if said:
            _say(said)

    def settle(self) -> None:
        """See that marks of work which has landed are gone before they are shown."""
        wire = self.house.wire
        if wire is not None and wire.contact.error is not None:
            return
        # A ledger that cannot be read is the command's own refusal, not a remark on the side.
        if not self.house.has_marks():
            return
        try:
            self.house.settle()
        except (Unavailable, Contended) as trouble:
            self.note(f"cannot see what has landed: {trouble.message}")

    def note(self, text: str) -> None:
        """Say something on the side, to people only."""
        if not self.json:
            _say(text, err=True)

    def close(self) -> None:
        """Do what is due on the side, now that the answer is out, and let go of everything."""
        house: House | None = self.__dict__.get("house")
        if house is None:
            return
        sys.stdout.flush()
        try:
            if self.tends:
                from gitcoord.entrypoints.cli.upkeep import upkeep

                upkeep(house)
        finally:
            house.close()


def command(function: F) -> F:
    """Make a function whose first parameter is a `Desk` into the body of a command.

    Adds `--json`; the options `session` (where the command has `acting`) and the
    group's directory find their way into the desk.
    """
    import click  # here and below: hooks have a desk, and no options

    @click.option("--json", "as_json", is_flag=True, help="Answer with one JSON document.")
    @click.pass_context
    @wraps(function)
    def body(ctx: click.Context, /, *args: Any, as_json: bool, **kwargs: Any) -> Any:
        root = ctx.find_root().obj or {}
        desk = Desk(root.get("directory"), as_json=as_json, session=kwargs.pop("session", None))
        try:
            return function(desk, *args, **kwargs)
        finally:
            desk.close()

    return cast("F", body)


def reading(function: F) -> F:
    """Make a function into the body of a command that shows what is, as of this moment.

    As `command`; a git host is asked first what it has decided.
    """

    @wraps(function)
    def followed(desk: Desk, *args: Any, **kwargs: Any) -> Any:
        desk.follow()
        return function(desk, *args, **kwargs)

    return command(cast("F", followed))


def _begun(house: House) -> bool:
    """Say whether this clone has, or had, a ledger of its own."""
    from gitcoord.ledger.ledger import STATE
    from gitcoord.storage.store import ABSENT
    from gitcoord.storage.witness import Witness

    try:
        return house.store.read_ref(STATE) is not ABSENT or Witness(house.home).seen() is not None
    except (Damaged, Unavailable):
        # Something is there. What is wrong with it is for the command to say.
        return True


def _say(text: str, *, err: bool = False) -> None:
    import click

    click.echo(text, err=err)


def _sessions(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
    from gitcoord.entrypoints.cli.completion import session_ids

    return list(session_ids(ctx, param, incomplete))


def acting(function: F) -> F:
    """Add `--session`, for commands that act for a session."""
    import click

    found: F = click.option(
        "--session",
        metavar="ID",
        help="The acting session (default: found from surroundings).",
        shell_complete=_sessions,
    )(function)
    return found
