"""Rules of holding: who may take which keys, for how long, and what a refusal says."""

from __future__ import annotations

import pytest

from gitcoord.domain.lock_operations import AcquireLocks, ReleaseLocks, RenewLocks
from gitcoord.domain.locks import (
    Lock,
    check,
    end_task,
    holdings,
    line,
    paused,
    rivals,
    take,
    view,
)
from gitcoord.domain.notices import tell
from gitcoord.domain.operation import packed, unpacked
from gitcoord.domain.requests import KEYS_LIMIT
from gitcoord.domain.sessions import Session
from gitcoord.domain.time import plus
from gitcoord.errors import (
    InvalidKey,
    InvalidValue,
    LimitReached,
    LockHeld,
    NotLockHolder,
    QueuedBehind,
    SessionEnded,
    SessionNotFound,
    SessionPaused,
    SessionRequired,
    TtlOutOfRange,
    UnknownNamespace,
)
from tests.domain.world import START, World, decode


def world(*sessions: str, **settings: object) -> World:
    made = World(**settings)
    for session in sessions or ("s-a", "s-b", "s-c"):
        made.session(session)
    return made


def lock(key: str, session: str = "s-a", **fields: object) -> Lock:
    """Return a lock to store, with token 1 unless told."""
    values: dict[str, object] = {
        "agent": session.removeprefix("s-"),
        "epoch": 1,
        "token": 1,
        "acquired_at": START,
        "expires_at": plus(START, 1800),
        "ttl": 1800.0,
    }
    return Lock(key=key, session=session, **(values | fields))  # type: ignore[arg-type]


def test_free_keys_are_taken_with_growing_tokens_in_the_order_of_their_texts() -> None:
    w = world()
    answer = w.run(AcquireLocks(keys=("src/b.py", "api:GET /users", "./src//a.py")), "s-a")
    assert [(x.key, x.epoch, x.token) for x in answer.locks] == [
        ("api:GET /users", 1, 1),
        ("src/a.py", 1, 2),
        ("src/b.py", 1, 3),
    ]
    assert not answer.renewed
    assert {x.expires_at for x in answer.locks} == {plus(START, 1800)}
    assert {(x.agent, x.session, x.mode) for x in answer.locks} == {("a", "s-a", "exclusive")}
    w.check()


def test_a_key_written_in_several_ways_in_one_set_is_one_lock() -> None:
    w = world()
    answer = w.run(AcquireLocks(keys=("src/a.py", "./src/a.py", "file:src/a.py")), "s-a")
    assert [x.key for x in answer.locks] == ["src/a.py"]
    assert len(w.all(Lock)) == 1


def test_keys_of_one_set_may_overlap_each_other() -> None:
    w = world()
    w.run(AcquireLocks(keys=("src/", "src/a.py", "**")), "s-a")
    assert len(w.all(Lock)) == 3
    w.check()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("src/a.py", "src/a.py"),
        ("src/", "src/deep/a.py"),
        ("src/deep/a.py", "src/"),
        ("src/**", "**/*.py"),
        ("**/*.py", "src/**"),
        ("*.{md,py}", "a.[np]?"),
        ("src/*/x", "src/y/*"),
        ("api:GET /users", "api:GET /users"),
    ],
)
def test_overlapping_keys_of_two_sessions_exclude_each_other(first: str, second: str) -> None:
    w = world()
    w.run(AcquireLocks(keys=(first,), reason="refactoring"), "s-a")
    refusal = w.refused(LockHeld, AcquireLocks(keys=(second,)), "s-b")
    (conflict,) = refusal.details["conflicts"]
    assert conflict["agent"] == "a"
    assert conflict["session"] == "s-a"
    assert conflict["reason"] == "refactoring"
    assert conflict["expires_at"] == plus(START, 1800)
    assert (conflict["epoch"], conflict["token"]) == (1, 1)
    assert conflict["wanted_mode"] == conflict["mode"] == "exclusive"
    assert refusal.details["others"] == 0
    assert "a holds" in refusal.message
    w.check()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("src/a.py", "src/b.py"),
        ("src", "src/"),
        ("src/", "srcs/a.py"),
        ("src/*.py", "src/deep/a.py"),
        ("*.md", "*.py"),
        ("api:GET /users", "api:GET /user"),
        ("api:x", "db:x"),
        ("api:x", "file:api:x"),
    ],
)
def test_keys_without_a_common_path_do_not_exclude_each_other(first: str, second: str) -> None:
    w = world()
    w.run(AcquireLocks(keys=(first,)), "s-a")
    w.run(AcquireLocks(keys=(second,)), "s-b")
    w.check()


