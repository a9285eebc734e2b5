"""Browsers without a screen: who looks at the pages of a service, logged in or not."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from starlette.testclient import TestClient

from tests.conftest import first_commit
from tests.webhook.dashboard.markup import Markup
from tests.webhook.dashboard.world import Ledger, populate
from webhook.app import application
from webhook.keys import Scope
from webhook.service import assemble
from webhook.settings import Settings

LOGIN = "/dashboard/login"


class Site:
    """A service, and a browser that looks at its pages."""

    def __init__(self, places: Mapping[str, str], state: str, **settings: Any) -> None:
        settings.setdefault("rate", 10**6)
        self.service = assemble(Settings(places, state, **settings), os.environ)
        self.project = next(iter(places))
        self.base = f"/dashboard/p/{self.project}"
        self._app = application(self.service)
        self._running = TestClient(self._app)
        self._running.__enter__()
        self.browser = self.another()

    def another(self, host: str = "testclient", url: str = "http://testserver") -> TestClient:
        """Return another browser, at that address, which asks for that URL."""
        return TestClient(
            self._app, base_url=url, client=(host, 50000), follow_redirects=False,
            raise_server_exceptions=False,
        )  # fmt: skip

    def key(self, scope: Scope, project: str = "", agent: str = "", name: str = "lena") -> str:
        project = project or self.project
        return self.service.keys.add(project, name, scope, agent, at=time.time())[1]

    def enter(self, scope: Scope = "admin", project: str = "", **more: str) -> Site:
        """Log in with a new key of that scope."""
        answer = self.submit(LOGIN, LOGIN, key=self.key(scope, project, **more), next="/dashboard")
        assert answer.status_code == 303, answer.text
        return self

    def submit(self, page: str, action: str, **fields: str) -> httpx.Response:
        """Send a form as it stands on a page, with these fields."""
        token = Markup(self.browser.get(page).text).token()
        return self.browser.post(action, data={"token": token} | fields)

    def get(self, path: str = "", **headers: str) -> httpx.Response:
        """Ask for a page of the project."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.browser.get(self.base + path, headers=sent)

    def page(self, path: str = "") -> Markup:
        """Return a page of the project, which has to be there and to be good HTML."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        found = Markup(answer.text)
        assert found.faults() == []
        return found

    def close(self) -> None:
        self._running.__exit__(None, None, None)


Opener = Callable[..., Site]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opener]:
    """Return a maker of services; places are by default an empty ledger called `web`."""
    made: list[Site] = []

    def make(places: Mapping[str, str] | None = None, **settings: Any) -> Site:
        if places is None:
            place = first_commit(tmp_path / f"repo{len(made)}")
            Ledger(place).begun().close()
            places = {"web": place}
        made.append(Site(places, str(tmp_path / f"state{len(made)}" / "own.sqlite"), **settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """Return a ledger in which much goes on. Tests that share it only look."""
    ledger = Ledger(first_commit(tmp_path_factory.mktemp("busy") / "repo")).begun()
    populate(ledger)
    yield ledger
    ledger.close()


@pytest.fixture
def site(busy: Ledger, opened: Opener) -> Site:
    """Return a service for it, with an admin who has logged in."""
    return opened({"web": busy.place}).enter()
