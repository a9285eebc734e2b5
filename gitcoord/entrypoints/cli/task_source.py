"""Tasks from a YAML or JSON file, or from standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gitcoord.errors import InvalidFile

if TYPE_CHECKING:
    from gitcoord.domain.new_tasks import NewTask

#: Bytes; thousands of tasks fit, and nobody's core dump is parsed by mistake.
LARGEST = 16 * 1024 * 1024


def read_tasks(path: str, directory: str, make_id: Callable[[], str]) -> list[NewTask]:
    """Return the tasks of a file, relative to `directory`; "-" is standard input.

    Raises `InvalidFile`.
    """
    from gitcoord.domain.task_file import tasks_from

    return tasks_from(read_document(path, directory), make_id)


def read_document(path: str, directory: str) -> Any:
    """Return what a YAML or JSON file holds, as plain data. Raises `InvalidFile`."""
    import yaml

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
        return yaml.safe_load(raw.decode())
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as wrong:
        words = " ".join(str(wrong).split())
        raise InvalidFile(f"{path} is neither YAML nor JSON: {words}", file=path) from wrong
