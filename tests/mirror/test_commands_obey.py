"""Commands in comments: what they do, for whom, once."""

from __future__ import annotations

import time

from gitcoord.domain.configure import ChangeSettings
from gitcoord.domain.handoffs import Handoff
from gitcoord.domain.new_tasks import NewTask
from gitcoord.mirror.subjects import Comment
from tests.mirror.stage import Stage, names


def test_lock_and_unlock_put_labels_on_and_take_them_off(stage: Stage) -> None:
    issue = stage.ada.opens_issue(stage.repo, "One")
    asked = stage.ada.comments(issue, "I begin.\n/coord lock src/a.py api:login\n")
    stage.look()
    assert stage.locks() == {"src/a.py": "ada", "api:login": "ada"}
    assert names(issue) == ["coord:locks", "locked:api:login", "locked:src/a.py"]
    assert [one.content for one in asked.reactions] == ["+1"]
    (text,) = stage.said(issue)
    assert "Locked." in text
    with stage.house.ledger.state(stage.house.ledger.head()) as state:
        assert f"As of ledger 1.{state.meta.seq}, `{stage.house.ledger.head()[:12]}`" in text
    stage.ada.comments(issue, "/coord unlock src/a.py")
    stage.look()
    assert (stage.locks(), names(issue)) == (
        {"api:login": "ada"}, ["coord:locks", "locked:api:login"],
    )  # fmt: skip
    stage.ada.comments(issue, "/coord unlock")
    stage.look()
    assert (stage.locks(), names(issue), stage.sessions()) == ({}, [], [])


def test_a_key_that_fits_no_label_has_a_short_form_with_the_key_as_its_description(
    stage: Stage,
) -> None:
    key = "src/a/very/long/folder/name/that/no/label/holds/**"
    longer = "src/" + "x/" * 70 + "file.py"
    issue = stage.ada.opens_issue(stage.repo, "One")
    stage.ada.comments(issue, f"/coord lock {key} {longer}")
    stage.look()
    assert sorted(stage.locks()) == sorted([key, longer])
    put = {label.name: label.description for label in issue.labels if "~" in label.name}
    assert key in put.values()
    assert len(put) == 2
    stage.everything()
    assert len(stage.locks()) == 2
    for name in put:
        stage.ada.unlabels(issue, name)
    stage.look()
    assert stage.locks() == {}


def test_people_without_write_permission_are_not_heard(stage: Stage) -> None:
    issue = stage.ada.opens_issue(stage.repo, "One")
    for person in (stage.bob, stage.eve):
        asked = stage.github.person(person.login).comments(issue, "/coord lock src/")
        stage.look()
        assert [one.content for one in asked.reactions] == ["confused"]
    assert stage.locks() == {}
    assert all("takes write permission" in text for text in stage.said(issue))


def test_a_command_is_obeyed_once_however_often_it_is_heard_of(stage: Stage) -> None:
    issue = stage.ada.opens_issue(stage.repo, "One")
    comment = stage.ada.comments(issue, "/coord handoff The lexer is done.")
    for _ in range(3):
        stage.mirror.look([Comment(issue.number, comment.id)])
        stage.everything()
    (handoff,) = stage.all(Handoff)
    assert handoff.summary == "The lexer is done."
    assert len(stage.said(issue)) == 1


def test_a_refused_command_says_who_holds_what(stage: Stage) -> None:
    carl = stage.agent("carl")
    stage.takes(carl, "src/")
    issue = stage.ada.opens_issue(stage.repo, "One")
    asked = stage.ada.comments(issue, "/coord lock src/a.py doc/")
    stage.look()
    assert (stage.locks(), names(issue)) == ({"src/**": "carl"}, [])
    assert [one.content for one in asked.reactions] == ["confused"]
    assert "`carl`" in stage.said(issue)[0]


