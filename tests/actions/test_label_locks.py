"""Label locks by workflow alone: what people do at GitHub, and what runs of it come to."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from gitcoord.domain.departure import KillSession
from gitcoord.domain.lock_operations import ReleaseLocks
from gitcoord.domain.locks import Lock
from tests.actions.runner import Step
from tests.actions.scene import LABEL_LOCKS, WRITTEN, Scene, names, said


def only(scene: Scene) -> Step:
    """Return how the only workflow ended that GitHub starts now."""
    ((_, step),) = scene.workflows()
    return step


def test_a_label_takes_a_lock_and_its_removal_gives_it_back(scene: Scene) -> None:
    issue = scene.ada.opens_issue(scene.repo, "Slow log-in")
    step = only(scene)
    assert (step.ok, step.outputs) == (True, {"changed": "false", "refused": "0"})
    scene.ada.labels(issue, "locked:src/auth/**")
    ((job, step),) = scene.workflows()
    assert (step.ok, step.outputs) == (True, {"changed": "true", "refused": "0"})
    assert scene.locks() == {"src/auth/**": "ada"}
    assert names(issue) == ["coord:locks", "locked:src/auth/**"]
    for text in (step.log, job.summary):
        assert "ledger: lock: ada takes src/auth/** (token 1/1)" in text
    assert step.commands == []
    scene.ada.unlabels(issue, "locked:src/auth/**")
    assert only(scene).ok
    assert (scene.locks(), names(issue)) == ({}, [])


def test_a_refused_label_comes_off_and_log_and_comment_say_who_holds_it(scene: Scene) -> None:
    carl = scene.holds("carl", "src/**", reason="refactoring")
    issue = scene.ada.opens_issue(scene.repo, "Slow log-in", labels=["locked:src/a.py"])
    steps = [step for _, step in scene.workflows()]
    assert all(step.ok for step in steps)
    assert (scene.locks(), names(issue)) == ({"src/**": "carl"}, [])
    (text,) = said(issue)
    assert "`carl`" in text
    assert carl.id in text
    assert "`refactoring`" in text
    log = "".join(step.log for step in steps)
    assert "#1: `src/a.py` is not yours: others hold it." in log
    assert "#1: label locked:src/a.py comes off" in log


def test_a_merged_pull_request_frees_what_its_label_held(scene: Scene) -> None:
    scene.ada.commits(scene.repo, "feature", {"src/a.py": "2\n"}, "work", start="main")
    pull = scene.ada.opens_pull(scene.repo, "feature")
    scene.ada.labels(pull, "locked:src/a.py")
    scene.newest()
    assert scene.locks() == {"src/a.py": "ada"}
    scene.ada.merges(pull, "squash")
    assert all(step.ok for _, step in scene.workflows())
    assert (scene.locks(), names(pull)) == ({}, [])


def test_of_two_workflows_at_once_one_gets_the_key_and_the_other_says_why_not(
    scene: Scene,
) -> None:
    first = scene.ada.opens_issue(scene.repo, "One", labels=["locked:src/"])
    second = scene.bob.opens_issue(scene.repo, "Two", labels=["locked:src/a.py"])
    events = [(name, one) for name, one in scene.started() if one["action"] == "labeled"]
    assert len(events) == 2
    together = threading.Barrier(2)

    def run(name: str, payload: object) -> Step:
        together.wait()
        _, step = scene.workflow(LABEL_LOCKS, name, payload)  # type: ignore[arg-type]
        assert step is not None
        return step

    with ThreadPoolExecutor(2) as pool:
        steps = list(pool.map(lambda event: run(*event), events))
    assert [step.ok for step in steps] == [True, True], [step.log for step in steps]
    assert list(scene.locks()) in (["src/**"], ["src/a.py"])
    winner, loser = (first, second) if "src/**" in scene.locks() else (second, first)
    assert len(names(winner)) == 2
    assert said(winner) == []
    assert names(loser) == []
    (text,) = said(loser)
    assert "others hold it" in text


def test_a_web_agent_that_can_only_push_its_branch_takes_part(scene: Scene) -> None:
    scene.ada.commits(scene.repo, "claude/fix-it", {"src/a.py": "2\n"}, "work", start="main")
    assert only(scene).ok
    assert scene.locks() == {"src/a.py": "claude"}
    pull = scene.ada.opens_pull(scene.repo, "claude/fix-it")
    scene.newest()
    head = scene.repo.known["refs/heads/claude/fix-it"]
    assert (scene.check(head), names(pull)) == ("success", ["coord:locks"])
    scene.ada.merges(pull, "squash", delete_branch=True)
    scene.workflows()
    assert (scene.locks(), names(pull)) == ({}, [])


def test_a_command_in_a_comment_is_obeyed_and_other_comments_need_no_runner(scene: Scene) -> None:
    issue = scene.ada.opens_issue(scene.repo, "Slow")
    scene.started()
    scene.ada.comments(issue, "I shall look at it.")
    assert scene.workflows() == []
    scene.ada.comments(issue, "/coord lock doc/")
    step = only(scene)
    assert scene.locks() == {"doc/**": "ada"}
    assert "#1: Locked." in step.log
    scene.eve.comments(issue, "/coord unlock")
    assert only(scene).ok
    assert scene.locks() == {"doc/**": "ada"}


def test_the_schedule_repairs_what_lost_events_have_left(scene: Scene) -> None:
    issue = scene.ada.opens_issue(scene.repo, "One", labels=["locked:src/"])
    scene.newest()
    scene.ada.unlabels(issue, "locked:src/")
    other = scene.ada.opens_issue(scene.repo, "Two", labels=["locked:doc/"])
    scene.started()
    _, step = scene.scheduled()
    assert step.ok
    assert scene.locks() == {"doc/**": "ada"}
    assert (names(issue), names(other)) == ([], ["coord:locks", "locked:doc/"])
    head = scene.head()
    assert scene.scheduled()[1].ok
    assert scene.head() == head


def test_a_session_that_a_person_ended_is_seen_by_the_run_by_hand(scene: Scene) -> None:
    issue = scene.ada.opens_issue(scene.repo, "One", labels=["locked:src/"])
    scene.newest()
    (lock,) = scene.all(Lock)
    scene.run(KillSession(id=lock.session.partition("/")[0], reason="we release today"))
    _, step = scene.workflow(LABEL_LOCKS, "push", {"repository": {}}, command="sync")
    assert step is not None
    assert step.ok
    assert (scene.locks(), names(issue)) == ({}, [])


def test_the_file_that_setup_writes_does_the_same(scene: Scene) -> None:
    issue = scene.ada.opens_issue(scene.repo, "Slow log-in")
    scene.ada.labels(issue, "locked:src/a.py")
    _, step = scene.newest(WRITTEN)
    assert step.ok
    assert scene.locks() == {"src/a.py": "ada"}
    assert "ledger: lock: ada takes src/a.py" in step.log


def test_what_others_hold_is_shown_and_passes_again_when_it_is_free(scene: Scene) -> None:
    carl = scene.holds("carl", "src/a.py", reason="a rewrite")
    head = scene.ada.commits(scene.repo, "feature", {"src/a.py": "2\n"}, "work", start="main")
    scene.ada.opens_pull(scene.repo, "feature")
    _, step = scene.newest()
    assert scene.check(head) == "failure"
    assert f"check of {head[:12]} fails: carl holds src/a.py until " in step.log
    scene.run(ReleaseLocks(all=True), carl.id)
    scene.scheduled()
    assert scene.check(head) == "success"
