"""What a pushed branch holds: as far as it is free, and as far as its session may."""

from __future__ import annotations

from typing import Any

from gitcoord.domain.assignments import AssignProfile
from gitcoord.domain.lock_operations import AcquireLocks
from gitcoord.domain.policies import SetPolicy
from gitcoord.domain.profiles import SetProfile
from gitcoord.domain.tracking import Tracked, TrackPaths
from gitcoord.errors import InsufficientTrust, PolicyDenied
from tests.domain.world import World

FREEZE = (
    'forbid(principal, action == Action::"acquire_lock", resource is File)\n'
    'when { resource.path like "infra/*" };'
)


def world(engine: str = "native", **profile: Any) -> World:
    found = World(policy_engine=engine)
    found.session("s-ann")
    found.session("s-bob")
    if profile:
        found.run(SetProfile(name="own", **profile))
        found.run(AssignProfile(agent="ann", profile="own"))
    return found


def track(found: World, *paths: str) -> Tracked:
    answer = found.run(TrackPaths(paths=paths), "s-ann/branch")
    assert isinstance(answer, Tracked)
    return answer


def held(answer: Tracked) -> list[str]:
    return [lock.key for lock in answer.locks]


def test_what_is_free_is_held_and_what_is_not_named_is_freed() -> None:
    found = world()
    found.run(AcquireLocks(keys=("b",)), "s-bob")
    answer = track(found, "a", "b")
    assert (held(answer), answer.denied) == (["a"], [])
    assert [each["wanted"] for each in answer.conflicts] == ["b"]
    assert (track(found, "c").freed, track(found, "").unnamed) == (["a"], [""])


def test_each_path_is_held_against_the_policies_by_itself() -> None:
    found = world("cedar")
    found.run(SetPolicy(name="freeze", text=FREEZE))
    answer = track(found, "infra/main.tf", "src/a.py")
    assert held(answer) == ["src/a.py"]
    (denied,) = answer.denied
    assert (denied["key"], denied["code"]) == ("infra/main.tf", "policy_denied")
    assert "freeze" in denied["detail"]
    # What was held and is denied now goes only when it is not named, or its time is over.
    found.run(SetPolicy(name="freeze", text=FREEZE.replace("infra", "src")))
    answer = track(found, "src/a.py")
    assert (held(answer), [x["key"] for x in answer.denied]) == ([], ["src/a.py"])
    assert track(found, "infra/main.tf").freed == ["src/a.py"]


def test_where_nothing_may_be_held_it_is_refused() -> None:
    found = world("cedar")
    found.run(SetPolicy(name="freeze", text=FREEZE))
    found.refused(PolicyDenied, TrackPaths(paths=("infra/a", "infra/b")), "s-ann/branch")
    reader = world(trust=1)
    reader.refused(InsufficientTrust, TrackPaths(paths=("a",)), "s-ann/branch")
    assert track(reader).locks == []


def test_it_holds_as_many_files_as_the_profile_allows() -> None:
    found = world(max_files=2)
    answer = track(found, "a", "b", "c")
    assert (held(answer), [x["code"] for x in answer.denied]) == (
        ["a", "b"],
        ["resource_limit_exceeded"],
    )
    # What counts already is held on.
    assert held(track(found, "a", "b", "c")) == ["a", "b"]
