"""Every house that a test has opened is closed when the test is over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ledger import houses


@pytest.fixture(autouse=True)
def closed_houses() -> Iterator[None]:
    """Close what was opened."""
    yield
    while houses.OPENED:
        houses.OPENED.pop().close()
