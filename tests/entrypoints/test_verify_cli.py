"""Checks from the command line: policies, a commit that is checked, and what is known of it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from gitcoord.domain.check_runs import CheckRun
from tests.entrypoints.door import Door, refs
from tests.gitrun import git

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="shells of POSIX")


@pytest.fixture
def work(door: Door, monkeypatch: pytest.MonkeyPatch) -> Door:
    """Return the door of a person on a branch with one commit."""
    monkeypatch.setenv("USER", "eve")
    for name in ("GITCOORD_GITHUB_TOKEN", "GITHUB_TOKEN", "GH_TOKEN", "GITCOORD_GITHUB_APP_ID"):
        monkeypatch.delenv(name, raising=False)
    git(door.place, "switch", "-q", "-c", "feat")
    door.commit("src/auth/login.py", "1\n2\n")
    return door


def head(door: Door) -> str:
    return git(door.place, "rev-parse", "HEAD")


def stopped(door: Door, *words: str) -> dict[str, Any]:
    """Return the error of a check that has not passed; the ledger has got its results."""
    found: dict[str, Any] = json.loads(door(*words, "--json", code=3))["error"]
    return found


def test_a_policy_is_added_changed_listed_and_removed(work: Door) -> None:
    assert work("verify", "policy", "list") == "no policy asks for a check\n"
    said = work(
        "verify", "policy", "add", "lint", "--include", "src/**", "lib/", "--exclude", "src/gen/**",
        "--timeout", "2m", "--env", "CI", "--description", "style", "--json",
        "--", "ruff", "check", "a b",
    )  # fmt: skip
    found = json.loads(said)["policy"]
    assert (found["include"], found["exclude"]) == (["src/**", "lib/**"], ["src/gen/**"])
    assert (found["command"], found["timeout"], found["env"]) == (
        ["ruff", "check", "a b"], 120, ["CI"],
    )  # fmt: skip
    assert (found["tier"], found["executor"], found["by"]) == (0, "inline", "eve")
    work("verify", "policy", "add", "ci", "--check", "build", "--tier", "1")
    work("verify", "policy", "add", "all-ci", "--tier", "1", "--disable")
    assert "a person approves" in work("verify", "policy", "add", "sec", "--tier", "4")
    after = work.json("verify", "policy", "add", "lint", "--shell", "make lint")["policy"]
    assert (after["shell"], after["command"], after["timeout"]) == ("make lint", [], 120)
    text = work("verify", "policy", "list")
    for words in ("0 STATIC", "make lint", "GitHub: build", "GitHub: all check runs", "off",
                  "4 MANUAL", "src/gen/**"):  # fmt: skip
        assert words in text
    rows = work.json("verify", "policy", "list")["policies"]
    assert [one["name"] for one in rows] == ["lint", "all-ci", "ci", "sec"]
    assert work.json("verify", "policy", "remove", "lint")["removed"] == "lint"
    gone = work.refused("verify", "policy", "remove", "lint")
    assert gone["code"] == "verify_policy_not_found"
    assert work.refused("verify", "policy", "add", "x", "--tier", "9", code=2)["code"] == (
        "invalid_value"
    )
    assert work.refused("verify", "policy", "add", "x", "--timeout", "long", code=2)


def test_an_agent_may_not_change_policies(work: Door) -> None:
    work.become(work.start("ada"))
    error = work.refused("verify", "policy", "add", "lint", "--shell", "true")
    assert error["code"] == "insufficient_trust_level"


def test_requirement_8_a_commit_is_checked_and_shown(work: Door) -> None:
    assert work("verify", "run") == f"{head(work)[:10]}: no policy asks for a check\n"
    assert work("verify", "show", "--all") == "no commit was checked\n"
    work("verify", "policy", "add", "unit", "--include", "src/**", "--shell", "echo seen; ls src")
    shown = work.json("verify", "show")
    assert (shown["commit"], shown["need"]["tier"], shown["standing"]["status"]) == (
        head(work), 0, "pending",
    )  # fmt: skip
    assert (shown["risk"]["score"], shown["results"]) == (30, [])
    done = work.json("verify", "run")
    assert (done["standing"]["status"], done["standing"]["text"]) == ("passed", "passed: unit")
    record = done["verification"]
    assert (record["paths"], record["branch"], record["agent"], record["risk"]) == (
        ["src/auth/login.py"], "feat", "eve", 30,
    )  # fmt: skip
    assert record["base"] == git(work.place, "rev-parse", "main")
    assert record["results"][0]["output"] == "seen\nauth\n"
    before = refs(work.place)
    assert "unit  passed" in work("verify", "run", "feat")
    assert refs(work.place) == before
    text = work("verify", "show", "HEAD")
    assert text.startswith(f"{head(work)[:10]}: passed: unit\n  needs tier 0; 1 paths\n")
    assert "changes **/{auth," in text
    assert "unit  passed" in text
    assert f"{head(work)[:10]}  feat  risk 30  eve" in work("verify", "show", "--all")
    (row,) = work.json("verify", "show", "--all")["verifications"]
    assert row == record
    assert "no policy asks for a check\n" in work("verify", "run", "--base", "HEAD")


def test_a_failed_check_is_a_refusal_with_what_it_wrote(work: Door) -> None:
    work("verify", "policy", "add", "unit", "--shell", "echo 2 tests failed; exit 4")
    error = stopped(work, "verify", "run")
    assert (error["code"], error["failed"], error["missing"]) == (
        "verification_failed", ["unit"], [],
    )  # fmt: skip
    assert error["message"] == f"{head(work)[:10]}: unit failed (ended with 4)"
    work("verify", "run", code=3)
    assert "    2 tests failed" in work.err
    assert "verification_failed" in work.err
    assert "    2 tests failed" in work("verify", "show")
    work("verify", "policy", "add", "unit", "--shell", f"test -e {work.place}/../good")
    assert stopped(work, "verify", "run")["failed"] == ["unit"]
    Path(work.place, "..", "good").touch()
    assert stopped(work, "verify", "run")["failed"] == ["unit"]
    assert work.json("verify", "run", "--again")["standing"]["status"] == "passed"


def test_a_person_is_waited_for(work: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    work("config", "--shared", "risk_approval", "30")
    work("verify", "policy", "add", "sec", "--include", "src/auth/**", "--tier", "4")
    error = stopped(work, "verify", "run")
    assert (error["code"], error["missing"]) == ("verification_missing", ["sec"])
    (asked,) = work.json("approval", "list")["approvals"]
    assert asked["id"] in error["message"]
    assert (asked["agent"], asked["subject"]["head"]) == ("eve", head(work))
    assert "risk 30 of 100, a person approves" in work("verify", "show")
    assert work.refused("approval", "decide", asked["id"], "--approve")["code"] == "own_approval"
    monkeypatch.setenv("USER", "max")
    work("approval", "decide", asked["id"], "--approve")
    assert "approved by max" in work("verify", "run")


def test_github_is_asked_where_somebody_lets_us_in(
    work: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    work("verify", "policy", "add", "ci", "--check", "build")
    assert stopped(work, "verify", "run")["message"].endswith("ci pending (GitHub was not asked)")
    work("verify", "run", code=3)
    assert "GitHub is not asked: nothing lets us in" in work.err
    asked: list[tuple[Any, ...]] = []

    class Forge:
        def __init__(self, access: Any, name: str, *_: Any) -> None:
            asked.append((access.token, name))

        def runs(self, commit: str) -> list[CheckRun]:
            asked.append((commit,))
            return [CheckRun(name="build", conclusion="passed", url="https://ci.example/1")]

    monkeypatch.setattr("gitcoord.mirror.github.GitHub", Forge)
    monkeypatch.setenv("GITCOORD_GITHUB_TOKEN", "t")
    work("config", "--shared", "github_repository", "octo/project")
    assert "ci  passed  passed: build  https://ci.example/1" in work("verify", "run")
    assert asked == [("t", "octo/project"), (head(work),)]


def test_a_session_checks_in_its_name(work: Door) -> None:
    work("verify", "policy", "add", "unit", "--shell", "true")
    ada = work.start("ada")
    work.become(ada)
    found = work.json("verify", "run")["verification"]
    assert (found["agent"], found["session"]) == ("ada", ada)


def test_what_is_no_commit_is_refused(work: Door) -> None:
    assert work.refused("verify", "run", "nowhere", code=2)["code"] == "invalid_value"
    assert work.refused("verify", "run", "--base", "nowhere", code=2)["code"] == "invalid_value"
    assert work.refused("verify", "show", "f" * 40)["code"] == "verification_not_found"
    assert work.refused("verify", "show", "--base", "nowhere", code=2)["code"] == "invalid_value"


def test_what_others_have_checked_is_shown_without_the_commit(work: Door) -> None:
    work("verify", "policy", "add", "unit", "--shell", "echo no; exit 1")
    found = stopped(work, "verify", "run")["commit"]
    git(work.place, "switch", "-q", "main")
    git(work.place, "branch", "-q", "-D", "feat")
    git(work.place, "reflog", "expire", "--expire=now", "--all")
    git(work.place, "gc", "-q", "--prune=now")
    assert work.json("verify", "show", found)["verification"]["commit"] == found
    assert work("verify", "show", found) == (
        f"{found[:10]}  feat  risk 30  eve\n  unit  failed  ended with 1\n    no\n"
    )


def test_without_a_target_the_base_has_to_be_named(work: Door) -> None:
    work("config", "--shared", "target_branch", "release")
    error = work.refused("verify", "run", code=2)
    assert "--base" in error["hint"]
    work("verify", "policy", "add", "unit", "--shell", "true")
    assert "unit  passed" in work("verify", "run", "--base", "main")
    assert os.path.isdir(work.place)
