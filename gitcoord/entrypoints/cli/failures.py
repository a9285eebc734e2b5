"""How the command line says no: one exit code per family of errors, and the words."""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from gitcoord.errors import (
    Contended,
    Damaged,
    GitcoordError,
    Refused,
    Unavailable,
    UsageError,
)

BUG = 1
INTERRUPTED = 130

#: Looked up along the class's ancestors.
EXIT_CODES: dict[type[GitcoordError], int] = {
    GitcoordError: BUG,
    UsageError: 2,
    Refused: 3,
    Contended: 4,
    Unavailable: 5,
    Damaged: 6,
}


def exit_code(error: GitcoordError) -> int:
    """Return the exit code of an error."""
    return next(EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES)


def report(error: GitcoordError, *, as_json: bool) -> None:
    """Print the error: as a document on stdout, or as a few lines on stderr."""
    import click  # not for hooks, which have a way of their own to say no

    if as_json:
        click.echo(encoded({"ok": False, "error": error.as_dict()}))
        return
    lines = [f"{error.code}: {error.message}", *_details(error.details)]
    if error.hint:
        lines.append(f"next: {error.hint}")
    sys.stdout.flush()
    click.echo("\n".join(lines), err=True)


def encoded(body: dict[str, Any]) -> str:
    """Return one JSON document. Bytes of words and paths that are no UTF-8 are made visible."""
    try:
        return msgspec.json.encode(body).decode()
    except UnicodeEncodeError:
        return msgspec.json.encode(_visible(msgspec.to_builtins(body))).decode()


def _visible(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {key: _visible(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_visible(item) for item in value]
    return value


def _details(details: dict[str, Any]) -> list[str]:
    """Return a line for each conflict that the error names, and nothing for the rest."""
    lines = []
    for conflict in details.get("conflicts", ()):
        if not isinstance(conflict, dict):
            continue
        who = conflict.get("agent", "somebody")
        what = conflict.get("key") or ", ".join(conflict.get("overlapping_files", ()))
        if conflict.get("paths") not in (None, [], [what]):
            what = f"{_several(conflict['paths'])} ({what})"
        line = f"  {what or conflict.get('overlapping_areas', '')} is held by {who}"
        if conflict.get("session"):
            line += f" (session {conflict['session']})"
        if conflict.get("expires_at"):
            line += f" until {conflict['expires_at']}"
        if conflict.get("reason"):
            line += f": {conflict['reason']}"
        lines.append(line)
    lines += [_stale(one) for one in details.get("stale", ()) if isinstance(one, dict)]
    for lost in details.get("lost", ()):
        if isinstance(lost, dict) and lost.get("key"):
            now = f", now held by {lost['held_by']}" if lost.get("held_by") else ""
            lines.append(f"  lost {lost['key']}{now}")
    return lines


def _stale(one: dict[str, Any]) -> str:
    new = one["granted"]
    where = f" (commit {one['commit'][:12]})" if one.get("commit") else ""
    return (
        f"  {_several(one['paths'])}{where}: written under token {one['epoch']}/{one['token']};"
        f" {new['key']} went to {new['agent']} (session {new['session']}) at"
        f" {new['acquired_at']} under token {new['epoch']}/{new['token']}"
    )


def _several(paths: list[str]) -> str:
    from gitcoord.domain.locks import several

    return several(paths)