def test_two_sessions_of_one_agent_are_rivals() -> None:
    w = World()
    w.session("s-1", agent="claude")
    w.session("s-2", agent="claude")
    w.run(AcquireLocks(keys=("a",)), "s-1")
    w.refused(LockHeld, AcquireLocks(keys=("a",)), "s-2")


def test_shared_locks_stand_together_and_exclude_exclusive_ones_both_ways() -> None:
    w = world()
    w.run(AcquireLocks(keys=("src/",), mode="shared"), "s-a")
    w.run(AcquireLocks(keys=("src/a.py",), mode="shared"), "s-b")
    w.refused(LockHeld, AcquireLocks(keys=("src/a.py",)), "s-c")
    w.run(AcquireLocks(keys=("doc",)), "s-c")
    w.refused(LockHeld, AcquireLocks(keys=("doc",), mode="shared"), "s-a")
    w.check()


def test_a_set_is_taken_whole_or_not_at_all_and_every_rival_is_named() -> None:
    w = world()
    w.run(AcquireLocks(keys=("b",)), "s-b")
    w.run(AcquireLocks(keys=("c",)), "s-c")
    refusal = w.refused(LockHeld, AcquireLocks(keys=("a", "b", "c")), "s-a")
    assert [x["wanted"] for x in refusal.details["conflicts"]] == ["b", "c"]
    assert refusal.message.endswith("and 1 more")
    assert w.meta.token == 2


def test_a_refusal_lists_twenty_locks_and_counts_the_others() -> None:
    w = world()
    w.run(AcquireLocks(keys=tuple(f"f{n}" for n in range(25))), "s-a")
    refusal = w.refused(LockHeld, AcquireLocks(keys=("**",)), "s-b")
    assert len(refusal.details["conflicts"]) == 20
    assert refusal.details["others"] == 5


@pytest.mark.parametrize(
    "key",
    ["", "/etc/passwd", "../x", "a/../b", ".git/config", ".GIT", ".", "a\0b", "a\nb", "x" * 513],
)
def test_a_key_that_names_nothing_in_a_repository_is_refused(key: str) -> None:
    w = world()
    w.refused(InvalidKey, AcquireLocks(keys=("ok", key)), "s-a")


def test_a_namespace_is_known_by_default_or_by_the_settings_and_stays_readable() -> None:
    w = world()
    w.refused(UnknownNamespace, AcquireLocks(keys=("team:x",)), "s-a")
    w = world(namespaces=("team",))
    w.run(AcquireLocks(keys=("team:x",)), "s-a")
    w.refused(LockHeld, AcquireLocks(keys=("team:x",)), "s-b")
    w.settings = World().settings
    w.refused(UnknownNamespace, AcquireLocks(keys=("team:x",)), "s-b")
    assert w.run(ReleaseLocks(all=True), "s-a").keys == ["team:x"]
    w.check()


def test_with_case_folding_paths_that_differ_in_case_are_one_key() -> None:
    w = world(case_folding=True)
    w.run(AcquireLocks(keys=("Src/A.py",)), "s-a")
    w.refused(LockHeld, AcquireLocks(keys=("src/a.PY",)), "s-b")
    assert w.run(ReleaseLocks(keys=("SRC/a.py",)), "s-a").keys == ["src/a.py"]
    w.run(AcquireLocks(keys=("src/a.PY",)), "s-b")


def test_no_key_and_too_many_keys_are_refused() -> None:
    w = world()
    w.refused(InvalidValue, AcquireLocks(keys=()), "s-a")
    many = tuple(f"f{n}" for n in range(KEYS_LIMIT + 1))
    w.refused(LimitReached, AcquireLocks(keys=many), "s-a")
    assert len(w.run(AcquireLocks(keys=many[1:]), "s-a").locks) == KEYS_LIMIT


