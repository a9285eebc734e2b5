"""What happens in between: trouble in the middle of an answer, and others who write at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gitcoord.domain.configure import ChangeSettings
from gitcoord.domain.lock_operations import ReleaseLocks
from gitcoord.domain.new_tasks import NewTask
from gitcoord.errors import Contended, ForgeRefused, HostUnreachable, InvalidConfig, Unavailable
from gitcoord.mirror.effects import Open, Page, Stamp
from gitcoord.mirror.mirror import Mirror
from gitcoord.mirror.subjects import Thread
from gitcoord.mirror.writer import Writer
from tests.mirror.stage import Stage, names
from tests.servers import faults
from tests.servers.github import at

COMMENTS = r"/repos/[^/]+/[^/]+/issues/\d+/comments"
OLD, NEW = Stamp(1, 5, "a" * 40), Stamp(1, 6, "b" * 40)


def before(mirror: Mirror, verb: str, end: str, happens: Callable[[], object]) -> None:
    """Let something happen once, just before a mirror makes a change."""
    honest, done = mirror.forge.api.change, []

    def change(method: str, path: str, body: Any = None) -> Any:
        if (method, path.endswith(end)) == (verb, True) and not done:
            done.append(True)
            happens()
        return honest(method, path, body)

    mirror.forge.api.change = change  # type: ignore[method-assign]


def test_a_refused_label_is_told_of_also_when_github_stumbles_in_between(stage: Stage) -> None:
    stage.takes(stage.agent("carl"), "src/a.py")
    issue = stage.ada.opens_issue(stage.repo, "One", labels=["locked:src/a.py"])
    stage.github.faults.append(at(faults.status(502), "POST", COMMENTS))
    with pytest.raises(Unavailable):
        stage.look()
    assert (names(issue), stage.said(issue)) == (["locked:src/a.py"], [])
    stage.everything()
    assert names(issue) == []
    assert "carl" in stage.said(issue)[0]


@pytest.mark.parametrize("trouble", [HostUnreachable("no way"), Contended("too many")])
def test_a_command_that_nobody_could_decide_is_heard_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    issue = stage.ada.opens_issue(stage.repo, "One")
    stage.ada.comments(issue, "/coord lock src/a.py")

    def fails(*_: object, **__: object) -> None:
        raise trouble

    with monkeypatch.context() as during:
        during.setattr(stage.house.coordinator, "run", fails)
        with pytest.raises(type(trouble)):
            stage.everything()
    assert stage.said(issue) == []
    stage.everything()
    assert stage.locks() == {"src/a.py": "ada"}
    assert "Locked." in stage.said(issue)[0]


@pytest.mark.parametrize(("verb", "end"), [("POST", "/check-runs"), ("POST", "/comments")])
def test_who_shows_an_older_state_last_does_not_leave_it_there(
    stage: Stage, verb: str, end: str
) -> None:
    carl = stage.agent("carl")
    stage.takes(carl, "src/a.py")
    head = stage.ada.commits(stage.repo, "x", {"src/a.py": "2\n"}, "work", start="main")
    pull = stage.ada.opens_pull(stage.repo, "x")
    other = stage.another()

    def freed() -> None:
        stage.run(ReleaseLocks(keys=("src/a.py",)), session=carl.id)
        other.look([Thread(pull.number)], anew=True)

    before(stage.mirror, verb, end, freed)
    stage.mirror.look([Thread(pull.number)])
    assert stage.check(head) == "success"
    assert "coord:blocked" not in names(pull)
    assert all("Blocked" not in text for text in stage.said(pull))


def test_a_look_that_others_overtake_again_and_again_comes_to_an_end(stage: Stage) -> None:
    carl = stage.agent("carl")
    stage.takes(carl, "src/a.py")
    stage.ada.commits(stage.repo, "x", {"src/a.py": "2\n"}, "work", start="main")
    pull = stage.ada.opens_pull(stage.repo, "x")
    honest, taken = stage.mirror.forge.check, []

    def check(head: str, **fields: Any) -> None:
        taken.append(head)
        stage.takes(carl, f"busy/{len(taken)}")
        honest(head, **fields)

    stage.mirror.forge.check = check  # type: ignore[method-assign]
    stage.mirror.look([Thread(pull.number)])
    assert len(taken) == 4


def test_of_two_who_write_the_page_at_once_the_newer_state_stays(stage: Stage) -> None:
    def written(mirror: Mirror, text: str, stamp: Stamp) -> None:
        page = Page("coord-status", "README.md", f"As of ledger {stamp}, {text}", stamp)
        assert Writer(mirror.forge).carry_out([page]).refused == ()

    other = stage.another()
    before(stage.mirror, "POST", "/git/refs", lambda: written(other, "new", NEW))
    written(stage.mirror, "old", OLD)
    assert b"new" in stage.repo.git.run("show", "coord-status:README.md")
    mine = stage.another()
    before(mine, "PUT", "/README.md", lambda: written(other, "last", Stamp(1, 9, "f" * 40)))
    written(mine, "late", Stamp(1, 8, "e" * 40))
    assert b"last" in stage.repo.git.run("show", "coord-status:README.md")


def test_a_page_that_github_will_not_have_is_still_refused(stage: Stage) -> None:
    page = Page("coord-status", "README.md", f"As of ledger {OLD}, x", OLD)
    stage.github.faults.append(at(faults.status(409), "POST", r"/repos/[^/]+/[^/]+/git/refs"))
    (refused,) = Writer(stage.mirror.forge).carry_out([page]).refused
    assert isinstance(refused, ForgeRefused)


def test_an_issue_that_two_open_at_once_is_withdrawn_and_ends_no_task(stage: Stage) -> None:
    stage.run(ChangeSettings(values={"github_issues": True}))
    stage.adds(NewTask(id="t-1", title="Tidy"))
    wish = Open("task t-1", "Tidy", "Body")
    other = stage.another()
    before(stage.mirror, "POST", "/issues", lambda: Writer(other.forge).carry_out([wish]))
    Writer(stage.mirror.forge).carry_out([wish])
    first, second = stage.repo.issues.values()
    assert (first.state, second.state) == ("open", "closed")
    assert f"see #{first.number}" in second.body
    stage.everything()
    stage.everything()
    assert stage.task("t-1").status == "pending"
    assert len(stage.repo.issues) == 2


def test_what_stands_on_a_page_that_has_come_since_is_seen(stage: Stage) -> None:
    issue = stage.ada.opens_issue(stage.repo, "One")
    for n in range(100):
        stage.ada.comments(issue, f"{n}")
    assert len(stage.mirror.forge.comments(issue.number)) == 100
    # The first page is as it was, and so is its ETag.
    stage.ada.comments(issue, "/coord lock src/a.py")
    stage.look()
    assert stage.locks() == {"src/a.py": "ada"}


def test_an_issue_that_is_transferred_holds_nothing(stage: Stage) -> None:
    issue = stage.ada.opens_issue(stage.repo, "Away", labels=["locked:src/"])
    stage.look()
    elsewhere = stage.github.repository("octo/elsewhere")
    stage.ada.opens_issue(elsewhere, "Away", labels=["locked:src/"])
    old = f"/repos/octo/project/issues/{issue.number}"
    stage.github.log.moved[old] = "/repos/octo/elsewhere/issues/1"
    stage.repo.issues.pop(issue.number)
    stage.everything()
    assert (stage.locks(), stage.sessions()) == ({}, [])


def test_a_repository_that_is_renamed_keeps_what_it_holds(stage: Stage) -> None:
    issue = stage.ada.opens_issue(stage.repo, "One", labels=["locked:src/"])
    stage.ada.commits(stage.repo, "claude/x", {"doc/a.md": "2\n"}, "work", start="main")
    stage.ada.opens_pull(stage.repo, "claude/x")
    stage.look()
    held = {"src/**": "ada", "doc/a.md": "claude"}
    assert stage.locks() == held
    stage.github.log.moved["/repos/octo/former"] = "/repos/octo/project"
    before = len(stage.github.calls)
    late = stage.another(repository="octo/former")
    late.look([Thread(issue.number)])
    late.look(stage.heard(stage.github.outbox))
    assert (stage.locks(), names(issue)) == (held, ["coord:locks", "locked:src/"])
    # What is asked for is lost on the way where GitHub leads on: so it is asked at the new name.
    asked = [call.path for call in stage.github.calls[before:]]
    assert [path for path in asked if "former" in path] == ["/repos/octo/former"]


def test_where_github_leads_to_another_host_no_token_goes(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.github.log.moved["/repos/octo/project/issues/1"] = "/nothing"
    monkeypatch.setattr(type(stage.github), "api", "http://localhost:1")
    with pytest.raises(InvalidConfig, match="GitHub leads elsewhere"):
        stage.mirror.forge.thread(1)
