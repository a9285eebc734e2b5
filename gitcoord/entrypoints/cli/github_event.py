"""The event of GitHub that a command is told of: by its options, or by the workflow that runs it.

What it says is believed as far as it names what to look at. Not here: what is looked at.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from gitcoord.errors import InvalidFile, UsageError


class Event(NamedTuple):
    """What has happened at GitHub, as GitHub tells it."""

    name: str
    payload: Mapping[str, Any]

    @property
    def forked(self) -> bool:
        """Whether it is of a pull request from a fork, whose workflow gets a token that reads."""
        if self.name != "pull_request":
            return False
        try:
            source = self.payload["pull_request"]["head"]["repo"] or {}
            return bool(source.get("full_name") != self.payload["repository"]["full_name"])
        except (KeyError, TypeError, AttributeError):
            return False


def heard(environ: Mapping[str, str], name: str | None, path: str | None) -> Event:
    """Return the event. Raises `UsageError` where none is named, `InvalidFile` for no payload."""
    name = name or environ.get("GITHUB_EVENT_NAME")
    path = path or environ.get("GITHUB_EVENT_PATH")
    if not name or not path:
        raise UsageError("which event? Give --name and --file, or run it in a workflow")
    try:
        with open(path, encoding="utf-8") as source:
            found = json.load(source)
    except (OSError, ValueError, RecursionError) as wrong:
        raise InvalidFile(f"{path} holds no event: {wrong}", path=path) from wrong
    if not isinstance(found, dict):
        raise InvalidFile(f"{path} holds no event", path=path)
    return Event(name, found)


def same_repository(event: Event, hosted: str) -> None:
    """Raise `UsageError` for an event of another repository than "owner/name"."""
    from gitcoord.mirror.subjects import repository

    asked = repository(event.payload)
    if asked and asked != hosted.lower():
        raise UsageError(
            f"the event is of {asked}, the ledger belongs to {hosted}",
            hint="Run `gitcoord config --shared github_repository OWNER/NAME`.",
        )


def pull_request(event: Event) -> int:
    """Return the number of the pull request that an event is about. Raises `UsageError`."""
    from gitcoord.mirror.subjects import Group, Thread, subjects

    about = subjects(event.name, event.payload)
    found = [one.number for one in about if isinstance(one, (Thread, Group))]
    if not found:
        raise UsageError(f"the event {event.name} is about no pull request", hint="Name one.")
    return found[0]
