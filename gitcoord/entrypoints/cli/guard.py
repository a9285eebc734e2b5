"""`gitcoord guard`: check what is about to happen, for hooks of git and for people.

A guard is a check, and can be gone round; only the swap of the ledger is a fence. Not
here: how the hooks come into a repository (`gitcoord setup git`).
"""

from __future__ import annotations

from importlib import import_module

import click

#: Command -> (module in this package, attribute, one line for the overview).
CHECKS: dict[str, tuple[str, str, str]] = {
    "check": ("guard_check", "check", "Judge a command, a text or paths by the guardrails."),
    "commit": ("guard_commit", "commit", "What the index would commit, against the locks."),
    "message": ("guard_message", "message", "Add the trailers of the acting session."),
    "push": ("guard_push", "push", "What a push would bring, against locks and tokens."),
    "committed": ("guard_committed", "committed", "Note what the last commit has changed."),
}


class Checks(click.Group):
    """The commands of the group, imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(CHECKS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name, imported."""
        if cmd_name not in CHECKS:
            return None
        module, attribute, _ = CHECKS[cmd_name]
        found = getattr(import_module(f"gitcoord.entrypoints.cli.{module}"), attribute)
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the overview without importing the commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in CHECKS.items()])


@click.group(cls=Checks)
def guard() -> None:
    """Check commits and pushes against the locks; the hooks of git call these.

    Exit code 3 refuses. GITCOORD_BYPASS='why' lets it pass and is recorded in the ledger.
    """
