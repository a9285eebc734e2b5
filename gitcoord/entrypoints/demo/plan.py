"""What the agents will do: tasks that touch files which really exist, and overlap.

The choice depends on the repository's files and a seed alone, so the same
demonstration can be played with and without locks.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

from gitcoord.domain.keys import escape
from gitcoord.entrypoints.demo.stage import Stage, git
from gitcoord.errors import InvalidFile

#: Sizes in bytes of files that are edited.
SMALLEST, LARGEST = 40, 200_000
#: How many different files the tasks share: few, so that they meet.
HOT = 9


class Job(NamedTuple):
    """One task of the demonstration."""

    id: str
    title: str
    files: tuple[str, ...]
    keys: tuple[str, ...]
    depends_on: tuple[str, ...]
    priority: int

    def entry(self) -> dict[str, Any]:
        """Return the job as an entry of a task file."""
        return {
            "id": self.id,
            "title": self.title,
            "description": "edit: " + ", ".join(self.files),
            "keys": list(self.keys),
            "depends_on": list(self.depends_on),
            "priority": self.priority,
        }


def jobs(stage: Stage, count: int, seed: int) -> list[Job]:
    """Return `count` jobs over a few of the repository's text files.

    Raises `InvalidFile` when the repository has no file that can be edited.
    """
    chance = Random(seed)
    hot = _hot(stage, chance)
    made: list[Job] = []
    for number in range(count):
        files = tuple(sorted(chance.sample(hot, min(len(hot), chance.choice((1, 1, 2, 2, 3))))))
        earlier = [job.id for job in made if chance.random() < 1.5 / (len(made) + 1)]
        made.append(
            Job(
                id=f"t-demo-{number + 1:02d}",
                title=_title(files, chance),
                files=files,
                keys=_keys(files, chance),
                depends_on=tuple(earlier[:2]),
                priority=chance.randint(1, 9),
            )
        )
    return made


def _hot(stage: Stage, chance: Random) -> list[str]:
    listing = git(stage.hub, "ls-tree", "-r", "-l", "-z", "--full-tree", stage.start)
    found = []
    for line in listing.split("\0"):
        fields, _, path = line.partition("\t")
        parts = fields.split()
        plain = len(parts) == 4 and parts[0] in ("100644", "100755") and parts[3].isdigit()
        if plain and SMALLEST <= int(parts[3]) <= LARGEST and path.isprintable():
            found.append(path)
    chance.shuffle(found)
    texts: list[str] = []
    for path in found:
        if len(texts) == HOT:
            break
        if _is_text(stage, path):
            texts.append(path)
    if not texts:
        raise InvalidFile("there is no text file in this repository that agents could edit")
    return sorted(texts)


def _is_text(stage: Stage, path: str) -> bool:
    content = git(stage.hub, "show", f"{stage.start}:{path}", check=False)
    broken = any("\udc80" <= character <= "\udcff" for character in content)
    return not broken and "\0" not in content and content.count("\n") >= 3


def _keys(files: Sequence[str], chance: Random) -> tuple[str, ...]:
    """Return keys that cover the files: themselves, sometimes a whole folder or a glob."""
    keys = []
    for path in files:
        folder, name = posixpath.split(path)
        kind = chance.random()
        if folder and kind < 0.15:
            keys.append(escape(folder + "/"))
        elif folder and "." in name and kind < 0.3:
            keys.append(f"{escape(folder + '/')}*{escape(posixpath.splitext(name)[1])}")
        else:
            keys.append(escape(path))
    return tuple(dict.fromkeys(keys))


def _title(files: Sequence[str], chance: Random) -> str:
    verb = chance.choice(("Tidy", "Document", "Rework", "Extend", "Simplify", "Review"))
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    return f"{verb} {posixpath.basename(files[0])}{more}"
