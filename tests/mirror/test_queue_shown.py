"""What pull requests show of the merge queue: comment, check and labels, and why it is given up."""

from __future__ import annotations

from gitcoord.domain.lock_operations import AcquireLocks, ReleaseLocks
from gitcoord.domain.merges import Finding
from gitcoord.domain.merging import EjectMerge, RemoveMerge
from gitcoord.domain.verify_policies import SetVerifyPolicy
from gitcoord.mirror.subjects import Thread
from tests.mirror.line import BRANCH, checked, found, handed, pushed, queued
from tests.mirror.stage import Stage, names
from tests.servers.github.records import Issue


def title(stage: Stage, head: str) -> str:
    """Return the title of our check of a commit."""
    runs = [run for run in stage.repo.checks.values() if run.oid == head]
    return str(runs[-1].fields["output"]["title"])


def proposed(stage: Stage, branch: str = BRANCH) -> Issue:
    """Push a branch and propose it."""
    pushed(stage, branch, path=f"src/{branch[-1]}.txt")
    return stage.ada.opens_pull(stage.repo, branch)


def shown(stage: Stage, *pulls: Issue) -> None:
    """Show pull requests what the ledger has."""
    stage.mirror.look([Thread(one.number) for one in pulls])


def test_places_in_the_queue_are_shown_and_follow_it(stage: Stage) -> None:
    first, second = proposed(stage, "feat/a"), proposed(stage, "feat/b")
    queued(stage, "q-1", "feat/a")
    stage.at(1)
    queued(stage, "q-2", "feat/b")
    stage.look()
    assert "`q-2` is number 2 of 2 for `main` and waits for its check." in stage.said(second)[0]
    head = second.pr.head_oid
    assert title(stage, head) == "Number 2 of 2 in the merge queue: waits for its check"
    assert (stage.check(head), names(second)) == ("success", ["coord:queued"])
    stage.run(RemoveMerge(id="q-1"))
    shown(stage, first, second)
    assert "number 1 of 1" in stage.said(second)[0]
    assert len(stage.said(second)) == 1
    assert "Merge queue" not in stage.said(first)[0]
    assert names(first) == []


def test_each_status_has_its_words(stage: Stage) -> None:
    pull = proposed(stage)
    queued(stage)
    checked(stage, paths=("src/x.txt",))
    shown(stage, pull)
    assert "is ready to land" in stage.said(pull)[0]
    handed(stage, paths=("src/x.txt",))
    shown(stage, pull)
    assert "waits for a pull request to be merged" in stage.said(pull)[0]
    assert stage.check(pull.pr.head_oid) == "success"


def test_what_the_ledger_has_against_an_entry_fails_the_check_until_it_is_gone(
    stage: Stage,
) -> None:
    pull = proposed(stage)
    entry = queued(stage, needs=())
    carl = stage.agent("carl")
    stage.run(SetVerifyPolicy(name="boss", tier=4, include=("src/",)))
    after = checked(stage, paths=("src/x.txt",))
    assert after.status == "blocked"
    shown(stage, pull)
    head = pull.pr.head_oid
    assert stage.check(head) == "failure"
    assert title(stage, head).startswith(
        "Number 1 of 1 in the merge queue: is blocked; needs a person's approval (by policy)"
    )
    assert "In the way: `needs a person's approval" in stage.said(pull)[0]
    # It changes what nobody holds.
    assert names(pull) == ["coord:queued"]
    stage.run(SetVerifyPolicy(name="boss", enabled=False))
    shown(stage, pull)
    assert stage.check(head) == "success"
    assert (entry.id, carl.agent) == ("q-1", "carl")


def test_a_clash_that_git_has_found_is_told_and_left_to_github(stage: Stage) -> None:
    pull = proposed(stage)
    queued(stage)
    clash = Finding(name="mergeable", passed=False, text="conflicts with main: src/x.txt")
    checked(stage, paths=("src/x.txt",), findings=(clash,))
    shown(stage, pull)
    assert "In the way: `conflicts with main: src/x.txt`." in stage.said(pull)[0]
    assert stage.check(pull.pr.head_oid) == "success"


