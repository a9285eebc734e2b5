"""What a command does on the side once its answer is out.

Looks for dead sessions and for work that has landed, and keeps git's objects few,
each only when it is due; the checks whether it is cost a look at two small files.
A failure here never fails the command, whose answer has been given.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from gitcoord.errors import GitcoordError

if TYPE_CHECKING:
    from gitcoord.bootstrap import House

#: Seconds between two looks for dead sessions by short commands.
EVERY = 10.0


def upkeep(house: House) -> None:
    """Do what is due for this clone, unless its git host has just not answered."""
    if house.wire is not None and house.wire.contact.error is not None:
        return
    try:
        if _older(os.path.join(house.home, "watch.json"), EVERY) and house.ledger.exists():
            house.judge().look()
            if house.has_marks():
                house.settle()
        if house.grown():
            house.consolidate_later(sys.executable)
    except GitcoordError:
        # The same trouble meets the next command that needs the ledger, and is told there.
        return


def _older(path: str, seconds: float) -> bool:
    try:
        return abs(time.time() - os.stat(path).st_mtime) > seconds
    except FileNotFoundError:
        return os.path.isdir(os.path.dirname(path))
    except OSError:
        # The folder is another user's, or no folder: the command has said so, if it matters.
        return False
