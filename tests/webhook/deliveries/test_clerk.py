"""The service between a fake GitHub and a ledger: both are heard, and trouble passes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gitcoord.domain.configure import ChangeSettings
from gitcoord.domain.lock_operations import AcquireLocks, ReleaseLocks
from gitcoord.domain.locks import Lock
from gitcoord.domain.merge_queueing import Enqueued, EnqueueMerge
from gitcoord.domain.merge_setbacks import HandOver, Moved
from gitcoord.domain.merges import Finding
from gitcoord.domain.merging import Checked, Checking, CheckMerges, RecordCheck
from gitcoord.domain.new_tasks import Added, AddTasks, NewTask
from gitcoord.domain.sessions import Session
from gitcoord.domain.tasks import Task
from gitcoord.mirror import asking
from gitcoord.mirror.access import Access, let_in
from gitcoord.mirror.answers import InMemory
from gitcoord.mirror.api import Api
from gitcoord.mirror.hooks import Hooks
from tests.ledger.houses import OPENED, opened, session
from tests.servers import faults
from tests.servers.fixtures import github
from tests.servers.github import GitHub, at
from tests.webhook.served import Served, begun
from webhook.github import clerk, lead
from webhook.settings import Forge

__all__ = ["github"]
NAME, SECRET = "octo/project", "s3cret"


class Scene:
    """A repository at GitHub with its ledger, and services that one hook leads to."""

    def __init__(self, github: GitHub, place: str) -> None:
        self.github = github
        self.repo = github.repository(NAME, files={"src/a.py": "1\n", "src/b.py": "2\n"})
        self.ada = github.person("ada", self.repo, role="write")
        self.bot = github.person("coord", self.repo, role="admin")
        self.hook = github.hook(self.repo, "http://127.0.0.1:9/webhook/github", secret=SECRET)
        self.place = begun(place)
        self.house = opened(place)
        self.house.coordinator.do(
            ChangeSettings(values={"github_repository": NAME}), ChangeSettings.answer
        )
        self.services: list[Served] = []

    def serve(self, state: str | None = None) -> Served:
        """Start a service, to which deliveries go from now on."""
        forge = Forge((SECRET,), Access(self.bot.token, url=self.github.api, pause=0))
        more = {"state": state} if state else {}
        served = Served({"default": self.place}, forge=forge, **more)
        self.services.append(served)

        def post(_url: str, headers: dict[str, str], body: bytes) -> tuple[int, str]:
            answer = served.client.post("/webhook/github", content=body, headers=headers)
            return answer.status_code, answer.text

        self.github.post = post
        return served

    def stop(self) -> None:
        """End all services."""
        while self.services:
            self.services.pop().close()

    def until(self, holds: Callable[[], bool], seconds: float = 20) -> None:
        """Let deliveries go out until something holds."""
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end
            self.github.deliver()
            time.sleep(0.05)

    def locks(self) -> dict[str, str]:
        """Return who holds which key, without who leads."""
        with self.house.ledger.state() as state:
            return {x.key: x.agent for x in state.all(Lock) if x.key != lead.KEY}

    def leading(self) -> set[str]:
        """Return the live session that leads."""
        with self.house.ledger.state() as state:
            found = [x for x in state.all(Lock) if x.key == lead.KEY]
            return {x.session for x in found if state.get(Session, x.session, archived=False)}

    def said(self, head: str) -> str:
        """Return what our status of a commit says."""
        found = [x for x in self.repo.statuses if x.oid == head]
        return found[-1].state if found else ""


@pytest.fixture
def scene(github: GitHub, repo: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """Set the scene; nobody waits long."""
    monkeypatch.setattr(clerk, "GATHER", 0.1)
    monkeypatch.setattr(clerk, "SOON", 0.1)
    monkeypatch.setattr(clerk, "LOOK", 0.2)
    made = Scene(github, repo)
    yield made
    made.stop()
    while OPENED:
        OPENED.pop().close()


def test_a_label_is_heard_and_what_others_hold_is_shown(scene: Scene) -> None:
    scene.serve()
    issue = scene.ada.opens_issue(scene.repo, "One", labels=["locked:doc/"])
    scene.until(lambda: scene.locks() == {"doc/**": "ada"})
    head = scene.ada.commits(scene.repo, "feature", {"src/a.py": "2\n"}, "work", start="main")
    scene.ada.opens_pull(scene.repo, "feature")
    scene.until(lambda: scene.said(head) == "success")
    # Nobody tells GitHub of what happens in the ledger but the service.
    carl = session(scene.house, "carl")
    wish = AcquireLocks(keys=("src/",))
    scene.house.coordinator.do(wish, wish.answer, session=carl.id)
    scene.until(lambda: scene.said(head) == "failure")
    scene.house.coordinator.do(ReleaseLocks(all=True), ReleaseLocks.answer, session=carl.id)
    scene.until(lambda: scene.said(head) == "success")
    scene.ada.closes(issue)
    scene.until(lambda: scene.locks() == {})


def test_what_happened_while_the_service_was_down_is_made_up_for(scene: Scene) -> None:
    scene.serve()
    issue = scene.ada.opens_issue(scene.repo, "One", labels=["locked:doc/"])
    scene.until(lambda: scene.locks() == {"doc/**": "ada"})
    scene.stop()
    scene.ada.unlabels(issue, "locked:doc/")
    scene.ada.labels(issue, "locked:src/")
    scene.ada.commits(scene.repo, "claude/x", {"lib/c.py": "2\n"}, "work", start="main")
    scene.ada.comments(issue, "/coord lock api:login")
    scene.github.miss()
    scene.serve()
    wanted = {"src/**": "ada", "api:login": "ada", "lib/c.py": "claude"}
    scene.until(lambda: scene.locks() == wanted)


def test_deliveries_that_github_could_not_bring_are_sent_again_when_asked(scene: Scene) -> None:
    scene.ada.opens_issue(scene.repo, "One", labels=["locked:doc/"])
    scene.github.miss()
    served = scene.serve()
    access = served.settings.forge.access
    assert access is not None
    hooks = Hooks(Api(let_in(access, NAME)[0], InMemory()), NAME)
    since = "2020-01-01T00:00:00.000Z"
    assert hooks.redeliver(since).missed > 0
    scene.until(lambda: scene.locks() == {"doc/**": "ada"})
    scene.until(lambda: not scene.github.outbox)
    assert hooks.redeliver(since) == (0, 0)


def test_where_github_stumbles_or_wants_time_the_delivery_waits(scene: Scene) -> None:
    served = scene.serve()
    scene.until(lambda: scene.github.asked("GET /repos/{owner}/{repo}/branches") != [])
    scene.github.limits.secondary(times=2, retry_after=1)
    scene.ada.opens_issue(scene.repo, "One", labels=["locked:doc/"])
    scene.until(lambda: scene.locks() == {"doc/**": "ada"})
    for make in (faults.status(502), faults.cut_before()):
        for _ in range(4):
            scene.github.faults.append(at(make, "GET", r"/repos/[^/]+/[^/]+/issues/\d+"))
    scene.ada.opens_issue(scene.repo, "Two", labels=["locked:lib/"])
    scene.until(lambda: "lib/**" in scene.locks())
    assert served.client.get("/health").status_code == 200


def test_a_delivery_is_acknowledged_while_github_answers_nothing(scene: Scene) -> None:
    scene.serve()
    scene.until(lambda: scene.leading() != set())
    issue = scene.ada.opens_issue(scene.repo, "One")
    held = at(faults.hold(), "GET", r"/repos/[^/]+/[^/]+/issues/\d+/comments")
    scene.github.faults.append(held)
    scene.ada.comments(issue, "/coord lock doc/")
    scene.github.deliver()
    assert held.reached.wait(20)
    scene.ada.comments(issue, "/coord lock lib/")
    # GitHub waits for ten seconds; the work on the first goes on as long as it takes.
    codes, locks = {one.code for one in scene.github.deliver()}, scene.locks()
    held.release()
    assert (codes, locks) == ({202}, {})
    scene.until(lambda: scene.locks() == {"doc/**": "ada", "lib/**": "ada"})


@pytest.mark.parametrize("secondary", [False, True], ids=["primary", "secondary"])
def test_while_github_wants_time_nothing_is_asked_whatever_comes(
    scene: Scene, secondary: bool
) -> None:
    scene.serve()
    scene.until(lambda: scene.github.asked("GET /repos/{owner}/{repo}/branches") != [])
    limits = scene.github.limits
    if secondary:
        limits.secondary(times=50, retry_after=2)
    else:
        limits.exhaust(scene.bot.actor, seconds=2)
    asked = len(scene.github.calls)
    for n in range(6):
        scene.ada.opens_issue(scene.repo, f"{n}", labels=[f"locked:doc/{n}/"])
        scene.github.deliver()
        time.sleep(0.1)
    # One tells how long; another may have been on its way.
    assert 1 <= len(scene.github.calls) - asked <= 2
    limits._ordered.clear()
    scene.until(lambda: len(scene.locks()) == 6)


def test_what_the_queue_hands_over_is_proposed_and_its_merge_completes_the_task(
    scene: Scene,
) -> None:
    do = scene.house.coordinator.do
    head = scene.ada.commits(scene.repo, "feat/x", {"src/a.py": "2\n"}, "work", start="main")
    do(AddTasks(tasks=(NewTask(id="t-1", title="Fix it"),)), Added, agent="dora")
    scene.serve()
    scene.until(lambda: scene.leading() != set())
    do(EnqueueMerge(id="q-1", branch="feat/x", head=head, target="main", task="t-1"), Enqueued)
    run = do(CheckMerges(ids=("q-1",)), Checking).run
    found = (Finding(name="mergeable", passed=True),)
    do(RecordCheck(id="q-1", run=run, against=head, findings=found), Checked)
    do(HandOver(ids=("q-1",), reason="only pull requests"), Moved)
    scene.until(lambda: len(scene.repo.pulls()) == 1)
    (pull,) = scene.repo.pulls()
    assert pull.title == "Fix it"
    scene.until(lambda: scene.said(head) == "success")
    scene.ada.merges(pull, "squash")

    def done() -> bool:
        with scene.house.ledger.state() as state:
            task = state.get(Task, "t-1")
            return task is not None and task.status == "completed"

    scene.until(done)


def test_of_two_services_one_leads_and_the_other_takes_over(scene: Scene, tmp_path: Path) -> None:
    scene.serve(str(tmp_path / "one.sqlite"))
    scene.until(lambda: len(scene.leading()) == 1)
    first = scene.leading()
    scene.serve(str(tmp_path / "two.sqlite"))
    scene.ada.opens_issue(scene.repo, "One", labels=["locked:doc/"])
    scene.until(lambda: scene.locks() == {"doc/**": "ada"})
    assert scene.leading() == first
    scene.services.pop(0).close()
    scene.until(lambda: bool(scene.leading()) and scene.leading() != first)


def test_a_delivery_that_nobody_can_work_on_keeps_no_other_back(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = asking.ask

    def bad(desk: Any, forge: Any, thread: Any) -> Any:
        if thread.title == "Bad":
            raise RuntimeError("a bug")
        return honest(desk, forge, thread)

    monkeypatch.setattr(asking, "ask", bad)
    scene.serve()
    scene.ada.opens_issue(scene.repo, "Bad", labels=["locked:doc/"])
    scene.ada.opens_issue(scene.repo, "Good", labels=["locked:lib/"])
    scene.until(lambda: scene.locks() == {"lib/**": "ada"})