@pytest.mark.parametrize("ttl", [0, 0.5, 61, -1, 1e300, float("inf"), float("nan")])
def test_a_ttl_outside_the_settings_is_refused(ttl: float) -> None:
    w = world(lock_ttl_min=1, lock_ttl_max=60, lock_ttl=30)
    refusal = w.refused(TtlOutOfRange, AcquireLocks(keys=("a",), ttl=ttl), "s-a")
    assert (refusal.details["minimum"], refusal.details["maximum"]) == (1, 60)
    w.run(AcquireLocks(keys=("a",)), "s-a")
    w.refused(TtlOutOfRange, RenewLocks(ttl=ttl), "s-a")


@pytest.mark.parametrize("ttl", [1, 60])
def test_a_ttl_at_the_bounds_is_accepted(ttl: float) -> None:
    w = world(lock_ttl_min=1, lock_ttl_max=60, lock_ttl=30)
    (taken,) = w.run(AcquireLocks(keys=("a",), ttl=ttl), "s-a").locks
    assert taken.expires_at == plus(START, ttl)


def test_asking_again_renews_with_the_same_token_and_keeps_or_replaces_the_reason() -> None:
    w = world()
    (first,) = w.run(AcquireLocks(keys=("a",), reason="one", ttl=100), "s-a").locks
    w.pass_time(10)
    answer = w.run(AcquireLocks(keys=("a",)), "s-a")
    (second,) = answer.locks
    assert answer.renewed
    assert (second.token, second.acquired_at) == (first.token, first.acquired_at)
    assert second.expires_at == plus(w.now, 100)
    assert second.reason == "one"
    (third,) = w.run(AcquireLocks(keys=("a",), reason="two"), "s-a").locks
    assert third.reason == "two"


def test_a_renewal_shortens_only_when_a_ttl_is_asked_for() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",), ttl=1000), "s-a")
    w.settings = World(lock_ttl=10).settings
    assert w.unchanged(AcquireLocks(keys=("a",)), "s-a").locks[0].expires_at == plus(START, 1000)
    (short,) = w.run(AcquireLocks(keys=("a",), ttl=20), "s-a").locks
    assert short.expires_at == plus(START, 20)
    w.pass_time(15)
    assert w.run(RenewLocks(), "s-a").locks[0].expires_at == plus(w.now, 20)


def test_where_pushes_are_scarce_only_what_is_past_half_of_its_time_is_renewed() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",), ttl=100), "s-a")
    w.run(AcquireLocks(keys=("b",), ttl=20), "s-a")
    w.pass_time(10)
    answer = w.run(RenewLocks(), "s-a", frugal=True)
    ends = {one.key: one.expires_at for one in answer.locks}
    assert (answer.delayed, ends) == (("a",), {"a": plus(START, 100), "b": plus(w.now, 20)})
    w.pass_time(40)
    assert w.run(RenewLocks(keys=("a",)), "s-a", frugal=True).delayed == ()
    w.run(AcquireLocks(keys=("c",), ttl=100), "s-a")
    asked = w.run(RenewLocks(keys=("c",), ttl=50), "s-a", frugal=True)
    assert (asked.delayed, asked.locks[0].expires_at) == ((), plus(w.now, 50))


def test_a_lock_that_was_extended_otherwise_is_not_shortened_by_a_renewal() -> None:
    w = world()
    w.meta.token = 1
    w.put(lock("a", ttl=10.0, expires_at=plus(START, 5000)))
    assert w.unchanged(RenewLocks(), "s-a").locks[0].expires_at == plus(START, 5000)


def test_a_set_with_a_new_key_is_no_renewal_but_keeps_the_tokens_it_had() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",)), "s-a")
    answer = w.run(AcquireLocks(keys=("a", "b")), "s-a")
    assert not answer.renewed
    assert [x.token for x in answer.locks] == [1, 2]


def test_a_shared_lock_is_upgraded_with_a_new_token_when_nobody_else_holds_one() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",), mode="shared", reason="reading"), "s-a")
    w.run(AcquireLocks(keys=("a",), mode="shared"), "s-b")
    w.refused(LockHeld, AcquireLocks(keys=("a",)), "s-a")
    w.run(ReleaseLocks(keys=("a",)), "s-b")
    answer = w.run(AcquireLocks(keys=("a",)), "s-a")
    assert not answer.renewed
    (upgraded,) = answer.locks
    assert (upgraded.mode, upgraded.token, upgraded.reason) == ("exclusive", 3, "reading")
    assert len(w.all(Lock)) == 1
    w.refused(LockHeld, AcquireLocks(keys=("a",), mode="shared"), "s-b")


