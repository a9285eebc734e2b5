"""What a set-up puts into a file, one kind of content after the other.

Each kind is data with two pure functions, `put` and `take`, from text to text: putting twice
is putting once, taking leaves what others wrote, and what looks like ours but is not is left
alone. A blank text is a file that is absent or empty. ValueError says why a file cannot be
changed. Not here: which contents belong where.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from gitcoord.clients import jsontext, tomltext


class Content(Protocol):
    """A part of a file that is ours."""

    @property
    def name(self) -> str:
        """What it is, in words for people."""
        ...

    def put(self, text: str) -> str:
        """Return the text with this content, in its present form."""
        ...

    def take(self, text: str) -> str:
        """Return the text without this content, in whatever form it is there."""
        ...

    def lacks(self, text: str) -> list[str]:
        """Return what is missing or old, in words; nothing: all is there."""
        ...

    def others(self, text: str) -> bool:
        """Say whether somebody else's stands in its place, so that it is not put there."""
        ...

    def programs(self, text: str) -> set[str]:
        """Return the programs that this content starts, as they stand in the text."""
        ...


class Entry(NamedTuple):
    """One member of a JSON object, such as an MCP server or a status line."""

    name: str
    path: tuple[str, ...]
    value: dict[str, Any]
    #: Its members that must be as they are here; what else is there is its owner's.
    always: tuple[str, ...]
    #: The program that it starts, if it is ours.
    ours: Callable[[Any], str | None]
    comments: bool = False

    def put(self, text: str) -> str:
        """Return the text with the entry; somebody else's of that name stays."""
        there = self._there(text)
        if there is None:
            return jsontext.put(text, self.path, self.value, comments=self.comments)
        for name in self.always if self.ours(there) is not None else ():
            path = (*self.path, name)
            text = jsontext.put(text, path, self.value[name], comments=self.comments)
        return text

    def take(self, text: str) -> str:
        """Return the text without the entry, if it is ours."""
        if self.ours(self._there(text)) is None:
            return text
        return jsontext.drop(text, self.path, comments=self.comments)

    def lacks(self, text: str) -> list[str]:
        """Return its name if it is missing or starts another program."""
        return [] if self.put(text) == text else [self.name]

    def others(self, text: str) -> bool:
        """Say whether there is an entry of that name that starts something else."""
        there = self._there(text)
        return there is not None and self.ours(there) is None

    def programs(self, text: str) -> set[str]:
        """Return its program, if it is ours."""
        found = self.ours(self._there(text))
        return set() if found is None else {found}

    def _there(self, text: str) -> Any:
        root = root_of(text, comments=self.comments)
        found = jsontext.at(root, self.path) if root else None
        return None if found is None else found.value


class Table(NamedTuple):
    """One table of a TOML file."""

    name: str
    path: tuple[str, ...]
    value: dict[str, Any]
    always: tuple[str, ...]
    ours: Callable[[Any], str | None]

    def put(self, text: str) -> str:
        """Return the text with the table; somebody else's of that name stays."""
        if self.others(text):
            return text
        return tomltext.put(text, self.path, self.value, always=self.always)

    def take(self, text: str) -> str:
        """Return the text without the table and all below it, if it is ours."""
        there = tomltext.at(tomltext.parse(text), self.path)
        return text if self.ours(there) is None else tomltext.drop(text, self.path)

    def lacks(self, text: str) -> list[str]:
        """Return its name if it is missing or starts another program."""
        return [] if self.put(text) == text else [self.name]

    def others(self, text: str) -> bool:
        """Say whether there is a table of that name that starts something else."""
        there = tomltext.at(tomltext.parse(text), self.path)
        return there is not None and self.ours(there) is None

    def programs(self, text: str) -> set[str]:
        """Return its program, if it is ours."""
        found = self.ours(tomltext.at(tomltext.parse(text), self.path))
        return set() if found is None else {found}


class Block(NamedTuple):
    """Lines between two marks."""

    name: str
    begin: str
    end: str
    #: What stands between the marks, without the last line end; "": there shall be no block.
    body: str

    def put(self, text: str) -> str:
        """Return the text with the block: where one is, else behind a blank line at the end."""
        if not self.body:
            return self.take(text)
        newline = "\r\n" if "\r\n" in text else "\n"
        block = newline.join([self.begin, *self.body.splitlines(), self.end])
        if (span := self._span(text)) is not None:
            return text[: span[0]] + block + text[span[1] :]
        opened = text + newline if text and not text.endswith("\n") else text
        return opened + (newline if opened.strip() else "") + block + newline

    def take(self, text: str) -> str:
        """Return the text without the block and the blank line before it."""
        if (span := self._span(text)) is None:
            return text
        before, after = text[: span[0]], text[span[1] :]
        newline = "\r\n" if after.startswith("\r\n") else "\n"
        after = after.removeprefix(newline)
        if before.endswith(newline * 2):
            before = before[: -len(newline)]
        return before + after

    def lacks(self, text: str) -> list[str]:
        """Return its name if it is missing or another."""
        return [] if self.put(text) == text else [self.name]

    def others(self, text: str) -> bool:
        """Return False: the marks are ours alone."""
        return False

    def programs(self, text: str) -> set[str]:
        """Return nothing: it starts nothing."""
        return set()

    def _span(self, text: str) -> tuple[int, int] | None:
        """Return where the block begins and ends. Raises ValueError where a mark stands alone."""
        start, stop = text.find(self.begin), text.find(self.end)
        if start < 0 and stop < 0:
            return None
        if start < 0 or stop < start:
            raise ValueError(f"it has only one of the marks `{self.begin}` and `{self.end}`")
        return start, stop + len(self.end)


class Whole(NamedTuple):
    """A file that is ours as a whole, told by a mark in it."""

    name: str
    text: str
    mark: str

    def put(self, text: str) -> str:
        """Return the file's text; what is there without the mark is somebody else's and stays."""
        return text if self.others(text) else self.text

    def take(self, text: str) -> str:
        """Return nothing if the mark is there."""
        return "" if self.mark in text else text

    def lacks(self, text: str) -> list[str]:
        """Return its name if it is missing or another form of ours."""
        return [] if self.put(text) == text else [self.name]

    def others(self, text: str) -> bool:
        """Say whether there is something without the mark."""
        return bool(text.strip()) and self.mark not in text

    def programs(self, text: str) -> set[str]:
        """Return nothing: it starts nothing."""
        return set()


def root_of(text: str, *, comments: bool) -> jsontext.Node | None:
    """Return what a JSON file says, None for one that is blank. Raises ValueError."""
    return jsontext.parse(text, comments=comments) if text.strip("\ufeff \t\r\n") else None
