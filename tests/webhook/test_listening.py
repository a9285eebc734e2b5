"""Events over HTTP: of any writer, resumed after a kill, ended in good order; notifications."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.entrypoints.program import until
from tests.webhook.conftest import Maker
from tests.webhook.running import Running
from tests.webhook.served import Served, begun, problem
from tests.webhook.test_two_services import key_of


class Stream:
    """Reads one stream of events."""

    def __init__(self, port: int, key: str, last: str = "", query: str = "") -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        headers = {"Authorization": f"Bearer {key}"} | ({"Last-Event-ID": last} if last else {})
        self.connection.request("GET", f"/api/v1/events{query}", headers=headers)
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200
        assert self.answer.headers["Content-Type"].startswith("text/event-stream")

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield events with their id, type and data, until the stream ends."""
        event: dict[str, Any] = {}
        end = time.monotonic() + 40
        for raw in self.answer:
            # Comments keep it open for as long as nothing happens.
            assert time.monotonic() < end, "nothing happens"
            line = raw.decode().rstrip("\r\n")
            name, _, value = line.partition(": ")
            if not line:
                if "data" in event:
                    yield {"id": "", "event": "message"} | event
                event = {}
            elif name in ("id", "event"):
                event[name] = value
            elif name == "data":
                event["data"] = json.loads(value)

    def until(self, kind: str, count: int = 1) -> list[dict[str, Any]]:
        """Return the events up to the one that is the `count`th of this type."""
        found: list[dict[str, Any]] = []
        end = time.monotonic() + 30
        for event in self:
            assert time.monotonic() < end, found
            found.append(event)
            count -= event["event"] == kind
            if not count:
                return found
        raise AssertionError(f"the stream ended: {found}")


@pytest.fixture
def place(repo: str) -> str:
    return begun(repo)


@pytest.fixture
def start(place: str) -> Iterator[Any]:
    started: list[Running] = []

    def run(*words: str) -> Running:
        started.append(Running(place, *words))
        return started[-1]

    yield run
    for one in started:
        one.end(signal.SIGKILL)


@pytest.fixture
def listen() -> Iterator[Callable[..., Stream]]:
    """Return a maker of streams, which end with the test."""
    opened: list[Stream] = []

    def make(*words: Any) -> Stream:
        opened.append(Stream(*words))
        return opened[-1]

    yield make
    for one in opened:
        one.answer.close()
        one.connection.close()


def typed(place: str, *words: str) -> None:
    subprocess.run([sys.executable, "-m", "gitcoord", *words], cwd=place, check=True)


def test_what_any_writer_does_appears_in_the_order_of_the_chain(
    place: str, start: Any, listen: Any
) -> None:
    service, key = start(), key_of(place)
    stream = listen(service.port, key)
    service.ask("/api/v1/sessions", {"agent": "ada"}, key)
    typed(place, "session", "start", "--name", "bob")
    typed(place, "lock", "acquire", "src/**")
    found = [one for one in stream.until("lock.acquired") if one["id"]]
    assert [(one["event"], one["data"]["data"]["agent_name"]) for one in found[:2]] == [
        ("agent.checkin", "ada"),
        ("agent.checkin", "bob"),
    ]
    assert found[-1]["data"]["data"]["key"] == "src/**"
    assert len({one["id"] for one in found}) == len(found)


def test_a_killed_services_stream_is_resumed_with_nothing_missed_or_repeated(
    place: str, start: Any, listen: Any
) -> None:
    one, key = start(), key_of(place)
    stream = listen(one.port, key)
    for number in range(3):
        one.ask("/api/v1/sessions", {"agent": f"a{number}"}, key)
    heard = [each for each in stream.until("agent.checkin", 2) if each["id"]]
    os.kill(one.process.pid, signal.SIGKILL)
    one.process.wait()
    typed(place, "session", "start", "--name", "late")
    two = start()
    two.ask("/api/v1/sessions", {"agent": "last"}, key)
    resumed = listen(two.port, key, heard[-1]["id"])
    heard += [each for each in resumed.until("agent.checkin", 3) if each["id"]]
    whole = [
        each for each in listen(two.port, key, "1.1.1").until("agent.checkin", 5) if each["id"]
    ]
    ids = [each["id"] for each in heard]
    assert ids == [each["id"] for each in whole if each["id"] in ids]
    names = [
        each["data"]["data"]["agent_name"] for each in heard if each["event"] == "agent.checkin"
    ]
    assert names == ["a0", "a1", "a2", "late", "last"]


