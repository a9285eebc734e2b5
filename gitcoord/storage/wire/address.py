"""Where a host is: the name of a git remote, a URL, `user@host:path` or a path, taken apart.

Promises git's own reading of it, with `insteadOf` and `pushInsteadOf` applied by git, and
that nothing in it can be taken for an option by ssh or git. Asks no host whether it exists.
Forms: https://git-scm.com/docs/git-push#_git_urls
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Literal, NamedTuple, NoReturn

from gitcoord.errors import InvalidUrl

if TYPE_CHECKING:
    from gitcoord.storage.gitproc import Git

_SCHEMES: dict[str, Literal["http", "ssh", "path"]] = {
    "http": "http",
    "https": "http",
    "ssh": "ssh",
    "git+ssh": "ssh",
    "ssh+git": "ssh",
    "file": "path",
}
#: The remote under which git is asked what it makes of a URL; no user has one of this name.
_ASKED = "gitcoord-address"
_FORMS = "Name a git remote, an https:// or ssh:// URL, user@host:path, or a path."
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_HELPER = re.compile(r"([A-Za-z0-9]+)::")
_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\0-\x1f\x7f]")
#: What a shell would take apart, as ssh itself refuses it in names of users and hosts.
_SHELL = re.compile(r"[\s'\"`$\\;&<>|(){}]")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")


class Address(NamedTuple):
    """One repository at one host."""

    kind: Literal["http", "ssh", "path"]
    #: As git takes it; may hold a password, so it is never shown.
    url: str
    #: As messages may show it.
    shown: str
    #: "" for a path.
    host: str
    port: int | None
    #: With what stands before the host, the password included; "" for none.
    user: str
    #: What git is told at the host: for http the path of the URL, for a path an absolute one.
    path: str
    #: The git remote that it was read from; "" where a URL or a path was named.
    remote: str = ""


def resolve(remote: str, git: Git, start: str) -> Address:
    """Return the address to which git would push for `remote`.

    A path is taken relative to `start`, that of a named remote to the main worktree. Raises
    `InvalidUrl` saying what to do, `GitMissing`, `GitFailed`.
    """
    if not remote or remote.startswith("-") or _CONTROL.search(remote):
        _no(f"{without_secrets(remote)!r} names no git host")
    _, output = git.run("-c", f"remote.{_ASKED}.url={remote}", "remote", "-v")
    urls: dict[str, list[str]] = {}
    for line in output.decode("utf-8", "surrogateescape").splitlines():
        name, _, rest = line.partition("\t")
        if rest.endswith(" (push)"):
            urls.setdefault(name, []).append(rest.removesuffix(" (push)"))
    named = urls.get(remote, [])
    if len(named) > 1:
        places = ", ".join(without_secrets(url) for url in named)
        _no(
            f"the remote {remote} pushes to {len(named)} places: {places}",
            "A ledger has one place: name one of them by its URL.",
        )
    if named:
        relative = not _URL.match(named[0]) and not os.path.isabs(named[0])
        found = parsed(named[0], _main_worktree(git) if relative else start)
        return found._replace(remote=remote)
    url = urls[_ASKED][-1]
    if url == remote and re.fullmatch(r"[^/\\:]+", url) and not os.path.isdir(_below(start, url)):
        _no(f"there is no git remote {url!r}", "`git remote -v` lists those that there are.")
    return parsed(url, start)


def parsed(url: str, start: str) -> Address:
    """Return the address that git reads in `url`; paths are relative to `start`.

    Raises `InvalidUrl`.
    """
    shown = without_secrets(url)
    if _CONTROL.search(url):
        _no(f"{shown!r} has a line break or another control character in it")
    if found := _HELPER.match(url):
        _no(f"{found[1]}:: is a helper of git that gitcoord does not run", _FORMS)
    if found := _URL.match(url):
        kind = _SCHEMES.get(found[1].lower())
        if kind is None:
            _no(f"gitcoord does not speak {found[1]}://", _FORMS)
        if kind == "http":
            return _http(url, shown, found[2])
        # git decodes these as a whole, and only then takes them apart.
        rest = _decoded(found[2], shown)
        return _file(url, shown, rest) if kind == "path" else _ssh_url(url, shown, rest)
    colon = _first_colon(url)
    if colon < 0 or (os.name == "nt" and _DRIVE.match(url)):
        return _local(url, _below(start, url))
    return _scp(url, shown, url[:colon], url[colon + 1 :])


def _http(url: str, shown: str, rest: str) -> Address:
    place = re.split(r"[/?#]", rest, maxsplit=1)[0]
    user, host, port = _place(place, shown)
    path = re.split(r"[?#]", rest[len(place) :], maxsplit=1)[0]
    for part in (user, host, path):
        # git hands these to credential helpers line by line.
        if _CONTROL.search(_decoded(part, shown)):
            _no(f"{shown!r} has a line break or another control character in it")
    _check_name(host, "host", shown)
    return Address("http", url, shown, host, port, user, path or "/")


def _ssh_url(url: str, shown: str, rest: str) -> Address:
    place, slash, path = rest.partition("/")
    if path.startswith("~"):
        slash = ""
    user, host, port = _place(place, shown)
    return _ssh(url, shown, user, host, port, slash + path)


def _scp(url: str, shown: str, place: str, path: str) -> Address:
    user, _, host = place.rpartition("@")
    port = None
    if place.endswith("]"):
        before, _, host = place[:-1].partition("[")
        user = before.removesuffix("@")
        # git takes [user@host:port] too, and tells it from IPv6 by the one colon.
        if host.count(":") <= 1:
            inner, host, port = _place(host, shown)
            user = user or inner
    return _ssh(url, shown, user, host, port, path)


def _ssh(url: str, shown: str, user: str, host: str, port: int | None, path: str) -> Address:
    _check_name(host, "host", shown)
    if user:
        _check_name(user, "user", shown)
    if not path or path == "/":
        _no(f"{shown} names no repository at the host", _FORMS)
    if path.startswith("-"):
        _no(f"{shown}: a path that starts with '-' would be taken for an option")
    if _CONTROL.search(path):
        _no(f"{shown!r} has a line break or another control character in it")
    return Address("ssh", url, shown, host, port, user, path)


def _file(url: str, shown: str, rest: str) -> Address:
    path = rest if rest.startswith("/") else "//" + rest
    if os.name == "nt" and _DRIVE.match(rest.lstrip("/")):
        path = rest.lstrip("/")
    if not rest:
        _no(f"{shown} names no path", _FORMS)
    if _CONTROL.search(path):
        _no(f"{shown!r} has a line break or another control character in it")
    return Address("path", url, shown, "", None, "", path)


def _local(url: str, path: str) -> Address:
    if url.startswith("-"):
        _no(f"{url}: a path that starts with '-' would be taken for an option")
    return Address("path", path, path, "", None, "", path)


def _place(text: str, shown: str) -> tuple[str, str, int | None]:
    """Return (user, host without brackets, port) of the part of a URL before its path."""
    user, _, place = text.rpartition("@")
    found = re.fullmatch(r"(?:\[([^\[\]]*)\]|([^\[\]:]*))(?::(\d{0,5}))?", place)
    if not found or int(found[3] or 0) > 65535:
        if "@" in shown:
            # A slash in a password ends the place of the host too early: nothing before is shown.
            _no(
                f"…@{shown.rpartition('@')[2]} has no host with a port before its first slash",
                "In a name or a password write a slash as %2F.",
            )
        _no(f"{shown}: {place!r} is no host with a port", _FORMS)
    return user, found[1] or found[2] or "", int(found[3]) if found[3] else None


def _check_name(name: str, what: str, shown: str) -> None:
    # https://nvd.nist.gov/vuln/detail/CVE-2017-1000117: ssh would take it for an option.
    if not name or name.startswith("-") or _SHELL.search(name) or _CONTROL.search(name):
        _no(f"{shown}: {name.partition(':')[0]!r} is no name of a {what}", _FORMS)


def _first_colon(text: str) -> int:
    """Return where the colon of `host:path` is, below zero when it is a path."""
    if found := re.match(r"(?:[^/\[\]]*@)?\[[^/\]]*\]:", text):
        return found.end() - 1
    colon, slash = text.find(":"), text.find("/")
    return -1 if 0 <= slash < colon else colon


def _decoded(text: str, shown: str) -> str:
    raw = _PERCENT.sub(lambda found: bytes((int(found[1], 16),)), os.fsencode(text))
    if b"\0" in raw:
        _no(f"{shown!r} has a line break or another control character in it")
    return os.fsdecode(raw)


def without_secrets(url: str) -> str:
    """Return what may be shown of a URL: no password, query or fragment. Names stay as they are.

    Over http without the user too, since tokens are given in that place.
    """
    found = _URL.match(url)
    if not found:
        return url
    scheme, rest = found[1], found[2]
    if scheme.lower() not in ("http", "https"):
        place, slash, path = rest.partition("/")
        user, at, host = place.rpartition("@")
        return f"{scheme}://{user.partition(':')[0]}{at}{host}{slash}{path}"
    rest = re.split(r"[?#]", rest, maxsplit=1)[0]
    place, slash, path = rest.partition("/")
    return f"{scheme}://{place.rpartition('@')[2]}{slash}{path}"


def _below(start: str, path: str) -> str:
    return os.path.normpath(os.path.join(start, path))


def _main_worktree(git: Git) -> str:
    """Return from where git reads a relative path of a remote, wherever it was called."""
    _, output = git.run("rev-parse", "--absolute-git-dir")
    place = os.fsdecode(output.rstrip(b"\r\n"))
    return os.path.dirname(place) if os.path.basename(place) == ".git" else place


def _no(message: str, hint: str | None = None) -> NoReturn:
    raise InvalidUrl(message, hint=hint or _FORMS)
