"""What a crew has to do in a repository that holds this program, where one is in another's way.

In blocks of twelve: some append to the same module, some write below the same heading, some give
a file the next number, some rename a function and others call it. The last two merge cleanly and
do not work together. Each can be done on whatever others have made of the repository meanwhile,
and leaves a note that `chore_check` reads.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.gitrun import git
from tests.landing import chore_check

ROOT = Path(__file__).resolve().parent.parent.parent
DOMAIN = "gitcoord/domain"
#: Modules there, and a function of each that others import, with a name that is its own.
FUNCTIONS = {
    "names": "one_line",
    "globs": "is_literal",
    "time": "seconds_between",
    "tasks": "priority_of",
    "locks": "lock_name",
    "features": "claims_by",
}
#: A block: what is to be done, and with which of two modules.
BLOCK = (
    ("add", 0), ("rename", 0), ("call", 0), ("step", 0), ("step", 0), ("log", 0),
    ("log", 0), ("add", 0), ("add", 1), ("call", 1), ("rename", 1), ("step", 0),
)  # fmt: skip


class Chore(NamedTuple):
    """One of them."""

    number: int
    kind: str
    module: str

    @property
    def id(self) -> str:
        return f"t-{self.number:02d}"

    @property
    def title(self) -> str:
        return f"{self.kind} in {self.module}"

    @property
    def note(self) -> str:
        """The file that nobody else touches."""
        return f"notes/{self.id}.txt"


def chores(count: int) -> list[Chore]:
    """Return so many, always the same."""
    modules = list(FUNCTIONS)
    found = []
    for number in range(count):
        block, place = divmod(number, len(BLOCK))
        kind, which = BLOCK[place]
        found.append(Chore(number, kind, modules[(2 * block + which) % len(modules)]))
    return found


def small(path: Path) -> None:
    """Make a repository with a part of this program in its first commit."""
    path.mkdir()
    git(str(path), "init", "-q", "-b", "main")
    for name in (DOMAIN, "gitcoord/errors"):
        shutil.copytree(ROOT / name, path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("gitcoord/__init__.py", "CHANGELOG.md"):
        shutil.copy(ROOT / name, path / name)
    _begin(path)


def whole(path: Path) -> None:
    """Clone this program with its history; `FileNotFoundError` where this is no clone."""
    if not (ROOT / ".git").exists():
        raise FileNotFoundError(ROOT / ".git")
    git(str(ROOT), "clone", "-q", "--no-tags", str(ROOT), str(path))
    git(str(path), "checkout", "-q", "-B", "main")
    git(str(path), "remote", "remove", "origin")
    _begin(path)


#: Repositories in which they are done, by the function that makes one.
SEEDS: dict[str, Callable[[Path], None]] = {"small": small, "whole": whole}


def _begin(path: Path) -> None:
    shutil.copy(chore_check.__file__, path / "check.py")
    git(str(path), "add", ".")
    git(str(path), "commit", "-q", "-m", "A check of what was promised")


def check_command(log: Path, who: str, seconds: float) -> list[str]:
    """Return the command that checks a worktree and notes in a log that it did."""
    return [sys.executable, "check.py", str(log), who, f"{seconds:g}"]


def do(folder: Path, chore: Chore) -> None:
    """Make the changes of a chore in a worktree, as it is now. Nothing is committed."""
    promise = _DOES[chore.kind](folder, chore)
    _write(folder / chore.note, promise + "\n")


def mend(folder: Path) -> None:
    """Repair what others have left broken: callers of renamed functions, numbers given twice."""
    for module, function in FUNCTIONS.items():
        name = _named(folder, module)
        for path in _texts(folder, function):
            _write(path, re.sub(rf"\b{function}(_v\d+)?\b", name, _read(path)))
    for number, path in enumerate(_steps(folder), 1):
        path.rename(path.with_name(f"{number:04d}_{path.name.split('_')[1]}"))


def _add(folder: Path, chore: Chore) -> str:
    path, name = _module(folder, chore.module), f"noted_{chore.number}"
    lines = ["", "", f"def {name}() -> int:", f"    return {chore.number}", ""]
    _write(path, _read(path) + "\n".join(lines))
    return f"name gitcoord.domain.{chore.module}:{name}"


def _rename(folder: Path, chore: Chore) -> str:
    old = _named(folder, chore.module)
    new = f"{FUNCTIONS[chore.module]}_v{chore.number}"
    for path in _texts(folder, old):
        _write(path, re.sub(rf"\b{old}\b", new, _read(path)))
    return f"name gitcoord.domain.{chore.module}:{new}"


def _call(folder: Path, chore: Chore) -> str:
    name, user = _named(folder, chore.module), f"user_{chore.number}"
    lines = [f"from gitcoord.domain.{chore.module} import {name}", "", f"used = {name}", ""]
    _write(_module(folder, user), "\n".join(lines))
    return f"name gitcoord.domain.{user}:used"


def _step(folder: Path, chore: Chore) -> str:
    number = len(_steps(folder)) + 1
    _write(folder / "steps" / f"{number:04d}_{chore.id}.sql", f"-- {chore.title}\n")
    return f"step {chore.id}"


def _log(folder: Path, chore: Chore) -> str:
    path, line = folder / "CHANGELOG.md", f"* Something new of {chore.id}."
    head, heading, rest = _read(path).partition("### Added\n")
    _write(path, f"{head}{heading}{line}\n{rest}")
    return f"line {line}"


_DOES: dict[str, Callable[[Path, Chore], str]] = {
    "add": _add,
    "rename": _rename,
    "call": _call,
    "step": _step,
    "log": _log,
}


def _named(folder: Path, module: str) -> str:
    """Return what the function is called by now."""
    name = FUNCTIONS[module]
    found = re.search(rf"(?m)^def ({name}(?:_v\d+)?)\(", _read(_module(folder, module)))
    assert found, f"{DOMAIN}/{module}.py has no {name}: choose another function of it"
    return found[1]


def _module(folder: Path, name: str) -> Path:
    return folder / DOMAIN / f"{name}.py"


def _texts(folder: Path, word: str) -> Iterator[Path]:
    for path in sorted([*folder.glob("gitcoord/**/*.py"), *folder.glob("notes/*.txt")]):
        if word in _read(path):
            yield path


def _steps(folder: Path) -> list[Path]:
    return sorted(folder.glob("steps/*.sql"))


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
