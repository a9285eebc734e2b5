"""`gitcoord lock`: take, renew, give back and look at locks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
import msgspec

from gitcoord.domain.record import shown
from gitcoord.domain.time import parse_duration
from gitcoord.entrypoints.cli.desk import Desk, acting, command, reading
from gitcoord.entrypoints.cli.keys import typed

if TYPE_CHECKING:
    from gitcoord.domain.locks import Held, LockView
    from gitcoord.domain.time import Time
    from gitcoord.domain.unlanded import Mark


@click.group()
def lock() -> None:
    """Lock paths and logical keys.

    A key is a path from the root of the repository (src/auth/login.py), a folder (src/auth/),
    a glob (src/**/*.py) or a logical name (db:schema, api:GET /users).
    """


@lock.command(
    epilog="Example: gitcoord lock acquire 'src/auth/**' --ttl 30m --reason 'new login' --wait 60s"
)
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@click.option("--ttl", metavar="TIME", help="How long it lives without renewal, e.g. 30m.")
@click.option("--shared", is_flag=True, help="Share the keys with others who only read.")
@click.option("--wait", metavar="TIME", help="Wait in the queue for at most so long.")
@click.option("--reason", default="", help="What others read when they are refused.")
@acting
@command
def acquire(
    desk: Desk, keys: Sequence[str], ttl: str | None, shared: bool, wait: str | None, reason: str
) -> None:
    """Take all of the keys, or none of them.

    Asking again renews what this session holds.
    """
    from gitcoord.domain.lock_operations import AcquireLocks
    from gitcoord.entrypoints.cli.patience import acquired
    from gitcoord.errors import LockHeld, QueuedBehind

    wish = AcquireLocks(
        keys=tuple(typed(keys, desk.house.repository, desk.directory)),
        mode="shared" if shared else "exclusive",
        ttl=None if ttl is None else parse_duration(ttl),
        reason=reason,
        wait=0 if wait is None else parse_duration(wait),
    )
    try:
        answer = acquired(desk, wish)
    except (LockHeld, QueuedBehind):
        # The setting is read only here: most keys are free, and reading it takes time.
        if wait is not None or not desk.settings.wait:
            raise
        answer = acquired(desk, msgspec.structs.replace(wish, wait=desk.settings.wait))
    word = "renewed" if answer.renewed else "locked"
    desk.show(
        {
            "locks": answer.locks,
            "renewed": answer.renewed,
            "ignored": answer.ignored,
            "unlanded": answer.unlanded,
        },
        lambda: [
            *(_line(word, one) for one in answer.locks),
            *(
                f"ignored {key} (the settings say that it is never locked)"
                for key in answer.ignored
            ),
            *map(_warning, answer.unlanded),
        ],
    )


@lock.command(epilog="Example: gitcoord lock release 'src/auth/**'")
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@click.option("--all", "everything", is_flag=True, help="Release all that this session holds.")
@acting
@command
def release(desk: Desk, keys: Sequence[str], everything: bool) -> None:
    """Give keys back.

    Changes under them that are not yet in the target branch stay visible to others
    as `unlanded`, with the branch to build on.
    """
    from gitcoord.domain.lock_operations import Released, ReleaseLocks
    from gitcoord.errors import UsageError

    if bool(keys) == everything:
        raise UsageError("name the keys to release, or pass --all")
    from gitcoord.entrypoints.cli.facts import marks

    wanted = tuple(typed(keys, desk.house.repository, desk.directory))
    answer = desk.do(
        ReleaseLocks(keys=wanted, all=everything, marks=marks(desk, wanted, everything)), Released
    )
    desk.show(
        {"released": answer.keys, "unlanded": answer.unlanded},
        lambda: (
            [
                *(f"released {key}" for key in answer.keys),
                *map(_warning, answer.unlanded),
            ]
            or "nothing was held"
        ),
    )


@lock.command(epilog="Example: gitcoord lock renew --ttl 1h")
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@click.option("--ttl", metavar="TIME", help="New time to live; default: the one it has.")
@acting
@command
def renew(desk: Desk, keys: Sequence[str], ttl: str | None) -> None:
    """Extend locks of this session; without keys all of them."""
    from gitcoord.domain.lock_operations import Renewed, RenewLocks

    answer = desk.do(
        RenewLocks(
            keys=tuple(typed(keys, desk.house.repository, desk.directory)),
            ttl=None if ttl is None else parse_duration(ttl),
        ),
        Renewed,
    )
    delayed = set(answer.delayed)
    desk.show(
        {"locks": answer.locks, "delayed": answer.delayed},
        lambda: (
            [
                _line("kept" if one.key in delayed else "renewed", one)
                + ("; pushes are scarce, renewed below half of its time" * (one.key in delayed))
                for one in answer.locks
            ]
            or "nothing is held"
        ),
    )


@lock.command(epilog="Example: gitcoord lock check src/auth/login.py || echo hands off")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@acting
@reading
def check(desk: Desk, paths: Sequence[str]) -> int:
    """Say who holds paths; exit code 3 when another session holds one of them exclusively."""
    from gitcoord.domain.locks import check as held_by
    from gitcoord.entrypoints.cli.failures import EXIT_CODES
    from gitcoord.entrypoints.cli.keys import named
    from gitcoord.errors import Refused

    mine = desk.anybody()
    asked = named(paths, desk.house.repository, desk.directory)
    with desk.state() as state:
        found = held_by(state, desk.context(state, mine), asked, mine)
    taken = [one for one in found if not one.mine and one.lock.mode == "exclusive"]
    desk.show(
        {
            "free": not taken,
            "held": [{"path": one.path, "mine": one.mine} | shown(one.lock) for one in found],
        },
        lambda: [_holding(one) for one in found] or "free",
    )
    return EXIT_CODES[Refused] if taken else 0


@lock.command("list", epilog="Example: gitcoord lock list --json")
@click.option("--agent", metavar="NAME", help="Only locks of this agent.")
@click.option("--mine", is_flag=True, help="Only locks of the acting session.")
@click.option("--at", metavar="TIME", help="As it was at that time.")
@acting
@reading
def list_(desk: Desk, agent: str | None, mine: bool, at: str | None) -> None:
    """List the live locks, the queue behind them, and work that has not landed."""
    from gitcoord.domain import locks, unlanded, waiting
    from gitcoord.domain.sessions import root
    from gitcoord.entrypoints.cli.render import left, table

    if at is None:
        desk.settle()
    with desk.state(at) as state:
        now = desk.now(state) if at is None else state.meta.time
        live = [
            locks.view(one)
            for one in state.all(locks.Lock)
            if one.expires_at > now
            and (agent is None or one.agent == agent)
            and (not mine or root(one.session) == root(desk.holder))
        ]
        queue = [waiting.view(one) for one in waiting.queue(state)]
        marks = list(state.all(unlanded.Mark))

    def text() -> list[str]:
        rows = [
            (
                x.key,
                x.mode,
                x.agent,
                x.session,
                f"{x.epoch}/{x.token}",
                left(now, x.expires_at),
                x.reason,
            )
            for x in live
        ]
        columns = ("key", "mode", "agent", "session", "token", "left", "reason")
        lines = [table(columns, rows, "nothing is locked")]
        lines += [f"waiting: {one.agent} for {', '.join(one.keys)}" for one in queue]
        return lines + [_warning(mark) for mark in marks]

    desk.show({"locks": live, "waiting": queue, "unlanded": marks}, text)


@lock.command(epilog="Example: gitcoord lock takeover src/auth/ --reason 'claude-2 is gone'")
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@click.option("--reason", default="", help="Why; the old holder is told. Required.")
@click.option("--ttl", metavar="TIME", help="How long it lives without renewal.")
@acting
@command
def takeover(desk: Desk, keys: Sequence[str], reason: str, ttl: str | None) -> None:
    """Take keys from whoever holds them, with a new fencing token."""
    from gitcoord.domain.takeover import TakenOver, TakeOverLocks

    answer = desk.do(
        TakeOverLocks(
            keys=tuple(typed(keys, desk.house.repository, desk.directory)),
            reason=reason,
            ttl=None if ttl is None else parse_duration(ttl),
        ),
        TakenOver,
    )
    desk.show(
        {"locks": answer.locks, "taken": answer.taken, "unlanded": answer.unlanded},
        lambda: [
            *(_line("locked", one) for one in answer.locks),
            *(f"taken from {one.agent} (session {one.session}): {one.key}" for one in answer.taken),
            *map(_warning, answer.unlanded),
        ],
    )


def _holding(one: Held) -> str:
    who = "you" if one.mine else f"{one.lock.agent} (session {one.lock.session})"
    why = f": {one.lock.reason}" if one.lock.reason else ""
    until = f"until {_short(one.lock.expires_at)}{why}"
    return f"{one.path} is held by {who} as {one.lock.key}, {one.lock.mode}, {until}"


def _line(word: str, one: LockView) -> str:
    shared = ", shared" if one.mode == "shared" else ""
    return (
        f"{word} {one.key} until {_short(one.expires_at)} (token {one.epoch}/{one.token}{shared})"
    )


def _short(time: Time) -> str:
    return time[:19] + "Z"


def _warning(mark: Mark) -> str:
    return (
        f"unlanded: {mark.key} was changed by {mark.agent} on {mark.branch}; build on that branch"
    )