def test_a_stream_ends_with_the_key_or_the_session_that_it_was_begun_with(
    place: str, start: Any, listen: Any
) -> None:
    service, key = start(), key_of(place)
    _, ada = service.ask("/api/v1/sessions", {"agent": "ada"}, key)
    by_key, by_token = listen(service.port, key), listen(service.port, ada["session_token"])
    staying = listen(service.port, key_of(place))
    for stream in (by_key, by_token, staying):
        stream.until("presence")
    typed(place, "serve", "key", "revoke", key.split("_")[1])
    typed(place, "session", "end", "--session", ada["session"]["id"])
    for stream in (by_key, by_token):
        assert list(stream)[-1]["data"]["reason"] == "revoked"
    typed(place, "session", "start", "--name", "bob")
    assert staying.until("agent.checkin")


def test_a_service_that_is_told_to_end_ends_its_streams_at_once(
    place: str, start: Any, listen: Any
) -> None:
    service, key = start(), key_of(place)
    streams = [listen(service.port, key) for _ in range(3)]
    for stream in streams:
        stream.until("presence")
    began = time.monotonic()
    assert service.end() == 0
    assert time.monotonic() - began < 4
    for stream in streams:
        # Whether it is said or not, it ends, and can be resumed.
        assert {each["event"] for each in stream} <= {"presence", "end"}


def test_a_stream_wants_a_key_and_words_that_it_knows(served: Served) -> None:
    problem(served.client.get("/api/v1/events"), 401, "unauthorized")
    key = served.key("read")
    for query in ("after=x", "types=nonsense", "more=1"):
        answer = served.call("GET", f"/events?{query}", key=key)
        assert answer.status_code == 400, answer.text
    problem(served.call("GET", "/events", key=key, Last_Event_ID="1.x.0"), 400, "invalid_id")


class Receiver(ThreadingHTTPServer):
    """Takes notifications, the first of them only at the second try."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.took: list[tuple[dict[str, str], bytes]] = []
        self.arrived = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"


class Answering(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Receiver)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.took.append(({k.lower(): v for k, v in self.headers.items()}, body))
        self.send_response(204)
        self.end_headers()
        self.server.arrived.set()

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.shutdown()
    server.server_close()


def test_a_url_is_told_what_happens_with_a_signature(serving: Maker, receiver: Receiver) -> None:
    served = serving(private_notifications=True)
    admin = served.key("admin")
    body = {"url": receiver.url, "types": "lock.acquired"}
    made = served.call("POST", "/notifications", body, key=admin).json()["notification"]
    ada = served.agent("ada")
    ada.post("/locks", {"keys": ["src/a.py"]})
    assert receiver.arrived.wait(20)
    headers, data = receiver.took[0]
    assert json.loads(data)["type"] == "lock.acquired"
    text = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), data])
    secret = base64.b64decode(made["secret"].removeprefix("whsec_"))
    right = base64.b64encode(hmac.new(secret, text, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{right}"
    listed = _listed(served, admin)
    assert "secret" not in listed
    assert (listed["id"], listed["given_up"]) == (made["id"], 0)
    gone = served.call("DELETE", f"/notifications/{made['id']}", key=admin)
    assert gone.status_code == 200
    assert served.call("GET", "/notifications", key=admin).json()["notifications"] == []


def test_nothing_is_sent_into_a_private_network_unless_that_was_said(
    serving: Maker, receiver: Receiver
) -> None:
    served = serving()
    admin, agent = served.key("admin"), served.key("agent")
    body = {"url": receiver.url}
    problem(served.call("POST", "/notifications", body, key=agent), 403, "forbidden")
    served.call("POST", "/notifications", body, key=admin)
    served.agent("ada").post("/locks", {"keys": ["src/a.py"]})
    until(lambda: _listed(served, admin)["given_up"] == 2)
    assert "not a public address" in _listed(served, admin)["last_error"]
    assert not receiver.took


def _listed(served: Served, key: str) -> dict[str, Any]:
    (found,) = served.call("GET", "/notifications", key=key).json()["notifications"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    "url",
    [
        "", "x", "file:///etc/passwd", "ftp://a.example/", "http://", "http://user:pw@a.example/",
        "gopher://a.example/", "http://a.example:99999/", "https://a.example/\r\nX: y",
    ],
)  # fmt: skip
def test_what_is_no_url_of_a_receiver_is_refused(served: Served, url: str) -> None:
    answer = served.call("POST", "/notifications", {"url": url}, key=served.key("admin"))
    assert answer.status_code == 400, answer.text
