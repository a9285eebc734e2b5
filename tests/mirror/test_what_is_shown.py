"""What GitHub shows of the ledger: never an older state over a newer, nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gitcoord.domain.configure import ChangeSettings
from gitcoord.domain.new_tasks import NewTask
from gitcoord.errors import AccessDenied, ForgeBusy, ForgeRefused, Unavailable
from gitcoord.mirror.effects import Check, Keep, Label, Say, Stamp
from gitcoord.mirror.subjects import Everything, Group, Thread
from gitcoord.mirror.writer import Writer
from tests.mirror.stage import Stage, names
from tests.servers import faults
from tests.servers.github import at

OLD, NEW = Stamp(1, 5, "a" * 40), Stamp(1, 6, "b" * 40)


def kept(stage: Stage, thread: Any, body: str, stamp: Stamp, *, quiet: bool = False) -> str:
    effect = Keep(thread.number, "status", body, stamp, quiet)
    Writer(stage.mirror.forge).carry_out([effect])
    return "\n".join(stage.said(thread))


def test_a_comment_is_rewritten_when_it_says_something_else_and_never_by_an_older_state(
    stage: Stage,
) -> None:
    issue = stage.ada.opens_issue(stage.repo, "One")
    assert kept(stage, issue, "nothing", OLD, quiet=True) == ""
    assert "first" in kept(stage, issue, "first", OLD)
    assert "ledger 1.5" in kept(stage, issue, "first", NEW)
    assert "ledger 1.6" in kept(stage, issue, "second", NEW)
    assert "second" in kept(stage, issue, "third", OLD)
    assert len(stage.said(issue)) == 1


def test_of_two_writers_at_once_one_comment_stays(stage: Stage) -> None:
    issue = stage.ada.opens_issue(stage.repo, "One")
    blind = stage.another().forge
    real = blind.comments
    seen: Iterator[Any] = iter([[], None])
    # The other writer's comment is not there yet when this one looks.
    blind.comments = lambda number: real(number) if next(seen, None) is None else []  # type: ignore[method-assign]
    kept(stage, issue, "first", OLD)
    Writer(blind).carry_out([Keep(issue.number, "status", "first", OLD)])
    assert len(stage.said(issue)) == 1
    for forge in (stage.mirror.forge, stage.another().forge):
        Writer(forge).carry_out([Say(issue.number, "x", "once")])
    assert len(stage.said(issue)) == 2


@pytest.mark.parametrize("runs", [True, False], ids=["check run", "status"])
def test_a_check_is_written_once_and_never_by_an_older_state(stage: Stage, runs: bool) -> None:
    token = {} if runs else {"token": stage.ada.token, "actions": False}
    forge = stage.another(**token).forge
    head = stage.ada.commits(stage.repo, "x", {"src/a.py": "2\n"}, "work", start="main")

    def says(ok: bool, title: str, stamp: Stamp) -> tuple[int, str]:
        Writer(forge).carry_out([Check(head, ok, title, "more", stamp)])
        if runs:
            (run,) = stage.repo.checks.values()
            return 1, run.fields["conclusion"]
        return len(stage.repo.statuses), stage.repo.statuses[-1].state

    assert says(True, "free", OLD) == (1, "success")
    assert says(True, "free", NEW) == (1, "success")
    count, state = says(False, "x" * 300, NEW)
    assert state == "failure"
    assert says(True, "free", OLD) == (count, "failure")
    assert says(False, "x" * 300, NEW) == (count, "failure")


def test_the_merge_queues_own_commit_is_checked(stage: Stage) -> None:
    carl = stage.agent("carl")
    stage.ada.commits(stage.repo, "feature", {"src/a.py": "2\n"}, "work", start="main")
    pull = stage.ada.opens_pull(stage.repo, "feature")
    stage.takes(carl, "src/")
    head = stage.ada.commits(stage.repo, "gh-readonly", {"src/a.py": "2\n"}, "m", start="main")
    stage.mirror.look([Group(head, pull.number)])
    assert stage.check(head) == "failure"


def test_the_page_of_the_status_branch_has_no_history_of_the_project(stage: Stage) -> None:
    stage.run(ChangeSettings(values={"github_status_branch": "coord-status"}))
    stage.adds(NewTask(id="t-1", title="A | task\n# with marks"))
    stage.takes(stage.agent("carl"), "src/")
    stage.everything()
    text = stage.repo.git.run("show", "coord-status:README.md").decode()
    assert "| `src/**` | `carl` |" in text
    assert "`A \\| task # with marks`" in text
    assert stage.repo.git.run("log", "--oneline", "coord-status").count(b"\n") == 1
    stage.everything()
    assert stage.repo.git.run("log", "--oneline", "coord-status").count(b"\n") == 1
    stage.adds(NewTask(id="t-2", title="Another"))
    stage.everything()
    assert stage.repo.git.run("log", "--oneline", "coord-status").count(b"\n") == 2


def test_what_github_refuses_keeps_nothing_else_back(stage: Stage) -> None:
    issue = stage.ada.opens_issue(stage.repo, "One")
    stage.github.faults.append(at(faults.status(422), "POST", r"/repos/[^/]+/[^/]+/labels"))
    stage.github.faults.append(at(faults.status(403), "POST", r".*/issues/\d+/labels"))
    written = Writer(stage.mirror.forge).carry_out(
        [Label(issue.number, "coord:locks"), Say(issue.number, "x", "words")]
    )
    assert [error.code for error in written.refused] == ["forge_refused"]
    assert len(stage.said(issue)) == 1


def test_limits_and_trouble_are_told_with_the_time_to_wait(stage: Stage) -> None:
    forge = stage.another().forge
    forge.hosted()
    stage.github.limits.secondary(times=1, retry_after=7)
    with pytest.raises(ForgeBusy) as busy:
        forge.thread(1)
    assert busy.value.details["retry_after"] == 7.0
    stage.github.limits.exhaust(stage.bot.actor, seconds=600)
    with pytest.raises(ForgeBusy):
        forge.thread(2)


def test_a_question_is_asked_again_and_a_change_is_not(stage: Stage) -> None:
    issue = stage.ada.opens_issue(stage.repo, "One")
    forge = stage.another().forge
    for _ in range(2):
        stage.github.faults.append(at(faults.status(502), "GET", r".*/issues/\d+"))
    assert forge.thread(issue.number) is not None
    stage.github.faults.append(at(faults.cut_after(), "POST", r".*/comments"))
    with pytest.raises(Unavailable):
        forge.say(issue.number, "words")
    assert len(stage.said(issue)) == 1


def test_asking_again_costs_nothing_while_nothing_has_changed(stage: Stage) -> None:
    issue = stage.ada.opens_issue(stage.repo, "One", labels=["locked:doc/"])
    stage.ada.commits(stage.repo, "feature", {"src/a.py": "2\n"}, "work", start="main")
    stage.ada.opens_pull(stage.repo, "feature")
    stage.look()
    stage.everything()
    spent = stage.mirror.forge.api.spent
    writes = [x for x in stage.github.calls if x.method != "GET"]
    stage.mirror.look([Everything()])
    assert [x for x in stage.github.calls if x.method != "GET"] == writes
    # Comments and threads since a time that moves on are asked anew.
    assert stage.mirror.forge.api.spent - spent <= 2
    assert names(issue) == ["coord:locks", "locked:doc/"]


def test_a_wrong_token_is_no_entry(stage: Stage) -> None:
    with pytest.raises(AccessDenied) as denied:
        stage.another(token="wrong")
    assert "GITCOORD_GITHUB_TOKEN" in (denied.value.hint or "")


def test_a_repository_that_is_not_there_is_said_to_be_so(stage: Stage) -> None:
    stage.github.faults.append(at(faults.status(404), "GET", r"/repos/octo/project"))
    with pytest.raises(ForgeRefused, match="no repository"):
        stage.another()


def test_what_a_thread_asks_is_heard_by_its_number_alone(stage: Stage) -> None:
    issue = stage.ada.opens_issue(stage.repo, "One", labels=["locked:doc/"])
    outcome = stage.mirror.look([Thread(issue.number), Thread(99)])
    assert outcome.threads == (issue.number,)
    assert outcome.before < outcome.after
