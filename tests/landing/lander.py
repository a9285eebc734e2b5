"""A process that lands what is ready, at a signal, and may be killed at a step on its way."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from gitcoord.bootstrap import open_house
from gitcoord.errors import GitcoordError
from gitcoord.landing.line import land
from gitcoord.storage.plumbing import PlumbingStore
from gitcoord.storage.store import GitObject, Move
from tests.storage.histories import checkout_of

#: Step -> the module, what is called there, and whether the kill comes before or after it.
STEPS: dict[str, tuple[str, str, str]] = {
    "before the look around": ("gitcoord.landing.line", "opened", "before"),
    "before a check is begun": ("gitcoord.landing.line", "check_due", "before"),
    "after a check is begun": ("gitcoord.landing.check", "_check", "before"),
    "before a check is noted": ("gitcoord.landing.check", "_noted", "after"),
    "after the checks": ("gitcoord.landing.line", "check_due", "after"),
    "after the candidate is built": ("gitcoord.landing.line", "build", "after"),
    "after it is verified": ("gitcoord.landing.line", "verify", "after"),
    "before it begins": ("gitcoord.landing.line", "BeginLanding", "after"),
    "after it has begun": ("gitcoord.landing.line", "LandMerges", "before"),
    "before objects are synced": ("gitcoord.storage.objects", "secure", "before"),
    "after the note": ("gitcoord.storage.checkedout", "note", "after"),
    "between the two refs": ("", "", ""),
    "after the swap": ("gitcoord.storage.moving.PlumbingStore", "commit", "after"),
    "before worktrees follow": ("gitcoord.storage.checkedout", "follow", "before"),
    "after worktrees have followed": ("gitcoord.storage.checkedout", "follow", "after"),
    "at a host, before the push is tried": (
        "gitcoord.storage.wire.landing.Landing", "rehearse", "before",
    ),
    "at a host, before the push": ("gitcoord.storage.wire.landing.Landing", "_landed", "before"),
    "at a host, after the push": ("gitcoord.storage.wire.landing.Landing", "_landed", "after"),
}  # fmt: skip
#: Steps of a landing without a host, and those of one at a host.
LOCAL = [step for step in STEPS if not step.startswith("at a host")]
HOSTED = [step for step in STEPS if step.startswith("at a host")]


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def doom(step: str) -> None:
    """Have this process killed when it comes to the step."""
    if step == "between the two refs":
        from gitcoord.storage import moving

        moving.PlumbingStore = Half  # type: ignore[misc]
        return
    place, name, when = STEPS[step]
    owner = _owner(place)
    whole = getattr(owner, name)

    def killed(*given: Any, **said: Any) -> Any:
        if when == "before":
            die()
        found = whole(*given, **said)
        # The ledger's own store commits, too.
        if name != "commit" or any(move.ref.startswith("refs/heads/") for move in given[2]):
            die()
        return found

    setattr(owner, name, killed)


class Half(PlumbingStore):
    """A store whose git is killed when it has moved the first ref of a landing."""

    def commit(self, objects: Sequence[GitObject], moves: Sequence[Move]) -> None:
        """Make the first move only, and die."""
        super().commit(objects, moves[:1])
        die()


def _owner(place: str) -> Any:
    module, _, name = place.rpartition(".")
    if name[:1].isupper():
        return getattr(import_module(module), name)
    return import_module(place)


def main(repo: str, step: str, folder: str, name: str) -> None:
    """Wait for the signal where there is a folder for it, land, and print what came of it."""
    house = open_house(repo, os.environ)
    site = house.site(checkout_of(repo), session=None, agent=name)
    if step:
        doom(step)
    if folder:
        Path(folder, f"{name}.ready").touch()
        while not Path(folder, "go").exists():
            time.sleep(0.001)
    try:
        found = land(site)
        landed = [entry.branch for batch in found.landed for entry in batch.merges]
        print(json.dumps({"landed": landed, "error": ""}))
    except GitcoordError as error:
        print(json.dumps({"landed": error.details.get("landed", []), "error": error.code}))
    house.close()


def run(land: Callable[..., None] = main) -> None:
    """Run as a program: REPO STEP FOLDER NAME."""
    land(*sys.argv[1:5])


if __name__ == "__main__":
    run()
