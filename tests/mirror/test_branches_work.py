"""Branches that are somebody's work: what they hold while they live, and what ends it."""

from __future__ import annotations

import pytest

from gitcoord.domain.claiming import ClaimTask
from gitcoord.domain.departure import KillSession
from gitcoord.domain.lock_operations import ReleaseLocks
from gitcoord.domain.new_tasks import NewTask
from gitcoord.domain.unlanded import Mark
from tests.mirror.stage import Stage, names


def test_a_push_holds_added_changed_removed_and_renamed_files(stage: Stage) -> None:
    stage.ada.commits(stage.repo, "main", {"old.txt": "the same text\n" * 20}, "more", start="main")
    stage.ada.commits(
        stage.repo,
        "claude/fix-log-in",
        {
            "src/a.py": "changed\n",
            "src/new.py": "new\n",
            "src/b.py": None,
            "old.txt": None,
            "new.txt": "the same text\n" * 20,
        },
        "work",
        start="main",
    )
    stage.look()
    held = {"src/a.py", "src/new.py", "src/b.py", "old.txt", "new.txt"}
    assert stage.locks() == dict.fromkeys(held, "claude")
    (session,) = stage.sessions()
    assert (session.type, session.branch) == ("github_branch", "claude/fix-log-in")


def test_a_later_push_holds_what_is_changed_then_and_no_more(stage: Stage) -> None:
    start = {"src/a.py": "2\n", "src/b.py": "3\n"}
    stage.ada.commits(stage.repo, "codex/x", start, "work", start="main")
    stage.look()
    stage.ada.commits(stage.repo, "codex/x", {"src/b.py": "2\n", "doc/a.md": "n\n"}, "other")
    stage.look()
    assert sorted(stage.locks()) == ["doc/a.md", "src/a.py"]


def test_a_forced_push_holds_what_it_has_left_of_the_branch(stage: Stage) -> None:
    stage.ada.commits(stage.repo, "claude/x", {"src/a.py": "2\n"}, "work", start="main")
    stage.look()
    new = {"src/b.py": "9\n"}
    stage.ada.commits(stage.repo, "claude/x", new, "again", start="main", force=True)
    stage.look()
    assert stage.locks() == {"src/b.py": "claude"}


def test_a_pushed_file_that_another_holds_is_not_taken_and_the_check_names_the_holder(
    stage: Stage,
) -> None:
    carl = stage.agent("carl")
    stage.takes(carl, "src/a.py", reason="a rewrite")
    head = stage.ada.commits(
        stage.repo, "claude/x", {"src/a.py": "2\n", "src/b.py": "3\n"}, "work", start="main"
    )
    pull = stage.ada.opens_pull(stage.repo, "claude/x", title="Fix")
    stage.look()
    assert stage.locks() == {"src/a.py": "carl", "src/b.py": "claude"}
    assert stage.check(head) == "failure"
    assert names(pull) == ["coord:blocked", "coord:locks"]
    (text,) = stage.said(pull)
    assert "**Blocked.**" in text
    assert "`carl`" in text
    assert "`a rewrite`" in text
    stage.run(ReleaseLocks(all=True), carl.id)
    stage.everything()
    assert stage.check(head) == "success"
    assert names(pull) == ["coord:locks"]
    (text,) = stage.said(pull)
    assert "Nobody else holds what this changes." in text


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_a_merged_pull_request_frees_its_files_and_completes_its_task(
    stage: Stage, method: str
) -> None:
    stage.adds(NewTask(id="t-1", title="Fix the log-in", keys=("api:login",)))
    files = {"src/a.py": "2\n"}
    stage.ada.commits(stage.repo, "agent/ann/t-1", files, "work", start="main")
    pull = stage.ada.opens_pull(stage.repo, "agent/ann/t-1", title="Fix")
    stage.look()
    assert stage.locks() == {"src/a.py": "ann", "api:login": "ann"}
    assert (stage.task("t-1").status, stage.task("t-1").agent) == ("in_progress", "ann")
    stage.ada.merges(pull, method)
    stage.look()
    assert (stage.locks(), stage.sessions()) == ({}, [])
    task = stage.task("t-1")
    assert (task.status, task.files_changed) == ("completed", ("src/a.py",))
    assert f"/pull/{pull.number}" in task.result
    assert names(pull) == []


@pytest.mark.parametrize("squash", [False, True], ids=["as it is", "squashed"])
def test_work_that_lands_without_a_pull_request_is_recognised_by_its_content(
    stage: Stage, squash: bool
) -> None:
    files = {"src/a.py": "2\n", "src/b.py": None}
    head = stage.ada.commits(stage.repo, "jules/tidy", files, "work", start="main")
    stage.look()
    assert sorted(stage.locks()) == ["src/a.py", "src/b.py"]
    if squash:
        stage.ada.commits(stage.repo, "main", files | {"doc/a.md": "more\n"}, "squashed")
    else:
        stage.repo.git.run("update-ref", "refs/heads/main", head)
        stage.github.notice(stage.repo, by=stage.ada)
    stage.look()
    assert (stage.locks(), stage.sessions()) == ({}, [])


