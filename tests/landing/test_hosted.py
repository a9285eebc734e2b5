"""The line to a target at a real host, which refuses in every way that it can."""

from __future__ import annotations

import os
import stat
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec import structs

from gitcoord.bootstrap import open_house
from gitcoord.domain.configure import Begin, ChangeSettings
from gitcoord.domain.merge_landing import BeginLanding, Begun
from gitcoord.domain.merge_setbacks import TakeBack
from gitcoord.domain.verifying import RecordVerification, ResultDraft, VerificationNoted
from gitcoord.errors import HostRefused, HostUnreachable, LandingBusy, LandingRefused, TargetMoved
from gitcoord.landing import line, turn
from gitcoord.landing.check import check
from gitcoord.landing.enqueue import only_here
from gitcoord.landing.line import land
from gitcoord.landing.turn import verified_elsewhere
from tests.gitrun import git
from tests.landing.yard import MAIN, Yard, plain
from tests.ledger import houses
from tests.servers.faults import cut_after, status
from tests.servers.git_http import GitHost
from tests.storage.histories import commit, untouched


def elsewhere(git_host: GitHost, folder: Path, *, begin: bool = False) -> Yard:
    """Return the yard of another clone, or of the first one, which begins the ledger."""
    clone = git_host.clone("hub", git_host.url("hub"), folder / "other")
    git(clone, "config", "coord.remote", "origin")
    house = open_house(clone, os.environ)
    houses.OPENED.append(house)
    if begin:
        house.coordinator.begin(Begin())
    found = Yard(clone, house)
    found.hub = str(git_host.path("hub"))
    return found


def heads(hosted: Yard) -> str:
    return git(hosted.hub, "for-each-ref", "refs/heads")


def test_target_and_ledger_move_in_one_push(hosted: Yard, git_host: GitHost) -> None:
    hosted.task("t-1", "one.py")
    hosted.branch("topic", {"one.py": "1\n"})
    entry = hosted.queue("topic", hosted.ada, task="t-1")
    hosted.ready("other")
    before = untouched(hosted.repo)[1:]
    local = git(hosted.repo, "rev-parse", "main")
    git_host.clear()
    (landed,) = hosted.land().landed
    pushes = [seen for seen in git_host.seen(command="push") if MAIN in seen.moved]
    assert [len(seen.moved) for seen in pushes] == [2]
    assert landed.tasks == ["t-1"]
    assert hosted.entry(entry.id).result == hosted.main()
    assert hosted.files() == {"README", "one.py", "other.py"}
    # The user's own branches and files are left alone; what was pushed is tracked.
    assert git(hosted.repo, "rev-parse", "main") == local
    assert git(hosted.repo, "rev-parse", "origin/main") == hosted.main()
    assert untouched(hosted.repo)[1:] == before


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_a_branch_of_another_clone_lands_from_here(
    hosted: Yard, git_host: GitHost, tmp_path: Path, method: str
) -> None:
    other = elsewhere(git_host, tmp_path)
    other.branch("topic", {"topic.py": "t\n"})
    git(other.repo, "push", "-q", "origin", "topic")
    other.queue("topic", method=method)
    assert plain(hosted.land()) == {"merged": ["topic"]}
    assert hosted.files() == {"README", "topic.py"}


def test_a_branch_that_was_not_pushed_lands_only_where_it_is(
    hosted: Yard, git_host: GitHost, tmp_path: Path
) -> None:
    entry = hosted.ready("topic")
    other = elsewhere(git_host, tmp_path)
    head = hosted.head()
    for found in (other.land(), other.land(entry.id)):
        assert plain(found) == {"merged": []}
        assert "in another clone only; push its branch" in found.waiting[entry.id]
    # It is not for others to say that it cannot land.
    assert hosted.head() == head
    assert only_here(hosted.site(), entry)
    (said,) = check(other.site(), [entry.id]).checked
    assert (said.status, "push the branch" in said.reason) == ("blocked", True)
    hosted.house.follow()
    assert plain(hosted.land()) == {"merged": ["topic"]}


