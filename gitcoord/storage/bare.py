"""A bare repository of gitcoord's own, made without starting git and readable by any git.

Promises that it is there whole or not at all, also where two processes make it at once.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from gitcoord.storage.durable import disk_error, temporary
from gitcoord.storage.repository import Repository

_CONFIG = "[core]\n\trepositoryformatversion = {version}\n\tbare = true\n[gc]\n\tauto = 0\n"


def begun(path: str, environ: Mapping[str, str]) -> Repository:
    """Return the repository at `path`, made if there is none. Raises as `make`."""
    make(path, "sha1")
    repository = Repository(path, path, None, "sha1", "files", bare=True)
    repository.environ = environ
    return repository


def make(path: str, object_format: str) -> None:
    """Make a repository at `path` unless there is one. Raises `ReadOnly`, `DiskFull`."""
    if os.path.exists(os.path.join(path, "HEAD")):
        return
    try:
        _make(path, object_format)
    except OSError as error:
        raise disk_error(error, f"make {path}") from error


def _make(path: str, object_format: str) -> None:
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    interim = temporary(os.path.dirname(path), "bare")
    os.mkdir(interim, mode=0o700)
    for folder in ("objects/info", "objects/pack", "refs"):
        os.makedirs(os.path.join(interim, *folder.split("/")))
    sha1 = object_format == "sha1"
    config = _CONFIG.format(version=0 if sha1 else 1)
    if not sha1:
        config += f"[extensions]\n\tobjectFormat = {object_format}\n"
    for name, text in (("config", config), ("HEAD", "ref: refs/heads/none\n")):
        with open(os.path.join(interim, name), "x", encoding="ascii") as file:
            file.write(text)
    try:
        os.rename(interim, path)
    except OSError:
        import shutil

        shutil.rmtree(interim)
        if not os.path.exists(os.path.join(path, "HEAD")):
            raise
