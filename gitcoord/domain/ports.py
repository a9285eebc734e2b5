"""Ports: leases on blocks of ports, kept in the ledger of a machine.

Promises that no two leases that hold have a port in common, whatever blocks they were cut
by, and that a session which asks again keeps its block. Not here: whether a port is really
free, and whether a session of another ledger has ended; whoever asks says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING, ClassVar

import msgspec

from gitcoord.domain.names import checked_name, one_line
from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.domain.record import Record, Seconds
from gitcoord.domain.time import Time, plus
from gitcoord.errors import InvalidConfig, InvalidValue, NoPortsAvailable

if TYPE_CHECKING:
    from gitcoord.domain.state import State

#: What the first ports of a block are for, in their order.
NAMES = ("db", "rest", "realtime", "api")
#: Ports below are the system's; the last there is.
LOWEST, HIGHEST = 1024, 65535
#: Longest lease, in seconds.
TTL_LIMIT = 7 * 86_400.0


class Grid(msgspec.Struct, frozen=True, kw_only=True):
    """How ports are cut into blocks: where they begin, how long each is, how many there are."""

    base: int = 10_000
    size: int = 100
    count: int = 20

    def firsts(self) -> range:
        """Return the first port of each block."""
        return range(self.base, self.base + self.size * self.count, self.size)

    def checked(self) -> Grid:
        """Return the grid if all its ports exist. Raises `InvalidConfig`, which says what to do."""
        if self.base < LOWEST:
            raise InvalidConfig(f"port_base is at least {LOWEST}, not {self.base}")
        if self.size < len(NAMES):
            raise InvalidConfig(f"port_range is at least {len(NAMES)}, not {self.size}")
        if self.count < 1:
            raise InvalidConfig(f"port_blocks is at least 1, not {self.count}")
        last = self.base + self.size * self.count - 1
        if last > HIGHEST:
            raise InvalidConfig(
                f"{self.count} blocks of {self.size} ports from {self.base} on end at {last}, "
                f"beyond {HIGHEST}",
                hint="Lower port_base, port_range or port_blocks.",
            )
        return self


class PortLease(Record, frozen=True, kw_only=True):
    """A block of ports that one session may use."""

    table = "ports"

    id: str
    #: Whose it is: a session, or what a client calls its conversation.
    session: str
    agent: str = ""
    #: Git directory through which it was asked for, and where that keeps its ledger.
    place: str = ""
    remote: str = ""
    #: Whether the session is one of that ledger, so that the lease ends with it.
    bound: bool = False
    worktree: str = ""
    first: int
    size: int
    #: A name for what runs on the ports, such as a project of Docker Compose.
    project: str
    allocated_at: Time
    expires_at: Time
    ttl: Seconds

    @property
    def name(self) -> str:
        """The lease's id."""
        return self.id

    def terms(self) -> Iterable[str]:
        """Return its first port, so that leases are found in the order of their ports."""
        yield f"first:{self.first:05d}"


def ports(lease: PortLease) -> dict[str, int]:
    """Return the ports that have a name, by name."""
    return {name: lease.first + offset for offset, name in enumerate(NAMES)}


def lease_id(place: str, session: str) -> str:
    """Return the id of a session's lease: sessions of two repositories may have one name."""
    return f"{session}@{sha256(place.encode()).hexdigest()[:8]}"


def leases(state: State, now: Time, over: Iterable[str] = ()) -> list[PortLease]:
    """Return the leases that hold, by their ports; `over` names those whose sessions have ended."""
    gone = frozenset(over)
    return [x for x in state.scan(PortLease, "first:") if x.expires_at > now and x.id not in gone]


class Allocated(Answer, frozen=True, kw_only=True):
    """The lease; whether it was there before."""

    lease: PortLease
    renewed: bool = False


