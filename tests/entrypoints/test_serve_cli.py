"""`gitcoord serve`: keys on the command line, and the service as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.entrypoints.door import Door
from tests.gitrun import branch, git
from tests.webhook.running import Running


@pytest.fixture
def running(door: Door) -> Iterator[list[Running]]:
    started: list[Running] = []
    yield started
    for one in started:
        one.end(signal.SIGKILL)


def test_a_key_is_shown_once_listed_without_its_secret_rotated_and_revoked(door: Door) -> None:
    made = door.json("serve", "key", "add", "--name", "ci", "--scope", "agent")["key"]
    assert made.keys() >= {"id", "name", "scope", "secret"}
    assert made["secret"].startswith(f"gc_{made['id']}_")
    listed = door.json("serve", "key", "list")["keys"]
    assert [one["id"] for one in listed] == [made["id"]]
    assert made["secret"].split("_", 2)[2] not in json.dumps(listed)
    new = door.json("serve", "key", "rotate", made["id"])["key"]
    assert new["id"] != made["id"]
    assert door.json("serve", "key", "revoke", new["id"])["key"]["revoked_at"]
    assert all(one["revoked_at"] for one in door.json("serve", "key", "list")["keys"])


def test_wrong_words_about_keys_are_refused(door: Door) -> None:
    assert "key list" in door.refused("serve", "key", "revoke", "nope", code=2)["hint"]
    door.refused("serve", "key", "add", "--name", "a\nb", "--scope", "read", code=2)
    two = ("serve", "--project", "a=.", "--project", "b=.", "--state", "s.sqlite")
    add = (*two, "key", "add", "--name", "ci", "--scope", "read")
    assert "--for" in door.refused(*add, code=2)["hint"]
    assert "--for" in door.refused(*add, "--for", "c", code=2)["hint"]
    assert door.json(*add, "--for", "b")["key"]["project"] == "b"


def test_what_is_said_and_would_be_ignored_is_refused(door: Door) -> None:
    for words in (("--port", "1"), ("--rate", "5"), ("--origin", "https://a.example"),
                  ("--require-key-everywhere",), ("--log", "json")):  # fmt: skip
        door("serve", *words, "key", "list", code=2)
        assert words[0] in door.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--project", "a=.", "--project", "b=nowhere"), "not_a_repository", "project b: "),
        (("--origin", "a.example"), "invalid_config", "'a.example'"),
    ],
)
def test_what_cannot_be_served_is_refused_before_it_listens(
    door: Door, words: tuple[str, ...], code: str, said: str
) -> None:
    serve = [sys.executable, "-m", "gitcoord", "serve", "--state", "s.sqlite", "--port", "0"]
    # In a process of its own, as one that is not refused would not end.
    ended = subprocess.run(
        [*serve, *words], cwd=door.place, capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 2, ended.stderr
    assert code in ended.stderr
    assert said in ended.stderr
    assert not os.path.exists(os.path.join(door.place, "s.sqlite"))


def test_it_serves_says_where_and_ends_when_it_is_told_to(
    door: Door, running: list[Running]
) -> None:
    running.append(Running(door.place, "--log", "json"))
    (one,) = running
    first = json.loads(one.lines[0])
    assert (first["level"], first["logger"]) == ("info", "gitcoord.service")
    assert one.get("/health")[0] == 200
    key = door.json("serve", "key", "add", "--name", "ci", "--scope", "read")["key"]["secret"]
    assert one.get("/api/v1/locks", key)[1]["locks"] == []
    assert one.get("/api/v1/locks")[0] == 401
    assert one.end() == 0
    log = "".join(one.lines)
    assert "no key is good for the project default yet" in log
    assert json.loads(one.lines[-1])["message"] == "ended"
    assert key not in log


def test_an_address_that_is_taken_is_refused_with_what_to_do(door: Door) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        door("serve", "--port", port, code=2)
    assert f"cannot listen on 127.0.0.1:{port}" in door.err
    assert "--port" in door.err


def test_outside_of_a_repository_it_says_what_to_name(
    door: Door, tmp_path: os.PathLike[str]
) -> None:
    empty = os.path.join(tmp_path, "empty")
    os.makedirs(empty)
    door.go(empty)
    error = json.loads(door("serve", "key", "list", "--json", code=2))["error"]
    assert (error["code"], "--project" in error["hint"]) == ("not_a_repository", True)


def test_its_log_names_routes_and_callers_and_nothing_that_was_sent(
    door: Door, running: list[Running]
) -> None:
    made = door.json("serve", "key", "add", "--name", "ci", "--scope", "read")["key"]
    running.append(Running(door.place, "--log", "json"))
    running[0].get("/api/v1/locks?agent=my-secret-name", made["secret"])
    running[0].get("/api/v1/tasks/t-very-secret", made["secret"])
    running[0].get("/health")
    running[0].end()
    lines = [json.loads(line) for line in running[0].lines]
    asked = [line for line in lines if line["logger"] == "gitcoord.service.requests"]
    assert [(x["route"], x["status"], x["by"]) for x in asked] == [
        ("/api/v1/locks", 200, f"key {made['id']}"),
        ("/api/v1/tasks/{task}", 404, f"key {made['id']}"),
    ]
    assert all(x["milliseconds"] > 0 for x in asked)
    text = "".join(running[0].lines)
    assert "secret" not in text
    assert made["secret"].split("_", 2)[2] not in text


@pytest.mark.parametrize(
    ("words", "last"),
    [((), [429, 429]), (("--behind-proxy",), [429, 401])],
    ids=["alone", "behind"],
)
def test_a_proxy_is_believed_who_the_client_is_only_if_that_was_said(
    door: Door, running: list[Running], words: tuple[str, ...], last: list[int]
) -> None:
    # Two requests at once, for each address without a key. Only the last name is the proxy's word.
    running.append(Running(door.place, "--rate", "8", *words))
    statuses = [
        running[0].ask("/api/v1/locks", None, X_Forwarded_For=f"9.9.9.{turn}, {client}")[0]
        for turn, client in enumerate(("1.1.1.1", "1.1.1.1", "1.1.1.1", "2.2.2.2"))
    ]
    assert statuses == [401, 401, *last]


@pytest.mark.parametrize(("words", "status"), [((), 409), (("--run-checks",), 200)])
def test_commands_of_verification_run_only_if_that_was_said(
    door: Door, running: list[Running], words: tuple[str, ...], status: int
) -> None:
    head = branch(door.place, "feat/login", "src/a")
    command = (sys.executable, "-c", "print('all is well')")
    door("verify", "policy", "add", "unit", "--", *command)
    key = door.json("serve", "key", "add", "--name", "ci", "--scope", "agent")["key"]["secret"]
    running.append(Running(door.place, *words))
    made = running[0].ask("/api/v1/merges", {"branch": "feat/login"}, key)[1]["merge"]
    assert made["head"] == head
    before = git(door.place, "rev-parse", "main")
    told, answer = running[0].ask("/api/v1/merges/land", {"ids": [made["id"]]}, key)
    assert told == status, answer
    assert (git(door.place, "rev-parse", "main") == before) == (status != 200)
