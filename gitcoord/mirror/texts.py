"""What is said at GitHub: why a request was refused, what a command did.

Each text comes with a mark that tells it from all others on its thread, so that the same thing
is said once. The mark is an HTML comment; agents that see none of those miss nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from gitcoord.domain.keys import DEFAULT_PREFIXES
from gitcoord.errors import GitcoordError
from gitcoord.mirror.commands import VERBS, WORD, Command
from gitcoord.mirror.markdown import clock, code, codes, table

if TYPE_CHECKING:
    from gitcoord.mirror.facts import Person

#: With what a comment of ours ends, where a program looks for it.
MARK = "<!-- gitcoord:{} -->"
_MARK = re.compile(r"<!-- gitcoord:([^>]*) -->\s*\Z")


class Words(NamedTuple):
    """A text and its mark."""

    mark: str
    body: str


def marked(body: str, mark: str) -> str:
    """Return the body of a comment with its mark."""
    return f"{body.rstrip()}\n\n{MARK.format(mark)}"


def mark_of(body: str) -> str:
    """Return the mark at the end of a comment, or ""."""
    match = _MARK.search(body)
    return match[1] if match else ""


def ours(author: Person, body: str, me: str) -> str:
    """Return the mark of what we have written, "" for what others write.

    A service and the workflows of one repository are different accounts and the same writer, so
    that what an app has marked counts as well; people can write such marks, too.
    """
    return mark_of(body) if author.bot or author.login == me else ""


def refused(key: str, error: GitcoordError, asked_at: str) -> Words:
    """Return why a key was not given that was asked for then: who holds it, and until when."""
    conflicts = error.details.get("conflicts", [])
    about = [_identity(each) for each in conflicts] or [error.code]
    said = f"{code(key)} is not yours: {_because(error, conflicts)}"
    return Words(_digest("refused", key, asked_at, *about), said)


def invalid(label: str, error: GitcoordError) -> Words:
    """Return why a label asks for nothing."""
    spaces = ", ".join(code(f"{name}:") for name in DEFAULT_PREFIXES)
    hint = f"A key is a path, a glob, or a name after one of {spaces}."
    return Words(_digest("invalid", label), f"{code(label)} asks for nothing. {hint}")


def unknown_short(label: str) -> Words:
    """Return that a short form stands for nothing that is known."""
    said = (
        f"{code(label)} is the short form of a key that is not known any more. "
        f"Ask again in a comment: {code(f'{WORD} lock KEY')}."
    )
    return Words(_digest("short", label), said)


def ended(key: str, at: str) -> Words:
    """Return that somebody has taken a key away by ending the session at that time."""
    said = (
        f"Somebody has ended what held {code(key)} for this thread. "
        "Put the label on anew to ask again."
    )
    return Words(_digest("ended", key, at), said)


def not_allowed(login: str, at: str) -> Words:
    """Return that an account which asked then may not ask."""
    said = f"{code(login)} may not ask for locks here: that takes triage permission."
    return Words(_digest("barred", login, at), said)


def no_permission(login: str, comment: int) -> Words:
    """Return that an account may not give commands."""
    said = f"{code(login)} may not give commands here: that takes write permission."
    return Words(answer_mark(comment), said)


def edited(comment: int) -> Words:
    """Return that a comment was changed before it was heard."""
    said = (
        "This comment was changed after it was written, maybe by somebody else, "
        "so that nothing in it is done. Write the command in a new comment."
    )
    return Words(answer_mark(comment), said)


def task_refused(number: int, error: GitcoordError) -> Words:
    """Return why an issue became no task."""
    return Words(
        _digest("task", str(number), error.code, error.message),
        f"This issue is no task: {_plain(error)}",
    )


def answer(comment: int, lines: Iterable[str]) -> Words:
    """Return the answer to the commands of a comment."""
    return Words(answer_mark(comment), "\n\n".join(lines))


def answer_mark(comment: int) -> str:
    """Return the mark of the answer to a comment."""
    return f"answer:{comment}"


def wrong_command(command: Command) -> str:
    """Return what to write instead of a command that there is not."""
    return f"There is no command {code(f'{WORD} {command.verb}')}.\n\n{usage()}"


def usage() -> str:
    """Return all commands."""
    rows = [[code(f"{WORD} {form}"), does] for form, does in VERBS.values()]
    return table(["Command", "What it does"], rows)


def failed(command: Command, error: GitcoordError) -> str:
    """Return why a command was refused."""
    conflicts = error.details.get("conflicts", [])
    return f"{code(f'{WORD} {command.verb}')}: {_because(error, conflicts)}"


def _because(error: GitcoordError, conflicts: list[Mapping[str, Any]]) -> str:
    if not conflicts:
        return _plain(error)
    rows = [
        [
            code(str(each.get("key") or ", ".join(each.get("keys", ())))),
            f"{code(str(each['agent']))} ({code(str(each['session']))})",
            clock(str(each.get("expires_at") or each.get("lease_until") or "")),
            code(str(each["reason"])) if each.get("reason") else "",
        ]
        for each in conflicts
    ]
    queued = error.code == "queued_behind"
    head = ["Key", "Waited for by" if queued else "Held by", "Until", "Reason"]
    word = "others wait for it" if queued else "others hold it"
    return f"{word}.\n\n{table(head, rows)}"


def _plain(error: GitcoordError) -> str:
    keys = error.details.get("keys")
    named = f" ({codes([str(key) for key in keys])})" if isinstance(keys, (list, tuple)) else ""
    return f"{code(error.message, 300)}{named} ({code(error.code)})"


def _identity(conflict: Mapping[str, Any]) -> str:
    return ":".join(str(conflict.get(name)) for name in ("session", "epoch", "token", "ticket"))


def _digest(*parts: str) -> str:
    return parts[0] + ":" + sha256("\n".join(parts).encode()).hexdigest()[:16]
