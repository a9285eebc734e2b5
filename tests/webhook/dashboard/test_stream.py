"""The stream behind a live page: it tells of every change, whoever made it, and ends in time."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

from gitcoord.domain.pausing import Heartbeat
from tests.conftest import first_commit
from tests.webhook.dashboard.conftest import LOGIN
from tests.webhook.dashboard.markup import Markup
from tests.webhook.dashboard.world import Ledger, Running

#: Seconds after which a stream that says nothing fails the test.
PATIENCE = 20


class Listener:
    """One open stream."""

    def __init__(self, running: Running, cookie: str, project: str = "web") -> None:
        self._connection = http.client.HTTPConnection(
            running.url.removeprefix("http://"), timeout=PATIENCE
        )
        self.cookie = cookie
        headers = {"Cookie": cookie}
        self._connection.request("GET", f"/dashboard/events?project={project}", headers=headers)
        self.answer = self._connection.getresponse()

    def next(self) -> tuple[str, str]:
        """Return the next event and its data; two empty texts when the stream has ended."""
        event = data = ""
        pings = 0
        while line := self.answer.readline().decode():
            name, _, value = line.rstrip("\r\n").partition(": ")
            pings += line.startswith(": ping")
            assert pings < 2, "nothing was said"
            if name == "event":
                event = value
            elif name == "data":
                data = value
            elif not line.strip() and event:
                return event, data
        return "", ""

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    place = first_commit(tmp_path / "repo")
    Ledger(place).begun().close()
    made = Running({"web": place}, str(tmp_path / "state" / "own.sqlite"))
    yield made
    made.close()


@pytest.fixture
def ledger(running: Running) -> Iterator[Ledger]:
    found = Ledger(running.settings.projects["web"])
    yield found
    found.close()


@pytest.fixture
def listen(running: Running) -> Iterator[Callable[..., Listener]]:
    made: list[Listener] = []
    with httpx.Client(base_url=running.url) as browser:
        token = Markup(browser.get(LOGIN).text).token()
        browser.post(LOGIN, data={"token": token, "key": running.key("read", "web"), "next": ""})
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())

    def listening(project: str = "web") -> Listener:
        made.append(Listener(running, cookie, project))
        return made[-1]

    yield listening
    for one in made:
        one.close()


def test_all_pages_hear_of_a_change_that_somebody_else_has_made(
    listen: Callable[..., Listener], ledger: Ledger
) -> None:
    pages = [listen() for _ in range(3)]
    assert [page.next()[0] for page in pages] == ["ready"] * 3
    assert pages[0].answer.headers["Content-Type"].startswith("text/event-stream")
    seqs = []
    for number in range(3):
        ledger.enter(f"s-{number}", "ada")
        with ledger.house.ledger.state() as state:
            seqs.append(state.meta.seq)
        for page in pages:
            told = page.next()
            while not told[1].startswith(f"1.{seqs[-1]}."):
                assert told[0] == "change"
                told = page.next()


def test_a_sign_of_life_that_changes_no_record_is_told_too(
    listen: Callable[..., Listener], ledger: Ledger
) -> None:
    ledger.enter("s-1", "ada", life="beat")
    page = listen()
    assert page.next()[0] == "ready"
    assert page.next() == ("change", "presence")
    head = ledger.head()
    ledger.do(Heartbeat(), "s-1")
    assert ledger.head() == head
    assert page.next() == ("change", "presence")


def test_who_may_not_see_the_project_hears_nothing(listen: Callable[..., Listener]) -> None:
    assert listen("other").answer.status == 204


@pytest.mark.parametrize("by", ["revoked", "logged out"])
def test_a_stream_ends_with_its_key_and_with_its_log_in(
    listen: Callable[..., Listener], ledger: Ledger, running: Running, by: str
) -> None:
    page = listen()
    assert page.next()[0] == "ready"
    if by == "revoked":
        (key,) = running.service.keys.list()
        running.service.keys.revoke(key.id, at=0.0)
    else:
        with httpx.Client(base_url=running.url, headers={"Cookie": page.cookie}) as browser:
            token = Markup(browser.get(LOGIN).text).token()
            browser.post("/dashboard/logout", data={"token": token})
    for number in range(50):
        ledger.enter(f"s-{number}", "ada")
        if page.next() == ("", ""):
            return
    pytest.fail("it goes on")


def test_streams_end_in_good_order_with_the_service(
    listen: Callable[..., Listener], running: Running
) -> None:
    gone, page = listen(), listen()
    assert gone.next()[0] == page.next()[0] == "ready"
    gone.close()
    closing = threading.Thread(target=running.close)
    closing.start()
    while page.next() != ("", ""):
        pass
    closing.join(PATIENCE)
    assert not closing.is_alive()