def test_a_pull_request_closed_without_merging_gives_its_task_back_and_leaves_a_mark(
    stage: Stage,
) -> None:
    stage.adds(NewTask(id="t-1", title="Fix"))
    head = stage.ada.commits(stage.repo, "agent/ann/t-1", {"src/a.py": "2\n"}, "w", start="main")
    pull = stage.ada.opens_pull(stage.repo, "agent/ann/t-1")
    stage.look()
    stage.ada.closes(pull)
    stage.look()
    assert (stage.locks(), stage.task("t-1").status) == ({}, "pending")
    (mark,) = stage.all(Mark)
    assert (mark.key, mark.branch, mark.head) == ("src/a.py", "agent/ann/t-1", head)
    stage.everything()
    assert len(stage.all(Mark)) == 1
    # What is pushed afterwards is new work.
    stage.ada.commits(stage.repo, "agent/ann/t-1", {"src/a.py": "3\n"}, "again")
    stage.look()
    assert stage.locks() == {"src/a.py": "ann"}
    stage.ada.deletes_branch(stage.repo, "agent/ann/t-1")
    stage.look()
    assert (stage.locks(), stage.all(Mark)) == ({}, [])


def test_a_branch_of_an_agent_that_is_checked_in_is_its_own(stage: Stage) -> None:
    ann = stage.agent("ann")
    stage.adds(NewTask(id="t-1", title="Fix", keys=("src/",)))
    stage.run(ClaimTask(id="t-1"), ann.id)
    head = stage.ada.commits(stage.repo, "agent/ann/t-1", {"src/a.py": "2\n"}, "w", start="main")
    pull = stage.ada.opens_pull(stage.repo, "agent/ann/t-1")
    stage.look()
    assert {x.id for x in stage.sessions()} == {ann.id}
    assert stage.check(head) == "success"
    stage.ada.merges(pull, "squash")
    stage.look()
    assert stage.task("t-1").status == "completed"
    assert {x.id for x in stage.sessions()} == {ann.id}
    assert stage.locks() == {}


def test_a_commit_says_by_its_trailer_whose_work_it_is(stage: Stage) -> None:
    ann = stage.agent("ann")
    stage.takes(ann, "src/")
    said = f"work\n\nCoord-Session: {ann.id}\nCoord-Token: 1/1\n"
    head = stage.ada.commits(stage.repo, "feature-x", {"src/a.py": "2\n"}, said, start="main")
    stage.ada.opens_pull(stage.repo, "feature-x")
    stage.look()
    assert stage.check(head) == "success"
    other = stage.ada.commits(stage.repo, "feature-y", {"src/a.py": "2\n"}, "work", start="main")
    stage.ada.opens_pull(stage.repo, "feature-y")
    stage.look()
    assert stage.check(other) == "failure"


def test_a_fork_acts_for_nobody_whatever_its_branch_and_trailers_say(stage: Stage) -> None:
    ann = stage.agent("ann")
    stage.takes(ann, "src/")
    fork = stage.github.repository("eve/project", fork_of=stage.repo)
    said = f"work\n\nCoord-Session: {ann.id}\n"
    head = stage.eve.commits(fork, "agent/ann/t-1", {"src/a.py": "2\n"}, said, start="main")
    stage.eve.opens_pull(stage.repo, "agent/ann/t-1", source=fork)
    stage.look()
    assert {x.id for x in stage.sessions()} == {ann.id}
    assert stage.locks() == {"src/**": "ann"}
    assert stage.check(head) == "failure"


def test_a_branch_whose_session_was_ended_comes_back_only_with_other_files(stage: Stage) -> None:
    stage.ada.commits(stage.repo, "claude/x", {"src/a.py": "2\n"}, "work", start="main")
    stage.look()
    (session,) = stage.sessions()
    stage.run(KillSession(id=session.id, reason="off the rails"))
    stage.everything()
    assert stage.sessions() == []
    stage.ada.commits(stage.repo, "claude/x", {"doc/a.md": "2\n"}, "more")
    stage.look()
    assert sorted(stage.locks()) == ["doc/a.md", "src/a.py"]


def test_a_branch_with_more_files_than_can_be_held_holds_none_and_is_still_checked(
    stage: Stage,
) -> None:
    carl = stage.agent("carl")
    stage.takes(carl, "many/7.txt")
    files = {f"many/{n}.txt": f"{n}\n" for n in range(1_100)}
    head = stage.ada.commits(stage.repo, "claude/many", files, "work", start="main")
    stage.ada.opens_pull(stage.repo, "claude/many")
    stage.look()
    assert stage.locks() == {"many/7.txt": "carl"}
    assert stage.check(head) == "failure"


def test_other_branches_and_the_target_are_nobodys_work(stage: Stage) -> None:
    stage.ada.commits(stage.repo, "feature-x", {"src/a.py": "2\n"}, "work", start="main")
    stage.ada.commits(stage.repo, "main", {"src/b.py": "2\n"}, "work")
    stage.look()
    assert (stage.locks(), stage.sessions()) == ({}, [])
