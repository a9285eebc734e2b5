"""What lands has passed its checks: culprits are found, waiting is no blame, people are asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitcoord.domain.approvals import Approval
from gitcoord.domain.approving import DecideApproval
from gitcoord.domain.verification import Verification
from gitcoord.domain.verify_policies import SetVerifyPolicy
from gitcoord.errors import TargetDirty
from gitcoord.landing.check import check
from tests.gitrun import git
from tests.landing.yard import Yard, plain, yard


@pytest.fixture
def here(repo: str) -> Yard:
    """Have a ledger, and stand on a branch beside main."""
    found = yard(repo)
    git(repo, "checkout", "-q", "-b", "elsewhere")
    return found


def test_the_culprit_of_a_batch_is_found_and_ejected_and_the_others_land(here: Yard) -> None:
    here.policy("no-bad", "test ! -e bad.py")
    for name in ("a", "b", "bad", "c", "d"):
        here.ready(name)
    found = here.land()
    assert plain(found) == {"merged": ["a", "b", "c", "d"], "ejected": ["bad"]}
    assert "no-bad" in found.ejected.popitem()[1].reason
    assert here.files() == {"README", "a.py", "b.py", "c.py", "d.py"}


def test_the_target_never_has_what_did_not_pass(here: Yard) -> None:
    """Two that pass alone and not together: the second is ejected, though it passes alone."""
    here.policy("at-most-one", 'test "$(ls *.py | wc -l)" -lt 2')
    for name in ("one", "two"):
        here.ready(name)
    found = here.land()
    assert plain(found) == {"merged": ["one"], "ejected": ["two"]}
    tree = git(here.repo, "rev-parse", "main^{tree}")
    with here.house.ledger.state() as state:
        (known,) = state.find(Verification, f"tree:{tree}")
    assert [result.status for result in known.results] == ["passed"]


def test_the_same_tree_is_not_checked_twice(here: Yard, tmp_path: Path) -> None:
    here.policy("once", f"echo x >> '{tmp_path}/runs'")
    here.ready("topic")
    git(here.repo, "checkout", "-q", "main")
    Path(here.repo, "README").write_text("mine\n")
    for _ in range(2):
        with pytest.raises(TargetDirty):
            here.land()
    git(here.repo, "checkout", "-q", "README")
    assert plain(here.land()) == {"merged": ["topic"]}
    assert (tmp_path / "runs").read_text() == "x\n"


def test_what_is_no_longer_what_was_queued_is_not_even_checked(here: Yard, tmp_path: Path) -> None:
    here.policy("runs", f"echo x >> '{tmp_path}/runs'")
    entry = here.ready("topic")
    check(here.site(), [entry.id])
    git(here.repo, "branch", "-q", "-D", "topic")
    assert plain(here.land()) == {"merged": [], "blocked": ["topic"]}
    assert not (tmp_path / "runs").exists()


def test_what_github_has_not_checked_waits_and_is_not_to_blame(here: Yard) -> None:
    wish = SetVerifyPolicy(name="ci", executor="github", include=("slow/**",), tier=1)
    assert here.house.coordinator.run(wish)[0].error is None
    here.branch("slow", {"slow/x.py": "x\n"})
    entry = here.queue("slow")
    here.ready("quick")
    found = here.land()
    assert plain(found) == {"merged": ["quick"]}
    assert "ci" in found.waiting[entry.id]
    assert here.entry(entry.id).status == "ready"
    assert here.entry(entry.id).attempts == 0


def test_a_person_is_asked_once_and_then_it_lands(here: Yard) -> None:
    wish = SetVerifyPolicy(name="eyes", executor="person", include=("auth/**",), tier=4)
    assert here.house.coordinator.run(wish)[0].error is None
    here.branch("login", {"auth/x.py": "x\n"})
    entry = here.queue("login", here.ada)
    for _ in range(2):
        assert plain(here.land())["merged"] == []
    assert "approval" in here.entry(entry.id).reason
    with here.house.ledger.state() as state:
        (asked,) = state.all(Approval)
    assert (asked.subject.text, asked.subject.head) == (entry.id, entry.head)
    decide = DecideApproval(id=asked.id, decision="approve")
    assert here.house.coordinator.run(decide, agent="lander")[0].error is None
    assert plain(here.land()) == {"merged": ["login"]}
    with here.house.ledger.state() as state:
        assert next(iter(state.all(Approval, archived=True))).used_at


def test_an_approval_is_for_the_commit_that_was_seen(here: Yard) -> None:
    wish = SetVerifyPolicy(name="eyes", executor="person", include=("auth/**",), tier=4)
    here.house.coordinator.run(wish)
    here.branch("login", {"auth/x.py": "x\n"})
    here.queue("login", here.ada)
    here.land()
    with here.house.ledger.state() as state:
        (asked,) = state.all(Approval)
    here.house.coordinator.run(DecideApproval(id=asked.id, decision="approve"), agent="lander")
    git(here.repo, "branch", "-q", "-D", "login")
    here.branch("login", {"auth/x.py": "something else\n"})
    here.queue("login", here.ada)
    assert plain(here.land())["merged"] == []
