"""How an agent client starts `gitcoord`, and how what it starts is recognised again.

Promises a command that was found on this machine, or the plain name where files go to
others; never a guess. The environment is the caller's. Not here: which files name it.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from typing import Any

from gitcoord.errors import ProgramMissing

NAME = "gitcoord"

#: Words that every shell takes as they are.
_PLAIN = re.compile(r"[\w./:+@%-]+", re.ASCII)


def program(environ: Mapping[str, str], *, shared: bool) -> str:
    """Return what a client is told to start.

    The plain name where it is on PATH outside of a virtual environment, and always in files
    that are shared with other machines; else the absolute path of the installed program.
    Raises `ProgramMissing`.
    """
    return NAME if shared or on_path(environ) is not None else installed()


def on_path(environ: Mapping[str, str]) -> str | None:
    """Return the program that a shell finds when no virtual environment is active."""
    for folder in environ.get("PATH", "").split(os.pathsep):
        within = os.path.exists(os.path.join(os.path.dirname(folder), "pyvenv.cfg"))
        if folder and not within and (found := _in(folder)) is not None:
            return found
    return None


def installed() -> str:
    """Return the absolute path of the program that belongs to this Python.

    Raises `ProgramMissing` where there is none, as when gitcoord runs from a checkout.
    """
    for folder in _folders():
        if (found := _in(folder)) is not None:
            return found
    raise ProgramMissing(
        f"there is no {NAME} program beside {sys.executable}",
        hint="Install gitcoord with pip, pipx or uv, and run the command of that installation.",
    )


def exists(command: str, environ: Mapping[str, str]) -> bool:
    """Say whether a client that starts `command` would find it."""
    if os.path.isabs(command):
        return os.access(command, os.X_OK)
    return on_path(environ) is not None


def hook_line(command: str, client: str, event: str) -> str:
    """Return the command line of a hook, for whatever shell the client starts.

    One text and not a list of words: an older client that does not know such a list would
    start the program bare, whose exit code 2 blocks every tool.
    """
    return f"{quoted(command)} hook {client} {event}"


def quoted(command: str) -> str:
    """Return a program as one word for sh, and on Windows for bash, cmd and PowerShell alike."""
    if sys.platform == "win32":
        command = command.replace("\\", "/")
        return command if _PLAIN.fullmatch(command) else f'"{command}"'
    return command if _PLAIN.fullmatch(command) else shlex.quote(command)


def of_hook(handler: Any, client: str) -> str | None:
    """Return the program that a client's hook starts, if it is a hook of ours for `client`."""
    if not isinstance(handler, dict) or not isinstance(handler.get("command"), str):
        return None
    words = handler.get("args")
    if isinstance(words, list):
        return _ours(handler["command"], " ".join(map(str, words)), f"hook {client} ")
    return of_line(handler["command"], f"hook {client} ")


def of_server(entry: Any) -> str | None:
    """Return the program of an MCP server's entry, if it is the one that we would write."""
    if not isinstance(entry, dict) or not isinstance(entry.get("command"), str):
        return None
    words = entry.get("args")
    return _ours(
        entry["command"], f"{words[0]} " if isinstance(words, list) and words else "", "mcp "
    )


def of_line(line: Any, rest: str) -> str | None:
    """Return the program of a command line, if it is `gitcoord` and goes on with `rest`."""
    if not isinstance(line, str) or NAME not in line:
        return None
    try:
        # Only names are compared, so that it does not matter which slash a path has.
        words = shlex.split(line.replace("\\", "/"))
    except ValueError:
        return None
    return _ours(words[0], " ".join(words[1:]), rest) if words else None


def _ours(command: str, rest: str, wanted: str) -> str | None:
    name = re.split(r"[/\\]", command)[-1]
    return command if name in {NAME, f"{NAME}.exe"} and f"{rest} ".startswith(wanted) else None


def _in(folder: str) -> str | None:
    path = os.path.join(folder, f"{NAME}.exe" if sys.platform == "win32" else NAME)
    return path if os.path.isfile(path) and os.access(path, os.X_OK) else None


def _folders() -> Iterator[str]:
    """Yield where an installer puts programs, the nearest first."""
    yield os.path.dirname(sys.executable)
    yield sysconfig.get_path("scripts")
    yield sysconfig.get_path("scripts", f"{os.name}_user")