def test_a_clone_waits_while_another_one_verifies_or_lands_on_the_same_tip(
    hosted: Yard, git_host: GitHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosted.policy("unit", "true")
    entry = hosted.ready("topic")
    git(hosted.repo, "push", "-q", "origin", "topic")
    other = elsewhere(git_host, tmp_path)
    other.house.follow()
    at = hosted.main()
    draft = ResultDraft(policy="unit", digest="0" * 32, status="running")
    running = RecordVerification(
        commit=entry.head, tree=entry.head, base=at, paths=("topic.py",),
        results=(draft,),
    )  # fmt: skip
    other.house.coordinator.do(running, VerificationNoted, agent="other")
    hosted.house.follow()
    assert verified_elsewhere(hosted.site(), at)
    assert not verified_elsewhere(other.site(agent="other"), at)
    # Not for ever: nobody knows whether it still lives.
    check(other.site(), [entry.id])
    begin = BeginLanding(ids=(entry.id,), expect=at, result=entry.head, tree=entry.head)
    hosted.policy("unit", "true", enabled=False)
    begun = other.house.coordinator.do(begin, Begun, agent="other")
    hosted.house.follow()
    found = land(hosted.site(), [entry.id], wait=0)
    assert (plain(found), "other lands" in found.waiting[entry.id]) == ({"merged": []}, True)
    second = hosted.ready("second")
    with pytest.raises(LandingBusy) as busy:
        land(hosted.site(), [second.id], wait=0)
    assert "other lands" in busy.value.message
    assert hosted.main() == at
    back = TakeBack(ids=(entry.id,), reason="it changed its mind", run=begun.run)
    ended = [structs.replace(running, results=(structs.replace(draft, status="failed"),)), back]

    def end(seconds: float) -> None:
        other.house.coordinator.run(ended.pop(), agent="other")

    # While it is waited for the other one gives it back, and ends what it verifies.
    monkeypatch.setattr(turn, "time", SimpleNamespace(sleep=end, monotonic=time.monotonic))
    assert plain(land(hosted.site(), [entry.id])) == {"merged": ["topic"]}
    assert ended == []


def test_a_protected_target_is_handed_to_a_pull_request_and_seen_when_merged(
    hosted: Yard, git_host: GitHost
) -> None:
    git_host.protect("hub", MAIN)
    hosted.task("t-1", "topic.py")
    entry = hosted.ready("topic", who=hosted.ada, task="t-1")
    git(hosted.repo, "push", "-q", "origin", "topic")
    before = heads(hosted)
    assert plain(hosted.land()) == {"merged": [], "handed_over": ["topic"]}
    assert heads(hosted) == before
    found = hosted.entry(entry.id)
    assert found.status == "landing"
    assert "protected" in found.reason
    assert hosted.keys() == ["topic.py"]
    # Somebody merges the pull request, as a squash; the branch is deleted there.
    git_host.protect("hub")
    git(hosted.repo, "checkout", "-q", "main")
    git(hosted.repo, "merge", "-q", "--squash", "topic")
    git(hosted.repo, "commit", "-q", "-m", "topic (#1)")
    git(hosted.repo, "push", "-q", "origin", "main", ":topic")
    git(hosted.repo, "branch", "-q", "-D", "topic")
    found_then = hosted.land()
    assert [one.id for batch in found_then.settled for one in batch.merges] == [entry.id]
    assert hosted.task_status("t-1") == "completed"
    assert hosted.keys() == []


def test_a_hook_that_declines_one_branch_has_it_ejected_and_the_others_land(
    hosted: Yard, git_host: GitHost
) -> None:
    hook = git_host.path("hub") / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        "#!/bin/sh\nwhile read old new ref; do\n"
        'case "$ref" in refs/heads/*) git cat-file -e "$new:bad.py" 2>/dev/null &&'
        ' { echo "no bad files here" >&2; exit 1; };; esac\ndone\nexit 0\n'
    )
    hook.chmod(hook.stat().st_mode | stat.S_IXUSR)
    for name in ("a", "bad", "c"):
        hosted.ready(name)
    found = hosted.land()
    assert plain(found) == {"merged": ["a", "c"], "ejected": ["bad"]}
    assert "no bad files here" in found.ejected.popitem()[1].reason
    assert hosted.files() == {"README", "a.py", "c.py"}


def test_what_is_too_large_for_the_host_is_ejected_and_the_others_land(
    hosted: Yard, git_host: GitHost
) -> None:
    git_host.git("hub", "config", "receive.maxInputSize", "60000")
    hosted.branch("large", {"large.bin": os.urandom(200_000)})
    entry = hosted.queue("large")
    hosted.ready("small")
    assert plain(hosted.land()) == {"merged": ["small"], "ejected": ["large"]}
    assert "maximum allowed size" in hosted.entry(entry.id).reason
    assert hosted.files() == {"README", "small.py"}


