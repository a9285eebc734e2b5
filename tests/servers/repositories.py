"""The repositories that a test host serves: made, guarded, hidden, pruned, put back in time.

Works on the files only, so it serves a host in this process as well as one in its own.
Git runs here without any user's or system's configuration.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

#: What a host sets for each repository: strict about objects, never cleaning up by itself;
#: and, since there are thousands of requests, nothing in vain: no sync, no compression, no
#: threads, and no list of its own refs, which git makes when a push is in quarantine.
SETTINGS = {
    "receive.fsckObjects": "true",
    "receive.autogc": "false",
    "http.receivepack": "true",
    "gc.auto": "0",
    "core.fsync": "none",
    "core.compression": "0",
    "core.alternateRefsCommand": "true",
    "pack.threads": "1",
}

#: What `git init` makes with some options, by path: bytes, or None for a folder.
EMPTY: dict[tuple[str, ...], dict[Path, bytes | None]] = {}

HOOK = """#!/bin/sh
case "$1" in
{rules}
esac
exit 0
"""


def environment(home: str) -> dict[str, str]:
    """Return what git needs of our environment, and nothing of the user's settings."""
    kept = {
        name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TMPDIR") if name in os.environ
    }
    return kept | {
        "HOME": home,
        "LC_ALL": "C",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }


def _bytes(path: Path) -> bytes | None:
    return None if path.is_dir() else path.read_bytes()


class Repositories:
    """A directory of bare repositories, `<name>.git` each; names may contain slashes."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root).resolve()
        self.root.mkdir(parents=True, exist_ok=True)

    def path(self, name: str) -> Path:
        """Return where the repository of this name is, or would be."""
        return self.root / f"{name}.git"

    def create(self, name: str, *options: str, **config: str) -> Path:
        """Make an empty bare repository and return its path.

        `options` go to `git init`; `config` sets more: `receive_denyDeletes="true"` for
        `receive.denyDeletes`.
        """
        path = self.path(name)
        if options not in EMPTY:
            words = ("init", "-q", "--bare", "--template=", "-b", "main", *options)
            self.git(None, *words, str(path))
            EMPTY[options] = {one.relative_to(path): _bytes(one) for one in path.rglob("*")}
        path.mkdir(parents=True, exist_ok=True)
        for one, data in EMPTY[options].items():
            if data is None:
                (path / one).mkdir(parents=True, exist_ok=True)
            else:
                (path / one).write_bytes(data)
        lines = []
        for key, value in (SETTINGS | {k.replace("_", "."): v for k, v in config.items()}).items():
            section, _, variable = key.rpartition(".")
            lines.append(f"[{section}]\n\t{variable} = {value}\n")
        with (path / "config").open("a", encoding="utf-8") as file:
            file.write("".join(lines))
        return path

    def seed(self, name: str, repo: str | Path, *options: str) -> Path:
        """Make a repository whose main is that of a new one with all its objects loose."""
        path, own = self.create(name, *options), Path(repo, ".git")
        shutil.copytree(own / "objects", path / "objects", dirs_exist_ok=True)
        shutil.copy(own / "refs" / "heads" / "main", path / "refs" / "heads" / "main")
        return path

    def clone(self, name: str, url: str, place: str | Path) -> str:
        """Make a clone that has this URL as its origin, without asking there; return `place`."""
        over = f"url.{self.path(name)}.insteadOf={url}"
        done = subprocess.run(
            ["git", "-c", over, "clone", "-q", "--no-local", url, str(place)], capture_output=True
        )
        assert done.returncode == 0, done.stderr.decode()
        return str(place)

    def git(self, name: str | None, *arguments: str) -> str:
        """Return what git printed in that repository, stripped; AssertionError when it fails."""
        place = [] if name is None else [f"--git-dir={self.path(name)}"]
        done = subprocess.run(
            ["git", *place, *arguments], capture_output=True, env=environment(str(self.root))
        )
        assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr.decode()}"
        return done.stdout.decode().strip()

    def refs(self, name: str) -> dict[str, str]:
        """Return all refs of the repository with the object that each names."""
        listed = self.git(name, "for-each-ref", "--format=%(refname) %(objectname)")
        return dict(line.split(" ") for line in listed.splitlines())

    def protect(
        self, name: str, *patterns: str, words: str = "protected branch hook declined"
    ) -> None:
        """Let the `update` hook refuse refs that match these shell patterns; none: all allowed."""
        hook = (
            self.path(
                name,
            )
            / "hooks"
            / "update"
        )
        if not patterns:
            hook.unlink(missing_ok=True)
            return
        hook.parent.mkdir(exist_ok=True)
        rules = "\n".join(f"{pattern}) echo '{words}' >&2; exit 1;;" for pattern in patterns)
        hook.write_text(HOOK.format(rules=rules), encoding="utf-8")
        hook.chmod(hook.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)

    def hide(self, name: str, prefix: str, *, of: str = "transfer") -> None:
        """Hide refs below `prefix`: for reading and pushing, or of "receive"/"uploadpack" alone."""
        self.git(name, "config", "--add", f"{of}.hideRefs", prefix)

    def no_atomic(self, name: str) -> None:
        """Stop offering `atomic`; git then ignores a client that asks for it all the same."""
        self.git(name, "config", "receive.advertiseAtomic", "false")

    def prune(self, name: str) -> None:
        """Drop every object that no ref reaches, however young."""
        self.git(name, "gc", "-q", "--prune=now")

    def backup(self, name: str) -> Path:
        """Return a copy of the repository as it is at this moment, for `restore`."""
        copies = self.root / ".backups"
        copies.mkdir(exist_ok=True)
        copy = copies / f"{len(list(copies.iterdir()))}"
        shutil.copytree(self.path(name), copy)
        return copy

    def restore(self, name: str, copy: Path) -> None:
        """Put the repository back to what it was at that backup."""
        shutil.rmtree(self.path(name))
        shutil.copytree(copy, self.path(name))