def test_asking_to_share_what_is_held_exclusively_changes_no_mode() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",)), "s-a")
    (kept,) = w.run(AcquireLocks(keys=("a",), mode="shared"), "s-a").locks
    assert (kept.mode, kept.token) == ("exclusive", 1)


def test_ignored_keys_are_never_locked_and_their_release_is_accepted() -> None:
    w = world(ignore=("**/package-lock.json", "generated/", "flag:x"))
    answer = w.run(AcquireLocks(keys=("web/package-lock.json", "src/a.py", "flag:x")), "s-a")
    assert answer.ignored == ["flag:x", "web/package-lock.json"]
    assert [x.key for x in answer.locks] == ["src/a.py"]
    only = w.unchanged(AcquireLocks(keys=("generated/x.py", "generated/**")), "s-b")
    assert (only.locks, only.renewed) == ([], False)
    assert only.ignored == ["generated/**", "generated/x.py"]
    w.run(AcquireLocks(keys=("generated/*.py",)), "s-b")
    released = w.run(ReleaseLocks(keys=("web/package-lock.json", "src/a.py")), "s-a")
    assert released.keys == ["src/a.py"]


def test_keys_under_a_shared_pattern_are_only_ever_shared() -> None:
    w = world(shared=("*.lock",))
    w.run(AcquireLocks(keys=("poetry.lock", "a.py")), "s-a")
    (second,) = w.run(AcquireLocks(keys=("poetry.lock",)), "s-b").locks
    assert second.mode == "shared"
    w.refused(LockHeld, AcquireLocks(keys=("a.py", "poetry.lock")), "s-b")
    w.check()


def test_a_lock_counts_until_its_end_and_its_clock_tolerance() -> None:
    w = world(clock_tolerance=30)
    w.run(AcquireLocks(keys=("a",), ttl=100), "s-a")
    w.pass_time(129.999)
    w.refused(LockHeld, AcquireLocks(keys=("a",)), "s-b")
    w.pass_time(0.001)
    (taken,) = w.run(AcquireLocks(keys=("a",)), "s-b").locks
    assert taken.token == 2
    assert [x.session for x in w.all(Lock)] == ["s-b"]
    w.check()


def test_while_the_clock_is_not_trusted_no_lease_of_others_ends() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",), ttl=1), "s-a")
    w.pass_time(100_000)
    w.clock_trusted = False
    w.refused(LockHeld, AcquireLocks(keys=("a",)), "s-b")


def test_an_ended_lock_that_nobody_took_is_renewed_with_its_token() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a", "b"), ttl=10), "s-a")
    w.pass_time(100)
    assert w.run(AcquireLocks(keys=("a",), ttl=10), "s-a").renewed
    renewed = w.run(RenewLocks(keys=("b",)), "s-a").locks
    assert [(x.key, x.token, x.expires_at) for x in renewed] == [("b", 2, plus(w.now, 10))]


def test_an_ended_lock_in_the_way_goes_even_if_it_is_wider_than_what_is_taken() -> None:
    w = world()
    w.run(AcquireLocks(keys=("src/",), ttl=10), "s-a")
    w.pass_time(11)
    w.run(AcquireLocks(keys=("src/a.py",)), "s-b")
    refusal = w.refused(NotLockHolder, RenewLocks(keys=("src/",)), "s-a")
    assert refusal.details["lost"][0]["held_by"][0]["session"] == "s-b"
    w.check()


def test_ended_shared_locks_do_not_hinder_sharing_and_stay() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",), mode="shared", ttl=10), "s-a")
    w.pass_time(11)
    w.run(AcquireLocks(keys=("a",), mode="shared"), "s-b")
    assert len(w.all(Lock)) == 2


