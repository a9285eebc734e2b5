"""Ports of this machine for a session: what every door does to lease them, and what it shows.

The leases are in the machine's own ledger, whose sessions are in those of its repositories: who
asks also looks which of them have ended, and which ports are really free. Not here: the rules.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gitcoord.domain.ports import (
    Allocated,
    AllocatePorts,
    Grid,
    PortLease,
    PortsReleased,
    ReleasePorts,
    leases,
    ports,
)
from gitcoord.errors import NoPortsAvailable, NotARepository, NotInitialised, SessionEnded

if TYPE_CHECKING:
    from gitcoord.bootstrap import House
    from gitcoord.entrypoints.cli.desk import Desk

#: Times that ports are looked at: two who look at one port at once can see each other.
LOOKS = 2
#: Variable of the shell -> port. These and those of `snippet` are Agent Coordinator's.
VARIABLES = {
    "AGENT_COORDINATOR_DB_PORT": "db",
    "AGENT_COORDINATOR_REST_PORT": "rest",
    "AGENT_COORDINATOR_REALTIME_PORT": "realtime",
    "API_PORT": "api",
}


def state_folder(environ: Mapping[str, str]) -> str:
    """Return the folder of what gitcoord keeps for this user and machine, made or not."""
    base = environ.get("XDG_STATE_HOME") or os.path.join(
        environ.get("HOME") or os.path.expanduser("~"), ".local", "state"
    )
    return os.path.join(base, "gitcoord")


def allocate(
    desk: Desk, session: str, *, ttl: float | None = None, looks: Callable[..., bool] | None = None
) -> Allocated:
    """Lease a block of ports to a session, or to what a client calls its conversation.

    `ttl`: seconds; None: as configured. `looks`: says whether ports are free. Raises
    `NoPortsAvailable`, `SessionEnded`, `InvalidConfig`, `InvalidValue`, and a `NotPermitted`
    where the repository's ledger does not let the session lease any.
    """
    from gitcoord.entrypoints.settings import resolve
    from gitcoord.ledger.loopback import free

    environ = _environ(desk)
    taste = resolve(desk.house.repository, environ).values
    grid = Grid(base=taste.port_base, size=taste.port_range, count=taste.port_blocks).checked()
    bound, agent = _owner(desk, session)
    _refuse_forbidden(desk, session if bound else desk.asker())
    with _machine(environ) as there:
        for look in range(LOOKS):
            over, held = _held(desk, there)
            taken = [x for x in held if x.session != session or x.place != _place(desk)]
            wish = AllocatePorts(
                session=session,
                place=_place(desk),
                remote=desk.house.remote,
                bound=bound,
                worktree=desk.house.repository.worktree or "",
                grid=grid,
                ttl=taste.port_ttl if ttl is None else ttl,
                free=tuple(_free(grid, taken, looks or free)),
                over=over,
            )
            try:
                return there.coordinator.do(wish, Allocated, agent=agent)
            except NoPortsAvailable as refusal:
                if look == LOOKS - 1 or not refusal.details["taken"]:
                    raise
        raise AssertionError


def release(desk: Desk, session: str) -> PortLease | None:
    """Give a session's block back and return its lease; None where it has none."""
    with _machine(_environ(desk)) as there:
        wish = ReleasePorts(session=session, place=_place(desk))
        return there.coordinator.do(wish, PortsReleased, agent=_owner(desk, session)[1]).lease


def listed(desk: Desk, *, here: bool = False) -> list[PortLease]:
    """Return the leases that hold on this machine, by their ports; `here`: of this repository."""
    environ = _environ(desk)
    if not os.path.exists(state_folder(environ)):
        # Looking makes nothing.
        return []
    with _machine(environ) as there:
        found = _held(desk, there)[1]
    return [one for one in found if not here or one.place == _place(desk)]


def snippet(lease: PortLease) -> str:
    """Return lines that a shell runs to know the ports of a block, as Agent Coordinator's."""
    of = ports(lease)
    values: dict[str, Any] = {variable: of[name] for variable, name in VARIABLES.items()}
    values["COMPOSE_PROJECT_NAME"] = lease.project
    values["SUPABASE_URL"] = f"http://localhost:{of['rest']}"
    return "\n".join(f"export {name}={value}" for name, value in values.items())


