"""Temporary."""

from __future__ import annotations

from typing import Any


def refuse_result(call: Any, result: Any) -> None:
    """Nothing yet."""
