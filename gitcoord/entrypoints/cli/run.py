"""`gitcoord run -- CMD`: a command as a checked-in session that cannot forget anything.

Checks in, takes the locks, beats and renews while CMD runs, gives everything
back and ends with CMD's exit code. CMD and what it starts act as this session.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import click

from gitcoord.domain.time import parse_duration
from gitcoord.entrypoints.cli.desk import Desk, command
from gitcoord.entrypoints.cli.keys import typed
from gitcoord.errors import GitcoordError, Refused, SessionPaused, UsageError

if TYPE_CHECKING:
    from gitcoord.domain.sessions import Session

#: Exit codes that shells use for a command that is not there or cannot be started.
NOT_FOUND, NOT_STARTED = 127, 126


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog="Example: gitcoord run --lock 'src/auth/**' --wait 60s -- make test",
)
@click.option("--lock", "keys", multiple=True, metavar="KEY", help="Hold this key while CMD runs.")
@click.option("--shared", is_flag=True, help="Share the keys with others who only read.")
@click.option("--wait", metavar="TIME", help="Wait for the keys for at most so long.")
@click.option("--ttl", metavar="TIME", help="How long the locks survive if this process is killed.")
@click.option("--reason", default="", help="What others read when they are refused.")
@click.option("--name", metavar="NAME", help="The agent's name.")
@click.option("--type", "kind", default="", metavar="T", help="The agent's type.")
@click.option(
    "--if-lost",
    type=click.Choice(["warn", "stop"]),
    default="warn",
    show_default=True,
    help="What to do with CMD when somebody else has ended the session or taken a lock over.",
)
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- CMD...")
@command
def run(
    desk: Desk,
    keys: Sequence[str],
    shared: bool,
    wait: str | None,
    ttl: str | None,
    reason: str,
    name: str | None,
    kind: str,
    if_lost: str,
    words: Sequence[str],
) -> int:
    """Run a command as a session of its own.

    The session beats for as long as the command runs, however long that is; its end,
    also by a crash, frees everything.
    """
    from gitcoord.domain.lock_operations import AcquireLocks
    from gitcoord.entrypoints.cli.checkin import check_in
    from gitcoord.entrypoints.cli.patience import acquired, unwinding
    from gitcoord.entrypoints.cli.pulse import pulse

    if desk.json:
        raise UsageError("run has no --json: its output is that of the command")
    wish = AcquireLocks(
        keys=tuple(typed(keys, desk.house.repository, desk.directory)),
        mode="shared" if shared else "exclusive",
        ttl=None if ttl is None else parse_duration(ttl),
        reason=reason or " ".join(words)[:200],
        wait=0 if wait is None else parse_duration(wait),
    )
    code = NOT_STARTED
    with unwinding():
        started = check_in(desk, name=name, type=kind, life="beat", task=" ".join(words)[:200])
        session = started.session
        desk.__dict__["holder"] = session.id
        try:
            locks = acquired(desk, wish).locks if keys else []
            every = pulse(session.interval, locks)
            code = _watch_over(desk, session, words, every=every, stop=if_lost == "stop")
        finally:
            _leave(desk, "completed" if code == 0 else "failure")
    return code


# Refused with the reason, so the help does not offer it.
next(option for option in run.params if option.name == "as_json").hidden = True  # type: ignore[attr-defined]


def _watch_over(
    desk: Desk, session: Session, words: Sequence[str], *, every: float, stop: bool
) -> int:
    from gitcoord.entrypoints.cli.pulse import beat

    environment = {**os.environ, "GITCOORD_SESSION": session.id}
    try:
        child = subprocess.Popen(list(words), env=environment, cwd=desk.directory)
    except FileNotFoundError:
        desk.note(f"gitcoord run: there is no command {words[0]!r}")
        return NOT_FOUND
    except OSError as error:
        desk.note(f"gitcoord run: {words[0]}: {error.strerror}")
        return NOT_STARTED
    told = ""
    with _passing_on(child):
        while True:
            try:
                code = child.wait(timeout=every)
            except subprocess.TimeoutExpired:
                trouble = beat(desk, session.started_at)
                if trouble is not None and trouble.code != told:
                    told = trouble.code
                    desk.note(f"gitcoord run: {trouble.code}: {trouble.message}")
                    lost = isinstance(trouble, Refused) and not isinstance(trouble, SessionPaused)
                    if stop and lost:
                        child.terminate()
                continue
            return code if code >= 0 else 128 - code


@contextmanager
def _passing_on(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Hand SIGTERM on to the command and leave it to the command when to end."""
    # The terminal sends an interrupt to the command as well.
    handlers = {signal.SIGTERM: lambda *_: child.terminate(), signal.SIGINT: lambda *_: None}
    previous = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _leave(desk: Desk, outcome: Literal["completed", "failure"]) -> None:
    from gitcoord.domain.departure import Ended, EndSession
    from gitcoord.entrypoints.cli.facts import marks

    try:
        unlanded = marks(desk, (), everything=True)
        desk.do(EndSession(outcome=outcome, marks=unlanded), Ended, acts=True)
    except GitcoordError as error:
        desk.note(f"gitcoord run: {error.code}: {error.message}")
