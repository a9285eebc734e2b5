"""What is to be changed at GitHub, as data. Carrying it out twice changes nothing more.

Rules of this room return effects; `writer` carries them out. Each is written so that it says
what shall be, not what shall be done.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Reaction = Literal["+1", "confused"]


class Label(NamedTuple):
    """A label that a thread shall have; `key` is what a label that asks for a lock stands for."""

    number: int
    name: str
    key: str = ""


class Unlabel(NamedTuple):
    """A label that a thread shall not have."""

    number: int
    name: str


class Stamp(NamedTuple):
    """The state of the ledger that something shows."""

    epoch: int
    seq: int
    oid: str

    @property
    def age(self) -> tuple[int, int]:
        """What orders the states of one ledger."""
        return self.epoch, self.seq

    def __str__(self) -> str:
        """Return the epoch and number, as `age_of` reads them."""
        return f"{self.epoch}.{self.seq}"


#: The age of what shows no state: older than all.
NO_AGE = (0, 0)
_AGE = re.compile(r"(\d{1,12})\.(\d{1,15})")


def age_of(text: str) -> tuple[int, int]:
    """Return the age that a text begins with; `NO_AGE` where it has none."""
    match = _AGE.match(text)
    return (int(match[1]), int(match[2])) if match else NO_AGE


class Say(NamedTuple):
    """A comment that a thread shall have; `mark` tells it from all others on the thread.

    What was said once stays as it is.
    """

    number: int
    mark: str
    body: str


class Keep(NamedTuple):
    """A comment that a thread shall have and that is rewritten when it says something else.

    A `quiet` one is not begun: it has nothing to say but to who has read it before.
    """

    number: int
    mark: str
    body: str
    stamp: Stamp
    quiet: bool = False


class React(NamedTuple):
    """A reaction that a comment shall have."""

    comment: int
    content: Reaction


class Check(NamedTuple):
    """What the check of a commit shall say."""

    head: str
    ok: bool
    title: str
    summary: str
    stamp: Stamp


class Close(NamedTuple):
    """An issue that shall be closed."""

    number: int
    reason: Literal["completed", "not_planned"]


class Open(NamedTuple):
    """An issue that shall exist for a task; `mark` in its body tells it from all others."""

    mark: str
    title: str
    body: str
    labels: tuple[str, ...] = ()


class Propose(NamedTuple):
    """A pull request that shall be open for two branches; `mark` says in its body what for."""

    branch: str
    base: str
    mark: str
    title: str
    body: str


class Merge(NamedTuple):
    """A pull request that shall be merged at this head; `sure`: nothing is known against it."""

    number: int
    head: str
    method: str
    sure: bool


class Page(NamedTuple):
    """A file that a branch of ours shall hold."""

    branch: str
    path: str
    text: str
    stamp: Stamp


Effect = Label | Unlabel | Say | Keep | React | Check | Close | Open | Propose | Merge | Page
