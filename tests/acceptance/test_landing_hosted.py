"""A branch and the ledger land in one push at a real host, or neither moves."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from gitcoord.bootstrap import House
from gitcoord.domain.claiming import Claimed, ClaimTask
from gitcoord.domain.configure import Begin
from gitcoord.domain.new_tasks import Added, AddTasks, NewTask
from gitcoord.domain.sessions import Session
from gitcoord.domain.task_moves import Moved, MoveTask
from gitcoord.domain.tasks import Task
from gitcoord.errors import (
    GitcoordError,
    HostRefused,
    HostUnreachable,
    LandingRefused,
    OutcomeUnknown,
    TaskNotFound,
)
from gitcoord.ledger.ledger import STATE
from gitcoord.storage.wire.host import DEPTH
from gitcoord.storage.worktree import Checkout
from tests.acceptance.hosts import Hub, beside, holders, hub, record
from tests.gitrun import git
from tests.ledger.houses import acquire, opened, session
from tests.servers import faults
from tests.servers.fixtures import git_host
from tests.servers.git_http import GitHost

__all__ = ["git_host", "hub"]

MAIN = "refs/heads/main"


class Work:
    """ada has claimed t-1 in a clone and has a commit for it on main."""

    def __init__(self, hub: Hub, *, ledger: str = "", begun: bool = False) -> None:
        self.hub = hub
        self.place = hub.clone("hers")
        if ledger:
            git(self.place, "config", "coord.remote", ledger)
        self.house = hub.house("hers") if begun else hub.begun("hers")
        self.ada = session(self.house)
        wish = AddTasks(tasks=(NewTask(id="t-1", title="Do it", keys=("a.py",)),))
        self.house.coordinator.do(wish, Added)
        self.house.coordinator.do(ClaimTask(id="t-1"), Claimed, session=self.ada.id)
        self.tip = self.commit("a.py")
        hub.host.clear()

    def commit(self, name: str) -> str:
        Path(self.place, name).write_text("1\n", encoding="utf-8")
        git(self.place, "add", name)
        git(self.place, "commit", "-q", "-m", name)
        return git(self.place, "rev-parse", "HEAD")

    def hook(self, text: str) -> Path:
        """Install a pre-push hook; return the file that has one line for each run of it."""
        log = Path(self.place, ".git", "hook-runs")
        path = Path(self.place, ".git", "hooks", "pre-push")
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'#!/bin/sh\necho run "$@" >>"{log}"\n{text}\n', encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        log.touch()
        return log

    def land(self, house: House | None = None, name: str = "t-1") -> Moved:
        one = house or self.house
        checkout = Checkout(one.repository, os.environ)
        wish = MoveTask(id=name, move="complete")
        return one.land(wish, Moved, checkout, session=self.ada.id, agent="ada")

    def refused(self, kind: type[GitcoordError]) -> GitcoordError:
        """Return why it does not land; prove that nothing has moved anywhere."""
        with self.hub.still("hers"), pytest.raises(GitcoordError) as caught:
            self.land()
        assert type(caught.value) is kind, caught.value
        assert caught.value.hint
        self.is_open()
        return caught.value

    def is_open(self) -> None:
        assert record(self.house, Task, "t-1").status == "assigned"
        assert holders(self.house) == {"a.py": "ada"}

    def has_landed(self, branch: str = MAIN) -> None:
        assert self.hub.refs[branch] == self.tip
        fresh = self.hub.house("fresh")
        assert record(fresh, Task, "t-1").status == "completed"
        assert holders(fresh) == {}
        completions = [one for one in self.hub.subjects() if "completes t-1" in one]
        assert len(completions) == 1
        assert record(self.house, Task, "t-1").status == "completed"


@pytest.fixture
def work(hub: Hub) -> Work:
    return Work(hub)


def test_the_branch_and_the_ledger_move_in_one_push(work: Work) -> None:
    assert work.land().task.status == "completed"
    pushes = work.hub.host.seen(command="push")
    assert [sorted(one.moved) for one in pushes] == [[STATE, MAIN]]
    work.has_landed()
    assert git(work.place, "rev-parse", "origin/main") == work.tip
    assert git(work.place, "for-each-ref", "refs/coord") == ""
    acquire(work.house, work.ada, "next.py")


def test_a_new_branch_lands_under_its_own_name(work: Work) -> None:
    git(work.place, "switch", "-q", "-c", "topic/one")
    before = work.hub.refs[MAIN]
    work.land()
    work.has_landed("refs/heads/topic/one")
    assert work.hub.refs[MAIN] == before


def test_a_branch_lands_where_git_push_would_take_it(work: Work) -> None:
    git(work.place, "switch", "-q", "-c", "mine", "--track", "origin/main")
    git(work.place, "reset", "-q", "--hard", work.tip)
    git(work.place, "config", "push.default", "upstream")
    work.land()
    work.has_landed()
    assert "refs/heads/mine" not in work.hub.refs


def test_the_users_hook_runs_once_and_is_told_of_the_branch_alone(work: Work) -> None:
    heard = Path(work.place, ".git", "heard")
    log = work.hook(f'cat >"{heard}"')
    work.land()
    assert log.read_text().splitlines() == [f"run origin {work.hub.host.url('hub')}"]
    assert [line.split()[2] for line in heard.read_text().splitlines()] == [MAIN]
    work.has_landed()


def test_the_users_hook_can_veto(work: Work) -> None:
    log = work.hook("echo 'the linter is not happy' >&2; exit 1")
    error = work.refused(LandingRefused)
    assert "the linter is not happy" in error.message
    assert len(log.read_text().splitlines()) == 1
    assert work.hub.host.seen(command="push") == []
    log.parent.joinpath("hooks", "pre-push").unlink()
    work.land()
    work.has_landed()


def test_large_files_are_sent_by_the_hook_before_the_branch_moves(work: Work) -> None:
    """What `git lfs install` puts there is a pre-push hook that uploads, then lets git go on."""
    store = Path(work.place, ".git", "uploaded")
    work.hook(
        f'test "$(git ls-remote origin {MAIN} | cut -f1)" != {work.tip} || exit 9\n'
        f'while read -r local oid remote old; do echo "$oid" >>"{store}"; done'
    )
    work.land()
    assert store.read_text().split() == [work.tip]
    work.has_landed()


@pytest.mark.parametrize("options", [(), ("--depth=1",), ("--filter=blob:none",)])
def test_every_kind_of_clone_lands_and_gets_nothing_of_the_ledger(
    hub: Hub, options: tuple[str, ...]
) -> None:
    """The ledger is so long that its clone knows only the end of it."""
    hub.host.git(hub.name, "config", "uploadpack.allowFilter", "true")
    git(hub.clone("seed"), "commit", "-q", "--allow-empty", "-m", "more")
    git(hub.clone("seed"), "push", "-q", "origin", "main")
    first = hub.begun("first")
    eve = session(first, "eve")
    for number in range(DEPTH):
        acquire(first, eve, f"{number}.py")
    hub.clone("hers", *options)
    work = Work(hub, begun=True)
    assert work.house.wire is not None
    assert work.house.wire.mirror.cut()
    work.land()
    assert work.hub.host.count(command="fetch") == 0
    assert hub.refs[MAIN] == work.tip
    assert record(first, Task, "t-1").status == "completed"


def test_a_protected_branch_keeps_the_ledger_where_it_is(work: Work) -> None:
    log = work.hook("")
    work.hub.host.protect("hub", MAIN)
    error = work.refused(LandingRefused)
    assert error.details["branch"] == "main"
    assert "pull request" in (error.hint or "")
    assert len(log.read_text().splitlines()) == 1
    work.hub.host.protect("hub")
    work.land()
    work.has_landed()


def test_a_protected_ledger_keeps_the_branch_where_it_is(work: Work) -> None:
    work.hub.host.protect("hub", STATE)
    work.refused(LandingRefused)
    work.hub.host.protect("hub")
    work.land()
    work.has_landed()


def test_a_branch_that_has_moved_is_refused_whether_that_was_seen_or_not(work: Work) -> None:
    theirs = work.hub.clone("theirs")
    git(theirs, "commit", "-q", "--allow-empty", "-m", "theirs")
    git(theirs, "push", "-q", "origin", "main")
    error = work.refused(LandingRefused)
    assert "git fetch origin" in (error.hint or "")
    git(work.place, "fetch", "-q", "origin")
    error = work.refused(LandingRefused)
    assert "origin/main" in (error.hint or "")
    git(work.place, "rebase", "-q", "origin/main")
    work.tip = git(work.place, "rev-parse", "HEAD")
    work.land()
    work.has_landed()


def test_a_branch_that_moves_between_the_hook_and_the_push_is_refused(work: Work) -> None:
    theirs = work.hub.clone("theirs")
    git(theirs, "commit", "-q", "--allow-empty", "-m", "theirs")
    held = faults.hold(command="push")
    work.hub.host.faults.append(held)
    landing = beside(work.land)
    assert held.reached.wait(10)
    git(theirs, "push", "-q", "origin", "main")
    before = work.hub.refs
    held.release()
    with pytest.raises(LandingRefused) as caught:
        landing.result()
    assert "git fetch origin" in (caught.value.hint or "")
    assert work.hub.refs == before
    work.is_open()


def test_a_branch_of_the_same_name_that_somebody_made_meanwhile_is_refused(work: Work) -> None:
    theirs = work.hub.clone("theirs")
    git(theirs, "push", "-q", "origin", "main:refs/heads/topic")
    git(work.place, "switch", "-q", "-c", "topic")
    work.refused(LandingRefused)


def test_a_host_that_cannot_move_both_as_one_is_not_tried(hub: Hub) -> None:
    hub.host.no_atomic("hub")
    work = Work(hub)
    error = work.refused(HostRefused)
    assert "without --push" in (error.hint or "")
    assert hub.host.seen(command="push") == []


def test_a_host_that_stopped_moving_both_as_one_since_it_was_met_changes_nothing(
    work: Work,
) -> None:
    assert work.house.wire is not None
    assert work.house.wire.atomic
    work.hub.host.no_atomic("hub")
    with work.hub.still("hers"), pytest.raises((LandingRefused, HostRefused)):
        work.land()
    work.is_open()


def test_a_ledger_in_another_repository_is_not_landed_with(hub: Hub) -> None:
    hub.host.create("private")
    work = Work.__new__(Work)
    work.hub, work.place = hub, hub.clone("hers")
    git(work.place, "config", "coord.remote", hub.host.url("private"))
    work.house = opened(work.place, patience=5.0)
    work.house.coordinator.begin(Begin())
    work.ada = session(work.house)
    before = hub.refs, hub.host.refs("private")
    with pytest.raises(LandingRefused, match="another repository") as caught:
        work.land()
    assert "without --push" in (caught.value.hint or "")
    assert (hub.refs, hub.host.refs("private")) == before


def test_a_detached_head_has_nothing_to_land(work: Work) -> None:
    git(work.place, "checkout", "-q", "--detach")
    assert "branch" in (work.refused(LandingRefused).hint or "")


def test_what_the_rules_refuse_moves_no_branch(work: Work) -> None:
    with work.hub.still("hers"), pytest.raises(TaskNotFound):
        work.land(name="t-9")
    assert work.hub.host.seen(command="push") == []


@pytest.mark.parametrize("fault", ["cut_after", "cut_middle"])
def test_a_landing_whose_answer_is_lost_is_a_success(work: Work, fault: str) -> None:
    log = work.hook("")
    work.hub.host.faults.append(faults.MAKERS[fault](command="push"))
    assert work.land().task.status == "completed"
    assert len(log.read_text().splitlines()) == 1
    work.has_landed()


def test_a_landing_whose_answer_is_lost_while_others_go_on_is_a_success(work: Work) -> None:
    other = work.hub.house("other")
    eve = session(other, "eve")
    work.house.follow()
    asked = faults.hold(command="ls-refs")
    work.hub.host.faults.extend([faults.cut_after(command="push"), asked])
    landing = beside(work.land)
    assert asked.reached.wait(10)
    acquire(other, eve, "e.py")
    asked.release()
    assert landing.result().task.status == "completed"
    assert holders(other) == {"e.py": "eve"}
    assert work.hub.refs[MAIN] == work.tip
    assert len([one for one in work.hub.subjects() if "completes t-1" in one]) == 1


@pytest.mark.parametrize("fault", ["cut_before", "status"])
def test_a_landing_that_does_not_arrive_is_sent_again(work: Work, fault: str) -> None:
    log = work.hook("")
    more = {"code": 503} if fault == "status" else {}
    # git itself sends a push again that meets a connection which was closed.
    work.hub.host.faults.extend(faults.MAKERS[fault](command="push", **more) for _ in range(5))
    assert work.land().task.status == "completed"
    assert work.hub.host.faults == []
    assert len(log.read_text().splitlines()) == 1
    work.has_landed()


def test_a_landing_that_never_arrives_may_yet_arrive(hub: Hub) -> None:
    work = Work(hub)
    house = hub.house("hers", patience=0.3)
    hub.host.faults.extend(faults.cut_before(command="push") for _ in range(99))
    with hub.still("hers"), pytest.raises(OutcomeUnknown) as caught:
        work.land(house)
    assert "completed by then" in (caught.value.hint or "")
    hub.host.faults.clear()
    work.is_open()
    work.land()
    work.has_landed()


@pytest.mark.parametrize("code", [403, 413])
def test_a_landing_that_is_turned_away_is_refused_at_once(work: Work, code: int) -> None:
    work.hub.host.faults.append(faults.status(code, command="push"))
    error = work.refused(LandingRefused)
    assert str(code) in error.message
    assert len(work.hub.host.seen(command="push")) == 1


def test_a_ref_that_is_locked_for_a_moment_lands_a_little_later(work: Work) -> None:
    lock = Path(work.hub.path, f"{MAIN}.lock")
    lock.touch()
    # Nothing is looked up before the push has been refused.
    look = faults.hold(command="ls-refs")
    work.hub.host.faults.append(look)
    landing = beside(work.land)
    assert look.reached.wait(10)
    lock.unlink()
    look.release()
    assert landing.result().task.status == "completed"
    assert len(work.hub.host.seen(command="push")) == 2
    work.has_landed()


def test_a_ref_that_stays_locked_is_refused(work: Work) -> None:
    Path(work.hub.path, f"{MAIN}.lock").touch()
    error = work.refused(LandingRefused)
    assert "cannot lock ref" in error.message


def test_a_landing_after_which_the_host_is_gone_says_that_nobody_knows(work: Work) -> None:
    _gone_after_the_push(work.hub.host)
    with pytest.raises(OutcomeUnknown):
        work.land()
    work.hub.host.faults.clear()
    work.has_landed()


def _gone_after_the_push(host: GitHost) -> None:
    host.faults.append(faults.cut_after(command="push"))
    host.faults.extend(faults.cut_before(command="ls-refs") for _ in range(9))


@pytest.mark.parametrize("met", [False, True])
def test_without_the_host_nothing_lands(work: Work, met: bool) -> None:
    assert work.house.wire is not None
    assert not met or work.house.wire.atomic
    work.hub.host.stop()
    with work.hub.still("hers"), pytest.raises(HostUnreachable) as caught:
        work.land()
    assert "connect" in caught.value.message.lower()
    assert caught.value.hint
    work.hub.host.start()
    work.is_open()


def test_a_ledger_that_has_moved_unseen_is_decided_again(work: Work) -> None:
    log = work.hook("")
    other = work.hub.house("other")
    acquire(other, session(other, "eve"), "e.py")
    assert work.land().task.status == "completed"
    assert len(log.read_text().splitlines()) == 1
    assert work.hub.refs[MAIN] == work.tip
    assert holders(other) == {"e.py": "eve"}


def test_a_ledger_that_moves_during_the_landing_is_decided_again_and_the_hook_not_run_again(
    work: Work,
) -> None:
    log = work.hook("")
    other = work.hub.house("other")
    eve = session(other, "eve")
    work.house.follow()
    held = faults.hold(command="push")
    work.hub.host.faults.append(held)
    landing = beside(work.land)
    assert held.reached.wait(10)
    acquire(other, eve, "e.py")
    held.release()
    assert landing.result().task.status == "completed"
    assert len(log.read_text().splitlines()) == 1
    assert work.hub.refs[MAIN] == work.tip
    assert holders(other) == {"e.py": "eve"}
    assert record(other, Task, "t-1").status == "completed"


def test_what_another_clone_has_decided_meanwhile_keeps_the_branch_where_it_is(
    work: Work,
) -> None:
    other = work.hub.house("other")
    held = faults.hold(command="push")
    work.hub.host.faults.append(held)
    landing = beside(work.land)
    assert held.reached.wait(10)
    other.coordinator.do(MoveTask(id="t-1", move="cancel", reason="not wanted"), Moved)
    before = work.hub.refs
    held.release()
    with pytest.raises(GitcoordError) as caught:
        landing.result()
    assert caught.value.code == "invalid_transition"
    assert work.hub.refs == before
    assert record(other, Session, work.ada.id).status == "active"
