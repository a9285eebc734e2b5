"""Transports for tests: made for a URL, in a repository with some settings, and closed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from gitcoord.storage.gitproc import Git
from gitcoord.storage.repository import find
from gitcoord.storage.wire.config import GitConfig
from gitcoord.storage.wire.http import HttpTransport
from tests.gitrun import git

Way = Callable[..., HttpTransport]


@pytest.fixture
def way(repo: str) -> Iterator[Way]:
    """Return a function: (URL, *"key=value" of git's configuration, **environment)."""
    made = []

    def make(
        url: str,
        *settings: str,
        timeout: float = 5.0,
        preemptive: bool = False,
        **environ: str,
    ) -> HttpTransport:
        for setting in settings:
            key, _, value = setting.partition("=")
            git(repo, "config", "--add", key, value)
        told = {**os.environ, **environ}
        starter = Git(find(repo, told))
        transport = HttpTransport(
            url, GitConfig(starter), starter, told, timeout=timeout, preemptive=preemptive
        )
        made.append(transport)
        return transport

    yield make
    for transport in made:
        transport.close()
