"""`gitcoord doctor --remote`: what a host can do is tried out, and nothing of it stays."""

from __future__ import annotations

import os
import re
import signal
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gitcoord.bootstrap import open_house
from gitcoord.storage.gitproc import Git
from gitcoord.storage.wire.probe import probe
from tests.entrypoints.door import Door
from tests.entrypoints.program import Programs
from tests.entrypoints.remote.clones import STATE, remote_of
from tests.gitrun import git
from tests.servers.faults import Fault, hold
from tests.servers.git_http import GitHost


@pytest.fixture
def joined(here: Door, hub: GitHost) -> Door:
    """Stand in a clone whose ledger is at the host."""
    here("init", "--remote", "origin")
    hub.clear()
    return here


def probed(door: Door, code: int = 0) -> dict[str, dict[str, Any]]:
    """Return the findings by their codes."""
    return {one["code"]: one for one in door.json("doctor", "--remote", code=code)["findings"]}


def severities(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {code: one["severity"] for code, one in found.items() if one["severity"] != "ok"}


def test_a_good_host_passes_everything_and_is_as_before(joined: Door, hub: GitHost) -> None:
    before = hub.refs("hub")
    found = probed(joined)
    assert severities(found) == {}
    assert {
        "push_budget", "remote_reachable", "remote_advertisement", "remote_poll", "remote_clock",
        "remote_direct", "remote_namespace", "remote_atomic", "remote_verify", "remote_compare",
        "remote_swap",
    } == set(found)  # fmt: skip
    assert hub.refs("hub") == before
    assert hub.count(command="push") == 8


def test_a_path_and_objects_of_sha256_pass_too(here: Door, hub: GitHost) -> None:
    hub.create("wide", "--object-format=sha256")
    here("init", "--remote", str(hub.path("wide")))
    before = hub.refs("wide")
    assert severities(probed(here)) == {"remote_clock": "note"}
    assert hub.refs("wide") == before


def test_people_get_a_table_and_what_to_do(joined: Door, hub: GitHost) -> None:
    hub.date_offset = 3600.0
    said = joined("doctor", "--remote")
    assert "host's clock is +3" in said
    assert "next: Set this machine's clock" in said


@pytest.mark.parametrize("ahead,severity", [(0.0, "ok"), (3600.0, "warning"), (-3600.0, "warning")])
def test_an_ordinary_doctor_says_how_far_the_clock_of_the_host_is(
    joined: Door, hub: GitHost, ahead: float, severity: str
) -> None:
    hub.date_offset = ahead
    found = {one["code"]: one for one in joined.json("doctor")["findings"]}
    assert found["host_clock"]["severity"] == severity
    said = re.search(r"is ([+-]\d+) s", found["host_clock"]["message"])
    assert said
    assert abs(int(said[1]) - ahead) < 60


def test_the_push_budget_is_respected(joined: Door, hub: GitHost) -> None:
    joined("config", "--shared", "push_budget", "8")
    hub.clear()
    found = probed(joined)
    # Two transactions stand on the chain already: the first one and this setting.
    assert hub.count(command="push") == 6
    assert "2 of 8" in found["push_budget"]["message"]
    joined("config", "--shared", "push_budget", "3")
    hub.clear()
    assert severities(probed(joined)) == {"probe_short": "note"}
    assert hub.count(command="push") == 0


def test_a_host_that_refuses_the_refs_is_found_out(joined: Door, hub: GitHost) -> None:
    hub.protect("hub", "refs/coord/*")
    found = probed(joined, code=5)
    assert severities(found) == {"remote_namespace": "error"}
    assert "hook declined" in found["remote_namespace"]["message"]
    assert "docs/hosts.md" in found["remote_namespace"]["hint"]


def test_a_host_that_takes_refs_and_hides_them_is_found_out(joined: Door, hub: GitHost) -> None:
    hub.hide("hub", "refs/coord", of="uploadpack")
    found = probed(joined, code=5)
    assert found["remote_hidden"]["severity"] == "error"
    assert not [ref for ref in hub.refs("hub") if "probe" in ref]


def test_a_host_without_atomic_is_no_error(joined: Door, hub: GitHost) -> None:
    hub.no_atomic("hub")
    found = probed(joined)
    assert severities(found) == {"remote_atomic": "note"}
    assert "remote_verify" not in found


def test_a_host_that_insists_on_discovery_is_no_error(joined: Door, hub: GitHost) -> None:
    hub.insist_on_advertisement = 400
    before = hub.refs("hub")
    assert severities(probed(joined)) == {"remote_direct": "note", "remote_poll": "note"}
    assert hub.refs("hub") == before


def test_a_host_without_protocol_2_is_no_error(joined: Door, hub: GitHost) -> None:
    hub.no_v2 = True
    assert severities(probed(joined)) == {"remote_poll": "note"}


def test_a_host_that_lets_us_only_read_is_found_out(joined: Door, hub: GitHost) -> None:
    hub.users["ada"] = "word"
    hub.readers.add("ada")
    git(joined.place, "config", f"url.{hub.url('hub', 'ada', 'word')}.insteadOf", hub.url("hub"))
    found = probed(joined, code=5)
    assert severities(found) == {"remote_unreachable": "error"}
    assert "access_denied" in found["remote_unreachable"]["message"]


def test_a_host_that_is_away_is_found_out(joined: Door, hub: GitHost) -> None:
    hub.stop()
    assert severities(probed(joined, code=5)) == {"remote_unreachable": "error"}


def test_what_an_interrupted_probe_left_is_removed_an_hour_later(
    joined: Door, hub: GitHost
) -> None:
    old = f"refs/coord/probe/{int(time.time()) - 4000:x}-abc/a"
    young = f"refs/coord/probe/{int(time.time()) - 100:x}-abc/a"
    foreign = "refs/coord/probe/somebody/else"
    for ref in (old, young, foreign):
        hub.git("hub", "update-ref", ref, STATE)
    found = probed(joined)
    assert severities(found) == {"probe_forgotten": "note"}
    assert [ref for ref in hub.refs("hub") if "probe" in ref] == sorted([young, foreign])


def test_a_probe_that_is_given_up_in_the_middle_cleans_up(joined: Door, hub: GitHost) -> None:
    before = hub.refs("hub")
    house = open_house(joined.place, os.environ)
    assert house.wire is not None
    run = probe(house.wire.host.address, Git(house.repository), preemptive=False, pushes=8)
    for fact in run:
        if fact.code == "remote_namespace":
            assert len(hub.refs("hub")) == len(before) + 1
            run.close()
    house.close()
    assert hub.refs("hub") == before


def test_a_connection_that_breaks_ends_the_probe_and_leaves_nothing(
    joined: Door, hub: GitHost, tmp_path: Path
) -> None:
    before = hub.refs("hub")
    hub.faults.append(Fault("cut_after", service="receive-pack", command="push"))
    assert severities(probed(joined, code=5)) == {"remote_push": "error"}
    assert hub.refs("hub") == before


@pytest.mark.parametrize("name", [x for x in ("SIGINT", "SIGTERM", "SIGHUP") if x in dir(signal)])
def test_a_command_that_is_stopped_in_the_middle_cleans_up(
    joined: Door, hub: GitHost, name: str
) -> None:
    how = signal.Signals[name]
    before = hub.refs("hub")
    # The first push makes a scratch ref; its answer does not come before the signal.
    late = hold(after=True, command="push")
    hub.faults.append(late)
    with closing(Programs(joined.place)) as programs:
        child = programs("doctor", "--remote")
        assert late.reached.wait(60)
        assert len(hub.refs("hub")) == len(before) + 1
        child.send_signal(how)
        assert child.wait(60) == 128 + how
    late.release()
    assert hub.refs("hub") == before


def test_a_host_is_tried_before_anything_is_kept_there(here: Door, hub: GitHost) -> None:
    before = hub.refs("hub")
    assert severities(probed(here)) == {}
    assert "what origin would allow" in (here("doctor", "--remote") and here.err)
    assert hub.refs("hub") == before
    assert remote_of(here.place) == ""
    here("init")
    assert severities(probed(here)) == {}
    assert hub.refs("hub") == before


def test_without_a_remote_there_is_no_host_to_try(
    bare_door: Door, hub: GitHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare_door("init")
    error = bare_door.refused("doctor", "--remote", code=2)
    assert "no git remote" in error["message"]
    assert "GITCOORD_REMOTE=" in error["hint"]
    monkeypatch.setenv("GITCOORD_REMOTE", hub.url("hub"))
    assert severities(probed(bare_door)) == {}


def test_one_step_at_a_time(joined: Door) -> None:
    joined.refused("doctor", "--remote", "--repair", code=2)