def test_a_host_that_says_413_costs_an_attempt(
    hosted: Yard, git_host: GitHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = hosted.ready("topic")
    once = iter([True])
    rehearse = line.Landing.rehearse

    def then_refuse(self: line.Landing) -> None:
        rehearse(self)
        if next(once, False):
            git_host.faults.append(status(413, command="push"))

    monkeypatch.setattr(line.Landing, "rehearse", then_refuse)
    assert plain(hosted.land()) == {"merged": ["topic"]}
    assert hosted.entry(entry.id).attempts == 1


def test_a_target_that_moves_before_the_push_is_built_upon_again(
    hosted: Yard, git_host: GitHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = hosted.ready("topic")
    rival = git_host.clone("hub", git_host.url("hub"), tmp_path / "rival")
    commit(rival, {"rival.py": "r\n"})
    once = iter([True])
    made = line.build

    def build(*given: object) -> object:
        found = made(*given)  # type: ignore[arg-type]
        if next(once, False):
            git(rival, "push", "-q", "origin", "main")
        return found

    monkeypatch.setattr(line, "build", build)
    assert plain(hosted.land()) == {"merged": ["topic"]}
    assert hosted.files() == {"README", "rival.py", "topic.py"}
    assert hosted.entry(entry.id).attempts == 0


def test_a_target_that_moves_between_rehearsal_and_push_is_built_upon_again(
    hosted: Yard, git_host: GitHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosted.ready("topic")
    rival = git_host.clone("hub", git_host.url("hub"), tmp_path / "rival")
    commit(rival, {"rival.py": "r\n"})
    once = iter([True])
    rehearse = line.Landing.rehearse

    def late(self: line.Landing) -> None:
        rehearse(self)
        if next(once, False):
            git(rival, "push", "-q", "origin", "main")

    monkeypatch.setattr(line.Landing, "rehearse", late)
    assert plain(hosted.land()) == {"merged": ["topic"]}
    assert hosted.files() == {"README", "rival.py", "topic.py"}


def test_a_target_that_moves_all_the_time_is_given_up(
    hosted: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = hosted.ready("topic")
    rehearse = line.Landing.rehearse

    def late(self: line.Landing) -> None:
        rehearse(self)
        tip = hosted.main()
        again = git(hosted.hub, "-c", "user.name=x", "-c", "user.email=x@y", "commit-tree",
                    "-p", tip, "-m", "again", f"{tip}^{{tree}}")  # fmt: skip
        git(hosted.hub, "update-ref", MAIN, again)

    monkeypatch.setattr(line.Landing, "rehearse", late)
    with pytest.raises(TargetMoved):
        hosted.land()
    assert hosted.entry(entry.id).status == "queued"
    assert "topic.py" not in hosted.files()


def test_an_answer_that_is_lost_is_looked_up(
    hosted: Yard, git_host: GitHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = hosted.ready("topic")
    rehearse = line.Landing.rehearse

    def then_cut(self: line.Landing) -> None:
        rehearse(self)
        git_host.faults.append(cut_after(command="push"))

    monkeypatch.setattr(line.Landing, "rehearse", then_cut)
    assert plain(hosted.land()) == {"merged": ["topic"]}
    assert hosted.entry(entry.id).result == hosted.main()
    assert git_host.faults == []


def test_the_users_own_pre_push_hook_is_heard(hosted: Yard) -> None:
    if sys.platform == "win32":
        pytest.skip("needs a shell")
    hook = Path(hosted.repo, ".git", "hooks", "pre-push")
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'lint fails' >&2\nexit 1\n")
    hook.chmod(hook.stat().st_mode | stat.S_IXUSR)
    entry = hosted.ready("topic")
    start = hosted.main()
    assert plain(hosted.land()) == {"merged": [], "ejected": ["topic"]}
    assert "lint fails" in hosted.entry(entry.id).reason
    assert hosted.main() == start


def test_a_host_that_cannot_move_both_as_one_still_has_a_queue(
    git_host: GitHost, repo: str, tmp_path: Path
) -> None:
    hub = str(git_host.create("hub"))
    git_host.no_atomic("hub")
    git(repo, "push", "-q", hub, "main")
    here = elsewhere(git_host, tmp_path, begin=True)
    entry = here.ready("topic")
    check(here.site(), [entry.id])
    before = git(hub, "for-each-ref")
    with pytest.raises(HostRefused) as refused:
        here.land()
    assert "pull request" in str(refused.value.hint)
    assert git(hub, "for-each-ref") == before
    git(here.repo, "push", "-q", "origin", "topic:main")
    check(here.site(), [entry.id])
    assert here.entry(entry.id).status == "merged"


def test_a_ledger_that_is_kept_apart_from_the_code_is_told_before_anything(
    git_host: GitHost, repo: str
) -> None:
    git_host.create("private")
    house = open_house(repo, os.environ, remote=git_host.url("private"))
    houses.OPENED.append(house)
    house.coordinator.begin(Begin())
    found = Yard(repo, house)
    found.branch("topic", {"topic.py": "t\n"})
    with pytest.raises(LandingRefused) as refused:
        found.queue("topic")
    assert "another repository" in refused.value.message
    with pytest.raises(LandingRefused):
        found.land()


def test_a_host_that_is_gone_changes_nothing(hosted: Yard, git_host: GitHost) -> None:
    entry = hosted.ready("topic")
    before = git(hosted.hub, "for-each-ref")
    git_host.stop()
    with pytest.raises(HostUnreachable):
        hosted.land()
    git_host.start()
    assert git(hosted.hub, "for-each-ref") == before
    assert plain(hosted.land()) == {"merged": ["topic"]}
    assert hosted.entry(entry.id).attempts == 0


def test_settings_say_how_often_a_landing_may_fail(hosted: Yard, git_host: GitHost) -> None:
    git_host.protect("hub", MAIN, words="no such luck")
    hosted.house.coordinator.run(ChangeSettings(values={"merge_attempts": 1}))
    entry = hosted.ready("topic")
    assert plain(hosted.land()) == {"merged": [], "ejected": ["topic"]}
    assert hosted.entry(entry.id).attempts == 1
