"""The line to a local target: what lands, what does not and why, and what ends with it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitcoord.domain.lock_operations import ReleaseLocks
from gitcoord.domain.registering import RegisterFeature
from gitcoord.errors import (
    BranchMissing,
    InvalidValue,
    NothingToLand,
    TargetDirty,
    TargetMoved,
    UnrelatedHistories,
    UsageError,
)
from gitcoord.landing import line
from gitcoord.landing.check import check
from gitcoord.landing.facts import facts
from gitcoord.landing.line import land
from gitcoord.landing.site import Tips
from gitcoord.storage.moving import Moving
from tests.conftest import first_commit
from tests.gitrun import git
from tests.landing.yard import MAIN, Yard, plain, yard
from tests.ledger.houses import session
from tests.storage.histories import branch, commit, untouched

every = pytest.mark.parametrize("method", ["merge", "squash", "rebase"])


@pytest.fixture
def here(repo: str) -> Yard:
    """Have a ledger, and stand on a branch beside main."""
    found = yard(repo)
    git(repo, "checkout", "-q", "-b", "elsewhere")
    return found


@every
def test_a_branch_lands_and_all_that_belongs_to_it_ends(here: Yard, method: str) -> None:
    here.task("t-1", "one.py")
    here.lock(here.ada, "two.py", "other.py")
    here.branch("topic", {"one.py": "1\n"}, {"two.py": "2\n"})
    entry = here.queue("topic", here.ada, task="t-1", method=method)
    before = untouched(here.repo)[1:]
    (landed,) = here.land().landed
    assert [one.id for one in landed.merges] == [entry.id]
    assert landed.tasks == ["t-1"]
    assert here.files() == {"README", "one.py", "two.py"}
    assert here.entry(entry.id).status == "merged"
    assert here.task_status("t-1") == "completed"
    assert here.keys() == ["other.py"]
    assert untouched(here.repo)[1:] == before
    said = git(here.repo, "log", "-1", "--format=%B", "main")
    if method != "rebase":
        assert f"Coord-Merge: {entry.id}" in said
        assert f"Coord-Session: {here.ada.id}" in said


def test_disjoint_branches_land_together_in_one_swap(here: Yard) -> None:
    for name in ("a", "b", "c"):
        here.ready(name)
    start = here.main()
    (landed,) = here.land().landed
    assert [one.branch for one in landed.merges] == ["a", "b", "c"]
    assert len(git(here.repo, "rev-list", "--first-parent", f"{start}..main").split()) == 3
    # Their branch moved once.
    assert git(here.repo, "reflog", "main").count("gitcoord: land") == 1


def test_overlapping_branches_land_one_after_the_other(here: Yard) -> None:
    commit(here.repo, {"shared": "".join(f"{n}\n" for n in range(30))}, "-m", "shared")
    git(here.repo, "branch", "-f", "main", "elsewhere")
    lines = [str(n) for n in range(30)]
    for name, at in (("one", 2), ("two", 25)):
        text = "\n".join([*lines[:at], name, *lines[at + 1 :]]) + "\n"
        here.branch(name, {"shared": text})
        here.queue(name)
    found = here.land()
    assert [[one.branch for one in batch.merges] for batch in found.landed] == [["one"], ["two"]]
    text = git(here.repo, "show", "main:shared")
    assert "one" in text
    assert "two" in text


def test_of_two_that_conflict_the_first_lands_and_the_second_is_blocked(here: Yard) -> None:
    for name in ("one", "two"):
        here.branch(name, {"README": f"{name}\n"})
        here.queue(name)
    assert plain(here.land()) == {"merged": ["one"], "blocked": ["two"]}
    (blocked,) = [one for one in here.entries() if one.branch == "two"]
    assert "README" in blocked.reason
    # Mended, and queued again, it lands.
    git(here.repo, "checkout", "-q", "two")
    git(here.repo, "reset", "-q", "--hard", "main")
    commit(here.repo, {"README": "two after one\n"})
    git(here.repo, "checkout", "-q", "elsewhere")
    assert here.queue("two").id == blocked.id
    assert plain(here.land()) == {"merged": ["two"]}


def test_one_that_conflicts_leaves_its_batch_to_the_others(here: Yard) -> None:
    """Renames can clash though no path is the same: then the batch is cut there."""
    commit(here.repo, {"dir/f": "f\n" * 9, "g": "g\n"}, "-m", "dir")
    git(here.repo, "branch", "-f", "main", "elsewhere")
    here.branch("mover", {"dir/f": None, "new/f": "f\n" * 9})
    here.branch("adder", {"g": "h\n", "new": "a file where the other has a folder\n"})
    for name in ("mover", "adder"):
        here.queue(name)
    assert plain(here.land()) == {"merged": ["mover"], "blocked": ["adder"]}


def test_needs_and_priority_make_the_order(here: Yard) -> None:
    late = here.ready("late", priority=9)
    here.ready("early", priority=1, needs=(late.id,))
    here.ready("other", priority=5)
    (landed,) = here.land().landed
    assert [one.branch for one in landed.merges] == ["other", "late", "early"]


def test_named_entries_land_alone(here: Yard) -> None:
    one, two = here.ready("one"), here.ready("two")
    assert plain(here.land(two.id)) == {"merged": ["two"]}
    assert here.entry(one.id).status == "queued"


def test_a_branch_that_others_hold_is_blocked_until_they_let_go(here: Yard) -> None:
    bob = session(here.house, "bob")
    here.lock(bob, "one.py")
    entry = here.ready("one", who=here.ada)
    start = here.main()
    assert plain(here.land()) == {"merged": [], "blocked": ["one"]}
    assert "bob" in here.entry(entry.id).reason
    assert here.main() == start
    here.house.coordinator.run(ReleaseLocks(keys=("one.py",)), session=bob.id)
    assert plain(here.land()) == {"merged": ["one"]}


def test_a_blocked_entry_is_not_checked_again_without_news(here: Yard) -> None:
    bob = session(here.house, "bob")
    here.lock(bob, "one.py")
    here.ready("one", who=here.ada)
    here.land()
    before = here.head()
    assert plain(here.land()) == {"merged": []}
    assert here.head() == before


def test_a_feature_is_completed_by_its_last_branch(here: Yard) -> None:
    wish = RegisterFeature(id="login", claims=("src/**",))
    here.house.coordinator.run(wish, session=here.ada.id)
    one = here.ready("one", who=here.ada, feature="login")
    two = here.ready("two", who=here.ada, feature="login")
    (first,) = here.land(one.id).landed
    assert first.features == []
    (second,) = here.land(two.id).landed
    assert second.features == ["login"]


def gone(here: Yard) -> None:
    git(here.repo, "branch", "-q", "-D", "topic")


def moved(here: Yard) -> None:
    git(here.repo, "checkout", "-q", "topic")
    commit(here.repo, {"more.py": "m\n"})
    git(here.repo, "checkout", "-q", "elsewhere")


def rewound(here: Yard) -> None:
    git(here.repo, "branch", "-q", "-f", "topic", "topic~1")


CHANGES = [(gone, "no branch topic"), (moved, "moved on"), (rewound, "rewound")]
changes = pytest.mark.parametrize(("change", "words"), CHANGES)


@changes
@pytest.mark.parametrize("checked", [False, True])
def test_a_branch_that_changes_while_it_is_queued_does_not_land(
    here: Yard, change: Callable[[Yard], None], words: str, checked: bool
) -> None:
    here.branch("topic", {"a.py": "a\n"}, {"b.py": "b\n"})
    entry = here.queue("topic")
    if checked:
        check(here.site(), [entry.id])
        assert here.entry(entry.id).status == "ready"
    start = here.main()
    change(here)
    assert plain(here.land()) == {"merged": [], "blocked": ["topic"]}
    assert here.main() == start
    assert words in here.entry(entry.id).reason


@changes
def test_a_branch_that_changes_while_it_is_verified_does_not_land(
    here: Yard, change: Callable[[Yard], None], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.branch("topic", {"a.py": "a\n"}, {"b.py": "b\n"})
    entry = here.queue("topic")
    start = here.main()
    verified = line.verify

    def verify(*given: Any, **said: Any) -> Any:
        change(here)
        return verified(*given, **said)

    monkeypatch.setattr(line, "verify", verify)
    assert plain(here.land()) == {"merged": [], "blocked": ["topic"]}
    assert here.main() == start
    assert words in here.entry(entry.id).reason


@every
def test_what_somebody_has_merged_by_hand_is_settled(here: Yard, method: str) -> None:
    here.task("t-1", "topic.py")
    entry = here.ready("topic", who=here.ada, task="t-1")
    git(here.repo, "checkout", "-q", "main")
    if method == "merge":
        git(here.repo, "merge", "-q", "--no-ff", "-m", "by hand", "topic")
    elif method == "squash":
        git(here.repo, "merge", "-q", "--squash", "topic")
        git(here.repo, "commit", "-q", "-m", "by hand")
    else:
        commit(here.repo, {"other.py": "o\n"})
        git(here.repo, "cherry-pick", "topic")
    git(here.repo, "branch", "-q", "-D", "topic")
    start = here.main()
    found = here.land()
    assert [one.id for batch in found.settled for one in batch.merges] == [entry.id]
    assert here.main() == start
    assert here.task_status("t-1") == "completed"


def test_nothing_to_land_is_refused_at_once(here: Yard) -> None:
    here.branch("empty")
    here.branch("hollow", {}, {})
    before = here.head()
    for name in ("empty", "hollow"):
        with pytest.raises(NothingToLand):
            here.queue(name)
    with pytest.raises(BranchMissing):
        here.queue("nowhere")
    with pytest.raises(UsageError):
        here.queue("main")
    assert here.head() == before


def test_unrelated_histories_are_refused_at_once(here: Yard, tmp_path: Path) -> None:
    other = first_commit(tmp_path / "other")
    commit(other, {"x.py": "x\n"}, "-m", "x", "--amend", "--date", "2020-01-01T00:00:00Z")
    git(here.repo, "fetch", "-q", other, "main:apart")
    with pytest.raises(UnrelatedHistories):
        here.queue("apart")


@pytest.mark.skipif(sys.platform != "linux", reason="needs names that are no UTF-8")
def test_a_branch_whose_name_is_no_utf_8_is_refused(here: Yard) -> None:
    name = os.fsdecode(b"caf\xe9")
    head = here.branch("cafe", {"a.py": "a\n"})
    subprocess.run(["git", "-C", here.repo, "branch", name, head], check=True)
    with pytest.raises(InvalidValue) as refused:
        here.queue(name)
    assert "git branch" in str(refused.value.hint)


@pytest.mark.skipif(sys.platform != "linux", reason="needs names that are no UTF-8")
def test_files_whose_names_are_no_utf_8_land_alone(here: Yard) -> None:
    here.branch("bytes", {b"caf\xe9.py": "b\n"})
    entry = here.queue("bytes")
    here.ready("other")
    found = here.land()
    assert here.entry(entry.id).wide
    assert [[one.branch for one in batch.merges] for batch in found.landed] == [
        ["bytes"],
        ["other"],
    ]


def test_a_target_that_is_checked_out_dirty_stops_the_line_before_anything(here: Yard) -> None:
    git(here.repo, "checkout", "-q", "main")
    entry = here.ready("topic")
    Path(here.repo, "README").write_text("mine\n")
    start = here.main()
    with pytest.raises(TargetDirty) as refused:
        here.land()
    assert here.repo in refused.value.message
    assert here.main() == start
    found = here.entry(entry.id)
    assert (found.status, found.attempts) == ("ready", 0)
    git(here.repo, "checkout", "-q", "README")
    assert plain(here.land()) == {"merged": ["topic"]}
    assert Path(here.repo, "topic.py").exists()
    assert git(here.repo, "status", "--porcelain") == ""


def test_a_target_that_moves_while_it_is_built_is_built_upon_again(
    here: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = here.ready("topic")
    here.branch("rival", {"rival.py": "r\n"})
    once = iter([True])
    made = line.build

    def build(*given: object) -> object:
        found = made(*given)  # type: ignore[arg-type]
        if next(once, False):
            git(here.repo, "branch", "-q", "-f", "main", "rival")
        return found

    monkeypatch.setattr(line, "build", build)
    assert plain(here.land()) == {"merged": ["topic"]}
    assert here.files() == {"README", "rival.py", "topic.py"}
    assert here.entry(entry.id).attempts == 0


def test_a_target_that_moves_in_the_last_moment_costs_no_attempt(
    here: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = here.ready("topic")
    here.branch("rival", {"rival.py": "r\n"})
    once = iter([True])
    secure = Moving._secure

    def late(self: Moving) -> None:
        if next(once, False):
            git(here.repo, "branch", "-q", "-f", "main", "rival")
        secure(self)

    monkeypatch.setattr(Moving, "_secure", late)
    assert plain(here.land()) == {"merged": ["topic"]}
    assert here.entry(entry.id).attempts == 0


def test_a_target_that_moves_all_the_time_is_given_up_and_nobody_ejected(
    here: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = here.ready("topic")
    secure = Moving._secure

    def late(self: Moving) -> None:
        tip = here.main()
        again = git(here.repo, "commit-tree", "-p", tip, "-m", "again", f"{tip}^{{tree}}")
        git(here.repo, "branch", "-q", "-f", "main", again)
        secure(self)

    monkeypatch.setattr(Moving, "_secure", late)
    with pytest.raises(TargetMoved):
        here.land()
    assert here.entry(entry.id).status == "queued"
    monkeypatch.undo()
    assert plain(here.land()) == {"merged": ["topic"]}


def test_without_its_target_branch_nothing_can_land(here: Yard) -> None:
    entry = here.ready("topic")
    tip = here.main()
    git(here.repo, "branch", "-q", "-D", "main")
    found = land(here.site())
    assert plain(found) == {"merged": [], "blocked": ["topic"]}
    assert "there is no branch main" in here.entry(entry.id).reason
    git(here.repo, "branch", "-q", "main", tip)
    assert plain(here.land()) == {"merged": ["topic"]}


def test_a_target_that_is_another_name_of_a_branch_is_followed_there(here: Yard) -> None:
    git(here.repo, "branch", "-q", "-m", "main", "trunk")
    git(here.repo, "symbolic-ref", MAIN, "refs/heads/trunk")
    git(here.repo, "checkout", "-q", "trunk")
    here.ready("topic", target="main")
    assert plain(here.land()) == {"merged": ["topic"]}
    assert git(here.repo, "rev-parse", "trunk") == here.main()
    assert git(here.repo, "symbolic-ref", MAIN) == "refs/heads/trunk"
    assert git(here.repo, "status", "--porcelain") == ""


def test_an_interrupted_landing_is_taken_back_at_once(
    here: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = here.ready("topic")

    def interrupted(self: Moving) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Moving, "_secure", interrupted)
    with pytest.raises(KeyboardInterrupt):
        land(here.site())
    assert (here.entry(entry.id).status, here.entry(entry.id).attempts) == ("queued", 0)
    monkeypatch.undo()
    assert plain(here.land()) == {"merged": ["topic"]}


def test_a_bare_repository_has_a_line_too(repo: str, tmp_path: Path) -> None:
    bare = str(tmp_path / "bare.git")
    branch(repo, "topic", {"topic.py": "t\n"})
    git(repo, "clone", "-q", "--bare", repo, bare)
    found = yard(bare)
    found.queue("topic")
    assert plain(found.land()) == {"merged": ["topic"]}


def test_a_check_asked_twice_adds_no_objects(here: Yard) -> None:
    entry = here.ready("topic", method="squash")
    check(here.site(), [entry.id])
    tip = here.main()
    before = [facts(here.site(), entry, tip, Tips(here=entry.head)), objects(here.repo)]
    assert [facts(here.site(), entry, tip, Tips(here=entry.head)), objects(here.repo)] == before


def objects(repo: str) -> str:
    return git(repo, "count-objects", "-v")


def test_the_line_goes_to_several_targets(here: Yard) -> None:
    git(here.repo, "branch", "-q", "release", "main")
    one, two = here.ready("one"), here.ready("two", target="release")
    git(here.repo, "checkout", "-q", "main")
    Path(here.repo, "README").write_text("mine\n")
    found = here.land()
    assert [entry.id for entry in found.merged] == [two.id]
    assert "changes of its own" in found.waiting[one.id]
    git(here.repo, "checkout", "-q", "README")
    assert plain(here.land()) == {"merged": ["one"]}
    assert here.files() == {"README", "one.py"}


def test_in_a_sha_256_repository_too(sha256_repo: str) -> None:
    found = yard(sha256_repo)
    found.ready("topic")
    assert plain(found.land()) == {"merged": ["topic"]}