def test_a_lock_of_somebody_else_comes_before_the_queue_in_the_title(stage: Stage) -> None:
    pull = proposed(stage)
    queued(stage)
    checked(stage, paths=("src/x.txt",))
    carl = stage.agent("carl")
    stage.run(AcquireLocks(keys=("src/x.txt",)), carl.id)
    shown(stage, pull)
    head = pull.pr.head_oid
    assert title(stage, head).startswith("carl holds src/x.txt until")
    assert names(pull) == ["coord:blocked", "coord:queued"]
    assert "others hold src/x.txt (carl until" in stage.said(pull)[0]
    stage.run(ReleaseLocks(keys=("src/x.txt",)), carl.id)
    shown(stage, pull)
    assert stage.check(head) == "success"


def test_another_head_than_the_queued_one_is_told_and_not_judged(stage: Stage) -> None:
    pull = proposed(stage)
    old = queued(stage).head
    stage.run(SetVerifyPolicy(name="boss", tier=4, include=("src/",)))
    checked(stage, paths=("src/x.txt",))
    head = pushed(stage, text="9\n", path="src/x.txt")
    stage.look()
    assert stage.check(head) == "success"
    assert f"at {old[:12]}, an older head" in title(stage, head)
    assert f"It was queued at `{old[:12]}`" in stage.said(pull)[0]
    assert "`/coord queue` queues it again as it is now" in stage.said(pull)[0]


def test_an_ejection_is_told_once_with_its_reason_and_again_the_next_time(stage: Stage) -> None:
    pull = proposed(stage)
    for n in (1, 2):
        queued(stage)
        stage.run(EjectMerge(id="q-1", reason=f"fails: unit {n} @bob"))
        stage.everything()
        stage.everything()
        told = [text for text in stage.said(pull) if f"ejected:q-1:{n}" in text]
        assert len(told) == 1
        assert f"**Ejected** from the merge queue (`q-1`): `fails: unit {n} @bob`." in told[0]
        assert names(pull) == ["coord:ejected"]
    assert stage.check(pull.pr.head_oid) == "success"
    assert title(stage, pull.pr.head_oid).startswith("Ejected from the merge queue: fails: unit 2")
    queued(stage)
    stage.everything()
    assert names(pull) == ["coord:queued"]


def test_a_branch_of_a_fork_has_no_place_in_the_queue(stage: Stage) -> None:
    pushed(stage)
    queued(stage)
    fork = stage.github.repository("eve/project", fork_of=stage.repo)
    stage.eve.commits(fork, BRANCH, {"src/a.py": "2\n"}, "w", start="main")
    theirs = stage.eve.opens_pull(stage.repo, BRANCH, source=fork)
    stage.everything()
    assert (names(theirs), stage.said(theirs)) == ([], [])
    assert title(stage, theirs.pr.head_oid) == "Nobody else holds what this changes."


def test_what_is_verified_still_is_told(stage: Stage) -> None:
    pull = proposed(stage)
    queued(stage)
    stage.run(SetVerifyPolicy(name="unit", shell="make test", include=("src/",)))
    checked(stage, paths=("src/x.txt",))
    shown(stage, pull)
    assert "Before that: `unit has not run`." in stage.said(pull)[0]
    assert stage.check(pull.pr.head_oid) == "success"
    assert found(stage).status == "ready"


def test_a_pull_request_whose_branch_holds_its_files_is_shown_how_the_queue_moves(
    stage: Stage,
) -> None:
    branches = ("claude/a", "claude/b")
    pulls = []
    for n, name in enumerate(branches):
        pushed(stage, name, path=f"src/{n}.txt")
        pulls.append(stage.ada.opens_pull(stage.repo, name))
        queued(stage, f"q-{n}", name)
        stage.at(1)
    stage.look()
    assert "number 2 of 2" in stage.said(pulls[1])[0]
    stage.run(RemoveMerge(id="q-0"))
    stage.mirror.look((), anew=True)
    assert "number 1 of 1" in stage.said(pulls[1])[0]
