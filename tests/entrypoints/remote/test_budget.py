"""What the push budget holds back is said by the commands that wait for it."""

from __future__ import annotations

import time

from tests.entrypoints.door import Door
from tests.servers.git_http import GitHost


def test_renewals_and_signs_of_life_that_wait_say_so(here: Door, hub: GitHost) -> None:
    here("init", "--remote", "origin", "--set", "beat_interval=0.1", "--set", "push_budget=1")
    here("session", "start", "--name", "ada", "--life", "beat")
    here("lock", "acquire", "a")
    pushed = hub.count(command="push")
    assert here.json("lock", "renew")["delayed"] == ["a"]
    assert "pushes are scarce" in here("lock", "renew")
    time.sleep(0.15)
    assert here.json("session", "heartbeat")["delayed_until"] > "20"
    assert "delayed until" in here("session", "heartbeat")
    assert hub.count(command="push") == pushed
    here("lock", "release", "a")
    assert hub.count(command="push") == pushed + 1
