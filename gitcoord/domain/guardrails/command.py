"""A simple command as a shell would run it, and what is known where it runs."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from gitcoord.domain.guardrails.words import Word


class Redirect(NamedTuple):
    """Where a command reads from or writes to; the target is empty where it is a number."""

    operator: str
    target: str
    start: int
    end: int


class Command(NamedTuple):
    """One program with its words, as they are after the shell has done its part."""

    words: tuple[Word, ...]
    #: Characters of the outermost text in which it is written.
    start: int
    end: int
    redirects: tuple[Redirect, ...] = ()
    #: What it reads, with marks for what is not known; None: nothing was said.
    stdin: str | None = None
    #: Where it runs, as far as `cd` said so; relative to where the text starts.
    cwd: str = ""
    #: The commands before it in its pipeline.
    upstream: tuple[Command, ...] = ()
    #: What it prints goes into another command.
    piped: bool = False

    @property
    def name(self) -> str:
        """The program without its directory."""
        return base(self.words[0].text) if self.words else ""

    @property
    def args(self) -> list[str]:
        """The words after the program."""
        return [word.text for word in self.words[1:]]


class Flow(NamedTuple):
    """What goes into a part of a script."""

    stdin: str | None = None
    upstream: tuple[Command, ...] = ()
    redirects: tuple[Redirect, ...] = ()
    piped: bool = False


#: Nothing goes in.
EMPTY = Flow()


@lru_cache(maxsize=512)
def base(text: str) -> str:
    """Return the name of a program without its directory and `.exe`."""
    name = text.replace("\\", "/").rsplit("/", 1)[-1] if "/" in text or "\\" in text else text
    return name[:-4].lower() if name.lower().endswith(".exe") else name
