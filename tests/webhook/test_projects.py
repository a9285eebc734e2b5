"""A project at a git host, by its URL alone: a clone of our own, decisions at the host."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tests.gitrun import git
from tests.servers.control import host_process
from tests.webhook.conftest import Maker
from tests.webhook.served import begun, problem
from webhook.projects import FRESH


def test_a_url_is_served_from_a_clone_that_nobody_has_made(
    serving: Maker, repo: str, tmp_path: Path
) -> None:
    with host_process(str(tmp_path / "host")) as host:
        host.create("api")
        places = {"api": host.url("api"), "web": begun(repo)}
        served = serving(places, state=str(tmp_path / "state" / "service.sqlite"))
        admin = served.key("admin", project="api")
        problem(served.call("GET", "/locks", key=admin), 503, "not_initialised")
        assert served.call("POST", "/ledger", {}, key=admin).status_code == 201
        ada = served.agent("ada")
        assert ada.post("/locks", {"keys": ["src/**"]}).status_code == 200
        hub = str(host.path("api"))
        assert "ada takes src/**" in git(hub, "log", "-1", "--format=%s", "refs/coord/state")
        # Another clone decides at the host; the service sees it.
        theirs = str(tmp_path / "theirs")
        git(str(tmp_path), "clone", "-q", host.url("api"), theirs)
        other = serving({"api": theirs}, state=str(tmp_path / "other" / "service.sqlite"))
        git(theirs, "config", "coord.remote", "origin")
        assert other.agent("bob").post("/locks", {"keys": ["docs/"]}).status_code == 200
        # What the host has said within a second is new enough.
        time.sleep(FRESH)
        found = served.call("GET", "/locks", key=admin).json()["locks"]
        assert {lock["agent"] for lock in found} == {"ada", "bob"}
        web = served.key("read", project="web")
        assert served.call("GET", "/locks", key=web).json()["locks"] == []
    problem(ada.post("/locks", {"keys": ["z"]}), 503, "host_unreachable")
    time.sleep(FRESH)
    stale = served.call("GET", "/status", key=admin).json()
    assert stale["trouble"]
    assert served.client.get("/ready").status_code == 503
    assert os.path.isdir(tmp_path / "state" / "repositories" / "api.git")
