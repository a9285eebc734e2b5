"""Tasks or work packages from a YAML or JSON file, or from standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from gitcoord.errors import InvalidFile

if TYPE_CHECKING:
    from gitcoord.domain.new_tasks import NewTask
    from gitcoord.entrypoints.cli.marked import Marked

#: Bytes; thousands of tasks fit, and nobody's core dump is parsed by mistake.
LARGEST = 16 * 1024 * 1024


def read_tasks(path: str, directory: str, make_id: Callable[[], str]) -> list[NewTask] | Marked:
    """Return the tasks of a file, relative to `directory`; "-" is standard input.

    A file of work packages comes back as it was read, for `plan_source`. Raises `InvalidFile`.
    """
    from gitcoord.domain.task_file import tasks_from
    from gitcoord.entrypoints.cli.marked import read_marked

    found = read_marked(path, directory)
    if isinstance(found.data, dict) and "packages" in found.data:
        return found
    return tasks_from(found.data, make_id)


def read_text(path: str, directory: str) -> str:
    """Return the text of a file, relative to `directory`; "-" is stdin. Raises `InvalidFile`."""
    try:
        if path == "-":
            raw = sys.stdin.buffer.read(LARGEST + 1)
        else:
            with open(os.path.join(directory, path), "rb") as file:
                raw = file.read(LARGEST + 1)
    except OSError as error:
        raise InvalidFile(f"{path}: {error.strerror}", file=path) from error
    if len(raw) > LARGEST:
        raise InvalidFile(f"{path} has over {LARGEST} bytes", file=path)
    try:
        return raw.decode()
    except UnicodeDecodeError as wrong:
        words = " ".join(str(wrong).split())
        raise InvalidFile(f"{path} is neither YAML nor JSON: {words}", file=path) from wrong