class AllocatePorts(Operation, frozen=True, kw_only=True):
    """Take a block of ports for a session; asked again it is the same block for longer."""

    tag = "port.allocate"
    answer = Allocated
    acting: ClassVar[bool] = False

    session: str
    place: str = ""
    remote: str = ""
    bound: bool = False
    worktree: str = ""
    grid: Grid = Grid()
    ttl: float = 7200.0
    #: First ports of the blocks whose ports nobody listens on, as was just seen.
    free: tuple[int, ...] = ()
    #: Ids of leases whose sessions have ended in their ledgers.
    over: tuple[str, ...] = ()

    def apply(self, state: State, context: Context) -> Allocated:
        """Lease the lowest block that is free, here and on the machine.

        Leases that are over are removed, but the own one is renewed as long as nobody has its
        block. Raises `NoPortsAvailable`, `InvalidConfig` (the grid) and `InvalidValue`.
        """
        checked_name(self.session, "session")
        self.grid.checked()
        if not 1 <= self.ttl <= TTL_LIMIT:
            raise InvalidValue(f"the lease of ports is 1 to {TTL_LIMIT:.0f} seconds", ttl=self.ttl)
        name = lease_id(self.place, self.session)
        own = None if name in self.over else state.get(PortLease, name)
        # While the ledger's time is far ahead of the clock nobody's lease has ended.
        now = context.now if context.clock_trusted else ""
        held = [x for x in leases(state, now, self.over) if x.id != name]
        for lease in list(state.scan(PortLease, "first:")):
            if lease not in held and lease != own:
                state.remove(lease)
        known = (own.expires_at, own.ttl) if own else ("", 0.0)
        lease = own or self._new(name, held, context)
        ends = max(known[0], plus(context.now, self.ttl))
        lease = msgspec.structs.replace(
            lease, expires_at=ends, ttl=max(known[1], self.ttl), worktree=self.worktree
        )
        if lease != own:
            state.put(lease)
        return Allocated(lease=lease, renewed=own is not None)

    def subject(self, answer: Allocated, agent: str) -> str:
        """Return the diary line."""
        verb = "keeps" if answer.renewed else "takes"
        lease = answer.lease
        last = lease.first + lease.size - 1
        return one_line(f"port: {agent or self.session} {verb} {lease.first} to {last}")

    def _new(self, name: str, held: list[PortLease], context: Context) -> PortLease:
        size, free = self.grid.size, frozenset(self.free)
        leased = [
            first
            for first in self.grid.firsts()
            if any(x.first < first + size and first < x.first + x.size for x in held)
        ]
        open_ = [x for x in self.grid.firsts() if x not in leased and x in free]
        if not open_:
            raise _exhausted(self.grid, held, leased)
        return PortLease(
            id=name,
            session=self.session,
            agent=context.agent,
            place=self.place,
            remote=self.remote,
            bound=self.bound,
            first=open_[0],
            size=size,
            project=_project(self.place, self.session, {x.project for x in held}),
            allocated_at=context.now,
            expires_at="",
            ttl=self.ttl,
        )


class PortsReleased(Answer, frozen=True, kw_only=True):
    """The lease that is given back, if there was one."""

    lease: PortLease | None = None


class ReleasePorts(Operation, frozen=True, kw_only=True):
    """Give a session's block back; where it has none nothing changes."""

    tag = "port.release"
    answer = PortsReleased
    acting: ClassVar[bool] = False

    session: str
    place: str = ""

    def apply(self, state: State, context: Context) -> PortsReleased:
        """Remove the lease. Raises `InvalidValue` for what cannot be a session's name."""
        checked_name(self.session, "session")
        lease = state.get(PortLease, lease_id(self.place, self.session))
        if lease is not None:
            state.remove(lease)
        return PortsReleased(lease=lease)

    def subject(self, answer: PortsReleased, agent: str) -> str:
        """Return the diary line."""
        what = f"gives {answer.lease.first} back" if answer.lease else "has nothing to give back"
        return one_line(f"port: {agent or self.session} {what}")


def _project(place: str, session: str, taken: set[str]) -> str:
    """Return a project's name made of the session's; of the place too where another has that."""
    plain = f"ac-{sha256(session.encode()).hexdigest()[:8]}"
    if plain not in taken:
        return plain
    both = f"{place}\0{session}"
    return f"ac-{sha256(both.encode()).hexdigest()[:8]}"


def _exhausted(grid: Grid, held: list[PortLease], leased: list[int]) -> NoPortsAvailable:
    strangers = [first for first in grid.firsts() if first not in leased]
    names = [x.agent or x.session for x in held]
    parts = []
    if held:
        until = min(x.expires_at for x in held)
        parts.append(f"{len(leased)} are leased by {_some(names)}, the first until {until}")
    if strangers:
        parts.append(f"programs without a lease listen in {len(strangers)} ({_some(strangers)})")
    return NoPortsAvailable(
        f"none of the {grid.count} blocks of ports is free: {'; '.join(parts)}",
        hint="Run `gitcoord port list`, then `gitcoord port release`; or set port_base or "
        "port_blocks with `gitcoord config`.",
        leased=leased,
        taken=strangers,
        holders=[
            {"session": x.session, "agent": x.agent, "first": x.first, "expires_at": x.expires_at}
            for x in held
        ],
    )


def _some(items: Iterable[object]) -> str:
    texts = list(dict.fromkeys(map(str, items)))
    return ", ".join(texts[:3]) + (f" and {len(texts) - 3} more" if len(texts) > 3 else "")
