"""Running real git in tests: the word and the answer, nothing kept."""

from __future__ import annotations

import subprocess


def git(path: str, *args: str, stdin: bytes | None = None) -> str:
    """Return what git printed in `path`, stripped; a failing git fails the test with its words."""
    done = subprocess.run(["git", "-C", path, *args], input=stdin, capture_output=True)
    assert done.returncode == 0, f"git {' '.join(args)}: {done.stderr.decode()}"
    return done.stdout.decode().strip()
