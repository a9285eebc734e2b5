"""Ports: no two leases have one in common, and who asks again keeps its block."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitcoord.domain.ports import (
    AllocatePorts,
    Grid,
    PortLease,
    ReleasePorts,
    lease_id,
    leases,
    ports,
)
from gitcoord.errors import GitcoordError, InvalidConfig, InvalidValue, NoPortsAvailable
from tests.domain.world import World

SMALL = Grid(base=20_000, size=10, count=3)


def wish(session: str, grid: Grid = SMALL, **fields: object) -> AllocatePorts:
    fields = {"free": tuple(grid.firsts()), "place": "/r/.git"} | fields
    return AllocatePorts(session=session, grid=grid, **fields)  # type: ignore[arg-type]


def test_requirement_24_four_ports_a_session_without_overlap_and_a_projects_name() -> None:
    world = World()
    ann = world.run(wish("s-ann"), agent="ann").lease
    bob = world.run(wish("s-bob"), agent="bob").lease
    assert ports(ann) == {"db": 20_000, "rest": 20_001, "realtime": 20_002, "api": 20_003}
    assert ports(bob) == {"db": 20_010, "rest": 20_011, "realtime": 20_012, "api": 20_013}
    # The original's name: `ac-` and the beginning of the session's SHA-256.
    assert (ann.project, bob.project) == ("ac-b8d78fe1", "ac-6b3a047e")
    assert (ann.agent, ann.session, ann.expires_at > world.now) == ("ann", "s-ann", True)
    assert world.get(PortLease, ann.id) == ann
    world.check()


def test_requirement_24_asked_again_it_is_the_same_block_for_longer() -> None:
    world = World()
    first = world.run(wish("s-ann", ttl=60)).lease
    world.pass_time(30)
    again = world.run(wish("s-ann", ttl=60, free=()))
    assert again.renewed
    assert again.lease.first == first.first
    assert again.lease.allocated_at == first.allocated_at
    assert again.lease.expires_at > first.expires_at
    assert world.run(wish("s-ann", ttl=1)).lease.expires_at == again.lease.expires_at
    assert [x.id for x in world.all(PortLease)] == [first.id]


def test_requirement_24_where_none_is_left_it_says_who_has_them() -> None:
    world = World()
    for name in ("s-1", "s-2", "s-3"):
        world.run(wish(name), agent=name[2:])
    refusal = world.refused(NoPortsAvailable, wish("s-4"))
    assert refusal.code == "no_ports_available"
    assert refusal.details["leased"] == [20_000, 20_010, 20_020]
    assert refusal.details["taken"] == []
    assert [x["session"] for x in refusal.details["holders"]] == ["s-1", "s-2", "s-3"]
    assert "leased by 1, 2, 3" in refusal.message
    assert "port release" in refusal.hint


def test_blocks_in_which_strangers_listen_are_passed_over_or_named() -> None:
    world = World()
    assert world.run(wish("s-1", free=(20_010,))).lease.first == 20_010
    refusal = world.refused(NoPortsAvailable, wish("s-2", free=()))
    assert refusal.details["taken"] == [20_000, 20_020]
    assert "programs without a lease listen in 2 (20000, 20020)" in refusal.message
    alone = World().refused(NoPortsAvailable, wish("s-2", Grid(base=2000, count=5), free=()))
    assert "and 2 more" in alone.message
    assert "leased" not in alone.message


def test_requirement_25_the_end_of_a_lease_frees_its_block() -> None:
    world = World()
    one = Grid(base=20_000, size=4, count=1)
    world.run(wish("s-1", one, ttl=60))
    world.refused(NoPortsAvailable, wish("s-2", one))
    world.pass_time(60)
    assert world.run(wish("s-2", one)).lease.first == 20_000
    assert [x.session for x in world.all(PortLease)] == ["s-2"]


def test_a_lease_that_is_over_is_its_owners_again_while_nobody_has_the_block() -> None:
    world = World()
    world.run(wish("s-1", ttl=60))
    world.pass_time(3600)
    # Its own programs may still be listening there, so that the block does not look free.
    found = world.run(wish("s-1", free=()))
    assert (found.renewed, found.lease.first) == (True, 20_000)
    assert leases(world.state(), world.now) == [found.lease]


def test_no_lease_has_ended_while_the_clock_cannot_be_trusted() -> None:
    world = World()
    one = Grid(base=20_000, size=4, count=1)
    world.run(wish("s-1", one, ttl=60))
    world.pass_time(3600)
    world.clock_trusted = False
    world.refused(NoPortsAvailable, wish("s-2", one))
    world.clock_trusted = True
    assert world.run(wish("s-2", one)).lease.first == 20_000


def test_a_lease_ends_with_its_session() -> None:
    world = World()
    mine = world.run(wish("s-1")).lease
    gone = (mine.id,)
    assert leases(world.state(), world.now, gone) == []
    assert world.run(wish("s-2", over=gone)).lease.first == mine.first
    assert [x.session for x in world.all(PortLease)] == ["s-2"]
    # Even its own session cannot go on with it.
    other = lease_id("/r/.git", "s-2")
    assert not world.run(wish("s-2", over=(other,))).renewed


def test_requirement_25_release_frees_at_once_and_of_what_is_not_there_succeeds() -> None:
    world = World()
    lease = world.run(wish("s-1")).lease
    freed = world.run(ReleasePorts(session="s-1", place="/r/.git"))
    assert freed.lease == lease
    assert world.all(PortLease) == []
    assert world.unchanged(ReleasePorts(session="s-1", place="/r/.git")).lease is None
    assert world.run(wish("s-2")).lease.first == lease.first


def test_sessions_of_one_name_in_two_repositories_are_two() -> None:
    world = World()
    one = world.run(wish("wp-1")).lease
    two = world.run(wish("wp-1", place="/other/.git")).lease
    assert one.first != two.first
    assert one.project == "ac-062461c7"
    assert two.project.startswith("ac-")
    assert two.project != one.project
    world.run(ReleasePorts(session="wp-1", place="/r/.git"))
    assert world.all(PortLease) == [two]


@pytest.mark.parametrize(
    ("error", "words", "fields"),
    [
        (InvalidConfig, "port_base is at least 1024, not 1023", {"grid": Grid(base=1023)}),
        (InvalidConfig, "port_range is at least 4, not 3", {"grid": Grid(size=3)}),
        (InvalidConfig, "port_blocks is at least 1", {"grid": Grid(count=0)}),
        (InvalidConfig, "beyond 65535", {"grid": Grid(base=65_000)}),
        (InvalidValue, "the lease of ports is", {"ttl": 0.0}),
        (InvalidValue, "the lease of ports is", {"ttl": 604_801.0}),
        (InvalidValue, "a name has", {"session": ""}),
        (InvalidValue, "not the name", {"session": "a\nb"}),
    ],
)
def test_requirement_26_a_wrong_wish_is_refused_and_changes_nothing(
    error: type[GitcoordError], words: str, fields: dict[str, object]
) -> None:
    world = World()
    world.run(wish("s-1"))
    grid = fields.pop("grid", SMALL)
    session = fields.pop("session", "s-2")
    refusal = world.refused(error, wish(session, grid, **fields))  # type: ignore[arg-type]
    assert words in refusal.message


def test_requirement_26_the_defaults_are_those_of_the_original() -> None:
    assert Grid() == Grid(base=10_000, size=100, count=20)
    assert AllocatePorts(session="s-1").ttl == 120 * 60
    assert Grid(base=65_132, size=4, count=101).checked().firsts()[-1] == 65_532


@settings(max_examples=150)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "c", "d", "e"]),
            st.integers(0, 3).map(lambda n: f"/r{n}"),
            st.builds(
                Grid,
                base=st.integers(2000, 2040),
                size=st.integers(4, 13),
                count=st.integers(1, 5),
            ),
            st.sampled_from([5.0, 50.0, 500.0]),
            st.sampled_from([0, 1, 60]),
            st.sampled_from(["allocate", "allocate", "allocate", "release"]),
        ),
        max_size=25,
    )
)
def test_leases_that_hold_never_overlap_whatever_the_grids(
    steps: list[tuple[str, str, Grid, float, int, str]],
) -> None:
    world = World()
    for session, place, grid, ttl, wait, what in steps:
        world.pass_time(wait)
        if what == "release":
            world.run(ReleasePorts(session=session, place=place))
        else:
            (answer,) = world.run_together((wish(session, grid, place=place, ttl=ttl), None))
            assert not isinstance(answer, GitcoordError) or type(answer) is NoPortsAvailable
        held = leases(world.state(), world.now)
        taken = [port for one in held for port in range(one.first, one.first + one.size)]
        assert len(taken) == len(set(taken))
        assert len({one.id for one in held}) == len(held)
        assert len({one.project for one in held}) == len(held)
        world.check()
