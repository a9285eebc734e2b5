"""A service beside a repository with a ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import first_commit
from tests.webhook.served import Served, begun

Maker = Callable[..., Served]


@pytest.fixture
def serving(repo: str) -> Iterator[Maker]:
    """Return a maker of services; places are by default the test's repository."""
    made: list[Served] = []

    def make(places: dict[str, str] | None = None, **settings: Any) -> Served:
        made.append(Served(places or {"default": begun(repo)}, **settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def served(serving: Maker) -> Served:
    """Return a service for one repository with a ledger."""
    return serving()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Return a service that tests of a module share, all of whose requests are refused."""
    found = Served({"default": begun(first_commit(tmp_path_factory.mktemp("guarded") / "repo"))})
    yield found
    found.close()
