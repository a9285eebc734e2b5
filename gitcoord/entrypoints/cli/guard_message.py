"""`gitcoord guard message`: say in a commit by which session and under which token it is made.

Adds `Coord-Session:` and, where a lock of the session covers what is committed, its
`Coord-Token:`. There is one of each however often a message is used again; a message that
has no text of its own stays as it is, so that git still gives an empty commit up. Never
stops a commit.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from typing import TYPE_CHECKING

import click

from gitcoord.domain.sessions import root
from gitcoord.domain.trailers import Made, lines, made
from gitcoord.entrypoints.cli.checkpoint import Checkpoint, lenient
from gitcoord.entrypoints.cli.desk import Desk, acting, command
from gitcoord.errors import UsageError

if TYPE_CHECKING:
    from gitcoord.domain.state import State

_OURS = re.compile(rb"^Coord-(Session|Token):[ \t]*(.*?)[ \t\r]*$", re.MULTILINE)
#: What git itself does not take for text, and what is ours.
_NO_TEXT = re.compile(rb"^(Signed-off-by|Coord-(Session|Token)):")
#: Below this line is the diff that `git commit --verbose` shows.
_SCISSORS = re.compile(rb"^[^\n]+ -{24} >8 -{24}$", re.MULTILINE)


@click.command(epilog="Example: gitcoord guard message .git/COMMIT_EDITMSG")
@click.argument("file", type=click.Path(), metavar="FILE")
@click.argument("source", default="")
@click.argument("commit", default="")
@acting
@command
def message(desk: Desk, file: str, source: str, commit: str) -> None:
    """Add trailers to the commit message in FILE; the hook `prepare-commit-msg` calls this.

    SOURCE and COMMIT are what git says about where the message comes from; `edited` is a
    message after its editor.
    """
    said = None
    file = os.path.join(desk.directory, file)
    with lenient(desk) as here:
        if here.present(ask=False) and here.acting[0] is not None and desk.settings.trailers:
            said = _trailers(desk, here, file, source, commit)
    desk.show({"trailers": lines(said) if said else []}, "")


def _trailers(desk: Desk, here: Checkpoint, file: str, source: str, commit: str) -> Made | None:
    """Write the trailers and return what they say; None where the message is left as it is."""
    text, rest = _read(file)
    if not _has_text(desk, text, source):
        return None
    holder, sessions = here.acting
    assert holder is not None
    with desk.state() as state:
        token = _token(desk, state, sessions, source, commit)
    known = _known(text)
    if known is not None and root(known.session) not in sessions and token is None:
        # Somebody else's work that is carried on: what it says stays true.
        return None
    if known is not None and root(known.session) in sessions and known.token is not None:
        token = max(known.token, token or known.token)
    said = Made(holder, token)
    if known != said or len(_OURS.findall(text)) > len(lines(said)):
        trailers = [word for line in lines(said) for word in ("--trailer", line)]
        # On stdin, so that nothing of the user's is changed before all is well.
        text = desk.checkout.run(
            "-c", "trailer.separators=:", "interpret-trailers", "--no-divider",
            "--if-exists", "replace", "--if-missing", "add", "--where", "end", *trailers,
            send=_without(text),
        )[1]  # fmt: skip
        _write(file, text + rest)
    return said


def _token(
    desk: Desk, state: State, sessions: Collection[str], source: str, commit: str
) -> tuple[int, int] | None:
    """Return the highest token under which the sessions hold anything that is committed."""
    if not any(state.has("locks", f"by:{session}") for session in sessions):
        return None
    from gitcoord.domain.guarding import tokens
    from gitcoord.storage.introduced import names, staged

    changes = staged(desk.checkout, amended=(source, commit) == ("commit", "HEAD"))
    if not changes and source == "message":
        # With a new message git does not say that it amends; then there is nothing but HEAD.
        changes = staged(desk.checkout, amended=True)
    return max(tokens(state, names(changes), sessions).values(), default=None)


def _has_text(desk: Desk, text: bytes, source: str) -> bool:
    """Say whether the message has anything that git would not throw away.

    What an editor still has to make of a template is looked at when it is `edited`.
    """
    plain = _plain(desk, text)
    if all(_NO_TEXT.match(line) for line in plain.splitlines() if line):
        return False
    if source == "template":
        return desk.environ.get("GIT_EDITOR") == ":"
    return source != "edited" or plain != _plain(desk, _template(desk))


def _plain(desk: Desk, text: bytes) -> bytes:
    return desk.checkout.run("stripspace", "--strip-comments", send=text)[1]


def _template(desk: Desk) -> bytes:
    """Return the template that the configuration names for messages."""
    command = ("config", "--type=path", "--get", "commit.template")
    named = desk.checkout.run(*command, accept=(0, 1))[1].rstrip(b"\n")
    if not named:
        return b""
    try:
        with open(os.path.join(desk.checkout.place, os.fsdecode(named)), "rb") as file:
            return file.read()
    except OSError:
        # git has refused the commit by then, or the file is gone since.
        return b""


def _known(text: bytes) -> Made | None:
    """Return what the last of our trailers say; None where there is no session."""
    found = {name: value.decode("utf-8", "replace") for name, value in _OURS.findall(text)}
    return made(found.get(b"Session", ""), found.get(b"Token", ""))


def _without(text: bytes) -> bytes:
    """Return the message without our trailers, which a squash has in several places.

    It ends with a line feed: without one git writes trailers right below the last line.
    """
    left = re.sub(_OURS.pattern + rb"\n?", b"", text, flags=re.MULTILINE)
    return re.sub(rb"\n{3,}", b"\n\n", left).rstrip(b"\n") + b"\n"


def _read(file: str) -> tuple[bytes, bytes]:
    """Return the message, and what git adds below for the reader in an editor."""
    try:
        with open(file, "rb") as found:
            text = found.read()
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error
    cut = _SCISSORS.search(text)
    return (text, b"") if cut is None else (text[: cut.start()], text[cut.start() :])


def _write(file: str, text: bytes) -> None:
    try:
        with open(file, "wb") as found:
            found.write(text)
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}") from error
