"""The clients that are run, and skipping where one is not installed."""

from __future__ import annotations

import pytest

from tests.live.claude import Claude
from tests.live.clients import Client
from tests.live.codex import Codex
from tests.live.gemini import GeminiCli

KINDS: tuple[type[Client], ...] = (Claude, Codex, GeminiCli)

#: Parametrizes a fixture over all of them.
EACH = {"params": KINDS, "ids": [kind.name for kind in KINDS]}


def installed(kind: type[Client]) -> type[Client]:
    """Return the client, or skip the test with the reason."""
    if missing := kind.missing():
        pytest.skip(missing)
    return kind
