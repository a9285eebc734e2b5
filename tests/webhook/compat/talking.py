"""A client of one of the older systems: its URL, its key, and nothing of ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx2 as httpx
import msgspec

from gitcoord.domain.state import State
from tests.webhook.served import Served
from webhook.keys import Scope

GOLEMXV, GOZEN, COORDINATOR = "/_gxv/api/v1", "/api/v1/agent", ""


class Client:
    """Calls below a base with `X-API-Key`, as the clients of all three do."""

    def __init__(
        self, served: Served, base: str, scope: Scope = "agent", *, agent: str = "", key: str = ""
    ) -> None:
        self.served = served
        self.base = base
        self.key = key or served.key(scope, agent)

    def call(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] = {}
    ) -> httpx.Response:
        sent = {"X-API-Key": self.key, **headers}
        more: dict[str, Any] = {} if body is None else {"json": body}
        return self.served.client.request(method, self.base + path, headers=sent, **more)

    def post(self, path: str, body: Any = None) -> httpx.Response:
        return self.call("POST", path, {} if body is None else body)

    def get(self, path: str) -> httpx.Response:
        return self.call("GET", path)

    def good(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        """Return the JSON of an answer that is as it should be."""
        answer = self.call(method, path, body)
        assert answer.status_code == status, answer.text
        return answer.json()


@contextmanager
def ledger(served: Served) -> Iterator[State]:
    """Yield what is written in the ledger of the service's first project."""
    house = served.service.projects[served.project].house()
    with house.ledger.state() as state:
        yield state


def head(served: Served) -> str:
    return served.service.projects[served.project].house().ledger.head()


def records(served: Served, kind: Any) -> list[dict[str, Any]]:
    """Return all records of a kind, open ones first, as plain data."""
    with ledger(served) as state:
        found = [*state.all(kind), *state.all(kind, archived=True)]
    return [msgspec.json.decode(msgspec.json.encode(one)) for one in found]


def add_task(served: Served, id: str = "t-1", **more: Any) -> str:
    """Add a task, as a person would."""
    task = {"id": id, "title": f"Do {id}"} | more
    body = {"tasks": [task]}
    answer = served.call("POST", "/tasks", body, key=served.key("agent"))
    assert answer.status_code == 201, answer.text
    return id