def test_sub_agents_of_one_session_are_no_rivals_but_hold_apart() -> None:
    w = world()
    w.run(AcquireLocks(keys=("src/",)), "s-a")
    (own,) = w.run(AcquireLocks(keys=("src/a.py",)), "s-a/x").locks
    assert (own.session, own.token) == ("s-a/x", 2)
    w.run(AcquireLocks(keys=("src/a.py",)), "s-a/y")
    w.refused(NotLockHolder, ReleaseLocks(keys=("src/a.py",)), "s-a")
    w.refused(LockHeld, AcquireLocks(keys=("src/a.py",)), "s-b/x")
    w.run(ReleaseLocks(keys=("src/a.py",)), "s-a/x")
    state = w.state()
    assert [x.name for x in holdings(state, "s-a")] == ["src/**@s-a", "src/a.py@s-a/y"]
    assert [x.name for x in holdings(state, "s-a/y")] == ["src/a.py@s-a/y"]
    assert w.run(ReleaseLocks(all=True), "s-a").keys == ["src/**"]
    w.check()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("paused", SessionPaused),
        ("ended", SessionEnded),
        ("timed_out", SessionEnded),
        ("killed", SessionEnded),
    ],
)
def test_only_a_session_that_acts_takes_renews_and_releases(status: str, error: type) -> None:
    w = world("s-a")
    w.session("s-x", status=status)
    for wish in (AcquireLocks(keys=("a",)), RenewLocks(), ReleaseLocks(all=True)):
        w.refused(error, wish, "s-x")
        w.refused(SessionNotFound, wish, "s-nobody")
        w.refused(SessionRequired, wish, None)


def test_renewing_without_keys_extends_all_and_with_none_held_changes_nothing() -> None:
    w = world()
    assert w.unchanged(RenewLocks(), "s-a").locks == []
    w.run(AcquireLocks(keys=("b", "a"), ttl=100), "s-a")
    w.pass_time(10)
    renewed = w.run(RenewLocks(), "s-a").locks
    assert [(x.key, x.expires_at) for x in renewed] == [
        ("a", plus(w.now, 100)),
        ("b", plus(w.now, 100)),
    ]
    longer = w.run(RenewLocks(keys=("b",), ttl=500), "s-a").locks
    assert [(x.key, x.expires_at) for x in longer] == [("b", plus(w.now, 500))]


def test_renewing_or_releasing_what_is_not_held_is_refused_whole_and_says_who_holds_it() -> None:
    w = world()
    w.run(AcquireLocks(keys=("mine",)), "s-a")
    w.run(AcquireLocks(keys=("src/",)), "s-b")
    for wish in (
        RenewLocks(keys=("mine", "src/a.py", "free")),
        ReleaseLocks(keys=("mine", "src/a.py", "free")),
    ):
        refusal = w.refused(NotLockHolder, wish, "s-a")
        free, taken = refusal.details["lost"]
        assert (free["key"], free["held_by"]) == ("free", [])
        assert taken["key"] == "src/a.py"
        assert [x["key"] for x in taken["held_by"]] == ["src/**"]
        assert "(2 keys in all)" in refusal.message
    refusal = w.refused(NotLockHolder, ReleaseLocks(keys=("src/a.py",)), "s-a")
    assert refusal.message.endswith("b holds src/**")
    w.refused(InvalidKey, ReleaseLocks(keys=("/x",)), "s-a")


def test_a_holder_who_lost_a_key_reads_in_the_refusal_what_it_was_told() -> None:
    w = world()
    state = w.state()
    tell(state, w.context(), "s-a", "lapsed", "the lock on a ended", ["a"])
    w.put(*(record for _, record in state.changes() if record))
    refusal = w.refused(NotLockHolder, RenewLocks(keys=("a",)), "s-a")
    assert refusal.hint == "the lock on a ended"
    assert refusal.details["lost"][0]["notices"] == ["the lock on a ended"]


def test_release_frees_the_named_keys_only() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a", "b")), "s-a")
    assert w.run(ReleaseLocks(keys=("./b",)), "s-a").keys == ["b"]
    w.run(AcquireLocks(keys=("b",)), "s-b")
    w.refused(LockHeld, AcquireLocks(keys=("a",)), "s-b")


def test_releasing_all_with_nothing_held_is_accepted_and_changes_nothing() -> None:
    w = world()
    assert w.unchanged(ReleaseLocks(all=True), "s-a").keys == []


