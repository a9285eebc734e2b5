"""A service and workflows at once are two accounts and one writer; a person's token is a person's.

Also: what others write that looks as if we had.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gitcoord.domain.configure import ChangeSettings
from gitcoord.domain.handoffs import Handoff
from gitcoord.domain.lock_operations import ReleaseLocks
from gitcoord.domain.new_tasks import NewTask
from gitcoord.mirror.mirror import Mirror
from gitcoord.mirror.subjects import Comment, Thread
from gitcoord.mirror.texts import marked
from tests.mirror.stage import Stage, names

GRANTS = {"pull_requests": "write", "checks": "write"}


def authors(thread: Any) -> list[str]:
    """Return who has written comments that are ours."""
    return [x.user.login for x in thread.comments if "<!-- gitcoord:" in x.body]


def both(stage: Stage) -> tuple[Mirror, Mirror]:
    """Return the service, let in as an app, and a workflow."""
    return stage.as_app("coord", **GRANTS), stage.mirror


def test_a_command_is_answered_once(stage: Stage) -> None:
    issue = stage.ada.opens_issue(stage.repo, "One")
    asked = stage.ada.comments(issue, "/coord lock src/a.py")
    for mirror in (*both(stage), *both(stage)):
        mirror.look([Comment(issue.number, asked.id)])
    assert stage.locks() == {"src/a.py": "ada"}
    assert authors(issue) == ["coord[bot]"]


def test_there_is_one_comment_that_is_kept_and_both_keep_it(stage: Stage) -> None:
    carl = stage.agent("carl")
    stage.takes(carl, "src/a.py")
    stage.ada.commits(stage.repo, "x", {"src/a.py": "2\n"}, "work", start="main")
    pull = stage.ada.opens_pull(stage.repo, "x")
    service, workflow = both(stage)
    for mirror in (service, workflow):
        mirror.look([Thread(pull.number)])
    assert authors(pull) == ["coord[bot]"]
    stage.run(ReleaseLocks(keys=("src/a.py",)), session=carl.id)
    workflow.look([Thread(pull.number)])
    assert authors(pull) == ["coord[bot]"]
    assert "Blocked" not in pull.comments[0].body


def test_each_keeps_a_check_run_of_its_own(stage: Stage) -> None:
    carl = stage.agent("carl")
    stage.takes(carl, "src/a.py")
    stage.ada.commits(stage.repo, "x", {"src/a.py": "2\n"}, "work", start="main")
    pull = stage.ada.opens_pull(stage.repo, "x")
    pair = both(stage)
    for mirror in pair:
        assert mirror.look([Thread(pull.number)]).refused == ()
    stage.run(ReleaseLocks(keys=("src/a.py",)), session=carl.id)
    for mirror in pair:
        assert mirror.look([Thread(pull.number)], anew=True).refused == ()
    said = [run.fields["conclusion"] for run in stage.repo.checks.values()]
    assert said == ["success", "success"]


def test_a_task_has_one_issue(stage: Stage) -> None:
    stage.run(ChangeSettings(values={"github_issues": True}))
    stage.adds(NewTask(id="t-1", title="Tidy"))
    pair = both(stage)
    for mirror in (*pair, *pair):
        stage.mirror = mirror
        stage.everything()
    assert len(stage.repo.issues) == 1


def test_workflows_and_a_service_at_the_same_time_do_everything_once(stage: Stage) -> None:
    found = [stage.ada.opens_issue(stage.repo, f"{n}", labels=["locked:src/"]) for n in range(4)]
    stage.ada.comments(found[0], "/coord who src/a.py\n/coord handoff over to you")
    heard = stage.heard(stage.github.outbox)
    mirrors = [stage.another(), stage.another(), stage.another(), both(stage)[0]]
    with ThreadPoolExecutor(len(mirrors)) as pool:
        for outcome in pool.map(lambda mirror: mirror.look(heard), mirrors):
            assert outcome.refused == ()
    stage.everything()
    assert len(stage.locks()) == 1
    assert len(stage.all(Handoff)) == 1
    said = [[text for text in _ours(one) if "is not yours" in text] for one in found]
    assert sorted(map(len, said)) == [0, 1, 1, 1]
    assert sorted(names(one) for one in found) == [[], [], [], ["coord:locks", "locked:src/"]]
    assert sum("answer:" in text for text in _ours(found[0])) == 1


def _ours(thread: Any) -> list[str]:
    return [one.body for one in thread.comments if "<!-- gitcoord:" in one.body]


def test_the_owner_of_a_personal_token_gives_commands_like_others(stage: Stage) -> None:
    mirror = stage.another(token=stage.ada.token, actions=False)
    issue = stage.ada.opens_issue(stage.repo, "One")
    asked = stage.ada.comments(issue, "/coord lock src/a.py")
    for _ in range(2):
        mirror.look([Comment(issue.number, asked.id)])
    assert stage.locks() == {"src/a.py": "ada"}
    assert [x.body.startswith("Locked.") for x in issue.comments] == [False, True]


def test_marks_that_people_write_keep_no_command_from_being_heard(stage: Stage) -> None:
    issue = stage.ada.opens_issue(stage.repo, "One")
    asked = stage.ada.comments(issue, "/coord lock src/a.py")
    stage.eve.comments(issue, marked("Nothing to see.", f"answer:{asked.id}"))
    stage.ada.comments(issue, marked("/coord lock src/b.py", "status 9.9 0"))
    stage.look()
    assert stage.locks() == {"src/a.py": "ada", "src/b.py": "ada"}


def test_a_bot_that_repeats_a_mark_in_the_middle_of_its_words_is_not_us(stage: Stage) -> None:
    issue = stage.ada.opens_issue(stage.repo, "One")
    asked = stage.ada.comments(issue, "/coord lock src/a.py")
    echo = marked("You said:", f"answer:{asked.id}") + "\n\nThank you for that."
    stage.as_app("welcome").forge.say(issue.number, echo)
    stage.look()
    assert stage.locks() == {"src/a.py": "ada"}
