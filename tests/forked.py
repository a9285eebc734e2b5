"""gitcoord's commands, each a process of its own, without the start of an interpreter for each.

They are forked from a server that has loaded the command line, which is their parent. For
tests that need what a command does and not its start: what a start loads, and how long it
takes, is tested with the real one (`test_start_up.py`).
"""

from __future__ import annotations

import io
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from multiprocessing.context import ForkServerContext
from pathlib import Path

COMMAND = (sys.executable, "-m", "gitcoord")
FORKS = "forkserver" in multiprocessing.get_all_start_methods()
#: What the server loads before it forks: a process of tests has one server, whoever asks first.
#: No engine is among it, as a command loads none before it has one to open.
LOADED = (
    "tests.loaded",
    "tests.races.beginning",
    "tests.races.field",
    "tests.races.swapping",
    "gitcoord.storage.wire.http",
)


def server() -> ForkServerContext:
    """Return how processes are forked, where `FORKS`."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(list(LOADED))
    return found


def run(
    *words: str, cwd: str | Path, env: Mapping[str, str], stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Run `gitcoord WORDS` to its end, as `subprocess.run` would with its output captured."""
    if not FORKS:
        return subprocess.run(
            [*COMMAND, *words], cwd=cwd, env=env, input=stdin, capture_output=True
        )
    context = server()
    with tempfile.TemporaryDirectory() as folder:
        files = [str(Path(folder, str(number))) for number in range(3)]
        Path(files[0]).write_bytes(stdin)
        process = context.Process(target=_command, args=(words, str(cwd), dict(env), files))
        process.start()
        process.join()
        code = process.exitcode
        process.close()
        assert code is not None
        out, err = (Path(file).read_bytes() for file in files[1:])
    return subprocess.CompletedProcess([*COMMAND, *words], code, out, err)


def _command(words: tuple[str, ...], cwd: str, env: dict[str, str], files: list[str]) -> None:
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    for number, flags in enumerate(
        (os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT)
    ):
        handle = os.open(files[number], flags, 0o600)
        os.dup2(handle, number)
        os.close(handle)
    sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False))
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w", closefd=False)), "utf-8")
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(io.FileIO(2, "w", closefd=False)), "utf-8", write_through=True
    )
    sys.argv = ["gitcoord", *words]
    from gitcoord.entrypoints.main import main

    main(words)
