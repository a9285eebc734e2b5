"""The service as a test calls it: in this process, beside a real repository."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

import httpx2 as httpx
from starlette.testclient import TestClient

from gitcoord.bootstrap import open_house
from gitcoord.domain.configure import Begin
from webhook.app import application
from webhook.keys import Scope
from webhook.service import assemble
from webhook.settings import Settings, state_file

API = "/api/v1"


def begun(place: str) -> str:
    """Give the repository a ledger and return it."""
    house = open_house(place, os.environ)
    house.coordinator.begin(Begin(), "test")
    house.close()
    return place


class Served:
    """One service, and somebody who calls it."""

    def __init__(self, places: Mapping[str, str], **settings: Any) -> None:
        file = settings.pop("state", None) or state_file(None, places, os.environ)
        settings.setdefault("rate", 10**6)
        self.settings = Settings(places, file, **settings)
        self.service = assemble(self.settings, os.environ)
        self.client = TestClient(application(self.service), raise_server_exceptions=False)
        self.client.__enter__()
        self.project = next(iter(places))

    def close(self) -> None:
        self.client.__exit__(None, None, None)

    def key(self, scope: Scope, agent: str = "", project: str = "") -> str:
        """Return a new key."""
        made = self.service.keys.add(project or self.project, "test", scope, agent, at=time.time())
        return made[1]

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str = "",
        session: str = "",
        **headers: str,
    ) -> httpx.Response:
        """Send one request below /api/v1."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key:
            sent["Authorization"] = f"Bearer {key}"
        if session:
            sent["Gitcoord-Session"] = session
        more = {} if body is None else {"json": body}
        return self.client.request(method, API + path, headers=sent, **more)

    def agent(self, name: str, **said: Any) -> Agent:
        """Check an agent in, with a key of its own."""
        key = self.key("agent")
        answer = self.call("POST", "/sessions", {"agent": name} | said, key=key)
        assert answer.status_code == 201, answer.text
        return Agent(self, key, answer.json())


class Agent:
    """A session that was checked in over HTTP."""

    def __init__(self, served: Served, key: str, started: Mapping[str, Any]) -> None:
        self.served = served
        self.key = key
        self.started = started
        self.id = str(started["session"]["id"])
        self.token = str(started["session_token"])

    def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return self.served.call("POST", path, body, key=self.key, session=self.token, **headers)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.served.call("GET", path, key=self.key, session=self.token, **headers)


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Return the problem document of a refusal, which is this one."""
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    found = answer.json()
    assert (answer.status_code, found["code"]) == (status, code), found
    assert found["status"] == status
    assert found["detail"]
    assert isinstance(found, dict)
    return found