def original(lease: PortLease) -> dict[str, Any]:
    """Return a lease in the fields of Agent Coordinator."""
    return {
        "session_id": lease.session,
        **{f"{name}_port": port for name, port in ports(lease).items()},
        "compose_project_name": lease.project,
    }


@contextmanager
def _machine(environ: Mapping[str, str]) -> Iterator[House]:
    from gitcoord.bootstrap import open_machine

    house = open_machine(state_folder(environ), environ)
    try:
        yield house
        if house.grown():
            house.consolidate_later(sys.executable)
    finally:
        house.close()


def _environ(desk: Desk) -> Mapping[str, str]:
    """Return the environment of this process where the desk has none of its own."""
    return desk.environ or os.environ


def _place(desk: Desk) -> str:
    return os.path.realpath(desk.house.repository.common_dir)


def _owner(desk: Desk, session: str) -> tuple[bool, str]:
    """Return whether it is a session of this ledger, and its agent. Raises `SessionEnded`."""
    from gitcoord.domain.sessions import Session, root

    with desk.state() as state:
        found = state.get(Session, root(session))
    if found is None:
        return False, desk.person
    if found.archived:
        raise SessionEnded(f"session {found.id} of {found.agent} has ended", session=found.id)
    return True, found.agent


def _refuse_forbidden(desk: Desk, asks: str | None) -> None:
    """Raise what the repository's ledger has against it; the machine's knows no profiles."""
    from gitcoord.domain.permission import decide, principal, refusal_of
    from gitcoord.domain.sessions import Session, root

    if asks is None:
        return
    with desk.state() as state:
        session = state.get(Session, root(asks))
        who = principal(state, session, desk.now(state), desk.named_for(asks))
        decision = decide(state, who, "allocate_ports")
        if not decision.allowed:
            raise refusal_of(decision, who, "allocate_ports")


def _free(grid: Grid, held: Iterable[PortLease], looks: Callable[..., bool]) -> Iterator[int]:
    """Yield the first ports of the blocks that nobody else has leased and nobody listens in."""
    others = [(one.first, one.first + one.size) for one in held]
    for first in grid.firsts():
        leased = any(begin < first + grid.size and first < end for begin, end in others)
        if not leased and looks(range(first, first + len(VARIABLES))):
            yield first


def _held(desk: Desk, there: House) -> tuple[tuple[str, ...], list[PortLease]]:
    """Return the ids of leases whose sessions have ended, and the leases that hold."""
    from gitcoord.ledger.clock import reading

    with there.ledger.state() as state:
        now = reading(there.ledger.clock, state.meta.time).now
        known = leases(state, now)
        places = {(one.place, one.remote) for one in known if one.bound}
        over: list[str] = []
        for place, remote in places:
            mine = [
                one for one in known if one.bound and (one.place, one.remote) == (place, remote)
            ]
            over += _ended(desk, place, remote, mine)
        return tuple(sorted(over)), leases(state, now, over)


def _ended(desk: Desk, place: str, remote: str, mine: list[PortLease]) -> list[str]:
    """Return those of the leases whose sessions are no longer live in their ledger.

    A repository that is gone has no sessions; one that cannot be read says nothing.
    """
    from gitcoord.bootstrap import LOCAL, open_house
    from gitcoord.domain.sessions import Session, root
    from gitcoord.errors import Damaged, Unavailable, UsageError

    def dead(house: House) -> list[str]:
        with house.ledger.state() as state:
            return [
                x.id for x in mine if state.get(Session, root(x.session), archived=False) is None
            ]

    if (place, remote) == (_place(desk), desk.house.remote):
        return dead(desk.house)
    named = ("GIT_", "GITCOORD_")
    environ = {x: y for x, y in _environ(desk).items() if not x.startswith(named)}
    try:
        house = open_house(place, environ, remote=remote or LOCAL)
    except NotARepository:
        return [one.id for one in mine]
    except (Unavailable, UsageError):
        return []
    try:
        return dead(house)
    except NotInitialised:
        return [one.id for one in mine]
    except (Damaged, Unavailable):
        return []
    finally:
        house.close()