def test_release_needs_either_keys_or_all() -> None:
    w = world()
    w.refused(InvalidValue, ReleaseLocks(), "s-a")
    w.refused(InvalidValue, ReleaseLocks(keys=("a",), all=True), "s-a")


def test_a_key_freed_and_taken_again_in_one_transaction_gets_a_higher_token() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",)), "s-a")
    outcomes = w.run_together(
        (AcquireLocks(keys=("a",)), "s-b"),
        (ReleaseLocks(keys=("a",)), "s-a"),
        (AcquireLocks(keys=("a",)), "s-b"),
        (ReleaseLocks(keys=("a",)), "s-b"),
        (AcquireLocks(keys=("a",)), "s-a"),
    )
    assert isinstance(outcomes[0], LockHeld)
    (last,) = w.all(Lock)
    assert (last.session, last.token) == ("s-a", 3)
    w.check()


def test_a_live_lock_on_the_pause_key_of_a_feature_pauses_it_whoever_holds_it() -> None:
    w = world()
    assert paused(w.state(), w.context(), "checkout") is None
    w.run(AcquireLocks(keys=("feature:checkout:pause",), ttl=60), "s-a")
    found = paused(w.state(), w.context("s-a"), "checkout")
    assert found is not None
    assert found.session == "s-a"
    assert paused(w.state(), w.context(), "check") is None
    w.pass_time(60)
    assert paused(w.state(), w.context(), "checkout") is None


def test_check_shows_live_locks_on_paths_and_ones_own_even_when_ended() -> None:
    w = world(ignore=("*.lock",))
    w.run(AcquireLocks(keys=("src/", "x.txt"), ttl=10), "s-a")
    w.run(AcquireLocks(keys=("doc/*.md",), mode="shared"), "s-b")
    found = check(w.state(), w.context(), ["src/a.py", "doc/a.md", "x.lock", "none"], "s-a/sub")
    assert [(x.path, x.mine, x.lock.key) for x in found] == [
        ("src/a.py", True, "src/**"),
        ("doc/a.md", False, "doc/*.md"),
    ]
    w.pass_time(11)
    assert [x.path for x in check(w.state(), w.context(), ["x.txt"], "s-a")] == ["x.txt"]
    assert check(w.state(), w.context(), ["x.txt"], "s-b") == []
    assert check(w.state(), w.context(), ["x.txt"]) == []
    # The name of a file is not a pattern.
    assert check(w.state(), w.context(), ["doc/*/a.md", "s[r]c/a.py", "**"], "s-b") == []


def test_a_claims_locks_end_with_it_except_what_is_needed_otherwise() -> None:
    w = world()
    state, session = w.state(), w.get(Session, "s-a")
    context = w.context("s-a")
    take(state, context, session, ["by-hand"])
    take(state, context, session, ["by-hand", "both", "one"], task="t-1")
    take(state, context, session, ["both", "two"], task="t-2", mode="shared")
    take(state, context, session, ["both"], task="t-2")

    def tasks() -> dict[str, tuple[str, tuple[str, ...]]]:
        return {x.key: (x.task, x.also_for) for x in holdings(state, "s-a")}

    assert tasks() == {
        "both": ("t-1", ("t-2",)),
        "by-hand": ("", ("t-1",)),
        "one": ("t-1", ()),
        "two": ("t-2", ()),
    }
    assert [x.key for x in end_task(state, context, "t-1")] == ["one"]
    assert tasks() == {"both": ("t-2", ()), "by-hand": ("", ()), "two": ("t-2", ())}
    assert [x.key for x in end_task(state, context, "t-2")] == ["both", "two"]
    assert end_task(state, context, "t-2") == []
    assert set(tasks()) == {"by-hand"}


def test_an_upgrade_for_another_claim_keeps_the_first_one() -> None:
    w = world()
    state, session = w.state(), w.get(Session, "s-a")
    take(state, w.context("s-a"), session, ["a"], mode="shared", task="t-1")
    take(state, w.context("s-a"), session, ["a"], task="t-2")
    (found,) = holdings(state, "s-a")
    assert (found.mode, found.task, found.also_for) == ("exclusive", "t-1", ("t-2",))