def test_a_task_is_claimed_and_done_by_comments(stage: Stage) -> None:
    issue = stage.ada.opens_issue(stage.repo, "One", labels=["agent-task"])
    stage.look()
    stage.ada.comments(issue, "/coord claim")
    stage.look()
    task = stage.task("issue-1")
    assert (task.status, task.agent) == ("assigned", "ada")
    stage.at(5 * 3600)
    stage.everything()
    assert stage.task("issue-1").lease_until > task.lease_until
    stage.ada.comments(issue, "/coord done It's in main since yesterday")
    stage.look()
    task = stage.task("issue-1")
    assert (task.status, task.result) == ("completed", "It's in main since yesterday")
    stage.everything()
    assert (issue.state, stage.sessions()) == ("closed", [])


def test_another_task_is_claimed_by_its_id(stage: Stage) -> None:
    stage.adds(NewTask(id="t-1", title="Parser", keys=("src/",)))
    issue = stage.ada.opens_issue(stage.repo, "One")
    stage.ada.comments(issue, "/coord claim t-1")
    stage.look()
    assert stage.task("t-1").agent == "ada"
    assert stage.locks() == {"src/**": "ada"}
    # The issue has no lock label; what its task holds stays nevertheless.
    stage.everything()
    assert stage.locks() == {"src/**": "ada"}


def test_status_who_help_and_what_is_no_command(stage: Stage) -> None:
    carl = stage.agent("carl")
    stage.takes(carl, "src/", reason="a | b `c`")
    issue = stage.ada.opens_issue(stage.repo, "One")
    stage.ada.comments(issue, "/coord who src/a.py doc/a.md")
    stage.ada.comments(issue, "/coord status")
    stage.ada.comments(issue, "/coord help")
    stage.ada.comments(issue, "/coord frobnicate")
    stage.ada.comments(issue, "> /coord lock src/\n\n```\n/coord lock src/\n```\nor /coord lock x")
    stage.look()
    who, status, usage, wrong = stage.said(issue)
    assert "| `src/a.py` | `src/**` | `carl` |" in who
    assert "| `doc/a.md` | nobody |" in who
    assert "| `` a \\| b `c` `` |" in who
    assert status.startswith("### gitcoord")
    assert "`/coord lock KEY...`" in usage
    assert "There is no command `/coord frobnicate`." in wrong


def test_what_people_write_into_names_mentions_nobody_and_breaks_nothing(stage: Stage) -> None:
    carl = stage.agent("@octo/everyone")
    stage.takes(carl, "src/", reason="](javascript:alert(1)) <img src=x> @ada\n# big")
    issue = stage.ada.opens_issue(stage.repo, "One", labels=["locked:src/a.py"])
    stage.look()
    (text,) = stage.said(issue)
    outside = "".join(text.split("`")[::2])
    for bad in ("@", "javascript", "<img", "\n# "):
        assert bad not in outside


def test_of_very_many_commands_some_are_done_and_it_is_said_how_many_are_not(
    stage: Stage,
) -> None:
    issue = stage.ada.opens_issue(stage.repo, "One")
    asked = stage.ada.comments(issue, "\n".join(f"/coord lock doc/{n}" for n in range(12)))
    stage.look()
    assert len(stage.locks()) == 10
    assert "Only 10 commands of a comment are done: 2 are not." in stage.said(issue)[0]
    assert [one.content for one in asked.reactions] == ["confused"]


def test_apps_are_heard_only_where_the_settings_name_them(stage: Stage) -> None:
    app = stage.github.app("helper", permissions={"issues": "write", "metadata": "read"})
    number = stage.github.install(app, stage.repo).id
    # What an app signs is dated by the real clock.
    stage.github.world.clock = time.time
    robot = stage.another(token="", app=str(app.id), key=app.private_key, installation=number).forge
    robot.hosted()
    stage.github.world.clock = stage.clock.wall
    issue = stage.ada.opens_issue(stage.repo, "One")
    robot.say(issue.number, "/coord lock src/")
    stage.look()
    assert stage.locks() == {}
    stage.run(ChangeSettings(values={"github_bots": ["helper[bot]"]}))
    robot.say(issue.number, "/coord lock src/")
    stage.look()
    assert stage.locks() == {"src/**": "helper[bot]"}
