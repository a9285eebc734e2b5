"""What the receiver takes, what it refuses, and that it asks nobody before it answers."""

from __future__ import annotations

import hmac
import json
import time
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import httpx2 as httpx
import pytest

from gitcoord.domain.configure import ChangeSettings
from gitcoord.mirror.subjects import Branch, Thread, handled
from tests.servers.github import payloads
from tests.webhook.conftest import Maker
from tests.webhook.served import Served
from webhook.github.office import Office
from webhook.github.signature import signed
from webhook.settings import Forge

OLD, NEW = "It's a Secret to Everybody", "another"
REPOSITORY = {"full_name": "octo/project", "default_branch": "main"}
ISSUE = {"action": "labeled", "issue": {"number": 7}, "repository": REPOSITORY}


@pytest.fixture
def served(serving: Maker) -> Served:
    """Return a service that takes webhooks for octo/project, and is not let in at GitHub."""
    made = serving(forge=Forge((NEW, OLD)))
    house = made.service.projects["default"].house()
    settings = ChangeSettings(values={"github_repository": "Octo/Project"})
    house.coordinator.do(settings, settings.answer)
    return made


def sign(body: bytes, secret: str = OLD) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, sha256).hexdigest()


def deliver(
    served: Served, event: str = "issues", payload: Any = ISSUE, **headers: str | bytes | None
) -> httpx.Response:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    sent: dict[str, str | bytes | None] = {
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": "d-1",
        "X-Hub-Signature-256": sign(body),
        "Content-Type": "application/json",
    }
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    kept: Any = {name: value for name, value in sent.items() if value is not None}
    return served.client.post("/webhook/github", content=body, headers=kept)


def office(served: Served) -> Office:
    return Office(served.service, served.settings.forge)


def waiting(served: Served) -> list[Any]:
    found = office(served).inbox.claim("default", "test", at=time.time(), until=0)
    return [subject for each in found for subject in each.subjects]


def test_the_example_of_githubs_own_documentation() -> None:
    wanted = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert signed(b"Hello, World!", f"sha256={wanted}", [OLD])


def test_a_signed_delivery_is_kept_and_acknowledged(served: Served) -> None:
    answer = deliver(served)
    assert (answer.status_code, answer.json()["new"]) == (202, True)
    assert waiting(served) == [Thread(7)]


@pytest.mark.parametrize("secret", [OLD, NEW])
def test_either_of_two_secrets_is_good(served: Served, secret: str) -> None:
    body = json.dumps(ISSUE).encode()
    assert deliver(served, payload=body, X_Hub_Signature_256=sign(body, secret)).status_code == 202


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "sha256=",
        "sha256=" + "0" * 64,
        sign(json.dumps(ISSUE).encode(), "wrong"),
        sign(json.dumps(ISSUE).encode())[:-1],
        sign(json.dumps(ISSUE).encode()).replace("sha256=", "sha1="),
        sign(json.dumps(ISSUE).encode()).upper(),
        ("sha256=" + "é" * 64).encode("latin-1"),
    ],
)
def test_what_is_not_signed_by_us_changes_nothing(
    served: Served, header: str | bytes | None
) -> None:
    answer = deliver(served, X_Hub_Signature_256=header)
    assert (answer.status_code, answer.json()["code"]) == (401, "signature_invalid")
    assert waiting(served) == []


def test_the_signature_is_over_the_bytes_that_came(served: Served) -> None:
    body = json.dumps(ISSUE, indent=3).encode()
    assert deliver(served, payload=body).status_code == 202
    other = json.dumps(ISSUE).encode()
    assert deliver(served, payload=body, X_Hub_Signature_256=sign(other)).status_code == 401


def test_a_form_is_read_like_json(served: Served) -> None:
    body = urlencode({"payload": json.dumps(ISSUE)}).encode()
    kind = "application/x-www-form-urlencoded"
    assert deliver(served, payload=body, Content_Type=kind).status_code == 202
    assert waiting(served) == [Thread(7)]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"{", {}),
        (b"[1]", {}),
        (b"\xff\xfe", {}),
        (b"[" * 100_000, {}),
        (b"payload=%7B", {"Content_Type": "application/x-www-form-urlencoded"}),
        (b"other=1", {"Content_Type": "application/x-www-form-urlencoded"}),
        (json.dumps(ISSUE).encode(), {"X_GitHub_Event": None}),
        (json.dumps(ISSUE).encode(), {"X_GitHub_Delivery": None}),
        (json.dumps(ISSUE).encode(), {"X_GitHub_Delivery": "a b'; DROP TABLE deliveries"}),
    ],
)
def test_what_is_no_delivery_is_refused(
    served: Served, body: bytes, headers: dict[str, Any]
) -> None:
    answer = deliver(served, payload=body, **headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_value")
    assert waiting(served) == []


def test_a_delivery_is_taken_once_however_often_it_is_sent(served: Served) -> None:
    assert [deliver(served).json()["new"] for _ in range(3)] == [True, False, False]
    inbox = office(served).inbox
    (found,) = inbox.claim("default", "me", at=time.time(), until=time.time() + 60)
    inbox.done("default", "me", [found.id])
    assert deliver(served).json()["new"] is False
    assert inbox.waiting("default") == 0


def test_unknown_events_and_repositories(served: Served) -> None:
    answer = deliver(served, "star", {"action": "created"})
    assert (answer.status_code, answer.json()["handled"]) == (202, False)
    other = ISSUE | {"repository": {"full_name": "else/where"}}
    assert deliver(served, payload=other).status_code == 404
    assert deliver(served, payload={"action": "labeled"}).status_code == 404
    assert deliver(served, "ping", {"zen": "Keep it logically awesome."}).status_code == 202
    assert waiting(served) == []


def test_without_a_secret_nothing_is_taken(serving: Maker) -> None:
    answer = deliver(serving())
    assert (answer.status_code, answer.json()["code"]) == (503, "github_not_configured")


def test_bodies_up_to_githubs_own_limit_are_taken(served: Served) -> None:
    body = json.dumps(ISSUE | {"filler": "x" * (3 << 20)}).encode()
    assert deliver(served, payload=body).status_code == 202
    assert deliver(served, payload=b"x" * (26 << 20)).status_code == 413
    assert served.call("POST", "/locks", {"keys": ["x" * (2 << 20)]}).status_code == 413


@pytest.mark.skipif(bool(payloads.missing()), reason=payloads.missing() or "-")
def test_githubs_published_examples_of_all_events_are_acknowledged(served: Served) -> None:
    seen = set()
    for number, example in enumerate(payloads.examples()):
        payload = dict(example.payload) | {
            "repository": dict(example.payload.get("repository") or {}) | REPOSITORY
        }
        answer = deliver(served, example.name, payload, X_GitHub_Delivery=f"e-{number}")
        assert answer.status_code == 202, (example.name, answer.text)
        if answer.json()["handled"]:
            seen.add((example.name, bool(answer.json()["subjects"])))
    # What only workflows are told of has no examples.
    only_there = {"pull_request_target", "schedule", "workflow_dispatch"}
    assert {name for name, about in seen if about} >= handled() - only_there - {
        # Their examples are of other actions, or of tags.
        "check_run", "check_suite", "delete", "merge_group", "repository_dispatch",
    }  # fmt: skip
    assert {type(one) for one in waiting(served)} >= {Thread, Branch}
