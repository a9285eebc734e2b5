"""Every house that a test has opened is closed when the test is over."""

from __future__ import annotations

from tests.ledger.conftest import closed_houses

__all__ = ["closed_houses"]
