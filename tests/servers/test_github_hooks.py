"""Webhooks of the fake GitHub: made by PyGithub, signed, sent, missed, turned about, sent again."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs

import pytest
from github import Auth, GithubException

from tests.servers.conftest import Connect, integration
from tests.servers.github import GitHub
from tests.servers.github.people import Person
from tests.servers.github.records import Issue
from tests.servers.github.world import Repository

ATTEMPTS = "/repos/octo/project/hooks/{}/deliveries/{}/attempts"


class Receiver(BaseHTTPRequestHandler):
    """Keeps what it is sent and answers with the next of `answers`, or 202."""

    got: ClassVar[list[tuple[dict[str, str], bytes]]] = []
    answers: ClassVar[list[int]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append((dict(self.headers), body))
        self.send_response(self.answers.pop(0) if self.answers else 202)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[str]:
    """Run a receiver and return its URL."""
    Receiver.got.clear()
    Receiver.answers.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/webhook/github"
        server.shutdown()
        thread.join()


def test_a_hook_is_made_pinged_changed_and_removed(
    github: GitHub, project: Repository, connect: Connect, receiver: str
) -> None:
    repo = connect(github.person("octo")).get_repo("octo/project")
    config = {"url": receiver, "content_type": "json", "secret": "s3cret"}
    hook = repo.create_hook("web", config, ["issues", "push"])
    assert hook.config["secret"] == "********"
    assert [d.code for d in github.deliver()] == [202]
    headers, body = Receiver.got[0]
    assert headers["X-GitHub-Event"] == "ping"
    assert json.loads(body)["hook_id"] == hook.id
    assert repo.get_hook(hook.id).last_response.code == 202
    with pytest.raises(GithubException, match="already exists"):
        repo.create_hook("web", config, ["push", "issues"])
    hook.edit("web", config, add_events=["label"], active=False)
    assert project.hooks[hook.id].events == ["issues", "push", "label"]
    hook.delete()
    assert list(repo.get_hooks()) == []


def test_a_delivery_is_signed_over_its_raw_bytes(
    github: GitHub, project: Repository, ada: Person, receiver: str
) -> None:
    github.hook(project, receiver, secret="It's a Secret", events=["issues"])
    ada.opens_issue(project, "Grüße")
    sent = github.deliver()
    headers, body = Receiver.got[0]
    digest = hmac.new(b"It's a Secret", body, hashlib.sha256).hexdigest()
    assert headers["X-Hub-Signature-256"] == f"sha256={digest}"
    assert headers["X-GitHub-Delivery"] == sent[0].guid
    assert headers["Content-Type"] == "application/json"
    assert "Grüße".encode() in body


def test_a_form_carries_the_payload_in_a_field(
    github: GitHub, project: Repository, ada: Person, receiver: str
) -> None:
    github.hook(project, receiver, events=["issues"], content_type="form")
    ada.opens_issue(project, "Bug")
    github.deliver()
    headers, body = Receiver.got[0]
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert json.loads(parse_qs(body.decode())["payload"][0])["action"] == "opened"
    assert "X-Hub-Signature-256" not in headers


def test_a_hook_hears_of_its_own_events_only(
    github: GitHub, project: Repository, ada: Person
) -> None:
    github.hook(project, "http://127.0.0.1:1/", events=["issue_comment"])
    quiet = github.hook(project, "http://127.0.0.1:1/")
    quiet.active = False
    issue = ada.opens_issue(project, "Bug", labels=["a"])
    ada.comments(issue, "/coord status")
    assert [(d.event, d.action) for d in github.outbox] == [("issue_comment", "created")]


def test_failures_stand_in_the_list_and_are_sent_again_under_their_guid(
    github: GitHub, project: Repository, ada: Person, connect: Connect, receiver: str
) -> None:
    hook = github.hook(project, receiver, events=["issues"])
    ada.opens_issue(project, "One")
    ada.opens_issue(project, "Two")
    Receiver.answers.append(500)
    github.deliver(1)
    github.miss()
    client = connect(github.person("octo"))
    repo = client.get_repo("octo/project")
    rows = list(repo.get_hook_deliveries(hook.id))
    assert [(row.status_code, row.redelivery) for row in rows] == [(0, False), (500, False)]
    client.requester.requestJsonAndCheck("POST", ATTEMPTS.format(hook.id, rows[1].id), input={})
    assert [d.code for d in github.deliver()] == [202]
    newest = repo.get_hook_deliveries(hook.id)[0]
    assert (newest.guid, newest.redelivery, newest.status) == (rows[1].guid, True, "OK")
    whole = repo.get_hook_delivery(hook.id, newest.id)
    assert whole.request.payload["issue"]["title"] == "One"
    assert len({json.loads(body)["issue"]["id"] for _, body in Receiver.got}) == 1


def test_nobody_listening_is_a_failed_delivery(
    github: GitHub, project: Repository, ada: Person
) -> None:
    hook = github.hook(project, "http://127.0.0.1:1/webhook", events=["issues"])
    ada.opens_issue(project, "One")
    sent = github.deliver()
    assert (sent[0].code, sent[0].ok, hook.deliveries) == (0, False, sent)


def test_the_list_of_deliveries_has_pages_that_new_ones_do_not_move(
    github: GitHub, project: Repository, ada: Person, connect: Connect
) -> None:
    hook = github.hook(project, "http://127.0.0.1:1/", events=["issues"])
    for number in range(120):
        ada.opens_issue(project, f"{number}")
    github.miss()
    client = connect(github.person("octo"))
    client.per_page = 50
    found = client.get_repo("octo/project").get_hook_deliveries(hook.id)
    assert len({row.id for row in found}) == 120
    name = "GET /repos/{owner}/{repo}/hooks/{hook_id}/deliveries"
    assert ["cursor" in call.query for call in github.asked(name)] == [False, True, True]


def test_a_test_turns_the_outbox_about(github: GitHub, project: Repository, ada: Person) -> None:
    heard: list[tuple[str, str]] = []

    def post(url: str, headers: dict[str, str], body: bytes) -> tuple[int, str]:
        heard.append((headers["X-GitHub-Delivery"], json.loads(body)["issue"]["title"]))
        return 200, "ok"

    github.post = post
    github.hook(project, "http://receiver.invalid/", events=["issues"])
    for title in ("lost", "one", "two"):
        ada.opens_issue(project, title)
    del github.outbox[0]
    github.outbox.reverse()
    github.outbox.append(github.outbox[0])
    github.deliver()
    assert [title for _, title in heard] == ["two", "one", "two"]
    assert heard[0] == heard[2]


def test_what_a_receiver_does_is_delivered_too(
    github: GitHub, project: Repository, ada: Person
) -> None:
    bot = github.person("bot", project)
    heard = []

    def post(url: str, headers: dict[str, str], body: bytes) -> tuple[int, str]:
        payload = json.loads(body)
        heard.append(f"{payload['action']} by {payload['sender']['login']}")
        if payload["sender"]["login"] == "ada":
            bot.comments(project.issues[1], "Granted")
        return 200, ""

    github.post = post
    github.hook(project, "http://receiver.invalid/", events=["issue_comment"])
    with github.delivering():
        ada.comments(ada.opens_issue(project, "Bug"), "/coord lock src/a.py")
    assert heard == ["created by ada", "created by bot"]
    assert github.outbox == []


def test_the_hook_of_an_app_names_the_installation(
    github: GitHub, project: Repository, ada: Person, connect: Connect, receiver: str
) -> None:
    permissions = {"issues": "write", "metadata": "read"}
    url = {"webhook": receiver, "secret": "s"}
    app = github.app("gitcoord", permissions=permissions, events=["issues"], **url)
    installation = github.install(app, project)
    ada.opens_issue(project, "Bug")
    github.deliver()
    headers, body = Receiver.got[0]
    assert json.loads(body)["installation"]["id"] == installation.id
    assert headers["X-GitHub-Hook-Installation-Target-Type"] == "integration"
    auth = Auth.AppAuth(app.id, app.private_key)
    with integration(github, auth) as asked:
        _, rows = asked.requester.requestJsonAndCheck("GET", "/app/hook/deliveries")
        assert [row["event"] for row in rows] == ["issues"]
        where = f"/app/hook/deliveries/{rows[0]['id']}/attempts"
        asked.requester.requestJsonAndCheck("POST", where)
    assert github.outbox[0].guid == rows[0]["guid"]


def test_hooks_are_the_business_of_admins(
    github: GitHub, project: Repository, ada: Person, connect: Connect
) -> None:
    hook = github.hook(project, "http://127.0.0.1:1/")
    with pytest.raises(GithubException, match="admin"):
        list(connect(ada).get_repo("octo/project").get_hooks())
    bot = github.workflow(project, repository_hooks="read")
    repo = connect(bot).get_repo("octo/project")
    with pytest.raises(GithubException, match="not accessible by integration"):
        repo.get_hook(hook.id).ping()
    assert github.outbox == []


def every_event(github: GitHub, project: Repository, ada: Person, pull: Issue) -> None:
    """Do everything that hooks hear of."""
    issue = ada.opens_issue(project, "Bug", "words", labels=["a"], assignees=["ada"])
    comment = ada.comments(issue, "one")
    ada.edits(comment, "two")
    ada.deletes(comment)
    ada.comments(pull, "on a pull request")
    ada.retitles(issue, "Other")
    ada.unlabels(issue, "a")
    ada.unassigns(issue, "ada")
    ada.closes(issue, "not_planned")
    ada.reopens(issue)
    ada.makes_label(project, "locked:x", "00ff00", "words")
    ada.labels(issue, "locked:x")
    ada.renames_label(project, "locked:x", "locked:y")
    ada.deletes_label(project, "locked:y")
    ada.labels(pull, "b")
    ada.assigns(pull, "ada")
    ada.unlabels(pull, "b")
    ada.unassigns(pull, "ada")
    ada.retitles(pull, "Better")
    ada.makes_draft(pull)
    ada.makes_draft(pull, draft=False)
    ada.closes(pull)
    ada.reopens(pull)
    ada.commits(project, "agent/x/1", {"src/b.py": "b = 9\n"})
    ada.tags(project, "v1")
    ada.merges(pull, "squash", delete_branch=True)


SENT = {
    "check_run": "completed created",
    "create": "",
    "delete": "",
    "issue_comment": "created deleted edited",
    "issues": "assigned closed edited labeled opened reopened unassigned unlabeled",
    "label": "created deleted edited",
    "ping": "",
    "pull_request": "assigned closed converted_to_draft edited labeled ready_for_review reopened "
    "synchronize unassigned unlabeled",
    "push": "",
    "repository_dispatch": "gitcoord-bell",
    "status": "",
}


def test_every_delivery_is_as_github_describes_it(
    github: GitHub, project: Repository, ada: Person, pull: Issue, connect: Connect
) -> None:
    github.post = lambda url, headers, body: (200, "")
    repo = connect(github.person("octo")).get_repo("octo/project")
    repo.create_hook("web", {"url": "http://receiver.invalid/", "content_type": "json"}, ["*"])
    every_event(github, project, ada, pull)
    repo.get_commit("main").create_status("success", context="gitcoord/locks")
    bot = connect(github.workflow(project, checks="write")).get_repo("octo/project")
    bot.create_check_run("gitcoord/locks", project.known["refs/heads/main"], conclusion="success")
    app = github.app("bell", permissions={}, events=["*"], webhook="http://receiver.invalid/")
    github.install(app, project)
    repo.create_repository_dispatch("gitcoord-bell", {"lock": 1})
    sent: dict[str, set[str]] = {}
    for delivery in github.deliver():
        sent.setdefault(delivery.event, set()).add(delivery.action or "")
    assert {name: " ".join(sorted(actions)) for name, actions in sent.items()} == SENT
    assert github.problems == []
