"""One run of `git http-backend`: a request in, its reply out, the way CGI has it.

See https://git-scm.com/docs/git-http-backend. The whole body is there before git starts,
and the whole reply before it is sent: hosts of tests serve small requests.
"""

from __future__ import annotations

import functools
import os
import subprocess
from collections.abc import Mapping
from typing import NamedTuple

#: Exit codes are not looked at: what went wrong is in the reply, or there is none.
NOTHING = b"Status: 500 Internal Server Error\r\n\r\n"


class Reply(NamedTuple):
    """What the host says: status, header lines, body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@functools.cache
def program() -> str:
    """Return the path of git's CGI program, started without the detour through `git`."""
    done = subprocess.run(["git", "--exec-path"], capture_output=True, check=True)
    return os.path.join(os.fsdecode(done.stdout).strip(), "git-http-backend")


def run(environ: Mapping[str, str], body: bytes, log: int) -> Reply:
    """Return the reply of git; its complaints go to the file descriptor `log`."""
    output = subprocess.run(
        [program()], input=body, stdout=subprocess.PIPE, stderr=log, env=environ
    ).stdout
    head, _, content = (output or NOTHING).partition(b"\r\n\r\n")
    status = 200
    headers = []
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(": ")
        if name == "Status":
            status = int(value.split(" ")[0])
        else:
            headers.append((name, value))
    return Reply(status, tuple(headers), content)
