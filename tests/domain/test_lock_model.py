"""Locks, queue and take-overs against a model that enumerates paths and knows no index."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gitcoord.domain.departure import EndSession
from gitcoord.domain.key_index import stored
from gitcoord.domain.lock_operations import AcquireLocks, LeaveQueue, ReleaseLocks, RenewLocks
from gitcoord.domain.locks import Lock
from gitcoord.domain.overlap import overlap
from gitcoord.domain.takeover import TakeOverLocks
from gitcoord.domain.time import seconds_between
from gitcoord.domain.waiting import Waiter, queue
from gitcoord.errors import LockHeld, NotLockHolder, QueuedBehind
from tests.domain.world import START, World

#: Every path there is, and what each key means as a regular expression over them.
PATHS = [
    "a",
    "b",
    "z.lock",
    "src/a",
    "src/b",
    "src/z.lock",
    "src/d/a",
    "src/d/e/a",
    "doc/a",
    "api:x",
]
KEYS = {
    "a": "a",
    "z.lock": r"z\.lock",
    "src/a": "src/a",
    "src/**": "src/.+",
    "src/*": "src/[^/]+",
    "src/d/**": "src/d/.+",
    "src/**/a": "src/(.+/)?a",
    "**/a": "(.+/)?a",
    "{doc,src}/[ab]": "(doc|src)/[ab]",
    "**": r"(?!api:).+",
    "*": r"(?!api:)[^/]+",
    "api:x": "api:x",
}
MEANING = {
    key: {path for path in PATHS if re.fullmatch(regex, path)} for key, regex in KEYS.items()
}
TTL, WAITER_TTL, TOLERANCE = 40.0, 30.0, 5.0

holders = st.sampled_from(["0", "1", "2", "2/x"])
key_sets = st.sets(st.sampled_from(sorted(KEYS)), min_size=1, max_size=3).map(sorted)
modes = st.sampled_from(["exclusive", "exclusive", "shared"])
ttls = st.sampled_from([None, None, 20.0, 100.0])


@dataclass
class Held:
    key: str
    holder: str
    mode: str
    token: int
    ends: float
    ttl: float


@dataclass
class Waiting:
    holder: str
    wants: list[tuple[str, str]]
    mode: str
    ttl: float | None
    lease: float


def root(holder: str) -> str:
    return holder.split("/", maxsplit=1)[0]


@dataclass
class Model:
    """The rules once more, by going through everything."""

    now: float = 0
    token: int = 0
    held: list[Held] = field(default_factory=list)
    queue: list[Waiting] = field(default_factory=list)

    def over(self, end: float) -> bool:
        return self.now >= end + TOLERANCE

    def own(self, holder: str, key: str) -> Held | None:
        return next((x for x in self.held if (x.key, x.holder) == (key, holder)), None)

    def excluding(self, holder: str, wants: list[tuple[str, str]]) -> list[Held]:
        return [
            x
            for x in self.held
            if root(x.holder) != root(holder) and any(clash((x.key, x.mode), w) for w in wants)
        ]

    def missing(self, holder: str, wants: list[tuple[str, str]]) -> list[tuple[str, str]]:
        def has(key: str, mode: str) -> bool:
            own = self.own(holder, key)
            return (
                own is not None
                and not self.over(own.ends)
                and (own.mode == "exclusive" or mode == "shared")
            )

        return [want for want in wants if not has(*want)]

    def blocked(self, holder: str, wants: list[tuple[str, str]]) -> list[Held]:
        found = self.excluding(holder, self.missing(holder, wants))
        return [x for x in found if not self.over(x.ends)]

    def behind(self, holder: str, wants: list[tuple[str, str]], place: int) -> bool:
        lacking = self.missing(holder, wants)
        for other in self.queue[:place]:
            if root(other.holder) == root(holder) or self.over(other.lease):
                continue
            if not any(clash(one, two) for one in lacking for two in other.wants):
                continue
            blockers = self.blocked(other.holder, other.wants)
            if not any(root(x.holder) == root(holder) for x in blockers):
                return True
        return False

    def place(
        self, holder: str, wants: list[tuple[str, str]], ttl: float | None, *, lacking_only: bool
    ) -> None:
        cleared = self.missing(holder, wants) if lacking_only else wants
        gone = self.excluding(holder, cleared)
        self.held = [x for x in self.held if x not in gone]
        for key, mode in wants:
            own = self.own(holder, key)
            if own and (own.mode == "exclusive" or mode == "shared"):
                self.extend(own, ttl)
            else:
                self.held = [x for x in self.held if x is not own]
                self.token += 1
                lasts = TTL if ttl is None else ttl
                self.held.append(Held(key, holder, mode, self.token, self.now + lasts, lasts))

    def extend(self, own: Held, ttl: float | None) -> None:
        own.ends = max(own.ends, self.now + own.ttl) if ttl is None else self.now + ttl
        own.ttl = own.ttl if ttl is None else ttl

    def grant(self) -> None:
        self.queue = [x for x in self.queue if not self.over(x.lease)]
        for waiter in list(self.queue):
            if self.blocked(waiter.holder, waiter.wants):
                continue
            if not self.behind(waiter.holder, waiter.wants, self.queue.index(waiter)):
                self.queue.remove(waiter)
                self.place(waiter.holder, waiter.wants, waiter.ttl, lacking_only=True)

    def acquire(
        self, holder: str, keys: list[str], mode: str, ttl: float | None, wait: bool
    ) -> str:
        wants = wanted(keys, mode)
        lacking = self.missing(holder, wants)
        needed = {key for key, _ in lacking}
        place = next(
            (
                n
                for n, x in enumerate(self.queue)
                if x.holder == holder
                and needed <= {key for key, _ in x.wants}
                and not self.over(x.lease)
            ),
            len(self.queue),
        )
        result = "granted"
        if self.blocked(holder, wants):
            result = "held"
        elif self.behind(holder, wants, place):
            result = "behind"
        if result == "granted":
            ended = bool(self.excluding(holder, lacking))
            self.place(holder, wants, ttl, lacking_only=True)
            if ended:
                self.grant()
            own = [x for x in self.queue if x.holder == holder]
            self.leave([x for x in own if not self.missing(holder, x.wants)])
        elif wait:
            self.enqueue(Waiting(holder, wants, mode, ttl, self.now + WAITER_TTL))
            self.grant()
            result = "queued"
        return result

    def enqueue(self, new: Waiting) -> None:
        for at, old in enumerate(self.queue):
            if (old.holder, old.wants, old.mode) == (new.holder, new.wants, new.mode):
                if self.over(old.lease):
                    break
                if old.lease - self.now > WAITER_TTL / 2:
                    new.lease = old.lease
                self.queue[at] = new
                return
        self.queue = [
            x
            for x in self.queue
            if (x.holder, x.wants, x.mode) != (new.holder, new.wants, new.mode)
        ]
        self.queue.append(new)

    def leave(self, gone: list[Waiting]) -> None:
        if gone:
            self.queue = [x for x in self.queue if x not in gone]
            self.grant()

    def free(self, gone: list[Held]) -> None:
        if gone:
            self.held = [x for x in self.held if x not in gone]
            self.grant()


def clash(one: tuple[str, str], two: tuple[str, str]) -> bool:
    return "exclusive" in (one[1], two[1]) and bool(MEANING[one[0]] & MEANING[two[0]])


def wanted(keys: list[str], mode: str) -> list[tuple[str, str]]:
    return [(key, "shared" if key == "z.lock" else mode) for key in keys]


class Locks(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.world = World(
            lock_ttl=TTL,
            waiter_ttl=WAITER_TTL,
            clock_tolerance=TOLERANCE,
            shared=("z.lock", "api:z"),
        )
        self.model = Model()
        self.generation = {"0": 0, "1": 0, "2": 0}
        for name in self.generation:
            self.world.session(self.named(name))

    def named(self, holder: str) -> str:
        """Return the full name of a holder; a session that ended goes on as a new one."""
        name, _, agent = holder.partition("/")
        session = f"s-{name}.{self.generation[name]}"
        return f"{session}/{agent}" if agent else session

    def run_it(self, wish: Any, holder: str) -> Any:
        (outcome,) = self.world.run_together((wish, self.named(holder)))
        return outcome

    @rule(holder=holders, keys=key_sets, mode=modes, ttl=ttls, wait=st.booleans())
    def acquire(
        self, holder: str, keys: list[str], mode: Any, ttl: float | None, wait: bool
    ) -> None:
        expected = self.model.acquire(holder, keys, mode, ttl, wait)
        wish = AcquireLocks(keys=tuple(keys), mode=mode, ttl=ttl, wait=9.0 if wait else 0)
        outcome = self.run_it(wish, holder)
        if expected == "held":
            assert type(outcome) is LockHeld
        elif expected == "behind":
            assert type(outcome) is QueuedBehind
        else:
            assert (outcome.queued is not None) == (expected == "queued")
            assert [x.key for x in outcome.locks] == ([] if outcome.queued else keys)

    @rule(holder=holders, keys=key_sets, ttl=ttls)
    def renew(self, holder: str, keys: list[str], ttl: float | None) -> None:
        own = [self.model.own(holder, key) for key in keys]
        outcome = self.run_it(RenewLocks(keys=tuple(keys), ttl=ttl), holder)
        if None in own:
            assert type(outcome) is NotLockHolder
            return
        ended = [(x.key, x.mode) for x in own if x and self.model.over(x.ends)]
        place = next(
            (
                n
                for n, x in enumerate(self.model.queue)
                if x.holder == holder
                and {key for key, _ in ended} <= {key for key, _ in x.wants}
                and not self.model.over(x.lease)
            ),
            len(self.model.queue),
        )
        if self.model.behind(holder, ended, place):
            assert type(outcome) is QueuedBehind
            return
        for each in own:
            assert each
            self.model.extend(each, ttl)
        assert [x.key for x in outcome.locks] == keys

    @rule(holder=holders, keys=key_sets)
    def release(self, holder: str, keys: list[str]) -> None:
        own = [self.model.own(holder, key) for key in keys]
        outcome = self.run_it(ReleaseLocks(keys=tuple(keys)), holder)
        if None in own:
            assert type(outcome) is NotLockHolder
        else:
            assert outcome.keys == keys
            self.model.free([x for x in own if x])

    @rule(holder=holders)
    def release_all(self, holder: str) -> None:
        own = [x for x in self.model.held if x.holder == holder]
        outcome = self.run_it(ReleaseLocks(all=True), holder)
        assert outcome.keys == sorted(x.key for x in own)
        self.model.free(own)

    @rule(holder=holders, keys=key_sets, mode=modes, ttl=ttls)
    def take_over(self, holder: str, keys: list[str], mode: Any, ttl: float | None) -> None:
        outcome = self.run_it(
            TakeOverLocks(keys=tuple(keys), mode=mode, ttl=ttl, reason="r"), holder
        )
        wants = wanted(keys, mode)
        taken = [x for x in self.model.excluding(holder, wants) if not self.model.over(x.ends)]
        assert sorted(x.token for x in outcome.taken) == sorted(x.token for x in taken)
        self.model.place(holder, wants, ttl, lacking_only=False)
        self.model.grant()

    @rule(holder=holders, keys=key_sets)
    def stop_waiting(self, holder: str, keys: list[str]) -> None:
        gone = [
            x for x in self.model.queue if x.holder == holder and [k for k, _ in x.wants] == keys
        ]
        outcome = self.run_it(LeaveQueue(keys=tuple(keys)), holder)
        assert len(outcome.left) == len(gone)
        self.model.leave(gone)

    @rule(name=st.sampled_from(["0", "1", "2"]))
    def end(self, name: str) -> None:
        self.world.run(EndSession(), self.named(name))
        self.model.leave([x for x in self.model.queue if root(x.holder) == name])
        self.model.free([x for x in self.model.held if root(x.holder) == name])
        self.generation[name] += 1
        self.world.session(self.named(name))

    @rule(seconds=st.sampled_from([1, 10, 16, 31, 50]))
    def pass_time(self, seconds: int) -> None:
        self.world.pass_time(seconds)
        self.model.now += seconds

    @invariant()
    def the_ledger_is_what_the_model_says(self) -> None:
        assert self.world.meta.token == self.model.token
        assert {
            (x.key, x.session, x.mode, x.token, seconds_between(START, x.expires_at), x.ttl)
            for x in self.world.all(Lock)
        } == {
            (x.key, self.named(x.holder), x.mode, x.token, x.ends, x.ttl) for x in self.model.held
        }
        waiters: list[Waiter] = queue(self.world.state())
        assert [
            (x.session, list(x.keys), x.mode, seconds_between(START, x.lease_until))
            for x in waiters
        ] == [
            (self.named(x.holder), [k for k, _ in x.wants], x.mode, x.lease)
            for x in self.model.queue
        ]

    @invariant()
    def no_path_is_held_twice(self) -> None:
        for path in PATHS:
            covering = [x for x in self.model.held if path in MEANING[x.key]]
            if len({root(x.holder) for x in covering}) > 1:
                exclusive = {root(x.holder) for x in covering if x.mode == "exclusive"}
                assert not exclusive, (path, covering)

    @invariant()
    def the_invariants_of_every_state_hold(self) -> None:
        self.world.check()


TestLocks = Locks.TestCase
TestLocks.settings = hypothesis_settings(max_examples=40, stateful_step_count=40, deadline=None)


def test_the_enumeration_has_a_witness_for_every_overlap() -> None:
    for one in KEYS:
        for two in KEYS:
            assert overlap(stored(one), stored(two)) == bool(MEANING[one] & MEANING[two])
