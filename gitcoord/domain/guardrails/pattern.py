"""A regular expression that is compiled when it is first used: most are not, in most calls."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator


class Pattern:
    """The methods of `re.Pattern` that are used here; compiling is the cost that is put off."""

    __slots__ = ("_flags", "_made", "_text")

    def __init__(self, text: str, flags: int = 0) -> None:
        self._text = text
        self._flags = flags
        self._made: re.Pattern[str] | None = None

    @property
    def made(self) -> re.Pattern[str]:
        """The compiled pattern."""
        if self._made is None:
            self._made = re.compile(self._text, self._flags)
        return self._made

    def search(self, text: str, start: int = 0) -> re.Match[str] | None:
        """Return the first match anywhere from `start` on."""
        return self.made.search(text, start)

    def match(self, text: str) -> re.Match[str] | None:
        """Return the match at the beginning."""
        return self.made.match(text)

    def fullmatch(self, text: str) -> re.Match[str] | None:
        """Return the match of the whole text."""
        return self.made.fullmatch(text)

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        """Yield all matches."""
        return self.made.finditer(text)

    def texts(self, text: str) -> list[str]:
        """Return the texts of all matches: of the first group where there is one."""
        group = 1 if self.made.groups else 0
        return [found[group] for found in self.made.finditer(text)]

    def sub(self, new: str | Callable[[re.Match[str]], str], text: str) -> str:
        """Return the text with all matches replaced."""
        return self.made.sub(new, text)

    def split(self, text: str) -> list[str]:
        """Return what stands between the matches."""
        return self.made.split(text)
