"""`gitcoord github` as a person or a workflow uses it, against a fake GitHub."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gitcoord import __version__
from gitcoord.bootstrap import open_house
from gitcoord.domain.merge_queueing import Enqueued, EnqueueMerge
from gitcoord.domain.merges import Finding
from gitcoord.domain.merging import Checked, Checking, CheckMerges, RecordCheck
from gitcoord.domain.settings import Settings
from gitcoord.entrypoints.cli import github as commands
from gitcoord.entrypoints.settings import OTHER_VARIABLES
from tests.entrypoints.door import Door
from tests.gitrun import git
from tests.servers import faults
from tests.servers.fixtures import github, github_enterprise
from tests.servers.github import GitHub, at
from tests.servers.github.world import Repository

__all__ = ["github", "github_enterprise"]
NAME = "octo/project"
VARIABLES = ("GITHUB_", "GITCOORD_GITHUB_", "GH_TOKEN", "GITCOORD_WEBHOOK_SECRET")


class Desk:
    """A door with a repository at GitHub, and what lets in there."""

    def __init__(self, door: Door, github: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
        self.door, self.github, self.environ = door, github, monkeypatch
        for name in list(os.environ):
            if name.startswith(VARIABLES):
                monkeypatch.delenv(name)
        self.repo: Repository = github.repository(NAME, files={"src/a.py": "1\n"})
        self.ada = github.person("ada", self.repo, role="write")
        self.owner = github.person("octo", self.repo, role="admin")
        self.variables(
            GITCOORD_GITHUB_TOKEN=self.owner.token,
            GITCOORD_GITHUB_API_URL=github.api,
            GITCOORD_GITHUB_PAUSE="0",
        )
        door("config", "--shared", "github_repository", NAME)

    def variables(self, **values: str) -> None:
        """Set environment variables; an empty one is none."""
        for name, value in values.items():
            self.environ.setenv(name, value)

    def event(self, payload: Mapping[str, Any] | str) -> str:
        """Write an event's file and return its name."""
        path = Path(self.door.place).parent / "event.json"
        text = payload if isinstance(payload, str) else json.dumps(payload)
        path.write_text(text, encoding="utf-8")
        return str(path)

    def newest(self) -> str:
        """Return the file of the newest event at GitHub."""
        return self.event(self.github.world.events[-1].payload)

    def locks(self) -> dict[str, str]:
        found = self.door.json("lock", "list")["locks"]
        return {one["key"]: one["agent"] for one in found}


