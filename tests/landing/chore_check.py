"""The check of the repository in which a crew works: all that was promised is still true.

Runs at the top of a worktree: `python check.py LOG WHO SECONDS`. Each file in notes/ holds one
promise: a name that a module has, a line of the changes, a step. Prints what is wrong and ends
with 1. Computes for so many seconds first, as if it had more to check, and notes itself in the log.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module
from pathlib import Path


def wrong(note: str) -> str:
    """Return what is wrong with a promise, or ""."""
    kind, _, text = note.strip().partition(" ")
    if kind == "name":
        module, name = text.split(":")
        try:
            return "" if hasattr(import_module(module), name) else f"{module} has no {name}"
        except ImportError as error:
            return f"{module}: {error}"
    if kind == "line":
        lines = Path("CHANGELOG.md").read_text(encoding="utf-8").splitlines()
        return "" if lines.count(text) == 1 else f"CHANGELOG.md: {lines.count(text)} of {text!r}"
    return "" if list(Path("steps").glob(f"*_{text}.sql")) else f"no step of {text}"


def gaps() -> list[str]:
    """Return what is wrong with the numbers of the steps: 1, 2, 3, none of them twice."""
    numbers = sorted(int(path.name.split("_")[0]) for path in Path("steps").glob("*.sql"))
    whole = list(range(1, len(numbers) + 1))
    return [] if numbers == whole else [f"steps are numbered {numbers}"]


def main(log: str, who: str, seconds: str) -> int:
    """Check, note how it went, and return the exit code."""
    begun = time.monotonic()
    until = time.process_time() + float(seconds)
    while time.process_time() < until:
        pass
    sys.path.insert(0, "")
    sys.dont_write_bytecode = True
    notes = sorted(Path("notes").glob("*.txt"))
    found = [told for note in notes if (told := wrong(note.read_text(encoding="utf-8")))]
    found += gaps()
    noted = {"who": who, "seconds": time.monotonic() - begun, "passed": not found}
    with open(log, "a", encoding="utf-8") as out:
        out.write(json.dumps(noted) + "\n")
    print("\n".join(found))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
