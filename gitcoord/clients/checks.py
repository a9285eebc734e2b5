"""What `gitcoord doctor` sees of the clients that are set up here.

One look at their files: whether all of it is there and as this version writes it, whether the
program that they start is found, and what keeps a client from starting it. Changes nothing,
and a client that was never set up is not mentioned. Not here: the ledger.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from itertools import groupby

from gitcoord.clients.adapters import CLIENTS
from gitcoord.clients.plan import Facts
from gitcoord.clients.present import everywhere, make
from gitcoord.clients.program import NAME, exists, installed, on_path
from gitcoord.clients.setup import SetUp, lacks, programs
from gitcoord.errors import GitcoordError
from gitcoord.ledger.finding import Finding


def findings(facts: Facts) -> list[Finding]:
    """Return what was found about each set-up, in the order of the clients, git last."""
    found = [finding for setup in everywhere(facts) for finding in _about(facts, setup)]
    return [*found, *_git(facts)]


def _git(facts: Facts) -> Iterator[Finding]:
    """Yield what is missing of git's hooks, where any of them is ours."""
    from gitcoord.clients.git import setup as git

    try:
        there = git.removal(facts).changes()
        missing = git.missing(facts._replace(program=installed())) if there else []
    except GitcoordError as trouble:
        yield Finding("client_unreadable", "warning", trouble.message, trouble.hint or "")
        return
    if missing:
        hint = "Run `gitcoord setup git`."
        yield Finding("client_setup", "warning", f"hooks of git: {'; '.join(missing)}", hint)
    elif there:
        yield Finding("client_setup", "ok", "the hooks of git are set up, and all are current")


def _about(facts: Facts, setup: SetUp) -> Iterator[Finding]:
    trust = import_module(f"gitcoord.clients.{setup.client}.trust")
    try:
        yield _complete(facts, setup)
        yield from _found(facts, setup)
        yield from trust.findings(facts, setup)
    except GitcoordError as trouble:
        yield Finding("client_unreadable", "warning", trouble.message, trouble.hint or "")


def _complete(facts: Facts, setup: SetUp) -> Finding:
    """Compare with what would be written now, for the program that is named there."""
    named = sorted(programs(setup))
    as_there = make(setup.client, facts._replace(program=named[0]), setup.scope)
    missing = lacks(as_there)
    who = f"{CLIENTS[setup.client]} ({setup.scope})"
    if not missing:
        return Finding("client_setup", "ok", f"{who} is set up, and all of it is current")
    parts = [
        f"{', '.join(lack.what for lack in found)} in {path}"
        for path, found in groupby(missing, key=lambda lack: lack.path)
    ]
    return Finding(
        "client_setup",
        "warning",
        f"{who} is set up, but these are missing or old: {'; '.join(parts)}",
        f"Run `gitcoord setup {setup.client} --scope {setup.scope}`.",
    )


def _found(facts: Facts, setup: SetUp) -> Iterator[Finding]:
    for command in sorted(programs(setup)):
        if exists(command, facts.environ):
            continue
        again = f"`gitcoord setup {setup.client} --scope {setup.scope}`"
        who = f"{CLIENTS[setup.client]} ({setup.scope})"
        if command == NAME and on_path(facts.environ) is None:
            yield Finding(
                "client_program",
                "warning",
                f"{who} starts plain `{NAME}`, which is on PATH in a virtual environment at best",
                f"Put {NAME} on PATH (pipx install {NAME}), or set up this clone alone, which "
                f"names it with its folder: `gitcoord setup {setup.client} --scope local`.",
            )
        else:
            message = f"{who} starts {command}, which is not there"
            yield Finding("client_program", "warning", message, f"Run {again}.")
