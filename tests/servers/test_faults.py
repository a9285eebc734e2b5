"""Each misfortune of the host over HTTP, seen once from both sides."""

from __future__ import annotations

import http.client
import threading
from http.client import HTTPConnection

import pytest

from tests.servers import faults, wires
from tests.servers.git_http import GitHost
from tests.servers.incoming import Incoming
from tests.servers.wires import ZERO

COORD = "refs/coord/state"
CUT = (http.client.RemoteDisconnected, ConnectionError)


def test_a_cut_before_the_request_leaves_nothing_done(
    hub: GitHost, tip: str, line: HTTPConnection
) -> None:
    hub.faults.append(faults.cut_before())
    with pytest.raises(CUT):
        wires.push(line, "hub", (COORD, ZERO, tip))
    assert COORD not in hub.refs("hub")
    assert hub.requests[0].status == 0
    assert wires.push(line, "hub", (COORD, ZERO, tip)).status == 200


def test_a_cut_after_the_request_leaves_it_done(
    hub: GitHost, tip: str, line: HTTPConnection
) -> None:
    hub.faults.append(faults.cut_after())
    with pytest.raises(CUT):
        wires.push(line, "hub", (COORD, ZERO, tip))
    assert hub.refs("hub")[COORD] == tip


def test_a_cut_in_the_middle_sends_half_of_the_answer(
    hub: GitHost, tip: str, line: HTTPConnection
) -> None:
    hub.faults.append(faults.cut_middle())
    with pytest.raises(http.client.IncompleteRead) as cut:
        wires.push(line, "hub", (COORD, ZERO, tip))
    assert len(cut.value.partial) in {cut.value.expected, (cut.value.expected or 0) - 1}
    assert hub.refs("hub")[COORD] == tip


def test_a_delay_holds_the_request_up(hub: GitHost, tip: str, line: HTTPConnection) -> None:
    hub.faults.append(faults.delay(0.15))
    assert wires.push(line, "hub", (COORD, ZERO, tip)).seconds >= 0.15
    hub.faults.append(faults.delay(0.15, after=True))
    assert wires.push(line, "hub", (COORD, tip, tip)).seconds >= 0.15


@pytest.mark.parametrize("after", [False, True])
def test_a_held_request_waits_for_the_test(
    hub: GitHost, tip: str, line: HTTPConnection, after: bool
) -> None:
    held = faults.hold(after=after, command="push")
    hub.faults.append(held)
    moves = (COORD, ZERO, tip)
    pushing = threading.Thread(target=wires.push, args=(line, "hub", moves))
    pushing.start()
    assert held.reached.wait(10)
    pushing.join(0.1)
    assert pushing.is_alive()
    assert (COORD in hub.refs("hub")) is after
    held.release()
    pushing.join()
    assert hub.refs("hub")[COORD] == tip


def test_a_host_that_stops_lets_held_requests_go(
    hub: GitHost, tip: str, line: HTTPConnection
) -> None:
    held = faults.hold()
    hub.faults.append(held)
    line.request("POST", "/hub.git/git-receive-pack", b"0000")
    assert held.reached.wait(10)
    hub.stop()
    assert held.released.is_set()
    with pytest.raises(CUT):
        line.getresponse()


@pytest.mark.parametrize("code", [429, 500, 502])
def test_a_status_takes_the_place_of_the_work(
    hub: GitHost, tip: str, line: HTTPConnection, code: int
) -> None:
    hub.faults.append(faults.status(code, 7))
    answer = wires.push(line, "hub", (COORD, ZERO, tip))
    assert (answer.status, answer.headers["Retry-After"]) == (code, "7")
    assert COORD not in hub.refs("hub")
    assert hub.requests[0].status == code


def test_a_status_can_hide_that_the_work_was_done(
    hub: GitHost, tip: str, line: HTTPConnection
) -> None:
    hub.faults.append(faults.status(504, after=True))
    assert wires.push(line, "hub", (COORD, ZERO, tip)).status == 504
    assert hub.refs("hub")[COORD] == tip


def test_a_page_takes_the_place_of_the_answer(hub: GitHost, line: HTTPConnection) -> None:
    hub.faults.append(faults.page())
    answer = wires.ls_refs(line, "hub")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html")
    assert b"Sign in" in answer.body


def test_a_fault_waits_for_the_request_that_it_is_meant_for(
    hub: GitHost, tip: str, line: HTTPConnection
) -> None:
    hub.faults.extend([faults.status(500, service="receive-pack"), faults.status(502)])
    hub.faults.append(faults.status(503, command="ls-refs"))
    assert wires.ls_refs(line, "hub").status == 502
    assert wires.push(line, "hub", (COORD, ZERO, tip)).status == 500
    assert wires.push(line, "hub", (COORD, ZERO, tip)).status == 200
    assert wires.ls_refs(line, "hub").status == 503
    assert hub.faults == []


def test_random_faults_are_the_same_for_the_same_seed(hub: GitHost, line: HTTPConnection) -> None:
    def struck(seed: int) -> list[int]:
        hub.clear()
        hub.random_faults(0.5, seed, (faults.status(500), faults.cut_before()))
        for _ in range(20):
            try:
                wires.ls_refs(line, "hub")
            except CUT:
                line.close()
        return [seen.status for seen in hub.requests]

    first = struck(7)
    assert {0, 200, 500} == set(first)
    assert struck(7) == first
    assert struck(8) != first
    hub.random_faults(0.0)
    assert wires.ls_refs(line, "hub").status == 200


def test_random_faults_strike_about_their_share() -> None:
    fate = faults.Misfortune()
    fate.at_random(0.2, 1)
    request = faults_request()
    kinds = [fault.kind for _ in range(1000) if (fault := fate.next(request))]
    assert 150 < len(kinds) < 250
    assert fate.struck == len(kinds)
    assert set(kinds) == {"cut_before", "cut_after", "cut_middle"}


def faults_request() -> Incoming:
    """Return a request of no particular kind."""
    return Incoming("GET", "/hub.git/info/refs", "service=git-upload-pack", {}, b"", False)
