"""GitHub's published examples of webhook payloads: npm `@octokit/webhooks-examples`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from tests import npm

PACKAGE = "@octokit/webhooks-examples"
FILE = "api.github.com/index.json"


class Example(NamedTuple):
    """One payload under the event's name, as `X-GitHub-Event` has it."""

    name: str
    action: str | None
    payload: dict[str, Any]


def missing() -> str:
    """Return why there are none here, "" where there are."""
    return "" if npm.installed(PACKAGE) else f"{PACKAGE} is not installed: run .ci/npm"


def examples(*names: str) -> Iterator[Example]:
    """Yield all examples, or those of the events named; none where it is not installed."""
    folder = npm.installed(PACKAGE)
    if folder is None:
        return
    for event in json.loads((folder / FILE).read_text(encoding="utf-8")):
        if names and event["name"] not in names:
            continue
        for payload in event["examples"]:
            yield Example(event["name"], payload.get("action"), payload)