def test_only_locks_near_the_key_are_loaded_from_ten_thousand() -> None:
    w = world()
    locks = [
        lock(f"src/p{n // 100}/f{n % 100}.py", token=n + 1, session=f"s-{n % 3}")
        for n in range(9_990)
    ]
    wide = [lock(f"src/p{n}/*.{n}", token=10_000 + n) for n in range(10)]
    w.meta.token = 20_000
    w.put(*locks, *wide)

    def loaded(text: str) -> tuple[int, int]:
        state, context = w.state(), w.context("s-b")
        key = AcquireLocks(keys=(text,))
        w.shelf.loads.clear()
        from gitcoord.domain.key_index import wanted

        found = rivals(state, context, wanted(state.settings, key.keys[0]), "exclusive", "s-b")
        return len(w.shelf.loads), len(found)

    assert loaded("src/p0/f1.py") == (2, 1)  # itself and src/p0/*.0
    assert loaded("src/p50/new.py") == (0, 0)
    assert loaded("src/p3/") == (101, 101)
    assert loaded("doc/**") == (0, 0)
    assert loaded("src/*/f1.py")[0] == 10_000  # everything below src/ can overlap
    w.shelf.loads.clear()
    refusal = w.refused(LockHeld, AcquireLocks(keys=("src/p0/f1.py",)), "s-b")
    assert refusal.details["conflicts"][0]["key"] == "src/p0/f1.py"
    assert len({place for place in w.shelf.loads if place[0] == "locks"}) == 3


def test_the_diary_says_who_takes_what_with_which_token() -> None:
    w = world()
    wish = AcquireLocks(keys=("src/auth/**",))
    w.meta.token = 986
    assert wish.subject(w.run(wish, "s-a"), "claude-1") == (
        "lock: claude-1 takes src/auth/** (token 1/987)"
    )
    assert wish.subject(w.run(wish, "s-a"), "claude-1") == (
        "lock: claude-1 renews src/auth/** (token 1/987)"
    )
    several = AcquireLocks(keys=("a", "b", "c", "d"), mode="shared")
    assert several.subject(w.run(several, "s-b"), "codex") == (
        "lock: codex shares a, b and 2 more (token 1/988 to 991)"
    )
    renew = RenewLocks(keys=("a",))
    assert renew.subject(w.run(renew, "s-b"), "") == "lock: somebody renews a (token 1/988)"
    release = ReleaseLocks(all=True)
    assert release.subject(w.run(release, "s-a"), "x") == "lock: x releases src/auth/**"
    assert release.subject(w.run(release, "s-a"), "x") == "lock: x releases nothing"


def test_a_diary_line_is_cut_before_its_token() -> None:
    text = line("x" * 90, "takes", ["k" * 50], [view(lock("k"))])
    assert len(text) == 100
    assert text.endswith("… (token 1/1)")


def test_operations_survive_their_plain_form_and_wrong_fields_are_refused() -> None:
    wish = AcquireLocks(keys=("a",), mode="shared", ttl=5, reason="r", wait=3)
    assert unpacked(packed(wish)) == wish
    with pytest.raises(InvalidValue):
        unpacked(packed(wish) | {"mode": "both"})
    with pytest.raises(InvalidValue):
        unpacked(packed(wish) | {"wait": -1})
    with pytest.raises(InvalidValue):
        unpacked(packed(wish) | {"color": "red"})


def test_a_lock_is_found_by_place_session_end_and_tasks() -> None:
    found = lock("src/a*", "s-a/x", task="t-1", also_for=("t-2",))
    assert list(found.terms()) == [
        "at:file:src/",
        "by:s-a",
        f"end:{found.expires_at}",
        "task:t-1",
        "task:t-2",
    ]
    assert found.name == "src/a*@s-a/x"
    assert (
        decode(
            b'{"key":"a","session":"s","agent":"a","epoch":1,"token":1,"acquired_at":"",'
            b'"expires_at":"","ttl":1}',
            Lock,
        ).mode
        == "exclusive"
    )


def test_an_ended_lock_for_which_others_wait_is_not_renewed() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",), ttl=10), "s-a")
    w.run(AcquireLocks(keys=("a",), wait=60), "s-b")
    w.pass_time(11)
    w.refused(QueuedBehind, AcquireLocks(keys=("a",)), "s-a")
    w.refused(QueuedBehind, RenewLocks(), "s-a")
    w.pass_time(20)
    w.run(RenewLocks(), "s-a")
