"""Noting results: by commit, within limits, and a person's consent only from the approval."""

from __future__ import annotations

from typing import Any

import pytest

from gitcoord.domain.approvals import Approval
from gitcoord.domain.approving import DecideApproval, RequestApproval
from gitcoord.domain.verification import Verification, standing
from gitcoord.domain.verifying import OUTPUT, PATHS_LIMIT, RESULTS_LIMIT, ResultDraft, consent
from gitcoord.errors import InsufficientTrust, InvalidValue, OwnApproval
from tests.domain.checked import COMMIT, OTHER, TREE, noted, policy, result
from tests.domain.crew import crew
from tests.domain.world import World


def known(world: World, commit: str = COMMIT) -> Any:
    return world.get(Verification, commit)


def test_requirement_8_results_are_kept_by_commit() -> None:
    world = crew()
    unit, lint = policy(world), policy(world, "lint")
    started = world.now
    world.run(noted(result(unit, "running"), base=OTHER, paths=("src/a", "src/b")), "s-ann/sub")
    (running,) = known(world).results
    assert (running.status, running.started_at, running.ended_at) == ("running", started, "")
    world.pass_time(10)
    done = result(unit, "failed", seconds=4, exit_code=2, output="no", reason="ended\nwith 2",
                  url="https://ci.example/1")  # fmt: skip
    after = world.run(
        noted(done, result(lint), paths=("src/a",), path_count=7, tier=1, risk=30, branch="feat"),
        "s-ann",
    ).verification
    assert after == known(world)
    first, second = after.results
    assert (first.policy, first.status, first.exit_code) == ("unit", "failed", 2)
    assert (first.output, first.reason, first.url) == ("no", "ended with 2", "https://ci.example/1")
    assert (first.started_at, first.ended_at) == ("2026-01-05T08:00:06.000Z", world.now)
    assert (second.policy, second.status) == ("lint", "passed")
    assert (after.at, after.updated_at) == (started, world.now)
    assert (after.paths, after.path_count) == (("src/a",), 7)
    assert (after.tier, after.risk, after.branch, after.agent) == (1, 30, "feat", "ann")
    world.check()


def test_texts_are_cut_and_of_output_the_end_is_kept() -> None:
    world = crew()
    unit = policy(world)
    many = result(unit, output="x" * OUTPUT + "end", reason="r" * 500, url="u" * 500)
    paths = tuple(f"{n:04d}" + "p" * 400 for n in range(PATHS_LIMIT + 5))
    world.run(noted(many, paths=paths, branch="b" * 400), None)
    found = known(world)
    assert (len(found.results[0].output), found.results[0].output[-4:]) == (OUTPUT, "xend")
    assert [len(x) for x in (found.results[0].reason, found.results[0].url)] == [100, 300]
    assert (len(found.paths), found.path_count) == (PATHS_LIMIT, PATHS_LIMIT + 5)
    assert {len(path) for path in found.paths} == {300}
    assert len(found.branch) == 300


def draft(**said: Any) -> ResultDraft:
    return ResultDraft(**({"policy": "p", "digest": "0" * 32, "status": "passed"} | said))


@pytest.mark.parametrize(
    "wish",
    [
        noted(commit="HEAD"),
        noted(commit="a" * 39),
        noted(tree="B" * 40),
        noted(base="main"),
        noted(risk=101),
        noted(risk=-1),
        noted(tier=5),
        noted(tier=-1),
        noted(draft(digest="x")),
        noted(draft(tier=5)),
        noted(draft(seconds=-1.0)),
        noted(draft(policy=" ")),
        noted(*(draft(policy=f"p{n}") for n in range(RESULTS_LIMIT + 1))),
    ],
)
def test_what_cannot_be_is_not_noted(wish: Any) -> None:
    crew().refused(InvalidValue, wish, None)


def test_a_commit_has_one_tree() -> None:
    world = crew()
    world.run(noted(), None)
    assert TREE in world.refused(InvalidValue, noted(tree=OTHER), None).message
    assert world.run(noted(commit="a" * 64, tree="b" * 64), None).verification.commit == "a" * 64


def test_only_the_newest_commits_are_kept_and_always_the_one_just_noted() -> None:
    world = crew(verifications_kept=2)
    for commit in "1231":
        world.run(noted(commit=commit * 40), None)
        world.pass_time(1)
    assert [known(world, x * 40) is not None for x in "123"] == [True, False, True]
    none = crew(verifications_kept=0)
    for commit in "132":
        none.run(noted(commit=commit * 40), None)
    assert [known(none, x * 40) is not None for x in "123"] == [False, True, False]


def asked(world: World, id: str = "a-1", session: str = "s-ann") -> None:
    world.run(RequestApproval(id=id, about=consent(COMMIT)), session)


def test_requirement_8_tier_4_waits_for_a_person_and_is_used_once() -> None:
    world = crew()
    sec = policy(world, "sec", tier=4)
    paths = ("src/a",)
    asked(world)
    # Whoever notes it cannot say that it has passed.
    mine = result(sec, "passed", approval="a-1")
    (found,) = world.run(noted(mine), "s-ann").verification.results
    assert (found.status, found.reason) == ("pending", "waits for a decision of a-1")
    assert standing(world.state(), TREE, paths, person=True).status == "pending"
    approve = DecideApproval(id="a-1", decision="approve")
    trusted = crew(agent_trust=4)
    asked(trusted)
    trusted.refused(OwnApproval, approve, "s-ann")
    world.run(approve, None, agent="eve")
    world.pass_time(1)
    (found,) = world.run(noted(mine), "s-ann").verification.results
    assert (found.status, found.reason) == ("passed", "approved by eve (a-1)")
    assert standing(world.state(), TREE, paths, person=True).status == "passed"
    assert world.get(Approval, "a-1").used_at == world.now
    # It is used up: for another tree it has to be asked for anew, and nothing was noted.
    world.refused(InvalidValue, noted(mine, commit=OTHER, tree=OTHER), "s-ann")
    world.check()


def test_requirement_8_a_denial_is_a_failed_check() -> None:
    world = crew()
    sec = policy(world, "sec", tier=4)
    asked(world)
    world.run(DecideApproval(id="a-1", decision="deny", reason="no"), None, agent="eve")
    (found,) = world.run(noted(result(sec, approval="a-1")), "s-ann").verification.results
    assert (found.status, found.reason) == ("failed", "denied by eve: no")


def test_an_approval_of_something_else_is_none() -> None:
    world = crew()
    sec = policy(world, "sec", tier=4)
    world.run(RequestApproval(id="a-9", about=consent(OTHER)), "s-ann")
    for name in ("", "a-9", "a-none"):
        refusal = world.refused(InvalidValue, noted(result(sec, approval=name)), "s-ann")
        assert "no request for approval" in refusal.message


def test_noting_needs_the_trust_to_write() -> None:
    world = crew(agent_trust=1)
    world.refused(InsufficientTrust, noted(), "s-ann")
    assert world.run(noted(), None, agent="eve").verification.agent == "eve"
