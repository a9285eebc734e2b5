"""Where a path leads: inside the work area, to scratch, or to what must not be lost.

Paths are strings with marks; nothing is looked up, so links are not followed.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Literal

from gitcoord.domain.guardrails.marks import HOME, opaque
from gitcoord.domain.guardrails.pattern import Pattern

#: root: the file system, a system's or home's own directory; outside: some other place;
#: whole: the work area itself or what holds it; git: its repository; inside: a part of it.
Place = Literal["root", "outside", "whole", "git", "inside", "scratch", "unknown", "device"]

_TEMPORARY = ("/tmp", "/var/tmp", "/private/tmp", "/dev/shm", "/var/folders")
_GLOBS = Pattern(r"\*+|\.\*|\.\[!\.\]\*|\.\?\?\*|\{\*[^}]*\}|\*\.\*|\?\*?")
#: Directories that tools make anew.
SCRATCH = frozenset({
    "node_modules", "build", "dist", "target", "out", ".venv", "venv", "__pycache__", "coverage",
    "htmlcov", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".tox", ".nox", ".next", ".nuxt",
    ".cache", ".parcel-cache", ".turbo", ".gradle", ".svelte-kit", ".eggs", "tmp", "temp", "logs",
    ".coverage", ".nyc_output", "cmake-build-debug", "_build", ".hypothesis", ".terraform", "bin",
    "obj", "storybook-static", "test-results", "playwright-report", ".DS_Store", "cache",
    ".ipynb_checkpoints", "site", ".yarn", "generated", ".import_linter_cache",
})  # fmt: skip
_SCRATCH_ENDS = (
    ".egg-info",
    ".pyc",
    ".pyo",
    ".o",
    ".log",
    ".tmp",
    ".class",
    ".swp",
    ".bak",
    ".orig",
    ".rej",
    ".cache",
)


def joined(cwd: str, path: str) -> str:
    """Return the path as seen from where the text starts; `~home` is home."""
    if path == "~home":
        return HOME
    if path.startswith(("/", HOME)) or not cwd:
        return path
    if path.startswith("~"):
        return "/home/" + path[1:]
    return f"{cwd.rstrip('/')}/{path}" if path else cwd


def normal(path: str) -> str:
    """Return the path without `.`, `//` and the `..` that can be resolved."""
    lead = "/" if path.startswith("/") else ""
    parts: list[str] = []
    for part in path.split("/"):
        if part in {"", "."}:
            continue
        if part == ".." and parts and parts[-1] not in {"..", HOME} and not opaque(parts[-1]):
            parts.pop()
        elif part != ".." or not lead:
            parts.append(part)
    return lead + "/".join(parts)


class Layout:
    """Where the work area and home are, as absolute paths; empty: not known."""

    def __init__(
        self, cwd: str = "", root: str = "", home: str = "", scratch: Collection[str] = ()
    ):
        self.root = root.replace("\\", "/").rstrip("/")
        self.home = home.replace("\\", "/").rstrip("/")
        self.scratch = frozenset(scratch)
        #: The directory in which the text starts, below the root.
        self.start = self._below(cwd.replace("\\", "/")) if self.root and cwd else ""

    def _below(self, path: str) -> str:
        if self.root and (path == self.root or path.startswith(self.root + "/")):
            return path[len(self.root) + 1 :] or "."
        return path

    def resolved(self, path: str, cwd: str = "") -> str:
        """Return the path relative to the work area where it is inside, else absolute."""
        path = joined(joined(self.start, cwd) if cwd else self.start, path)
        if path.startswith(HOME) and self.home:
            full = normal(self.home + path[len(HOME) :])
            below = self._below(full)
            return normal(path) if below == full else normal(below) or "."
        return normal(self._below(normal(path))) or "."

    def place(self, path: str, cwd: str = "") -> Place:
        """Say where a path leads."""
        found = self.resolved(path, cwd)
        if opaque(found):
            return self._unknown(found)
        if found.startswith("/dev/") and not found.startswith(("/dev/shm", "/dev/fd")):
            return "device"
        while "/" in found and _GLOBS.fullmatch(found.rsplit("/", 1)[1]):
            found = found.rsplit("/", 1)[0] or "/"
        if found.startswith("/"):
            return self._absolute(found)
        if found.startswith(HOME):
            return "root" if found.count("/") <= 1 else "outside"
        parts = found.split("/")
        if found == "." or parts[-1] == ".." or _GLOBS.fullmatch(found):
            return "whole"
        if parts[0] == "..":
            return "outside"
        if ".git" in parts:
            return "git"
        return "scratch" if self._is_scratch(parts) else "inside"

    def _is_scratch(self, parts: list[str]) -> bool:
        return (
            any(
                part in SCRATCH or part in self.scratch or part.lower().endswith(_SCRATCH_ENDS)
                for part in parts
            )
            or "/".join(parts) in self.scratch
        )

    def _absolute(self, path: str) -> Place:
        for one in _TEMPORARY:
            if path.startswith(one + "/"):
                return "scratch"
            if path == one:
                # Others' temporary files as well.
                return "unknown"
        if re.match(
            r"/home/[^/]+/.|/Users/[^/]+/.|/(opt|srv|mnt|media|data|workspace|app|work)/.", path
        ):
            return "outside"
        return "root"

    def _unknown(self, path: str) -> Place:
        """Say where a path leads of which only a part is known."""
        parts = path.split("/")
        if not opaque(parts[-1]) and self._is_scratch(parts[-1:]) and not path.startswith("/"):
            return "scratch"
        if any(path.startswith(one + "/") for one in _TEMPORARY):
            return "scratch"
        if path.startswith("/") and not opaque(parts[1]):
            return self._absolute("/".join(parts[: [opaque(p) for p in parts].index(True)]) or "/")
        return "unknown"
