"""What `git http-backend` replies to one request: a request in, its reply out, as with CGI.

See https://git-scm.com/docs/git-http-backend. The whole body is there before git starts,
and the whole reply before it is sent: hosts of tests serve small requests. Pushes, fetches
and lists of refs, which are thousands, go straight to the service that it would start.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
from collections.abc import Mapping
from typing import NamedTuple

#: Exit codes are not looked at: what went wrong is in the reply, or there is none.
NOTHING = b"Status: 500 Internal Server Error\r\n\r\n"
#: What it starts a service for, when the repository allows it.
SERVICE = re.compile(r"(/[^/]+(?:/[^/]+)*\.git)/git-(upload-pack|receive-pack)")
NO_CACHE = (
    ("Expires", "Fri, 01 Jan 1980 00:00:00 GMT"),
    ("Pragma", "no-cache"),
    ("Cache-Control", "no-cache, max-age=0, must-revalidate"),
)


class Reply(NamedTuple):
    """What the host says: status, header lines, body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@functools.cache
def program(name: str) -> str:
    """Return the path of a program of git, started without the detour through `git`."""
    done = subprocess.run(["git", "--exec-path"], capture_output=True, check=True)
    return os.path.join(os.fsdecode(done.stdout).strip(), name)


def run(environ: Mapping[str, str], body: bytes, log: int) -> Reply:
    """Return the reply; complaints of git go to the file descriptor `log`."""
    return _served(environ, body, log) or by_cgi(environ, body, log)


def by_cgi(environ: Mapping[str, str], body: bytes, log: int) -> Reply:
    """Return the reply of `git http-backend` itself."""
    output = subprocess.run(
        [program("git-http-backend")], input=body, stdout=subprocess.PIPE, stderr=log, env=environ
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


def _served(environ: Mapping[str, str], body: bytes, log: int) -> Reply | None:
    """Return the reply of the service, None for whatever is not the plain case."""
    found = SERVICE.fullmatch(environ["PATH_INFO"])
    if (
        not found
        or "/." in found[1]
        or environ["REQUEST_METHOD"] != "POST"
        or "HTTP_CONTENT_ENCODING" in environ
    ):
        return None
    path, service = environ["GIT_PROJECT_ROOT"] + found[1], found[2]
    kind = f"application/x-git-{service}"
    if environ["CONTENT_TYPE"] != f"{kind}-request" or not _allowed(path, service):
        return None
    committer = {
        "GIT_COMMITTER_NAME": environ["REMOTE_USER"],
        "GIT_COMMITTER_EMAIL": f"{environ['REMOTE_USER']}@http.{environ['REMOTE_ADDR']}",
    }
    output = subprocess.run(
        [program("git"), service, "--stateless-rpc", "."],
        input=body,
        stdout=subprocess.PIPE,
        stderr=log,
        env={"GIT_DIR": ".", **committer, **environ},
        cwd=path,
    ).stdout
    return Reply(200, (*NO_CACHE, ("Content-Type", f"{kind}-result")), output)


def _allowed(path: str, service: str) -> bool:
    """Say whether this is surely a repository that serves this."""
    try:
        with open(os.path.join(path, "config"), encoding="utf-8") as file:
            settings = "".join(file.read().lower().split())
    except OSError:
        return False
    if "include" in settings or "uploadpack=" in settings:
        return False
    if service == "receive-pack":
        return "receivepack=true" in settings and settings.count("receivepack=") == 1
    return True
