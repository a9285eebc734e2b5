"""Branches that nobody pushes to any more, and work that landed while nobody listened."""

from __future__ import annotations

import pytest

from gitcoord.domain.configure import ChangeSettings
from gitcoord.domain.new_tasks import NewTask
from gitcoord.domain.unlanded import Mark
from gitcoord.mirror import github
from tests.mirror.stage import Stage
from tests.servers import faults
from tests.servers.github import at

HOUR = 3600.0
BRANCH = "agent/ann/t-1"


def works(stage: Stage, text: str = "2\n") -> None:
    """Let an agent push its branch."""
    start = None if f"refs/heads/{BRANCH}" in stage.repo.git.refs() else "main"
    stage.ada.commits(stage.repo, BRANCH, {"src/a.py": text}, "work", start=start)


def test_pushes_are_signs_of_life_and_without_them_a_branch_holds_nothing(stage: Stage) -> None:
    stage.adds(NewTask(id="t-1", title="Fix"))
    works(stage)
    stage.look()
    for n in range(4):
        stage.at(3 * HOUR)
        works(stage, f"{n + 3}\n")
        stage.everything()
    assert (stage.locks(), stage.task("t-1").status) == ({"src/a.py": "ann"}, "in_progress")
    stage.at(3 * HOUR)
    stage.everything()
    assert stage.locks() == {"src/a.py": "ann"}
    stage.at(2 * HOUR)
    stage.everything()
    assert (stage.locks(), stage.sessions()) == ({}, [])
    assert stage.task("t-1").status == "pending"
    # Who comes to the files is told that there is work which did not land.
    (mark,) = stage.all(Mark)
    assert (mark.key, mark.branch) == ("src/a.py", BRANCH)
    stage.everything()
    assert stage.all(Mark) == [mark]
    works(stage, "9\n")
    stage.look()
    assert (stage.locks(), stage.task("t-1").status) == ({"src/a.py": "ann"}, "in_progress")


def test_what_is_proposed_is_held_for_as_long_as_that_is_open(stage: Stage) -> None:
    works(stage)
    pull = stage.ada.opens_pull(stage.repo, BRANCH)
    stage.look()
    for _ in range(8):
        stage.at(3 * HOUR)
        stage.everything()
    assert stage.locks() == {"src/a.py": "ann"}
    stage.ada.closes(pull)
    stage.everything()
    assert stage.locks() == {}


def test_work_that_was_left_and_lands_later_leaves_no_mark(stage: Stage) -> None:
    works(stage)
    stage.look()
    stage.at(5 * HOUR)
    stage.everything()
    assert stage.all(Mark) != []
    stage.ada.commits(stage.repo, "main", {"src/a.py": "2\n"}, "by hand")
    stage.everything()
    assert (stage.all(Mark), stage.locks()) == ([], {})


def test_an_agent_that_is_checked_in_by_itself_lives_by_its_own_signs(stage: Stage) -> None:
    ann = stage.agent("ann", branch=BRANCH)
    works(stage)
    stage.look()
    stage.at(5 * HOUR)
    stage.everything()
    assert [one.id for one in stage.sessions()] == [ann.id]
    assert stage.locks() == {"src/a.py": "ann"}


def test_branches_that_were_left_long_ago_cost_nothing_and_hold_nothing(stage: Stage) -> None:
    for n in range(30):
        stage.ada.commits(stage.repo, f"claude/old-{n}", {f"src/{n}.py": "x\n"}, "w", start="main")
    stage.at(24 * HOUR)
    before = len(stage.github.calls)
    stage.everything()
    asked = [call.name for call in stage.github.calls[before:] if call.counted]
    assert (stage.locks(), stage.sessions()) == ({}, [])
    assert len(asked) < 10, asked


def test_what_a_push_says_costs_a_workflow_three_questions(stage: Stage) -> None:
    works(stage)
    stage.another().look(stage.heard(stage.github.outbox))
    assert stage.locks() == {"src/a.py": "ann"}
    before = len(stage.github.calls)
    stage.github.outbox.clear()
    works(stage, "3\n")
    # A run knows nothing but what its event says of the repository.
    stage.another().look(stage.heard(stage.github.outbox))
    asked = [call.name for call in stage.github.calls[before:]]
    assert asked == [
        "GET /repos/{owner}/{repo}",
        "GET /repos/{owner}/{repo}/compare/{basehead}",
        "GET /repos/{owner}/{repo}/pulls",
    ]


def test_the_head_of_a_branch_is_known_however_many_commits_it_has(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(github, "COMMITS", 2)
    works(stage)
    for n in range(3):
        found = stage.mirror.forge.comparison("main", BRANCH)
        assert found is not None
        assert (found.head, found.ahead) == (stage.repo.git.refs()[f"refs/heads/{BRANCH}"], n + 1)
        works(stage, f"{n + 3}\n")
    before = len(stage.github.calls)
    behind = stage.mirror.forge.comparison(BRANCH, "main")
    assert behind is not None
    assert (behind.head, behind.ahead) == (stage.repo.git.refs()["refs/heads/main"], 0)
    assert len(stage.github.calls) == before + 1
    assert stage.mirror.forge.comparison("main", "no/such") is None


def test_where_github_keeps_no_log_of_pushes_a_branch_is_held_while_it_is_there(
    stage: Stage,
) -> None:
    works(stage)
    stage.look()
    for _ in range(3):
        stage.at(3 * HOUR)
        stage.github.faults.append(at(faults.status(404), "GET", r"/repos/[^/]+/[^/]+/activity"))
        stage.everything()
    assert stage.locks() == {"src/a.py": "ann"}


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_a_life_that_passed_while_nobody_listened_completes_its_task(
    stage: Stage, method: str
) -> None:
    stage.adds(NewTask(id="t-1", title="Fix"))
    works(stage)
    pull = stage.ada.opens_pull(stage.repo, BRANCH)
    stage.ada.merges(pull, method, delete_branch=True)
    stage.everything()
    task = stage.task("t-1")
    assert (task.status, task.files_changed) == ("completed", ("src/a.py",))
    assert f"/pull/{pull.number}" in task.result


def test_one_that_was_closed_unmerged_meanwhile_completes_nothing(stage: Stage) -> None:
    stage.adds(NewTask(id="t-1", title="Fix"))
    works(stage)
    pull = stage.ada.opens_pull(stage.repo, BRANCH)
    stage.ada.closes(pull)
    stage.ada.deletes_branch(stage.repo, BRANCH)
    stage.everything()
    assert stage.task("t-1").status == "pending"


def test_work_lands_on_the_branch_that_the_settings_name(stage: Stage) -> None:
    stage.run(ChangeSettings(values={"target_branch": "dev"}))
    stage.ada.commits(stage.repo, "dev", {"doc/b.md": "1\n"}, "begin", start="main")
    stage.ada.commits(stage.repo, "claude/x", {"src/a.py": "2\n"}, "work", start="dev")
    stage.look()
    assert stage.locks() == {"src/a.py": "claude"}
    stage.ada.commits(stage.repo, "dev", {"src/a.py": "2\n"}, "squashed by hand")
    stage.look()
    assert stage.locks() == {}
