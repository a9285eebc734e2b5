"""Teams, work packages, results and escalations from the command line; lines of what is wrong."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from tests.entrypoints.conftest import outside
from tests.entrypoints.door import Door

TEAM = """team: crew
agents:
  - name: ada
    role: coordinator
    capabilities: [planning, review]
    description: Plans.
  - name: bob
    role: worker
    capabilities: [coding]
    description: Codes.
"""
PLAN = """schema_version: 1
feature: {id: login, title: Log in, plan_revision: 1, created_at: 2026-01-05}
contracts:
  revision: 1
  openapi: {primary: a.yaml, files: [a.yaml]}
defaults: {priority: 4, retry_budget: 2, min_trust_level: 1}
packages:
  - package_id: wp-contract
    task_type: contracts
    description: |
      Freeze the contract.

      All of it.
    locks: {keys: ["contract:login"]}
    scope: {write_allow: ["openapi/**"]}
    priority: 1
    retry_budget: 0
  - package_id: wp-api
    title: Routes
    task_type: implement
    description: Write the routes.
    depends_on: [wp-contract]
    locks: {files: [src/api/login.py]}
    scope: {write_allow: ["src/api/**"]}
    verification:
      steps: [{name: t, kind: command, command: pytest, evidence: {}}]
  - package_id: wp-ui
    task_type: implement
    description: Write the form.
    depends_on: [wp-contract]
    scope: {write_allow: ["src/**"], deny: ["src/api/**"]}