@pytest.fixture
def desk(door: Door, github: GitHub, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(door, github, monkeypatch)


# What an event says.


def test_an_event_is_done_and_told_in_a_line_for_each_decision(desk: Desk) -> None:
    issue = desk.ada.opens_issue(desk.repo, "Slow", labels=["locked:src/"])
    said = desk.door("github", "event", "--name", "issues", "--file", desk.newest())
    assert desk.locks() == {"src/**": "ada"}
    lines = said.splitlines()
    assert lines[0].startswith("ledger: session: ada starts gh-")
    assert lines[1] == "ledger: lock: ada takes src/** (token 1/1)"
    assert lines[2] == "#1: label coord:locks goes on"
    assert lines[3].startswith("looked at 1 threads, 0 branches, 0 comments; ledger 1.")
    assert sorted(label.name for label in issue.labels) == ["coord:locks", "locked:src/"]
    # The same again, as when an event comes twice: nothing is left to do.
    said = desk.door("github", "event", "--name", "issues", "--file", desk.newest())
    assert "the ledger has not changed" in said


def test_programs_are_told_what_was_looked_at_and_what_changed(desk: Desk) -> None:
    desk.ada.opens_issue(desk.repo, "Slow", labels=["locked:src/"])
    found = desk.door.json("github", "event", "--name", "issues", "--file", desk.newest())
    assert set(found) == {
        "ok", "event", "looked", "threads", "branches", "comments", "ledger", "effects", "refused",
    }  # fmt: skip
    assert (found["looked"], found["threads"], found["refused"]) == (True, [1], [])
    assert found["ledger"]["before"] < found["ledger"]["after"]


def test_a_workflow_names_event_and_file_by_its_variables(desk: Desk) -> None:
    desk.ada.opens_issue(desk.repo, "Slow", labels=["locked:src/"])
    desk.variables(GITHUB_EVENT_NAME="issues", GITHUB_EVENT_PATH=desk.newest())
    assert desk.door.json("github", "event")["event"] == "issues"
    assert desk.locks() == {"src/**": "ada"}


@pytest.mark.parametrize("name", ["star", "issues"])
def test_an_event_that_says_nothing_asks_for_nothing(desk: Desk, name: str) -> None:
    words = ("github", "event", "--name", name, "--file", desk.event({"action": "created"}))
    assert desk.door(*words) == "this event asks for nothing\n"
    found = desk.door.json(*words)
    assert (found["looked"], found["ledger"], found["effects"]) == (False, None, 0)


def test_an_event_has_to_be_named_and_to_be_one(desk: Desk) -> None:
    assert "which event?" in desk.door.refused("github", "event", code=2)["message"]
    words = ("github", "event", "--name", "issues")
    assert "which event?" in desk.door.refused(*words, code=2)["message"]
    missing = desk.door.refused(*words, "--file", "no/such.json", code=2)
    assert missing["code"] == "invalid_file"
    for text in ("{", "[1]", "[" * 100_000):
        error = desk.door.refused(*words, "--file", desk.event(text), code=2)
        assert (error["code"], "holds no event" in error["message"]) == ("invalid_file", True)


def test_an_event_of_another_repository_is_refused(desk: Desk) -> None:
    desk.ada.opens_issue(desk.repo, "Slow", labels=["locked:src/"])
    payload = dict(desk.github.world.events[-1].payload) | {"repository": {"full_name": "a/b"}}
    error = desk.door.refused(
        "github", "event", "--name", "issues", "--file", desk.event(payload), code=2
    )
    assert "the event is of a/b, the ledger belongs to octo/project" in error["message"]
    assert "github_repository" in error["hint"]


# Who may enter, and where.


def test_without_a_token_nothing_is_asked(desk: Desk) -> None:
    desk.variables(GITCOORD_GITHUB_TOKEN="")
    error = desk.door.refused("github", "sync", code=2)
    assert (error["code"], error["message"]) == ("invalid_config", "nothing lets us in at GitHub")
    assert "GITCOORD_GITHUB_TOKEN" in error["hint"]
    assert desk.github.calls == []


def test_a_wrong_token_is_told_and_not_shown(desk: Desk) -> None:
    desk.variables(GITCOORD_GITHUB_TOKEN="ghp_wrong")
    error = desk.door.refused("github", "sync", code=5)
    assert error["code"] == "access_denied"
    assert "ghp_wrong" not in json.dumps(error)


@pytest.mark.parametrize(
    "url",
    ["https://github.com/octo/project.git", "git@github.com:octo/project", "ssh://h:22/octo/project/"],
)  # fmt: skip
def test_the_repository_is_that_of_the_remote(desk: Desk, url: str) -> None:
    desk.door("config", "--shared", "--unset", "github_repository")
    git(desk.door.place, "remote", "add", "origin", url)
    assert desk.door.json("github", "sync")["looked"] is True


def test_a_ledger_that_belongs_to_no_repository_at_github_is_told(desk: Desk) -> None:
    desk.door("config", "--shared", "--unset", "github_repository")
    git(desk.door.place, "remote", "add", "origin", "../elsewhere")
    error = desk.door.refused("github", "sync", code=2)
    assert error["message"] == "no repository at GitHub is named"
    desk.door("config", "--shared", "github_repository", "octo")
    error = desk.door.refused("github", "sync", code=2)
    assert error["message"] == "not a repository at GitHub: 'octo'"
    desk.door("config", "--shared", "github_repository", "octo/other")
    error = desk.door.refused("github", "sync", code=3)
    assert "there is no repository octo/other at GitHub, or none for us" in error["message"]


def test_a_github_that_does_not_answer_is_told(desk: Desk) -> None:
    desk.variables(GITCOORD_GITHUB_API_URL="http://127.0.0.1:9")
    error = desk.door.refused("github", "sync", code=5)
    assert "GitHub does not answer" in error["message"]


def test_an_app_is_let_in_by_its_key_in_a_file_or_in_a_variable(desk: Desk) -> None:
    grants = {"issues": "write", "pull_requests": "write", "contents": "write", "checks": "write"}
    app = desk.github.app("coord", permissions=grants)
    desk.github.install(app, desk.repo)
    file = Path(desk.door.place).parent / "key.pem"
    file.write_text(app.private_key, encoding="ascii")
    desk.variables(GITCOORD_GITHUB_TOKEN="", GITCOORD_GITHUB_APP_ID=str(app.id))
    for key in (str(file), app.private_key, app.private_key.replace("\n", "\\n")):
        desk.variables(GITCOORD_GITHUB_APP_KEY=key)
        issue = desk.ada.opens_issue(desk.repo, "Slow", labels=["locked:../x"])
        assert desk.door.json("github", "sync")["refused"] == []
        assert issue.comments[-1].user.login == "coord[bot]"
    desk.variables(GITCOORD_GITHUB_APP_KEY="no/such/key.pem")
    assert "key cannot be read" in desk.door.refused("github", "sync", code=2)["message"]
    desk.variables(GITCOORD_GITHUB_APP_KEY="-----BEGIN NONSENSE")
    assert "not a private key" in desk.door.refused("github", "sync", code=2)["message"]
    other = desk.github.app("other", permissions=grants)
    desk.variables(GITCOORD_GITHUB_APP_ID=str(other.id), GITCOORD_GITHUB_APP_KEY=other.private_key)
    assert "is not installed on" in desk.door.refused("github", "sync", code=2)["message"]


def test_an_enterprise_server_is_named_by_its_address(
    door: Door, github_enterprise: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(door, github_enterprise, monkeypatch)
    # That of the workflow, which names it on such a server.
    desk.variables(GITCOORD_GITHUB_API_URL="", GITHUB_API_URL=github_enterprise.api)
    assert github_enterprise.api.endswith("/api/v3")
    issue = desk.ada.opens_issue(desk.repo, "Slow", labels=["locked:src/"])
    for n in range(100):
        desk.ada.comments(issue, f"{n}")
    # On the next page, whose address GitHub gives in full.
    desk.ada.comments(issue, "/coord lock doc/")
    assert desk.door.json("github", "sync")["refused"] == []
    assert desk.locks() == {"src/**": "ada", "doc/**": "ada"}


# What goes wrong on the way.


def test_it_waits_as_long_as_github_asks_but_not_for_ever(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(commands.time, "sleep", waited.append)
    desk.ada.opens_issue(desk.repo, "Slow", labels=["locked:src/"])
    asked = r"/repos/[^/]+/[^/]+/issues/1"
    desk.github.faults.append(at(faults.status(429, retry_after=7), "GET", asked))
    desk.door("github", "event", "--name", "issues", "--file", desk.newest())
    assert waited == [7.0]
    assert "waiting: GitHub wants 7 s" in desk.door.err
    assert desk.locks() == {"src/**": "ada"}
    desk.github.faults.append(at(faults.status(429, retry_after=900), "GET", asked))
    words = ("github", "event", "--name", "issues", "--file", desk.newest())
    error = desk.door.refused(*words, code=5)
    assert (error["code"], error["retry_after"], waited) == ("forge_busy", 900.0, [7.0])


def test_what_github_would_not_have_is_told_with_exit_code_3(desk: Desk) -> None:
    head = desk.ada.commits(desk.repo, "feature", {"src/a.py": "2\n"}, "work", start="main")
    desk.ada.opens_pull(desk.repo, "feature")
    statuses = rf"/repos/[^/]+/[^/]+/statuses/{head}"
    desk.github.faults.append(at(faults.status(403), "POST", statuses))
    words = ("github", "event", "--name", "pull_request", "--file", desk.newest())
    said = desk.door(*words, code=3)
    assert "GitHub would not: GitHub says 403" in said
    # Nothing was lost by it: the next look makes up for it.
    assert desk.door.json(*words)["refused"] == []
    assert [one.state for one in desk.repo.statuses if one.oid == head] == ["success"]


def test_sync_makes_up_for_what_nobody_heard_and_lets_deliveries_come_again(desk: Desk) -> None:
    desk.github.hook(desk.repo, "http://127.0.0.1:9/webhook/github")
    desk.ada.opens_issue(desk.repo, "Slow", labels=["locked:src/"])
    desk.github.miss()
    found = desk.door.json("github", "sync", "--redeliver")
    assert found["redelivered"] == {"missed": 3, "again": 3}
    assert desk.locks() == {"src/**": "ada"}
    said = desk.door("github", "sync", "--redeliver")
    assert "3 deliveries had failed, 3 are sent again" in said


# Whether a pull request may be merged.


def test_check_names_who_holds_what_a_pull_request_changes(desk: Desk) -> None:
    carl = desk.door.start("carl")
    desk.door("lock", "acquire", "src/", "--reason", "a rewrite", "--session", carl)
    desk.ada.commits(desk.repo, "feature", {"src/a.py": "2\n"}, "work", start="main")
    desk.ada.opens_pull(desk.repo, "feature")
    desk.variables(GITCOORD_GITHUB_TOKEN=desk.ada.token)
    said = desk.door("github", "check", "1", code=3)
    assert said.startswith(f"carl (session {carl}) holds src/** until 20")
    assert "a rewrite: src/a.py changed here" in said
    found = desk.door.json("github", "check", "1", code=3)
    assert set(found) == {"ok", "number", "free", "paths", "blocked", "queue", "held", "tasks"}
    assert (found["free"], found["paths"], found["held"]) == (False, 1, [])
    assert set(found["blocked"][0]) == {"key", "agent", "session", "expires_at", "reason", "paths"}
    desk.door("lock", "release", "--all", "--session", carl)
    assert desk.door.json("github", "check", "1")["free"] is True
    assert desk.repo.statuses == []
    assert desk.door.refused("github", "check", "9", code=2)["message"] == "#9 is no pull request"
    assert "which event?" in desk.door.refused("github", "check", code=2)["message"]


def test_check_says_what_the_merge_queue_has_against_a_pull_request(desk: Desk) -> None:
    head = desk.ada.commits(desk.repo, "feature", {"src/a.py": "2\n"}, "work", start="main")
    desk.ada.opens_pull(desk.repo, "feature")
    desk.door("verify", "policy", "add", "boss", "--tier", "4", "--include", "src/")
    house = open_house(desk.door.place, os.environ)
    do = house.coordinator.do
    do(EnqueueMerge(id="q-1", branch="feature", head=head, target="main"), Enqueued)
    run = do(CheckMerges(ids=("q-1",)), Checking).run
    seen = (Finding(name="mergeable", passed=True),)
    wish = RecordCheck(id="q-1", run=run, against=head, findings=seen, paths=("src/a.py",))
    assert do(wish, Checked).merge.status == "blocked"
    house.close()
    desk.variables(GITCOORD_GITHUB_TOKEN=desk.ada.token)
    said = desk.door("github", "check", "1", code=3)
    assert said.startswith(
        "Number 1 of 1 in the merge queue: is blocked; needs a person's approval"
    )
    found = desk.door.json("github", "check", "1", code=3)
    assert (found["free"], found["blocked"]) == (False, [])
    assert {name: found["queue"][name] for name in ("id", "status", "at", "of", "head")} == {
        "id": "q-1", "status": "blocked", "at": 1, "of": 1, "head": head,
    }  # fmt: skip
    desk.door("merge", "remove", "q-1")
    assert desk.door.json("github", "check", "1")["queue"] is None


# What is made once.


def test_setup_shows_what_is_missing_and_makes_it_when_told(desk: Desk) -> None:
    hook = ("--webhook", "https://coord.example.org/webhook/github")
    desk.variables(GITCOORD_WEBHOOK_SECRET="new old")
    plan = desk.door.json("github", "setup", "--check", *hook, code=3)
    assert (plan["repository"], plan["made"]) == (NAME, [])
    assert "label agent-task" in plan["missing"]
    assert "file .github/workflows/gitcoord.yml (commit it yourself)" in plan["missing"]
    assert f"webhook {hook[1]}" in plan["missing"]
    # Nobody sits at a terminal, so nobody has said yes.
    error = desk.door.refused("github", "setup", *hook, code=2)
    assert (error["message"], error["plan"]) == ("nothing was made", plan["missing"])
    shown = desk.door("github", "setup", *hook, code=2)
    assert shown.splitlines() == plan["missing"]
    assert (desk.repo.labels, desk.repo.hooks) == ({}, {})
    made = desk.door.json("github", "setup", "--yes", *hook)
    assert made["made"] == plan["missing"]
    assert {"agent-task", "coord:locks", "coord:blocked"} <= set(desk.repo.labels)
    (webhook,) = desk.repo.hooks.values()
    assert (webhook.url, webhook.secret, webhook.content_type) == (hook[1], "new", "json")
    assert desk.door("github", "setup", "--check", *hook) == "everything is there\n"
    assert desk.door("github", "setup", *hook) == "everything is there\n"


def test_the_workflow_that_setup_writes_installs_this_version_and_is_kept_up_to_date(
    desk: Desk,
) -> None:
    desk.door("github", "setup", "--yes")
    path = Path(desk.door.place, ".github", "workflows", "gitcoord.yml")
    text = path.read_text(encoding="utf-8")
    assert f'pip install --quiet "gitcoord[github]=={__version__}"' in text
    path.write_text(text.replace("timeout-minutes: 10", "timeout-minutes: 5"), encoding="utf-8")
    said = desk.door("github", "setup", "--check", code=3)
    assert said == "missing: file .github/workflows/gitcoord.yml: it differs from ours\n"
    desk.door("github", "setup", "--yes")
    assert path.read_text(encoding="utf-8") == text


def test_a_webhook_needs_a_secret_and_an_administrator(desk: Desk) -> None:
    words = ("github", "setup", "--yes", "--webhook", "https://coord.example.org/webhook/github")
    error = desk.door.refused(*words, code=2)
    assert (error["code"], error["message"]) == ("invalid_config", "a webhook needs a secret")
    assert (desk.repo.hooks, desk.repo.labels) == ({}, {})
    desk.variables(GITCOORD_WEBHOOK_SECRET="s3cret", GITCOORD_GITHUB_TOKEN=desk.ada.token)
    error = desk.door.refused(*words, code=3)
    assert error["code"] == "forge_refused"
    assert desk.repo.hooks == {}


def test_the_document_has_every_setting_and_variable() -> None:
    text = (Path(__file__).parents[2] / "docs" / "github.md").read_text(encoding="utf-8")
    shown = dict(re.findall(r"^\| `(github_\w+)` \| ([^|]*?) \|", text, re.MULTILINE))
    plain = Settings()
    assert set(shown) == {name for name in Settings.__struct_fields__ if name.startswith("github_")}
    for name, said in shown.items():
        value = getattr(plain, name)
        texts = value if isinstance(value, tuple) else (value,)
        for each in texts:
            if each not in ("", False):
                assert str(each).removesuffix(".0") in said, name
    for name in OTHER_VARIABLES:
        if name.startswith("GITCOORD_GITHUB_"):
            assert name in text
