"""Running real git in tests: the word and the answer, nothing kept."""

from __future__ import annotations

import os
import subprocess


def git(path: str, *args: str, stdin: bytes | None = None) -> str:
    """Return what git printed in `path`, stripped; a failing git fails the test with its words."""
    done = subprocess.run(["git", "-C", path, *args], input=stdin, capture_output=True)
    assert done.returncode == 0, f"git {' '.join(args)}: {done.stderr.decode()}"
    return done.stdout.decode().strip()


def branch(place: str, name: str, path: str, text: str = "new\n", base: str = "main") -> str:
    """Commit a file to a new branch from `base`, go back to where one was, return the commit."""
    at = git(place, "rev-parse", "--abbrev-ref", "HEAD")
    git(place, "switch", "-q", "-c", name, base)
    full = os.path.join(place, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "w", encoding="utf-8") as file:
        file.write(text)
    git(place, "add", "-A")
    git(place, "commit", "-q", "-m", f"{name}: {path}")
    git(place, "switch", "-q", at)
    return git(place, "rev-parse", name)
