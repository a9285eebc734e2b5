"""Released is not landed: marks are made from git and end when the work is in the target."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from gitcoord.bootstrap import House
from gitcoord.domain.lock_operations import Released, ReleaseLocks
from gitcoord.domain.settings import Settings
from gitcoord.domain.unlanded import Mark
from gitcoord.ledger.landing import PATHS_KEPT, marks_for, settle
from gitcoord.storage.worktree import Checkout
from tests.gitrun import git
from tests.ledger.houses import acquire, begun, session


def checkout_of(house: House) -> Checkout:
    return Checkout(house.repository, os.environ)


def write(repo: str, name: str, text: str) -> None:
    path = Path(repo, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def commit(repo: str, name: str, text: str) -> None:
    write(repo, name, text)
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", name)


def marked(house: House) -> list[str]:
    with house.ledger.state() as state:
        return [mark.name for mark in state.all(Mark)]


def released(house: House, *keys: str) -> Released:
    """Return the answer to releasing keys as a door would do it."""
    ada = session(house)
    acquire(house, ada, *keys)
    marks = marks_for(checkout_of(house), keys, Settings())
    wish = ReleaseLocks(keys=keys, marks=marks)
    return house.coordinator.do(wish, Released, session=ada.id)


@pytest.fixture
def house(repo: str) -> House:
    """Return a ledger where a branch `work` is checked out."""
    git(repo, "switch", "-q", "-c", "work")
    return begun(repo)


def test_keys_with_work_that_is_not_in_the_target_get_marks(house: House, repo: str) -> None:
    commit(repo, "src/a.py", "1")
    write(repo, "docs/b.md", "dirty")
    answer = released(house, "src/**", "docs/", "tests/", "api:users")
    assert [(mark.key, mark.branch, mark.paths) for mark in answer.unlanded] == [
        ("src/**", "work", ("src/a.py",)),
        ("docs/**", "work", ("docs/b.md",)),
    ]
    assert {mark.head for mark in answer.unlanded} == {git(repo, "rev-parse", "HEAD")}


def test_logical_keys_do_not_even_start_git(house: House) -> None:
    nowhere = Checkout(house.repository, {"PATH": "/nonexistent"})
    assert marks_for(nowhere, ["api:users", "db:users"], Settings()) == ()
    assert marks_for(nowhere, [], Settings()) == ()


def test_a_detached_head_is_named_by_its_commit(house: House, repo: str) -> None:
    git(repo, "switch", "-q", "--detach")
    commit(repo, "a.py", "1")
    (draft,) = marks_for(checkout_of(house), ["a.py"], Settings())
    assert draft.branch == draft.head == git(repo, "rev-parse", "HEAD")


def test_before_the_first_commit_there_is_nothing_to_build_on(empty_repo: str) -> None:
    house = begun(empty_repo)
    write(empty_repo, "a.py", "1")
    assert marks_for(checkout_of(house), ["a.py"], Settings()) == ()


def test_a_mark_names_a_bounded_number_of_paths(house: House, repo: str) -> None:
    for number in range(PATHS_KEPT + 5):
        write(repo, f"src/{number:03}.py", "x")
    (draft,) = marks_for(checkout_of(house), ["src/"], Settings())
    assert len(draft.paths) == PATHS_KEPT


@pytest.mark.skipif(sys.platform != "linux", reason="file names are Unicode elsewhere")
def test_a_file_name_that_is_no_text_can_be_stored_in_a_mark(house: House, repo: str) -> None:
    Path(os.fsdecode(os.path.join(os.fsencode(repo), b"a-\xff.py"))).write_text("x")
    answer = released(house, "*.py")
    assert answer.unlanded[0].paths == ("a-\\udcff.py",)


def test_case_folding_counts_for_files_too(house: House, repo: str) -> None:
    commit(repo, "SRC/A.py", "1")
    (draft,) = marks_for(checkout_of(house), ["src/a.py"], Settings(case_folding=True))
    assert draft.paths == ("SRC/A.py",)
    assert marks_for(checkout_of(house), ["src/a.py"], Settings()) == ()


def test_marks_end_when_their_work_has_landed_by_squash(house: House, repo: str) -> None:
    commit(repo, "src/a.py", "1")
    commit(repo, "docs/b.md", "1")
    released(house, "src/**", "docs/")
    assert settle(house.coordinator, checkout_of(house)) == []
    git(repo, "switch", "-q", "main")
    git(repo, "checkout", "-q", "work", "--", "src")
    git(repo, "commit", "-q", "-m", "squash of src")
    assert settle(house.coordinator, checkout_of(house)) == ["src/**@work"]
    assert marked(house) == ["docs/**@work"]
    git(repo, "merge", "-q", "work", "-m", "merge")
    assert settle(house.coordinator, checkout_of(house)) == ["docs/**@work"]
    assert marked(house) == []


def test_nothing_is_written_where_nothing_has_landed(house: House, repo: str) -> None:
    commit(repo, "src/a.py", "1")
    released(house, "src/**")
    head = house.ledger.head()
    assert settle(house.coordinator, checkout_of(house)) == []
    assert house.ledger.head() == head


def test_uncommitted_work_keeps_its_mark_until_it_is_committed_and_merged(
    house: House, repo: str, tmp_path: Path
) -> None:
    git(repo, "worktree", "add", "-q", str(tmp_path / "other"), "main")
    write(repo, "src/a.py", "dirty")
    released(house, "src/**")
    assert settle(house.coordinator, checkout_of(house)) == []
    commit(repo, "src/a.py", "committed")
    assert settle(house.coordinator, checkout_of(house)) == []
    git(str(tmp_path / "other"), "merge", "-q", "work")
    assert settle(house.coordinator, checkout_of(house)) == ["src/**@work"]


def test_work_of_a_branch_that_was_reset_is_not_taken_for_landed(house: House, repo: str) -> None:
    commit(repo, "src/a.py", "1")
    released(house, "src/**")
    git(repo, "reset", "-q", "--hard", "main")
    assert settle(house.coordinator, checkout_of(house)) == []


def test_a_mark_outlives_its_branch_and_lands_by_its_commit(house: House, repo: str) -> None:
    commit(repo, "src/a.py", "1")
    released(house, "src/**")
    git(repo, "switch", "-q", "main")
    git(repo, "cherry-pick", "work")
    git(repo, "branch", "-q", "-D", "work")
    assert settle(house.coordinator, checkout_of(house)) == ["src/**@work"]


def test_a_mark_of_a_commit_that_is_not_here_stays(house: House, repo: str) -> None:
    commit(repo, "src/a.py", "1")
    (draft,) = marks_for(checkout_of(house), ["src/**"], Settings())
    ada = session(house)
    acquire(house, ada, "src/**")
    elsewhere = type(draft)(key=draft.key, branch="far", head="1" * 40, paths=draft.paths)
    wish = ReleaseLocks(keys=("src/**",), marks=(elsewhere,))
    house.coordinator.do(wish, Released, session=ada.id)
    assert settle(house.coordinator, checkout_of(house)) == []
    assert marked(house) == ["src/**@far"]
