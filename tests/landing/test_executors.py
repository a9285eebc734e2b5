"""Who checks what is missing, in which order, and what is used again."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from gitcoord.domain.approvals import Approval, Subject, listed
from gitcoord.domain.approving import DecideApproval, Decided
from gitcoord.domain.check_runs import CheckRun
from gitcoord.domain.lock_operations import AcquireLocks, Locked
from gitcoord.domain.verification import need, risk_of, standing
from gitcoord.domain.verify_policies import VerifyPolicy, digest_of
from gitcoord.domain.verifying import RecordVerification, ResultDraft, VerificationNoted
from gitcoord.errors import ForgeBusy, ForgeRefused, NotPermitted, Unavailable
from gitcoord.landing.executors import ask
from tests.gitrun import git
from tests.landing.place import Place
from tests.ledger.houses import session

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="shells of POSIX")


@pytest.fixture
def place(repo: str) -> Place:
    return Place(repo)


@pytest.fixture
def counted(tmp_path: Path) -> Any:
    """Return a line for sh that counts how often it runs, and how often it did."""
    file = tmp_path / "runs"

    class Counted:
        line = f"echo x >> '{file}'"

        @property
        def runs(self) -> int:
            return len(file.read_text().split()) if file.exists() else 0

    return Counted()


def test_requirement_8_what_is_known_is_not_checked_again(place: Place, counted: Any) -> None:
    place.policy(shell=counted.line)
    commit = place.commit(a="1")
    assert place.verify(commit).status == "passed"
    before = place.transactions()
    assert place.verify(commit).status == "passed"
    assert (counted.runs, place.transactions()) == (1, before)
    # Another commit with the same tree, against another base, is the same content.
    git(place.path, "commit", "-q", "--amend", "-m", "another message")
    other = git(place.path, "rev-parse", "HEAD")
    assert other != commit
    assert place.verify(other, branch="elsewhere").text == "passed: unit"
    assert counted.runs == 1
    # Another tree, another policy, or somebody who asks for it, is not.
    place.verify(place.commit(a="2"))
    assert counted.runs == 2
    place.policy(shell=counted.line + " # anew")
    place.verify(other)
    assert counted.runs == 3
    place.verify(other, again=True)
    assert counted.runs == 4
    assert place.left() == []


def test_requirement_8_a_failure_is_kept_until_it_is_checked_again(
    place: Place, tmp_path: Path
) -> None:
    place.policy(shell=f"echo tried; test -e '{tmp_path}/good'")
    commit = place.commit(a="1")
    for _ in range(2):
        found = place.verify(commit)
        assert (found.status, found.failed) == ("failed", ("unit",))
        assert found.text == "unit failed (ended with 1)"
        (tmp_path / "good").touch()
    known = place.known(commit)
    assert known is not None
    (result,) = known.results
    assert (result.output, result.exit_code, result.executor) == ("tried\n", 1, "inline")
    assert place.verify(commit, again=True).status == "passed"


def test_nothing_is_noted_where_nothing_is_needed(place: Place) -> None:
    place.policy(shell="true", include=("docs/**",))
    before = place.transactions()
    assert place.verify(place.commit(a="1")).status == "not_needed"
    assert place.transactions() == before
    assert place.verify(place.commit(docs__x="1")).status == "passed"
    # Where not all paths are known every policy is about it.
    assert place.verify(place.base, paths=(), wide=True).status == "passed"


def test_cheap_tiers_come_first_and_nothing_runs_after_a_failure(
    place: Place, counted: Any
) -> None:
    place.policy("z-static", tier=0, shell=counted.line)
    place.policy("b-unit", tier=1, shell=counted.line + "; exit 1")
    place.policy("a-system", tier=3, shell=counted.line + " # all")
    place.policy("sec", tier=4)
    found = place.verify(commit := place.commit(a="1"), person=True)
    assert (found.status, found.failed, found.missing) == (
        "failed",
        ("b-unit",),
        ("a-system", "sec"),
    )
    assert place.outcomes(commit) == {"z-static": "passed", "b-unit": "failed"}
    assert counted.runs == 2
    assert place.verify(commit, person=True) == found
    assert counted.runs == 2
    with place.house.ledger.state() as state:
        assert list(listed(state)) == []


def test_requirement_8_tiers_2_and_3_run_apart_from_the_users_work(place: Place) -> None:
    spoil = "test ! -e seen && touch seen && echo spoilt > a && git status --porcelain"
    place.policy("integration", tier=2, shell=spoil)
    place.policy("system", tier=3, command=("sh", "-c", spoil))
    commit = place.commit(a="1")
    assert place.verify(commit).text == "passed: integration, system"
    known = place.known(commit)
    assert known is not None
    assert [one.output for one in known.results] == [" M a\n?? seen\n"] * 2
    assert git(place.path, "status", "--porcelain") == ""
    assert Path(place.path, "a").read_text() == "1"
    assert place.left() == []


def test_what_is_noted_says_what_was_checked_and_how_risky_it_is(place: Place) -> None:
    ada = session(place.house)
    bob = session(place.house, "bob")
    place.coordinator.do(AcquireLocks(keys=("src/",)), Locked, session=bob.id)
    place.policy(shell="true")
    commit = place.commit(src__auth__a="1\n2\n", b="1\n")
    place.verify(commit, session=ada.id, branch="feat")
    found = place.known(commit)
    assert found is not None
    assert (found.commit, found.base, found.branch) == (commit, place.base, "feat")
    assert found.tree == git(place.path, "rev-parse", f"{commit}^{{tree}}")
    assert (found.paths, found.path_count, found.tier) == (("b", "src/auth/a"), 2, 0)
    assert (found.agent, found.session) == ("ada", ada.id)
    with place.house.ledger.state() as state:
        risk = risk_of(state, found.paths, now=found.at, lines=3, session=ada.id)
        assert found.risk == risk.score == 41


@pytest.mark.skipif(sys.platform != "linux", reason="file names that are no UTF-8")
def test_names_that_are_no_text_are_checked_and_spelt(place: Place) -> None:
    place.policy(shell="true", include=("odd/*",))
    os.mkdir(os.path.join(place.path, "odd"))
    Path(os.fsdecode(os.fsencode(place.path) + b"/odd/\xff\n")).write_text("x")
    commit = place.commit()
    assert place.verify(commit).status == "passed"
    found = place.known(commit)
    assert found is not None
    assert found.paths == ("odd/\\udcff\n",)


def test_a_check_that_cannot_be_tried_says_nothing_and_is_tried_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.policy(shell="true")
    commit = place.commit(a="1")
    with monkeypatch.context() as patch:
        patch.setattr("tempfile.tempdir", "/nowhere/at/all")
        found = place.verify(commit)
    assert (found.status, found.missing) == ("pending", ("unit",))
    assert "error (cannot make /nowhere/at/all" in found.text
    assert place.verify(commit).status == "passed"


def test_it_is_seen_that_a_check_runs(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.policy(shell="true")
    commit = place.commit(a="1")

    def broken(*_: Any, **__: Any) -> Any:
        assert place.outcomes(commit) == {"unit": "running"}
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("gitcoord.landing.inline.check", broken)
        with pytest.raises(KeyboardInterrupt):
            place.verify(commit)
    # What a killed run has begun keeps nobody waiting.
    assert place.verify(commit).status == "passed"


def test_who_may_not_write_runs_nothing(repo: str, counted: Any) -> None:
    place = Place(repo, agent_trust=1)
    place.policy(shell=counted.line)
    reader = session(place.house)
    with pytest.raises(NotPermitted):
        place.verify(place.commit(a="1"), session=reader.id)
    assert counted.runs == 0


class GitHub:
    """What a door asks GitHub by."""

    def __init__(self, **runs: Any) -> None:
        self.runs = runs
        self.asked: list[str] = []

    def __call__(self, commit: str) -> Iterable[CheckRun]:
        self.asked.append(commit)
        found = self.runs.get(commit, self.runs.get("any"))
        if isinstance(found, Exception):
            raise found
        return (
            [CheckRun(name="build", conclusion=found, url="at/build")] if found is not None else []
        )


def note(place: Place, commit: str, policy: VerifyPolicy, status: str) -> None:
    """Note what GitHub has said of a commit, as the mirror does."""
    draft = ResultDraft(
        policy=policy.name, digest=digest_of(policy), status=status, executor="github",
        tier=policy.tier, reason=f"build {status}", url="at/build",
    )  # fmt: skip
    tree = git(place.path, "rev-parse", f"{commit}^{{tree}}")
    wish = RecordVerification(commit=commit, tree=tree, results=(draft,))
    place.coordinator.do(wish, VerificationNoted, agent="github")


def test_what_was_noted_of_heads_counts_where_github_is_not_asked(place: Place) -> None:
    policy = place.policy("ci", tier=1)
    heads = [place.commit(a=text) for text in "12"]
    other = place.policy("other", tier=1, checks=("slow",))
    commit = place.commit(b="1")
    note(place, heads[0], policy, "passed")
    assert "ci pending (GitHub was not asked)" in place.verify(commit, heads=heads).text
    note(place, heads[1], policy, "passed")
    place.verify(commit, heads=heads)
    assert place.outcomes(commit) == {"ci": "passed", "other": "pending"}
    note(place, heads[0], other, "passed")
    note(place, heads[1], other, "failed")
    found = place.verify(commit, heads=heads)
    assert (found.status, found.failed) == ("failed", ("other",))
    # GitHub itself knows better.
    github = GitHub(any="passed")
    assert place.verify(commit, heads=heads, check_runs=github).missing == ("other",)
    assert github.asked == heads


def test_requirement_8_tier_1_is_checked_by_github(place: Place) -> None:
    place.policy("ci", tier=1)
    commit = place.commit(a="1")
    assert place.verify(commit).text == "ci pending (GitHub was not asked)"
    for runs, status, text in (
        (GitHub(), "pending", "ci pending (no check has run)"),
        (GitHub(any=""), "pending", "ci pending (waits for build)"),
        (GitHub(any="failed"), "failed", "ci failed (build failed)"),
        # One that is run again there is not failed for ever.
        (GitHub(any=""), "pending", "ci pending (waits for build)"),
        (GitHub(any="passed"), "passed", "passed: ci"),
    ):
        found = place.verify(commit, check_runs=runs)
        assert (found.status, found.text, runs.asked) == (status, text, [commit])
    known = place.known(commit)
    assert known is not None
    assert (known.results[0].url, known.results[0].executor) == ("at/build", "github")
    quiet = GitHub(any="failed")
    assert place.verify(commit, check_runs=quiet).status == "passed"
    assert quiet.asked == []


def test_what_github_says_as_before_is_not_written_again(place: Place) -> None:
    place.policy("ci", tier=1, checks=("build",))
    commit = place.commit(a="1")
    place.verify(commit, check_runs=GitHub(any=""))
    before = place.transactions()
    for _ in range(2):
        assert place.verify(commit, check_runs=GitHub(any="")).status == "pending"
    assert place.transactions() == before


def test_of_several_heads_all_have_to_pass(place: Place) -> None:
    place.policy("ci", tier=1, checks=("build",))
    commit = place.commit(a="1")
    one, two = "1" * 40, "2" * 40
    for first, second, status in (
        ("passed", "", "pending"), ("", "failed", "failed"), ("failed", "passed", "failed"),
        ("passed", "passed", "passed"),
    ):  # fmt: skip
        runs = GitHub(**{one: first, two: second})
        assert place.verify(commit, check_runs=runs, heads=(one, two)).status == status
        assert runs.asked == [one, two]


@pytest.mark.parametrize("trouble", [Unavailable("no"), ForgeBusy("wait"), ForgeRefused("403")])
def test_github_that_does_not_answer_says_nothing(place: Place, trouble: Exception) -> None:
    place.policy("ci", tier=1)
    commit = place.commit(a="1")
    found = place.verify(commit, check_runs=GitHub(any=trouble))
    assert (found.status, found.text) == ("pending", f"ci error ({trouble})")
    assert place.verify(commit, check_runs=GitHub(any="passed")).status == "passed"


def decide(place: Place, id: str, decision: Any, reason: str = "") -> None:
    wish = DecideApproval(id=id, decision=decision, reason=reason)
    place.coordinator.do(wish, Decided, agent="max")


def open_request(place: Place) -> Approval:
    with place.house.ledger.state() as state:
        (found,) = listed(state)
    return found


def test_requirement_8_tier_4_goes_to_the_approval_queue(place: Place) -> None:
    place.policy("sec", tier=4)
    ada = session(place.house)
    commit = place.commit(a="1")
    found = place.verify(commit, person=True, session=ada.id, branch="feat")
    asked = open_request(place)
    assert found.text == f"sec pending (waits for a decision of {asked.id})"
    assert (asked.subject.kind, asked.subject.head) == ("merge", commit)
    assert (asked.title, asked.session) == (f"land {commit[:10]} of feat", ada.id)
    assert asked.why == "policy sec, tier 4; risk 0"
    assert asked.details["paths"] == ["a"]
    # Asked again it is the same request; nobody's word but a person's counts.
    place.verify(commit, person=True, session=ada.id)
    assert open_request(place).id == asked.id
    decide(place, asked.id, "approve")
    assert place.verify(commit, person=True, session=ada.id).status == "passed"
    # A person does not consent twice to the same content.
    assert place.verify(commit, person=True, session=ada.id, again=True).status == "passed"
    with place.house.ledger.state() as state:
        assert list(listed(state)) == []


def test_a_denial_stands_until_somebody_asks_anew(place: Place) -> None:
    place.policy("sec", tier=4)
    commit = place.commit(a="1")
    place.verify(commit, person=True)
    decide(place, open_request(place).id, "deny", "not now")
    for _ in range(2):
        assert place.verify(commit, person=True).text == "sec failed (denied by max: not now)"
    assert place.verify(commit, person=True, again=True).status == "pending"
    assert open_request(place).status == "pending"


def test_an_amended_commit_is_asked_about_itself(place: Place) -> None:
    place.policy("sec", tier=4)
    first = place.commit(a="1")
    place.verify(first, person=True)
    asked = open_request(place)
    git(place.path, "commit", "-q", "--amend", "-m", "another message")
    other = git(place.path, "rev-parse", "HEAD")
    decide(place, asked.id, "deny", "no")
    assert place.verify(other, person=True).status == "pending"
    assert open_request(place).subject.head == other


def test_whoever_lands_entries_of_a_queue_asks_for_each_of_them(place: Place) -> None:
    place.policy("sec", tier=4)
    place.policy("unit", shell="true")
    commit = place.commit(a="1")
    assert place.verify(commit).text == "passed: unit"
    with place.house.ledger.state() as state:
        assert need(state, ("a",)).person
        tree = git(place.path, "rev-parse", f"{commit}^{{tree}}")
        assert standing(state, tree, ("a",)).status == "passed"
        assert list(listed(state)) == []
    about = Subject(kind="merge", text="q-1", head=commit)
    words: Any = {"title": "land q-1", "why": "tier 4", "session": "", "agent": "eve"}
    first = ask(place.coordinator, about, details={"entry": "q-1"}, **words)
    assert (first.subject, first.details, first.agent) == (about, {"entry": "q-1"}, "eve")
    assert ask(place.coordinator, about, **words).id == first.id


def test_what_killed_runs_left_is_swept_before_a_command_runs(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept: list[Any] = []
    monkeypatch.setattr("gitcoord.landing.inline.sweep", swept.append)
    place.policy("ci", tier=1)
    commit = place.commit(a="1")
    place.verify(commit)
    assert swept == []
    place.policy("unit", shell="true")
    place.verify(commit)
    assert swept == [place.checkout]