"""


def planned(door: Door) -> dict[str, str]:
    """Add the plan as ada, and return its tasks by package."""
    door.start("ada")
    door.write("wp.yaml", PLAN)
    plan = door.json("task", "add", "--file", "wp.yaml")["plan"]
    return {one["id"]: one["task"] for one in plan["packages"]}


def result(door: Door, package: str = "wp-contract", **said: Any) -> None:
    fields = {
        "feature_id": "login", "package_id": package, "attempt": 1, "plan_revision": 1,
        "contracts_revision": 1, "status": "completed", "verification": {"tests": 3},
    }  # fmt: skip
    door.write("result.json", json.dumps(fields | said))


def test_requirement_21_a_team_file_is_checked_and_shown(door: Door) -> None:
    door.write("teams.yaml", TEAM)
    assert door("team", "check").strip() == "team crew: 2 agents, nothing is wrong"
    assert [one["name"] for one in door.json("team", "check")["agents"]] == ["ada", "bob"]
    session = door.start("bob")
    rows = door.json("team", "show")["agents"]
    assert [one["sessions"] for one in rows] == [[], [session]]
    said = door("team", "show")
    assert "ada  coordinator  can planning, review\n    Plans." in said
    assert f"here: {session}" in said
    assert [x["name"] for x in door.json("team", "show", "--capability", "review")["agents"]] == [
        "ada"
    ]
    assert [one["name"] for one in door.json("team", "show", "bob")["agents"]] == ["bob"]
    assert door.json("team", "show", "bob", "--capability", "review")["agents"] == []
    error = door.refused("team", "show", "bib", code=2)
    assert (error["code"], error["hint"]) == ("invalid_value", "Did you mean bob?")


def test_requirement_21_every_wrong_field_is_named_with_its_line(door: Door) -> None:
    door.write("teams.yaml", TEAM.replace("role: worker", "rol: worker").replace("crew", "''"))
    error = door.refused("team", "check", code=2)
    assert error["code"] == "invalid_file"
    assert [(x["line"], x["place"]) for x in error["problems"]] == [(1, "team")]
    door.write("teams.yaml", TEAM.replace("role: worker", "rol: worker").replace("review]", "1]"))
    error = door.refused("team", "check", code=2)
    found = [(x["line"], x["place"], x["hint"]) for x in error["problems"]]
    assert found == [
        (5, "agents[0].capabilities[1]", ""),
        (8, "agents[1].rol", "Did you mean role?"),
    ]
    assert "teams.yaml:8: agents[1].rol: there is no such field" in error["message"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file: expected `object`, got `null`"),
        ("[", "is neither YAML nor JSON"),
        ("team: a\nteam: b\n", "2: 'team' stands in line 1 already"),
        ("a: &x [1]\nb: *x\nb: 2\n", "3: 'b' stands in line 2 already"),
        ("- {a: 1, a: 2}\n", "1: 'a' stands in line 1 already"),
        ("x: !!python/object:os.system {}\n", "is neither YAML nor JSON"),
        ("? [1]\n: 2\n", "is neither YAML nor JSON"),
    ],
)
def test_a_file_that_cannot_be_a_team_is_refused(door: Door, text: str, words: str) -> None:
    door.write("teams.yaml", text)
    assert words in door.refused("team", "check", code=2)["message"]


def test_a_file_that_is_not_there_is_named(bare_door: Door) -> None:
    assert "teams.yaml" in bare_door.refused("team", "check", code=2)["message"]
    bare_door.write("crew.json", json.dumps({"team": "t", "agents": []}))
    assert (
        "crew.json:1: agents" in bare_door.refused("team", "check", "crew.json", code=2)["message"]
    )
    bare_door.write("teams.yaml", TEAM)
    assert bare_door.json("team", "show")["agents"][0]["sessions"] == []


def test_who_checks_in_by_a_name_of_the_team_can_do_what_it_says(door: Door) -> None:
    door.write("teams.yaml", TEAM)
    assert door.json("session", "start", "--name", "bob")["session"]["capabilities"] == ["coding"]
    said = door.json("session", "start", "--name", "ada", "--capability", "x")["session"]
    assert said["capabilities"] == ["x"]
    assert door.json("session", "start", "--name", "cid")["session"]["capabilities"] == []
    door.write("teams.yaml", "team: [")
    door("session", "start", "--name", "bob")
    assert "teams.yaml is passed over" in door.err


def test_work_packages_become_the_tasks_of_a_plan(door: Door) -> None:
    tasks = planned(door)
    shown = door.json("task", "show", tasks["wp-contract"])["task"]
    assert (shown["title"], shown["priority"], shown["max_attempts"]) == (
        "Freeze the contract.", 1, 1,
    )  # fmt: skip
    assert (shown["feature"], shown["keys"], shown["type"]) == (
        "login", ["contract:login"], "contracts",
    )  # fmt: skip
    text, _, data = shown["description"].partition("\n\ninput_data:\n```json\n")
    assert text == "Freeze the contract.\n\nAll of it."
    package = json.loads(data.removesuffix("\n```"))["package"]
    assert (package["min_trust_level"], package["timeout_minutes"]) == (1, 60)
    assert package["locks"]["ttl_minutes"] == 120
    api = door.json("task", "show", tasks["wp-api"])["task"]
    assert (api["title"], api["priority"], api["max_attempts"]) == ("Routes", 4, 3)
    assert api["depends_on"] == [tasks["wp-contract"]]
    assert '"tier_required":"A"' in api["description"]
    listed = door("task", "list")
    assert "src/api/login.py" in listed


def test_check_says_what_would_be_added_and_adds_nothing(door: Door) -> None:
    door.start("ada")
    door.write("wp.yaml", PLAN)
    door.write("tasks.yaml", "- title: One\n")
    said = door("task", "add", "--file", "wp.yaml", "--check")
    assert "wave 1  would add" in said
    assert "wp-api  <- wp-contract" in said
    found = door.json("task", "add", "--file", "tasks.yaml", "--check")
    assert (found["checked"], found["tasks"][0]["title"]) == (True, "One")
    assert door.json("task", "list")["tasks"] == []


def test_packages_that_could_collide_are_refused_with_line_pair_and_keys(door: Door) -> None:
    door.start("ada")
    door.write("wp.yaml", PLAN.replace(', deny: ["src/api/**"]', ""))
    error = door.refused("task", "add", "--file", "wp.yaml", code=2)
    assert error["clashes"] == [
        {
            "packages": ["wp-api", "wp-ui"],
            "keys": [["src/api/**", "src/**"], ["src/api/login.py", "src/**"]],
        }
    ]
    assert error["problems"][0]["line"] == 27
    assert error["message"].startswith("wp.yaml:27: packages[2]: wp-api and wp-ui could run")
    assert door.refused("task", "add", "--file", "wp.yaml", "--check", code=2) == error


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        (
            "depends_on: [wp-contract]\n    locks",
            "depends_on: [wp-ui, wp-x]\n    locks",
            22,
            "wp-x",
        ),
        ("[wp-contract]\n    scope", "[wp-ui]\n    scope", 30, "wp-ui -> wp-ui"),
        ("contract:login", "api:/login", 14, "form of its namespace"),
        ("task_type: contracts", "task_typ: contracts", 9, "no such field"),
        ("plan_revision: 1", "plan_revision: one", 2, "expected `int`"),
    ],
)
def test_a_wrong_package_file_is_refused_with_its_line(
    door: Door, old: str, new: str, line: int, words: str
) -> None:
    door.start("ada")
    assert old in PLAN
    door.write("wp.yaml", PLAN.replace(old, new, 1))
    error = door.refused("task", "add", "--file", "wp.yaml", code=2)
    assert any(x["line"] == line and words in x["reason"] for x in error["problems"]), error


def test_a_refusal_that_is_not_of_the_file_stays_as_it_is(door: Door) -> None:
    planned(door)
    assert door.refused("task", "add", "--file", "wp.yaml")["code"] == "revision_stale"
    door.write("wp.yaml", PLAN.replace("plan_revision: 1", "plan_revision: 2"))
    found = door.json("task", "add", "--file", "wp.yaml")
    assert len(found["superseded"]) == 3
    assert "superseded" in door("task", "list", "--all")


def test_a_result_completes_and_its_escalation_pauses_until_a_new_revision(door: Door) -> None:
    tasks = planned(door)
    door("task", "next")
    result(door, notes="fine", files_modified=["openapi/a.yaml"])
    found = door.json("task", "report", tasks["wp-contract"], "--file", "result.json")
    assert (found["task"]["status"], found["released"]) == ("completed", ["contract:login"])
    assert json.loads(found["task"]["result"])["verification"] == {"tests": 3}
    door("task", "claim", tasks["wp-api"])
    result(
        door, "wp-api", status="failed", error_code="VERIFICATION_FAILED", notes="no email",
        escalations=[
            {"type": "contract_revision_required", "severity": "high", "details": {"a": "email"}}
        ],
    )  # fmt: skip
    said = door("task", "report", tasks["wp-api"], "--file", "result.json")
    assert "is failed" in said
    assert "revise_contracts" in said
    (open_,) = door.json("escalation", "list")["escalations"]
    assert (open_["summary"], open_["severity"]) == ("contract revision required", "HIGH")
    assert open_["details"] == '{"a":"email"}'
    assert "pauses login" in door("escalation", "list")
    assert door.json("task", "show", tasks["wp-api"])["task"]["error"] == "no email"
    refusal = door.refused("task", "claim", tasks["wp-ui"])
    assert refusal["code"] == "paused"
    door.write("wp.yaml", PLAN.replace("  revision: 1", "  revision: 2"))
    assert "resolved" in door("task", "add", "--file", "wp.yaml")
    assert door("escalation", "list").strip() == "there are no open escalations"
    assert "resolved" in door("escalation", "list", "--all")


def test_results_that_are_stale_or_out_of_scope_are_refused(door: Door) -> None:
    tasks = planned(door)
    door("task", "next")
    report = ("task", "report", tasks["wp-contract"], "--file", "result.json")
    result(door, contracts_revision=0)
    assert door.refused(*report, code=2)["code"] == "invalid_value"
    result(door, attempt=2)
    assert door.refused(*report)["code"] == "attempt_stale"
    result(door, files_modified=["src/a.py"])
    assert door.refused(*report)["code"] == "scope_violation"
    result(door, escalations=[{"kind": "X"}])
    assert "type" in door.refused(*report, code=2)["message"]
    door.write("result.json", "[1]")
    assert "a mapping" in door.refused(*report, code=2)["message"]
    result(door)
    kept = door.json(*report, "--keep-locks")
    assert (kept["released"], len(door.json("lock", "list")["locks"])) == ([], 1)


def test_an_escalation_is_raised_listed_and_resolved(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = planned(door)
    said = door(
        "escalation", "raise", "security_escalation", "A key leaks", "--severity", "blocking",
        "--task", tasks["wp-api"], "--details", "In the log.",
    )  # fmt: skip
    assert "feature login is paused until it is resolved" in said
    (found,) = door.json("escalation", "list")["escalations"]
    assert (found["severity"], found["action"], found["feature"]) == (
        "BLOCKING", "ask_person", "login",
    )  # fmt: skip
    assert door.json("task", "show", found["queued"])["task"]["type"] == "escalation"
    assert door.json("task", "next", "--feature", "login")["task"] is None
    own = door.refused("escalation", "resolve", found["id"], "rotated")
    assert own["code"] == "own_approval"
    monkeypatch.delenv("GITCOORD_SESSION", raising=False)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    done = door("escalation", "resolve", found["id"], "rotated", "--person")
    assert "is resolved: rotated" in done
    assert door.json("task", "next", "--feature", "login")["task"]["id"] == tasks["wp-contract"]
    error = door.refused("escalation", "resolve", "e-none", "x")
    assert error["code"] == "escalation_not_found"
    assert door.json("escalation", "raise", "ODD", "What?")["escalation"]["pauses"] is False


def test_a_team_stands_without_a_ledger(
    repo: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    door = outside(repo, monkeypatch, capfd)
    door.write("teams.yaml", TEAM)
    assert "team crew" in door("team", "show")
